// Messages on their way. Each has a key, so that asking again what became of one can never send it twice; what was under
// way when the page went is asked about when it comes back. Each is kept by itself, for other tabs have others.
import { NoAnswer, Refused, api, newKey } from "../api.js";
import { session } from "../session.js";

const STALE_MS = 10 * 60_000; // after which nobody is surprised by a message they gave up on
const KEPT_MS = 20 * 3_600_000; // the gateway knows a key for a day
const LONGEST_MS = 30_000;

export class Outbox {
  #rows = [];
  #name;
  #inbox;

  constructor(inbox) {
    this.#inbox = inbox;
    this.#name = `jina.outbox.${session.tenant.id}.${session.mode}.${session.user.id}.`;
    const kept = Object.entries(localStorage).filter(([name]) => name.startsWith(this.#name));
    const now = Date.now();
    for (const row of kept.map(([, text]) => JSON.parse(text)).sort((a, b) => (a.at < b.at ? -1 : 1))) {
      if (now - Date.parse(row.at) >= KEPT_MS) {
        this.#forget(row);
        continue;
      }
      row.state = row.state === "refused" ? "refused" : "unconfirmed";
      row.tries = 0;
      row.waits = false;
      this.#rows.push(row);
      if (row.state === "unconfirmed" && now - Date.parse(row.at) < STALE_MS) this.#ask(row);
    }
  }

  /** Send: `path` and `body` of the request, `message` as its bubble shows it meanwhile. */
  send(contact, path, body, message, key = newKey()) {
    if (this.#rows.some((row) => row.key === key)) return;
    const row = { key, contact, path, body, message, at: new Date().toISOString(), state: "sending", tries: 0 };
    this.#rows.push(row);
    this.#changed(row);
    this.#ask(row);
  }

  /** Ask again what became of a message; the same key goes along. */
  retry(row) {
    row.state = "sending";
    row.error = null;
    this.#changed(row);
    this.#ask(row);
  }

  discard(row) {
    this.#rows = this.#rows.filter((each) => each !== row);
    this.#forget(row);
    this.#inbox.touch();
  }

  /** Return a conversation's messages that its timeline does not have yet. */
  own(contact) {
    const thread = this.#inbox.thread(contact);
    return this.#rows
      .filter((row) => row.contact === contact && !(row.id && thread.has(row.id)))
      .map((row) => ({ key: row.key, kind: "own", at: row.at, row }));
  }

  /** Recognise a message of ours that the feed tells of before its request is answered. */
  recognise(message) {
    if (message.direction !== "OUTGOING" || message.tenant_user !== session.user.id) return;
    const text = message.content.body?.text;
    const row = this.#rows.find((each) => !each.id && each.contact === message.contact && each.state !== "refused" && each.message.text === text);
    if (row) row.id = message.id;
  }

  async #ask(row) {
    row.waits = false;
    try {
      const message = await api.post(row.path, row.body, { key: row.key });
      row.id = message.id;
      const whole = message.content ? message : await api.get(`/team-inbox/api/messages/${message.id}/`).catch(() => null);
      if (whole) this.#inbox.thread(row.contact).answered(whole);
      return this.discard(row);
    } catch (error) {
      if (!(error instanceof Refused) || error.code === "idempotency_in_progress") this.#later(row, error);
      else if (error.status === 429) this.#later(row, error, error.retryAfter * 1000);
      else {
        row.state = "refused";
        row.error = error.message;
        row.code = error.code;
      }
    }
    this.#changed(row);
  }

  #later(row, error, wait = 0) {
    if (error instanceof NoAnswer) row.state = "unconfirmed";
    row.tries += 1;
    row.waits = true;
    const pause = Math.max(wait, Math.min(1000 * 2 ** (row.tries - 1), LONGEST_MS));
    const again = () => {
      removeEventListener("online", again);
      clearTimeout(timer);
      if (row.waits) this.#ask(row);
    };
    const timer = setTimeout(again, pause);
    addEventListener("online", again);
  }

  #changed(row) {
    if (this.#rows.includes(row)) localStorage.setItem(this.#name + row.key, JSON.stringify(row));
    this.#inbox.touch();
  }

  #forget(row) {
    localStorage.removeItem(this.#name + row.key);
  }
}
