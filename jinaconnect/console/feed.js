/**
 * The feed in a browser: one log, followed from a cursor, resumed after every interruption. No dependencies.
 *
 *   const feed = new Feed({ token: async (again) => "…", onEvents: (events) => …, onState: (state) => … });
 *   await feed.join(async () => { const page = await list(); show(page); return page.cursor; });
 *
 * `token` is asked before each connection, with `true` when the last one was refused or is about to end.
 * `onState` is told `{ kind, behind, why }`: kind is "connecting", "catching up", "live", "offline" or "ended".
 * Every event comes once and in order; only after a gap, of which `join`'s loader is told by being called again, is
 * something left out, and then the snapshot has it.
 */

const FINAL = { 4001: "not authenticated", 4003: "access withdrawn", 4004: "protocol violation", 4009: "frame too large" };
const AT_ONCE = new Set([4201, 4202, 4203, 4204]);
const SILENCE_MS = 20_000; // without a frame for so long, the other end is asked whether it is there
const ANSWER_MS = 8_000; // and has so long to say so
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const REQUEST_MS = 30_000;
const SOCKETS_BEFORE_STREAM = 2; // failed handshakes before the stream is tried instead

/** A request over the socket that was refused: `status`, `code` and `detail` as over REST. */
export class FeedRefusal extends Error {
  constructor(frame) {
    super(typeof frame.detail === "string" ? frame.detail : JSON.stringify(frame.detail));
    Object.assign(this, { status: frame.status, code: frame.code, detail: frame.detail });
  }
}

/** The newest state of each subject: what comes late or twice changes nothing. */
export class Latest {
  #rows = new Map();

  /** Take the state of a subject at a number of the log (0: of a snapshot); tells whether it is news. */
  put(id, data, seq = 0) {
    const held = this.#rows.get(id);
    if (held && held.seq >= seq && seq !== 0) return false;
    this.#rows.set(id, { data, seq: Math.max(seq, held?.seq ?? 0) });
    return true;
  }

  /** Take an event. */
  fold(event) {
    return this.put(event.subject.id, event.data, event.seq);
  }

  get(id) {
    return this.#rows.get(id)?.data;
  }

  delete(id) {
    return this.#rows.delete(id);
  }

  values() {
    return [...this.#rows.values()].map((row) => row.data);
  }
}

export class Feed {
  state = { kind: "connecting", behind: 0, why: "" };
  cursor = null;
  principal = null;
  #options;
  #socket = null;
  #stream = null;
  #load = null;
  #loading = 0;
  #held = []; // events that came while the snapshot was loading
  #seq = 0;
  #tries = 0;
  #refused = 0; // handshakes that failed in a row
  #renew = false;
  #doubted = false; // whether a token that was refused has been renewed once
  #timers = {};
  #asked = new Map();
  #serial = 0;
  #said = null;

  constructor({ url = location.origin, token, topics, filter, onEvents, onState, onPresence, onReady }) {
    this.#options = { url, token, topics, filter, onEvents, onState, onPresence, onReady };
    addEventListener("online", this.#wake);
    addEventListener("offline", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
  }

  /** Load a snapshot, which resolves to its cursor, and follow from there; it is called again after a gap. */
  async join(load) {
    this.#load = load;
    this.cursor = await load();
    this.start(this.cursor);
  }

  /** Follow what comes after a cursor; null: from now on. */
  start(cursor = null) {
    this.cursor = cursor;
    this.#connect();
  }

  /** Leave for good. */
  stop(why = "left") {
    this.#become("ended", 0, why);
    removeEventListener("online", this.#wake);
    removeEventListener("offline", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#drop();
  }

  /** Ask for an operation of /openapi.json by its id; rejects with FeedRefusal, or Error when no answer came. */
  request(operation, { params, body, key } = {}) {
    const id = `r${++this.#serial}`;
    return new Promise((resolve, reject) => {
      if (!this.#send({ type: "request", id, operation, params, body, idempotency_key: key })) {
        return reject(new Error("not connected"));
      }
      const timer = setTimeout(() => this.#settle(id, "reject", new Error("no answer")), REQUEST_MS);
      this.#asked.set(id, { resolve, reject, timer });
    });
  }

  /** Say what is looked at and whether somebody is typing; repeated by itself while it lasts. */
  say(viewing, typing = false) {
    this.#said = { type: "presence", viewing, typing };
    this.#send(this.#said);
    clearInterval(this.#timers.presence);
    this.#timers.presence = setInterval(() => {
      this.#said = { ...this.#said, typing: false };
      if (this.#said.viewing) this.#send(this.#said);
    }, 30_000);
  }

  // --- connections ----------------------------------------------------------------------------------------------

  #become(kind, behind = 0, why = "") {
    if (this.state.kind === "ended") return;
    this.state = { kind, behind, why };
    this.#options.onState?.(this.state);
  }

  async #connect() {
    clearTimeout(this.#timers.again);
    if (this.state.kind === "ended") return;
    if (navigator.onLine === false) return this.#become("offline", 0, "no network");
    if (this.state.kind !== "offline") this.#become("connecting", 0);
    let token;
    try {
      token = await this.#options.token(this.#renew);
    } catch (error) {
      if (error.final) return this.stop(error.message);
      return this.#again(error.message);
    }
    this.#renew = false;
    if (this.state.kind === "ended") return;
    if (this.#refused >= SOCKETS_BEFORE_STREAM) return this.#follow(token);
    this.#open(token);
  }

  #open(token) {
    this.#drop();
    const socket = new WebSocket(`${this.#options.url.replace(/^http/, "ws")}/ws/`, "jina.v1");
    this.#socket = socket;
    this.#refused += 1; // until it greets
    this.#expect(ANSWER_MS * 2);
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#expect(SILENCE_MS, true);
      const frame = JSON.parse(data);
      if (frame.type === "hello") {
        this.#refused = 0;
        this.#send({ type: "auth", token });
      } else this.#take(frame);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
  }

  #closed(code) {
    this.#drop();
    if (code === 4001 && !this.#doubted) this.#renew = this.#doubted = true; // once: it may only be old
    else if (code in FINAL) return this.stop(FINAL[code]);
    if (code === 4203) this.#renew = true;
    this.#again(`closed (${code})`, AT_ONCE.has(code));
  }

  /** Try again: at once but not all at the same moment, or later and later. */
  #again(why, atOnce = false) {
    if (this.state.kind === "ended") return;
    const most = atOnce && this.#tries === 0 ? FIRST_WAIT_MS : Math.min(FIRST_WAIT_MS * 2 ** this.#tries, LONGEST_WAIT_MS);
    this.#tries += 1;
    this.#become("offline", 0, why);
    clearTimeout(this.#timers.again);
    this.#timers.again = setTimeout(() => this.#connect(), most * (0.5 + Math.random() / 2));
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#timers.silence);
    socket?.close();
    this.#stream?.abort();
    this.#stream = null;
    for (const id of [...this.#asked.keys()]) this.#settle(id, "reject", new Error("connection lost"));
  }

  /** Note that a frame is due: after a silence one is asked for, and without an answer the connection is given up. */
  #expect(milliseconds, ask = false) {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => {
      if (!ask) return this.#closed(1006);
      this.#send({ type: "ping" });
      this.#expect(ANSWER_MS);
    }, milliseconds);
  }

  #wake = () => {
    if (this.state.kind === "ended" || (this.cursor === null && this.#load)) return;
    if (navigator.onLine === false) {
      clearTimeout(this.#timers.again);
      this.#drop();
      return this.#become("offline", 0, "no network");
    }
    if (document.visibilityState === "hidden") return;
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#send({ type: "ping" }); // after a sleep the connection may be dead without anybody having said so
      this.#expect(ANSWER_MS / 2);
    } else if (this.state.kind === "offline") {
      this.#tries = 0;
      this.#refused = 0;
      this.#connect();
    }
  };

  #send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  // --- frames ---------------------------------------------------------------------------------------------------

  #take(frame) {
    switch (frame.type) {
      case "ready":
        this.principal = frame.principal;
        this.#doubted = false;
        this.#options.onReady?.(frame);
        if (this.state.kind !== "live") this.#subscribe();
        break;
      case "subscribed":
        this.#tries = 0;
        this.cursor ??= frame.cursor;
        if (this.#said) this.#send(this.#said);
        if (frame.behind) this.#become("catching up", frame.behind);
        break;
      case "live":
        this.cursor = frame.cursor;
        this.#become("live");
        break;
      case "events":
        this.#events(frame.events, frame.cursor);
        break;
      case "gap":
        this.#gap(frame.cursor);
        break;
      case "presence":
        this.#options.onPresence?.(frame.members);
        break;
      case "expiring":
        clearTimeout(this.#timers.renewal);
        this.#timers.renewal = setTimeout(() => this.#renewToken(), frame.in_s * 500);
        break;
      case "result":
        this.#settle(frame.id, "resolve", frame);
        break;
      case "error":
        if (frame.id) this.#settle(frame.id, "reject", new FeedRefusal(frame));
        else if (frame.code === "invalid_cursor") this.#gap(null);
    }
  }

  #subscribe() {
    const { topics, filter } = this.#options;
    this.#send({ type: "subscribe", topics, filter, after: this.cursor ?? undefined });
  }

  #renewToken() {
    this.#options.token(true).then(
      (token) => this.#send({ type: "auth", token }),
      (error) => error.final && this.stop(error.message),
    );
  }

  #settle(id, how, value) {
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    asked[how](value);
  }

  #events(events, cursor) {
    this.cursor = cursor;
    const news = events.filter((event) => event.seq > this.#seq);
    if (news.length) this.#seq = news.at(-1).seq;
    if (this.state.kind === "catching up") this.#become("catching up", Math.max(0, this.state.behind - events.length));
    if (this.#loading) this.#held.push(...news);
    else if (news.length) this.#options.onEvents?.(news);
  }

  /** What lies between is no longer kept: the snapshot is loaded anew, and what comes meanwhile waits for it. */
  async #gap(cursor) {
    this.#seq = 0;
    this.cursor = cursor;
    this.#loading += 1;
    try {
      const loaded = await this.#load?.();
      if (cursor === null) {
        this.cursor = loaded ?? null;
        this.#subscribe();
      }
    } catch {
      this.#closed(1006); // without a snapshot there is nothing to go on from
    } finally {
      this.#loading -= 1;
      const held = this.#held.splice(0);
      if (held.length) this.#options.onEvents?.(held);
    }
  }

  // --- server-sent events, where sockets do not get through -------------------------------------------------------

  async #follow(token) {
    this.#drop();
    const stream = (this.#stream = new AbortController());
    const query = new URLSearchParams({ topics: this.#options.topics?.join(",") ?? "", ...this.#options.filter });
    if (!this.#options.topics) query.delete("topics");
    if (this.cursor) query.set("after", this.cursor);
    try {
      const answer = await fetch(`${this.#options.url}/events/stream/?${query}`, {
        headers: { Authorization: `Bearer ${token}` }, signal: stream.signal, cache: "no-store",
      });
      if (!answer.ok) return await this.#refusedStream(answer);
      this.#tries = 0;
      this.#doubted = false;
      this.#become("catching up");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) this.#block(block);
      }
    } catch {
      if (stream.signal.aborted) return;
    }
    if (stream === this.#stream) this.#again("stream ended");
  }

  #block(text) {
    let cursor = null;
    for (const line of text.split("\n")) {
      if (line === ": live") this.#become("live");
      else if (line.startsWith("id: ")) cursor = line.slice(4);
      else if (line.startsWith("data: ")) this.#events([JSON.parse(line.slice(6))], cursor);
    }
  }

  async #refusedStream(answer) {
    const told = await answer.json().catch(() => ({}));
    if (answer.status === 410 || told.code === "invalid_cursor") {
      await this.#gap(told.cursor ?? null);
    } else if (answer.status === 401 && !this.#doubted) this.#renew = this.#doubted = true;
    else if (answer.status === 401 || answer.status === 403) return this.stop("access withdrawn");
    this.#refused = 0; // the socket is tried first again
    this.#again(`refused (${answer.status})`);
  }
}
