"""Voice templates: texts to speak, audio to play, and IVR graphs; checked when made, tried without a call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.ivr.compiling import refuse_unsayable
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Conflict, Invalid
from jinaconnect.core.events.event import Event
from jinaconnect.core.ivr import graph as graphs
from jinaconnect.core.ivr import values
from jinaconnect.core.ivr.check import check, load
from jinaconnect.core.ivr.dialects.compiling import levels
from jinaconnect.core.ivr.graph import Graph
from jinaconnect.core.ivr.simulate import simulate
from jinaconnect.core.paging import Listing
from jinaconnect.core.schema import cannot_be_kept
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, TenantStore

TTS, AUDIO, IVR = "tts_script", "audio_url", "ivr_menu"
KINDS = (TTS, AUDIO, IVR)
NEEDED = {TTS: "tts_text", AUDIO: "audio_url", IVR: "graph"}
MOST_REACHABLE = 50  # templates one simulation may go through
KEPT = 500  # graphs kept in memory

DEFAULTS: dict[str, Any] = {
    "description": None, "is_active": True, "tts_text": None, "tts_voice": None, "tts_language": None,
    "audio_url": None, "audio_format": None, "graph": None, "providers": None, "created_by": None, "updated_by": None,
}  # fmt: skip


def render_template(doc: Document) -> dict[str, Any]:
    """Return a template as it is answered; an IVR's says that it is compiled, and what is odd about it."""
    shown = {
        "id": doc["_id"], "name": doc["name"], "template_kind": doc["template_kind"],
        **{name: doc.get(name) for name in DEFAULTS}, "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]), "version": _version(doc),
    }  # fmt: skip
    if doc["template_kind"] == IVR:
        kept = doc.get("compiled")
        shown["compiled"] = kept if kept and "levels" in kept else _compiled(doc)
    return shown


def _version(doc: Mapping[str, Any]) -> int:
    version: int = doc.get("version", 1)  # those last saved before there were numbers have none
    return version


def _compiled(doc: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is kept of an IVR's check, so that a list need not check again; None for other kinds."""
    if doc["template_kind"] != IVR:
        return None
    found = check(doc["graph"])
    return {
        "ok": found.graph is not None, "nodes": len(doc["graph"]["nodes"]), "warnings": found.warnings,
        "levels": {} if found.graph is None else levels(found.graph),
    }  # fmt: skip


_read: OrderedDict[tuple[str, str, int], Graph | None] = OrderedDict()  # by scope, id and revision


async def load_graph(store: TenantStore, id: str) -> Graph | None:
    """Return the graph of a tenant's IVR, None where there is no such template."""
    row = await store.find("voice_templates", id)
    if row is None or row.get("deleted_at") is not None or row["template_kind"] != IVR:
        return None
    key = (row["scope"], id, row["rev"])
    if key not in _read:
        _read[key] = check(row["graph"]).graph
        while len(_read) > KEPT:
            _read.popitem(last=False)
    return _read[key]


async def list_templates(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of templates."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_template(doc) for doc in docs]

    return await list_documents(ctx, "voice_templates", listing, render, {"deleted_at": None})


async def read_template(ctx: Context, id: str) -> dict[str, Any]:
    """Return a template as it is answered; raises NotFound."""
    return render_template(await ctx.data.get("voice_templates", id))


async def create_template(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a template; raises Invalid with every fault of it, an IVR's by node."""
    id = ctx.ids.new("vtp")
    made = {"created_by": ctx.principal.user_id, "created_at": ctx.now(), "updated_at": ctx.now()}
    doc = {"_id": id, **DEFAULTS, **fields, "deleted_at": None, "version": 1, **made}
    _check(doc)
    await _check_targets(ctx, id, doc)
    doc["compiled"] = _compiled(doc)
    event = _told(ctx, "voice_template.created", doc)
    return render_template(ctx.wrote(await ctx.data.insert("voice_templates", doc, [event])))


async def change_template(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a template; calls that live go on at their node, or fail where it is gone. Raises as `create_template`.

    Given the `version` it was made from, it raises Conflict where somebody has saved another one meanwhile.
    """
    fields = dict(fields)
    made_from = fields.pop("version", None)
    if "graph" in fields:
        _check({**await ctx.data.get("voice_templates", id), **fields})
        await _check_targets(ctx, id, fields)
    changes = {**fields, "updated_by": ctx.principal.user_id, "updated_at": ctx.now()}

    def decide(doc: Document) -> Change:
        if made_from not in (None, _version(doc)):
            meanwhile = {
                "version": _version(doc),
                "updated_by": doc.get("updated_by"),
                "updated_at": iso(doc["updated_at"]),
            }
            raise Conflict("Another version was saved meanwhile.", code="changed_meanwhile", extra=meanwhile)
        after = {**doc, **fields}
        _check(after)
        kept = {**changes, "compiled": _compiled(after), "version": _version(doc) + 1}
        return Change(set=kept, events=[_told(ctx, "voice_template.updated", {**doc, **kept})])

    return render_template(ctx.wrote(await ctx.data.change("voice_templates", id, decide)))


async def replace_template(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a template whole; what is not given takes its default. Raises as `create_template`."""
    defaults = {name: value for name, value in DEFAULTS.items() if name not in ("created_by", "updated_by")}
    return await change_template(ctx, id, {**defaults, **fields})


async def delete_template(ctx: Context, id: str) -> None:
    """Remove a template; numbers routed to it refuse their calls."""
    await ctx.data.get("voice_templates", id)
    now = ctx.now()

    def decide(doc: Document) -> Change:
        return Change(set={"deleted_at": now}, events=[_told(ctx, "voice_template.deleted", doc)])

    ctx.wrote(await ctx.data.change("voice_templates", id, decide))


def _told(ctx: Context, type: str, doc: Document) -> Event:
    """Return an event of a template, without the graph: one of these may be larger than readers are sent."""
    shown = {name: value for name, value in render_template(doc).items() if name != "graph"}
    return ctx.event(type, doc["_id"], shown, channel="VOICE")


def _check(doc: Mapping[str, Any]) -> None:
    """Raise Invalid for a template that lacks what its kind needs, or whose graph is faulty, whatever its kind."""
    needed = NEEDED[doc["template_kind"]]
    if not doc.get(needed):
        raise Invalid.field(needed, f"is needed for a template of kind {doc['template_kind']}")
    if doc["graph"] is not None:
        refuse_unsayable(doc, load(doc["graph"]))
        wrong = cannot_be_kept(doc["graph"])
        if wrong is not None:
            raise Invalid.field("graph", wrong)


async def _check_targets(ctx: Context, id: str, doc: Mapping[str, Any]) -> None:
    """Raise Invalid for every node that goes on in a template the tenant does not have."""
    faults: dict[str, list[str]] = {}
    for node, target in _targets(load(doc["graph"])) if doc["graph"] is not None else []:
        if target != id and await load_graph(ctx.data, target) is None:
            faults[f"graph.nodes.{node}"] = ["template: there is no such IVR"]
    if faults:
        raise Invalid(faults)


def _targets(graph: Graph) -> list[tuple[str, str]]:
    return [
        (name, node.data.template) for name, node in graph.nodes.items() if isinstance(node.data, graphs.GotoTemplate)
    ]


def preview(doc: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template says with these values."""
    text = values.render(doc["tts_text"] or "", values.initial(variables))
    return {
        "rendered_text": text or None, "tts_voice": doc["tts_voice"] or None,
        "tts_language": doc["tts_language"] or None, "audio_url": doc["audio_url"] or None,
    }  # fmt: skip


def node_types() -> list[dict[str, Any]]:
    """Return what a graph may be made of: each type of node with its outcomes and the JSON schema of its data."""
    return [
        {
            "type": kind, "title": model.model_config["title"],
            "outcomes": [] if kind in graphs.ENDLESS else list(graphs.outcomes(kind)),
            "keys": graphs.is_outcome(kind, "1"), "data": model.model_json_schema(),
        }
        for kind, model in graphs.NODE_TYPES.items()
    ]  # fmt: skip


async def check_graph(ctx: Context, document: Any, providers: Sequence[str]) -> dict[str, Any]:
    """Return what saving an IVR would be refused for, by node; and where it would not, what is odd about it."""
    found = check(document)
    faults: dict[str, list[str]] = {}
    try:
        refuse_unsayable({"providers": providers}, load(document))
        await _check_targets(ctx, "", {"graph": document})
    except Invalid as error:
        told = error.detail if isinstance(error.detail, Mapping) else {"graph": [error.detail]}
        faults = {where: list(messages) for where, messages in told.items()}
    return {
        "ok": not faults, "faults": faults, "warnings": found.warnings,
        "levels": {} if found.graph is None else levels(found.graph),
    }  # fmt: skip


async def try_graph(ctx: Context, document: Any, inputs: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return path and transcript of an IVR on typed keys and silences; raises Invalid for a faulty graph or input."""
    graph = load(document)
    return simulate(graph, inputs, values.initial(variables), await _reachable(ctx.data, graph))


async def _reachable(store: TenantStore, graph: Graph) -> dict[str, Graph]:
    found: dict[str, Graph] = {}
    waiting = [target for _, target in _targets(graph)]
    while waiting and len(found) < MOST_REACHABLE:
        id = waiting.pop()
        if id in found:
            continue
        loaded = await load_graph(store, id)
        if loaded is not None:
            found[id] = loaded
            waiting += [target for _, target in _targets(loaded)]
    return found
