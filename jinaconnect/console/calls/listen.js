// A supervisor's ear, and voice, in a call: its sound over a socket, played by an AudioWorklet. On every page, while it lasts.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { icons } from "../icons.js";
import { sheet } from "../sheet.js";
import { plain } from "../text.js";

const HEARD_BY = { nobody: "Heard by nobody", agent: "Heard by the agent", both: "Heard by both" };
const MODES = { listen: "Listen", whisper: "Whisper", barge: "Barge in" };
const RULES = {
  allowed: "Your organisation allows listening to live calls.", forbidden: "Your organisation forbids listening to live calls.",
  with_consent: "Your organisation allows listening where the contact has consented.",
};
const REASONS = { given: "This contact has.", forbidden: "", not_required: "", withheld: "This contact has refused.", no_contact: "This caller is no contact.", no_consent: "This contact has said nothing of it." };
const ENDS = { left: "You have left the call.", ended: "A colleague has ended it.", call_ended: "The call has ended.", interrupted: "The connection to the call broke.", failed: "The call cannot be heard.", not_allowed: "It may not be listened to any more." };
const CODES = { 4003: "You may not listen any more.", 4101: "Too many connections are open." };

await sheet(new URL("../pages.css", import.meta.url));
await sheet(new URL("./listen.css", import.meta.url));

class Listen extends Element {
  static properties = { rule: { state: true }, at: { state: true }, told: { state: true }, over: { state: true }, busy: { state: true } };

  #socket = null;
  #voice = null;
  #gone = () => this.close();

  connectedCallback() {
    super.connectedCallback();
    for (const name of ["signed-out", "chosen"]) addEventListener(name, this.#gone);
    this.app.keys.bind("Listening", [{ id: "listen.leave", name: "Stop listening", keys: "", run: () => this.close() }]);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const name of ["signed-out", "chosen"]) removeEventListener(name, this.#gone);
    this.app.keys.unbind("Listening");
  }

  /** Begin to listen: what the rule says has been read. */
  begin = () => this.#do(async () => {
    const context = (this.context = new AudioContext({ latencyHint: "interactive" }));
    await context.audioWorklet.addModule(new URL("./listen.worklet.js", import.meta.url));
    const begun = await this.#order({ mode: "listen" });
    this.id = begun.id;
    this.at = { mode: begun.mode, heard_by: begun.heard_by };
    this.node = new AudioWorkletNode(context, "listen", { numberOfInputs: 1, outputChannelCount: [1] });
    this.node.connect(context.destination);
    const url = new URL(`/ws/sound/?ticket=${begun.ticket}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = Object.assign(new WebSocket(url), { binaryType: "arraybuffer" }));
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#hear(JSON.parse(data)) : this.node.port.postMessage(data, [data]));
    socket.onclose = ({ code }) => this.#end(CODES[code] ?? ENDS[this.at?.ended] ?? ENDS.interrupted);
    this.node.port.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) this.told = data;
      else if (this.#voice && socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 12_800) socket.send(data);
    };
  });

  /** Be heard by nobody, by the agent, or by both. */
  be = (mode) => this.#do(async () => {
    if (mode !== "listen") await this.#speak();
    const { heard_by } = await this.#order({ mode, supervision: this.id });
    this.#hear({ mode, heard_by });
  });

  #order = (body) => api.post(`/voice/api/calls/${this.call.id}/supervise/`, body, { once: true });

  async #do(what) {
    this.busy = true;
    try {
      await what();
    } catch (error) {
      this.app.say(error.name === "NotAllowedError" ? "The microphone may not be used." : error.message);
      if (this.at?.mode === "listen") this.#hush();
      if (!this.#socket) this.#end(error.message);
    }
    this.busy = false;
  }

  #hear(told) {
    this.at = told;
    if (told.mode === "listen" || told.ended) this.#hush();
  }

  async #speak() {
    if (this.#voice) return;
    this.#voice = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
    this.source = this.context.createMediaStreamSource(this.#voice);
    this.source.connect(this.node);
  }

  #hush() {
    this.source?.disconnect();
    this.#voice?.getTracks().forEach((track) => track.stop());
    this.#voice = this.source = null;
  }

  #end(why) {
    if (this.over) return;
    this.over = why;
    this.#hush();
    this.#socket?.close();
    this.context?.close();
  }

  close() {
    this.#end(ENDS.left);
    this.app.listening = null;
    this.remove();
  }

  render() {
    const { at, rule, told, over } = this;
    const leave = (name) => html`<button @click=${() => this.close()}>${name}</button>`;
    return html`
      <section class="listening card" aria-label="Listening to a call">
        <p>${icons.headset} <a href="#/calls/${this.call.id}"><bdi>${plain(this.name, 60)}</bdi></a></p>
        ${over ? html`<p role="status"><b>${HEARD_BY.nobody}</b> · ${over}</p><p>${leave("Close")}</p>`
          : !at ? html`
            <p role="status">${RULES[rule.rule]} ${REASONS[rule.reason]}</p>
            ${rule.notice ? html`<p class="notice" dir="auto">${plain(rule.notice, 500)}</p>` : ""}
            <p class="soft small">What you do is noted in the call's timeline.</p>
            <p>${rule.allowed ? html`<button class="primary" ?disabled=${this.busy} @click=${this.begin}>${icons.headset} Listen now</button>` : ""} ${leave("Not now")}</p>`
          : html`
            <p class="heard-by ${at.heard_by}" role="status"><b>${HEARD_BY[at.heard_by]}</b></p>
            <meter min="0" max="1" aria-label="Level of what you hear" .value=${told?.level ?? 0}></meter>
            <p role="group" aria-label="Who hears you">${Object.entries(MODES).map(([mode, name]) => html`
              <button ?disabled=${this.busy} aria-pressed=${String(at.mode === mode)} @click=${() => at.mode === mode || this.be(mode)}>${name}</button>`)}
              ${leave("Leave")}</p>`}
      </section>`;
  }
}

customElements.define("jc-listen", Listen);

/** Show what the organisation says of listening to a call, and listen to it where it may be. */
export async function listen(app, call, name) {
  app.listening?.close();
  const rule = await api.get(`/voice/api/calls/${call.id}/supervise/`);
  document.body.append((app.listening = Object.assign(document.createElement("jc-listen"), { app, call, name, rule })));
}
