// The inbox as this browser knows it: conversations and threads, read once and kept true by the feed.
//
// Everything here may be told twice and late without harm: a conversation's events carry the whole entry, a message
// counts when it is newer than the newest counted, and a message's state is replaced by that of a later event only.
import { api } from "../api.js";
import { session } from "../session.js";
import { Thread } from "./timeline.js";

const PAGE = 50;
const PAUSE_MS = 80; // between two drawings while much happens
const SHARE = 3; // … and as many times as long as one took: the reader's own doing comes in between
const FEW = 3; // unknown conversations that are read one by one
const AT_ONCE = 100;
const ONE_BY_ONE = 10; // at a time
const AGAIN_MS = 2000; // until what found no answer is asked for again
const KEPT = 3000; // events remembered for what is being loaded

export const OPEN = "OPEN", CLOSED = "CLOSED";
export const AWAY = "AWAY"; // open and set aside for now

/** What a message looks like in the list, as the gateway's own preview does. */
function preview(content) {
  const kind = content.type ?? "text";
  const part = content[kind] ?? {};
  const text = content.body?.text ?? part.caption ?? part.filename ?? "";
  return { preview: text.slice(0, 120), preview_type: kind };
}

class View {
  rows = null; // null: to be computed
  horizon = Infinity; // the oldest moment loaded; what is older waits for its page
  before = null;
  done = false;
  loading = null;
  error = null;
  found = null; // of a search: what the gateway answered

  constructor(query) {
    this.query = query;
  }
}

export class Inbox {
  conversations = new Map(); // by contact id
  contacts = new Map();
  threads = new Map();
  people = new Map(); // user id → name
  present = []; // who looks at what
  cursor = null;
  #views = new Map();
  #recent = [];
  #dropped = 0;
  #wanted = new Set(); // conversations the feed speaks of that are not known here
  #asking = false;
  #changed;

  /** `changed` is called when something is different: at the next frame, but not for each of many changes; what was `asked` for does not wait. */
  constructor(changed) {
    let due = false, last = 0, took = 0;
    const run = () => {
      if (!due) return;
      due = false;
      last = performance.now();
      changed();
      setTimeout(() => (took = performance.now() - last)); // once it is painted
    };
    this.#changed = (asked) => {
      if (due && !asked) return;
      due = true;
      if (asked) last = 0;
      const pause = last + Math.min(PAUSE_MS * 5, Math.max(PAUSE_MS, SHARE * took)) - performance.now();
      if (pause > 0 || document.hidden) setTimeout(run, Math.max(pause, 0));
      else requestAnimationFrame(run);
    };
  }

  touch(asked) {
    this.#changed(asked);
  }

  // --- lists ----------------------------------------------------------------------------------------------------

  view(query) {
    const key = JSON.stringify(query);
    if (!this.#views.has(key)) this.#views.set(key, new View(query));
    return this.#views.get(key);
  }

  /** Read the next page of a list. */
  more(view) {
    if (view.done || view.loading) return view.loading;
    view.loading = this.#page(view).finally(() => {
      view.loading = null;
      this.#changed();
    });
    this.#changed();
    return view.loading;
  }

  async #page(view) {
    const mark = this.#mark();
    view.error = null;
    try {
      const page = await api.get("/team-inbox/api/conversations/", { ...view.query, limit: PAGE, before: view.before });
      for (const entry of page.results) this.#put(entry);
      if (view.query.search) view.found = [...(view.found ?? []), ...page.results.map((entry) => entry.contact.id)];
      view.before = page.next_before;
      view.done = !page.next_before;
      view.horizon = view.done ? -Infinity : Math.min(...page.results.map(at), view.horizon);
      this.cursor ??= page.cursor;
      this.#again(mark);
      return page.cursor;
    } catch (error) {
      view.error = error;
      throw error;
    } finally {
      view.rows = null;
    }
  }

  /** Read the first page of a list anew, as after a gap; returns the log's position. */
  async reload(view) {
    this.conversations.clear();
    this.#views.clear();
    const fresh = this.view(view.query);
    const cursor = await this.#page(fresh);
    await Promise.all([...this.threads.values()].map((thread) => thread.reload()));
    this.#changed();
    return cursor;
  }

  /** Return a list's conversations, the newest first. */
  rows(view) {
    if (view.rows) return view.rows;
    if (view.found) {
      view.rows = [...new Set(view.found)].map((id) => this.conversations.get(id)).filter(Boolean);
      return view.rows;
    }
    const { status, snoozed, assigned_to, platform, unread } = view.query;
    const me = session.user.id;
    view.rows = [...this.conversations.values()]
      .filter((entry) => {
        const holder = entry.assignment.assigned_to_user;
        return (
          entry.last_message && at(entry) >= view.horizon && (!status || entry.status === status) &&
          (snoozed === undefined || Boolean(entry.snoozed_until) === snoozed) &&
          (!platform || entry.platform === platform) && (!unread || entry.unread_count > 0) &&
          (assigned_to !== "me" || holder === me) && (assigned_to !== "unassigned" || holder === null)
        );
      })
      .sort((a, b) => at(b) - at(a) || (a.id < b.id ? 1 : -1));
    return view.rows;
  }

  #put(entry) {
    this.conversations.set(entry.contact.id, entry);
    for (const view of this.#views.values()) view.rows = null;
  }

  // --- one conversation -----------------------------------------------------------------------------------------

  thread(contact) {
    if (!this.threads.has(contact)) this.threads.set(contact, new Thread(contact, this));
    return this.threads.get(contact);
  }

  /** Read one conversation and its contact where they are not known. */
  async open(contact) {
    const mark = this.#mark();
    const asks = [];
    if (!this.conversations.has(contact)) {
      asks.push(api.get(`/team-inbox/api/conversations/${contact}/`).then((entry) => this.#put(entry)));
    }
    if (!this.contacts.has(contact)) {
      asks.push(api.get(`/contacts/${contact}/`).then((found) => this.contacts.set(contact, found)));
    }
    await Promise.all(asks);
    this.#again(mark);
    this.#changed();
  }

  // --- events ---------------------------------------------------------------------------------------------------

  /** Take events of the feed. */
  take(events) {
    for (const event of events) {
      this.#recent.push(event);
      this.#apply(event);
    }
    if (this.#recent.length > KEPT * 2) {
      this.#dropped += this.#recent.length - KEPT;
      this.#recent = this.#recent.slice(-KEPT);
    }
    this.#changed();
  }

  /** Remember where the feed stands before something is read… */
  #mark() {
    return this.#dropped + this.#recent.length;
  }

  /** …and take again what came since, of everybody or of some: the answer may be older than that. */
  #again(mark, contacts) {
    for (const event of this.#recent.slice(Math.max(0, mark - this.#dropped))) {
      if (!contacts || contacts.has(event.contact_id)) this.#apply(event);
    }
  }

  mark = () => this.#mark();
  again = (mark) => this.#again(mark);

  #apply(event) {
    const [noun, verb] = event.type.split(".");
    if (noun === "conversation") this.#conversation(event);
    else if (noun === "message") this.#message(event, verb);
    else if (noun === "contact") this.#contact(event, verb);
  }

  #conversation(event) {
    const { contact_detail: detail, message_ids, read_at, ...entry } = event.data;
    if (detail) this.contacts.set(detail.id, detail);
    const id = entry.contact.id;
    const holder = entry.assignment.assigned_to_user;
    if (session.role.slug === "agent" && holder !== session.user.id && event.type === "conversation.assigned") {
      this.conversations.delete(id); // it was taken from us
      for (const view of this.#views.values()) view.rows = null;
    } else if (entry.last_message) this.#put(entry);
    this.threads.get(id)?.takeEvent(event, message_ids, read_at);
  }

  #message(event, verb) {
    const message = event.data;
    const entry = this.conversations.get(message.contact);
    this.threads.get(message.contact)?.takeMessage(message, event.seq, event.type);
    if (!entry) {
      if (verb === "received" || verb === "queued") this.#unknown(message.contact);
      return;
    }
    const last = entry.last_message;
    if (last?.id === message.id) {
      if (verb === "updated" || verb === "deleted") this.#put({ ...entry, last_message: { ...last, ...preview(message.content) } });
      return;
    }
    if ((verb !== "received" && verb !== "queued") || (last && last.id >= message.id)) return;
    const incoming = message.direction === "INCOMING";
    this.#put({
      ...entry, platform: message.platform,
      unread_count: entry.unread_count + (incoming && !message.is_read ? 1 : 0),
      last_message: {
        id: message.id, ...preview(message.content), timestamp: message.timestamp, direction: message.direction,
        author_type: message.author, platform: message.platform, created_by: message.created_by,
        expires_at: message.expires_at ?? (message.platform === last?.platform ? last.expires_at : null),
        is_read: message.is_read, group_id: message.group_id,
      },
    });
  }

  #contact(event, verb) {
    const contact = event.data;
    if (verb === "deleted" || contact.merged_into) {
      this.conversations.delete(contact.id);
      this.contacts.delete(contact.id);
      for (const view of this.#views.values()) view.rows = null;
      return;
    }
    this.contacts.set(contact.id, contact);
    const entry = this.conversations.get(contact.id);
    if (!entry) return;
    const { id, first_name, last_name, full_name, phone } = contact;
    this.#put({ ...entry, status: contact.status, contact: { id, first_name, last_name, full_name, phone } });
  }

  /** Read conversations that the feed speaks of and that are not known here: many at once, for they are the newest. */
  #unknown(contact) {
    this.#wanted.add(contact);
    this.#ask(PAUSE_MS);
  }

  #ask(pause) {
    if (this.#asking || !this.#wanted.size) return;
    this.#asking = true;
    setTimeout(() => this.#askUnknown(), pause);
  }

  async #askUnknown() {
    const wanted = new Set(this.#wanted);
    this.#wanted.clear();
    const mark = this.#mark();
    const put = (entry) => entry.last_message && wanted.has(entry.contact.id) && this.#put(entry);
    const missing = () => [...wanted].filter((id) => !this.conversations.has(id));
    let pause = PAUSE_MS;
    const failed = (ids, error) => {
      if (error.status < 500 && error.status !== 429) return; // gone, or not for us
      ids.forEach((id) => this.#wanted.add(id));
      pause = AGAIN_MS;
    };
    try {
      let before = null, found = true;
      while (found && missing().length > FEW) {
        const page = await api.get("/team-inbox/api/conversations/", { limit: AT_ONCE, before });
        found = page.next_before !== null && page.results.some((entry) => wanted.has(entry.contact.id));
        page.results.forEach(put);
        before = page.next_before;
      }
      const rest = missing();
      rest.splice(ONE_BY_ONE).forEach((id) => this.#wanted.add(id));
      const read = (id) => api.get(`/team-inbox/api/conversations/${id}/`).then(put, (error) => failed([id], error));
      await Promise.all(rest.map(read));
    } catch (error) {
      failed(missing(), error);
    }
    this.#again(mark, wanted);
    this.#asking = false;
    this.#ask(pause); // for what is left
    this.#changed();
  }
}

const at = (entry) => (entry.last_message ? Date.parse(entry.last_message.timestamp) : 0);
