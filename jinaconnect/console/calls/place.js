// Placing a call: what it would cost, and whether it may be placed now, stand there before it is.
import { api } from "../api.js";
import { Element, html, live } from "../element.js";
import { clock, day } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";

const ASK_AFTER_MS = 400;
const NUMBER = /^\+[1-9]\d{6,14}$/;
const WAYS = { tts_text: "Say something", template: "Run an IVR or a prompt", device: "Connect my telephone" };

class Place extends Element {
  static properties = {
    page: { attribute: false }, number: {}, way: { state: true }, form: { state: true }, preview: { state: true }, fault: { state: true },
    busy: { state: true }, templates: { state: true }, devices: { state: true },
  };

  #timer;
  #asked = 0;

  constructor() {
    super();
    this.way = "tts_text";
    this.form = { number: "", tts_text: "Hello, this is a call from us.", template: "", device: "", record: false, category: "UTILITY", provider: "" };
    this.templates = this.devices = null;
  }

  connectedCallback() {
    super.connectedCallback();
    api.get("/voice/api/templates/", { is_active: true, page_size: 200 }).then((page) => this.#offer("templates", "template", page.results), () => (this.templates = []));
    api.get("/voice/api/devices/", { user: session.user.id }).then((page) => this.#offer("devices", "device", page.results), () => (this.devices = []));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  #offer(what, field, rows) {
    this[what] = rows;
    if (rows.length && !this.form[field]) this.form = { ...this.form, [field]: rows[0].id };
  }

  willUpdate(changed) {
    if (changed.has("number") && this.number) this.form = { ...this.form, number: this.number };
    if (changed.has("form") || changed.has("way")) this.#ask();
  }

  firstUpdated() {
    this.querySelector("[name=number]").focus();
  }

  get #number() {
    return this.form.number.replace(/[\s().-]/g, "").replace(/^00/, "+");
  }

  get #body() {
    const { record, category, provider } = this.form;
    return { to_number: this.#number, [this.way]: this.form[this.way], record, category, ...(provider && { provider_config_id: provider }) };
  }

  /** Ask what would come of it, once nothing more is typed. */
  #ask() {
    clearTimeout(this.#timer);
    this.preview = this.fault = null;
    const asked = ++this.#asked;
    if (!NUMBER.test(this.#number) || !this.form[this.way]) return;
    this.#timer = setTimeout(async () => {
      try {
        const told = await api.post("/voice/api/calls/", this.#body, { query: { dry_run: true } });
        if (asked === this.#asked) this.preview = told;
      } catch (error) {
        if (asked === this.#asked) this.fault = error.message;
      }
    }, ASK_AFTER_MS);
  }

  async #place(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.fault = null;
    try {
      if (this.way === "device" && this.form.device === this.page.app.telephone?.device) this.page.app.telephone.expect();
      const call = await api.post("/voice/api/calls/", this.#body, { once: true });
      this.page.calls.put(call);
      this.page.app.go(`calls/${call.id}`);
    } catch (error) {
      this.fault = error.message;
    } finally {
      this.busy = false;
    }
  }

  #set(change) {
    this.form = { ...this.form, ...change };
  }

  render() {
    const allowed = this.preview?.verdict.outcome === "allowed";
    const carriers = [...this.page.calls.carriers.values()];
    return html`
      <section class="detail" aria-label="Place a call">
        <header class="detail-head"><a class="icon-button back" href="#/calls" aria-label="Back to the calls">${icons.back}</a><h1>Place a call</h1></header>
        <form class="place" @submit=${this.#place}>
          <label>Number
            <input name="number" type="tel" inputmode="tel" autocomplete="off" placeholder="+1 202 555 0111" required maxlength="24"
              .value=${live(this.form.number)} @input=${(event) => this.#set({ number: event.target.value })}></label>
          <fieldset class="scopes"><legend class="aloud">What the call is for</legend>
            ${Object.entries(WAYS).map(([id, name]) => html`<button type="button" aria-pressed=${this.way === id} @click=${() => (this.way = id)}>${name}</button>`)}</fieldset>
          ${this.#what()}
          <div class="place-more">
            <label>Over <select @change=${(event) => this.#set({ provider: event.target.value })}>
              <option value="">the best trunk</option>
              ${carriers.map((each) => html`<option value=${each.id} ?selected=${each.id === this.form.provider}>${plain(each.name, 40)}</option>`)}</select></label>
            <label>Why one calls <select @change=${(event) => this.#set({ category: event.target.value })}>
              ${[["UTILITY", "Service"], ["MARKETING", "Marketing"]].map(([id, name]) => html`<option value=${id} ?selected=${id === this.form.category}>${name}</option>`)}</select></label>
          </div>
          <label class="line"><input type="checkbox" .checked=${this.form.record} @change=${(event) => this.#set({ record: event.target.checked })}> Record the call</label>
          ${this.preview ? this.#verdict() : ""}
          ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : ""}
          <p><button class="primary" ?disabled=${!allowed || this.busy}>${icons.calls} Call</button></p>
        </form>
      </section>`;
  }

  #what() {
    const choice = (field, rows, none) => rows === null ? html`<p class="soft">Loading…</p>` : rows.length ? html`
      <label>${{ template: "Which", device: "Telephone" }[field]} <select @change=${(event) => this.#set({ [field]: event.target.value })}>
        ${rows.map((row) => html`<option value=${row.id} ?selected=${row.id === this.form[field]}>${plain(row.name, 60)}</option>`)}</select></label>` : html`<p class="soft">${none}</p>`;
    if (this.way === "template") return choice("template", this.templates, "There is no template yet.");
    if (this.way === "device") return choice("device", this.devices, "You have no telephone yet.");
    return html`
      <label>What is said
        <textarea rows="3" maxlength="4000" dir="auto" .value=${live(this.form.tts_text)} @input=${(event) => this.#set({ tts_text: event.target.value })}></textarea></label>`;
  }

  #verdict() {
    const { from_number: from, provider_config_id: id, price, verdict, recording_allowed: may } = this.preview;
    const carrier = this.page.calls.carriers.get(id);
    const rule = verdict.rule ? html` <span class="soft">(${plain(verdict.rule, 60)}: ${plain(verdict.source, 120)})</span>` : "";
    const hours = {
      allowed: () => html`may be placed now`,
      deferred: () => html`<b>not before ${day(verdict.until)}, ${clock(verdict.until)}</b>${rule}`,
      refused: () => html`<b>${plain(verdict.reason, 200)}</b>${rule}`,
    }[verdict.outcome]();
    return html`
      <div role="status" aria-label="What would come of it"><dl class="foreseen ${verdict.outcome}">
        <div><dt>From</dt><dd>${from}${carrier ? html` over <bdi>${plain(carrier.name, 60)}</bdi>` : ""}</dd></div>
        <div><dt>Rate</dt><dd>${price ? `${price.per_minute} ${price.currency} a minute` : "no rate card covers it"}</dd></div>
        <div><dt>Hours</dt><dd>${hours}</dd></div>
        <div><dt>Recording</dt><dd>${may ? "is allowed" : "is not: the contact has not consented"}</dd></div>
      </dl></div>`;
  }
}

customElements.define("jc-place", Place);
