// The orders for a live call. What its carrier cannot do is not offered.
import { Element, html, live } from "../element.js";
import { icons } from "../icons.js";
import { plain } from "../text.js";

/** Tell whether somebody of ours talks in a call, who can hold it or be muted. */
export function spoken(call) {
  return call.legs.some((leg) => leg.role !== "customer" && leg.state === "up");
}

const ORDERS = ["hangup", "hold", "mute", "dtmf", "transfer", "record:start"];
const PAD = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

class Controls extends Element {
  static properties = {
    page: { attribute: false }, calls: { attribute: false }, call: { attribute: false }, form: { state: true }, busy: { state: true },
    to: { state: true }, mode: { state: true }, sent: { state: true }, consultation: { state: true },
  };

  constructor() {
    super();
    this.to = this.sent = "";
    this.mode = "blind";
  }

  updated(changed) {
    if (changed.has("form") && this.form) this.querySelector(this.form === "transfer" ? "[name=to]" : ".pad button")?.focus();
  }

  async #do(verb, ...args) {
    if (this.busy) return null;
    this.busy = true;
    const told = await this.page.act[verb](this.call, ...args);
    this.busy = false;
    return told;
  }

  async #transfer(event) {
    event.preventDefault();
    const told = await this.#do("transfer", this.to.replace(/[\s()]/g, ""), this.mode);
    if (!told) return;
    this.consultation = told.consultation;
    this.form = null;
  }

  async #end(verb) {
    if (await this.#do(verb)) this.consultation = null;
  }

  render() {
    const { call } = this;
    const can = (verb) => this.calls.can(call, verb);
    const talking = call.status === "IN_PROGRESS";
    const agent = spoken(call);
    const consulting = this.consultation ?? call.legs.find((leg) => leg.role === "party" && leg.call && leg.state !== "ended" && call.held)?.call;
    const button = (name, icon, run, pressed) => html`
      <button ?disabled=${this.busy} aria-pressed=${pressed === undefined ? "false" : String(pressed)} @click=${run}>${icon} ${name}</button>`;
    const plainButton = (name, icon, run, kind = "") => html`<button class=${kind} ?disabled=${this.busy} @click=${run}>${icon} ${name}</button>`;
    return html`
      ${ORDERS.some(can) ? "" : html`<p class="soft">Its carrier takes no orders for a call that lives.</p>`}
      <div class="controls" role="group" aria-label="What the call is to do">
        ${can("hangup") ? plainButton("Hang up", icons.hangUp, () => this.#do("hangUp"), "bad") : ""}
        ${talking && can("hold") && (agent || call.held) ? button("Hold", icons.pause, () => this.#do("hold"), call.held) : ""}
        ${talking && can("mute") && agent ? button("Mute", icons.mute, () => this.#do("mute", "agent"), call.muted.includes("agent")) : ""}
        ${talking && can("dtmf") ? button("Keys", icons.keypad, () => (this.form = this.form === "keys" ? null : "keys"), this.form === "keys") : ""}
        ${talking && can("transfer") && !consulting ? button("Transfer", icons.transfer, () => (this.form = this.form === "transfer" ? null : "transfer"), this.form === "transfer") : ""}
        ${talking ? this.#record(can, plainButton) : ""}
        ${consulting ? html`
          ${can("complete") ? plainButton("Connect the two", icons.check, () => this.#end("complete"), "primary") : ""}
          ${can("cancel") ? plainButton("Back to the customer", icons.back, () => this.#end("cancel")) : ""}` : ""}
      </div>
      ${this.form === "keys" ? this.#pad() : this.form === "transfer" ? this.#whom(agent) : ""}`;
  }

  #record(can, button) {
    const { call } = this;
    const state = call.recording?.state;
    if (call.metadata.recording_allowed === false) return html`<span class="soft small no-consent">Not recorded: the contact has not consented.</span>`;
    return html`
      ${state !== "recording" && state !== "paused" && can("record:start") ? button("Record", icons.record, () => this.#do("record", "start")) : ""}
      ${state === "recording" && can("record:pause") ? button("Pause the recording", icons.pause, () => this.#do("record", "pause")) : ""}
      ${state === "paused" && can("record:resume") ? button("Record on", icons.record, () => this.#do("record", "resume")) : ""}
      ${(state === "recording" || state === "paused") && can("record:stop") ? button("Stop recording", icons.stop, () => this.#do("record", "stop")) : ""}`;
  }

  #pad() {
    return html`
      <div class="pad" role="group" aria-label="Keys towards the customer">
        ${PAD.map((digit) => html`<button @click=${async () => (await this.page.act.keys(this.call, digit)) && (this.sent += digit)}>${digit}</button>`)}
        ${this.sent ? html`<output class="soft">Sent: ${this.sent}</output>` : ""}
      </div>`;
  }

  #whom(agent) {
    return html`
      <form class="transfer" @submit=${this.#transfer}>
        <label>To whom <input name="to" required minlength="3" maxlength="320" autocomplete="off" placeholder="+1 202 555 0188 or sip:…"
          .value=${live(this.to)} @input=${(event) => (this.to = event.target.value)}></label>
        <label>How <select @change=${(event) => (this.mode = event.target.value)}>
          <option value="blind" ?selected=${this.mode === "blind"}>at once</option>
          ${agent ? html`<option value="attended" ?selected=${this.mode === "attended"}>after asking them</option>` : ""}</select></label>
        <button class="primary" ?disabled=${this.busy || this.to.trim().length < 3}>Transfer ${plain(this.to, 30)}</button>
      </form>`;
  }
}

customElements.define("jc-controls", Controls);
