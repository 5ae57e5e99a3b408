// The line of a telephone: registered at an Asterisk by SIP over a WebSocket (RFC 7118), for as long as it is wanted.
//
// It takes calls, one at a time, and makes none: the gateway rings it and connects it with whom it should talk to.
import { Call } from "./call.js";
import { credentials, header, parse, tagOf, token, write } from "./message.js";

const AGAIN_MS = 3000; // after which a lost connection is tried again
const PATIENCE_MS = 32_000; // within which every request is answered (64 × T1)
const LASTS_S = 600; // of a registration, where Asterisk grants as much
const ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO";
const REASONS = { 180: "Ringing", 200: "OK", 405: "Method Not Allowed", 480: "Temporarily Unavailable", 481: "Call Does Not Exist", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 500: "Out Of Order" };

export class Line {
  #account;
  #told;
  #socket = null;
  #wanted = true;
  #asked = new Map(); // branch → who waits for the answer
  #id = { call: token(), tag: token(), sequence: 0 };
  #timer;

  /** Of an account { url, username, password, domain }. `told.became(state)` hears "registered" and "lost", `told.rings(call)` of a call. */
  constructor(account, told) {
    this.#account = account;
    this.#told = told;
    this.transport = account.url.startsWith("wss:") ? "WSS" : "WS";
    const host = `${token()}.invalid`; // a browser has no address that could be called
    this.host = host;
    this.contact = `<sip:${token()}@${host};transport=ws>`;
    this.call = null;
  }

  /** Connect and register; fails where that cannot be done now. What is lost later is taken up again by itself. */
  async begin() {
    await this.#connect();
    await this.#register(LASTS_S);
  }

  /** Be on no line any more. */
  async end() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    await this.call?.hangUp();
    if (this.#socket?.readyState === WebSocket.OPEN) await this.#register(0).catch(() => {});
    this.#socket?.close();
  }

  #connect() {
    const socket = (this.#socket = new WebSocket(this.#account.url, "sip"));
    socket.onmessage = ({ data }) => this.#hear(data);
    return new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = () => {
        reject(new Error("Asterisk cannot be reached."));
        this.#lost(socket);
      };
    });
  }

  #lost(socket) {
    if (socket !== this.#socket) return;
    for (const { reject } of this.#asked.values()) reject(new Error("The connection to Asterisk was lost."));
    this.#asked.clear();
    clearTimeout(this.#timer);
    if (!this.#wanted) return;
    this.#told.became("lost");
    this.#timer = setTimeout(() => this.begin().catch(() => this.#socket.close()), AGAIN_MS);
  }

  async #register(seconds) {
    const { username, domain } = this.#account;
    const answer = await this.request("REGISTER", `sip:${domain}`, () => [
      ["From", `<sip:${username}@${domain}>;tag=${this.#id.tag}`], ["To", `<sip:${username}@${domain}>`], ["Call-ID", this.#id.call],
      ["CSeq", `${++this.#id.sequence} REGISTER`], ["Contact", this.contact], ["Expires", seconds], ["Allow", ALLOW],
    ]);
    if (answer.status !== 200) throw new Error("Asterisk does not register the telephone.");
    if (!seconds) return;
    const mine = answer.headers.get("contact")?.find((each) => each.includes(this.contact.slice(1, -1).split(";")[0]));
    const granted = Number(/;\s*expires=(\d+)/i.exec(mine ?? "")?.[1] || header(answer, "expires") || seconds);
    this.#timer = setTimeout(() => this.#register(LASTS_S).catch(() => this.#socket.close()), Math.max(granted - 30, granted / 2) * 1000);
    this.#told.became("registered");
  }

  /** Send a request and return its final answer; `headers` is asked again where credentials are wanted, for its number goes up. */
  async request(method, uri, headers, body) {
    const answer = await this.#send(method, uri, headers(), body);
    const [wanted, given] = { 401: ["www-authenticate", "Authorization"], 407: ["proxy-authenticate", "Proxy-Authorization"] }[answer.status] ?? [];
    for (const challenge of answer.headers.get(wanted) ?? []) {
      const signed = credentials(challenge, this.#account, method, uri);
      if (signed) return this.#send(method, uri, [...headers(), [given, signed]], body);
    }
    return answer;
  }

  #send(method, uri, headers, body) {
    const branch = `z9hG4bK${token()}`;
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) return reject(new Error("There is no connection to Asterisk."));
      const timer = setTimeout(() => this.#settle(branch, "reject", new Error("Asterisk does not answer.")), PATIENCE_MS);
      this.#asked.set(branch, { resolve, reject, timer });
      this.#socket.send(write(`${method} ${uri} SIP/2.0`, [["Via", `SIP/2.0/${this.transport} ${this.host};branch=${branch}`], ["Max-Forwards", 70], ...headers], body));
    });
  }

  #settle(branch, how, what) {
    const waiting = this.#asked.get(branch);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#asked.delete(branch);
    waiting[how](what);
  }

  /** Answer a request; `tag` is our side of the call it begins or belongs to. */
  answer(request, status, { tag = token(), headers = [], body } = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const to = header(request, "to");
    const all = (name, of) => (request.headers.get(of) ?? []).map((value) => [name, value]);
    this.#socket.send(write(`SIP/2.0 ${status} ${REASONS[status]}`, [
      ...all("Via", "via"), ...all("Record-Route", "record-route"), ["From", header(request, "from")], ["To", tagOf(to) ? to : `${to};tag=${tag}`],
      ["Call-ID", header(request, "call-id")], ["CSeq", header(request, "cseq")], ["Allow", ALLOW], ...headers,
    ], body));
  }

  #hear(data) {
    if (data === "\r\n\r\n") return this.#socket.send("\r\n"); // it asks whether we are there (RFC 5626)
    const message = parse(data);
    if (!message) return;
    if (!message.method) {
      if (message.status >= 200) this.#settle(/;\s*branch=([^;\s]+)/i.exec(header(message, "via"))?.[1], "resolve", message);
      return;
    }
    if (this.call?.owns(message)) return this.call.take(message);
    const inside = tagOf(header(message, "to"));
    switch (message.method) {
      case "ACK": return;
      case "OPTIONS": return this.answer(message, 200);
      case "INVITE": return inside ? this.answer(message, 481) : this.#rings(message);
      default: this.answer(message, inside || message.method === "CANCEL" ? 481 : 405);
    }
  }

  #rings(invitation) {
    if (this.call) return this.answer(invitation, 486);
    if (!invitation.body) return this.answer(invitation, 488); // what it could be heard with is not told
    const call = (this.call = new Call(this, invitation));
    call.over.then(() => (this.call = null));
    this.#told.rings(call);
  }
}
