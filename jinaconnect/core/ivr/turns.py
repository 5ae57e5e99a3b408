"""An IVR led by documents: each answer to the carrier is one turn, its prompts and the one thing it waits for.

What a turn says is kept as orders beside the machine's state, so that whoever asks for it again gets the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from jinaconnect.core.calls import causes
from jinaconnect.core.ivr import exchange, machine
from jinaconnect.core.ivr.exchange import Order, PlayAudio, Report, Say, StopPrompt
from jinaconnect.core.ivr.graph import DONE, GatherDtmf, Graph, Hangup, Node, Play, Record, Transfer
from jinaconnect.core.ivr.machine import State, Step

_ORDERS: Mapping[str, type[Any]] = {
    each.__name__: each
    for each in (
        exchange.Say, exchange.PlayAudio, exchange.Collect, exchange.Listen, exchange.StartRecord,
        exchange.AwaitRecord, exchange.StartTransfer, exchange.Pause, exchange.AskHttp, exchange.LoadTemplate,
        exchange.HangUp,
    )
}  # fmt: skip


def to_json(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Return orders as they are kept."""
    return [{"order": type(each).__name__, **asdict(each)} for each in orders]


def from_json(rows: Sequence[Mapping[str, Any]]) -> tuple[Order, ...]:
    """Return the orders `to_json` wrote."""
    return tuple(_ORDERS[row["order"]](**{key: row[key] for key in row if key != "order"}) for row in rows)


LATEST_S = 30  # that a recording is waited for after it must have ended, asked for once a second
PIECE = 250  # characters of an announcement in one variable, which holds at most 1,024 bytes


def announcement(order: Say | PlayAudio) -> tuple[Graph, dict[str, Any]]:
    """Return the graph and the variables of a call that says one thing and ends."""
    if isinstance(order, Say):
        # In variables, for these words are no template, whatever braces they have.
        pieces = [order.text[start : start + PIECE] for start in range(0, len(order.text), PIECE)]
        variables = {f"said{n}": piece for n, piece in enumerate(pieces)}
        text = "".join(f"{{{{{name}}}}}" for name in variables)
        said = Play.model_construct(tts_voice=order.voice, tts_language=order.language, tts_text=text)
    else:
        variables, said = {}, Play.model_construct(audio_url=order.url)
    nodes = {"say": Node("say", "voice.play", said), "end": Node("end", "voice.hangup", Hangup())}
    return Graph("say", nodes, {("say", DONE): "end"}), variables


TO = "transfer"  # the node of an IVR that does nothing else


def transfer(to: str) -> Graph:
    """Return the graph of a call that is handed to somebody, and ends where they do not answer."""
    return Graph(TO, {TO: Node(TO, "voice.transfer", Transfer.model_construct(to_uri=to))}, {})


def whole(graph: Graph, step: Step) -> Step:
    """Return a step with what belongs to its turn: a question is one with the taking of its keys.

    Orders to stop a prompt are left out: a document has nothing that could be stopped.
    """
    orders = [each for each in step.orders if not isinstance(each, StopPrompt)]
    if step.state.phase == machine.PROMPT and isinstance(graph.nodes[step.state.node].data, GatherDtmf):
        after = machine.step(graph, step.state, exchange.PromptDone(step.state.turn))
        return Step(after.state, (*orders, *after.orders), (*step.trail, *after.trail))
    return Step(step.state, tuple(orders), step.trail)


def heard(graph: Graph, state: State, reports: Sequence[Report]) -> Step:
    """Return what follows when a turn's document has been carried out and `reports` are what was heard meanwhile.

    Once the machine has moved on, what is left of the reports belongs to no turn any more.
    """
    turn, done = state.turn, Step(state)
    for report in (*reports, *_over(state)):
        if done.state.turn != turn or done.state.over:
            break
        match report:
            case exchange.Ongoing():
                break
            case exchange.KeysSoFar() if state.phase == machine.COLLECT:
                after = machine.resume(graph, done.state)
                return Step(after.state, after.orders, done.trail)
            case exchange.RecordRunning(asked) if state.phase == machine.RECORD:
                if asked <= _longest(graph, state) + LATEST_S:
                    return Step(state, (exchange.AwaitRecord(asked + 1),), done.trail)
                report = exchange.RecordDone(known=False)
            case exchange.KeysSoFar() | exchange.RecordRunning():
                break
        report = report if isinstance(report, exchange.Digit | exchange.CallerHungUp) else replace(report, turn=turn)
        after = machine.step(graph, done.state, report)
        done = Step(after.state, (*done.orders, *after.orders), (*done.trail, *after.trail))
    return done


def _longest(graph: Graph, state: State) -> int:
    data = graph.nodes[state.node].data
    return data.max_duration_seconds if isinstance(data, Record) else 0


def _over(state: State) -> tuple[Report, ...]:
    """Return what it means that a document has come to its end and nothing else was heard."""
    match state.phase:
        case machine.PROMPT:
            return (exchange.PromptDone(),)
        case machine.COLLECT | machine.SPEECH | machine.PAUSE:
            return (exchange.Silence(),)
        case machine.RECORD:
            return (exchange.RecordDone(empty=True),)
        case machine.TRANSFER:
            return (exchange.TransferDone(False),)
    return ()  # it waits for ourselves, however often it is asked


def failed(step: Step) -> str | None:
    """Return the cause of an end that is no orderly one."""
    for order in step.orders:
        if isinstance(order, exchange.HangUp) and order.cause != causes.NORMAL_CLEARING:
            return order.cause
    return None
