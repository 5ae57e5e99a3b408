// A dialog of a page: a form or a question above it. Escape, a click beside it and its own button close it.
import { Element, createRef, html, ref } from "../element.js";
import { icons } from "../icons.js";

class Sheet extends Element {
  static properties = { name: {}, content: { attribute: false } };

  #box = createRef();
  #back;

  firstUpdated() {
    this.#back = document.activeElement;
    this.#box.value.showModal();
    (this.#box.value.querySelector("[autofocus]") ?? this.#box.value.querySelector("form input, form select, form textarea"))?.focus();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    if (this.#back?.isConnected) this.#back.focus();
  }

  close() {
    this.#box.value.close();
  }

  render() {
    return html`
      <dialog ${ref(this.#box)} class="card sheet" aria-label=${this.name} @close=${() => this.isConnected && this.tell("closed")}>
        <header><h2>${this.name}</h2><button type="button" class="icon-button" aria-label="Close" @click=${() => this.close()}>${icons.close}</button></header>
        ${this.content()}
      </dialog>`;
  }
}

customElements.define("jc-sheet", Sheet);

/** Return a dialog for a page that holds in `page[field]` whether it is open; in `content`, `this` of a handler is the dialog. */
export function dialog(page, field, name, content) {
  const drawn = () => (page[field] ? content() : ""); // it may be closed before it is drawn again
  return page[field] ? html`<jc-sheet .name=${name} .content=${drawn} @closed=${() => (page[field] = null)}></jc-sheet>` : "";
}
