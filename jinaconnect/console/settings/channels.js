// Channel accounts: added by channel, with the address that the carrier's webhook has to have, and tested.
import { Element, html } from "../element.js";
import { count } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { copied, doing, patch, post, refusal, secret, values } from "../parts/form.js";
import { Listing, fault } from "../parts/listing.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import { KINDS } from "./carriers.js";

class Channels extends Element {
  static properties = { app: { attribute: false }, open: { state: true }, made: { state: true }, told: { state: true } };

  constructor() {
    super();
    this.lists = new Map(Object.entries(KINDS).map(([id, kind]) => [id, new Listing(this, kind.path)]));
  }

  connectedCallback() {
    super.connectedCallback();
    for (const list of this.lists.values()) list.begin();
  }

  #ask(what, row = null) {
    this.made = this.fault = this.told = null;
    this.row = row;
    this.carrier = null;
    this.open = what;
  }

  async #add(event) {
    const { fields, ...rest } = this.kind.body(this.carrier, values(event.target));
    const done = await doing(this, () => post(this.kind.path, { ...rest, ...fields }));
    if (!done) return;
    this.made = done;
    this.lists.get(this.open).put(done);
  }

  async #switch(id, row) {
    const done = await doing(this, () => patch(`${KINDS[id].path}${row.id}/`, { is_active: !row.is_active }), row.is_active ? "Switched off." : "Switched on.");
    if (done) this.lists.get(id).put(done);
    else this.app.say(this.fault);
  }

  async #test(row) {
    const done = await doing(this, () => post(`/telegram/v1/bots/${row.id}/test_auth/`));
    this.app.say(done ? `Telegram knows the bot${done.bot?.username ? ` @${done.bot.username}` : ""}.` : this.fault);
  }

  get kind() {
    return KINDS[this.open];
  }

  render() {
    const may = session.may("wa_app.manage");
    return html`
      <header class="page-head"><h2>Channels</h2></header>
      ${[...this.lists].map(([id, list]) => this.#channel(id, list, may))}
      ${dialog(this, "open", this.row ? "Webhooks" : this.made ? "The account is added" : `Add ${this.kind?.one}`, () => this.#dialog())}`;
  }

  #channel(id, list, may) {
    const kind = KINDS[id];
    return html`<section aria-label=${kind.name}>
      <header class="page-head"><h3>${kind.name}</h3>${may ? html`<button @click=${() => this.#ask(id)}>${icons.add} Add ${kind.one}</button>` : ""}</header>
      ${list.error ? fault(list.error, () => list.begin()) : list.rows.length ? html`<ul class="rows">${list.rows.map((row) => html`<li class="entry">
        <span class="entry-name"><b><bdi>${plain(kind.title(row), 80)}</bdi></b> <span class="soft small">${plain(kind.about(row), 80)}</span>
          ${row.simulated ? html`<span class="tag sandbox">simulated</span>` : ""} ${row.is_active ? html`<span class="tag good">on</span>` : html`<span class="tag">off</span>`}
          ${row.carrier_state ? html`<span class="tag wait">${plain(row.carrier_state.event ?? row.carrier_state.kind, 60)}</span>` : ""}</span>
        <span class="soft small">${count(row.messages_sent_today ?? 0)} of ${count(row.daily_limit)} today</span>
        <span class="entry-buttons"><button class="quiet" @click=${() => this.#ask(id, row)}>Webhook<span class="aloud"> of ${plain(kind.title(row), 80)}</span></button>
          ${id === "telegram" && may ? html`<button class="quiet" ?disabled=${this.busy} @click=${() => this.#test(row)}>Test</button>` : ""}
          ${may ? html`<button class="quiet" ?disabled=${this.busy} @click=${() => this.#switch(id, row)}>${row.is_active ? "Switch off" : "Switch on"}<span class="aloud"> ${plain(kind.title(row), 80)}</span></button>` : ""}</span></li>`)}</ul>`
        : html`<p class="soft">${list.loading ? "Loading…" : "None yet."}</p>`}</section>`;
  }

  #addresses(row) {
    const whole = (path) => new URL(path, location.origin).href;
    return html`${row.webhook_url ?? row.webhook_path ? copied(this.app, "Webhook address", whole(row.webhook_url ?? row.webhook_path)) : ""}
      ${row.dlr_webhook_url ? copied(this.app, "Address for reports", whole(row.dlr_webhook_url)) : ""}`;
  }

  #dialog() {
    const close = () => (this.open = null);
    if (this.row || this.made) {
      const row = this.row ?? this.made;
      const once = this.made && (row.webhook_secret ?? row.webhook_client_token);
      return html`<p>At the carrier, set this as the address its webhooks go to.</p>
        ${this.#addresses(row)} ${once ? secret(this.app, "Webhook secret", once) : ""}
        <footer><button class="primary" @click=${close}>Done</button></footer>`;
    }
    const { carriers } = this.kind;
    this.carrier ??= Object.keys(carriers)[0];
    const { fields, note } = carriers[this.carrier];
    return html`<form @submit=${(event) => (event.preventDefault(), this.#add(event))}>
      ${Object.keys(carriers).length > 1 ? html`<label>Through <select @change=${(event) => ((this.carrier = event.target.value), this.requestUpdate())}>
        ${Object.entries(carriers).map(([id, { name }]) => html`<option value=${id} ?selected=${id === this.carrier}>${name}</option>`)}</select></label>` : ""}
      ${fields.map(({ name, label, type = "text", optional, hint, rows }) => html`<label>${label}
        ${rows ? html`<textarea name=${name} rows=${rows} ?required=${!optional} spellcheck="false"></textarea>`
          : html`<input name=${name} type=${type} ?required=${!optional} autocomplete="off" placeholder=${hint ?? ""}>`}</label>`)}
      ${note ? html`<p class="soft small">${note}</p>` : ""}
      <p class="soft small">What is secret is sealed, and never shown again.</p>
      ${refusal(this)}<footer><button type="button" @click=${close}>Leave it</button><button class="primary" ?disabled=${this.busy}>Add</button></footer></form>`;
  }
}

customElements.define("jc-channels", Channels);
