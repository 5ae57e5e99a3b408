// What an editor does to a graph: each change returns another graph and leaves the one it was given alone.

const BEGIN = { entry_node_id: "hello", nodes: [{ id: "hello", type: "voice.play", data: { tts_text: "Hello." } }, { id: "end", type: "voice.hangup", data: {} }], edges: [{ source: "hello", target: "end", on: "done" }] };

/** Return the graph a new IVR begins with. */
export const first = () => structuredClone(BEGIN);

export const nodeOf = (graph, id) => graph.nodes.find((node) => node.id === id);

/** Return the edges that leave a node; what is left out of an edge is "done". */
export const leaving = (graph, id) => (graph.edges ?? []).filter((edge) => edge.source === id).map((edge) => ({ ...edge, on: edge.on ?? "done" }));

/** Return an id that no node has, after what its type is called. */
export function freeId(graph, type) {
  const word = type.split(".").at(-1).split("_")[0];
  for (let number = 1; ; number += 1) if (!nodeOf(graph, `${word}${number}`)) return `${word}${number}`;
}

/** Add a node, reached by an outcome of another where one is named. */
export function added(graph, node, from = null) {
  const edges = from ? [...(graph.edges ?? []), { ...from, target: node.id }] : (graph.edges ?? []);
  return { ...graph, nodes: [...graph.nodes, node], edges, entry_node_id: graph.nodes.length ? graph.entry_node_id : node.id };
}

/** Take a node away, with the edges from and to it. */
export function without(graph, id) {
  const nodes = graph.nodes.filter((node) => node.id !== id);
  const edges = (graph.edges ?? []).filter((edge) => edge.source !== id && edge.target !== id);
  return { ...graph, nodes, edges, entry_node_id: graph.entry_node_id === id ? (nodes[0]?.id ?? "") : graph.entry_node_id };
}

/** Give a node another id, everywhere. */
export function renamed(graph, id, name) {
  const other = (each) => (each === id ? name : each);
  return {
    ...graph, entry_node_id: other(graph.entry_node_id), nodes: graph.nodes.map((node) => (node.id === id ? { ...node, id: name } : node)),
    edges: (graph.edges ?? []).map((edge) => ({ ...edge, source: other(edge.source), target: other(edge.target) })),
  };
}

/** Change a node. */
export const changed = (graph, id, fields) => ({ ...graph, nodes: graph.nodes.map((node) => (node.id === id ? { ...node, ...fields } : node)) });

/** Let an outcome of a node lead to a target, nowhere where there is none. */
export function led(graph, source, on, target) {
  const edges = graph.edges ?? [];
  const at = edges.findIndex((edge) => edge.source === source && (edge.on ?? "done") === on);
  if (!target) return { ...graph, edges: edges.filter((_, place) => place !== at) };
  return { ...graph, edges: at < 0 ? [...edges, { source, target, on }] : edges.with(at, { source, target, on }) };
}
