// The customer's telephone: what they wrote and what reached them, and a call while there is one.
import { api } from "../api.js";
import { Element, html, live } from "../element.js";
import { clock } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain, shown } from "../text.js";

const SHOWN = 40;
const CHANNELS = { whatsapp: "WhatsApp", sms: "SMS", rcs: "RCS" };

class Phone extends Element {
  static properties = {
    app: { attribute: false }, number: {}, messages: { attribute: false }, call: { attribute: false },
    text: { state: true }, channel: { state: true }, fault: { state: true }, busy: { state: true },
  };

  constructor() {
    super();
    this.text = "Do you have it in blue?";
    this.channel = "whatsapp";
  }

  updated() {
    const screen = this.querySelector(".screen");
    if (this.messages.length !== this.counted) screen.scrollTop = screen.scrollHeight;
    this.counted = this.messages.length;
  }

  async #write(event) {
    event.preventDefault();
    const text = this.text.trim();
    if (!text || this.busy) return;
    this.busy = true;
    this.fault = null;
    try {
      await api.post("/sandbox/inbound/", { channel: this.channel, from: this.number, name: "Ann Lee", text }, { once: true });
      this.text = "";
    } catch (error) {
      this.fault = error.message;
    } finally {
      this.busy = false;
    }
  }

  /** Press keys of the telephone, or hang up. */
  async #act(keys) {
    this.fault = null;
    try {
      await api.post(`/sandbox/calls/${this.call.id}/`, { keys }, { once: true });
    } catch (error) {
      this.fault = error.message;
    }
  }

  #pad() {
    return html`<div class="phone-pad" role="group" aria-label="Keys of the telephone">${[..."123456789*0#"].map((key) => html`
      <button type="button" @click=${() => this.#act(key)}>${key}</button>`)}
      <button type="button" class="bad" @click=${() => this.#act("h")}>${icons.hangUp} Hang up as the customer</button></div>`;
  }

  render() {
    return html`
      <section class="phone" aria-label="The customer's telephone">
        <header><b><bdi>${session.tenant.name}</bdi></b><span>${this.number}</span></header>
        ${this.call && !this.call.over ? html`<p class="ringing" role="status">${icons.calls} ${this.call.said} ${this.call.keys ? html`<b>${this.call.keys}</b>` : ""}</p>`
          : this.call ? html`<p class="ringing over" role="status">${this.call.said} ${this.call.keys ? html`Pressed <b>${this.call.keys}</b>` : ""}</p>` : ""}
        <div class="screen" tabindex="0" role="log" aria-label="Messages on the telephone">
          ${this.messages.length ? this.messages.slice(-SHOWN).map(({ message }) => this.#said(message)) : html`<p class="empty soft">Nothing yet.</p>`}
        </div>
        ${this.call?.up && !this.call.over && session.may("voice.control") ? this.#pad() : ""}
        <form @submit=${this.#write}>
          <select aria-label="Channel" @change=${(event) => (this.channel = event.target.value)}>
            ${Object.entries(CHANNELS).map(([id, name]) => html`<option value=${id} ?selected=${id === this.channel}>${name}</option>`)}</select>
          <input aria-label="What the customer writes" placeholder="Write as the customer" maxlength="1000" .value=${live(this.text)} @input=${(event) => (this.text = event.target.value)}>
          <button class="primary" ?disabled=${!this.text.trim() || this.busy}>${icons.send}<span class="aloud">Send as the customer</span></button>
        </form>
        ${this.fault ? html`<p class="fault small" role="alert">${this.fault}</p>` : ""}
      </section>`;
  }

  #said(message) {
    if (message.internal_note) return "";
    const { content } = message;
    const text = content.body?.text ?? content[content.type]?.caption ?? `[${plain(content.type, 30)}]`;
    const own = message.direction === "INCOMING";
    if (!own && !["sent", "delivered", "read"].includes(message.outgoing_status)) return ""; // it has not arrived
    return html`<p class="said ${own ? "own" : ""}"><span dir="auto">${shown(text)}</span><time>${clock(message.timestamp)}</time></p>`;
  }
}

customElements.define("jc-phone", Phone);
