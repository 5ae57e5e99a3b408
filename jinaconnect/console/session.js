// Who is signed in: the access token lives here in memory, what renews it in a cookie no script can read.
import { Refused, NoAnswer, send } from "./http.js";

const HINT = "jina.signed-in"; // whether asking for a renewal makes sense at all
const CHOICE = "jina.choice"; // organisation and mode: of this tab, and as a start for the next
const SPARE_S = 60;

class Session {
  #access = null;
  #fresh = 0; // until when the token is used without asking for another
  #renewing = null;

  /** Take up the session of this browser; false where nobody is signed in. */
  async resume() {
    if (!localStorage.getItem(HINT)) return false;
    try {
      await this.renew();
      return true;
    } catch (error) {
      if (!error.final) throw error;
      if (this.#choice().tenant) {
        this.#choose({}); // the organisation may be gone while the account is not
        return this.resume();
      }
      this.forget();
      return false;
    }
  }

  async signIn(email, password, choice = {}) {
    this.#take(await send("POST", "/session/", { body: { email, password, ...choice } }), choice);
  }

  /** Work in another organisation or mode, in this tab. */
  async choose(choice) {
    this.#take(await send("POST", "/session/renew/", { body: choice }), choice);
  }

  async signOut() {
    this.forget();
    await send("DELETE", "/session/").catch(() => {});
  }

  /** Return a token that is still good, a fresh one where `again` asks for it. */
  async token(again = false) {
    if (again || Date.now() > this.#fresh) await this.renew();
    return this.#access;
  }

  /** Get a fresh token; whoever asks meanwhile waits for the same one. */
  renew() {
    this.#renewing ??= send("POST", "/session/renew/", { body: this.#choice() })
      .then((told) => this.#take(told, this.#choice()))
      .finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  forget() {
    this.#access = null;
    localStorage.removeItem(HINT);
  }

  may(permission) {
    return permission.split("|").some((part) => this.permissions?.has(part));
  }

  #choice() {
    return JSON.parse(sessionStorage.getItem(CHOICE) ?? localStorage.getItem(CHOICE) ?? "{}");
  }

  #choose(choice) {
    for (const kept of [sessionStorage, localStorage]) kept.setItem(CHOICE, JSON.stringify(choice));
  }

  #take(told, choice) {
    this.#access = told.access;
    this.#fresh = Date.now() + Math.max(told.expires_in - SPARE_S, told.expires_in / 2) * 1000;
    Object.assign(this, {
      user: told.user, tenant: told.tenant, role: told.role, mode: told.mode, tenants: told.tenants,
      permissions: new Set(told.permissions),
    });
    this.name = `${told.user.first_name} ${told.user.last_name}`.trim() || told.user.email;
    localStorage.setItem(HINT, "1");
    this.#choose({ ...choice, tenant: told.tenant.id, mode: told.mode });
  }
}

export const session = new Session();
export { NoAnswer, Refused };
