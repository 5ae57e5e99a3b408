// Choosing a WhatsApp template and filling in its places.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { plain } from "../text.js";

const PLACE = /\{\{\s*(\w+)\s*\}\}/g;

class Templates extends Element {
  static properties = { rows: { state: true }, fault: { state: true }, chosen: { state: true }, values: { state: true } };

  connectedCallback() {
    super.connectedCallback();
    this.values = {};
    this.#read();
  }

  async #read() {
    this.fault = null;
    try {
      this.rows = (await api.get("/wa/v1/templates/", { status: "APPROVED", page_size: 100 })).results;
    } catch (error) {
      this.fault = error.message;
    }
  }

  get #places() {
    return [...new Set([...(this.chosen.content ?? "").matchAll(PLACE)].map((found) => found[1]))];
  }

  #filled() {
    return (this.chosen.content ?? "").replace(PLACE, (all, place) => this.values[place] || all);
  }

  #use(event) {
    event.preventDefault();
    const named = this.#places.some((place) => !/^\d+$/.test(place));
    const body = this.#places.map((place) => ({ type: "text", text: this.values[place], ...(named && { parameter_name: place }) }));
    this.tell("template", { template: this.chosen.id, body, text: this.#filled() });
  }

  render() {
    return html`
      <div class="templates card" role="group" aria-label="Templates">
        <header><b>${this.chosen ? plain(this.chosen.name ?? this.chosen.element_name, 80) : "Templates"}</b>
          <button class="quiet" @click=${() => (this.chosen ? (this.chosen = null) : this.tell("closed"))}>${this.chosen ? "Others" : "Close"}</button></header>
        ${this.fault ? html`<p class="fault" role="alert">${this.fault} <button @click=${() => this.#read()}>Try again</button></p>` : ""}
        ${this.chosen ? this.#form() : this.#list()}
      </div>`;
  }

  #list() {
    if (!this.rows) return this.fault ? "" : html`<p class="soft">Loading…</p>`;
    if (!this.rows.length) return html`<p class="soft">There is no approved template yet.</p>`;
    return this.rows.map((row) => html`
      <button class="choice" @click=${() => ((this.chosen = row), (this.values = {}))}>
        <b>${plain(row.name ?? row.element_name, 80)}</b> <span class="soft">${plain(row.language_code, 12)}</span>
        <span class="preview"><bdi dir="auto">${plain(row.content, 120)}</bdi></span></button>`);
  }

  #form() {
    return html`
      <form @submit=${this.#use}>
        ${this.#places.map((place) => html`
          <label>${plain(place, 40)} <input required maxlength="1024" dir="auto" @input=${(event) => (this.values = { ...this.values, [place]: event.target.value })}></label>`)}
        <p class="sample" dir="auto">${plain(this.#filled(), 1500)}</p>
        <button class="primary">Send the template</button>
      </form>`;
  }
}

customElements.define("jc-templates", Templates);
