// Broadcasts: the list with what each has reached so far, one of them, or the form that makes one.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { count } from "../format.js";
import { icons } from "../icons.js";
import { Listing } from "../parts/listing.js";
import { session } from "../session.js";
import { sheet } from "../sheet.js";
import "./form.js";
import "./report.js";
import { PLATFORMS, STATES, entry, percent } from "./shown.js";

await sheet(new URL("../pages.css", import.meta.url));

export default class BroadcastsPage extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, figures: { state: true } };

  constructor() {
    super();
    this.list = new Listing(this, "/broadcast/");
  }

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => {
      for (const event of events) if (event.type.startsWith("broadcast.")) this.list.put(event.data, event.seq);
    }, () => this.list.begin());
    this.app.keys.bind("Broadcasts", [
      { id: "broadcast.new", name: "New broadcast", keys: "c", may: () => session.may("broadcast.create"), run: () => this.app.go("broadcasts/new") },
      { id: "broadcast.pause", name: "Pause the broadcast, or go on with it", keys: "p", when: () => Boolean(this.#report?.halting), run: () => this.#report.halt() },
    ]);
    this.list.begin();
    this.#figures();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
    this.app.keys.unbind("Broadcasts");
  }

  get #report() {
    return this.querySelector("jc-broadcast-report");
  }

  async #figures() {
    this.figures = await api.get("/broadcast/dashboard/", { period: "30d" }).catch(() => null);
  }

  render() {
    const [id, part] = this.path;
    if (id === "new") return html`<jc-broadcast-form .app=${this.app} .list=${this.list}></jc-broadcast-form>`;
    if (id && part === "edit") return html`<jc-broadcast-form .app=${this.app} .list=${this.list} .broadcast=${id}></jc-broadcast-form>`;
    if (id) return html`<jc-broadcast-report .app=${this.app} .list=${this.list} .broadcast=${id} .row=${this.list.get(id)}></jc-broadcast-report>`;
    return this.#list();
  }

  #list() {
    const instead = this.list.instead(html`<p>No broadcasts yet.</p>
      <p class="soft">One message or call to many, each of them once.</p>`);
    return html`
      <section class="page">
        <header class="page-head"><h1>Broadcasts</h1>
          ${session.may("broadcast.create") ? html`<a class="button primary" href="#/broadcasts/new">${icons.add} New broadcast</a>` : ""}</header>
        ${this.#month()}
        <div class="narrowing filters-line">
          ${this.#choice("status", "All states", Object.entries(STATES).map(([state, { name }]) => [state, name]))}
          ${this.#choice("platform", "All channels", Object.entries(PLATFORMS))}
        </div>
        ${instead ?? html`<ul class="rows">${this.list.rows.filter((row) => this.#fits(row)).sort((a, b) => (a.id < b.id ? 1 : -1)).map((row) => html`<li>${entry(row)}</li>`)}</ul>`}
        ${this.list.foot()}
      </section>`;
  }

  /** Tell whether a row the feed brought is one of those asked for. */
  #fits(row) {
    return Object.entries(this.list.query).every(([name, wanted]) => !wanted || row[name] === wanted);
  }

  #choice(name, all, choices) {
    const asked = (event) => this.list.begin({ ...this.list.query, [name]: event.target.value });
    return html`<select aria-label=${name === "status" ? "State" : "Channel"} @change=${asked}>
      <option value="">${all}</option>${choices.map(([value, shown]) => html`<option value=${value} ?selected=${this.list.query[name] === value}>${shown}</option>`)}</select>`;
  }

  #month() {
    const told = this.figures;
    if (!told?.total_sent) return "";
    const figure = (name, value, soft) => html`<div><dt>${name}</dt><dd>${value}${soft ? html` <span class="soft small">${soft}</span>` : ""}</dd></div>`;
    return html`
      <dl class="figures" aria-label="The last 30 days">
        ${figure("Sent in 30 days", count(told.total_sent))}
        ${figure("Delivered", percent(told.delivery_rate), count(told.delivered))}
        ${figure("Read", percent(told.read_rate), count(told.read))}
        ${figure("Answered", percent(told.reply_rate), count(told.replied))}
        ${figure("Failed", percent(told.failure_rate), count(told.failed))}
      </dl>`;
  }
}

customElements.define("jc-broadcasts", BroadcastsPage);
