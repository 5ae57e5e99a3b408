// How an IVR reads at the carriers with an HTTP interface: what each can say exactly, what it does otherwise, what it refuses.
import { Element, html } from "../element.js";
import { api } from "../api.js";
import { fault, waiting } from "../parts/listing.js";
import { plain } from "../text.js";

const LOOKS = { exact: "good", emulated: "wait", refused: "bad" };

class Carriers extends Element {
  static properties = { template: {}, version: { type: Number }, told: { state: true }, provider: { state: true }, error: { state: true } };

  willUpdate(changed) {
    if (changed.has("template") || changed.has("version")) this.#read();
  }

  async #read(provider = this.provider ?? "all") {
    this.provider = provider;
    this.error = null;
    try {
      const told = await api.post(`/voice/api/templates/${this.template}/compile/?provider=${encodeURIComponent(provider)}`);
      if (provider !== this.provider) return;
      this.told = told;
      this.levels = { ...this.levels, ...told.levels };
    } catch (error) {
      this.error = error;
    }
  }

  render() {
    if (this.error) return fault(this.error, () => this.#read());
    if (!this.told) return waiting;
    const { notes, documents } = this.told;
    return html`
      <p class="soft small">The version that is saved, told to each carrier in its own words.</p>
      <label>Carrier <select @change=${(event) => this.#read(event.target.value)}><option value="all">All</option>
        ${Object.keys(this.levels).map((name) => html`<option ?selected=${name === this.provider}>${name}</option>`)}</select></label>
      <ul class="levels">${Object.entries(this.told.levels).map(([name, level]) => html`<li><b>${name}</b> <span class="tag ${LOOKS[level]}">${level}</span></li>`)}</ul>
      ${["refused", "emulated"].map((level) => this.#notes(level, notes.filter((note) => note.level === level)))}
      ${this.provider === "all" ? "" : html`<h3>What it is answered</h3>${documents.filter(({ provider }) => provider === this.provider).map(({ node, content_type: type, body }) => html`
        <details @toggle=${(event) => event.target.open && this.tell("chosen-node", node)}><summary>${plain(node, 64)} <span class="soft small">${plain(type, 60)}</span></summary><pre tabindex="0">${body}</pre></details>`)}`}`;
  }

  #notes(level, notes) {
    return notes.length ? html`<h3>${level === "refused" ? "Refused" : "Done otherwise"}</h3><ul class="notes">${notes.map(({ provider, node, text }) => html`<li>
      <span class="tag ${LOOKS[level]}">${provider}</span> <button class="quiet" @click=${() => this.tell("chosen-node", node)}>${plain(node, 64)}</button> <span>${plain(text, 400)}</span></li>`)}</ul>` : "";
  }
}

customElements.define("jc-ivr-carriers", Carriers);
