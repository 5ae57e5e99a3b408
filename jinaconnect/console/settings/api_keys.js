// API keys: made with a role, shown once, given a new secret, revoked.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { brief, day, exactly } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { doing, post, refusal, remove, secret, values } from "../parts/form.js";
import { Listing } from "../parts/listing.js";
import { session } from "../session.js";
import { plain } from "../text.js";

class ApiKeys extends Element {
  static properties = { app: { attribute: false }, roles: { state: true }, open: { state: true }, made: { state: true } };

  constructor() {
    super();
    this.list = new Listing(this, "/tenants/api-keys/");
  }

  connectedCallback() {
    super.connectedCallback();
    this.list.begin();
    api.get("/tenants/roles/", { page_size: 100 }).then(({ results }) => (this.roles = results), () => (this.roles = []));
  }

  #ask(what, row) {
    this.fault = this.made = null;
    this.row = row;
    this.open = what;
  }

  async #make(event) {
    const { expires_at, addresses, ...given } = values(event.target);
    const body = { ...given, ...(expires_at && { expires_at: new Date(expires_at).toISOString() }), ...(addresses && { ip_allowlist: addresses.split(/[\s,]+/) }) };
    this.#took(await doing(this, () => post("/tenants/api-keys/", body)));
  }

  async #rotate(event) {
    const hours = values(event.target).hours ?? 0;
    this.#took(await doing(this, () => post(`/tenants/api-keys/${this.row.id}/rotate/`, { grace_seconds: hours * 3600 })));
  }

  #took(done) {
    if (!done) return;
    this.made = done.key;
    const { key, ...row } = done;
    this.list.put(row);
  }

  async #revoke() {
    if (!(await doing(this, () => remove(`/tenants/api-keys/${this.row.id}/`), "Revoked."))) return;
    this.list.renew();
    this.open = null;
  }

  render() {
    const instead = this.list.instead(html`<p>No keys yet.</p><p class="soft">Programs use them to work with the API.</p>`);
    const title = { make: "A new key", rotate: "A new secret", revoke: "Revoke a key" }[this.open];
    return html`<section>
      <header class="page-head"><h2>API keys</h2><button class="primary" @click=${() => this.#ask("make")}>${icons.add} New key</button></header>
      ${instead ?? html`<ul class="rows">${this.list.rows.map((row) => this.#row(row))}</ul>`}
      ${this.list.foot()}
      ${dialog(this, "open", title, () => this.#dialog())}</section>`;
  }

  #row(row) {
    const role = this.roles?.find((each) => each.id === row.role);
    return html`<li class="entry">
      <span class="entry-name"><b><bdi>${plain(row.name, 80)}</bdi></b> <code>${row.prefix}…</code> ${row.mode === "test" ? html`<span class="tag sandbox">sandbox</span>` : ""}
        ${row.revoked_at ? html`<span class="tag bad">revoked</span>` : row.is_active ? "" : html`<span class="tag wait">ended</span>`}</span>
      <span class="soft small">${plain(role?.name ?? "", 40)} · ${row.last_used_at ? html`used <time datetime=${row.last_used_at} title=${exactly(row.last_used_at)}>${brief(row.last_used_at)}</time>` : "never used"}
        ${row.expires_at ? html` · until ${day(row.expires_at)}` : ""} ${row.ip_allowlist.length ? html` · ${plain(row.ip_allowlist.join(", "), 60)}` : ""}</span>
      <span class="entry-buttons">${row.revoked_at ? "" : html`<button class="quiet" @click=${() => this.#ask("rotate", row)}>New secret<span class="aloud"> for ${plain(row.name, 80)}</span></button>
        <button class="quiet" @click=${() => this.#ask("revoke", row)}>Revoke<span class="aloud"> ${plain(row.name, 80)}</span></button>`}</span></li>`;
  }

  #dialog() {
    const close = () => (this.open = null);
    const buttons = (name, look = "primary") => html`${refusal(this)}<footer><button type="button" @click=${close}>Leave it</button><button class=${look} ?disabled=${this.busy}>${name}</button></footer>`;
    if (this.made) return html`${secret(this.app, "Key", this.made)}<footer><button class="primary" @click=${close}>Done</button></footer>`;
    if (this.open === "rotate") {
      return html`<form @submit=${(event) => (event.preventDefault(), this.#rotate(event))}><label>For how many hours the former secret works besides <input name="hours" type="number" min="0" max="168" .value=${"1"}></label>${buttons("Make a new secret")}</form>`;
    }
    if (this.open === "revoke") {
      return html`<form @submit=${(event) => (event.preventDefault(), this.#revoke())}><p>What uses <b><bdi>${plain(this.row.name, 80)}</bdi></b> stops working at once.</p>${buttons("Revoke", "danger")}</form>`;
    }
    const roles = (this.roles ?? []).filter((role) => role.priority < session.role.priority);
    return html`<form @submit=${(event) => (event.preventDefault(), this.#make(event))}>
      <label>Name <input name="name" required maxlength="100"></label>
      <div class="side"><label>Role <select name="role_id" required>${roles.map((role) => html`<option value=${role.id}>${plain(role.name, 40)}</option>`)}</select></label>
        <label>For <select name="mode"><option value="live" ?selected=${session.mode === "live"}>live work</option><option value="test" ?selected=${session.mode === "test"}>the sandbox</option></select></label></div>
      <div class="side"><label>Ends <input name="expires_at" type="datetime-local"></label><label>Only from <input name="addresses" placeholder="any address"></label></div>
      ${buttons("Make the key")}</form>`;
  }
}

customElements.define("jc-api-keys", ApiKeys);
