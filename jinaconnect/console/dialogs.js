// What opens above every page: the palette of commands and conversations, and the list of keys.
import { Element, createRef, html, nothing, ref } from "./element.js";
import { caps, keyOf } from "./keys.js";
import { plain } from "./text.js";

const MOST = 30;

class Dialog extends Element {
  static properties = {
    kind: {}, app: { attribute: false }, text: { state: true }, at: { state: true }, remapping: { state: true }, taken: { state: true },
  };

  #box = createRef();

  constructor() {
    super();
    this.text = "";
    this.at = 0;
  }

  #back = null; // where one was writing, and its caret

  firstUpdated() {
    const field = document.activeElement;
    if (field?.matches("textarea, input")) this.#back = { field, from: field.selectionStart, to: field.selectionEnd };
    this.#box.value.showModal();
  }

  /** Give back the caret as well: the browser gives back the focus alone, and what is typed then goes nowhere. */
  disconnectedCallback() {
    super.disconnectedCallback();
    if (!this.#back?.field.isConnected) return;
    const { field, from, to } = this.#back;
    field.blur();
    field.focus();
    if (from !== null) field.setSelectionRange(from, to);
  }

  render() {
    return html`
      <dialog ${ref(this.#box)} class="card ${this.kind}" aria-label=${this.kind === "help" ? "Keys" : "Find"}
        @close=${() => this.isConnected && this.tell("closed")} @click=${this.#outside}>
        ${this.kind === "help" ? this.#help() : this.#palette()}
      </dialog>`;
  }

  #outside(event) {
    if (event.target === this.#box.value) this.#box.value.close();
  }

  // --- palette --------------------------------------------------------------------------------------------------

  #found() {
    const wanted = this.text.toLowerCase().trim();
    const fits = (text) => wanted.split(/\s+/).every((word) => text.toLowerCase().includes(word));
    const commands = this.app.keys.list()
      .filter((each) => each.id !== "palette" && (each.when?.() ?? true) && fits(`${each.name} ${each.group}`))
      .map((each) => ({ name: each.name, keys: each.keys, run: () => this.app.keys.run(each) }));
    const conversations = [];
    for (const entry of this.app.inbox.conversations.values()) {
      if (!wanted || conversations.length >= MOST) break;
      const { id, full_name, phone } = entry.contact;
      if (fits(`${full_name} ${phone ?? ""}`)) conversations.push({ name: full_name, soft: phone, run: () => this.app.go(`inbox/${id}`) });
    }
    // Whose name has what is typed comes before who has only its words, in a number perhaps.
    const named = ({ name }) => name.toLowerCase().includes(wanted);
    return [...commands, ...conversations].sort((a, b) => named(b) - named(a)).slice(0, MOST);
  }

  #palette() {
    const found = this.#found();
    const at = Math.min(this.at, found.length - 1);
    return html`
      <input class="palette-field" placeholder="Find a command or conversation" aria-label="Find a command or conversation"
        role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list"
        aria-activedescendant=${found.length ? `palette-${at}` : nothing} autofocus
        @input=${(event) => ((this.text = event.target.value), (this.at = 0))}
        @keydown=${(event) => this.#keyed(event, found, at)}>
      <div id="palette-list" role="listbox" aria-label="Found">
        ${found.map((each, place) => html`
          <div id="palette-${place}" role="option" aria-selected=${place === at} @click=${() => this.#choose(each)}>
            <bdi>${plain(each.name)}</bdi> ${each.soft ? html`<span class="soft">${each.soft}</span>` : ""}
            ${each.keys ? keycaps(each.keys) : ""}
          </div>`)}
      </div>
      ${found.length ? "" : html`<p class="soft">Nothing found.</p>`}`;
  }

  #keyed(event, found, at) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.at = (at + step + found.length) % found.length;
      this.updateComplete.then(() => this.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }));
    } else if (event.key === "Enter" && found[at]) {
      event.preventDefault();
      this.#choose(found[at]);
    }
  }

  #choose(each) {
    this.#box.value.close();
    this.#back = null;
    document.activeElement?.blur(); // one is elsewhere now: a letter is a key there, no word of what was being written
    each.run();
  }

  // --- help -----------------------------------------------------------------------------------------------------

  #help() {
    const keys = this.app.keys;
    const groups = Map.groupBy(keys.list().filter((each) => each.keys), (each) => each.group);
    return html`
      <header><h2>Keys</h2><button class="quiet" @click=${() => this.#box.value.close()}>Esc<span class="aloud"> closes</span></button></header>
      <div class="help-groups">${[...groups].map(([group, commands]) => html`
        <section><h3>${group}</h3>
          <dl>${commands.map((each) => html`
            <div><dt>${each.name}</dt><dd>
              <button class="quiet" @click=${() => (this.remapping = each.id)}
                @keydown=${(event) => this.#remap(event, each)}>
                ${this.remapping === each.id ? html`<i>press a key</i>` : keycaps(each.keys)}<span class="aloud">, another key for: ${each.name}</span></button></dd></div>`)}
          </dl></section>`)}</div>
      <label class="line"><input type="checkbox" .checked=${!keys.off} @change=${(event) => (keys.off = !event.target.checked)}>
        Single letters do something</label>
      <p class="fault small" role="status">${this.taken}</p>
      <p class="soft small">Letters work while no field has the focus. Press a key's own button to give it another one, Backspace for the first again.</p>`;
  }

  #remap(event, command) {
    if (this.remapping !== command.id || ["Enter", " ", "Tab", "Shift"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    this.remapping = null;
    this.taken = "";
    if (event.key === "Escape") return;
    const key = keyOf(event);
    const taken = this.app.keys.remap(command.id, key === "Backspace" ? null : key.toLowerCase());
    this.taken = taken ? `${key.toUpperCase()} is for “${taken.name}” already.` : "";
  }
}

/** Return a command's keys as they are drawn. */
export function keycaps(keys) {
  return html`<span class="caps">${caps(keys).map((press, at) => html`${at ? " then " : ""}${press.map((cap) => html`<kbd>${cap}</kbd>`)}`)}</span>`;
}

customElements.define("jc-dialog", Dialog);
