// What was said in a recording: by whom and when. A click on it has it heard from there.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { plain, shown } from "../text.js";
import { lasting } from "./words.js";

const WHO = { customer: "Customer", agent: "Agent" };

class Transcript extends Element {
  static properties = { recording: {}, at: { attribute: false }, told: { state: true }, fault: { state: true } };

  willUpdate(changed) {
    if (changed.has("recording")) this.#read();
  }

  async #read() {
    this.fault = null;
    try {
      this.told = await api.get(`/voice/api/recordings/${this.recording}/transcript/`);
    } catch (error) {
      this.fault = error.message;
    }
  }

  #seek({ target, currentTarget }) {
    this.tell("sought", Number((target.closest("[data-at]") ?? currentTarget).dataset.at));
  }

  render() {
    const { told, at } = this;
    if (this.fault) return html`<p class="fault" role="alert">${this.fault} <button @click=${() => this.#read()}>Try again</button></p>`;
    if (!told) return html`<p class="soft" role="status">Loading the transcript…</p>`;
    const sure = told.confidence ? `${Math.round(told.confidence * 100)} % sure` : "";
    return html`
      <h2>Transcript</h2>
      <p class="soft small">${[told.provider, told.language, sure].filter(Boolean).join(" · ")}</p>
      ${told.passages.length ? html`<ol class="passages">${told.passages.map((each) => html`
        <li><button type="button" data-at=${each.start_s} aria-current=${each.start_s <= at && at < each.end_s ? "true" : "false"} @click=${this.#seek}>
          <time>${lasting(each.start_s)}</time><b>${WHO[each.speaker] ?? (told.channels > 1 ? `Side ${each.channel + 1}` : "")}</b>
          <span dir="auto">${each.words.length ? each.words.map((word) => html`<span data-at=${word.start_s}>${plain(word.text, 80)}</span> `) : plain(each.text, 5000)}</span></button></li>`)}</ol>`
        : told.text ? html`<div class="transcript" dir="auto">${shown(told.text)}</div>` : html`<p class="soft">Nothing was said.</p>`}`;
  }
}

customElements.define("jc-transcript", Transcript);
