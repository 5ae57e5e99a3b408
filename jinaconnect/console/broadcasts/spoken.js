// A broadcast of calls: what they say, how people are called, and what stands in for a call that reached nobody.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { doing, refusal } from "../parts/form.js";
import { session } from "../session.js";
import { plain } from "../text.js";

const WAYS = { template: "An IVR or text prepared for calls", audio: "A recording", text: "Words, spoken by a voice" };
const AGAIN = { busy: "Busy", no_answer: "No answer", failed: "Failed" };
const INSTEAD = { "": "As the account has it", true: "Yes", false: "No" };
const PLACE = /\{\{\s*([A-Za-z_]\w{0,63})\s*\}\}/g;

/** How a broadcast calls, as its form holds it: `options` are the API's own. */
export const SPOKEN = { way: "template", template: null, audio: "", options: {}, instead: "" };

/** Return how a broadcast that exists calls. */
export function heldCall({ voice_template: template, placeholder_data: { audio_url: audio = "", message }, call_options: options, fallback_sms_enabled: instead }) {
  return { way: template ? "template" : audio ? "audio" : message ? "text" : "template", template, audio, options: options ?? {}, instead: instead === null ? "" : String(instead) };
}

/** Tell whether it is known what the calls say. */
export const saysSomething = ({ way, template, audio }, values) => Boolean({ template, audio, text: values.message?.trim() }[way]);

/** Return the fields of a broadcast that are of calls alone. */
export function callFields({ way, template, audio, options, instead }, { message, audio_url: _, ...values }) {
  const { retry, ...rest } = options;
  const given = Object.entries({ ...rest, ...(retry?.on.length && { retry }) }).filter(([, value]) => value !== null && value !== false && value !== "");
  return {
    voice_template: way === "template" ? template : null, call_options: given.length ? Object.fromEntries(given) : null,
    fallback_sms_enabled: instead === "" ? null : instead === "true",
    placeholder_data: way === "template" ? values : way === "audio" ? { audio_url: audio } : { message },
  };
}

class Spoken extends Element {
  static properties = { app: { attribute: false }, draft: { attribute: false }, known: { attribute: false }, can: { attribute: false }, templates: { state: true }, audio: { state: true } };

  connectedCallback() {
    super.connectedCallback();
    const read = async (path, query) => (await api.get(path, { page_size: 200, ...query }).catch(() => ({ results: [] }))).results;
    read("/voice/api/templates/", { is_active: true }).then((rows) => (this.templates = rows));
    read("/voice/api/audio/").then((rows) => (this.audio = rows));
  }

  #set(change) {
    this.tell("changed", { call: { ...this.draft.call, ...change } });
  }

  #option(change) {
    this.#set({ options: { ...this.draft.call.options, ...change } });
  }

  async #upload({ target }) {
    const form = new FormData();
    form.append("file", target.files[0]);
    const made = await doing(this, () => api.upload("/voice/api/audio/", form, { patience: 120_000 }));
    target.value = "";
    if (!made) return;
    this.audio = [made, ...this.audio];
    this.#set({ audio: made.audio_url });
  }

  /** Return the places of what is said that nobody else fills in: neither the contact nor the IVR itself. */
  get #places() {
    const found = this.draft.call.way === "template" && this.templates?.find((each) => each.id === this.draft.call.template);
    if (!found) return [];
    const graph = JSON.stringify(found.graph ?? "");
    const names = [...`${found.tts_text ?? ""}${graph}`.matchAll(PLACE)].map(([, name]) => name);
    return [...new Set(names)].filter((name) => !this.known.includes(name) && name !== "digits" && !graph.includes(`"${name}"`));
  }

  render() {
    const { call, values } = this.draft;
    const { options } = call;
    const machines = this.can.includes("machine_detection");
    const value = (name) => (event) => this.tell("changed", { values: { ...values, [name]: event.target.value } });
    const number = (name, label, low, high, usual) => html`<label>${label} <input type="number" min=${low} max=${high} placeholder=${usual} .value=${String(options[name] ?? "")}
      @change=${({ target }) => this.#option({ [name]: target.value && target.checkValidity() ? Number(target.value) : null })}></label>`;
    const tick = (name, label, can = true) => html`<label class="line"><input type="checkbox" ?disabled=${!can && !options[name]} .checked=${Boolean(options[name])} @change=${({ target }) => this.#option({ [name]: target.checked })}> ${label}</label>`;
    return html`
      <fieldset><legend>What it says</legend>
        ${Object.entries(WAYS).map(([id, name]) => html`<label class="line"><input type="radio" name="way" .checked=${call.way === id} @change=${() => this.#set({ way: id })}> ${name}</label>`)}
        ${{ template: () => this.#choice("Which", "template", this.templates, (row) => row.id), audio: () => this.#recording(), text: () => html`
          <label>Text <textarea dir="auto" rows="4" maxlength="4000" .value=${values.message ?? ""} @input=${value("message")}></textarea></label>
          <p class="soft small"><code>{{first_name}}</code> and other places are filled in for each recipient.</p>` }[call.way]()}
        ${this.#places.map((place) => html`<label>${place} <input dir="auto" maxlength="1024" .value=${values[place] ?? ""} @input=${value(place)}></label>`)}
        ${refusal(this)}
      </fieldset>
      <fieldset><legend>How they are called</legend>
        <div class="side">${number("max_concurrent", "Calls at once", 1, 10_000, "all lines")} ${number("timeout_s", "Rings for, seconds", 5, 120, "usual")} ${number("max_duration_s", "Longest call, seconds", 1, 14_400, "usual")}</div>
        ${tick("machine_detection", html`Tell machines from people${machines ? "" : html` <span class="soft">(this account cannot)</span>`}`, machines)} ${tick("record", "Record, of those who have consented")}
        ${this.#again(options.retry ?? { on: [], times: 1, after_minutes: 15 })}
        <label>A text message to whom no call reached <select @change=${({ target }) => this.#set({ instead: target.value })}>
          ${Object.entries(INSTEAD).map(([id, name]) => html`<option value=${id} ?selected=${id === call.instead}>${name}</option>`)}</select></label>
        <p class="soft small">What it says, and over which sender it goes, is the account's.</p>
      </fieldset>`;
  }

  #choice(label, field, rows, id) {
    if (!rows) return html`<p class="soft" role="status">Loading…</p>`;
    const chosen = this.draft.call[field];
    return html`<label>${label} <select @change=${({ target }) => this.#set({ [field]: target.value })}>
      <option value="">${rows.length ? "Choose one" : "There is none yet"}</option>
      ${rows.map((row) => html`<option value=${id(row)} ?selected=${id(row) === chosen}>${plain(row.name, 60)}</option>`)}</select></label>`;
  }

  #recording() {
    return html`${this.#choice("Recording", "audio", this.audio, (row) => row.audio_url)}
      ${session.may("voice.manage") ? html`<label>Another, from a file <input type="file" accept="audio/*,.flac,.ogg" ?disabled=${this.busy} @change=${this.#upload}></label>` : ""}`;
  }

  #again(retry) {
    const set = (change) => this.#option({ retry: { ...retry, ...change } });
    const number = (name, label, high) => html`<label>${label} <input type="number" required min="1" max=${high} .value=${String(retry[name])}
      @change=${({ target }) => target.value && target.checkValidity() && set({ [name]: Number(target.value) })}></label>`;
    return html`
      <div role="group" aria-label="Call again after" class="chips"><b>Call again after</b> ${Object.entries(AGAIN).map(([id, name]) => html`
        <label class="line"><input type="checkbox" .checked=${retry.on.includes(id)}
          @change=${({ target }) => set({ on: target.checked ? [...retry.on, id] : retry.on.filter((each) => each !== id) })}> ${name}</label>`)}</div>
      ${retry.on.length ? html`<div class="side">${number("times", "How often", 3)} ${number("after_minutes", "Minutes later", 1440)}</div>` : ""}`;
  }
}

customElements.define("jc-spoken", Spoken);
