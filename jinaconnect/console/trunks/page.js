// Trunks: how they and the links to their Asterisks are, one with its charts and its test, and adding one.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { brief, exactly } from "../format.js";
import { icons } from "../icons.js";
import { sheet } from "../sheet.js";
import { plain } from "../text.js";
import "./form.js";
import "./trunk.js";
import { STATES, milliseconds, percent, receipt, registration, seconds } from "./words.js";

await sheet(new URL("../pages.css", import.meta.url));
await sheet(new URL("./trunks.css", import.meta.url));

const EVERY_MS = 10_000;
const SOON_MS = 300;

export default class TrunksPage extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, health: { state: true }, fault: { state: true } };

  #receipts = new Map(); // Asterisk → what the feed told of it
  #timers = {};
  #asking = false;

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => this.#events(events), () => this.read());
    this.read();
    this.#timers.every = setInterval(() => !document.hidden && this.app.state.kind === "live" && this.read(), EVERY_MS);
    this.app.keys.bind("Trunks", [
      { id: "trunk.next", name: "Next trunk", keys: "j", run: () => this.#step(1) },
      { id: "trunk.previous", name: "Previous trunk", keys: "k", run: () => this.#step(-1) },
      { id: "trunk.add", name: "Add a trunk", keys: "c", run: () => this.app.go("trunks/new") },
      { id: "trunk.test", name: "Test the trunk", keys: "t", when: () => Boolean(this.trunk), run: () => this.querySelector("jc-trunk")?.test() },
      { id: "trunk.leave", name: "Out of the field, back to the trunks", keys: "Escape", anywhere: true, run: () => this.#leave() },
    ]);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
    clearInterval(this.#timers.every);
    clearTimeout(this.#timers.soon);
    this.app.keys.unbind("Trunks");
  }

  get trunk() {
    const id = this.path?.[0];
    return id && id !== "new" ? this.health?.trunks.find((each) => each.id === id) : undefined;
  }

  /** Ask for something over the socket where there is one. */
  async ask(operation, path, params) {
    if (this.app.state.kind === "live") {
      const told = await this.app.feed.request(operation, { params }).catch(() => null);
      if (told) return told.body;
    }
    const { id, ...query } = params ?? {};
    return api.get(path, query);
  }

  async read() {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.health = await this.ask("voice.ari_health", "/voice/api/ari-health/");
      this.fault = null;
      this.querySelector("jc-trunk")?.read();
    } catch (error) {
      this.fault = error.message;
    } finally {
      this.#asking = false;
    }
  }

  #events(events) {
    for (const { type, data, occurred_at: at } of events) if (type === "ari.reconciled") this.#receipts.set(data.asterisk, { ...data, at });
    if (!events.some(({ type }) => /^(trunk|ari)\.|^call\.(completed|failed|canceled)$/.test(type))) return;
    clearTimeout(this.#timers.soon);
    this.#timers.soon = setTimeout(() => this.read(), SOON_MS);
  }

  #step(by) {
    const rows = this.health?.trunks ?? [];
    const at = rows.findIndex((each) => each.id === this.path?.[0]);
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next) this.app.go(`trunks/${next.id}`);
  }

  #leave() {
    const field = document.activeElement;
    if (field && field !== document.body) return field.blur();
    if (this.path?.[0]) this.app.go("trunks");
  }

  render() {
    const id = this.path?.[0];
    if (id === "new") return html`<jc-trunk-form .page=${this}></jc-trunk-form>`;
    if (!this.health) {
      return this.fault ? html`<div class="empty" role="alert"><p>${this.fault}</p><button @click=${() => this.read()}>Try again</button></div>`
        : html`<div class="page"><div class="skeletons" role="status" aria-label="Loading"><div class="skeleton"></div><div class="skeleton"></div></div></div>`;
    }
    if (id) return this.trunk ? html`<jc-trunk .page=${this} .id=${id} .trunk=${this.trunk}></jc-trunk>` : html`<div class="empty"><p>There is no such trunk.</p><a href="#/trunks">All trunks</a></div>`;
    return this.#all();
  }

  #all() {
    const { trunks, links } = this.health;
    return html`
      <section class="page">
        <header class="page-head"><h1>Trunks</h1><a class="button primary" href="#/trunks/new">${icons.add} Add a trunk or an account</a></header>
        ${this.fault ? html`<p class="fault" role="alert">${this.fault} What stands here is older.</p>` : ""}
        ${links.length ? html`<ul class="links" aria-label="Links to Asterisk">${links.map((link) => this.#link(link))}</ul>` : ""}
        ${trunks.length ? html`<ul class="rows trunk-rows">${trunks.map((each) => this.#row(each))}</ul>`
          : html`<div class="empty"><p>There is no trunk yet: calls go nowhere.</p><a class="button" href="#/trunks/new">Add the first</a></div>`}
      </section>`;
  }

  #link(link) {
    const { name, kind } = STATES[link.state];
    const told = this.#receipts.get(link.asterisk);
    const last = told && (!link.last_reconciliation || told.at >= link.last_reconciliation.at) ? told : this.#counted(link);
    return html`
      <li class="link-row"><b><bdi>${plain(link.asterisk, 40)}</bdi></b> <span class="tag ${kind}">${name}</span>
        ${link.since ? html`<time class="soft" datetime=${link.since} title=${exactly(link.since)}>since ${brief(link.since)}</time>` : ""}
        <span class="soft receipt">${receipt(last)}</span></li>`;
  }

  /** Return a link's receipt, for the deployment's operators with its counts. */
  #counted(link) {
    return this.health.asterisks?.find((each) => each.name === link.asterisk)?.last_reconciliation ?? link.last_reconciliation;
  }

  #row(trunk) {
    const { name, kind } = STATES[trunk.status];
    const hour = trunk.windows["1h"];
    const hosted = trunk.provider !== "sip"; // no Asterisk asks its carrier whether it is there
    return html`
      <li><a class="trunk" href="#/trunks/${trunk.id}">
        <span class="trunk-name"><b><bdi>${plain(trunk.name, 60)}</bdi></b> ${hosted ? "" : html`<span class="tag ${kind}">${name}</span>`}
          <span class="soft"><bdi>${plain(trunk.label, 40)}</bdi> · ${hosted ? "over HTTP" : registration(trunk.registration)}</span></span>
        <span class="trunk-figures">
          ${[["calls", `${trunk.calls}${trunk.cap < 0 ? "" : ` of ${trunk.cap}`}`], ...(hosted ? [] : [["RTT", milliseconds(trunk.contact.rtt_ms)]]), ["ASR 1 h", percent(hour.asr)],
            ["NER 1 h", percent(hour.ner)], ["ACD 1 h", seconds(hour.acd_s)]].map(([what, value]) => html`<span><small>${what}</small> <b>${value}</b></span>`)}
        </span></a></li>`;
  }
}

customElements.define("jc-trunks", TrunksPage);
