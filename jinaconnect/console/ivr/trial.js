// An IVR tried without a call: one plays the caller, input by input, and sees node by node what is said and kept.
import { Element, html, nothing } from "../element.js";
import { icons } from "../icons.js";
import { doing, post, refusal } from "../parts/form.js";
import { plain } from "../text.js";

const KEYS = "123456789*0#";
const SILENCE_S = 10;
const TURNS = { transfer: ["Who is called", ["answered", "failed"]], record: ["Recordings", ["done", "empty"]], web: ["Web services", ["ok", "error"]] };
const OFTEN = 10; // as often as one of them turns out as chosen
const ENDS = { hangup: "The call is over.", transfer: "The caller is connected.", failed: "The IVR gave up.", waiting: "It waits for the caller." };
const KINDS = { say: "says", play: "plays", collect: "asks for", key: "key", words: "heard", silence: "silence", set: "keeps", record: "records", transfer: "transfer", hangup: "hangs up" };

class Trial extends Element {
  static properties = { app: { attribute: false }, graph: { attribute: false }, inputs: { state: true }, told: { state: true }, at: { state: true } };

  constructor() {
    super();
    this.inputs = [];
    this.turns = {};
    this.variables = { from_number: "+12025550123" };
  }

  willUpdate(changed) {
    if (changed.has("graph") && this.told) this.#run(); // it is another one now
  }

  /** Run what was done so far from the beginning: a simulation has no memory. */
  async #run() {
    const turned = Object.values(this.turns).flatMap((answer) => Array(OFTEN).fill({ answer }));
    const told = await doing(this, () => post("/voice/api/templates/simulate/", { graph: this.graph, inputs: [...turned, ...this.inputs], variables: this.variables }));
    this.told = told ?? null;
    this.at = told ? told.transcript.length - 1 : -1;
    this.#follow();
    await this.updateComplete;
    this.querySelector(".spoken [aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  #do(input) {
    this.inputs = [...this.inputs, input];
    this.#run();
  }

  #back() {
    this.inputs = this.inputs.slice(0, -1);
    this.#run();
  }

  #again() {
    this.inputs = [];
    this.#run();
  }

  #go(at) {
    this.at = at;
    this.#follow();
  }

  /** Tell the drawing where the call is, and how it came there. */
  #follow() {
    const here = this.told?.transcript[this.at]?.node ?? this.told?.path.at(-1);
    const last = this.told ? this.at >= this.told.transcript.length - 1 : true;
    this.tell("walked", this.told ? { path: this.told.path, here: last ? this.told.path.at(-1) : here } : null);
  }

  #set(event) {
    event.preventDefault();
    const { name, value } = event.target.elements;
    if (!/^[A-Za-z_]\w*$/.test(name.value)) return name.reportValidity();
    this.variables = { ...this.variables, [name.value]: value.value };
    event.target.reset();
    if (this.told) this.#run();
    else this.requestUpdate();
  }

  /** Return the variables as they were at a place of the transcript. */
  #kept() {
    const found = new Map(Object.entries(this.variables));
    const steps = this.told?.transcript ?? [];
    for (const { kind, text } of steps.slice(0, this.at + 1)) {
      if (kind !== "set") continue;
      const cut = text.indexOf(" = ");
      found.set(text.slice(0, cut), text.slice(cut + 3));
    }
    if (this.told && this.at === steps.length - 1) for (const [name, value] of Object.entries(this.told.variables)) found.set(name, String(value ?? ""));
    return [...found];
  }

  render() {
    const waits = this.told?.outcome === "waiting";
    return html`
      <div class="trial">
        <p class="entry-buttons from-start">
          <button class=${this.told ? "" : "primary"} ?disabled=${this.busy} @click=${() => this.#again()}>${icons.play} ${this.told ? "From the beginning" : "Begin"}</button>
          ${this.inputs.length ? html`<button ?disabled=${this.busy} @click=${() => this.#back()}>One step back</button>` : ""}</p>
        ${refusal(this)}
        ${this.told ? html`
          <ol class="spoken" aria-label="What happens">${this.told.transcript.map((step, at) => html`<li>
            <button class="quiet" aria-current=${at === this.at ? "step" : nothing} @click=${() => this.#go(at)}>
              <span class="soft small">${step.at_s.toFixed(1)} s · ${plain(step.node, 30)}</span>
              <span class=${["key", "words", "silence"].includes(step.kind) ? "by-caller" : ""}><b>${KINDS[step.kind] ?? step.kind}</b> <bdi>${plain(step.text, 400)}</bdi></span></button></li>`)}</ol>
          <p role="status" class="tag ${waits ? "wait" : this.told.outcome === "failed" ? "bad" : "good"}">${ENDS[this.told.outcome]}</p>
          ${waits ? html`
            <div class="pad" role="group" aria-label="Keys">${[...KEYS].map((key) => html`<button ?disabled=${this.busy} @click=${() => this.#do({ keys: key })}>${key}</button>`)}</div>
            <p class="entry-buttons from-start"><button ?disabled=${this.busy} @click=${() => this.#do({ silence_s: SILENCE_S })}>Silence</button>
              <button class="danger" ?disabled=${this.busy} @click=${() => this.#do({ hangup: true })}>${icons.hangUp} Hang up</button></p>
            <form class="spoken-line" @submit=${(event) => (event.preventDefault(), event.target.words.value.trim() && this.#do({ words: event.target.words.value.trim() }), event.target.reset())}>
              <input name="words" aria-label="Words the caller says" placeholder="Say something" dir="auto"><button ?disabled=${this.busy}>Say</button></form>` : ""}` : html`<p class="soft">You are the caller. Nobody is called, and nothing is saved.</p>`}
        <h3>Variables</h3>
        <dl>${this.#kept().map(([name, value]) => html`<div><dt>${plain(name, 64)}</dt><dd><bdi>${plain(value, 200)}</bdi></dd></div>`)}</dl>
        <form class="spoken-line" @submit=${this.#set}><input name="name" aria-label="Name of a variable" placeholder="name" required pattern="[A-Za-z_][A-Za-z0-9_]*" maxlength="64">
          <input name="value" aria-label="Its value" placeholder="value" dir="auto"><button>Set</button></form>
        <h3>How it turns out</h3>
        <div class="side">${Object.entries(TURNS).map(([id, [name, words]]) => html`<label>${name} <select @change=${(event) => this.#turn(id, words, event.target.value)}>
          ${words.map((word) => html`<option ?selected=${(this.turns[id] ?? words[0]) === word}>${word}</option>`)}</select></label>`)}</div>
      </div>`;
  }

  #turn(id, words, word) {
    if (word === words[0]) delete this.turns[id];
    else this.turns[id] = word;
    if (this.told) this.#run();
  }
}

customElements.define("jc-ivr-trial", Trial);
