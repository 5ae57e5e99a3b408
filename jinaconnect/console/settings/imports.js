// Contacts from a file: what it is taken for, which column is what, and how far it has got.
import { api, newKey } from "../api.js";
import { Element, html } from "../element.js";
import { brief, count, exactly } from "../format.js";
import { icons } from "../icons.js";
import { doing, refusal, save } from "../parts/form.js";
import { Listing } from "../parts/listing.js";
import { plain } from "../text.js";

const FIELDS = {
  phone: "Phone", first_name: "First name", last_name: "Last name", tag: "Tag", email: "E-mail", segments: "Segments",
  telegram_chat_id: "Telegram chat", lead_status: "Lead status",
};
const LOOK_MS = 800; // between two looks at an import that goes on

class Imports extends Element {
  static properties = { app: { attribute: false }, file: { state: true }, preview: { state: true }, mapping: { state: true }, options: { state: true } };

  #timer;

  constructor() {
    super();
    this.list = new Listing(this, "/contacts/import-jobs/");
    this.mapping = {};
    this.options = { update_existing: true };
  }

  connectedCallback() {
    super.connectedCallback();
    this.list.begin().then(() => this.#look());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  /** Follow the imports that go on. */
  async #look() {
    clearTimeout(this.#timer);
    const going = this.list.rows.filter((row) => row.status === "PENDING" || row.status === "PROCESSING");
    if (!going.length || !this.isConnected) return;
    const found = await Promise.all(going.map((row) => api.get(`/contacts/import-status/${row.id}/`).catch(() => row)));
    for (const row of found) this.list.put(row);
    this.#timer = setTimeout(() => this.#look(), LOOK_MS);
  }

  #form() {
    const form = new FormData();
    form.append("file", this.file);
    form.append("mapping", JSON.stringify(this.mapping));
    for (const [name, value] of Object.entries(this.options)) if (value !== "") form.append(name, String(value));
    return form;
  }

  async #chosen(file) {
    if (!file) return;
    this.file = file;
    this.mapping = {};
    await this.#preview();
  }

  async #preview() {
    const done = await doing(this, () => api.upload("/contacts/bulk-import/?dry_run=true", this.#form(), { patience: 120_000 }));
    this.preview = done ?? null;
  }

  #map(column, field) {
    this.mapping = { ...this.mapping, [column.name]: field === "-" ? null : field || column.name };
    this.#preview();
  }

  async #begin() {
    const done = await doing(this, () => api.upload("/contacts/bulk-import/", this.#form(), { key: newKey(), patience: 120_000 }), "The import has begun.");
    if (!done) return;
    this.file = this.preview = null;
    await this.list.renew();
    this.#look();
  }

  async #wrong(row) {
    await doing(this, async () => save(await api.get(`/contacts/import-jobs/${row.id}/rows-csv/`, {}, { file: true, patience: 60_000 }), `wrong-${row.file_name}`.replace(/\.\w+$/, ".csv")));
  }

  async #template() {
    await doing(this, async () => save(await api.get("/contacts/download-template/", {}, { file: true }), "contacts.csv"));
  }

  render() {
    const instead = this.list.instead(html`<p>Nothing was imported yet.</p>`);
    return html`<section>
      <header class="page-head"><h2>Import contacts</h2><button @click=${() => this.#template()}>${icons.file} A file to begin with</button></header>
      <label class="drop card" @dragover=${(event) => event.preventDefault()} @drop=${(event) => (event.preventDefault(), this.#chosen(event.dataTransfer.files[0]))}>
        ${this.file ? html`<b><bdi>${plain(this.file.name, 100)}</bdi></b>` : "A CSV file or workbook of at most 10 MB"} <span class="soft small">Choose it, or drop it here</span>
        <input type="file" accept=".csv,.txt,.xlsx,text/csv" @change=${(event) => this.#chosen(event.target.files[0])}></label>
      ${this.busy ? html`<p class="soft" role="status">Reading…</p>` : ""} ${refusal(this)}
      ${this.preview ? this.#previewed() : ""}
      <h3>Imports</h3>
      ${instead ?? html`<ul class="rows">${this.list.rows.map((row) => html`<li class="entry">${this.#row(row)}</li>`)}</ul>`}
      ${this.list.foot()}</section>`;
  }

  #previewed() {
    const { preview } = this;
    const set = (name, value) => {
      this.options = { ...this.options, [name]: value };
      this.#preview();
    };
    const field = (column) => (column.field === null ? "-" : FIELDS[column.field] ? column.field : "");
    return html`
      <p>${preview.has_phone ? html`<b>${count(preview.total_rows)}</b> rows` : html`<span class="fault" role="alert">Say which column is the phone number.</span>`}</p>
      <div class="scroll" tabindex="0" role="region" aria-label="How the file is taken"><table><thead><tr>${preview.columns.map((column) => html`<th>${plain(column.name, 40)}
        <select aria-label="What ${plain(column.name, 40)} is" @change=${(event) => this.#map(column, event.target.value)}>
          <option value="">Attribute</option><option value="-" ?selected=${field(column) === "-"}>Left out</option>
          ${Object.entries(FIELDS).map(([id, name]) => html`<option value=${id} ?selected=${field(column) === id}>${name}</option>`)}</select></th>`)}<th>What it becomes</th></tr></thead>
        <tbody>${preview.rows.slice(0, 8).map((row) => html`<tr>${row.cells.map((cell) => html`<td><bdi>${plain(cell, 60)}</bdi></td>`)}
          <td class="small">${row.error ? html`<span class="fault">${plain(row.error.reason, 120)}</span>` : preview.has_phone ? html`<span class="tag good">a contact</span>` : ""}</td></tr>`)}</tbody></table></div>
      <div class="side">
        <label>Numbers without + are of <input maxlength="2" placeholder="e.g. IN" .value=${this.options.country ?? preview.country ?? ""} @change=${(event) => set("country", event.target.value.trim().toUpperCase())}></label>
        <label>Tag for all of them <input maxlength="100" .value=${this.options.default_tag ?? ""} @change=${(event) => set("default_tag", event.target.value.trim())}></label></div>
      <label class="line"><input type="checkbox" .checked=${this.options.update_existing} @change=${(event) => set("update_existing", event.target.checked)}> Contacts that are there are changed</label>
      <div class="entry-buttons"><button @click=${() => (this.file = this.preview = null)}>Leave it</button>
        <button class="primary" ?disabled=${this.busy || !preview.has_phone} @click=${() => this.#begin()}>Import ${count(preview.total_rows)} rows</button></div>`;
  }

  #row(row) {
    const ended = row.status === "COMPLETED" || row.status === "FAILED";
    const wrong = row.invalid_count + row.failed_count;
    return html`
      <span class="entry-name"><b><bdi>${plain(row.file_name, 80)}</bdi></b> ${row.status === "FAILED" ? html`<span class="tag bad">failed</span>` : ended ? "" : html`<span class="tag wait">goes on</span>`}
        <time class="soft small" datetime=${row.created_at} title=${exactly(row.created_at)}>${brief(row.created_at)}</time></span>
      <span>${ended ? html`<span class="soft small">${count(row.created_count)} new · ${count(row.updated_count)} changed · ${count(row.unchanged_count)} as they were${wrong ? html` · ${count(wrong)} wrong` : ""}</span>`
        : html`<progress max=${row.total_rows || 1} value=${row.processed_rows} aria-label="Rows done"></progress> <span class="soft small">${count(row.processed_rows)} of ${count(row.total_rows)}</span>`}
        ${row.error ? html`<span class="fault small">${plain(row.error, 200)}</span>` : ""}</span>
      <span class="entry-buttons">${ended && wrong ? html`<button class="quiet" @click=${() => this.#wrong(row)}>${icons.file} Wrong rows</button>` : ""}</span>`;
  }
}

customElements.define("jc-imports", Imports);
