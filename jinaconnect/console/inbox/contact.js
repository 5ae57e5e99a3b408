// Who the conversation is with.
import { Element, html } from "../element.js";
import { day, exactly } from "../format.js";
import { icons } from "../icons.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import { PLATFORMS } from "./platforms.js";

class ContactView extends Element {
  static properties = { app: { attribute: false }, page: { attribute: false }, contact: { attribute: false } };

  render() {
    const { contact } = this;
    return html`
      <aside class="contact" aria-label="Contact">
        <header><h2>Contact</h2>
          <button class="icon-button" aria-label="Close the contact" @click=${() => (this.page.aside = false)}>${icons.close}</button></header>
        ${contact ? this.#facts(contact) : html`<div class="skeleton" role="status" aria-label="Loading"></div>`}
      </aside>`;
  }

  #facts(contact) {
    const channels = Object.entries(contact.channels ?? {}).filter(([, value]) => value);
    const facts = [
      ["Phone", contact.phone],
      ["E-mail", contact.email],
      ["WhatsApp name", contact.whatsapp_username],
      ["Telegram name", contact.telegram_username],
      ["Lead", contact.lead_status && `${contact.lead_status.toLowerCase()} · ${contact.lead_score}`],
      ["Segments", contact.segments?.join(", ")],
      ["Calls", contact.total_calls || null],
      ...Object.entries(contact.attributes ?? {}),
    ].filter(([, value]) => value !== null && value !== undefined && value !== "");
    return html`
      <h3><bdi>${plain(contact.full_name, 80)}</bdi></h3>
      ${contact.tags?.length ? html`<p>${contact.tags.map((tag) => html`<span class="tag"><bdi>${plain(tag, 40)}</bdi></span> `)}</p>` : ""}
      ${contact.description ? html`<p dir="auto">${plain(contact.description, 500)}</p>` : ""}
      <dl>
        ${facts.map(([name, value]) => html`<div><dt><bdi>${plain(name, 40)}</bdi></dt><dd><bdi>${plain(value, 200)}</bdi></dd></div>`)}
        <div><dt>Reached by</dt><dd>${channels.map(([name]) => PLATFORMS[name.toUpperCase()]?.name ?? name).join(", ") || "nothing"}</dd></div>
        ${Object.keys(contact.opt_outs ?? {}).length ? html`<div><dt>Wants none of</dt><dd>${Object.keys(contact.opt_outs).join(", ").replaceAll("_", " ").toLowerCase()}</dd></div>` : ""}
        ${contact.dnc ? html`<div><dt>Calls</dt><dd>do not call</dd></div>` : ""}
        <div><dt>Since</dt><dd><time datetime=${contact.created_at} title=${exactly(contact.created_at)}>${day(contact.created_at)}</time></dd></div>
      </dl>
      <p class="contact-does">
        ${contact.phone && !contact.dnc && session.may("voice.call") ? html`<button @click=${() => this.app.go(`calls/new/${contact.phone}`)}>${icons.calls} Call</button>` : ""}
        <button @click=${() => this.page.act.save()}>${icons.file} Save as PDF</button></p>
      ${this.#refusing(contact)}`;
  }

  /** What notes that they want no more, said in words of their own. */
  #refusing(contact) {
    const platform = this.app.inbox.conversations.get(contact.id)?.platform;
    const refused = Object.keys(contact.opt_outs ?? {}).some((key) => key.startsWith(platform));
    if (refused || !PLATFORMS[platform]?.writes || !session.may("inbox.reply|contact.edit")) return "";
    return html`<details><summary>They want no more…</summary>
      <button class="danger" @click=${() => this.page.act.optOut(platform)}>Note it for ${PLATFORMS[platform].name}</button></details>`;
  }
}

customElements.define("jc-contact", ContactView);
