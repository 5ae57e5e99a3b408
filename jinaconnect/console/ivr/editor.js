// An IVR: its graph drawn, and beside it the node that is chosen, what is wrong, how it reads at carriers, and a trial.
//
// What is changed is kept in this tab until it is saved. It is saved as the version after the one it was made from, so
// that what somebody else has saved meanwhile is not lost unseen.
import { api } from "../api.js";
import { Element, html } from "../element.js";
import { brief } from "../format.js";
import { icons } from "../icons.js";
import { dialog } from "../parts/dialog.js";
import { doing, patch, post, refusal } from "../parts/form.js";
import { fault, waiting } from "../parts/listing.js";
import { session } from "../session.js";
import { plain } from "../text.js";
import "./carriers.js";
import { listed } from "./drawing.js";
import "./node.js";
import { added, freeId, leaving, nodeOf } from "./changes.js";
import "./trial.js";

const PATH = "/voice/api/templates/";
const PARTS = [["node", "Node"], ["check", "Check"], ["try", "Try"], ["carriers", "Carriers"]];
const drafts = new Map(); // template → what is not saved yet: { graph, version }

class Editor extends Element {
  static properties = {
    app: { attribute: false }, template: {}, types: { attribute: false }, ivrs: { attribute: false }, row: { state: true }, graph: { state: true }, chosen: { state: true },
    part: { state: true }, checked: { state: true }, walked: { state: true }, theirs: { state: true }, error: { state: true }, conflict: { state: true },
  };

  constructor() {
    super();
    this.part = "node";
    this.faults = new Map();
    this.leaving = (event) => this.dirty && event.preventDefault();
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("beforeunload", this.leaving);
    this.leave = this.app.listen((events) => {
      for (const { type, data } of events) if (data?.id === this.template && type.startsWith("voice_template.")) this.#meanwhile(type, data);
    }, () => this.#read());
    this.app.keys.bind("IVR", [
      { id: "ivr.save", name: "Save the IVR", keys: "$mod+Enter", anywhere: true, may: () => this.may, when: () => this.dirty, run: () => this.#save() },
      { id: "ivr.check", name: "Check the IVR", keys: "", run: () => this.#look() },
    ]);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("beforeunload", this.leaving);
    this.leave();
    this.app.keys.unbind("IVR");
  }

  willUpdate(changed) {
    if (changed.has("template")) this.#read();
  }

  get may() {
    return session.may("voice.manage");
  }

  get dirty() {
    return drafts.has(this.template);
  }

  async #read() {
    this.error = null;
    try {
      const row = await api.get(`${PATH}${this.template}/`);
      this.row = row;
      const draft = drafts.get(row.id);
      this.graph = draft?.graph ?? row.graph;
      this.theirs = draft && draft.version < row.version ? row : null;
      if (!nodeOf(this.graph, this.chosen)) this.chosen = this.graph.entry_node_id;
    } catch (error) {
      this.error = error;
    }
  }

  /** Somebody has saved it: taken over where nothing of one's own would be lost. */
  #meanwhile(type, data) {
    if (type === "voice_template.deleted") this.error = new Error("This IVR was removed.");
    else if (!this.row || (data.version ?? 0) <= this.row.version) return;
    else if (this.dirty) this.theirs = data;
    else this.#read();
  }

  #change(graph, chosen = this.chosen) {
    this.graph = graph;
    this.chosen = chosen;
    drafts.set(this.template, { graph, version: drafts.get(this.template)?.version ?? this.row.version });
    this.#found({});
    this.checked = null;
  }

  #add(type) {
    const id = freeId(this.graph, type.type);
    const from = nodeOf(this.graph, this.chosen);
    const taken = new Set(from ? leaving(this.graph, from.id).map(({ on }) => on) : []);
    const on = from && this.types.get(from.type)?.outcomes.find((each) => !taken.has(each));
    this.#change(added(this.graph, { id, type: type.type, data: {} }, on ? { source: from.id, on } : null), id);
    this.part = "node";
  }

  /** Take over what is wrong, by node. */
  #found(faults) {
    const nodes = Object.entries(faults).filter(([where]) => where.startsWith("graph.nodes.")).map(([where, told]) => [where.slice("graph.nodes.".length), told]);
    this.faults = new Map(nodes.map(([id, told]) => [id, told.map((each) => this.#worded(id, each))]));
    this.others = Object.entries(faults).filter(([where]) => !where.startsWith("graph.nodes."));
    this.requestUpdate();
  }

  /** Have the gateway say what is wrong; returns whether it can be saved. */
  async #check() {
    const told = await doing(this, () => post(`${PATH}check/`, { graph: this.graph, providers: this.row.providers ?? [] }));
    if (!told) return false;
    this.#found(told.faults);
    this.checked = told;
    return told.ok;
  }

  /** Name a field of a fault as its form does. */
  #worded(id, told) {
    const fields = this.types.get(nodeOf(this.graph, id)?.type)?.data.properties ?? {};
    return told.replace(/^(\w+):/, (written, name) => (fields[name] ? `${fields[name].title}:` : written));
  }

  async #look() {
    await this.#check();
    this.part = "check";
  }

  async #save(version = drafts.get(this.template)?.version) {
    if (!(await this.#check())) {
      if (!this.fault) this.part = "check";
      return;
    }
    const done = await doing(this, async () => {
      try {
        return await patch(`${PATH}${this.template}/`, { graph: this.graph, version });
      } catch (error) {
        if (error.code !== "changed_meanwhile") throw error;
        this.conflict = await api.get(`${PATH}${this.template}/`);
        return undefined;
      }
    });
    if (!done?.id) return;
    drafts.delete(this.template);
    this.conflict = this.theirs = null;
    this.row = done;
    this.#found({});
    this.app.say(`Saved as version ${done.version}.`);
  }

  #drop() {
    const kept = drafts.get(this.template);
    drafts.delete(this.template);
    this.conflict = this.theirs = null;
    this.#found({});
    this.#read();
    this.app.say("What was not saved is dropped.", () => {
      drafts.set(this.template, kept);
      this.#read();
    });
  }

  render() {
    if (this.error) return html`${fault(this.error, () => this.#read())}<p><a href="#/settings/ivr">All IVRs</a></p>`;
    if (!this.row || !this.graph) return waiting;
    const walked = this.walked && new Set([...this.walked.path, ...this.walked.path.slice(1).map((to, at) => `${this.walked.path[at]}\n${to}`)]);
    const choose = (id) => {
      this.chosen = id;
      if (this.part !== "try" && this.part !== "carriers") this.part = "node";
    };
    return html`
      <header class="page-head"><a class="icon-button" href="#/settings/ivr" aria-label="All IVRs">${icons.back}</a>
        <h2><bdi>${plain(this.row.name, 100)}</bdi></h2>
        <span class="soft small">Version ${this.row.version ?? 1}, ${brief(this.row.updated_at)}</span>
        ${this.dirty ? html`<span class="tag wait">not saved</span><button ?disabled=${this.busy} @click=${() => this.#drop()}>Drop changes</button>` : ""}
        <button ?disabled=${this.busy} @click=${() => this.#look()}>${icons.check} Check</button>
        ${this.may ? html`<button class="primary" ?disabled=${this.busy || !this.dirty} @click=${() => this.#save()}>Save</button>` : ""}</header>
      ${this.theirs ? html`<p class="notice" role="status">Somebody saved version ${this.theirs.version} meanwhile; yours was made from version ${drafts.get(this.template)?.version}.</p>` : ""}
      ${refusal(this)}
      <div class="ivr" @chosen-node=${({ detail }) => choose(detail)} @walked=${({ detail }) => (this.walked = detail)}>
        <section class="ivr-graph" aria-label="The graph">
          ${this.may ? html`<p class="ivr-add"><select aria-label="Add a node" @change=${(event) => this.#picked(event)}><option value="">${"+ Add a node"}</option>
            ${[...this.types.values()].map(({ type, title }) => html`<option value=${type}>${title}</option>`)}</select></p>` : ""}
          <jc-ivr-drawing .graph=${this.graph} .types=${this.types} .faults=${this.faults} .chosen=${this.chosen} .here=${this.part === "try" ? this.walked?.here : undefined} .walked=${this.part === "try" ? walked : null}></jc-ivr-drawing>
          <details class="in-words"><summary>In words: ${this.graph.nodes.length} nodes</summary>${listed(this.graph, this.types, this.chosen, this.faults, choose)}</details></section>
        <section class="ivr-side" aria-label="About it">
          <div class="tabs" role="tablist" aria-label="About the IVR" @keydown=${this.#tabbed}>${PARTS.map(([id, name]) => html`<button role="tab" id="ivr-tab-${id}" aria-controls="ivr-part" aria-selected=${id === this.part ? "true" : "false"}
            tabindex=${id === this.part ? "0" : "-1"} @click=${() => (this.part = id)}>${name}${id === "check" && this.faults.size ? html` <span class="tag bad">${this.faults.size}</span>` : ""}</button>`)}</div>
          <div id="ivr-part" role="tabpanel" aria-labelledby="ivr-tab-${this.part}">${this.#part(choose)}</div></section>
      </div>
      ${dialog(this, "conflict", "Somebody was faster", () => this.#conflict())}`;
  }

  #picked(event) {
    const type = this.types.get(event.target.value);
    event.target.value = "";
    if (type) this.#add(type);
  }

  #tabbed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...event.currentTarget.children];
    const next = all.at((all.indexOf(event.target) + step) % all.length);
    next.click();
    next.focus();
  }

  #part(choose) {
    switch (this.part) {
      case "check": return this.#checks(choose);
      case "try": return html`<jc-ivr-trial .app=${this.app} .graph=${this.graph}></jc-ivr-trial>`;
      case "carriers": return html`${this.dirty ? html`<p class="notice">What is not saved is not in it.</p>` : ""}<jc-ivr-carriers .template=${this.template} .version=${this.row.version}></jc-ivr-carriers>`;
      default: return nodeOf(this.graph, this.chosen) ? html`<jc-ivr-node .app=${this.app} .graph=${this.graph} .chosen=${this.chosen} .types=${this.types} .ivrs=${this.ivrs} .may=${this.may}
        .faults=${this.faults.get(this.chosen) ?? []} @changed-graph=${({ detail }) => this.#change(detail.graph, detail.chosen)}></jc-ivr-node>` : html`<p class="soft">Choose a node of the graph.</p>`;
    }
  }

  #checks(choose) {
    const told = this.checked;
    if (!told) return html`<p class="soft">What is wrong with it is told before it is saved.</p><button ?disabled=${this.busy} @click=${() => this.#look()}>Check now</button>`;
    return html`
      <p role="status">${told.ok ? html`<span class="tag good">in order</span> It can be saved.` : html`<span class="tag bad">wrong</span> It cannot be saved like this.`}</p>
      ${[...this.faults].map(([id, faults]) => html`<div class="found"><button class="quiet" @click=${() => choose(id)}><bdi>${plain(id, 64)}</bdi></button>${faults.map((each) => html`<p class="fault">${plain(each, 400)}</p>`)}</div>`)}
      ${this.others.map(([where, faults]) => html`<div class="found"><b>${plain(where.replace(/^graph\./, ""), 60)}</b>${faults.map((each) => html`<p class="fault">${plain(each, 400)}</p>`)}</div>`)}
      ${told.warnings.length ? html`<h3>Odd</h3><ul class="notes">${told.warnings.map((each) => html`<li>${plain(each, 400)}</li>`)}</ul>` : ""}
      ${told.ok ? html`<h3>At carriers</h3><ul class="levels">${Object.entries(told.levels).map(([name, level]) => html`<li><b>${name}</b> <span class="tag ${level === "exact" ? "good" : level === "refused" ? "bad" : "wait"}">${level}</span></li>`)}</ul>` : ""}`;
  }

  #conflict() {
    const { version, updated_by: by, updated_at: at } = this.conflict;
    const who = this.app.inbox.people.get(by);
    return html`<p>${who ? html`<bdi>${plain(who, 80)}</bdi>` : "Somebody"} saved version ${version} at ${brief(at)}, after you began with version ${drafts.get(this.template)?.version}.</p>
      <p class="soft">Yours is kept in this tab until you decide.</p>
      <footer><button type="button" @click=${() => this.#drop()}>Take theirs</button>
        <button type="button" class="danger" ?disabled=${this.busy} @click=${() => this.#save(version)}>Put mine above it</button></footer>`;
  }
}

customElements.define("jc-ivr-editor", Editor);
