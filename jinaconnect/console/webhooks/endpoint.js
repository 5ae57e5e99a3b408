// One endpoint: how far it has got, what was posted to it and answered, and what can be done about it.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { brief, count, exactly } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { doing, patch, post, refusal, remove, secret, values } from "../parts/form.js";
import { Listing, fault, waiting } from "../parts/listing.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import { WHY, badge, fields, given, takes } from "./shown.js";

const STATES = { delivered: ["Delivered", "good"], retrying: ["Tried again", "wait"], failed: ["Failed", "bad"] };
const NAMES = { edit: "Change the webhook", rotate: "A new secret", replay: "Post again", remove: "Remove the webhook", test: "A test" };

const POSTED_MS = 1500; // after which an event has mostly been posted

class Endpoint extends Element {
  static properties = {
    app: { attribute: false }, list: { attribute: false }, endpoint: {}, row: { attribute: false }, open: { state: true },
    error: { state: true }, shown: { state: true }, tested: { state: true }, secret: { state: true },
  };

  #timer = null;

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => {
      if (this.row && events.some(({ type }) => takes(this.row, type))) this.#later();
    });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
    clearTimeout(this.#timer);
  }

  /** Look again when what has happened should have been posted. */
  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.deliveries.rows.length <= this.deliveries.size) this.#read();
    }, POSTED_MS);
  }

  willUpdate(changed) {
    if (!changed.has("endpoint")) return;
    this.deliveries = new Listing(this, "/webhooks/deliveries/", { endpoint: this.endpoint });
    this.shown = null;
    this.#read();
  }

  async #read() {
    this.error = null;
    this.deliveries.renew();
    try {
      this.list.put(await api.get(`/webhooks/endpoints/${this.endpoint}/`));
    } catch (error) {
      this.error = error;
    }
  }

  #path(what = "") {
    return `/webhooks/endpoints/${this.endpoint}/${what}`;
  }

  #ask(what) {
    this.fault = this.secret = this.tested = null;
    this.open = what;
  }

  async #order(what, said, body = {}) {
    const done = await doing(this, () => post(this.#path(`${what}/`), body), said);
    if (!done) return null;
    const { secret: kept, ...row } = done;
    if (row.id === this.endpoint) this.list.put(row);
    return done;
  }

  async #test() {
    this.#ask("test");
    this.tested = await doing(this, () => post(this.#path("test/")));
  }

  async #edit(event) {
    event.preventDefault();
    const done = await doing(this, () => patch(this.#path(), given(event.target)), "Changed.");
    if (!done) return;
    this.list.put(done);
    this.open = null;
  }

  async #rotate(event) {
    event.preventDefault();
    const hours = values(event.target).hours ?? 0;
    const done = await this.#order("rotate-secret", null, { grace_seconds: hours * 3600 });
    if (done) this.secret = done.secret;
  }

  async #replay(event) {
    event.preventDefault();
    const { since, after, until } = values(event.target);
    const done = await this.#order("replay", "What was asked for is posted again.", { after: since === "start" ? "start" : after ?? "", ...(until && { until }) });
    if (done) this.open = null;
  }

  async #remove() {
    if (!(await doing(this, () => remove(this.#path()), "Removed."))) return;
    this.list.drop(this.endpoint);
    this.app.go("webhooks");
  }

  async #again(row) {
    const done = await doing(this, () => post(`/webhooks/deliveries/${row.id}/redeliver/`));
    if (!done) return this.app.say(this.fault);
    this.deliveries.put(done);
    this.app.say(done.status === "delivered" ? "Posted again and taken." : "Posted again, and not taken.");
  }

  async #show(row) {
    if (this.shown?.id === row.id) return (this.shown = null);
    this.shown = row;
    const whole = await api.get(`/webhooks/deliveries/${row.id}/`).catch(() => row);
    if (this.shown?.id === row.id) this.shown = whole;
  }

  render() {
    const { row } = this;
    if (this.error && !row) return fault(this.error, () => this.#read());
    if (!row) return waiting;
    return html`
      <section class="page">
        <p><a href="#/webhooks">${icons.back} Webhooks</a></p>
        <header class="page-head"><h1><bdi>${plain(row.url, 200)}</bdi></h1>${badge(row)}</header>
        ${row.disabled_reason ? html`<p class="notice bad">${WHY[row.disabled_reason]} <time datetime=${row.disabled_at}>${exactly(row.disabled_at)}</time></p>` : ""}
        ${session.may("webhook.manage") ? this.#buttons() : ""}
        <dl class="figures">
          <div><dt>Events</dt><dd class="small">${plain(row.events.join(", "), 200)}</dd></div>
          <div><dt>Still to be posted</dt><dd>${row.waiting ? count(row.waiting.events) : "–"}</dd></div>
          <div><dt>Behind</dt><dd>${row.waiting ? count(row.waiting.keys_behind) : "–"} <span class="soft small">conversations</span></dd></div>
          ${row.waiting?.next_attempt_at ? html`<div><dt>Next attempt</dt><dd class="small">${exactly(row.waiting.next_attempt_at)}</dd></div>` : ""}
          ${row.former_secret_until ? html`<div><dt>Former secret signs until</dt><dd class="small">${exactly(row.former_secret_until)}</dd></div>` : ""}
        </dl>
        ${row.description ? html`<p>${plain(row.description, 500)}</p>` : ""}
        ${this.open ? "" : refusal(this)}
        ${this.#log()}
        ${dialog(this, "open", NAMES[this.open], () => this.#dialog())}
      </section>`;
  }

  #buttons() {
    const active = this.row.status === "active";
    return html`<div class="entry-buttons from-start">
      ${active ? html`<button @click=${() => this.#order("pause", "Paused: what happens waits.")}>${icons.pause} Pause</button>` : html`<button class="primary" @click=${() => this.#order("resume", "It goes on where it was.")}>${icons.play} Resume</button>`}
      <button @click=${() => this.#test()}>Test</button>
      <button @click=${() => this.#ask("replay")}>Replay…</button>
      <button @click=${() => this.#ask("rotate")}>New secret…</button>
      <button @click=${() => this.#ask("edit")}>Change…</button>
      <button class="danger" @click=${() => this.#ask("remove")}>${icons.bin} Remove…</button></div>`;
  }

  #dialog() {
    const close = () => (this.open = null);
    const buttons = (name, look = "primary") => html`${refusal(this)}<footer><button type="button" @click=${close}>Leave it</button><button class=${look} ?disabled=${this.busy}>${name}</button></footer>`;
    if (this.open === "edit") return html`<form @submit=${(event) => this.#edit(event)}>${fields(this.row)}${buttons("Change")}</form>`;
    if (this.open === "remove") {
      return html`<form @submit=${(event) => (event.preventDefault(), this.#remove())}><p>Nothing more is posted there, and what it was not told yet is left out.</p>${buttons("Remove", "danger")}</form>`;
    }
    if (this.open === "rotate") {
      if (this.secret) return html`${secret(this.app, "Secret", this.secret)}<footer><button class="primary" @click=${close}>Done</button></footer>`;
      return html`<form @submit=${(event) => this.#rotate(event)}><label>For how many hours the former secret signs besides <input name="hours" type="number" min="0" max="168" .value=${"24"}></label>${buttons("Make a new secret")}</form>`;
    }
    if (this.open === "replay") {
      return html`<form @submit=${(event) => this.#replay(event)}><p>A part of the log is posted once more, under the same ids, beside what is new.</p>
        <label>From <select name="since" @change=${() => this.requestUpdate()}><option value="cursor">after a cursor</option><option value="start">the beginning of the log</option></select></label>
        ${this.querySelector("[name=since]")?.value === "start" ? "" : html`<label>Cursor <input name="after" required autocomplete="off"></label>`}
        <label>Until the cursor <input name="until" autocomplete="off" placeholder="now"></label>
        <p class="soft small">What was posted names its cursor in <code>X-Cursor</code>; every list of the API has one.</p>${buttons("Post again")}</form>`;
    }
    if (!this.tested) return html`${this.fault ? refusal(this) : html`<p role="status">Posting an example…</p>`}`;
    const { success, response_code: code, response_time_ms: took, answer, error, event } = this.tested;
    return html`<p><span class="tag ${success ? "good" : "bad"}">${success ? "Taken" : "Not taken"}</span> an example of <code>${event}</code>: ${code ?? plain(error, 200)} in ${count(took)} ms</p>
      ${answer ? html`<p class="sample">${plain(answer, 1000)}</p>` : ""}
      <footer><button class="primary" @click=${close}>Done</button></footer>`;
  }

  #log() {
    const { deliveries } = this;
    const instead = deliveries.instead(html`<p>Nothing was posted ${deliveries.query.status ? "that ended so" : "yet"}.</p>`);
    return html`
      <section aria-label="Deliveries">
        <header class="page-head"><h2>Deliveries</h2>
          <select aria-label="State" @change=${(event) => deliveries.begin({ ...deliveries.query, status: event.target.value })}>
            <option value="">All</option>${Object.entries(STATES).map(([id, [name]]) => html`<option value=${id}>${name}</option>`)}</select>
          <button @click=${() => this.#read()}>Refresh</button></header>
        ${instead ?? html`<table><thead><tr><th class="wide">When</th><th>Event</th><th>State</th><th class="wide number">Answer</th><th><span class="aloud">Do</span></th></tr></thead>
          <tbody>${deliveries.rows.map((row) => this.#delivery(row))}</tbody></table>`}
        ${deliveries.foot()}</section>`;
  }

  #delivery(row) {
    const [name, tone] = STATES[row.status];
    const open = this.shown?.id === row.id;
    return html`
      <tr><td class="wide"><time datetime=${row.created_at} title=${exactly(row.created_at)}>${brief(row.created_at)}</time></td>
        <td><button class="quiet" aria-expanded=${open} @click=${() => this.#show(row)}>${row.type}</button> ${row.replay ? html`<span class="tag">again</span>` : ""}</td>
        <td><span class="tag ${tone}">${name}</span></td>
        <td class="wide number">${row.response_code ?? "–"} <span class="soft small">${count(row.response_time_ms)} ms</span></td>
        <td class="number">${session.may("webhook.manage") ? html`<button class="quiet nowrap" ?disabled=${this.busy} @click=${() => this.#again(row)}>Redeliver</button>` : ""}</td></tr>
      ${open ? html`<tr class="inside"><td colspan="5"><p class="soft small">webhook-id <code>${row.event}</code></p><ol>${(this.shown.attempts ?? []).map((each) => html`
        <li><time datetime=${each.at}>${exactly(each.at)}</time>: ${each.response_code ?? ""} ${plain(each.error ?? "", 200)} <span class="soft small">${count(each.response_time_ms)} ms</span>
          ${each.answer ? html`<div class="sample">${plain(each.answer, 1000)}</div>` : ""}</li>`)}</ol></td></tr>` : ""}`;
  }
}

customElements.define("jc-endpoint", Endpoint);
