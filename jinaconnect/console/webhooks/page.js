// Webhooks: where events are posted to, how far each address has got, and what was posted.
import { Element, html } from "../element.js";
import { count } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { doing, post, refusal, secret } from "../parts/form.js";
import { Listing } from "../parts/listing.js";
import { session } from "../session.js";
import { sheet } from "../sheet.js";
import { plain } from "../text.js";
import "./endpoint.js";
import { badge, fields, given } from "./shown.js";

await sheet(new URL("../pages.css", import.meta.url));

export default class WebhooksPage extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, open: { state: true }, made: { state: true } };

  constructor() {
    super();
    this.list = new Listing(this, "/webhooks/endpoints/");
  }

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => {
      for (const { type, data, seq } of events) {
        if (type === "endpoint.deleted") this.list.drop(data.id);
        else if (type.startsWith("endpoint.") && data.url) this.list.put(data, seq);
      }
    }, () => this.list.begin());
    this.app.keys.bind("Webhooks", [
      { id: "webhook.new", name: "New webhook", keys: "c", may: () => session.may("webhook.manage"), run: () => this.#begin() },
    ]);
    this.list.begin();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
    this.app.keys.unbind("Webhooks");
  }

  #begin() {
    this.made = null;
    this.fault = null;
    this.open = "new";
  }

  async #add(event) {
    event.preventDefault();
    const done = await doing(this, () => post("/webhooks/endpoints/", given(event.target)));
    if (!done) return;
    this.made = done;
    const { secret: kept, ...row } = done;
    this.list.put(row);
  }

  render() {
    const [id] = this.path;
    if (id) return html`<jc-endpoint .app=${this.app} .list=${this.list} .endpoint=${id} .row=${this.list.get(id)}></jc-endpoint>`;
    const instead = this.list.instead(html`<p>Nothing is posted anywhere yet.</p><p class="soft">Every event of the feed can be posted to an address of yours.</p>`);
    return html`
      <section class="page">
        <header class="page-head"><h1>Webhooks</h1>
          ${session.may("webhook.manage") ? html`<button class="primary" @click=${() => this.#begin()}>${icons.add} New webhook</button>` : ""}</header>
        ${instead ?? html`<ul class="rows">${this.list.rows.map((row) => html`<li>
          <a class="entry" href="#/webhooks/${row.id}">
            <span class="entry-name"><b><bdi>${plain(row.url, 120)}</bdi></b> ${badge(row)}</span>
            <span class="soft small">${plain(row.events.join(", "), 80)}</span>
            <span class="soft small">${row.waiting?.events ? `${count(row.waiting.events)} events wait` : plain(row.description ?? "", 80)}</span></a></li>`)}</ul>`}
        ${this.list.foot()}
        ${dialog(this, "open", this.made ? "The webhook is added" : "A new webhook", () => this.#dialog())}
      </section>`;
  }

  #dialog() {
    if (this.made) {
      return html`${secret(this.app, "Secret", this.made.secret)}
        <p class="soft small">What is posted is signed with it, as Standard Webhooks.</p>
        <footer><button class="primary" @click=${() => (this.open = null)}>Done</button></footer>`;
    }
    return html`<form @submit=${(event) => this.#add(event)}>${fields()}${refusal(this)}
      <footer><button type="button" @click=${() => (this.open = null)}>Leave it</button><button class="primary" ?disabled=${this.busy}>Add</button></footer></form>`;
  }
}

customElements.define("jc-webhooks", WebhooksPage);
