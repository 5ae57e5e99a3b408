// A graph as it is drawn: a box for each node, a line for each outcome that leads on. Arrow keys go from box to box.
import { Element, classMap, html, nothing, svg } from "../element.js";
import { plain } from "../text.js";
import { Graph, layout } from "../vendored/dagre-3.1.3.js";
import { leaving } from "./changes.js";

const WIDTH = 176, HEIGHT = 54, EDGE = 22, LETTER = 6.6;
const ZOOMS = [0.4, 0.55, 0.75, 1, 1.3, 1.7];
const LEGIBLE = 1, USUAL = 3; // places among them
const TOOLS = 42; // the height of what stands above it
const LOOP = 46; // how far a line that comes back to its own box goes out
const WAYS = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };
const SIDE = new Set(["timeout", "invalid", "failed", "error", "false", "empty", "hangup"]); // drawn as what is not hoped for

class Drawing extends Element {
  static properties = {
    graph: { attribute: false }, types: { attribute: false }, chosen: {}, here: {}, walked: { attribute: false }, faults: { attribute: false }, zoom: { state: true },
  };

  constructor() {
    super();
    this.zoom = USUAL;
  }

  willUpdate(changed) {
    if (changed.has("graph")) this.#place();
  }

  #place() {
    const drawn = new Graph({ multigraph: true });
    drawn.setGraph({ rankdir: "TB", nodesep: 34, ranksep: 34, marginx: 16, marginy: 16 });
    drawn.setDefaultEdgeLabel(() => ({}));
    for (const { id } of this.graph.nodes) drawn.setNode(id, { width: WIDTH, height: HEIGHT });
    const edges = this.graph.nodes.flatMap(({ id }) => leaving(this.graph, id)).filter((edge) => drawn.hasNode(edge.target));
    for (const { source, target, on } of edges) {
      if (source !== target) drawn.setEdge(source, target, { width: said(on).length * LETTER + 10, height: EDGE, labelpos: "c" }, on);
    }
    layout(drawn);
    this.boxes = new Map(this.graph.nodes.map(({ id }) => [id, drawn.node(id)]));
    this.lines = edges.map(({ source, target, on }) => ({ source, target, on, ...(source === target ? loop(this.boxes.get(source)) : drawn.edge(source, target, on)) }));
    const { width, height } = drawn.graph();
    this.size = [Math.max(width || 0, WIDTH) + (this.lines.some((line) => line.source === line.target) ? LOOP + 40 : 0), Math.max(height || 0, HEIGHT)];
  }

  firstUpdated() {
    this.#zoomed(0);
    this.zoom = Math.max(LEGIBLE, Math.min(USUAL, this.zoom));
  }

  updated(changed) {
    const at = changed.has("here") && this.here ? this.here : changed.has("chosen") ? this.chosen : null;
    if (at) this.#show(at);
  }

  /** Scroll a box into view, where it is out of it. */
  #show(id) {
    const [box, view] = [this.boxes.get(id), this.querySelector(".graph")];
    if (!box || !view) return;
    const scale = ZOOMS[this.zoom];
    const [x, y] = [box.x * scale, box.y * scale];
    if (x < view.scrollLeft + 60 || x > view.scrollLeft + view.clientWidth - 60) view.scrollLeft = x - view.clientWidth / 2;
    if (y < view.scrollTop + 40 || y > view.scrollTop + view.clientHeight - 40) view.scrollTop = y - view.clientHeight / 2;
  }

  /** Make it larger or smaller; without a step, as large as fits. */
  #zoomed(step) {
    const view = this.querySelector(".graph");
    const fits = Math.min(view.clientWidth / this.size[0], (view.clientHeight - TOOLS) / this.size[1]);
    this.zoom = step ? Math.max(0, Math.min(ZOOMS.length - 1, this.zoom + step)) : Math.max(0, ZOOMS.findLastIndex((scale) => scale <= fits));
  }

  #keyed(event) {
    const step = { "+": 1, "-": -1, "0": 0 }[event.key];
    const way = WAYS[event.key];
    if (event.ctrlKey || event.metaKey || (step === undefined && !way && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    event.stopPropagation();
    const id = event.target.closest("[data-node]")?.dataset.node;
    if (step !== undefined) return this.#zoomed(step);
    if (!way) return id && this.tell("chosen-node", id);
    const next = id && this.#beside(id, way);
    if (next) this.querySelector(`[data-node="${CSS.escape(next)}"]`).focus();
  }

  /** Return the nearest box on a side of another. */
  #beside(id, [right, down]) {
    const from = this.boxes.get(id);
    let best = null, least = Infinity;
    for (const [other, { x, y }] of this.boxes) {
      const [ahead, aside] = right ? [(x - from.x) * right, Math.abs(y - from.y)] : [(y - from.y) * down, Math.abs(x - from.x)];
      const far = ahead + aside * 2;
      if (other !== id && ahead > 1 && far < least) [best, least] = [other, far];
    }
    return best;
  }

  /** Move what is seen with the pointer that holds the ground. */
  #held(event) {
    if (event.pointerType !== "mouse" || event.button || event.target.closest("[data-node]")) return;
    const view = event.currentTarget;
    const move = ({ movementX, movementY }) => view.scrollBy(-movementX, -movementY);
    view.setPointerCapture(event.pointerId);
    view.addEventListener("pointermove", move);
    view.addEventListener("lostpointercapture", () => view.removeEventListener("pointermove", move), { once: true });
  }

  render() {
    const [width, height] = this.size;
    const scale = ZOOMS[this.zoom];
    this.stop = [this.chosen, this.graph.entry_node_id, this.graph.nodes[0]?.id].find((id) => this.boxes.has(id)); // of the Tab key
    return html`
      <div class="graph-tools">
        <button class="icon-button" aria-label="Smaller" ?disabled=${!this.zoom} @click=${() => this.#zoomed(-1)}>−</button>
        <button class="icon-button" aria-label="Larger" ?disabled=${this.zoom === ZOOMS.length - 1} @click=${() => this.#zoomed(1)}>+</button>
        <button class="quiet" @click=${() => this.#zoomed(0)}>Whole</button></div>
      <div class="graph" role="group" aria-label="Graph" @keydown=${this.#keyed} @pointerdown=${this.#held} tabindex=${this.graph.nodes.length ? nothing : "0"}>
        <svg width=${width * scale} height=${height * scale} viewBox="0 0 ${width} ${height}" role="group" aria-label="Nodes of the graph">
          <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"></path></marker></defs>
          ${this.lines.map((line) => this.#line(line))}
          ${this.graph.nodes.map((node) => this.#box(node))}
        </svg></div>`;
  }

  #line({ source, target, on, points, x, y }) {
    const gone = this.walked?.has(`${source}\n${target}`);
    const word = said(on);
    return svg`<g class=${classMap({ line: true, side: SIDE.has(on), gone: Boolean(gone), near: source === this.chosen })} aria-hidden="true">
      <path d=${curve(points)} marker-end="url(#arrow)"></path>
      <rect x=${x - (word.length * LETTER) / 2 - 4} y=${y - 9} width=${word.length * LETTER + 8} height="18" rx="5"></rect>
      <text x=${x} y=${y + 4}>${word}</text></g>`;
  }

  #box(node) {
    const { x, y } = this.boxes.get(node.id);
    const type = this.types.get(node.type);
    const faults = this.faults.get(node.id) ?? [];
    const kind = !type ? "unknown" : !type.outcomes.length ? "end" : node.type.startsWith("voice.") ? "voice" : "inner";
    const entry = this.graph.entry_node_id === node.id;
    const [name, words] = [plain(node.id, 20), plain(about(node, type) || type?.title || node.type, 22)];
    const seen = `${name} ${words}${entry ? " begin" : ""}${faults.length ? " !" : ""}`; // what is read aloud begins with what is seen
    const onward = leaving(this.graph, node.id).map(({ on, target }) => `${on} to ${target}`).join(", ") || "nowhere";
    return svg`<g class=${classMap({ node: true, [kind]: true, chosen: node.id === this.chosen, here: node.id === this.here, gone: Boolean(this.walked?.has(node.id)), wrong: faults.length > 0 })}
      transform="translate(${x - WIDTH / 2} ${y - HEIGHT / 2})" data-node=${node.id} role="button" tabindex=${node.id === this.stop ? "0" : "-1"}
      aria-pressed=${node.id === this.chosen ? "true" : "false"} aria-label="${seen}: ${type?.title ?? node.type}. ${faults.length ? `Wrong: ${faults.join(" ")}. ` : ""}Leads on: ${onward}"
      @click=${() => this.tell("chosen-node", node.id)}>
      <rect width=${WIDTH} height=${HEIGHT} rx="10"></rect>
      <path class="stripe" d="M10 0.5H4A3.5 3.5 0 0 0 0.5 4V${HEIGHT - 4}A3.5 3.5 0 0 0 4 ${HEIGHT - 0.5}H7V0.5z"></path>
      <text class="id" x="16" y="22">${name}</text>
      <text class="type" x="16" y="40">${words}</text>
      ${entry ? svg`<text class="sign" x=${WIDTH - 8} y="16" text-anchor="end">begin</text>` : ""}
      ${faults.length ? svg`<circle cx=${WIDTH - 4} cy="4" r="9"></circle><text class="count" x=${WIDTH - 4} y="8">!</text>` : ""}</g>`;
  }
}

const said = (on) => plain(on, 14);

/** Return what a node says or does in a word or two: the first text of its data, in the order of its schema. */
function about(node, type) {
  for (const [name, field] of Object.entries(type?.data.properties ?? {})) {
    const words = (field.anyOf ?? [field]).some((each) => each.format === "words");
    if (words && typeof node.data?.[name] === "string") return `“${node.data[name]}”`;
  }
  return "";
}

function loop({ x, y }) {
  const right = x + WIDTH / 2;
  return { points: [{ x: right, y: y - 14 }, { x: right + LOOP, y: y - 14 }, { x: right + LOOP, y: y + 14 }, { x: right, y: y + 14 }], x: right + LOOP, y };
}

/** Return the path of a line through its points, without corners. */
function curve(points) {
  const [from, ...rest] = points;
  const bends = rest.slice(0, -1).map((point, at) => {
    const next = rest[at + 1];
    const end = at === rest.length - 2 ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${point.x} ${point.y} ${end.x} ${end.y}`;
  });
  return `M${from.x} ${from.y}${bends.join("") || `L${rest[0].x} ${rest[0].y}`}`;
}

/** The same graph in words: each node with where it leads, for those who do not see it drawn. */
export function listed(graph, types, chosen, faults, choose) {
  return html`<ol class="node-list">${graph.nodes.map((node) => html`<li class=${faults.has(node.id) ? "wrong" : ""}>
    <button class="quiet" aria-current=${node.id === chosen ? "true" : nothing} @click=${() => choose(node.id)}><bdi>${plain(node.id, 64)}</bdi></button>
    <span class="soft">${types.get(node.type)?.title ?? plain(node.type, 40)}${graph.entry_node_id === node.id ? ", begins" : ""}</span>
    <span class="small">${leaving(graph, node.id).map(({ on, target }) => html`<span class="tag">${plain(on, 14)} → ${plain(target, 24)}</span> `)}</span>
    ${(faults.get(node.id) ?? []).map((told) => html`<span class="fault small">${plain(told)}</span>`)}</li>`)}</ol>`;
}

customElements.define("jc-ivr-drawing", Drawing);
