// To whom a broadcast goes: everybody, those with tags or segments, or some chosen by name.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { icons } from "../icons.js";
import { plain } from "../text.js";

const SEARCH_AFTER_MS = 250;
const WHOM = { all: "Every contact", some: "Those with tags or segments", chosen: "Some I choose" };

class Audience extends Element {
  static properties = { draft: { attribute: false }, tags: { state: true }, found: { state: true }, search: { state: true } };

  #timer;

  connectedCallback() {
    super.connectedCallback();
    api.get("/contacts/contact-tags/", { page_size: 200 }).then(({ results }) => (this.tags = results), () => (this.tags = []));
  }

  #set(change) {
    this.tell("changed", change);
  }

  #searched(event) {
    clearTimeout(this.#timer);
    const search = event.target.value.trim();
    this.search = search;
    this.#timer = setTimeout(async () => {
      const page = search ? await api.get("/contacts/", { search, page_size: 8 }).catch(() => null) : null;
      if (search === this.search) this.found = page?.results ?? null;
    }, SEARCH_AFTER_MS);
  }

  render() {
    const { draft } = this;
    return html`
      <fieldset><legend>To whom</legend>
        ${Object.entries(WHOM).map(([id, name]) => html`
          <label class="line"><input type="radio" name="whom" .checked=${draft.whom === id} @change=${() => this.#set({ whom: id })}> ${name}</label>`)}
        ${draft.whom === "some" ? this.#some() : draft.whom === "chosen" ? this.#chosen() : ""}
      </fieldset>`;
  }

  #some() {
    const { tags, segments } = this.draft;
    const ticked = (tag) => (event) => this.#set({ tags: event.target.checked ? [...tags, tag] : tags.filter((each) => each !== tag) });
    const all = [...new Set([...(this.tags ?? []), ...tags])];
    return html`
      ${all.length ? html`<div class="ticks-of" role="group" aria-label="Tags">${all.map((tag) => html`
        <label class="line"><input type="checkbox" .checked=${tags.includes(tag)} @change=${ticked(tag)}> <bdi>${plain(tag, 40)}</bdi></label>`)}</div>`
        : html`<p class="soft small">${this.tags ? "No contact has a tag yet." : "Loading…"}</p>`}
      <label>Segments <input placeholder="parted by commas" .value=${segments.join(", ")}
        @change=${(event) => this.#set({ segments: event.target.value.split(",").map((each) => each.trim()).filter(Boolean) })}></label>
      <p class="soft small">Who has one of the tags, and is in one of the segments where some are named.</p>`;
  }

  #chosen() {
    const { recipients } = this.draft;
    const held = new Set(recipients.map((each) => each.id));
    const add = (contact) => {
      this.#set({ recipients: [...recipients, { id: contact.id, name: contact.full_name }] });
    };
    return html`
      <div class="chips">${recipients.map((each) => html`<span class="chip"><bdi>${plain(each.name, 40)}</bdi>
        <button type="button" class="quiet" aria-label="Leave out ${plain(each.name, 40)}" @click=${() => this.#set({ recipients: recipients.filter((one) => one.id !== each.id) })}>${icons.close}</button></span>`)}</div>
      <label>Find contacts <input type="search" placeholder="Name or number" @input=${this.#searched} @keydown=${(event) => event.key === "Enter" && event.preventDefault()}></label>
      ${this.found ? html`<ul class="picks">${this.found.filter((each) => !held.has(each.id)).map((contact) => html`
        <li><button type="button" class="choice" @click=${() => add(contact)}><bdi>${plain(contact.full_name, 60)}</bdi> <span class="soft">${contact.phone}</span></button></li>`)}</ul>
        ${this.found.length ? "" : html`<p class="soft small">Nobody of that name or number.</p>`}` : ""}`;
  }
}

customElements.define("jc-audience", Audience);
