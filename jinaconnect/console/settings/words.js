// What the team writes and calls with: canned replies by their shortcut, spoken texts, and the organisation's tags.
import { Element, html } from "../element.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { doing, patch, post, refusal, remove, values } from "../parts/form.js";
import { Listing } from "../parts/listing.js";
import { session } from "../session.js";
import { plain } from "../text.js";

const KINDS = {
  replies: {
    path: "/team-inbox/api/canned-replies/", title: "Canned replies", one: "canned reply", permission: "inbox.resolve", ends: "remove",
    none: "No canned replies yet.", about: "In the reply box, / and a shortcut writes one.", name: (row) => `/${row.shortcut}`, text: (row) => row.text,
    fields: (row) => html`<label>Shortcut <input name="shortcut" required maxlength="50" autocomplete="off" .value=${row.shortcut ?? ""}></label>
      <label>Text <textarea name="text" required rows="5" maxlength="4096" dir="auto" .value=${row.text ?? ""}></textarea></label>`,
  },
  spoken: {
    path: "/voice/api/templates/", only: { template_kind: "tts_script" }, title: "Spoken texts", one: "spoken text", permission: "voice.manage", ends: "remove",
    none: "No spoken texts yet.", about: "What calls say; {{name}} stands for a value.", name: (row) => row.name, text: (row) => row.tts_text,
    fields: (row) => html`<label>Name <input name="name" required maxlength="100" .value=${row.name ?? ""}></label>
      <label>Text <textarea name="tts_text" required rows="5" maxlength="4000" dir="auto" .value=${row.tts_text ?? ""}></textarea></label>
      <div class="side"><label>Language <input name="tts_language" maxlength="10" pattern="([A-Za-z0-9]|-)*" placeholder="en-IN" .value=${row.tts_language ?? ""}></label>
        <label>Voice <input name="tts_voice" maxlength="64" .value=${row.tts_voice ?? ""}></label></div>`,
    empty: { tts_language: null, tts_voice: null },
  },
  tags: {
    path: "/tenants/tenant-tags/", title: "Tags", one: "tag", permission: "tenant.edit", ends: "switch", none: "No tags yet.",
    about: "Names that contacts are told apart by.", name: (row) => row.name, text: (row) => row.description ?? "",
    fields: (row) => html`<label>Name <input name="name" required maxlength="100" .value=${row.name ?? ""}></label>
      <label>What it is for <input name="description" maxlength="300" .value=${row.description ?? ""}></label>`,
  },
};

class Words extends Element {
  static properties = { app: { attribute: false }, kind: {}, open: { state: true } };

  willUpdate(changed) {
    if (!changed.has("kind")) return;
    this.of = KINDS[this.kind];
    this.open = null;
    this.list = new Listing(this, this.of.path, this.of.only);
    this.list.begin();
  }

  #ask(row) {
    this.fault = null;
    this.open = row;
  }

  async #keep(event) {
    const { id } = this.open;
    const body = { ...this.of.only, ...this.of.empty, ...values(event.target) };
    const done = await doing(this, () => (id ? patch(`${this.of.path}${id}/`, body) : post(this.of.path, body)), "Kept.");
    if (!done) return;
    this.list.put(done);
    this.open = null;
  }

  async #end() {
    const { id, is_active: active } = this.open;
    const done = await doing(this, () => (this.of.ends === "remove" ? remove(`${this.of.path}${id}/`) : patch(`${this.of.path}${id}/`, { is_active: !active })));
    if (!done) return;
    if (this.of.ends === "remove") this.list.drop(id);
    else this.list.put(done);
    this.open = null;
  }

  render() {
    const { of } = this;
    const may = session.may(of.permission);
    const instead = this.list.instead(html`<p>${of.none}</p><p class="soft">${of.about}</p>`);
    return html`<section>
      <header class="page-head"><h2>${of.title}</h2>
        <input type="search" aria-label="Search" placeholder="Search" @change=${(event) => this.list.begin({ ...of.only, search: event.target.value.trim() })}>
        ${may ? html`<button class="primary" @click=${() => this.#ask({})}>${icons.add} New ${of.one}</button>` : ""}</header>
      ${instead ?? html`<ul class="rows">${this.list.rows.map((row) => html`<li class="entry">
        <span class="entry-name"><b><bdi>${plain(of.name(row), 80)}</bdi></b> ${row.is_active ? "" : html`<span class="tag">off</span>`}</span>
        <span class="soft small" dir="auto">${plain(of.text(row), 140)}</span>
        <span class="entry-buttons">${may ? html`<button class="quiet" @click=${() => this.#ask(row)}>Change<span class="aloud"> ${plain(of.name(row), 80)}</span></button>` : ""}</span></li>`)}</ul>`}
      ${this.list.foot()}
      ${dialog(this, "open", this.open?.id ? `Change the ${of.one}` : `A new ${of.one}`, () => this.#dialog())}</section>`;
  }

  #dialog() {
    const row = this.open;
    const ends = this.of.ends === "remove" ? "Remove" : row.is_active ? "Switch off" : "Switch on";
    return html`<form @submit=${(event) => (event.preventDefault(), this.#keep(event))}>${this.of.fields(row)}${refusal(this)}
      <footer>${row.id ? html`<button type="button" class=${row.is_active === false ? "" : "danger"} @click=${() => this.#end()}>${ends}</button>` : ""}
        <button class="primary" ?disabled=${this.busy}>Keep</button></footer></form>`;
  }
}

customElements.define("jc-words", Words);
