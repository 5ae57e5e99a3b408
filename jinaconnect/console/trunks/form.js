// Adding a trunk or an account: what is the carrier's comes from its profile, what is the account's is typed.
import { api } from "../api.js";
import { Element, html, live } from "../element.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";

const AUTH = { digest: "by user name and password", ip: "by our address", digest_or_ip: "by user name and password, or by our address" };

class TrunkForm extends Element {
  static properties = { page: { attribute: false }, profiles: { state: true }, form: { state: true }, faults: { state: true }, busy: { state: true }, fault: { state: true } };

  constructor() {
    super();
    this.form = { name: "", profile: "generic", numbers: "", sip_username: "", sip_password: "", sip_realm: "", sip_proxy: "", registration_required: true, inbound_hosts: "", cap: "10" };
    this.faults = {};
  }

  connectedCallback() {
    super.connectedCallback();
    this.#read();
  }

  async #read() {
    this.fault = null;
    try {
      ({ results: this.profiles, accounts: this.accounts } = await api.get("/voice/api/vendor-profiles/"));
      this.#choose("generic");
    } catch (error) {
      this.fault = error.message;
    }
  }

  #choose(name) {
    const account = this.#account(name);
    this.faults = {};
    this.form = {
      ...this.form, profile: name, registration_required: this.profiles.find((each) => each.name === name)?.registration,
      ...Object.fromEntries((account?.fields ?? []).map((field) => [field.name, field.default])),
    };
  }

  /** Return the HTTP carrier of a name, which a trunk's carrier never has. */
  #account(name = this.form.profile) {
    return this.accounts.find((each) => each.provider === name);
  }

  #set(change) {
    this.form = { ...this.form, ...change };
  }

  async #add(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.faults = {};
    this.fault = null;
    const { name, profile, numbers, sip_username, sip_password, sip_realm, sip_proxy, registration_required, inbound_hosts, cap } = this.form;
    const words = (text) => text.split(/[\s,;]+/).filter(Boolean);
    const account = this.#account();
    const given = account?.fields.map((field) => [field.name, this.form[field.name].trim()]).filter(([, value]) => value);
    try {
      const made = await api.post("/voice/api/provider-configs/", {
        name, provider: account ? profile : "sip", from_numbers: words(numbers.replace(/(?<=\d)[ ().-]+(?=\d)/g, "")), max_concurrent_calls: Number(cap),
        credentials: account ? (given.length ? Object.fromEntries(given) : undefined) : {
          vendor_profile: profile, sip_username, sip_password, sip_realm: sip_realm || sip_proxy.replace(/:\d+$/, ""), sip_proxy, registration_required,
          inbound_hosts: words(inbound_hosts),
        },
      }, { once: true });
      await this.page.read();
      this.page.app.go(`trunks/${made.id}`);
    } catch (error) {
      if (error.detail && typeof error.detail === "object") this.faults = error.detail;
      this.fault = error.message;
      this.updateComplete.then(() => this.querySelector("[aria-invalid=true]")?.focus());
    } finally {
      this.busy = false;
    }
  }

  #field(name, label, path, more = {}) {
    const wrong = Object.entries(this.faults).filter(([at]) => at === path || at.startsWith(`${path}.`)).flatMap(([, said]) => said);
    const said = wrong.length ? html`<span class="why small">${wrong.join(", ")}</span>` : more.hint ? html`<span class="soft small hint">${more.hint}</span>` : "";
    return html`
      <div class="field"><label>${label}
        ${more.lines > 1 ? html`<textarea name=${name} aria-describedby="${name}-said" ?required=${more.required} rows=${more.lines} maxlength="16000" spellcheck="false" autocomplete="off"
          aria-invalid=${wrong.length ? "true" : "false"} .value=${live(this.form[name])} @input=${(event) => this.#set({ [name]: event.target.value })}></textarea>`
        : html`<input name=${name} aria-describedby="${name}-said" type=${more.type ?? "text"} ?required=${more.required} placeholder=${more.placeholder ?? ""} autocomplete=${more.type === "password" ? "new-password" : "off"}
          maxlength="400" spellcheck="false" aria-invalid=${wrong.length ? "true" : "false"} .value=${live(this.form[name])} @input=${(event) => this.#set({ [name]: event.target.value })}>`}</label>
        <span id="${name}-said">${said}</span></div>`;
  }

  render() {
    const profile = this.profiles?.find((each) => each.name === this.form.profile);
    return html`
      <section class="page trunk-form">
        <p><a href="#/trunks">${icons.back} All trunks</a></p>
        <h1>Add a trunk or an account</h1>
        ${this.profiles ? this.#form(profile) : this.fault ? html`<p class="fault" role="alert">${this.fault} <button @click=${() => this.#read()}>Try again</button></p>` : html`<div class="skeleton" role="status" aria-label="Loading"></div>`}
      </section>`;
  }

  #form(profile) {
    const account = this.#account();
    return html`
      <form class="fields" @submit=${this.#add}>
        <div class="field"><label>Carrier
          <select name="profile" aria-describedby="profile-said" @change=${(event) => this.#choose(event.target.value)}>
            <optgroup label="SIP trunks">${this.profiles.map((each) => html`<option value=${each.name} ?selected=${each.name === this.form.profile}>${each.display_name}</option>`)}</optgroup>
            <optgroup label="Accounts over HTTP">${this.accounts.map((each) => html`<option value=${each.provider} ?selected=${each === account}>${each.display_name}</option>`)}</optgroup></select></label>
          <span id="profile-said" class="soft small hint">${account ? account.notes : html`${plain(profile.notes, 300)} Knows us ${AUTH[profile.auth]}; ${profile.transport.toUpperCase()}; ${profile.codecs.join(", ")}.`}</span></div>
        ${this.#field("name", "Name", "name", { required: true, placeholder: "Head office" })}
        ${account ? this.#credentials(account) : this.#trunk(profile)}
        ${this.#field("numbers", "Our numbers", "from_numbers", { placeholder: "+12025550123, +12025550124" })}
        ${account ? "" : this.#field("inbound_hosts", "Further addresses of the carrier", "credentials.inbound_hosts", { placeholder: "203.0.113.0/30", hint: "From which its calls come, besides the one above." })}
        ${this.#field("cap", "Calls at once", "max_concurrent_calls", { type: "number", hint: "-1 for as many as there are." })}
        ${account ? "" : html`<label class="line"><input type="checkbox" .checked=${live(this.form.registration_required)} @change=${(event) => this.#set({ registration_required: event.target.checked })}> Register at the carrier</label>`}
        ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : ""}
        <p><button class="primary" ?disabled=${this.busy}>${this.busy ? "Asking the carrier…" : account ? "Add the account" : "Add the trunk"}</button></p>
      </form>`;
  }

  #credentials(account) {
    return account.fields.map(({ name, label, hint, required, secret, lines }) =>
      this.#field(name, label, `credentials.${name}`, { required: required && session.mode === "live", lines, type: secret ? "password" : "text", hint: `${hint} ${secret ? "Kept sealed, never shown again." : ""}`.trim() }));
  }

  #trunk(profile) {
    const account = profile.auth !== "ip";
    return html`
      ${this.#field("sip_proxy", "Address of the carrier", "credentials.sip_proxy", { required: true, placeholder: "sip.example.com or sip.example.com:5060" })}
      ${this.#field("sip_realm", "Realm", "credentials.sip_realm", { hint: "As the carrier says; the address where left empty." })}
      ${account || profile.auth === "digest_or_ip" ? html`<div class="side">
        ${this.#field("sip_username", "User name", "credentials.sip_username", { required: profile.auth === "digest" })}
        ${this.#field("sip_password", "Password", "credentials.sip_password", { type: "password", required: profile.auth === "digest", hint: "Kept sealed, never shown again." })}</div>` : ""}`;
  }
}

customElements.define("jc-trunk-form", TrunkForm);
