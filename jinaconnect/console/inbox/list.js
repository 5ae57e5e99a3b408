// The list of conversations.
import { api } from "../api.js";
import { Element, classMap, html, live, nothing } from "../element.js";
import { brief, exactly } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import "../virtual.js";
import { PLATFORMS } from "./platforms.js";

const SCOPES = { mine: "Mine", unassigned: "Unassigned", all: "All" };
const STATES = { OPEN: "Open", AWAY: "Set aside", CLOSED: "Closed" };
const SEARCH_AFTER_MS = 250;

class List extends Element {
  static properties = {
    app: { attribute: false }, page: { attribute: false }, view: { attribute: false }, rows: { attribute: false },
    filter: { attribute: false }, picked: { attribute: false }, said: { state: true }, selected: { attribute: false },
  };

  #timer;

  updated(changed) {
    if (changed.has("picked")) this.querySelector("jc-virtual")?.requestUpdate(); // its rows are the same, and drawn otherwise
  }

  #set(change) {
    this.page.filter = { ...this.filter, ...change };
    this.querySelector("jc-virtual")?.begin();
  }

  #searched(event) {
    clearTimeout(this.#timer);
    const search = event.target.value.trim();
    this.#timer = setTimeout(() => {
      this.#set({ search });
      if (this.said) this.#words(search);
    }, SEARCH_AFTER_MS);
  }

  /** Look for words in what was written; without any, for people again. */
  async #words(search) {
    if (!search) return (this.said = null);
    const asked = (this.said = { search, rows: null });
    try {
      const { results } = await api.get("/team-inbox/api/messages/", { search, page_size: MOST_FOUND });
      const unknown = [...new Set(results.map((each) => each.contact))].filter((id) => !this.app.inbox.contacts.has(id));
      await Promise.allSettled(unknown.map((id) => this.app.inbox.open(id)));
      asked.rows = results;
    } catch (error) {
      asked.error = error;
    }
    this.requestUpdate();
  }

  render() {
    const { scope, status, platform, unread, search } = this.filter;
    return html`
      <section class="list" aria-label="Conversations">
        <h1 class="aloud">Inbox</h1>
        <div class="filters">
          <div class="searching">${icons.search}
            <input type="search" placeholder="Name, number or words" aria-label="Search conversations" .value=${live(search ?? "")} @input=${this.#searched}></div>
          <div class="scopes" role="group" aria-label="Whose">
            ${Object.entries(SCOPES).map(([id, name]) => html`
              <button aria-pressed=${scope === id} @click=${() => this.#set({ scope: id, search: "" })}>${name}</button>`)}
          </div>
          <div class="narrowing">
            <select aria-label="State" @change=${(event) => this.#set({ status: event.target.value, search: "" })}>
              ${Object.entries(STATES).map(([id, name]) => html`<option value=${id} ?selected=${status === id}>${name}</option>`)}
            </select>
            <select aria-label="Channel" @change=${(event) => this.#set({ platform: event.target.value, search: "" })}>
              <option value="" ?selected=${!platform}>All channels</option>
              ${Object.entries(PLATFORMS).map(([id, { name }]) => html`<option value=${id} ?selected=${platform === id}>${name}</option>`)}
            </select>
            <button class="toggle" aria-pressed=${Boolean(unread)} @click=${() => this.#set({ unread: !unread, search: "" })}>Unread</button>
            ${session.may("inbox.assign|contact.edit|inbox.resolve") ? html`<button class="toggle" aria-label="Choose several" aria-pressed=${Boolean(this.picked)} @click=${() => (this.page.picked = this.picked ? null : new Set())}>${icons.check}</button>` : ""}
          </div>
        </div>
        ${search ? html`<div class="scopes found-in" role="group" aria-label="Where to look">
          <button aria-pressed=${!this.said} @click=${() => (this.said = null)}>People</button>
          <button aria-pressed=${Boolean(this.said)} @click=${() => this.#words(search)}>Messages</button></div>` : ""}
        ${this.picked ? this.#together() : ""}
        ${search && this.said ? this.#found() : this.#content()}
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

  #found() {
    const { rows, error } = this.said;
    if (error) return html`<div class="empty" role="alert"><p>${error.message}</p><button @click=${() => this.#words(this.said.search)}>Try again</button></div>`;
    if (!rows) return skeleton;
    if (!rows.length) return html`<div class="empty"><p>Nobody wrote that.</p></div>`;
    return html`<ul class="hits">${rows.map((message) => html`<li><a class="hit" href="#/inbox/${message.contact}/${message.id}">
      <b><bdi>${plain(this.app.inbox.contacts.get(message.contact)?.full_name ?? "…", 60)}</bdi></b>
      <time datetime=${message.timestamp} title=${exactly(message.timestamp)}>${brief(message.timestamp)}</time>
      <span><bdi dir="auto">${message.direction === "OUTGOING" ? "You: " : ""}${around(message, this.said.search)}</bdi></span></a></li>`)}</ul>`;
  }

  /** What can be done to the conversations that are chosen. */
  #together() {
    const { act } = this.page;
    const some = this.picked.size;
    const none = some === 0;
    return html`<div class="together" role="group" aria-label="With those chosen">
      <b>${some} chosen</b>
      ${session.may("inbox.assign|contact.edit") ? html`<select aria-label="Assign those chosen" ?disabled=${none} @change=${(event) => act.many("assign", this.picked, event.target.value ? { assigned_to_type: "USER", assigned_to_id: event.target.value } : { assigned_to_type: "UNASSIGNED" })}>
        <option disabled selected value="-">Assign to…</option><option value="">Nobody</option>${[...this.app.inbox.people].map(([id, name]) => html`<option value=${id}>${plain(name, 60)}</option>`)}</select>` : ""}
      ${session.may("inbox.resolve|contact.edit") ? this.filter.status === "CLOSED" ? html`<button ?disabled=${none} @click=${() => act.many("reopen", this.picked)}>Reopen</button>` : html`<button ?disabled=${none} @click=${() => act.many("close", this.picked)}>Close</button>` : ""}
      <button class="quiet" @click=${() => (this.page.picked = new Set(this.rows.slice(0, 100).map(keyOf)))}>All</button>
      <button class="quiet" @click=${() => (this.page.picked = null)}>Done</button></div>`;
  }

  #pick(id) {
    const picked = new Set(this.picked);
    if (!picked.delete(id)) picked.add(id);
    this.page.picked = picked;
  }

  #none() {
    if (this.filter.search) return "Nobody of that name or number.";
    if (this.filter.unread) return "Everything is read.";
    if (this.filter.status === "AWAY") return "Nothing is set aside.";
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
    const face = this.picked
      ? html`<span class="face pick"><input type="checkbox" aria-label="Choose ${name}" .checked=${live(this.picked.has(contact.id))} @click=${(event) => event.stopPropagation()} @change=${() => this.#pick(contact.id)}></span>`
      : html`<span class="face" data-hue=${hue(contact.id)} aria-hidden="true">${initials(name)}</span>`;
    const inside = html`${face}
        <b><bdi>${name}</bdi></b>
        <time datetime=${last.timestamp} title=${exactly(last.timestamp)}>${brief(last.timestamp)}</time>
        <span class="preview"><bdi dir="auto">${last.direction === "OUTGOING" ? "You: " : ""}${plain(last.preview, 90) || `[${last.preview_type}]`}</bdi></span>
        <span class="marks">
          ${here.length ? html`<span class="tag here" title=${here.map((each) => each.name).join(", ")}>${here.some((each) => each.typing) ? "typing" : "looking"}</span>` : ""}
          ${entry.status === "CLOSED" ? html`<span class="tag">closed</span>` : ""}
          ${mine ? html`<span class="tag mine">mine</span>` : ""}
          <span class="tag ${entry.platform?.toLowerCase()}">${PLATFORMS[entry.platform]?.name ?? ""}</span>
          ${entry.snoozed_until ? html`<span class="tag" title=${exactly(entry.snoozed_until)}>until ${brief(entry.snoozed_until)}</span>` : ""}
          ${unread ? html`<span class="count"><span class="aloud">unread: </span>${unread}</span>` : ""}
        </span>`;
    const look = classMap({ chat: true, chosen, unread: unread > 0 });
    return this.picked ? html`<label class=${look}>${inside}</label>` : html`<a class=${look} href="#/inbox/${contact.id}" aria-current=${chosen ? "true" : nothing}>${inside}</a>`;
  };
}

/** Return the part of a message that has the words looked for. */
function around(message, search) {
  const text = message.content.body?.text ?? message.content[message.content.type]?.caption ?? message.content_preview ?? "";
  const found = text.toLowerCase().indexOf(search.toLowerCase().split(/\s+/)[0]);
  return plain(`${found > 50 ? "…" : ""}${text.slice(Math.max(0, found - 40), Math.max(0, found - 40) + 140)}`, 140);
}

const MOST_FOUND = 30;
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
