// The list of conversations.
import { Element, classMap, html, live, nothing } from "../element.js";
import { brief, exactly } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import "../virtual.js";
import { PLATFORMS } from "./platforms.js";

const SCOPES = { mine: "Mine", unassigned: "Unassigned", all: "All" };
const SEARCH_AFTER_MS = 250;

class List extends Element {
  static properties = {
    app: { attribute: false }, page: { attribute: false }, view: { attribute: false }, rows: { attribute: false },
    filter: { attribute: false }, selected: { attribute: false },
  };

  #timer;

  #set(change) {
    this.page.filter = { ...this.filter, ...change };
    this.querySelector("jc-virtual")?.begin();
  }

  #searched(event) {
    clearTimeout(this.#timer);
    const search = event.target.value.trim();
    this.#timer = setTimeout(() => this.#set({ search }), SEARCH_AFTER_MS);
  }

  render() {
    const { scope, status, platform, unread, search } = this.filter;
    return html`
      <section class="list" aria-label="Conversations">
        <h1 class="aloud">Inbox</h1>
        <div class="filters">
          <div class="searching">${icons.search}
            <input type="search" placeholder="Name or number" aria-label="Search conversations" .value=${live(search ?? "")} @input=${this.#searched}></div>
          <div class="scopes" role="group" aria-label="Whose">
            ${Object.entries(SCOPES).map(([id, name]) => html`
              <button aria-pressed=${scope === id} @click=${() => this.#set({ scope: id, search: "" })}>${name}</button>`)}
          </div>
          <div class="narrowing">
            <select aria-label="State" @change=${(event) => this.#set({ status: event.target.value, search: "" })}>
              ${["OPEN", "CLOSED"].map((each) => html`<option value=${each} ?selected=${status === each}>${each === "OPEN" ? "Open" : "Closed"}</option>`)}
            </select>
            <select aria-label="Channel" @change=${(event) => this.#set({ platform: event.target.value, search: "" })}>
              <option value="" ?selected=${!platform}>All channels</option>
              ${Object.entries(PLATFORMS).map(([id, { name }]) => html`<option value=${id} ?selected=${platform === id}>${name}</option>`)}
            </select>
            <button class="toggle" aria-pressed=${Boolean(unread)} @click=${() => this.#set({ unread: !unread, search: "" })}>Unread</button>
          </div>
        </div>
        ${this.#content()}
      </section>`;
  }

  #content() {
    if (this.view.error && !this.rows.length) {
      return html`<div class="empty" role="alert"><p>${this.view.error.message}</p>
        <button @click=${() => this.#more()}>Try again</button></div>`;
    }
    if (!this.rows.length && (this.view.loading || !this.view.done)) return skeleton;
    if (!this.rows.length) return html`<div class="empty"><p>${this.#none()}</p>
      ${this.app.inbox.conversations.size || !session.may("inbox.reply") ? "" : html`<a href="#/try">Try it with a customer of your own</a>`}</div>`;
    return html`
      <jc-virtual .items=${this.rows} .keyOf=${keyOf} .row=${this.#row} .estimate=${68} .current=${this.selected} label="Conversations"
        @near-end=${() => this.#more()}></jc-virtual>`;
  }

  #none() {
    if (this.filter.search) return "Nobody of that name or number.";
    if (this.filter.unread) return "Everything is read.";
    return { mine: "You hold no conversations.", unassigned: "Somebody holds each of them.", all: "No conversations yet." }[this.filter.scope];
  }

  #more() {
    if (!this.view.done && !this.view.loading) this.app.inbox.more(this.view).catch(() => {});
  }

  #row = (entry) => {
    const { contact, last_message: last, unread_count: unread, assignment } = entry;
    const mine = assignment.assigned_to_user === session.user.id;
    const here = this.app.inbox.present.filter((each) => each.viewing === entry.id && each.user_id !== session.user.id);
    const chosen = contact.id === this.selected;
    const name = plain(contact.full_name, 60);
    return html`
      <a class=${classMap({ chat: true, chosen, unread: unread > 0 })} href="#/inbox/${contact.id}"
        aria-current=${chosen ? "true" : nothing}>
        <span class="face" data-hue=${hue(contact.id)} aria-hidden="true">${initials(name)}</span>
        <b><bdi>${name}</bdi></b>
        <time datetime=${last.timestamp} title=${exactly(last.timestamp)}>${brief(last.timestamp)}</time>
        <span class="preview"><bdi dir="auto">${last.direction === "OUTGOING" ? "You: " : ""}${plain(last.preview, 90) || `[${last.preview_type}]`}</bdi></span>
        <span class="marks">
          ${here.length ? html`<span class="tag here" title=${here.map((each) => each.name).join(", ")}>${here.some((each) => each.typing) ? "typing" : "looking"}</span>` : ""}
          ${entry.status === "CLOSED" ? html`<span class="tag">closed</span>` : ""}
          ${mine ? html`<span class="tag mine">mine</span>` : ""}
          <span class="tag ${entry.platform?.toLowerCase()}">${PLATFORMS[entry.platform]?.name ?? ""}</span>
          ${unread ? html`<span class="count"><span class="aloud">unread: </span>${unread}</span>` : ""}
        </span>
      </a>`;
  };
}

const keyOf = (entry) => entry.contact.id;
const skeleton = html`<div class="skeletons" role="status" aria-label="Loading">${[1, 2, 3, 4, 5].map(() => html`<div class="skeleton"></div>`)}</div>`;

function initials(name) {
  const words = name.split(/\s+/).filter((word) => /\p{L}/u.test(word));
  return words.length ? words.slice(0, 2).map((word) => [...word.replace(/^[^\p{L}]+/u, "")][0] ?? "").join("").toUpperCase() : "#";
}

function hue(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 8;
  return sum;
}

customElements.define("jc-list", List);
