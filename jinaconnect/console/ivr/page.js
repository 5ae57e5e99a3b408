// IVRs: the list with how exactly carriers can say them, and the editor of one.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { brief, count } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { doing, patch, post, refusal, remove } from "../parts/form.js";
import { Listing, fault, waiting } from "../parts/listing.js";
import { session } from "../session.js";
import { sheet } from "../sheet.js";
import { plain } from "../text.js";
import { first } from "./changes.js";
import "./editor.js";

const PATH = "/voice/api/templates/";
const KIND = "ivr_menu";

await sheet(new URL("./ivr.css", import.meta.url));

class Ivrs extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, types: { state: true }, error: { state: true }, open: { state: true } };

  constructor() {
    super();
    this.list = new Listing(this, PATH, { template_kind: KIND }, 100);
  }

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => events.some(({ type }) => type.startsWith("voice_template.")) && this.list.renew(), () => this.list.begin());
    this.list.begin();
    this.#types();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
  }

  async #types() {
    this.error = null;
    try {
      const told = await api.get(`${PATH}node-types/`);
      this.types = new Map(told.results.map((each) => [each.type, each]));
    } catch (error) {
      this.error = error;
    }
  }

  #ask(what) {
    this.fault = null;
    this.open = what;
  }

  async #add(form) {
    const done = await doing(this, () => post(PATH, { name: form.elements.name.value.trim(), template_kind: KIND, graph: first() }));
    if (!done) return;
    this.open = null;
    this.list.put(done);
    this.app.go(`settings/ivr/${done.id}`);
  }

  async #change(form) {
    const providers = [...form.querySelectorAll(":checked")].map(({ value }) => value);
    const done = await doing(this, () => patch(`${PATH}${this.open.change.id}/`, { name: form.elements.name.value.trim(), providers }), "Kept.");
    if (!done) return;
    this.open = null;
    this.list.put(done);
  }

  async #remove() {
    const { row } = this.open;
    if (!(await doing(this, () => remove(`${PATH}${row.id}/`), "The IVR is removed."))) return;
    this.open = null;
    this.list.drop(row.id);
  }

  render() {
    const [id] = this.path;
    if (this.error) return fault(this.error, () => this.#types());
    if (id) return this.types ? html`<jc-ivr-editor .app=${this.app} .template=${id} .types=${this.types} .ivrs=${this.list.rows}></jc-ivr-editor>` : waiting;
    const may = session.may("voice.manage");
    const instead = this.list.instead(html`<p>No IVRs yet.</p><p class="soft">What callers hear, which keys they press, and where that leads.</p>`);
    return html`
      <header class="page-head"><h2>IVRs</h2>${may ? html`<button class="primary" @click=${() => this.#ask({ new: true })}>${icons.add} New IVR</button>` : ""}</header>
      ${instead ?? html`<ul class="rows">${this.list.rows.map((row) => this.#row(row, may))}</ul>`}
      ${this.list.foot()}
      ${dialog(this, "open", this.open?.new ? "New IVR" : this.open?.change ? "Change the IVR" : "Remove the IVR", () => this.#dialog())}`;
  }

  #row(row, may) {
    const { nodes = 0, ok, warnings = [], levels = {} } = row.compiled ?? {};
    const refused = Object.entries(levels).filter(([, level]) => level === "refused").map(([name]) => name);
    return html`<li class="entry">
      <span class="entry-name"><a href="#/settings/ivr/${row.id}"><b><bdi>${plain(row.name, 100)}</bdi></b></a> <span class="soft small">${count(nodes)} nodes, version ${row.version ?? 1}</span>
        ${ok === false ? html`<span class="tag bad">wrong</span>` : ""}${warnings.length ? html`<span class="tag wait">${count(warnings.length)} odd</span>` : ""}</span>
      <span class="soft small">${refused.length ? `Not at ${refused.join(", ")}` : "At every carrier"}</span>
      <span class="entry-buttons"><span class="soft small">${brief(row.updated_at)}</span>
        ${may ? html`<button class="quiet" @click=${() => this.#ask({ change: row })}>Change<span class="aloud"> ${plain(row.name, 100)}</span></button><button class="quiet" @click=${() => this.#ask({ row })}>Remove<span class="aloud"> ${plain(row.name, 100)}</span></button>` : ""}</span></li>`;
  }

  #dialog() {
    const close = () => (this.open = null);
    const { change } = this.open;
    if (change || this.open.new) {
      return html`<form @submit=${(event) => (event.preventDefault(), change ? this.#change(event.target) : this.#add(event.target))}><label>Name <input name="name" required maxlength="100" autocomplete="off" .value=${change?.name ?? ""}></label>
        ${change ? html`<fieldset><legend>Carriers that must be able to say it</legend>${Object.entries(change.compiled?.levels ?? {}).map(([name, level]) => html`<label class="line"><input type="checkbox" value=${name} .checked=${(change.providers ?? []).includes(name)}> ${name} <span class="soft small">${level}</span></label>`)}</fieldset>` : ""}
        ${refusal(this)}<footer><button type="button" @click=${close}>Leave it</button><button class="primary" ?disabled=${this.busy}>${change ? "Keep" : "Make it"}</button></footer></form>`;
    }
    return html`<p><b><bdi>${plain(this.open.row.name, 100)}</bdi></b> is removed. Calls to numbers that lead to it are refused.</p>
      ${refusal(this)}<footer><button @click=${close}>Leave it</button><button class="danger" ?disabled=${this.busy} @click=${() => this.#remove()}>Remove it</button></footer>`;
  }
}

customElements.define("jc-ivrs", Ivrs);
