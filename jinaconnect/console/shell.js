// What stands around every page: the ways between them, the connection's true state, keys, palette, and what was done.
import { Element, classMap, html, nothing, repeat } from "./element.js";
import "./dialogs.js";
import { Feed } from "./feed.js";
import { count } from "./format.js";
import { icons } from "./icons.js";
import { Inbox } from "./inbox/store.js";
import { Outbox } from "./inbox/outbox.js";
import { Keys } from "./keys.js";
import { PAGES } from "./pages.js";
import { session } from "./session.js";

const TOAST_MS = 5000;
const STATES = {
  connecting: () => "Connecting…",
  "catching up": ({ behind }) => (behind ? `Catching up (${count(behind)})` : "Catching up"),
  live: () => "Live",
  offline: () => "Offline",
  ended: () => "Signed out",
};

class Shell extends Element {
  static properties = {
    page: { state: true }, state: { state: true }, toasts: { state: true }, dialog: { state: true },
    menu: { state: true }, fault: { state: true },
  };

  #listening = new Set();

  constructor() {
    super();
    this.state = { kind: "connecting", behind: 0 };
    this.toasts = [];
    this.keys = new Keys();
    this.inbox = new Inbox(() => this.#refresh());
    this.outbox = new Outbox(this.inbox);
    this.feed = new Feed({
      token: (again) => session.token(again),
      onEvents: (events) => this.#events(events),
      onState: (state) => this.#became(state),
      onPresence: (members) => {
        this.inbox.present = members;
        this.#refresh();
      },
    });
    this.moved = () => this.#route();
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("hashchange", this.moved);
    this.keys.bind("Everywhere", this.#commands());
    this.#route();
    this.#join();
    this.#people();
    if (sessionStorage.getItem("jina.telephone")) import("./calls/softphone.js").then(({ begin }) => begin(this), () => {});
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("hashchange", this.moved);
    this.feed.stop();
    this.keys.unbind("Everywhere");
  }

  // --- what pages use -------------------------------------------------------------------------------------------

  /** Say that something was done, with a way back where there is one. */
  say(text, undo) {
    const toast = { text, undo };
    this.toasts = [...this.toasts, toast];
    setTimeout(() => (this.toasts = this.toasts.filter((each) => each !== toast)), TOAST_MS);
  }

  go(path) {
    location.hash = `#/${path}`;
  }

  /** Be told of every event of the feed, and where some were `lost` so that what was read is read again; returns how to leave. */
  listen(taken, lost = () => {}) {
    const listener = { taken, lost };
    this.#listening.add(listener);
    return () => this.#listening.delete(listener);
  }

  pages() {
    return PAGES.filter((page) => session.may(page.permission));
  }

  // --- inside ---------------------------------------------------------------------------------------------------

  #commands() {
    return [
      ...this.pages().map((page) => ({ id: `go.${page.id}`, name: `Go to ${page.name}`, keys: page.key, run: () => this.go(page.id) })),
      { id: "palette", name: "Find a command or conversation", keys: "$mod+k", anywhere: true, run: () => this.#open("palette") },
      { id: "help", name: "Show the keys", keys: "?", run: () => this.#open("help") },
      { id: "sign-out", name: "Sign out", keys: "", run: () => this.#signOut() },
    ];
  }

  #open(dialog) {
    this.dialog = this.dialog === dialog ? null : dialog;
  }

  async #join() {
    const first = this.inbox.view({ status: "OPEN", snoozed: false });
    try {
      let again = false;
      await this.feed.join(async () => {
        if (again) for (const { lost } of this.#listening) lost();
        const before = again;
        again = true;
        if (!session.may("inbox.view")) return null;
        if (before) return this.inbox.reload(first);
        await this.inbox.more(first);
        return this.inbox.cursor;
      });
    } catch {
      if (this.isConnected) setTimeout(() => this.#join(), 2000);
    }
  }

  async #people() {
    const { api } = await import("./api.js");
    const page = await api.get("/users/user/", { page_size: 500 }).catch(() => ({ results: [] }));
    for (const each of page.results) this.inbox.people.set(each.id, `${each.first_name} ${each.last_name}`.trim() || each.username);
    this.#refresh();
  }

  #events(events) {
    for (const event of events) if (event.type.startsWith("message.")) this.outbox.recognise(event.data);
    this.inbox.take(events);
    for (const { taken } of this.#listening) taken(events);
  }

  #became(state) {
    this.state = state;
    if (state.kind === "ended" && this.isConnected && !this.leaving) this.tell("signed-out", `You were signed out: ${state.why}.`);
  }

  #refresh() {
    this.requestUpdate();
    this.#element?.requestUpdate();
  }

  #element = null;

  async #route() {
    const [id, ...path] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
    const page = this.pages().find((each) => each.id === id) ?? this.pages()[0];
    this.menu = false;
    if (!page) return;
    if (this.page === page && this.#element) {
      this.#element.path = path;
      return;
    }
    this.page = page;
    let module;
    try {
      module = await page.load();
      this.fault = null;
    } catch {
      this.fault = "This page belongs to a version of the console that is no longer here.";
      return;
    }
    if (this.page !== page) return;
    this.#element = Object.assign(new module.default(), { app: this, path });
    document.title = `${page.name} · JinaConnect`;
    this.requestUpdate();
  }

  async #signOut() {
    this.leaving = true;
    this.feed.stop("signed out");
    await session.signOut();
    this.tell("signed-out");
  }

  /** Work in another organisation or mode from now on, beginning with a page. */
  async choose(choice, path = "") {
    try {
      await session.choose({ tenant: session.tenant.id, mode: session.mode, ...choice });
    } catch (error) {
      return this.say(error.message);
    }
    history.replaceState(null, "", `#/${path}`);
    this.tell("chosen");
  }

  render() {
    return html`
      <a class="skip" href="#main" @click=${this.#skip}>To the content</a>
      <nav class="rail" aria-label="Pages">
        ${this.pages().map((page) => html`
          <a href="#/${page.id}" aria-current=${page === this.page ? "page" : nothing}>
            ${icons[page.icon]}<span>${page.name}</span></a>`)}
        <span class="gap"></span>
        <button class="rail-button" @click=${() => this.#open("help")} aria-label="Keys">${icons.keys}<span>Keys</span></button>
      </nav>
      <header class="bar">
        <button class="who" aria-expanded=${Boolean(this.menu)} aria-haspopup="true" @click=${() => (this.menu = !this.menu)}>
          <bdi>${session.tenant.name}</bdi>
          ${session.mode === "test" ? html`<span class="tag sandbox">Sandbox</span>` : ""}
        </button>
        ${this.menu ? this.#menu() : ""}
        <button class="find" @click=${() => this.#open("palette")}>${icons.search}<span>Find</span><kbd>${navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl"} K</kbd></button>
        <span class=${classMap({ connection: true, [this.state.kind.replace(" ", "-")]: true })} role="status" title=${this.state.why}>
          ${STATES[this.state.kind](this.state)}</span>
      </header>
      <main id="main" tabindex="-1">
        ${this.fault ? this.#newVersion() : (this.#element ?? html`<p class="empty">Loading…</p>`)}
      </main>
      <div class="toasts" role="status">
        ${this.toasts.map((toast) => html`
          <div class="toast">${toast.text}
            ${toast.undo ? html`<button @click=${() => this.#undo(toast)}>Undo</button>` : ""}</div>`)}
      </div>
      ${repeat(this.dialog ? [this.dialog] : [], (kind) => kind, (kind) => html`
        <jc-dialog .kind=${kind} .app=${this} @closed=${() => (this.dialog = null)}></jc-dialog>`)}`;
  }

  updated(changed) {
    if (changed.has("page")) this.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // a narrow rail is scrolled
  }

  #menu() {
    const others = session.tenants.filter((tenant) => tenant.id !== session.tenant.id);
    const test = session.mode === "test";
    return html`
      <div class="menu card" @keydown=${(event) => event.key === "Escape" && (this.menu = false)}>
        <p><b><bdi>${session.name}</bdi></b><br><span class="soft"><bdi>${session.user.email}</bdi> · ${session.role.name}</span></p>
        <button @click=${() => this.choose({ mode: test ? "live" : "test" })}>
          ${test ? "Back to live" : "Work in the sandbox"}</button>
        ${others.map((tenant) => html`
          <button @click=${() => this.choose({ tenant: tenant.id })}><bdi>${tenant.name}</bdi> <span class="soft">${tenant.role}</span></button>`)}
        <a class="item" href="/docs/">API</a>
        <button @click=${() => this.#signOut()}>${icons.out} Sign out</button>
      </div>`;
  }

  #newVersion() {
    return html`
      <div class="empty" role="alert"><p>${this.fault}</p>
        <button class="primary" @click=${() => location.reload()}>Load the present one</button></div>`;
  }

  #skip(event) {
    event.preventDefault();
    this.querySelector("#main").focus();
  }

  #undo(toast) {
    this.toasts = this.toasts.filter((each) => each !== toast);
    toast.undo();
  }
}

customElements.define("jc-shell", Shell);
