// One trunk: its state, its charts, its test.
import { api } from "../api.js";
import { Element, html, live } from "../element.js";
import { brief } from "../format.js";
import { icons } from "../icons.js";
import { copied } from "../parts/form.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import "./chart.js";
import { STATES, account, known, milliseconds, percent, registration, seconds, tested } from "./words.js";

const WINDOWS = { "1h": "An hour", "24h": "A day" };
const TEST_MS = 30_000; // a test call takes up to twenty seconds

class Trunk extends Element {
  static properties = {
    page: { attribute: false }, id: {}, trunk: { attribute: false }, window: { state: true }, figures: { state: true }, result: { state: true },
    fault: { state: true }, busy: { state: true }, callTo: { state: true }, config: { state: true }, hooks: { state: true },
  };

  constructor() {
    super();
    this.window = "24h";
    this.callTo = "";
  }

  willUpdate(changed) {
    if (changed.has("id")) {
      this.figures = this.result = this.fault = this.config = this.hooks = null;
      api.get(`/voice/api/provider-configs/${this.id}/`).then((found) => (this.config = found), () => {});
      if (this.#hosted) api.get(`/voice/api/provider-configs/${this.id}/inbound-url/`).then((found) => (this.hooks = found), () => {});
    }
    if (changed.has("id") || changed.has("window")) this.read();
  }

  /** Tell whether it is an account over HTTP, of which no Asterisk knows. */
  get #hosted() {
    return this.trunk.provider !== "sip";
  }

  /** Read the figures of the charts. */
  async read() {
    const { id, window } = this;
    const told = await this.page.ask("voice.trunks.figures", `/voice/api/provider-configs/${id}/figures/`, { id, window }).catch(() => null);
    if (told && id === this.id && window === this.window) this.figures = told;
  }

  async test(event) {
    event?.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.result = this.fault = null;
    try {
      const to = this.callTo.replace(/[\s().-]/g, "");
      this.result = await api.post(`/voice/api/provider-configs/${this.id}/test/`, to ? { call_to: to } : {}, { once: true, patience: TEST_MS });
    } catch (error) {
      this.fault = error.message;
    } finally {
      this.busy = false;
    }
  }

  async #enable(on) {
    try {
      this.config = await api.patch(`/voice/api/provider-configs/${this.id}/`, { enabled: on }, { once: true });
      this.page.app.say(on ? "Switched on." : "Switched off: no call goes over it.", () => this.#enable(!on));
      this.page.read();
    } catch (error) {
      this.page.app.say(error.message);
    }
  }

  render() {
    const { trunk } = this;
    const { name, kind } = this.#hosted ? account(this.config) : STATES[trunk.status];
    return html`
      <section class="page">
        <p><a href="#/trunks">${icons.back} All trunks</a></p>
        <header class="page-head"><h1><bdi>${plain(trunk.name, 80)}</bdi></h1><span class="tag ${kind}">${name}</span>
          ${trunk.since ? html`<span class="soft">since ${brief(trunk.since)}</span>` : ""}
          ${this.config ? html`<button @click=${() => this.#enable(!this.config.enabled)}>${this.config.enabled ? "Switch off" : "Switch on"}</button>` : ""}</header>
        <dl class="figures">
          ${[["Carrier", trunk.label], ["Calls now", `${trunk.calls}${trunk.cap < 0 ? "" : ` of ${trunk.cap}`}`], ...(this.#hosted ? [["Credentials", known(this.config)]] : [
            ["Registration", registration(trunk.registration)], ["Round trip, half below", milliseconds(trunk.options.p50_ms)], ["99 % below", milliseconds(trunk.options.p99_ms)], ["Lost in 5 min", trunk.options.lost_5m]])].map(([what, value]) => html`
            <div><dt>${what}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>
        ${this.#charts()}
        ${this.#test()}
        ${this.hooks ? html`
          <section class="test card" aria-label="Webhook addresses"><h2>Webhook addresses</h2>
            <p class="soft">For calls that come in and for their status, set this at the carrier, at each number. Calls that go out bring their own.</p>
            ${copied(this.page.app, "Calls that come in", this.hooks.url)}
            ${this.hooks.signed.length ? html`<details><summary>Others, which the carrier's signature opens</summary>${this.hooks.signed.map(({ name, url }) => copied(this.page.app, name, url))}</details>` : ""}</section>` : ""}
      </section>`;
  }

  #charts() {
    const { figures } = this;
    const held = this.trunk.windows[this.window];
    const at = (rows) => rows.map((row) => Date.parse(row.at) / 1000);
    const slots = figures?.slots ?? [];
    const of = (name, times = 1) => slots.map((slot) => (slot[name] === null ? null : slot[name] * times));
    const some = slots.some((slot) => slot.attempts);
    return html`
      <div class="scopes chart-window" role="group" aria-label="How far back">
        ${Object.entries(WINDOWS).map(([id, name]) => html`<button aria-pressed=${this.window === id} @click=${() => (this.window = id)}>${name}</button>`)}</div>
      <div class="charts" aria-busy=${figures ? "false" : "true"}>
        <jc-chart .name=${"Answered (ASR) and carried (NER), %"} .most=${100} .at=${some ? at(slots) : []} .lines=${[
          { name: "NER", values: of("ner", 100), colour: "--read", last: percent(held.ner), dash: [5, 4] }, { name: "ASR", values: of("asr", 100), colour: "--mark", last: percent(held.asr) }]}></jc-chart>
        <jc-chart .name=${"Mean length (ACD), seconds"} .at=${some ? at(slots) : []} .lines=${[{ name: "ACD", values: of("acd_s"), colour: "--mark", last: seconds(held.acd_s) }]}></jc-chart>
        ${this.#hosted ? "" : html`<jc-chart .name=${"Round trip, ms"} .at=${at(figures?.rtt ?? [])} .lines=${[{ name: "RTT", values: (figures?.rtt ?? []).map((row) => row.ms), colour: "--mark", last: milliseconds(this.trunk.contact.rtt_ms) }]}></jc-chart>`}
        <figure class="chart"><figcaption>Why calls were not answered</figcaption>
          ${held.causes.length ? html`<dl>${held.causes.map(({ cause, count }) => html`<div><dt>${cause.replaceAll("_", " ").toLowerCase()}</dt><dd>${count}</dd></div>`)}</dl>` : html`<p class="soft none">${held.attempts ? `All of ${held.attempts} were.` : "There was no call yet."}</p>`}</figure>
      </div>`;
  }

  #test() {
    return html`
      <form class="test card" @submit=${(event) => this.test(event)} aria-label="Test it">
        <h2>Test</h2>
        <div class="test-line">
          ${session.may("voice.call") ? html`<label>Call, or nobody <input type="tel" maxlength="24" placeholder="+1 202 555 0111" .value=${live(this.callTo)} @input=${(event) => (this.callTo = event.target.value)}></label>` : ""}
          <button class="primary" ?disabled=${this.busy}>${this.busy ? "Asking…" : "Ask the carrier"}</button></div>
        <div role="status">${this.result ? html`<ul class="told">${tested(this.result, this.#hosted).map((each) => html`<li>${each}</li>`)}</ul>` : ""}</div>
        ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : ""}
      </form>`;
  }
}

customElements.define("jc-trunk", Trunk);
