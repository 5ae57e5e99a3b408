// The way in: e-mail and password, then the organisation where there are several.
import { Element, html } from "./element.js";
import { icons } from "./icons.js";
import { session } from "./session.js";

class SignIn extends Element {
  static properties = { notice: {}, fault: { state: true }, busy: { state: true }, choosing: { state: true } };

  #given = null;

  render() {
    return html`
      <main class="way-in">
        <div class="brand"><img src=${new URL("icon.svg", import.meta.url).pathname} alt="" width="36" height="36"> JinaConnect</div>
        ${this.choosing ? this.#choice() : this.#form()}
        <p class="soft small">Setting up? <a href="/docs/">API</a> · <a href="/openapi.json">OpenAPI</a> ·
          <a href="/asyncapi.json">Events</a></p>
      </main>`;
  }

  #form() {
    return html`
      <form class="card" @submit=${this.#submit}>
        <h1>Sign in</h1>
        ${this.notice ? html`<p class="notice" role="status">${this.notice}</p>` : ""}
        <label>E-mail <input name="email" type="text" inputmode="email" autocomplete="username" required autofocus></label>
        <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
        ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : ""}
        <button class="primary" ?disabled=${this.busy}>${this.busy ? "Signing in…" : "Sign in"}</button>
        <p class="soft small">The logins of the demo organisation are printed by <code>./dev run</code>.</p>
      </form>`;
  }

  #choice() {
    return html`
      <section class="card">
        <h1>Choose an organisation</h1>
        ${session.tenants.map((tenant) => html`
          <button class="choice" @click=${() => this.#choose(tenant.id)}>
            <bdi>${tenant.name}</bdi> <span class="soft">${tenant.role}</span>
          </button>`)}
        ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : ""}
      </section>`;
  }

  async #submit(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    this.busy = true;
    this.fault = "";
    try {
      this.#given = [form.get("email").trim(), form.get("password")];
      await session.signIn(...this.#given);
      if (session.tenants.length > 1) this.choosing = true;
      else this.tell("signed-in");
    } catch (error) {
      this.fault = error.status === 429 ? `${error.message} Try again in ${error.retryAfter} s.` : error.message;
      await this.updateComplete;
      this.querySelector("[name=password]")?.focus();
    } finally {
      this.busy = false;
    }
  }

  async #choose(tenant) {
    try {
      if (tenant !== session.tenant.id) await session.signIn(...this.#given, { tenant });
      this.#given = null;
      this.tell("signed-in");
    } catch (error) {
      this.fault = error.message;
    }
  }
}

class Away extends Element {
  static properties = { reason: {}, again: { attribute: false } };

  render() {
    return html`
      <main class="way-in">
        <section class="card">
          <h1>Out of reach</h1>
          <p role="alert">${this.reason}</p>
          <button class="primary" @click=${() => this.again()}>${icons.check} Try again</button>
        </section>
      </main>`;
  }
}

customElements.define("jc-sign-in", SignIn);
customElements.define("jc-away", Away);
