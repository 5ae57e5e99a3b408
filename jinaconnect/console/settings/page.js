// Settings: people and roles, keys, channels, contacts that are brought in, and what the team writes with.
import { Element, html } from "../element.js";
import { tabs } from "../parts/form.js";
import { fault, waiting } from "../parts/listing.js";
import { session } from "../session.js";
import { sheet } from "../sheet.js";

await sheet(new URL("../pages.css", import.meta.url));

const PARTS = [
  { id: "members", name: "Members", permission: "users.view", load: () => import("./members.js"), draw: (app) => html`<jc-members .app=${app}></jc-members>` },
  { id: "roles", name: "Roles", permission: "users.view", load: () => import("./roles.js"), draw: (app) => html`<jc-roles .app=${app}></jc-roles>` },
  { id: "channels", name: "Channels", permission: "wa_app.view", load: () => import("./channels.js"), draw: (app) => html`<jc-channels .app=${app}></jc-channels>` },
  { id: "ivr", name: "IVRs", permission: "voice.view", load: () => import("../ivr/page.js"), draw: (app, path) => html`<jc-ivrs .app=${app} .path=${path}></jc-ivrs>` },
  { id: "spoken", name: "Spoken texts", permission: "voice.view", load: () => import("./words.js"), draw: (app) => html`<jc-words .app=${app} kind="spoken"></jc-words>` },
  { id: "keys", name: "API keys", permission: "tenant.edit", load: () => import("./api_keys.js"), draw: (app) => html`<jc-api-keys .app=${app}></jc-api-keys>` },
  { id: "contacts", name: "Import", permission: "contact.import", load: () => import("./imports.js"), draw: (app) => html`<jc-imports .app=${app}></jc-imports>` },
  { id: "replies", name: "Canned replies", permission: "inbox.view", load: () => import("./words.js"), draw: (app) => html`<jc-words .app=${app} kind="replies"></jc-words>` },
  { id: "tags", name: "Tags", permission: "tenant.view", load: () => import("./words.js"), draw: (app) => html`<jc-words .app=${app} kind="tags"></jc-words>` },
  { id: "organisation", name: "Organisation", permission: "tenant.edit", load: () => import("./organisation.js"), draw: (app) => html`<jc-organisation .app=${app}></jc-organisation>` },
];

export default class SettingsPage extends Element {
  static properties = { app: { attribute: false }, path: { attribute: false }, loaded: { state: true }, error: { state: true } };

  constructor() {
    super();
    this.parts = PARTS.filter((part) => session.may(part.permission));
  }

  connectedCallback() {
    super.connectedCallback();
    this.app.keys.bind("Settings", this.parts.map((part) => ({ id: `settings.${part.id}`, name: `Settings: ${part.name}`, keys: "", run: () => this.app.go(`settings/${part.id}`) })));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.app.keys.unbind("Settings");
  }

  willUpdate(changed) {
    if (!changed.has("path")) return;
    const chosen = (this.chosen = this.parts.find((part) => part.id === this.path[0]) ?? this.parts[0]);
    chosen.load().then(() => (this.loaded = chosen), (error) => (this.error = error));
  }

  render() {
    return html`<section class="page"><h1>Settings</h1>
      ${tabs("Settings", "settings", this.parts.map(({ id, name }) => [id, name]), this.chosen.id)}
      ${this.error ? fault(this.error, () => location.reload()) : this.loaded === this.chosen ? this.chosen.draw(this.app, this.path.slice(1)) : waiting}</section>`;
  }
}

customElements.define("jc-settings", SettingsPage);
