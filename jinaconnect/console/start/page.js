// The first minutes: a customer's telephone on the screen, and three things to do with it.
import { api } from "../api.js";
import { Element, classMap, html } from "../element.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import "./phone.js";

export const CUSTOMER = "+12025550107"; // in the sandbox whoever is called at this number presses the keys asked for

const ASKS = "Try it"; // the IVR that asks for a key
const GRAPH = {
  entry_node_id: "ask",
  nodes: [
    { id: "ask", type: "voice.gather_dtmf", data: { prompt_tts: "Hello, your order is ready. Press a key.", max_digits: 1, timeout_seconds: 60 } },
    { id: "again", type: "voice.gather_dtmf", data: { prompt_tts: "You pressed {{digits}}. Press another, or hang up.", max_digits: 1, timeout_seconds: 60 } },
    { id: "end", type: "voice.hangup", data: {} },
  ],
  edges: [
    { source: "ask", on: "default", target: "again" }, { source: "again", on: "default", target: "again" },
    { source: "ask", on: "timeout", target: "end" }, { source: "again", on: "timeout", target: "end" },
  ],
};

const CALLED = {
  "call.dialing": "Dialling…", "call.ringing": "Ringing…", "call.answered": "They answered.", "call.dtmf": "They pressed a key.",
  "call.completed": "The call has ended.", "call.failed": "The call failed.", "call.busy": "Busy.", "call.no_answer": "Nobody answered.",
};

export default class StartPage extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, contact: { state: true }, call: { state: true }, fault: { state: true } };

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => this.#events(events));
    if (session.mode === "test") this.#find();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
  }

  async #find() {
    const found = await api.get("/contacts/", { phone: CUSTOMER, page_size: 1 }).catch(() => ({ results: [] }));
    if (found.results.length) this.#know(found.results[0].id);
  }

  #know(contact) {
    if (this.contact === contact) return;
    this.contact = contact;
    const thread = this.app.inbox.thread(contact);
    if (!thread.loaded) thread.more();
  }

  #events(events) {
    for (const event of events) {
      if (event.type === "contact.created" && event.data.phone === CUSTOMER) this.#know(event.data.id);
      const { to_number: to, from_number: from } = event.data;
      if (event.type === "call.created" && [to, from].includes(CUSTOMER) && (this.call?.over ?? true)) this.#rings(event.call_id);
      if (this.call && event.call_id === this.call.id && event.type in CALLED) {
        const digit = event.type === "call.dtmf" ? (event.data.digit ?? event.data.digits ?? "") : "";
        this.call = {
          ...this.call, said: CALLED[event.type], keys: this.call.keys + digit, done: this.call.done || event.type === "call.answered",
          up: this.call.up || event.type === "call.answered",
          over: ["call.completed", "call.failed", "call.busy", "call.no_answer"].includes(event.type),
        };
      }
    }
  }

  #rings(id) {
    this.call = { id, said: "Dialling…", keys: "", done: false, up: false, over: false };
  }

  /** Return the IVR that asks for a key, of who may make one; for others the customer presses one by themselves. */
  async #asking() {
    if (!session.may("voice.manage")) return null;
    const { results } = await api.get("/voice/api/templates/", { search: ASKS, is_active: true });
    const held = results.find((each) => each.name === ASKS);
    return (held ?? (await api.post("/voice/api/templates/", { name: ASKS, template_kind: "ivr_menu", graph: GRAPH }, { once: true }))).id;
  }

  async #dial() {
    this.fault = null;
    try {
      const template = await this.#asking();
      const said = "Hello, this is a call to try things out. Your order is ready. Press one to hear that again.";
      const body = { to_number: CUSTOMER, ...(template ? { template } : { tts_text: said, metadata: { sandbox_digits: "1" } }) };
      const call = await api.post("/voice/api/calls/", body, { once: true });
      if (this.call?.id !== call.id) this.#rings(call.id);
    } catch (error) {
      this.fault = error.message;
    }
  }

  async #hangUp() {
    await api.post(`/voice/api/calls/${this.call.id}/hangup/`, {}, { once: true }).catch((error) => (this.fault = error.message));
  }

  render() {
    return html`<div class="start">${session.mode === "test" ? this.#steps() : this.#before()}</div>`;
  }

  #before() {
    return html`
      <section class="welcome">
        <h1>Try everything, reach nobody</h1>
        <p>The sandbox is a copy of this organisation's tools with simulated carriers: a telephone on this screen plays the
          customer. Nothing there costs anything or leaves this machine, and live work is not touched.</p>
        <p><button class="primary" @click=${() => this.app.choose({ mode: "test" }, "try")}>${icons.phone} Work in the sandbox</button></p>
        <h2>For those who build on it</h2>
        <ul class="doors">
          <li><a href="/docs/">API</a> <span class="soft">every operation, with examples, to try</span></li>
          <li><a href="/openapi.json">OpenAPI 3.1</a> <span class="soft">for code generators</span></li>
          <li><a href="/asyncapi.json">AsyncAPI</a> <span class="soft">every event of the feed</span></li>
          <li><a href="/console/feed.js">feed.js</a> <span class="soft">the feed in a page of your own</span></li>
          <li><a href="/metrics/">Metrics</a> <span class="soft">Prometheus</span> · <a href="/readyz/">Health</a></li>
        </ul>
      </section>`;
  }

  #steps() {
    const messages = this.contact ? this.app.inbox.thread(this.contact).items().filter((item) => item.message && item.message.platform !== "VOICE") : [];
    const wrote = messages.some(({ message }) => message.direction === "INCOMING");
    const answered = messages.some(({ message }) => message.direction === "OUTGOING" && !message.internal_note);
    const step = (done, name, content) => html`
      <li class=${classMap({ done })}><h2>${name} ${done ? html`<span class="tag mine">${icons.check} done</span>` : ""}</h2>${content}</li>`;
    return html`
      <section class="welcome">
        <h1>Message, answer, call: two minutes</h1>
        <ol class="steps">
          ${step(wrote, "A customer writes", html`<p>Write something on the telephone. It goes through the same door as a real carrier's webhook.</p>`)}
          ${step(answered, "You answer", html`<p>${this.contact
            ? html`The conversation is in the inbox. <a href="#/inbox/${this.contact}">Open it</a>, press <kbd>R</kbd>, write, <kbd>Ctrl</kbd> <kbd>Enter</kbd>, and come back.`
            : "The conversation will be in the inbox."} What you write arrives on the telephone, and its ticks on your side.</p>`)}
          ${session.may("voice.call") ? step(Boolean(this.call?.done), "You call them", html`
            <p>${session.may("voice.manage") ? "The telephone rings and is answered. Press its keys, or hang up." : "The telephone rings, is answered, hears a sentence and presses 1."}</p>
            <p>${this.call && !this.call.over ? html`<button @click=${() => this.#hangUp()}>Hang up</button>` : html`<button class="primary" @click=${() => this.#dial()}>Call the customer</button>`}</p>`) : ""}
        </ol>
        ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : ""}
      </section>
      <jc-phone .app=${this.app} .number=${CUSTOMER} .messages=${messages} .call=${this.call}></jc-phone>`;
  }

  requestUpdate(...args) {
    this.querySelector?.("jc-phone")?.requestUpdate();
    return super.requestUpdate(...args);
  }
}

customElements.define("jc-start", StartPage);
