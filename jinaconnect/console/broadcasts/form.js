// Making a broadcast: over which account, what, to whom and when; and what that comes to, before it is sent.
import { api } from "../api.js";
import { Element, html, nothing } from "../element.js";
import { count, exactly } from "../format.js";
import { icons } from "../icons.js";
import { doing, patch, post, refusal } from "../parts/form.js";
import { fault, waiting } from "../parts/listing.js";
import { HERE, ZONES, momentOf, shownIn } from "../parts/zone.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import "./audience.js";
import { PLATFORMS, RULES } from "./shown.js";
import { SPOKEN, callFields, heldCall, saysSomething } from "./spoken.js";

const APPS = { WHATSAPP: "/wa/v1/apps/", SMS: "/sms/v1/apps/", TELEGRAM: "/telegram/v1/bots/", RCS: "/rcs/v1/apps/" };
const TEMPLATES = { WHATSAPP: "/wa/v1/templates/", SMS: "/sms/v1/templates/", TELEGRAM: "/telegram/v1/templates/", RCS: "/rcs/v1/templates/" };
const CATEGORIES = { MARKETING: "Marketing", UTILITY: "About something they ordered or asked for", SERVICE: "Service", AUTHENTICATION: "A code" };
const CHECK_AFTER_MS = 600;
const nameOf = (app) => app.app_name ?? app.bot_username ?? app.agent_name ?? app.agent_id ?? app.sender_id;

class BroadcastForm extends Element {
  static properties = {
    app: { attribute: false }, list: { attribute: false }, broadcast: {}, draft: { state: true }, apps: { state: true },
    templates: { state: true }, told: { state: true }, stale: { state: true }, zone: { state: true }, error: { state: true },
  };

  #timer;
  #asked = 0;

  constructor() {
    super();
    this.zone = HERE;
    this.known = [];
    this.draft = { name: "", platform: "WHATSAPP", app: null, template: null, whom: "all", tags: [], segments: [], recipients: [], values: {}, category: "MARKETING", at: "", hours: null, links: false, call: SPOKEN };
  }

  connectedCallback() {
    super.connectedCallback();
    this.#begin();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  async #begin() {
    this.error = null;
    try {
      const [zone, known] = await Promise.all([
        api.get("/tenants/").then(({ results: [tenant] }) => tenant.settings.timezone, () => null),
        api.get("/broadcast/reserve-keyword/").then((known) => known.map((each) => each.key), () => []),
      ]);
      this.zone = zone ?? HERE;
      this.zones = [...new Set([this.zone, ...ZONES])];
      this.known = known;
      const held = this.broadcast ? await api.get(`/broadcast/${this.broadcast}/`) : null;
      const lists = session.may("wa_app.view") ? await Promise.all(Object.entries(APPS).map(([platform, path]) =>
        api.get(path, { page_size: 100 }).then(({ results }) => results.filter((each) => each.is_active).map((each) => ({ platform, id: each.id, name: nameOf(each) })), () => []))) : [];
      const trunks = session.may("voice.view") ? await api.get("/voice/api/ari-health/").then((told) => told.trunks, () => []) : [];
      this.apps = [...lists.flat(), ...trunks.map(({ id, name, capabilities: can }) => ({ platform: "VOICE", id, name, can }))];
      if (held) this.#take(held);
      else if (this.apps.length) this.draft = { ...this.draft, platform: this.apps[0].platform, app: this.apps[0].id };
      await this.#templates();
    } catch (error) {
      this.error = error;
    }
  }

  #take(held) {
    const whom = !held.select_all ? "chosen" : held.tag_filter.length || held.segment_filter.length ? "some" : "all";
    this.draft = {
      ...this.draft, name: held.name, platform: held.platform, app: held.app, template: held.template, whom, tags: held.tag_filter,
      segments: held.segment_filter, values: held.placeholder_data, category: held.category, hours: held.allowed_hours_local,
      links: held.track_links, call: heldCall(held), at: held.scheduled_time && Date.parse(held.scheduled_time) > Date.now() ? shownIn(held.scheduled_time, this.zone) : "",
      keeps: !held.select_all && held.recipient_count, // those named before, of whom the API tells the number
    };
    this.#changed();
  }

  async #templates() {
    const { platform } = this.draft;
    if (!TEMPLATES[platform] || !session.may("template.view")) return (this.templates = []);
    const found = await api.get(TEMPLATES[platform], { page_size: 200, ...(platform === "WHATSAPP" && { status: "APPROVED" }) }).catch(() => ({ results: [] }));
    if (platform === this.draft.platform) this.templates = found.results;
  }

  get template() {
    return this.templates?.find((each) => each.id === this.draft.template) ?? null;
  }

  /** Take a change of the draft, and soon ask what it comes to. */
  #set(change) {
    this.draft = { ...this.draft, ...change };
    this.#changed();
  }

  #changed() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.stale = true; // what was told before stays until then, so that no button moves away from under a finger
    this.#timer = setTimeout(() => this.#check(), CHECK_AFTER_MS);
  }

  #body(status) {
    const { draft } = this;
    const needed = this.template ? this.template.placeholders : ["message"];
    const values = Object.entries(draft.values).filter(([name, value]) => value !== "" && (this.#spoken || needed.includes(name) || name.startsWith("button_")));
    return {
      name: draft.name || "Untitled", status, app: draft.app, template_number: draft.template, category: draft.category, track_links: draft.links && !this.#spoken,
      ...(draft.whom === "chosen" && draft.keeps && !draft.recipients.length ? {} : {
        select_all: draft.whom !== "chosen", recipients: draft.whom === "chosen" ? draft.recipients.map((each) => each.id) : [],
        tag_filter: draft.whom === "some" ? draft.tags : [], segment_filter: draft.whom === "some" ? draft.segments : [],
      }),
      placeholder_data: Object.fromEntries(values), ...(this.#spoken && callFields(draft.call, draft.values)),
      allowed_hours_local: draft.hours?.start && draft.hours?.end ? draft.hours : null,
      scheduled_time: draft.at ? momentOf(draft.at, this.zone).toISOString() : null,
      ...(!this.broadcast && { platform: draft.platform }),
    };
  }

  get #spoken() {
    return this.draft.platform === "VOICE";
  }

  get #whole() {
    const { draft } = this;
    if (draft.whom === "some" && !draft.tags.length && !draft.segments.length) return false;
    if (draft.whom === "chosen" && !draft.recipients.length && !draft.keeps) return false;
    if (this.#spoken) return saysSomething(draft.call, draft.values);
    return Boolean(draft.template || (draft.platform !== "WHATSAPP" && draft.values.message?.trim()));
  }

  /** Ask what the broadcast would be, and what stands against it; nothing is kept. */
  async #check() {
    if (!this.#whole || !session.may("broadcast.create") || (this.draft.keeps && !this.draft.recipients.length)) return (this.told = null);
    const asked = ++this.#asked;
    const { platform, app } = this.draft;
    const told = { error: null };
    try {
      const body = { ...this.#body("QUEUED"), platform };
      told.preview = await api.post("/broadcast/?dry_run=true", body);
      if (platform === "WHATSAPP") {
        told.preflight = await api.post("/wa/v1/broadcast/preflight-check/", { wa_app_id: app, recipient_count: told.preview.recipient_count, datetime: told.preview.scheduled_time });
      }
    } catch (error) {
      told.error = error.message;
    }
    if (asked === this.#asked) Object.assign(this, { told, stale: false });
  }

  async #save(status) {
    const sending = status === "QUEUED";
    const done = await doing(this, () => (this.broadcast ? patch(`/broadcast/${this.broadcast}/`, this.#body(status)) : post("/broadcast/", this.#body(status))));
    if (!done) return;
    this.list.put(done);
    for (const warning of done.warnings ?? []) this.app.say(warning.message);
    this.app.say(sending ? "Scheduled." : "Kept as a draft.");
    this.app.go(`broadcasts/${done.id}`);
  }

  render() {
    if (this.error) return fault(this.error, () => this.#begin());
    if (!this.apps) return waiting;
    const { draft } = this;
    return html`
      <section class="page">
        <p><a href="#/broadcasts${this.broadcast ? `/${this.broadcast}` : ""}">${icons.back} Back</a></p>
        <h1>${this.broadcast ? "Change a broadcast" : "A new broadcast"}</h1>
        <form class="two" @submit=${(event) => (event.preventDefault(), this.#save("QUEUED"))}>
          <div class="fields">
            <label>Name <input name="name" required maxlength="255" autocomplete="off" .value=${draft.name} @input=${(event) => (this.draft = { ...draft, name: event.target.value })}></label>
            ${this.#account()}
            ${this.#spoken ? html`<jc-spoken .app=${this.app} .draft=${draft} .known=${this.known} .can=${this.apps.find((each) => each.id === draft.app)?.can ?? []} @changed=${({ detail }) => this.#set(detail)}></jc-spoken>${this.#kind()}` : this.#content()}
            <jc-audience .draft=${draft} @changed=${({ detail }) => this.#set(detail)}></jc-audience>
            ${this.#time()}
          </div>
          <aside class="card verdict" aria-busy=${this.stale ? "true" : "false"} aria-label="Before it is sent">${this.#verdict()}
            ${refusal(this)}
            <footer><button type="button" ?disabled=${this.busy || !draft.name} @click=${() => this.#save("DRAFT")}>Keep as a draft</button>
              <button class="primary" ?disabled=${this.busy || !this.#whole || !draft.name}>${draft.at ? "Schedule" : this.#spoken ? "Call" : "Send"}</button></footer></aside>
        </form>
      </section>`;
  }

  #account() {
    const { draft } = this;
    const chosen = (event) => {
      const app = this.apps.find((each) => each.id === event.target.value);
      const platform = app?.platform ?? event.target.value;
      const other = platform !== draft.platform;
      this.#set({ app: app?.id ?? null, platform, ...(other && { template: null, values: {} }) });
      if (other) this.#templates();
    };
    const fixed = Boolean(this.broadcast);
    const offered = this.apps.filter((each) => !fixed || each.platform === draft.platform);
    return html`<label>Over <select @change=${chosen}>
      ${offered.map((each) => html`<option value=${each.id} ?selected=${each.id === draft.app}>${PLATFORMS[each.platform]} · ${plain(each.name, 60)}</option>`)}
      ${offered.length ? "" : Object.keys(PLATFORMS).map((id) => html`<option value=${id} ?selected=${id === draft.platform} ?disabled=${fixed && id !== draft.platform}>${PLATFORMS[id]}</option>`)}
    </select></label>`;
  }

  #content() {
    const { draft, template } = this;
    const needs = draft.platform === "WHATSAPP";
    const value = (name) => draft.values[name] ?? "";
    const typed = (name) => (event) => this.#set({ values: { ...draft.values, [name]: event.target.value } });
    const chosen = (event) => {
      const found = this.templates.find((each) => each.id === event.target.value);
      this.#set({ template: found?.id ?? null, category: CATEGORIES[found?.category] ? found.category : draft.category });
    };
    return html`
      <fieldset><legend>What it says</legend>
        <label>Template <select @change=${chosen} ?required=${needs}>
          <option value="">${needs ? "Choose one" : "None: the text below"}</option>
          ${(this.templates ?? []).map((each) => html`<option value=${each.id} ?selected=${each.id === draft.template}>${plain(each.name ?? each.element_name, 60)} · ${plain(each.language_code, 8)}</option>`)}</select></label>
        ${needs && this.templates?.length === 0 ? html`<p class="soft small">There is no approved template yet.</p>` : ""}
        ${template ? html`<p class="sample" dir="auto">${plain(template.content ?? "", 1500)}</p>
          ${template.placeholders.filter((place) => !this.known.includes(place)).map((place) => html`<label>${place} <input dir="auto" maxlength="1024" .value=${value(place)} @input=${typed(place)}></label>`)}`
          : needs ? "" : html`<label>Text <textarea dir="auto" rows="4" maxlength="4096" .value=${value("message")} @input=${typed("message")}></textarea></label>
            <p class="soft small"><code>{{first_name}}</code> and other places are filled in for each recipient.</p>`}
        ${this.#kind()}
        ${needs ? "" : html`<label class="line"><input type="checkbox" .checked=${draft.links} @change=${(event) => this.#set({ links: event.target.checked })}> Follow who opens its links</label>`}
      </fieldset>`;
  }

  #kind() {
    return html`<label>Kind <select @change=${(event) => this.#set({ category: event.target.value })}>
      ${Object.entries(CATEGORIES).map(([id, name]) => html`<option value=${id} ?selected=${id === this.draft.category}>${name}</option>`)}</select></label>`;
  }

  #time() {
    const { draft } = this;
    const hours = (change) => this.#set({ hours: { start: "", end: "", ...draft.hours, ...change } });
    const zoned = (event) => {
      this.zone = event.target.value;
      if (draft.at) this.#changed();
    };
    return html`
      <fieldset><legend>When</legend>
        <div class="side"><label>Begins <input type="datetime-local" .value=${draft.at} min=${shownIn(Date.now(), this.zone)} @change=${(event) => this.#set({ at: event.target.value })}></label>
          <label>In the zone <select @change=${zoned}>${this.zones.map((zone) => html`<option ?selected=${zone === this.zone}>${zone}</option>`)}</select></label></div>
        <p class="soft small">Left empty, it begins in a few seconds.</p>
        <div class="side"><label>Not before <input type="time" .value=${draft.hours?.start ?? ""} @change=${(event) => hours({ start: event.target.value })}></label>
          <label>Not after <input type="time" .value=${draft.hours?.end ?? ""} @change=${(event) => hours({ end: event.target.value })}></label></div>
        <p class="soft small">By each recipient's own clock. What the law of their place says holds besides.</p>
      </fieldset>`;
  }

  #verdict() {
    const { told } = this;
    if (!this.#whole) return html`<h2>Before it is sent</h2><p class="soft">Once it is known what it says and to whom, what it comes to stands here.</p>`;
    if (!told) return html`<h2>Before it is sent</h2><p class="soft" role="status">${this.draft.keeps && !this.draft.recipients.length ? `To the ${count(this.draft.keeps)} chosen before.` : "Asking…"}</p>`;
    if (told.error) return html`<h2>Before it is sent</h2><p class="fault" role="alert">${told.error}</p>`;
    const { preview, preflight } = told;
    const { verdicts } = preview;
    const row = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
    return html`<h2>Before it is sent <span class="soft small" role="status">${this.stale ? "asking…" : ""}</span></h2>
      <dl>
        ${row("Audience", html`<b>${count(preview.recipient_count)}</b>`)}
        ${row(this.#spoken ? "The first minutes" : "Costs about", preview.initial_cost === null ? "nothing is charged" : preview.initial_cost)}
        ${row("Begins", exactly(preview.scheduled_time))}
        ${preflight && !preflight.quota.is_unlimited && preflight.quota.remaining_quota !== null ? row("Left of the account's tier", count(preflight.quota.remaining_quota)) : nothing}
        ${verdicts ? html`
          ${row("May go at once", count(verdicts.now))}
          ${verdicts.later ? row("Wait for their hours", count(verdicts.later)) : nothing}
          ${Object.entries(verdicts.never).map(([rule, some]) => row(RULES[rule] ?? rule, count(some)))}` : nothing}
      </dl>
      ${verdicts && verdicts.looked_at < preview.recipient_count ? html`<p class="soft small">Rules were asked for the first ${count(verdicts.looked_at)}.</p>` : ""}
      ${(preflight?.errors ?? []).map((each) => html`<p class="fault">${each.message}</p>`)}
      ${(preflight?.warnings ?? []).map((each) => html`<p class="notice">${each.message}</p>`)}`;
  }
}

customElements.define("jc-broadcast-form", BroadcastForm);
