// The board: live calls, then those that ended.
import { Element, classMap, html, nothing, repeat } from "../element.js";
import { brief, count, exactly } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import { farEnd, lasting, state } from "./words.js";

const MOST = 200; // live calls drawn

class Board extends Element {
  static properties = { page: { attribute: false }, calls: { attribute: false }, chosen: {}, reading: { state: true } };

  render() {
    const { live, ended, loaded, error } = this.calls;
    return html`
      <section class="board" aria-label="All calls">
        <header class="board-head">
          <h1>Calls</h1>
          <span class="soft" role="status">${loaded ? (live.length ? `${count(live.length)} live` : "nobody on the line") : ""}</span>
          <span class="gap"></span>
          ${this.page.app.telephone || session.mode === "test" || !session.may("voice.call") ? "" : html`
            <button title="Use this browser as a telephone" @click=${() => this.#telephone()}>${icons.headset} <span class="wide">Use this browser as a telephone</span><span class="aloud narrow">Use this browser as a telephone</span></button>`}
          ${session.may("voice.call") ? html`<a class="button primary" href="#/calls/new">${icons.calls} Call</a>` : ""}
        </header>
        ${error && !loaded ? html`
          <div class="empty" role="alert"><p>${error.message}</p><button @click=${() => this.calls.load()}>Try again</button></div>`
          : !loaded ? skeleton : this.#lists(live, ended)}
      </section>`;
  }

  #lists(live, ended) {
    if (!live.length && !ended.length) {
      return html`<div class="empty"><p>There was no call yet.</p>
        ${session.may("voice.call") ? html`<p class="soft">Press <kbd>C</kbd> to place one.</p>` : ""}</div>`;
    }
    return html`
      <div class="board-rows" tabindex="-1">
        <h2 class="aloud">Live</h2>
        <ul class="live-calls">${repeat(live.slice(0, MOST), (call) => call.id, this.#row)}</ul>
        ${live.length > MOST ? html`<p class="soft more">and ${count(live.length - MOST)} more</p>` : ""}
        ${ended.length ? html`
          <h2 class="group">Ended</h2>
          <ul>${repeat(ended, (call) => call.id, this.#row)}</ul>` : ""}
        ${this.calls.next ? html`<p class="more"><button ?disabled=${this.reading} @click=${this.#more}>Show earlier ones</button></p>` : ""}
      </div>`;
  }

  async #telephone() {
    const { begin } = await import("./softphone.js");
    await begin(this.page.app);
    this.requestUpdate();
  }

  async #more() {
    this.reading = true;
    await this.calls.more().catch((error) => this.page.app.say(error.message));
    this.reading = false;
  }

  #row = (call) => {
    const name = this.calls.name(call);
    const lasted = this.calls.lasted(call);
    const carrier = this.calls.carriers.get(call.provider_config);
    const agent = call.user && this.page.app.inbox.people.get(call.user);
    const inbound = call.direction === "inbound";
    const over = Boolean(call.ended_at) || ["COMPLETED", "FAILED", "CANCELED"].includes(call.status);
    return html`
      <li class="call-li">${this.page.act.hears(call) ? html`
        <button class="icon-button hear" aria-label="Listen to ${name ? plain(name, 60) : farEnd(call)}" @click=${() => this.page.act.listen(call)}>${icons.headset}</button>` : ""}<a class=${classMap({ "call-row": true, chosen: call.id === this.chosen, over })} href="#/calls/${call.id}"
        aria-current=${call.id === this.chosen ? "true" : nothing} data-status=${call.status}>
        <span class="way ${inbound ? "in" : "out"}">${icons[inbound ? "callIn" : "callOut"]}<span class="aloud">${inbound ? "in:" : "out:"}</span></span>
        <b><bdi>${name ? plain(name, 60) : farEnd(call)}</bdi></b>
        <span class="lasted">${over ? html`<time datetime=${call.created_at} title=${exactly(call.created_at)}>${brief(call.created_at)}</time>`
          : lasted === null ? "" : html`<span role="timer">${lasting(lasted)}</span>`}</span>
        <span class="call-facts">
          <span class="tag state s-${call.status.toLowerCase()} ${call.held ? "held" : ""}">${state(call)}</span>
          ${over && lasted !== null ? html`<span class="soft">${lasting(lasted)}</span>` : ""}
          ${call.recording?.state === "recording" ? html`<span class="tag taped">recording</span>` : ""}
          ${!over && call.node ? html`<span class="tag node" ><span class="aloud">in the IVR at </span>${plain(call.node, 40)}</span>` : ""}
          ${call.keys.length ? html`<span class="pressed"><span class="aloud">pressed: </span>${call.keys.map(({ digit }) => html`<kbd>${digit}</kbd>`)}</span>` : ""}
          <span class="soft rest"><bdi>${[name && name !== farEnd(call) && farEnd(call), carrier && plain(carrier.name, 40), agent && plain(agent, 40)].filter(Boolean).join(" · ")}</bdi></span>
        </span>
      </a></li>`;
  };
}

const skeleton = html`<div class="skeletons" role="status" aria-label="Loading">${[1, 2, 3, 4, 5].map(() => html`<div class="skeleton"></div>`)}</div>`;

customElements.define("jc-board", Board);
