"""A whole graph in a dialect: the document of each node, and how exactly it says what the node means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinaconnect.core.calls import causes
from jinaconnect.core.ivr import exchange, machine, turns
from jinaconnect.core.ivr import graph as graphs
from jinaconnect.core.ivr.dialects import applets
from jinaconnect.core.ivr.dialects.applets import Applet
from jinaconnect.core.ivr.dialects.shape import EMULATED, EXACT, REFUSED, Document, Remark, Urls
from jinaconnect.core.ivr.dialects.table import DIALECTS
from jinaconnect.core.ivr.exchange import Order
from jinaconnect.core.ivr.graph import Graph, Node

About = Callable[[Order], list[Remark]]

_WORST = (EXACT, EMULATED, REFUSED)
_KEYS_OF_NO_TELEPHONE = frozenset("ABCD")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A graph as one provider is told it: documents by node, and remarks by node; none where it is said exactly."""

    provider: str
    documents: Mapping[str, Document]
    remarks: Mapping[str, Sequence[Remark]]

    @property
    def level(self) -> str:
        """Return the worst level of any node."""
        return worst(self.remarks)


@dataclass(frozen=True, slots=True)
class AsApplets:
    """A graph as a flow's applets are told it: what they are answered by node, in order, and remarks by node."""

    answers: Mapping[str, Sequence[Applet]]
    remarks: Mapping[str, Sequence[Remark]]


def worst(remarks: Mapping[str, Sequence[Remark]]) -> str:
    """Return the worst level of remarks by node."""
    return max((each.level for found in remarks.values() for each in found), key=_WORST.index, default=EXACT)


def compiled(graph: Graph, provider: str, urls: Urls) -> Compiled:
    """Return a graph in a provider's dialect, with its placeholders as they are written; raises KeyError."""
    dialect = DIALECTS[provider]
    documents, remarks = {}, {}
    for name, node in graph.nodes.items():
        orders = _orders(graph, node)
        remarks[name] = _remarks(dialect.remarks, graph, node, orders)
        if orders:
            documents[name] = dialect.render(orders, urls)
    return Compiled(provider, documents, remarks)


def as_applets(graph: Graph) -> AsApplets:
    """Return a graph as the applets of a flow at Exotel are told it."""
    answers, remarks = {}, {}
    for name, node in graph.nodes.items():
        orders = _orders(graph, node)
        remarks[name] = _remarks(applets.remarks, graph, node, orders)
        if orders:
            answers[name] = applets.render(orders)
    return AsApplets(answers, remarks)


def refusals(graph: Graph, providers: Sequence[str]) -> dict[str, list[str]]:
    """Return by node what providers cannot say."""
    faults: dict[str, list[str]] = {}
    for provider in providers:
        for name, node in graph.nodes.items():
            for remark in _remarks(DIALECTS[provider].remarks, graph, node, _orders(graph, node)):
                if remark.level == REFUSED:
                    faults.setdefault(name, []).append(f"{provider}: {remark.text}")
    return faults


def levels(graph: Graph) -> dict[str, str]:
    """Return for each provider the worst level of any node."""
    told = {name: [each for node in graph.nodes.values()
                   for each in _remarks(dialect.remarks, graph, node, _orders(graph, node))]
            for name, dialect in DIALECTS.items()}  # fmt: skip
    return {name: max((each.level for each in found), key=_WORST.index, default=EXACT) for name, found in told.items()}


def _remarks(about: About, graph: Graph, node: Node, orders: Sequence[Order]) -> list[Remark]:
    found = [remark for order in (*orders, *_later(node)) for remark in about(order)]
    keys = {key for source, on in graph.edges if source == node.id for key in on if key in _KEYS_OF_NO_TELEPHONE}
    if node.kind == "voice.gather_dtmf" and keys:
        found.append(Remark(REFUSED, f"no carrier hands on the key {min(keys)}"))
    return list(dict.fromkeys(found))


def _later(node: Node) -> Iterator[Order]:
    """Return orders of a node that its first turn has not."""
    data = node.data
    if isinstance(data, graphs.GatherDtmf) and data.invalid_prompt_tts and not data.invalid_prompt_audio_url:
        yield exchange.Say(data.invalid_prompt_tts, data.tts_voice, data.tts_language, data.barge_in)


class _Placeholders(dict[str, Any]):
    """Variables of which each is its own placeholder."""

    def get(self, key: str, default: Any = None) -> str:
        return f"{{{{{key}}}}}"


def _orders(graph: Graph, node: Node) -> tuple[Order, ...]:
    """Return a node's turn; nothing for one that the gateway goes through without the carrier."""
    data = node.data
    match data:
        case graphs.SetVariable() | graphs.Conditional() | graphs.GotoTemplate():
            return ()
        case graphs.Hangup():
            return (exchange.HangUp(causes.NORMAL_CLEARING),)
        case graphs.Transfer():
            return (exchange.StartTransfer(data.to_uri),)
        case graphs.HttpCall():
            return (exchange.AskHttp(data.method, data.url, data.body, data.timeout_s),)
    begun = machine.resume(graph, machine.State(node.id, phase=machine.PROMPT, variables=_Placeholders()))
    orders = turns.whole(graph, begun).orders
    return tuple(
        replace(each, url=each.url.replace("%7B%7B", "{{").replace("%7D%7D", "}}"))
        if isinstance(each, exchange.PlayAudio)
        else each
        for each in orders
    )
