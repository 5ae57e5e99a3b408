// One conversation: its header, its messages, and the field below.
import { Element, html, nothing } from "../element.js";
import { brief, dayName, exactly, clock } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import "../virtual.js";
import { bubble, ownBubble } from "./bubble.js";
import "./composer.js";

const READ_AFTER_MS = 500;

class ThreadView extends Element {
  static properties = {
    app: { attribute: false }, page: { attribute: false }, contact: { attribute: false }, entry: { attribute: false },
    failed: { attribute: false }, whole: { state: true }, news: { state: true }, assigning: { state: true }, snoozing: { state: true }, shown: { state: true },
  };

  #reading;
  #fresh = 0;
  #own = 0;
  #drawn = [];

  constructor() {
    super();
    this.whole = new Set(); // messages shown in full
  }

  willUpdate(changed) {
    const thread = (this.thread = this.app.inbox.thread(this.contact));
    const own = this.app.outbox.own(this.contact);
    const drawn = [thread, thread.version, this.whole, this.shown, this.app.inbox.people.size];
    // The same items are not drawn anew: what pours into other conversations costs nothing here.
    if (own.length || this.#own || drawn.some((each, at) => each !== this.#drawn[at])) this.items = thread.items(own);
    this.#own = own.length;
    this.#drawn = drawn;
    if (changed.has("contact")) {
      this.querySelector("jc-virtual")?.begin();
      this.#fresh = thread.fresh;
      this.news = 0;
      this.heard = "";
      this.assigning = this.snoozing = false;
      this.shown = null;
    }
    const list = this.querySelector("jc-virtual");
    if (thread.fresh !== this.#fresh) {
      this.news = list && !list.atBottom ? this.news + thread.fresh - this.#fresh : 0;
      const last = this.items.at(-1)?.message;
      if (last?.direction === "INCOMING") this.heard = `${plain(this.entry?.contact.full_name, 60)}: ${plain(last.content.body?.text ?? last.content.type, 200)}`;
      this.#fresh = thread.fresh;
    }
  }

  updated() {
    if (this.entry?.unread_count && document.visibilityState === "visible" && document.hasFocus()) {
      clearTimeout(this.#reading);
      const contact = this.contact;
      this.#reading = setTimeout(() => {
        if (contact === this.contact && this.isConnected) this.page.act.read(contact);
      }, READ_AFTER_MS);
    }
  }

  /** Open the choice of who shall hold the conversation. */
  assign() {
    this.assigning = true;
    this.updateComplete.then(() => this.querySelector(".assigning select")?.focus());
  }

  /** Open the choice of how long the conversation is set aside. */
  snooze() {
    this.snoozing = true;
    this.updateComplete.then(() => this.querySelector(".snoozing select")?.focus());
  }

  /** Bring a message into view and mark it. */
  show(id) {
    this.shown = id;
  }

  render() {
    if (this.failed) {
      return html`<section class="thread"><div class="empty" role="alert"><p>${this.failed.status === 404
        ? "There is no such conversation, or it is not yours to see." : this.failed.message}</p>
        <a href="#/inbox">Back to the list</a></div></section>`;
    }
    const { entry } = this;
    const name = plain(entry?.contact.full_name ?? "…", 60);
    return html`
      <section class="thread" aria-label="Conversation with ${name}">
        <header class="thread-head">
          <a class="icon-button back" href="#/inbox" aria-label="Back to the list">${icons.back}</a>
          <div class="title"><h1><bdi>${name}</bdi></h1>
            <span class="soft small">${entry ? html`${entry.status === "CLOSED" ? "Closed · " : ""}${entry.snoozed_until ? html`Set aside until <time datetime=${entry.snoozed_until} title=${exactly(entry.snoozed_until)}>${brief(entry.snoozed_until)}</time> · ` : ""}${this.#holder()}` : nothing}</span></div>
          ${entry ? this.#buttons() : ""}
          <button class="icon-button" aria-label="The contact" aria-pressed=${this.page.aside} @click=${() => (this.page.aside = !this.page.aside)}>${icons.person}</button>
        </header>
        ${this.#messages()}
        ${this.#company()}
        <p class="aloud" role="status">${this.heard}</p>
        ${entry && session.may("inbox.reply") ? html`<jc-composer .app=${this.app} .page=${this.page} .entry=${entry}></jc-composer>` : ""}
      </section>`;
  }

  #holder() {
    const holder = this.entry.assignment.assigned_to_user;
    if (!holder) return "Nobody holds this";
    return holder === session.user.id ? "You hold this" : html`<bdi>${plain(this.entry.assignment.assigned_to_name, 60)}</bdi> holds this`;
  }

  #buttons() {
    const { act } = this.page;
    const holder = this.entry.assignment.assigned_to_user;
    const may = session.may("inbox.assign|contact.edit");
    return html`
      ${may && this.assigning ? this.#assigning() : ""}
      ${may && !this.assigning ? html`
        ${holder === session.user.id ? "" : html`<button @click=${() => act.assign(session.user.id)}>${holder ? "Take over" : "Claim"}</button>`}
        <button class="wide" @click=${() => this.assign()}>Assign</button>` : ""}
      ${session.may("inbox.resolve|contact.edit") ? this.#away() : ""}
      ${session.may("inbox.resolve|contact.edit")
        ? this.entry.status === "OPEN"
          ? html`<button @click=${() => act.close()}>${icons.check} Close</button>`
          : html`<button @click=${() => act.reopen()}>Reopen</button>`
        : ""}`;
  }

  #away() {
    if (this.entry.snoozed_until) return html`<button class="wide" @click=${() => this.page.act.wake()}>Take up again</button>`;
    if (this.entry.status !== "OPEN") return "";
    if (!this.snoozing) return html`<button class="wide" @click=${() => this.snooze()}>Set aside</button>`;
    const chosen = chooser((value) => {
      this.snoozing = false;
      this.page.act.snooze(new Date(Number(value)));
    });
    return html`<label class="snoozing"><span class="aloud">Set aside until</span>
      <select @change=${chosen.change} @keydown=${chosen.keydown} @pointerdown=${chosen.pointerdown} @blur=${() => (this.snoozing = false)}>
        <option disabled selected value="-">Until…</option>
        ${moments().map(([name, moment]) => html`<option value=${moment.getTime()}>${name}</option>`)}</select></label>`;
  }

  #assigning() {
    const chosen = chooser((value) => {
      this.assigning = false;
      this.page.act.assign(value);
    });
    const holder = this.entry.assignment.assigned_to_user;
    return html`<label class="assigning"><span class="aloud">Assign to</span>
      <select @change=${chosen.change} @keydown=${chosen.keydown} @pointerdown=${chosen.pointerdown} @blur=${() => (this.assigning = false)}>
        <option disabled selected value="-">Assign to…</option>
        ${holder ? html`<option value="">Nobody</option>` : ""}
        ${[...this.app.inbox.people].map(([id, name]) => (id === holder ? "" : html`<option value=${id}>${plain(name, 60)}</option>`))}
      </select></label>`;
  }

  #messages() {
    const { thread } = this;
    if (!thread.loaded) return html`<div class="messages skeletons" role="status" aria-label="Loading">${[1, 2, 3].map(() => html`<div class="skeleton"></div>`)}</div>`;
    if (thread.error && !this.items.length) {
      return html`<div class="messages empty" role="alert"><p>${thread.error.message}</p><button @click=${() => thread.more()}>Try again</button></div>`;
    }
    return html`
      <div class="messages">
        <jc-virtual bottom .items=${this.items} .keyOf=${keyOf} .row=${this.#row} .estimate=${64} .current=${this.shown} label="Messages"
          @near-start=${() => !thread.error && thread.more()} @moved=${() => this.#seen()}></jc-virtual>
        ${thread.error ? html`<p class="fault small" role="alert">${thread.error.message} <button @click=${() => thread.more()}>Try again</button></p>` : ""}
        ${this.news ? html`<button class="news" @click=${() => this.#down()}>${icons.down} ${this.news} new</button>` : ""}
      </div>`;
  }

  #seen() {
    if (this.news && this.querySelector("jc-virtual")?.atBottom) this.news = 0;
  }

  #down() {
    this.news = 0;
    this.querySelector("jc-virtual").toBottom();
  }

  #row = (item, before) => {
    if (item.kind === "begin") return html`<p class="event beginning">It began here</p>`;
    if (item.kind === "day") return html`<h2 class="day"><span>${dayName(item.at)}</span></h2>`;
    if (item.kind === "line") {
      return html`<p class="event"><bdi>${plain(item.text)}</bdi>${item.note ? html` — <bdi>${plain(item.note)}</bdi>` : ""}
        <time datetime=${item.at} title=${exactly(item.at)}>${clock(item.at)}</time></p>`;
    }
    if (item.kind === "own") return ownBubble(item.row, this.app.outbox);
    const all = this.whole.has(item.key);
    return bubble(item.message, {
      all, people: this.app.inbox.people,
      show: () => (this.whole = new Set([...this.whole, item.key])),
      again: () => this.querySelector("jc-composer")?.again(item.message),
      found: this.shown === item.key,
      follows: before?.message?.direction === item.message.direction && before?.message?.internal_note === item.message.internal_note,
    });
  };

  /** Say who else looks at this conversation, and who types. */
  #company() {
    const others = this.app.inbox.present.filter((each) => each.viewing === this.entry?.id && each.user_id !== session.user.id);
    const names = (some) => [...new Set(some.map((each) => plain(each.name, 40)))].join(", ");
    const typing = others.filter((each) => each.typing);
    return html`<p class="company small" role="status">
      ${typing.length ? html`<b><bdi>${names(typing)}</bdi></b> is typing…` : others.length ? html`<bdi>${names(others)}</bdi> is looking at this too` : ""}</p>`;
  }
}

const keyOf = (item) => item.key;

/** Return the handlers of a list whose choice is carried out: by a click at once, by keys, which pass over others, with Enter. */
function chooser(carryOut) {
  return {
    change: ({ target }) => target.keyed || carryOut(target.value),
    pointerdown: ({ target }) => (target.keyed = false),
    keydown(event) {
      const { target, key } = event;
      if (key !== "Enter") target.keyed = true;
      else if (target.keyed && target.selectedIndex > 0) {
        event.preventDefault();
        carryOut(target.value);
      }
    },
  };
}

/** Return until when one sets things aside, by the reader's clock. */
function moments(now = new Date()) {
  const at = (days, hour) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  return [
    ["in an hour", new Date(now.getTime() + 3_600_000)], ["in three hours", new Date(now.getTime() + 3 * 3_600_000)],
    ["tomorrow morning", at(1, 9)], ["on Monday morning", at(((8 - now.getDay()) % 7) || 7, 9)], ["in a week", at(7, 9)],
  ];
}

customElements.define("jc-thread", ThreadView);
