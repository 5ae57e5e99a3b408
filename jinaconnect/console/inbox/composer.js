// Where one writes: a reply or a note, a template where the channel takes nothing else, and drafts that stay.
import { api, newKey } from "../api.js";
import { Element, html, live, nothing } from "../element.js";
import { left, size } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import { PLATFORMS } from "./platforms.js";
import "./templates.js";

const MOST = 4096;
const MOST_BYTES = 16 * 1024 * 1024;
const TYPING_EVERY_MS = 3000;
const MINUTE_MS = 30_000;

class Composer extends Element {
  static properties = {
    app: { attribute: false }, page: { attribute: false }, entry: { attribute: false },
    kind: { state: true }, text: { state: true }, chosen: { state: true }, choosing: { state: true }, file: { state: true },
    at: { state: true },
  };

  #said = 0;
  #timer;

  constructor() {
    super();
    this.kind = "reply";
    this.text = "";
    this.at = 0; // of the canned replies that are offered
  }

  connectedCallback() {
    super.connectedCallback();
    this.#timer = setInterval(() => this.requestUpdate(), MINUTE_MS); // the time left moves on
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  willUpdate(changed) {
    const id = this.entry.contact.id;
    if (id !== this.contact) {
      this.contact = id;
      this.kind = "reply";
      this.chosen = this.file = null;
      this.choosing = false;
      this.text = localStorage.getItem(this.#draft) ?? "";
    }
    const contact = this.app.inbox.contacts.get(id);
    this.platforms = Object.keys(PLATFORMS).filter((name) => PLATFORMS[name].writes && (contact?.channels?.[name.toLowerCase()] || name === this.entry.platform));
    this.platform = this.chosen ?? (this.platforms.includes(this.entry.platform) ? this.entry.platform : this.platforms[0]);
    const window = PLATFORMS[this.platform]?.window;
    const ends = this.entry.platform === this.platform ? this.entry.last_message?.expires_at : null;
    this.left = window ? (ends ? left(ends * 1000) : null) : undefined;
  }

  get #draft() {
    return `jina.draft.${session.user.id}.${session.tenant.id}.${session.mode}.${this.contact}.${this.kind}`;
  }

  get #closed() {
    return this.kind === "reply" && this.left === null;
  }

  /** Begin to write a reply or a note. */
  begin(kind) {
    this.#switch(kind);
    this.updateComplete.then(() => (this.querySelector("textarea") ?? this.querySelector(".window-over button"))?.focus());
  }

  /** The canned replies whose shortcut is being written: a slash and letters at the end of the text. */
  get #offered() {
    const asked = /(?:^|\s)\/([^\s/]*)$/.exec(this.text);
    if (!asked || this.kind !== "reply" || this.text === this.dismissed) return [];
    const { canned } = this.app.inbox;
    if (!canned) this.#readCanned();
    const wanted = asked[1].toLowerCase();
    return (canned ?? []).filter((each) => each.shortcut.toLowerCase().startsWith(wanted)).slice(0, 6);
  }

  async #readCanned() {
    const { inbox } = this.app;
    inbox.canned = [];
    inbox.canned = await api.get("/team-inbox/api/canned-replies/", { page_size: 200, is_active: true }).then(({ results }) => results, () => null);
    this.requestUpdate();
  }

  #keyed(event) {
    const offered = this.#offered;
    if (!offered.length || event.ctrlKey || event.metaKey || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.at = (this.at + step + offered.length) % offered.length;
    else if (event.key === "Enter" || event.key === "Tab") this.#say(offered[Math.min(this.at, offered.length - 1)]);
    else if (event.key === "Escape") this.dismissed = this.text;
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.requestUpdate();
  }

  /** Write a canned reply in place of its shortcut. */
  #say(reply) {
    this.text = this.text.replace(/\/[^\s/]*$/, () => reply.text);
    this.at = 0;
    localStorage.setItem(this.#draft, this.text);
    this.updateComplete.then(() => this.querySelector("textarea")?.focus());
  }

  #canned() {
    const offered = this.#offered;
    return html`<div id="canned" class=${offered.length ? "canned card" : ""} role="listbox" aria-label="Canned replies">${offered.map((each, place) => html`
      <div id="canned-${place}" role="option" aria-selected=${place === this.at} @mousedown=${(event) => (event.preventDefault(), this.#say(each))}>
        <b>/${plain(each.shortcut, 50)}</b> <span class="soft"><bdi dir="auto">${plain(each.text, 90)}</bdi></span></div>`)}</div>`;
  }

  #switch(kind) {
    this.kind = kind;
    this.text = localStorage.getItem(this.#draft) ?? "";
  }

  #typed(event) {
    this.text = event.target.value;
    this.at = 0;
    if (this.text) localStorage.setItem(this.#draft, this.text);
    else localStorage.removeItem(this.#draft);
    const now = Date.now();
    if (this.kind === "reply" && now - this.#said > TYPING_EVERY_MS) {
      this.#said = now;
      this.app.feed.say(this.entry.id, true);
    }
  }

  /** Upload a file that goes with what is written. */
  async #attach(event) {
    const [chosen] = event.target.files;
    event.target.value = "";
    if (!chosen) return;
    const contact = this.contact;
    const file = { name: chosen.name, size: chosen.size };
    this.file = file;
    if (chosen.size > MOST_BYTES) return (this.file = { ...file, fault: `A file may have at most ${size(MOST_BYTES)}.` });
    const form = new FormData();
    form.append("file", chosen);
    try {
      const kept = await api.upload("/team-inbox/api/files/", form, { key: newKey(), patience: 120_000 });
      if (this.contact === contact && this.file === file) this.file = { ...file, ...kept };
    } catch (error) {
      if (this.file === file) this.file = { ...file, fault: error.message };
    }
  }

  get #ready() {
    const text = this.text.trim();
    if (this.#closed || text.length > MOST) return false;
    return this.file && this.kind === "reply" ? Boolean(this.file.url) : Boolean(text);
  }

  /** Send what is written; false where there is nothing to send. */
  send() {
    if (!this.#ready) return false;
    const text = this.text.trim();
    const { contact, file } = this;
    if (this.kind === "note") {
      this.app.outbox.send(contact, `/team-inbox/api/conversations/${contact}/notes/`, { text }, { text, note: true });
    } else {
      const says = file && file.kind !== "audio"; // what is only heard shows no words: they go by themselves
      if (file) {
        const part = { url: file.url, ...(says && text && { caption: text }), ...(file.kind === "document" && { filename: file.name }) };
        this.#reply({ type: file.kind, [file.kind]: part }, { text: says ? text : "", file: file.name });
        this.file = null;
      }
      if (text && !says) this.#reply({ type: "text", body: { text } }, { text });
    }
    localStorage.removeItem(this.#draft);
    this.text = "";
    this.#said = 0;
    this.app.feed.say(this.entry.id, false);
    this.closest("jc-thread")?.querySelector("jc-virtual")?.toBottom();
    this.updateComplete.then(() => this.querySelector("textarea")?.focus());
    return true;
  }

  #reply(content, shown) {
    const { contact, platform } = this;
    this.app.outbox.send(contact, "/team-inbox/api/messages/", { contact, platform, content }, shown);
  }

  /** Send a message again that failed at the carrier: a new request, and however often it is asked for, one. */
  again(message) {
    const { platform, content } = message;
    const body = { contact: this.contact, platform, content };
    this.app.outbox.send(this.contact, "/team-inbox/api/messages/", body, { text: content.body?.text ?? "" }, `retry-${message.id}`);
  }

  #template({ detail }) {
    const { template, body, text } = detail;
    this.app.outbox.send(this.contact, "/wa/v1/messages/", { contact: this.contact, message_type: "TEMPLATE", template, template_params: { body } }, { text }, newKey());
    this.choosing = false;
  }

  render() {
    const note = this.kind === "note";
    return html`
      <section class="composer ${this.kind}" aria-label=${note ? "Note" : "Reply"}>
        <div class="composer-head">
          <div class="scopes small" role="group" aria-label="What to write">
            <button aria-pressed=${!note} @click=${() => this.begin("reply")}>Reply</button>
            <button aria-pressed=${note} @click=${() => this.begin("note")}>Note</button>
          </div>
          ${note ? html`<span class="soft small">Only the team sees this.</span>` : this.#channel()}
        </div>
        ${this.choosing ? html`<jc-templates @template=${this.#template} @closed=${() => (this.choosing = false)}></jc-templates>` : ""}
        ${this.#closed ? this.#over() : this.#field(note)}
      </section>`;
  }

  #channel() {
    const { left: rest } = this;
    return html`
      ${this.platforms.length > 1
        ? html`<select aria-label="Channel" @change=${(event) => (this.chosen = event.target.value)}>
            ${this.platforms.map((name) => html`<option value=${name} ?selected=${name === this.platform}>${PLATFORMS[name].name}</option>`)}</select>`
        : html`<span class="tag ${this.platform?.toLowerCase()}">${PLATFORMS[this.platform]?.name}</span>`}
      ${rest ? html`<span class="soft small">${rest} left to write freely</span>` : ""}`;
  }

  #over() {
    return html`
      <div class="window-over"><p><b>The 24 hours since the customer last wrote are over.</b> WhatsApp takes only a template now.</p>
        <button class="primary" @click=${() => (this.choosing = true)}>${icons.template} Choose a template</button></div>`;
  }

  #enclosed() {
    const { name, size: bytes, url, fault } = this.file;
    return html`<p class="attached" role="status">${icons.file} <bdi>${plain(name, 80)}</bdi> <span class="soft small">${size(bytes)}</span>
      ${fault ? html`<span class="fault">${fault}</span>` : url ? "" : html`<span class="soft">uploading…</span>`}
      <button class="icon-button" aria-label="Leave the file out" @click=${() => (this.file = null)}>${icons.close}</button></p>`;
  }

  #field(note) {
    const much = this.text.length > MOST * 0.9;
    return html`
      ${this.file && !note ? this.#enclosed() : ""}
      ${this.#canned()}
      <div class="writing">
        <textarea dir="auto" rows=${Math.min(8, Math.max(1, this.text.split("\n").length + Math.floor(this.text.length / 90)))}
          aria-label=${note ? "Note" : "Message"} placeholder=${note ? "A note for the team" : "Write a message"}
          aria-autocomplete="list" aria-controls="canned" aria-activedescendant=${this.#offered.length ? `canned-${this.at}` : nothing}
          .value=${live(this.text)} @input=${this.#typed} @keydown=${this.#keyed}></textarea>
        ${note ? "" : html`<label class="icon-button attach">${icons.attach}<span class="aloud">Attach a file</span>
          <input type="file" @change=${this.#attach}></label>`}
        ${this.platform === "WHATSAPP" && !note ? html`<button class="icon-button" aria-label="Templates" @click=${() => (this.choosing = !this.choosing)}>${icons.template}</button>` : ""}
        <button class="primary send" ?disabled=${!this.#ready} @click=${() => this.send()}
          title="Ctrl+Enter">${note ? icons.note : icons.send}<span class="aloud">${note ? "Save the note" : "Send"}</span></button>
      </div>
      ${much ? html`<p class="small ${this.text.length > MOST ? "fault" : "soft"}" role="status">${this.text.length} of ${MOST} characters</p>` : nothing}`;
  }
}

customElements.define("jc-composer", Composer);
