// The inbox: the list, the thread and the contact, and what the keyboard does among them.
import { Element, html } from "../element.js";
import { session } from "../session.js";
import { actions } from "./actions.js";
import "./contact.js";
import "./list.js";
import { AWAY, CLOSED, OPEN } from "./store.js";
import "./thread.js";

const KEPT = "jina.inbox.filter";
const SOUGHT_PAGES = 40; // read at most to find one message

export default class InboxPage extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, filter: { state: true }, aside: { state: true }, picked: { state: true } };

  #sought = null;

  constructor() {
    super();
    this.filter = { scope: "all", status: OPEN, ...JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") };
    this.picked = null; // the conversations chosen to be dealt with together, while some are
    this.aside = matchMedia("(min-width: 1100px)").matches;
  }

  get contact() {
    return this.path?.[0] || null;
  }

  get query() {
    const { scope, status, platform, unread, search } = this.filter;
    const assigned_to = { mine: "me", unassigned: "unassigned" }[scope];
    if (search) return { search };
    const held = status === AWAY ? { status: OPEN, snoozed: true } : status === OPEN ? { status, snoozed: false } : { status };
    return { ...held, ...(assigned_to && { assigned_to }), ...(platform && { platform }), ...(unread && { unread: true }) };
  }

  connectedCallback() {
    super.connectedCallback();
    this.act = actions(this);
    this.app.keys.bind("Inbox", this.#commands());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.app.keys.unbind("Inbox");
    this.app.feed.say(null);
  }

  willUpdate(changed) {
    if (changed.has("path")) {
      this.failed = null;
      if (this.contact) {
        const thread = this.app.inbox.thread(this.contact);
        this.#open(this.contact, thread.loaded ? null : thread.more());
        this.#seek(thread);
      }
      this.app.feed.say(this.contact ? this.contact.replace("cnt_", "conv_") : null);
    }
    if (changed.has("filter")) sessionStorage.setItem(KEPT, JSON.stringify({ ...this.filter, search: "" }));
    const view = (this.view = this.app.inbox.view(this.query));
    if (view.horizon === Infinity && !view.done && !view.loading && !view.error) this.app.inbox.more(view).catch(() => {});
    this.rows = this.app.inbox.rows(this.view);
    this.entry = this.contact ? this.app.inbox.conversations.get(this.contact) : null;
  }

  /** Read what is not known of a conversation: where its entry is, its messages come first and the contact after them. */
  async #open(contact, messages) {
    const { inbox } = this.app;
    if (inbox.conversations.has(contact)) await messages;
    await inbox.open(contact).catch((error) => {
      if (contact !== this.contact) return;
      this.failed = error;
      this.requestUpdate();
    });
  }

  /** Bring the message that the address names into view: older pages are read until it is there. */
  async #seek(thread) {
    const wanted = (this.#sought = this.path[1] ?? null);
    for (let pages = 0; wanted && pages < SOUGHT_PAGES && !thread.has(wanted) && !thread.done; pages++) {
      await (thread.more() ?? thread.loading);
      if (wanted !== this.#sought || thread.error) return;
    }
    await this.updateComplete;
    if (wanted && thread.has(wanted)) this.querySelector("jc-thread")?.show(wanted);
  }

  #step(by) {
    const at = this.rows.findIndex((entry) => entry.contact.id === this.contact);
    const next = this.rows[at < 0 ? (by > 0 ? 0 : this.rows.length - 1) : Math.max(0, Math.min(this.rows.length - 1, at + by))];
    if (next) this.app.go(`inbox/${next.contact.id}`);
  }

  #commands() {
    const open = () => Boolean(this.entry);
    const may = (permission) => () => session.may(permission);
    const focus = (where) => () => this.querySelector(where)?.focus();
    return [
      { id: "next", name: "Next conversation", keys: "j", run: () => this.#step(1) },
      { id: "previous", name: "Previous conversation", keys: "k", run: () => this.#step(-1) },
      { id: "enter", name: "Into the conversation", keys: "Enter", when: () => open() && document.activeElement === document.body, run: focus("jc-thread .v-scroll") },
      { id: "reply", name: "Reply", keys: "r", when: open, may: may("inbox.reply"), run: () => this.querySelector("jc-composer")?.begin("reply") },
      { id: "note", name: "Leave a note", keys: "n", when: open, may: may("inbox.reply"), run: () => this.querySelector("jc-composer")?.begin("note") },
      { id: "close", name: "Close the conversation", keys: "e", danger: true, when: () => this.entry?.status === OPEN, may: may("inbox.resolve|contact.edit"), run: () => this.act.close() },
      { id: "reopen", name: "Reopen the conversation", keys: "o", danger: true, when: () => this.entry?.status === CLOSED, may: may("inbox.resolve|contact.edit"), run: () => this.act.reopen() },
      { id: "assign", name: "Assign", keys: "a", when: open, may: may("inbox.assign|contact.edit"), run: () => this.querySelector("jc-thread")?.assign() },
      { id: "claim", name: "Assign to me", keys: "m", danger: true, when: open, may: may("inbox.assign|contact.edit"), run: () => this.act.assign(session.user.id) },
      { id: "snooze", name: "Set aside", keys: "s", when: () => this.entry?.status === OPEN, may: may("inbox.resolve|contact.edit"), run: () => this.querySelector("jc-thread")?.snooze() },
      { id: "unread", name: "Count as unread again", keys: "u", when: open, run: () => this.act.unread() },
      { id: "pick", name: "Choose several", keys: "x", may: () => session.may("inbox.assign|contact.edit|inbox.resolve"), run: () => (this.picked = this.picked ? null : new Set(this.contact ? [this.contact] : [])) },
      { id: "pdf", name: "Save the conversation as PDF", keys: "", when: open, run: () => this.act.save() },
      { id: "search", name: "Search", keys: "/", run: focus("jc-list [type=search]") },
      { id: "send", name: "Send", keys: "$mod+Enter", anywhere: true, when: open, may: may("inbox.reply"), run: () => this.querySelector("jc-composer")?.send() },
      { id: "send-close", name: "Send and close", keys: "$mod+Shift+Enter", anywhere: true, danger: true, when: open, may: () => session.may("inbox.reply") && session.may("inbox.resolve|contact.edit"), run: () => this.querySelector("jc-composer")?.send() && this.act.close() },
      { id: "leave", name: "Out of the field, back to the list", keys: "Escape", anywhere: true, run: () => this.#leave() },
    ];
  }

  #leave() {
    const field = document.activeElement;
    if (field && field !== document.body) return field.blur();
    if (this.contact) this.app.go("inbox");
  }

  render() {
    return html`
      <div class="inbox ${this.contact ? "with-thread" : ""} ${this.aside ? "with-contact" : ""}">
        <jc-list .app=${this.app} .page=${this} .view=${this.view} .rows=${this.rows} .filter=${this.filter} .picked=${this.picked} .selected=${this.contact}></jc-list>
        ${this.contact
          ? html`<jc-thread .app=${this.app} .page=${this} .contact=${this.contact} .entry=${this.entry} .failed=${this.failed}></jc-thread>
            ${this.aside ? html`<jc-contact .app=${this.app} .page=${this} .contact=${this.app.inbox.contacts.get(this.contact)}></jc-contact>` : ""}`
          : html`<section class="nothing-chosen empty"><p>Choose a conversation.</p>
              <p class="soft">Press <kbd>J</kbd> for the next one, <kbd>?</kbd> for all keys.</p></section>`}
      </div>`;
  }

  requestUpdate(...args) {
    for (const part of this.querySelectorAll?.("jc-list, jc-thread, jc-contact, jc-composer") ?? []) part.requestUpdate();
    return super.requestUpdate(...args);
  }
}

customElements.define("jc-inbox", InboxPage);
