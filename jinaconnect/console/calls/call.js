// One call: its state, what can be ordered of it, its facts, its recordings, its timeline.
import { api } from "../api.js";
import { Element, html, repeat } from "../element.js";
import { clock, day, exactly } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain, shown } from "../text.js";
import "./controls.js";
import "./player.js";
import { LIVE, fact, farEnd, lasting, state } from "./words.js";

const PAUSE_MS = 250; // between two readings of a timeline while much happens

class Call extends Element {
  static properties = {
    page: { attribute: false }, calls: { attribute: false }, id: {}, items: { state: true }, recordings: { state: true }, fault: { state: true },
    transcript: { state: true },
  };

  #due = null;

  willUpdate(changed) {
    if (!changed.has("id")) return;
    this.items = this.fault = this.transcript = null;
    this.recordings = [];
    this.#read();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#due);
  }

  /** Take what the feed has just told of calls. */
  heard(events) {
    if (this.#due || !events.some((event) => event.call_id === this.id)) return;
    this.#due = setTimeout(() => {
      this.#due = null;
      this.#read();
    }, PAUSE_MS);
  }

  /** Open a form of the controls: keys or transfer. */
  open(form) {
    const controls = this.querySelector("jc-controls");
    if (controls) controls.form = controls.form === form ? null : form;
  }

  async #read() {
    const id = this.id;
    try {
      const [timeline, recordings, call] = await Promise.all([
        api.get(`/voice/api/calls/${id}/timeline/`),
        api.get("/voice/api/recordings/", { call_id: id, page_size: 20 }),
        this.calls.read(id),
      ]);
      if (id !== this.id) return;
      this.items = timeline.items;
      this.recordings = recordings.results;
      this.transcript = call.transcription;
      this.fault = null;
    } catch (error) {
      if (id === this.id) this.fault = error.status === 404 ? "There is no such call, or it is not yours to see." : error.message;
    }
  }

  render() {
    const call = this.calls.all.get(this.id);
    return html`
      <section class="detail" aria-label="The call">
        <header class="detail-head">
          <a class="icon-button back" href="#/calls" aria-label="Back to the calls">${icons.back}</a>
          ${call ? this.#title(call) : html`<h1>Call</h1>`}
        </header>
        ${this.fault && !this.items ? html`
          <div class="empty" role="alert"><p>${this.fault}</p><button @click=${() => this.#read()}>Try again</button></div>`
          : call && this.items ? this.#content(call) : html`<div class="skeletons" role="status" aria-label="Loading"><div class="skeleton"></div><div class="skeleton"></div></div>`}
      </section>`;
  }

  #title(call) {
    const name = this.calls.name(call);
    const lasted = this.calls.lasted(call);
    return html`
      <div class="title"><h1><bdi>${name ? plain(name, 80) : farEnd(call)}</bdi></h1>
        <span class="soft">${call.direction === "inbound" ? "called us" : "was called"}${name && name !== farEnd(call) ? html` · ${farEnd(call)}` : ""}</span></div>
      <span class="tag state s-${call.status.toLowerCase()} ${call.held ? "held" : ""}">${state(call)}</span>
      ${lasted === null ? "" : html`<span class="lasted" role="timer">${lasting(lasted)}</span>`}`;
  }

  #content(call) {
    const live = LIVE.includes(call.status);
    return html`
      <div class="detail-body">
        ${this.page.act.hears(call) ? html`<p><button @click=${() => this.page.act.listen(call)}>${icons.headset} Listen to this call</button></p>` : ""}
        ${live && this.page.act.may(call) ? html`<jc-controls .page=${this.page} .calls=${this.calls} .call=${{ ...call }}></jc-controls>` : ""}
        ${call.keys.length ? html`<p class="pressed large"><span class="soft">Pressed</span> ${call.keys.map(({ digit }) => html`<kbd>${digit}</kbd>`)}</p>` : ""}
        ${this.#facts(call)}
        ${this.#taped()}
        <h2>Timeline</h2>
        <ol class="facts">${repeat(this.items, (item, at) => `${item.at}${item.type}${at}`, (item) => html`
          <li class=${item.type.startsWith("call.") || item.type.startsWith("recording.") ? "" : "minor"}>
            <time datetime=${item.at} title=${exactly(item.at)}>+${(item.offset_ms / 1000).toFixed(1)} s</time>
            <span><bdi>${fact(item, this.page.app.inbox.people)}</bdi>${item.inferred ? html` <span class="tag">concluded</span>` : ""}</span>
            <span class="soft">${item.source}</span></li>`)}</ol>
      </div>`;
  }

  #facts(call) {
    const carrier = this.calls.carriers.get(call.provider_config);
    const people = this.page.app.inbox.people;
    const rows = [
      ["From", call.from_number], ["To", call.to_number],
      ["Carrier", carrier && (carrier.label === carrier.name ? carrier.name : `${carrier.name} · ${carrier.label}`)],
      ["IVR", LIVE.includes(call.status) && call.node ? `at ${call.node}` : null],
      ["Agent", call.user && (people.get(call.user) ?? "a colleague")],
      ...call.legs.filter((leg) => leg.role !== "customer").map((leg) => [leg.role === "agent" ? "Agent's line" : "Third party", [leg.number, leg.state].filter(Boolean).join(" · ")]),
      ["Answered", call.started_at && `${day(call.started_at)}, ${clock(call.started_at)}`],
      ["Cost", call.cost_amount === null ? null : `${call.cost_amount} ${call.cost_currency}`],
    ].filter(([, value]) => value);
    return html`
      <dl class="call-dl">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd><bdi>${plain(value, 120)}</bdi></dd></div>`)}
        ${call.contact && session.may("inbox.view") ? html`<div><dt>Contact</dt><dd><a href="#/inbox/${call.contact}">Conversation</a></dd></div>` : ""}</dl>`;
  }

  #taped() {
    const may = session.may("voice.listen");
    return html`
      ${repeat(this.recordings, (each) => each.id, (each) => html`<jc-player .recording=${each} ?may=${may}></jc-player>`)}
      ${this.transcript && !this.recordings.some((each) => each.transcription !== null) ? html`
        <section class="transcript-box"><h2>Transcript</h2>
          <p class="soft small">${[this.transcript.provider, this.transcript.confidence !== null && `${Math.round(this.transcript.confidence * 100)} % sure`].filter(Boolean).join(" · ")}</p>
          <div class="transcript" dir="auto">${shown(this.transcript.text)}</div></section>` : ""}`;
  }
}

customElements.define("jc-call", Call);
