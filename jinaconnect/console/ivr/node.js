// One node: its name and type, what its type needs, and where each of its outcomes leads.
import { Element, html } from "../element.js";
import { icons } from "../icons.js";
import { plain } from "../text.js";
import { changed, leaving, led, nodeOf, renamed, without } from "./changes.js";
import { fields } from "./fields.js";

const ID = "[A-Za-z0-9_:\\-]{1,64}";

class NodeForm extends Element {
  static properties = {
    app: { attribute: false }, graph: { attribute: false }, chosen: {}, types: { attribute: false }, ivrs: { attribute: false }, may: { attribute: false }, faults: { attribute: false },
  };

  #become(graph, chosen = this.chosen) {
    this.tell("changed-graph", { graph, chosen });
  }

  #rename(field) {
    const name = field.value.trim();
    if (name === this.chosen) return;
    field.setCustomValidity(nodeOf(this.graph, name) ? "Another node is called that." : "");
    if (field.reportValidity()) this.#become(renamed(this.graph, this.chosen, name), name);
  }

  #remove() {
    const before = this.graph;
    const removed = this.chosen;
    const after = without(before, removed);
    this.#become(after, after.entry_node_id);
    const back = () => this.isConnected && this.#become(before, removed);
    this.app.say(`${plain(removed, 40)} is removed.`, back);
  }

  render() {
    const node = nodeOf(this.graph, this.chosen);
    const type = this.types.get(node.type);
    const { may } = this;
    return html`<form class="fields" @submit=${(event) => event.preventDefault()}>
      ${this.faults.length ? html`<div role="alert">${this.faults.map((each) => html`<p class="fault">${plain(each, 400)}</p>`)}</div>` : ""}
      <label>Name of the node <input name="id" required pattern=${ID} maxlength="64" spellcheck="false" ?readonly=${!may} .value=${node.id} @change=${(event) => this.#rename(event.target)}></label>
      <label>What it does <select name="type" ?disabled=${!may} @change=${(event) => this.#become(changed(this.graph, node.id, { type: event.target.value }))}>
        ${type ? "" : html`<option selected>${plain(node.type, 60)}</option>`}
        ${[...this.types.values()].map((each) => html`<option value=${each.type} ?selected=${each === type}>${each.title}</option>`)}</select></label>
      ${type ? fields(node, type, { ivrs: this.ivrs, may, changed: (data) => this.#become(changed(this.graph, node.id, { data })) }) : ""}
      ${type ? this.#onward(node, type) : ""}
      ${may ? html`<p class="entry-buttons from-start">
        ${this.graph.entry_node_id === node.id ? html`<span class="tag good">The call begins here</span>` : html`<button type="button" @click=${() => this.#become({ ...this.graph, entry_node_id: node.id })}>Begin here</button>`}
        <button type="button" class="danger" @click=${() => this.#remove()}>${icons.bin} Remove the node</button></p>` : ""}</form>`;
  }

  #onward(node, type) {
    const edges = new Map(leaving(this.graph, node.id).map(({ on, target }) => [on, target]));
    const keys = [...edges.keys()].filter((on) => !type.outcomes.includes(on));
    if (!type.outcomes.length && !keys.length) return html`<p class="soft small">The call does not come back from here.</p>`;
    return html`<fieldset><legend>Goes on</legend>
      ${[...keys, ...type.outcomes].map((on) => this.#target(node, on, edges.get(on)))}
      ${type.keys && this.may ? html`<div class="key-line"><label>Keys <input name="new-key" maxlength="32" pattern="[0-9A-D*#]+" placeholder="1" autocomplete="off" spellcheck="false"></label>
        <button type="button" @click=${(event) => this.#key(event.target.closest(".key-line").querySelector("input"), node)}>${icons.add} Add keys</button></div>` : ""}</fieldset>`;
  }

  #target(node, on, target) {
    const others = this.graph.nodes.map(({ id }) => id);
    if (target && !others.includes(target)) others.unshift(target);
    return html`<label class="target">${plain(on, 32)} <select name="on-${on}" aria-label="${on} leads to" ?disabled=${!this.may} @change=${(event) => this.#become(led(this.graph, node.id, on, event.target.value))}>
      <option value="" ?selected=${!target}>hangs up</option>${others.map((id) => html`<option value=${id} ?selected=${id === target}>${plain(id, 64)}</option>`)}</select></label>`;
  }

  #key(field, node) {
    const on = field.value.trim();
    const taken = leaving(this.graph, node.id).some((edge) => edge.on === on);
    field.setCustomValidity(!on ? "Which keys?" : taken ? "These lead on already." : "");
    if (!field.reportValidity()) return field.setCustomValidity("");
    field.value = "";
    const target = this.graph.nodes.find(({ id }) => id !== node.id)?.id ?? node.id;
    this.#become(led(this.graph, node.id, on, target));
  }
}

customElements.define("jc-ivr-node", NodeForm);
