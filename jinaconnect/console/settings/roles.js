// Roles: what each may do, changed by those above it.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { count } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { doing, patch, post, refusal, remove } from "../parts/form.js";
import { Listing } from "../parts/listing.js";
import { session } from "../session.js";
import { plain } from "../text.js";

/** Return how much a role may, in words. */
function held(role) {
  const some = Object.values(role.permissions).filter(Boolean).length;
  return `${count(some)} ${some === 1 ? "permission" : "permissions"}`;
}

class Roles extends Element {
  static properties = { app: { attribute: false }, catalogue: { state: true }, open: { state: true } };

  constructor() {
    super();
    this.list = new Listing(this, "/tenants/roles/", {}, 100);
  }

  connectedCallback() {
    super.connectedCallback();
    this.leave = this.app.listen((events) => events.some(({ type }) => type.startsWith("role.")) && this.list.renew(), () => this.list.begin());
    this.list.begin();
    api.get("/tenants/roles/permissions-catalog/").then((found) => (this.catalogue = found), () => (this.catalogue = {}));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.leave();
  }

  #may(role) {
    return session.may("users.change_role") && role.is_editable && role.priority < session.role.priority;
  }

  #ask(role) {
    this.fault = null;
    this.open = role;
  }

  async #keep(form) {
    const role = this.open;
    const permissions = {};
    for (const box of form.querySelectorAll("[data-permission]")) {
      if (box.checked !== Boolean(role.permissions[box.dataset.permission])) permissions[box.dataset.permission] = box.checked;
    }
    const body = { name: form.elements.name.value.trim(), description: form.elements.description.value.trim() || null, permissions };
    const done = await doing(this, () => (role.id ? patch(`/tenants/roles/${role.id}/`, body)
      : post("/tenants/roles/", { ...body, priority: Number(form.elements.priority.value) })), "Kept.");
    if (!done) return;
    this.open = null;
    this.list.renew();
  }

  async #other(what, said) {
    const { id } = this.open;
    if (!(await doing(this, () => (what === "remove" ? remove(`/tenants/roles/${id}/`) : post(`/tenants/roles/${id}/reset/`)), said))) return;
    this.open = null;
    this.list.renew();
  }

  render() {
    const instead = this.list.instead(html`<p>There are no roles.</p>`);
    return html`<section>
      <header class="page-head"><h2>Roles</h2>${session.may("users.change_role") ? html`<button class="primary" @click=${() => this.#ask({ name: "", permissions: {}, priority: Math.max(1, session.role.priority - 1) })}>${icons.add} New role</button>` : ""}</header>
      ${instead ?? html`<ul class="rows">${this.list.rows.map((role) => html`<li class="entry">
        <span class="entry-name"><b><bdi>${plain(role.name, 60)}</bdi></b> ${role.is_custom ? html`<span class="tag">own</span>` : ""} <span class="soft small">${plain(role.description ?? "", 120)}</span></span>
        <span class="soft small">${held(role)} · ${count(role.member_count)} ${role.member_count === 1 ? "member" : "members"}</span>
        <span class="entry-buttons"><button class="quiet" @click=${() => this.#ask(role)}>${this.#may(role) ? "Change" : "Look"}<span class="aloud"> ${plain(role.name, 60)}</span></button></span></li>`)}</ul>`}
      ${dialog(this, "open", this.open?.id ? plain(this.open.name, 60) : "A new role", () => this.#dialog())}</section>`;
  }

  #dialog() {
    const role = this.open;
    const may = !role.id || this.#may(role);
    return html`<form @submit=${(event) => (event.preventDefault(), this.#keep(event.target))}>
      <div class="side"><label>Name <input name="name" required maxlength="60" ?disabled=${!may || (role.id && !role.is_custom)} .value=${role.name}></label>
        ${role.id ? "" : html`<label>Rank (below ${session.role.priority}) <input name="priority" type="number" min="1" max=${session.role.priority - 1} required .value=${String(role.priority)}></label>`}</div>
      <label>What it is for <input name="description" maxlength="300" ?disabled=${!may} .value=${role.description ?? ""}></label>
      ${Object.entries(this.catalogue ?? {}).map(([group, permissions]) => html`
        <fieldset ?disabled=${!may}><legend>${plain(group, 40)}</legend><div class="ticks-of">${permissions.map(({ key, label }) => html`
          <label class="line small"><input type="checkbox" data-permission=${key} .checked=${Boolean(role.permissions[key])} ?disabled=${!session.may(key)}> ${plain(label, 80)}</label>`)}</div></fieldset>`)}
      ${refusal(this)}
      ${may ? html`<footer>
        ${role.id && role.is_custom && !role.member_count ? html`<button type="button" class="danger" @click=${() => this.#other("remove", "Removed.")}>Remove</button>` : ""}
        ${role.id && !role.is_custom ? html`<button type="button" @click=${() => this.#other("reset", "As it was first.")}>As it was first</button>` : ""}
        <button class="primary" ?disabled=${this.busy}>Keep</button></footer>` : ""}</form>`;
  }
}

customElements.define("jc-roles", Roles);
