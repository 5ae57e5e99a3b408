"""An IVR in the dialects of the carriers: what a template may not ask of them, and how it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ivr.check import load
from jinaconnect.core.ivr.dialects import applets
from jinaconnect.core.ivr.dialects.compiling import as_applets, compiled, refusals, worst
from jinaconnect.core.ivr.dialects.shape import EXACT, Remark
from jinaconnect.core.ivr.dialects.table import DIALECTS
from jinaconnect.core.ivr.graph import Graph
from jinaconnect.store.databases.mongo import Document

EVERY = "all"
PROVIDERS = (EVERY, *DIALECTS)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Addresses as they are shown: of no call, with no mark."""

    turn: str
    status: str
    recording: str
    transcript: str = ""


def refuse_unsayable(doc: Mapping[str, Any], graph: Graph) -> None:
    """Raise Invalid, by node, for what the providers a template names cannot say."""
    faults = refusals(graph, doc.get("providers") or ())
    if faults:
        raise Invalid({f"graph.nodes.{node}": messages for node, messages in faults.items()})


def unsayable(graph: Graph, provider: str) -> str | None:
    """Return a sentence on what a provider cannot say of an IVR, None where it can say all of it."""
    faults = refusals(graph, (provider,)) if provider in DIALECTS else {}
    return next((f"Node {node}: {messages[0]}." for node, messages in faults.items()), None)


def compile_template(ctx: Context, row: Document, provider: str) -> dict[str, Any]:
    """Return the documents of an IVR's nodes at a provider, or at all, and what is to be noted of each node."""
    if provider not in PROVIDERS:
        raise Invalid.field("provider", f"must be one of {', '.join(PROVIDERS)}")
    if row["graph"] is None:
        raise Invalid.field("template_kind", "only an IVR can be compiled")
    graph = load(row["graph"])
    settings = ctx.services.settings
    documents, levels = [], {}
    notes: list[dict[str, str]] = []
    for name in DIALECTS if provider == EVERY else (provider,):
        base = f"{settings.public_url or settings.own_url}/voice/webhooks/{name}"
        told = compiled(graph, name, _Shown(*(f"{base}/{kind}/" for kind in ("turn", "status", "recording"))))
        levels[name] = told.level
        for node, document in told.documents.items():
            body = document.body.decode()
            documents.append({"provider": name, "node": node, "content_type": document.content_type, "body": body})
        notes += _notes(name, told.remarks)
    flow = _flow(graph, settings.public_url or settings.own_url) if applets.AT in levels else None
    return {"levels": levels, "documents": documents, "notes": notes, "applets": flow}


def _flow(graph: Graph, root: str) -> dict[str, Any]:
    """Return what a flow at Exotel is built of, and what its applets are answered when this IVR leads a call."""
    told = as_applets(graph)
    answers = [
        {"node": node, "applet": each.name, "content_type": each.content_type if each.body else None,
         "body": each.body.decode()}
        for node, found in told.answers.items() for each in found
    ]  # fmt: skip
    given = {each["applet"] for each in answers} | {applets.HANGUP}
    parts = [
        {"applet": part.label, "case": part.case or None, "leads_to": part.leads_to, "text": part.text,
         "address": f"{root}/voice/webhooks/{applets.AT}/{{provider_config}}/{part.asks}/?token={{token}}"
         if part.asks else None,
         "used": not part.case or part.case in given}
        for part in applets.FLOW
    ]  # fmt: skip
    notes = _notes(applets.AT, told.remarks)
    return {"level": worst(told.remarks), "parts": parts, "answers": answers, "notes": notes}


def _notes(provider: str, remarks: Mapping[str, Sequence[Remark]]) -> list[dict[str, str]]:
    notes = []
    for node, found in remarks.items():
        said = [{"provider": provider, "node": node, "level": each.level, "text": each.text} for each in found]
        notes += said or [{"provider": provider, "node": node, "level": EXACT, "text": ""}]
    return notes
