// Members: who is here, invited or to be invited, with which role.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { copied, doing, patch, post, refusal, remove, values } from "../parts/form.js";
import { Listing } from "../parts/listing.js";
import { session } from "../session.js";
import { plain } from "../text.js";

/** Return the address of the page that an invitation is accepted on. */
function linkOf(path) {
  const url = new URL(path, location.origin);
  return `${location.origin}/accept-invitation/${encodeURIComponent(url.searchParams.get("token"))}/`;
}

class Members extends Element {
  static properties = { app: { attribute: false }, roles: { state: true }, open: { state: true }, made: { state: true } };

  constructor() {
    super();
    this.list = new Listing(this, "/tenants/users/");
  }

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => events.some(({ type }) => type.startsWith("member.")) && this.list.renew(), () => this.list.begin());
    this.list.begin();
    api.get("/tenants/roles/", { page_size: 100 }).then(({ results }) => (this.roles = results), () => (this.roles = []));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
  }

  /** Roles that can be given: those below one's own. */
  get #below() {
    return (this.roles ?? []).filter((role) => role.priority < session.role.priority);
  }

  #reaches(row) {
    return row.user !== session.user.id && (row.role_detail?.priority ?? 0) < session.role.priority;
  }

  #ask(what) {
    this.made = this.fault = null;
    this.open = what;
  }

  async #invite(event) {
    const done = await doing(this, () => post("/tenants/members/invite/", values(event.target)));
    if (!done) return;
    this.made = done;
    this.list.renew();
  }

  async #again(row) {
    const done = await doing(this, () => post(`/tenants/members/${row.id}/resend-verification/`));
    if (!done) return this.app.say(this.fault);
    this.#ask("link");
    this.made = done;
  }

  async #role(row, event) {
    const role = event.target.value;
    const done = await doing(this, () => patch(`/tenants/members/${row.id}/role/`, { role_id: role }), "The role is another now.");
    if (done) this.list.put(done);
    else {
      this.app.say(this.fault);
      event.target.value = row.role;
    }
  }

  async #remove() {
    const row = this.open;
    if (!(await doing(this, () => remove(`/tenants/members/${row.id}/`), "Removed."))) return;
    this.list.drop(row.id);
    this.open = null;
  }

  render() {
    const instead = this.list.instead(html`<p>Nobody is here.</p>`);
    const title = { invite: "Invite somebody", link: "A new link" }[this.open] ?? "Remove a member";
    return html`<section>
      <header class="page-head"><h2>Members</h2>${session.may("users.invite") ? html`<button class="primary" @click=${() => this.#ask("invite")}>${icons.add} Invite</button>` : ""}</header>
      ${instead ?? html`<ul class="rows">${this.list.rows.map((row) => html`<li class="entry">${this.#row(row)}</li>`)}</ul>`}
      ${this.list.foot()}
      ${dialog(this, "open", title, () => this.#dialog())}</section>`;
  }

  #row(row) {
    const name = plain(row.name || `${row.first_name} ${row.last_name}`.trim() || row.email, 80);
    const reaches = this.#reaches(row);
    return html`
      <span class="entry-name"><b><bdi>${name}</bdi></b> ${row.user === session.user.id ? html`<span class="tag mine">you</span>` : ""}
        ${row.is_pending ? html`<span class="tag wait">invited</span>` : row.is_active ? "" : html`<span class="tag">not active</span>`}
        <span class="soft small"><bdi>${plain(row.email, 120)}</bdi></span></span>
      <span>${reaches && session.may("users.change_role") && this.roles
        ? html`<select aria-label="Role of ${name}" @change=${(event) => this.#role(row, event)}>${this.#below.map((role) => html`<option value=${role.id} ?selected=${role.id === row.role}>${plain(role.name, 40)}</option>`)}</select>`
        : plain(row.role_detail?.name, 40)}</span>
      <span class="entry-buttons">${row.is_pending && reaches && session.may("users.invite") ? html`<button class="quiet" @click=${() => this.#again(row)}>New link</button>` : ""}
        ${reaches && session.may("users.remove") ? html`<button class="quiet" @click=${() => this.#ask(row)}>Remove<span class="aloud"> ${name}</span></button>` : ""}</span>`;
  }

  #dialog() {
    const close = () => (this.open = null);
    if (this.made) {
      return html`<p>${this.made.invite_path ? "They get a letter with this link. It works once, and can be passed on otherwise too." : "The account is ready."}</p>
        ${this.made.invite_path ? copied(this.app, "Link", linkOf(this.made.invite_path)) : ""}
        <footer><button class="primary" @click=${close}>Done</button></footer>`;
    }
    if (this.open === "invite") {
      return html`<form @submit=${(event) => (event.preventDefault(), this.#invite(event))}>
        <label>E-mail <input name="email" type="email" required></label>
        <div class="side"><label>First name <input name="first_name" maxlength="100"></label><label>Last name <input name="last_name" maxlength="100"></label></div>
        <label>Role <select name="role_id" required>${this.#below.map((role) => html`<option value=${role.id} ?selected=${role.slug === "agent"}>${plain(role.name, 40)}</option>`)}</select></label>
        <label>A word for the letter <textarea name="message" rows="2" maxlength="500"></textarea></label>
        ${refusal(this)}<footer><button type="button" @click=${close}>Leave it</button><button class="primary" ?disabled=${this.busy}>Invite</button></footer></form>`;
    }
    return html`<form @submit=${(event) => (event.preventDefault(), this.#remove())}>
      <p>${plain(this.open.name || this.open.email, 80)} is signed out at once, everywhere.</p>
      ${refusal(this)}<footer><button type="button" @click=${close}>Leave it</button><button class="danger" autofocus ?disabled=${this.busy}>Remove</button></footer></form>`;
  }
}

customElements.define("jc-members", Members);
