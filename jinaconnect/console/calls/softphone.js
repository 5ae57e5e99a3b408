// This browser as a telephone: registered at Asterisk by SIP over WebSocket, on every page while the tab is open.
//
// A refresh ends the telephone's line, not the call: on its way out the page has the customer wait in music for as long
// as a refresh may take, and once it is registered again it has the gateway hand them over to itself.
import { api, newKey } from "../api.js";
import { Element, html } from "../element.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { sheet } from "../sheet.js";
import { Line } from "../telephone/line.js";
import { plain } from "../text.js";
import { lasting } from "./words.js";

const KEPT = "jina.telephone"; // what it registers with, and the call it is in: of this tab alone
const NAME = "This browser";
const WAIT_S = 20; // the customer waits for a page that comes back
const EXPECT_MS = 20_000; // within which a call that was asked for here is taken by itself
const LOOKS = 20, LOOK_MS = 300; // for the gateway's name of a call that is answered

await sheet(new URL("../pages.css", import.meta.url));
await sheet(new URL("./softphone.css", import.meta.url));

class Softphone extends Element {
  static properties = { state: { state: true }, caller: { state: true }, muted: { state: true }, fault: { state: true }, since: { state: true } };

  #line = null;
  #call = null; // the one that rings or is talked in
  #account = null;
  #expected = 0;
  #back = false; // whether a page that was gone comes back into its call
  #token = "";
  #timer;
  #audio = new Audio();
  #leaving = () => this.#away();

  constructor() {
    super();
    this.state = "off";
  }

  get device() {
    return this.#account?.device ?? null;
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("pagehide", this.#leaving);
    addEventListener("signed-out", this.#ended);
    addEventListener("chosen", this.#ended);
    this.app.keys.bind("Telephone", [
      { id: "telephone.answer", name: "Answer the telephone", keys: "y", when: () => this.state === "ringing", run: () => this.answer() },
      { id: "telephone.off", name: "This browser is no telephone any more", keys: "", run: () => this.off() },
    ]);
    this.#timer = setInterval(() => this.state === "talking" && this.#goesOn(), 1000);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("pagehide", this.#leaving);
    removeEventListener("signed-out", this.#ended);
    removeEventListener("chosen", this.#ended);
    this.app.keys.unbind("Telephone");
    clearInterval(this.#timer);
  }

  #ended = () => this.#stop();

  // --- being one ------------------------------------------------------------------------------------------------

  /** Register, as before the page was loaded where it was a telephone then. */
  async begin() {
    this.state = "registering";
    this.fault = null;
    try {
      const held = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
      this.#account = held?.of === this.#whose ? held : await this.#made();
      await this.#register();
      this.state = "ready";
      if (this.#account.call) await this.#comeBack();
    } catch (error) {
      this.#line?.end();
      this.state = "off";
      this.fault = error.message || "The telephone could not be registered.";
    }
  }

  get #whose() {
    return `${session.tenant.id} ${session.user.id}`;
  }

  async #made() {
    await this.#tidy();
    const made = await api.post("/voice/api/devices/", { name: NAME, kind: "softphone", transport: "webrtc", user: session.user.id }, { once: true });
    const { username, password, domain, websocket_url: url } = made.credentials;
    if (!url) {
      api.delete(`/voice/api/devices/${made.id}/`).catch(() => {});
      throw new Error("There is no Asterisk at which a browser could register.");
    }
    const account = { of: this.#whose, device: made.id, username, password, domain, url, call: null };
    sessionStorage.setItem(KEPT, JSON.stringify(account));
    return account;
  }

  /** Remove what tabs that are gone have left. */
  async #tidy() {
    const held = await api.get("/voice/api/devices/", { user: session.user.id, page_size: 100 });
    const left = held.results.filter((each) => each.name === NAME && each.registration.state !== "registered");
    await Promise.all(left.map((each) => api.delete(`/voice/api/devices/${each.id}/`).catch(() => {})));
  }

  #register() {
    const became = (state) => {
      if (state === "lost" && this.state === "ready") this.state = "registering";
      if (state === "registered" && this.state === "registering") this.state = "ready";
    };
    this.#line = new Line(this.#account, { became, rings: (call) => this.#rings(call) });
    return this.#line.begin();
  }

  /** Be no telephone any more. */
  async off() {
    const device = this.device;
    await this.#stop();
    if (device) await api.delete(`/voice/api/devices/${device}/`).catch(() => {});
  }

  async #stop() {
    sessionStorage.removeItem(KEPT);
    this.state = "off";
    this.app.telephone = null;
    this.app.calls?.touch();
    this.remove();
    await this.#line?.end();
  }

  // --- calls ----------------------------------------------------------------------------------------------------

  /** Take the next call by itself: it was asked for here. */
  expect() {
    this.#expected = Date.now() + EXPECT_MS;
  }

  #rings(call) {
    this.#call = call;
    call.over.then(() => this.#over());
    if (Date.now() < this.#expected) return this.answer();
    this.#back = false;
    this.caller = call.caller;
    this.state = "ringing";
  }

  async answer() {
    this.#expected = 0;
    const call = this.#call;
    try {
      await call.answer();
      if (this.#call !== call) return; // it was over before
      call.audio.then((stream) => {
        this.#audio.srcObject = stream;
        this.#audio.play().catch(() => {});
      });
      this.#talks();
    } catch (error) {
      this.fault = /denied|NotFound|Permission/i.test(`${error.name} ${error.message}`) ? "The browser gives no microphone." : "The call could not be taken.";
      call.decline();
    }
  }

  decline() {
    this.#call.decline();
  }

  hangUp() {
    return this.#call.hangUp();
  }

  mute() {
    this.muted = !this.muted;
    this.#call.mute(this.muted);
  }

  /** Show how long it has been, and have a token at hand: when the page goes there is no time to get one. */
  async #goesOn() {
    this.requestUpdate();
    this.#token = await session.token().catch(() => this.#token);
  }

  async #talks() {
    this.state = "talking";
    if (this.#back) this.app.say("Back in the call.");
    this.#back = false;
    this.since = Date.now();
    this.muted = false;
    await this.#goesOn();
    for (let look = 0; look < LOOKS && this.state === "talking"; look += 1) {
      const id = await this.#present().catch(() => null);
      if (id) return this.#note(id);
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  /** Return the gateway's call that this telephone is in. */
  async #present() {
    const live = await api.get("/voice/api/calls/", { status__in: "QUEUED,INITIATING,RINGING,IN_PROGRESS", page_size: 100 });
    return live.results.find((call) => call.legs.some((leg) => leg.device === this.device && leg.state === "up"))?.id;
  }

  #note(call) {
    this.#account = { ...this.#account, call };
    sessionStorage.setItem(KEPT, JSON.stringify(this.#account));
    this.requestUpdate();
  }

  #over() {
    if (this.state === "off") return;
    this.state = "ready";
    this.caller = this.#call = this.#audio.srcObject = null;
    this.#note(null);
  }

  /** Have the customer wait: the page is going, and perhaps comes back. */
  #away() {
    if (this.state !== "talking" || !this.#account.call) return;
    fetch(`/voice/api/calls/${this.#account.call}/hold/`, {
      method: "POST", keepalive: true, headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json", "Idempotency-Key": newKey() },
      body: JSON.stringify({ at_most_s: WAIT_S }),
    }).catch(() => {});
  }

  async #comeBack() {
    const { call, device } = this.#account;
    this.#note(null);
    this.expect();
    this.#back = true;
    try {
      await api.post(`/voice/api/calls/${call}/transfer/`, { to: device, mode: "blind", via: "bridge" }, { once: true });
    } catch {
      this.#expected = 0; // it ended meanwhile
      this.#back = false;
    }
  }

  render() {
    if (this.state === "ready" && !this.fault) return html`<p class="telephone idle card" role="status">${icons.headset} This browser is a telephone <button class="quiet" @click=${() => this.off()}>Off</button></p>`;
    return html`
      <section class="telephone card" aria-label="Telephone">
        <p role="status">${this.#said()}</p>
        ${this.fault ? html`<p class="fault small" role="alert">${this.fault} <button @click=${() => this.begin()}>Try again</button></p>` : ""}
        <p class="telephone-buttons">
          ${this.state === "ringing" ? html`<button class="primary" @click=${() => this.answer()}>${icons.calls} Answer</button><button @click=${() => this.decline()}>Decline</button>` : ""}
          ${this.state === "talking" ? html`
            <button aria-pressed=${String(Boolean(this.muted))} @click=${() => this.mute()}>${icons.mute} Mute me</button>
            <button class="bad" @click=${() => this.hangUp()}>${icons.hangUp} Hang up</button>
            ${this.#account.call ? html`<a class="button" href="#/calls/${this.#account.call}">The call</a>` : ""}` : ""}
          ${this.state === "off" ? html`<button @click=${() => this.#stop()}>Close</button>` : ""}
        </p>
      </section>`;
  }

  #said() {
    switch (this.state) {
      case "registering": return "The telephone is being registered…";
      case "ringing": return html`${icons.calls} <b><bdi>${plain(this.caller, 60) || "Somebody"}</bdi></b> calls`;
      case "talking": return html`${icons.headset} Talking <b class="lasted">${lasting((Date.now() - this.since) / 1000)}</b>`;
      case "ready": return "This browser is a telephone";
      default: return "This browser is no telephone";
    }
  }
}

customElements.define("jc-softphone", Softphone);

/** Make this browser a telephone. */
export async function begin(app) {
  if (app.telephone) return app.telephone;
  const telephone = (app.telephone = Object.assign(document.createElement("jc-softphone"), { app }));
  document.body.append(telephone);
  await telephone.begin();
  return telephone;
}
