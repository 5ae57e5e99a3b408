// Calls: what lives and what ended, one call, and placing one.
import { Element, html } from "../element.js";
import { session } from "../session.js";
import { sheet } from "../sheet.js";
import "./board.js";
import "./call.js";
import { spoken } from "./controls.js";
import { orders } from "./orders.js";
import "./place.js";
import { Calls } from "./store.js";
import { LIVE } from "./words.js";

await sheet(new URL("../pages.css", import.meta.url));
await sheet(new URL("./calls.css", import.meta.url));

export default class CallsPage extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, now: { state: true } };

  #timer;

  connectedCallback() {
    super.connectedCallback();
    this.calls = this.app.calls ??= new Calls(this.app);
    this.act = orders(this);
    this.leave = this.calls.watch((events) => this.#changed(events));
    if (!this.calls.loaded) this.calls.load();
    this.#timer = setInterval(() => this.calls.live.length && !document.hidden && this.requestUpdate(), 1000);
    this.app.keys.bind("Calls", this.#commands());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
    clearInterval(this.#timer);
    this.app.keys.unbind("Calls");
  }

  get chosen() {
    return this.path?.[0] && this.path[0] !== "new" ? this.path[0] : null;
  }

  get call() {
    return this.chosen ? this.calls.all.get(this.chosen) : null;
  }

  #changed(events) {
    this.requestUpdate();
    this.querySelector("jc-call")?.heard(events);
  }

  #step(by) {
    const rows = [...this.calls.live, ...this.calls.ended];
    const at = rows.findIndex((call) => call.id === this.chosen);
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next) this.app.go(`calls/${next.id}`);
  }

  #commands() {
    const may = (permission) => () => session.may(permission);
    const live = () => Boolean(this.call && LIVE.includes(this.call.status) && this.act.may(this.call));
    const can = (verb) => () => live() && this.calls.can(this.call, verb);
    const talking = (verb) => () => can(verb)() && (spoken(this.call) || this.call.held);
    const order = (id, name, keys, verb, run, more = {}) => ({ id: `call.${id}`, name, keys, may: may("voice.control"), when: can(verb), run, ...more });
    const detail = () => this.querySelector("jc-call");
    return [
      { id: "call.next", name: "Next call", keys: "j", run: () => this.#step(1) },
      { id: "call.previous", name: "Previous call", keys: "k", run: () => this.#step(-1) },
      { id: "call.place", name: "Place a call", keys: "c", may: may("voice.call"), run: () => this.app.go("calls/new") },
      order("hangup", "Hang up", "e", "hangup", () => this.act.hangUp(this.call), { danger: true }),
      order("hold", "Hold, or take up again", "h", "hold", () => this.act.hold(this.call), { when: talking("hold") }),
      order("mute", "Mute the agent, or no more", "m", "mute", () => this.act.mute(this.call, "agent"), { when: talking("mute") }),
      order("keys", "Press keys", "d", "dtmf", () => detail()?.open("keys")),
      order("transfer", "Transfer", "t", "transfer", () => detail()?.open("transfer")),
      order("record", "Record, or pause the recording", "v", "record:start", () => this.act.record(this.call)),
      { id: "call.leave", name: "Out of the field, back to the board", keys: "Escape", anywhere: true, run: () => this.#leave() },
    ];
  }

  #leave() {
    const field = document.activeElement;
    if (field && field !== document.body) return field.blur();
    if (this.path?.[0]) this.app.go("calls");
  }

  render() {
    const placing = this.path?.[0] === "new";
    return html`
      <div class="calls ${placing || this.chosen ? "with-detail" : ""}">
        <jc-board .page=${this} .calls=${this.calls} .chosen=${this.chosen}></jc-board>
        ${placing ? html`<jc-place .page=${this} .number=${this.path[1] ?? ""}></jc-place>` : ""}
        ${this.chosen ? html`<jc-call .page=${this} .calls=${this.calls} .id=${this.chosen}></jc-call>` : ""}
      </div>`;
  }

  requestUpdate(...args) {
    for (const part of this.querySelectorAll?.("jc-board, jc-call") ?? []) part.requestUpdate();
    return super.requestUpdate(...args);
  }
}

customElements.define("jc-calls", CallsPage);
