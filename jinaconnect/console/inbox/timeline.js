// One conversation's timeline: messages and what happened in between, by their number.
import { api } from "../api.js";

const FIRST = 30; // what fills a window: the sooner it is there
const PAGE = 60;

const TOLD = {
  "conversation.assigned": (d) => given(by(d), d.contact_detail?.assigned_to_name),
  "conversation.unassigned": (d) => `${by(d)} put this back among the unassigned`,
  "conversation.closed": () => "Closed",
  "conversation.reopened": () => "Reopened",
  "conversation.opened": () => "Conversation began",
  "conversation.snoozed": () => "Set aside",
  "conversation.woken": () => "Back again",
};
const LISTED = {
  TICKET_ASSIGNED: (d) => given(d.assigned_by_name, d.assigned_to_name),
  TICKET_REASSIGNED: (d) => given(d.assigned_by_name, d.assigned_to_name),
  TICKET_UNASSIGNED: (d) => `${d.assigned_by_name ?? "The gateway"} put this back among the unassigned`,
  TICKET_CLOSED: (d) => `Closed${d.created_by_name ? ` by ${d.created_by_name}` : ""}`,
  TICKET_REOPENED: (d) => `Reopened${d.created_by_name ? ` by ${d.created_by_name}` : ""}`,
  TICKET_OPENED: () => "Conversation began",
};
const by = (data) => data.contact_detail?.assigned_by_name ?? "The gateway";

function given(from, to) {
  return from === to ? `${to} took this` : `${from ?? "The gateway"} assigned this to ${to ?? "somebody"}`;
}

/** Return an item of a conversation's history as a line. */
function line(number, at, text, note) {
  return { key: `n${number}`, n: number, at, kind: "line", text, note };
}

export class Thread {
  error = null;
  loading = null;
  done = false;
  version = 0; // raised with each change of the items
  fresh = 0; // raised with each message that comes from the feed
  #items = new Map(); // by key
  #seqs = new Map(); // the newest event a message was taken from
  #order = []; // the items by their number
  #before = null;
  #asked = false;

  constructor(contact, inbox) {
    this.contact = contact;
    this.inbox = inbox;
  }

  get loaded() {
    return this.#asked && !(this.loading && !this.#items.size);
  }

  /** Read the next older page. */
  more() {
    if (this.done || this.loading) return this.loading;
    this.loading = this.#page().finally(() => {
      this.loading = null;
      this.inbox.touch(true);
    });
    if (this.#asked) this.inbox.touch();
    return this.loading;
  }

  /** Read the newest page anew, as after a gap. */
  async reload() {
    this.#items.clear();
    this.#seqs.clear();
    this.#order = [];
    this.#before = null;
    this.done = false;
    this.version += 1;
    await this.more();
  }

  async #page() {
    const mark = this.inbox.mark();
    this.error = null;
    try {
      const page = await api.get(`/team-inbox/api/conversations/${this.contact}/timeline/`, { limit: this.#before === null ? FIRST : PAGE, before: this.#before });
      for (const item of page.results) {
        if (item.type === "message") this.#put(item.data, item.numbering);
        else if (item.type === "event") {
          const told = LISTED[item.data.event_type]?.(item.data) ?? item.data.event_type_display;
          this.#line(line(item.numbering, item.timestamp, told, item.data.note));
        }
      }
      this.#before = page.next_before;
      this.done = page.next_before === null;
      this.version += 1;
      this.inbox.again(mark);
    } catch (error) {
      this.error = error;
    } finally {
      this.#asked = true;
    }
  }

  #line(item) {
    if (!this.#items.has(item.key)) this.#set(item);
  }

  #put(message, number) {
    const held = this.#items.get(message.id);
    const n = number ?? message.message_id ?? held?.n ?? Infinity;
    this.#set({ key: message.id, n, at: message.timestamp, kind: "message", message });
  }

  /** Put an item in its place, which for news is the end. */
  #set(item) {
    const held = this.#items.get(item.key);
    item.day = held?.day ?? dayOf(item.at);
    this.version += 1;
    this.#items.set(item.key, item);
    if (held?.n === item.n) this.#order[this.#place(item.n, item.key)] = item;
    else {
      if (held) this.#order.splice(this.#place(held.n, held.key), 1);
      this.#order.splice(this.#place(item.n), 0, item);
    }
  }

  /** Return where a key with a number stands, or where a number's next item belongs. */
  #place(n, key) {
    let low = 0, high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (key === undefined ? this.#order[middle].n <= n : this.#order[middle].n < n) low = middle + 1;
      else high = middle;
    }
    while (key !== undefined && this.#order[low]?.key !== key) low += 1;
    return low;
  }

  takeMessage(message, seq, type) {
    if ((this.#seqs.get(message.id) ?? 0) >= seq) return;
    this.#seqs.set(message.id, seq);
    const known = this.#items.has(message.id);
    if (!known && this.#before !== null && (message.message_id ?? seq) < this.#before) return; // of a page not read yet
    if (type === "message.deleted" && !message.revoked_at) this.#remove(message.id);
    else this.#put(message, known ? undefined : (message.message_id ?? seq));
    if (!known) this.fresh += 1;
  }

  takeEvent(event, read, readAt) {
    if (read) {
      for (const id of read) {
        const held = this.#items.get(id);
        if (held) this.#set({ ...held, message: { ...held.message, is_read: true, read_at: readAt } });
      }
    }
    const told = TOLD[event.type]?.(event.data);
    if (told) this.#line(line(event.seq, event.occurred_at, told, null));
  }

  #remove(id) {
    const held = this.#items.get(id);
    if (!held) return;
    this.#items.delete(id);
    this.version += 1;
    this.#order.splice(this.#place(held.n, id), 1);
  }

  /** Take the answer to a message of ours, which the feed may have told already. */
  answered(message) {
    if (!this.#items.has(message.id)) this.#put(message);
  }

  has(id) {
    return this.#items.has(id);
  }

  /** Return the items, oldest first, with a mark before the first of each day; `own` are messages on their way. */
  items(own = []) {
    const shown = this.done && this.#order.length ? [{ key: "begin", kind: "begin", at: this.#order[0].at }] : [];
    let day = null;
    const add = (item) => {
      if (item.day !== day) shown.push({ key: `d${item.key}`, kind: "day", at: item.at });
      day = item.day;
      shown.push(item);
    };
    this.#order.forEach(add);
    own.forEach((item) => add({ ...item, day: dayOf(item.at) }));
    return shown;
  }
}

function dayOf(stamp) {
  const moment = new Date(stamp);
  return moment.getFullYear() * 400 + moment.getMonth() * 32 + moment.getDate();
}
