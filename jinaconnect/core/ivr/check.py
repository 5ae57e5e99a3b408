"""Everything that is wrong with a graph, told at once and by node."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from jinaconnect.core.errors import Invalid
from jinaconnect.core.ivr import pattern, values
from jinaconnect.core.ivr.graph import (
    DONE,
    ENDLESS,
    MAX_BODY_BYTES,
    MAX_BODY_DEPTH,
    MAX_GRAPH_BYTES,
    MAX_NODES,
    NODE_TYPES,
    Graph,
    Node,
    is_outcome,
    outcomes,
)
from jinaconnect.core.schema import field_errors

_ID = re.compile(r"[A-Za-z0-9_:-]{1,64}")


@dataclass(slots=True)
class Checked:
    """The findings: `faults` as the error answer shows them, `warnings` as sentences, `graph` without faults."""

    graph: Graph | None = None
    faults: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def fault(self, where: str, message: str) -> None:
        """Note a fault of `nodes.<id>`, `edges`, `nodes` or `entry_node_id`, each message once."""
        messages = self.faults.setdefault(where, [])
        if message not in messages:
            messages.append(message)


def load(document: Any) -> Graph:
    """Return the graph of a request's `graph`; raises Invalid with all faults at once.

    `{"graph.nodes.<id>": […], "graph.edges": […]}`: the paths are those within the request.
    """
    checked = check(document)
    if checked.graph is None:
        raise Invalid({_path(where): told for where, told in checked.faults.items()})
    return checked.graph


def check(document: Any) -> Checked:
    """Return all findings about a graph document.

    `{"entry_node_id", "nodes": [{"id","type","data"}], "edges": [{"source","target","on"}]}`.
    An unreachable node, an edge that can never be followed and the like are warnings, not faults.
    """
    found = Checked()
    if not isinstance(document, Mapping):
        found.fault("graph", "must be an object with entry_node_id, nodes and edges")
        return found
    if _size(document) > MAX_GRAPH_BYTES:
        found.fault("graph", f"must have at most {MAX_GRAPH_BYTES} bytes, not nested too deep")
        return found
    kinds, nodes = _nodes(document.get("nodes"), found)
    edges = _edges(document.get("edges"), kinds, found)
    entry = document.get("entry_node_id")
    if not isinstance(entry, str) or entry not in kinds:
        found.fault("entry_node_id", "must name one of the nodes")
    elif not found.faults:
        found.graph = Graph(entry, nodes, edges)
        _warn(found.graph, found)
    return found


def _path(where: str) -> str:
    return where if where == "graph" else f"graph.{where}"


def _nodes(listed: Any, found: Checked) -> tuple[dict[str, str], dict[str, Node]]:
    """Return the type of every node with an id, and the nodes that are in order."""
    kinds: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    if not isinstance(listed, list) or not listed:
        found.fault("nodes", "must be a list of at least one node")
        return kinds, nodes
    if len(listed) > MAX_NODES:
        found.fault("nodes", f"a graph has at most {MAX_NODES} nodes, this one {len(listed)}")
    for place, item in enumerate(listed, 1):
        name = item.get("id") if isinstance(item, Mapping) else None
        if not isinstance(item, Mapping) or not isinstance(name, str) or not name:
            found.fault("nodes", f"node {place} has no id")
            continue
        where = f"nodes.{name[:64]}"
        if not _ID.fullmatch(name):
            found.fault(where, "an id has at most 64 letters, digits, _, : and -")
        if name in kinds:
            found.fault(where, "this id is used more than once")
        kind = item.get("type")
        if not isinstance(kind, str) or kind not in NODE_TYPES:
            kinds.setdefault(name, "")
            found.fault(where, f"unknown type {str(kind)[:64]!r}; known are {', '.join(NODE_TYPES)}")
            continue
        kinds.setdefault(name, kind)
        node = _node(name, kind, item.get("data", {}), where, found)
        if node is not None:
            nodes.setdefault(name, node)
    return kinds, nodes


def _node(name: str, kind: str, data: Any, where: str, found: Checked) -> Node | None:
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        found.fault(where, "data must be an object")
        return None
    for message in _across_fields(kind, data):
        found.fault(where, message)
    try:
        return Node(name, kind, NODE_TYPES[kind].model_validate(data))
    except ValidationError as error:
        for key, messages in field_errors(error, data).items():
            for message in messages:
                found.fault(where, f"{key}: {message}")
        return None


def _across_fields(kind: str, data: Mapping[str, Any]) -> list[str]:
    """Return faults that lie between fields, whether or not each field is in order."""
    match kind:
        case "voice.play" if not data.get("audio_url") and not data.get("tts_text"):
            return ["audio_url or tts_text must be given"]
        case "voice.gather_dtmf":
            least, most = data.get("min_digits", 1), data.get("max_digits")
            if isinstance(least, int) and isinstance(most, int) and 1 <= most < least:
                return ["min_digits: must not be more than max_digits"]
        case "conditional":
            return _comparison(data.get("op"), data.get("value"))
        case "http_call":
            return _body(data.get("body"))
    return []


def _comparison(op: Any, value: Any) -> list[str]:
    if op == "in":
        return [] if isinstance(value, list | str) else ["value: must be a list, or text with commas, for in"]
    if isinstance(value, list):
        return [f"value: must not be a list for {op}"]
    if op in ("lt", "gt") and values.number_of(value) is None:
        variable = isinstance(value, str) and values.PLACEHOLDER.search(value)
        return [] if variable else [f"value: must be a number for {op}"]
    if op == "matches":
        if not isinstance(value, str):
            return ["value: must be a regular expression for matches"]
        wrong = pattern.fault(value)
        return [] if wrong is None else [f"value: {wrong}"]
    return []


def _body(body: Any) -> list[str]:
    if _size(body) > MAX_BODY_BYTES:
        return [f"body: must have at most {MAX_BODY_BYTES} bytes"]
    faults: list[str] = []
    ahead: list[tuple[int, Any]] = [(0, body)]
    while ahead:
        depth, item = ahead.pop()
        if depth > MAX_BODY_DEPTH:
            return [f"body: must be nested at most {MAX_BODY_DEPTH} deep"]
        if isinstance(item, str):
            faults += [f"body: bad placeholder: {bad}" for bad in values.bad_placeholders(item)]
        within = item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
        ahead += [(depth + 1, each) for each in within]
    return faults


def _size(value: Any) -> int:
    """Return the bytes of a JSON value; one nested too deep to be written is beyond every limit."""
    try:
        return len(json.dumps(value, default=str))
    except RecursionError:
        return MAX_GRAPH_BYTES + 1


def _edges(listed: Any, kinds: Mapping[str, str], found: Checked) -> dict[tuple[str, str], str]:
    edges: dict[tuple[str, str], str] = {}
    if listed is None:
        return edges
    if not isinstance(listed, list):
        found.fault("edges", "must be a list")
        return edges
    for place, item in enumerate(listed, 1):
        if not isinstance(item, Mapping):
            found.fault("edges", f"edge {place} must be an object with source, target and on")
            continue
        source, target, on = item.get("source"), item.get("target"), item.get("on")
        label = f"edge {place} ({str(source)[:64]} → {str(target)[:64]})"
        for end, name in (("source", source), ("target", target)):
            if not isinstance(name, str) or name not in kinds:
                found.fault("edges", f"{label}: unknown {end}")
        kind = kinds.get(source, "") if isinstance(source, str) else ""
        if on is None and (not kind or DONE in outcomes(kind)):
            on = DONE
        if kind and (not isinstance(on, str) or not is_outcome(kind, on)):
            given = "must be given" if on is None else f"{str(on)[:40]!r} is not possible"
            also = " or the keys pressed" if kind == "voice.gather_dtmf" else ""
            found.fault("edges", f"{label}: on {given} for {kind}: {', '.join(outcomes(kind))}{also}")
        elif isinstance(source, str) and isinstance(target, str) and isinstance(on, str):
            if (source, on) in edges:
                found.fault("edges", f"{label}: a second edge for {on!r}")
            edges.setdefault((source, on), target)
    return edges


def _warn(graph: Graph, found: Checked) -> None:
    reached, ahead = {graph.entry}, [graph.entry]
    leaving: dict[str, list[str]] = {}
    for (source, _), target in graph.edges.items():
        leaving.setdefault(source, []).append(target)
    while ahead:
        for target in leaving.get(ahead.pop(), []):
            if target not in reached:
                reached.add(target)
                ahead.append(target)
    for name, node in graph.nodes.items():
        if name not in reached:
            found.warnings.append(f"node {name} is never reached")
        if node.kind in ENDLESS and name in leaving:
            found.warnings.append(f"no edge of node {name} is ever followed: {node.kind} does not come back")
    for source, on in graph.edges:
        data = graph.nodes[source].data
        most = getattr(data, "max_digits", None)
        if most is not None and on not in outcomes("voice.gather_dtmf"):
            if len(on) > most:
                found.warnings.append(f"node {source} never collects {on!r}: max_digits is {most}")
            elif getattr(data, "finish_on_key", "") and getattr(data, "finish_on_key", "") in on:
                found.warnings.append(f"node {source} never collects {on!r}: it holds finish_on_key")
