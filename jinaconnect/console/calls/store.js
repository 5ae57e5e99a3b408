// The calls as this browser knows them: read once, then folded from the feed.
//
// Events tell of a call's beginning with all of it and of what follows with what changed. They may come twice or late:
// a status only moves forward, a key counts once by its event, and what was read anew is older than what comes after.
import { api } from "../api.js";
import { LIVE, RANK } from "./words.js";

const PAGE = 50;
const CLOSER = 40; // live calls whose keys and place in an IVR are asked for when the page begins
const KEYS_SHOWN = 24;

/** Return what an event is known by in a call's history as well. */
const mark = (id) => id.slice(id.indexOf("_") + 1);

export class Calls {
  all = new Map();
  carriers = new Map(); // provider config → its health row
  loaded = false;
  error = null;
  next = null; // the cursor of the page that follows
  skew = 0; // how far this clock is ahead of the gateway's, in milliseconds
  #app;
  #held = null;
  #names = new Map();
  #watching = new Set();

  constructor(app) {
    this.#app = app;
    app.listen((events) => this.#take(events), () => this.load());
  }

  /** Be told of changes; returns how to leave. */
  watch(changed) {
    this.#watching.add(changed);
    return () => this.#watching.delete(changed);
  }

  /** Have all that is drawn of calls drawn anew. */
  touch() {
    this.#changed();
  }

  #changed(events = []) {
    for (const each of this.#watching) each(events);
  }

  // --- reading --------------------------------------------------------------------------------------------------

  /** Read what lives and what ended last. */
  async load() {
    if (this.#held) return;
    this.#held = [];
    this.error = null;
    try {
      const [live, late, health] = await Promise.all([
        api.get("/voice/api/calls/", { status__in: LIVE.join(","), page_size: 500 }),
        api.get("/voice/api/calls/", { page_size: PAGE }),
        api.get("/voice/api/ari-health/"),
      ]);
      this.#carry(health);
      this.all.clear();
      for (const call of [...late.results, ...live.results]) this.#put(call);
      this.next = late.next_cursor;
      this.loaded = true;
      for (const call of live.results.slice(0, CLOSER)) this.read(call.id).catch(() => {});
    } catch (error) {
      this.error = error;
    } finally {
      const held = this.#held;
      this.#held = null;
      for (const event of held) this.#fold(event);
      this.#changed();
    }
  }

  /** Read the page of ended calls that follows. */
  async more() {
    const page = await api.get("/voice/api/calls/", { page_size: PAGE, cursor: this.next });
    for (const call of page.results) if (!this.all.has(call.id)) this.#put(call);
    this.next = page.next_cursor;
    this.#changed();
  }

  /** Read one call with its last keys and its place in an IVR. */
  async read(id) {
    const call = await api.get(`/voice/api/calls/${id}/`);
    this.#put(call);
    for (const { id: event, type, payload } of call.recent_events) this.#detail(this.all.get(id), type, payload, event);
    this.#changed();
    return call;
  }

  #carry(health) {
    this.skew = Date.now() - Date.parse(health.checked_at);
    this.carriers = new Map(health.trunks.map((trunk) => [trunk.id, trunk]));
  }

  // --- what is known ----------------------------------------------------------------------------------------------

  get live() {
    return [...this.all.values()].filter((call) => LIVE.includes(call.status)).sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  get ended() {
    return [...this.all.values()].filter((call) => !LIVE.includes(call.status)).sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  /** Return how long a call has lasted, in seconds; null before its answer. */
  lasted(call) {
    if (!call.started_at) return null;
    if (!LIVE.includes(call.status)) return call.duration_seconds;
    return (Date.now() - this.skew - Date.parse(call.started_at)) / 1000;
  }

  /** Tell whether what carries a call can do something; what is not known of it is tried. */
  can(call, verb) {
    const told = this.carriers.get(call.provider_config)?.capabilities;
    return !told || told.includes(verb);
  }

  /** Return the name of a call's contact where it is known, and ask for it where it is not. */
  name(call) {
    const id = call.contact;
    if (!id) return null;
    const held = this.#app.inbox.contacts.get(id) ?? this.#app.inbox.conversations.get(id)?.contact;
    if (held) return held.full_name;
    if (!this.#names.has(id)) {
      this.#names.set(id, null);
      api.get(`/contacts/${id}/`).then((found) => (this.#names.set(id, found.full_name), this.#changed()), () => {});
    }
    return this.#names.get(id);
  }

  // --- events ---------------------------------------------------------------------------------------------------

  /** Take a call as the gateway has just answered it. */
  put(call) {
    this.#put(call);
    this.#changed();
  }

  #put(call) {
    const held = this.all.get(call.id);
    if (held && RANK[held.status] > RANK[call.status]) return;
    this.all.set(call.id, { keys: [], marks: new Set(), node: null, ...held, ...call });
  }

  #take(events) {
    const ours = events.filter((event) => event.call_id);
    if (!ours.length) return;
    if (this.#held) this.#held.push(...ours);
    else for (const event of ours) this.#fold(event);
    this.#changed(ours);
  }

  #fold(event) {
    const { type, data, call_id: id } = event;
    if (type === "call.created") {
      if (!this.all.has(id)) this.#put(data);
      return;
    }
    const call = this.all.get(id);
    if (!call) {
      if (LIVE.includes(data.status)) this.read(id).catch(() => {}); // it became ours to see
      return;
    }
    if (data.status && RANK[data.status] >= RANK[call.status]) call.status = data.status;
    this.#detail(call, type, data, event.id);
    const at = event.occurred_at;
    if (type === "call.answered") call.started_at ??= at;
    else if (["call.completed", "call.failed", "call.canceled"].includes(type)) {
      Object.assign(call, { hangup_cause: data.hangup_cause, duration_seconds: data.duration_seconds, sip_code: data.sip_code ?? null, ended_at: at, held: false });
    } else if (type === "call.held" || type === "call.resumed") call.held = type === "call.held";
    else if (type === "call.muted") call.muted = [...new Set([...call.muted, data.side])];
    else if (type === "call.unmuted") call.muted = call.muted.filter((side) => side !== data.side);
    else if (type.startsWith("call.recording_")) this.#tape(call, type, data);
    else if (["call.bridged", "call.transferring", "call.transferred"].includes(type)) this.read(id).catch(() => {}); // its legs are others now
  }

  #tape(call, type, { recording: id }) {
    const state = { started: "recording", resumed: "recording", paused: "paused", stopped: "stopped" }[type.slice("call.recording_".length)];
    call.recording = { id, state };
  }

  #detail(call, type, data, id) {
    if (type === "call.ivr_step") call.node = data.node;
    if (type !== "call.dtmf" || call.marks.has(mark(id))) return;
    call.marks.add(mark(id));
    call.keys = [...call.keys, { digit: data.digit, from: data.from }].slice(-KEYS_SHOWN);
  }
}
