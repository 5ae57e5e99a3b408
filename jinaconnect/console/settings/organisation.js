// The organisation: its name and zone, who sees what and hears whom, and how it looks.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { doing, patch, refusal, values } from "../parts/form.js";
import { fault, waiting } from "../parts/listing.js";
import { HERE, ZONES } from "../parts/zone.js";
import { session } from "../session.js";
import { plain } from "../text.js";

const VOICE = "/voice/api/tenant-voice-app/";
const LISTENING = { allowed: "Allowed", with_consent: "Where the contact has consented to being recorded", forbidden: "Forbidden" };

class Organisation extends Element {
  static properties = { app: { attribute: false }, tenant: { state: true }, brand: { state: true }, error: { state: true } };

  connectedCallback() {
    super.connectedCallback();
    this.#read();
  }

  async #read() {
    this.error = null;
    try {
      const [tenant, brand, voice] = await Promise.all([api.get(`/tenants/${session.tenant.id}/`), api.get("/tenants/branding/"), session.may("voice.manage") && api.get(VOICE)]);
      [this.tenant, this.voice, this.brand] = [tenant, voice && voice.results[0], brand];
    } catch (error) {
      this.error = error;
    }
  }

  async #keep(form) {
    const { name, timezone, agents_see_unassigned: sees } = form.elements;
    const settings = { agents_see_unassigned: sees.checked, timezone: timezone.value };
    const done = await doing(this, () => patch(`/tenants/${session.tenant.id}/`, { name: name.value.trim(), settings }), "Kept.");
    if (!done) return;
    this.tenant = { ...this.tenant, ...done };
    session.tenant.name = done.name;
    this.app.requestUpdate();
  }

  async #listening(form) {
    const done = await doing(this, () => patch(`${VOICE}${this.voice.id}/`, { supervision_notice: "", ...values(form) }), "Kept.");
    if (done) this.voice = done;
  }

  async #look(form) {
    const { product_name: name, primary_color: colour, logo } = form.elements;
    const given = new FormData();
    given.append("product_name", name.value.trim());
    if (colour.dataset.touched) given.append("primary_color", colour.value);
    if (logo.files[0]) given.append("logo", logo.files[0]);
    const done = await doing(this, () => api.change("/tenants/branding/", given), "Kept.");
    if (done) this.brand = done;
  }

  render() {
    if (this.error) return fault(this.error, () => this.#read());
    if (!this.brand) return waiting;
    const { tenant, brand, voice } = this;
    const zone = tenant.settings.timezone ?? "UTC";
    return html`<section class="fields narrow">
      <h2>Organisation</h2>
      <form class="fields" @submit=${(event) => (event.preventDefault(), this.#keep(event.target))}>
        <label>Name <input name="name" required maxlength="200" .value=${tenant.name}></label>
        <label>Time zone <select name="timezone">${[...new Set([zone, HERE, ...ZONES])].map((each) => html`<option ?selected=${each === zone}>${each}</option>`)}</select></label>
        <label class="line"><input type="checkbox" name="agents_see_unassigned" .checked=${Boolean(tenant.settings.agents_see_unassigned)}> Agents see conversations that nobody holds</label>
        <div class="entry-buttons"><button class="primary" ?disabled=${this.busy}>Keep the organisation</button></div></form>
      ${voice ? html`<h2>Listening to live calls</h2>
      <p class="soft small">By whose role may. A rule that is changed ends what it allows no more.</p>
      <form class="fields" @submit=${(event) => (event.preventDefault(), this.#listening(event.target))}>
        <label>Rule <select name="supervision">${Object.entries(LISTENING).map(([id, text]) => html`<option value=${id} ?selected=${id === voice.supervision}>${text}</option>`)}</select></label>
        <label>Shown before one listens <textarea name="supervision_notice" rows="2" maxlength="500" dir="auto" .value=${voice.supervision_notice}></textarea></label>
        <div class="entry-buttons"><button class="primary" ?disabled=${this.busy}>Keep the rule</button></div></form>` : ""}
      <h2>How it looks</h2>
      <p class="soft small">On the pages and letters that people outside see.</p>
      <form class="fields" @submit=${(event) => (event.preventDefault(), this.#look(event.target))}>
        <div class="side"><label>Name of the product <input name="product_name" maxlength="100" .value=${brand.product_name ?? ""}></label>
          <label>Colour <input name="primary_color" type="color" .value=${brand.primary_color ?? "#0b6e4f"} @input=${(event) => (event.target.dataset.touched = "1")}></label></div>
        ${brand.effective_primary_logo_url?.startsWith("/") ? html`<img class="brand-logo" src=${brand.effective_primary_logo_url} alt="The present logo">` : ""}
        <label>Logo <input name="logo" type="file" accept="image/png,image/jpeg,image/webp,image/svg+xml"></label>
        ${brand.custom_domain ? html`<p>Domain <b>${plain(brand.custom_domain, 120)}</b> <span class="tag">${brand.custom_domain_status}</span></p>` : ""}
        <div class="entry-buttons"><button class="primary" ?disabled=${this.busy}>Keep the look</button></div></form>
      ${refusal(this)}</section>`;
  }
}

customElements.define("jc-organisation", Organisation);
