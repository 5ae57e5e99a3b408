// One broadcast: how far it is, what became of its recipients, and what can be done about it.
import { api } from "../api.js";
import { lasting } from "../calls/words.js";
import { Element, html } from "../element.js";
import { brief, count, exactly } from "../format.js";
import { icons } from "../icons.js";
import { doing, post, refusal, save } from "../parts/form.js";
import { Listing, fault, waiting } from "../parts/listing.js";
import { dialog } from "../parts/dialog.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import { OUTCOMES, callFigures, keysPressed } from "./called.js";
import { CALLED, PLATFORMS, ROWS, badge, bar, share, when } from "./shown.js";

const EDITABLE = ["DRAFT", "SCHEDULED", "CANCELLED"];
const CANCELLABLE = ["SCHEDULED", "SENDING", "PAUSED", "MISSED"];
const RESUMABLE = ["PAUSED", "MISSED", "SENT", "PARTIALLY_SENT", "FAILED"];
const SCOPES = {
  pending: "Those not asked yet", failed: "Those it failed for", unknown: "Those of whom nobody knows", all: "All of these",
};
const AGAIN_MS = 1500; // between two readings of the figures while much happens
const RARELY_MS = 10_000; // where it may be of something else
const spoken = (row) => row.platform === "VOICE";

class Report extends Element {
  static properties = {
    app: { attribute: false }, list: { attribute: false }, broadcast: {}, row: { attribute: false }, stats: { state: true },
    error: { state: true }, asking: { state: true }, scopes: { state: true }, scope: { state: true },
  };

  willUpdate(changed) {
    if (changed.has("broadcast")) {
      this.rows = new Listing(this, "/broadcast/messages/", { broadcast: this.broadcast });
      this.rows.begin();
      this.#read();
    } else if (changed.has("row") && changed.get("row")) this.#later();
  }

  async #read() {
    this.error = null;
    try {
      const row = await api.get(`/broadcast/${this.broadcast}/`);
      this.list.put(row);
      this.stats = await this.#counted(row);
    } catch (error) {
      this.error = error;
    }
  }

  /** Read what became of everybody so far. */
  #counted(row = this.row) {
    return spoken(row) ? api.get(`/broadcast/${row.id}/calls/`) : api.get("/broadcast/messages/stats/", { broadcast: row.id });
  }

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => {
      for (const { type, data } of events) {
        if (type.startsWith("message.") && data.direction === "OUTGOING") this.#reported(data);
      }
    });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
    clearTimeout(this.timer);
  }

  /** Take what was reported of a message, where it is one of this broadcast's. */
  #reported(message) {
    if (this.rows?.rows.some((each) => each.message === message.id)) this.#later();
    else if (this.row?.total_messages > this.rows?.rows.length) this.#later(RARELY_MS);
  }

  /** Read figures and recipients again some time after something has changed, and the last time after the last change. */
  #later(pause = AGAIN_MS) {
    this.stale = true;
    this.timer ??= setTimeout(async () => {
      this.stale = false;
      this.stats = await this.#counted().catch(() => this.stats);
      if (this.rows.rows.length <= this.rows.size) await this.rows.renew();
      this.timer = null;
      if (this.stale && this.isConnected) this.#later(pause);
    }, pause);
  }

  async #results() {
    await doing(this, async () => save(await api.get(`/broadcast/${this.broadcast}/results/`, {}, { file: true, patience: 60_000 }), `${this.row.name}.csv`));
  }

  /** Pause or cancel it, for the reason given. */
  async #stop(what, event) {
    event.preventDefault();
    const reason = event.target.elements.reason.value.trim();
    const done = await doing(this, () => post(`/broadcast/${this.broadcast}/${what}/`, { reason }));
    if (!done) return;
    this.asking = null;
    if (what === "pause") this.list.put(done);
    this.app.say(what === "pause" ? "Paused." : `Cancelled: ${count(done.messages_cancelled)} will not be ${spoken(this.row) ? "called" : "sent to"}.`);
  }

  /** What can be done with it now by key: pausing it, or going on. */
  get halting() {
    const { status } = this.row ?? {};
    return status === "SENDING" ? session.may("broadcast.cancel") && "pause" : status === "PAUSED" && session.may("broadcast.create") && "resume";
  }

  halt() {
    this.fault = null;
    if (this.halting === "resume") this.#askResume();
    else this.asking = "pause";
  }

  /** Ask how many each scope would be before anybody chooses one. */
  async #askResume() {
    this.scopes = null;
    this.scope = "pending";
    this.fault = null;
    this.asking = "resume";
    const found = await Promise.all(Object.keys(SCOPES).map((scope) =>
      api.post(`/broadcast/${this.broadcast}/resume/?dry_run=true`, { scope }).then((told) => [scope, told.total], () => [scope, 0])));
    this.scopes = Object.fromEntries(found);
    this.scope = found.find(([, total]) => total)?.[0] ?? "pending";
  }

  async #resume() {
    const done = await doing(this, () => post(`/broadcast/${this.broadcast}/resume/`, { scope: this.scope }));
    if (!done) return;
    this.asking = null;
    this.app.say(`Goes on: ${count(done.total)} recipients.`);
  }

  render() {
    const { row } = this;
    if (this.error && !row) return fault(this.error, () => this.#read());
    if (!row) return waiting;
    return html`
      <section class="page">
        <p><a href="#/broadcasts">${icons.back} Broadcasts</a></p>
        <header class="page-head"><h1><bdi>${plain(row.name, 120)}</bdi></h1> ${badge(row.status)} <span class="tag">${PLATFORMS[row.platform]}</span>
          <span class="gap"></span>${this.#buttons()}</header>
        <p class="soft">${when(row)}${row.created_by ? html` · by <bdi>${plain(row.created_by, 80)}</bdi>` : ""}</p>
        ${row.reason_for_cancellation ? html`<p class="notice">${plain(row.reason_for_cancellation, 500)}</p>` : ""}
        ${bar(row)}
        ${!this.stats || !row.started_at ? "" : spoken(row) ? html`${callFigures(this.stats)} ${keysPressed(this.stats)}` : this.#figures()}
        ${this.asking ? "" : refusal(this)}
        ${this.#recipients()}
        ${dialog(this, "asking", { resume: this.#again, pause: "Pause the broadcast", cancel: "Cancel the broadcast" }[this.asking], () => (this.asking === "resume" ? this.#resuming() : this.#stopping(this.asking)))}
      </section>`;
  }

  get #again() {
    return this.row.status === "PAUSED" ? "Go on" : spoken(this.row) ? "Call again" : "Send again";
  }

  #buttons() {
    const { row } = this;
    return html`
      ${RESUMABLE.includes(row.status) && session.may("broadcast.create") ? html`<button @click=${() => this.#askResume()}>${this.#again}…</button>` : ""}
      ${this.halting === "pause" ? html`<button @click=${() => this.halt()}>${icons.pause} Pause…</button>` : ""}
      ${EDITABLE.includes(row.status) && session.may("broadcast.create") ? html`<a class="button" href="#/broadcasts/${row.id}/edit">Edit</a>` : ""}
      ${CANCELLABLE.includes(row.status) && session.may("broadcast.cancel") ? html`<button class="danger" @click=${() => ((this.fault = null), (this.asking = "cancel"))}>Cancel…</button>` : ""}
      ${row.started_at ? html`<button @click=${() => this.#results()} ?disabled=${this.busy}>${icons.file} CSV</button>` : ""}`;
  }

  #stopping(what) {
    const { row } = this;
    const pause = what === "pause";
    const left = row.started_at ? row.pending_count + row.queued_count : row.recipient_count;
    return html`<form @submit=${(event) => this.#stop(what, event)}>
      ${pause ? html`<p>Nobody more is ${spoken(row) ? "called" : "sent to"} until somebody goes on with it. What is reserved for it stays reserved.</p>` : html`<p><b>${count(left)}</b> recipients will not be ${spoken(row) ? "called. Calls that ring or are up end by themselves." : "sent to. Who was, has it."} It can be scheduled again later, for those alone who were left.</p>`}
      <label>Why <input name="reason" maxlength="500" dir="auto" autocomplete="off" placeholder="for those who wonder later" autofocus></label>
      ${refusal(this)}
      <footer><button type="button" @click=${() => (this.asking = null)}>Leave it</button><button class=${pause ? "primary" : "danger"} ?disabled=${this.busy}>${pause ? "Pause" : "Cancel the broadcast"}</button></footer></form>`;
  }

  #resuming() {
    if (!this.scopes) return html`<p class="soft" role="status">Counting…</p>`;
    return html`<form @submit=${(event) => (event.preventDefault(), this.#resume())}>
      <fieldset><legend>To whom?</legend>
        ${Object.entries(SCOPES).map(([scope, name]) => html`<label class="line"><input type="radio" name="scope" .checked=${scope === this.scope} ?disabled=${!this.scopes[scope]}
          @change=${() => (this.scope = scope)}> ${name} <b>${count(this.scopes[scope])}</b></label>`)}</fieldset>
      ${["unknown", "all"].includes(this.scope) && this.scopes.unknown ? html`<p class="notice">Of ${count(this.scopes.unknown)} nobody knows whether ${spoken(this.row) ? "they were called: they may be called" : "they have the message: they may get it"} twice.</p>` : ""}
      ${refusal(this)}
      <footer><button type="button" @click=${() => (this.asking = null)}>Leave it</button>
        <button class="primary" ?disabled=${this.busy || !this.scopes[this.scope]}>${spoken(this.row) ? "Call" : "Send to"} ${count(this.scopes[this.scope])}</button></footer></form>`;
  }

  #figures() {
    const by = this.stats.status_breakdown;
    const reached = by.sent + by.delivered + by.read;
    const figure = (name, value, soft = "") => html`<div><dt>${name}</dt><dd>${value} <span class="soft small">${soft}</span></dd></div>`;
    return html`<dl class="figures">
      ${figure("Sent", count(reached), `of ${count(this.stats.total_messages)}`)}
      ${figure("Delivered", share(by.delivered + by.read, reached), count(by.delivered + by.read))}
      ${figure("Read", share(by.read, reached), count(by.read))}
      ${figure("Answered", share(this.stats.replied_count, reached), count(this.stats.replied_count))}
      ${figure("Failed", count(by.failed))}
      ${figure("Not to be written to", count(by.blocked))}
      ${by.unknown ? figure("Unknown", count(by.unknown)) : ""}
    </dl>`;
  }

  #recipients() {
    if (!this.row.started_at) return "";
    const instead = this.rows.instead(html`<p>Nobody ${this.rows.query.status ? "is in this state" : "yet"}.</p>`);
    return html`
      <section aria-label="Recipients"><header class="page-head"><h2>Recipients</h2>
        <select aria-label="State" @change=${(event) => this.rows.begin({ ...this.rows.query, status: event.target.value })}>
          <option value="">All states</option>${Object.entries(ROWS).filter(([state]) => state !== "QUEUED").map(([state, name]) => html`<option value=${state}>${(spoken(this.row) ? CALLED[state] : null) ?? name}</option>`)}</select></header>
        ${instead ?? html`<table><thead><tr><th>Who</th><th>State</th><th class="wide">When</th><th>Why</th></tr></thead>
          <tbody>${this.rows.rows.map((each) => this.#recipient(each))}</tbody></table>`}
        ${this.rows.foot()}</section>`;
  }

  #recipient(each) {
    const at = each.replied_at ?? each.read_at ?? each.delivered_at ?? each.sent_at ?? each.failed_at ?? each.updated_at;
    const name = html`<bdi>${plain(each.contact_name, 60)}</bdi> <span class="soft small nowrap">${each.contact_phone === each.contact_name ? "" : each.contact_phone}</span>`;
    return html`<tr>
      <td>${session.may("inbox.view") ? html`<a href="#/inbox/${each.contact}">${name}</a>` : name}</td>
      <td><span class="tag ${each.status === "FAILED" || each.status === "BLOCKED" ? "bad" : each.status === "READ" || each.status === "DELIVERED" ? "good" : ""}">${OUTCOMES[each.outcome] ?? (spoken(this.row) ? CALLED[each.status] : null) ?? ROWS[each.status]}</span>
        ${each.seconds ? html`<span class="soft small">${lasting(each.seconds)}</span>` : ""} ${each.answers.map(({ digits }) => html`<kbd>${digits}</kbd>`)}
        ${each.call && session.may("voice.view") ? html`<a class="small" href="#/calls/${each.call}">the call</a>` : ""}
        ${each.replied_at ? html`<span class="tag good">Answered</span>` : ""}</td>
      <td class="wide"><time datetime=${at} title=${exactly(at)}>${brief(at)}</time></td>
      <td class="small">${plain([each.error_code, each.response].filter(Boolean).join(": "), 160)}</td></tr>`;
  }
}

customElements.define("jc-broadcast-report", Report);
