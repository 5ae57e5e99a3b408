"""A law: an IVR goes the same way in the simulator and over every carrier, whatever the graph and whatever is done.

The carriers are interpreters written from their own pages. Times are drawn so that the caller's silences are longer
than one time-out and shorter than two: what a carrier rounds or joins makes calls longer, never different.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from jinaconnect.core.ivr.check import load
from jinaconnect.core.ivr.dialects.table import DIALECTS
from jinaconnect.core.ivr.graph import Graph
from jinaconnect.core.ivr.simulate import simulate
from tests.core.ivr.dialects.gateway import Gateway
from tests.core.ivr.dialects.random_graphs import random_graph, random_script
from tests.telephony.calls.graphs import CALLS, acts_of, graph_that_ends

OTHER = load(
    {
        "entry_node_id": "other",
        "nodes": [
            {"id": "other", "type": "voice.play", "data": {"tts_text": "In the other one"}},
            {"id": "again", "type": "voice.gather_dtmf", "data": {"max_digits": 1, "timeout_seconds": 6,
                                                                   "inter_digit_s": 6, "prompt_tts": "Once more?"}},
        ],
        "edges": [
            {"source": "other", "target": "again", "on": "done"}, {"source": "again", "target": "other", "on": "1"},
        ],
    }
)  # fmt: skip
FEW, MANY = 60, 1_000


async def _same(seed: int) -> int:
    """Walk one graph everywhere; returns how long its path is."""
    chance = Random(seed)
    document = random_graph(chance)
    inputs = random_script(chance, document)
    graph, templates = load(document), {"tpl_a": OTHER}
    expected = simulate(graph, inputs, {"x": "1"}, templates)
    said = [item["text"] for item in expected["transcript"] if item["kind"] in ("say", "play")]
    speaks = any(node["type"] == "voice.gather_speech" for node in document["nodes"])
    for provider in DIALECTS:
        if provider == "exotel" and speaks:
            continue  # refused when such a graph is compiled
        walked = await _walk(provider, graph, inputs, templates)
        told = {"path": walked.path, "variables": walked.variables, "outcome": walked.outcome}
        assert told == {name: expected[name] for name in told}, (provider, seed, document, inputs)
        assert walked.heard == said, (provider, seed, document, inputs)
    return len(expected["path"])


async def _walk(provider: str, graph: Graph, inputs: list[Any], templates: dict[str, Graph]) -> Any:
    return await Gateway(provider, graph, inputs, {"x": "1"}, templates).walk(provider)


async def test_any_script_on_any_graph_goes_the_same_way_everywhere() -> None:
    lengths = [await _same(seed) for seed in range(FEW)]
    assert sum(length > 3 for length in lengths) > FEW / 3, "most graphs are gone through a good way"


async def test_the_graphs_of_calls_on_asterisk_go_the_same_way_over_carriers() -> None:
    """`tests/telephony/calls/test_ivr_law.py` makes these very calls on a real Asterisk."""
    for seed in range(CALLS):
        chance = Random(seed)
        document = graph_that_ends(chance)
        inputs = [*acts_of(chance), {"silence_s": 3_600}]
        graph = load(document)
        expected = simulate(graph, inputs, {"x": "1"})
        for provider in DIALECTS:
            walked = await _walk(provider, graph, inputs, {})
            assert walked.path == expected["path"], (provider, seed)
            assert (walked.variables, walked.outcome) == (expected["variables"], expected["outcome"]), (provider, seed)


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
async def test_a_thousand_graphs(part: int) -> None:
    size = MANY // 10
    for seed in range(10_000 + part * size, 10_000 + (part + 1) * size):
        await _same(seed)
