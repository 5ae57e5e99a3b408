"""A law: an IVR goes the same way in a simulation as on a real Asterisk, whatever the graph and whatever is pressed.

Keys are pressed when the call's own state shows that it takes them, so what is compared is decided by the order of
things alone: a slow machine makes the calls longer, never different.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

from jinaconnect.core.ivr import machine
from tests.telephony.asterisk import until
from tests.telephony.calls.graphs import CALLS, acts_of, graph_that_ends
from tests.telephony.calls.parties import nothing_left
from tests.telephony.calls.phone import Phone, Talk, telephone
from tests.telephony.calls.telephone import ENDED, Exchange

AT_ONCE = 8
FOREVER_S = 3_600
FINGER_S = 0.2  # between two presses: what comes faster is one press told twice
GIVEN = {"from_number", "to_number", "call_id"}


async def _state(phone: Exchange, call: str) -> Mapping[str, Any]:
    doc = await phone.gateway.services.store.of(phone.tenant.id, "live").get("calls", call)
    held = doc["ivr"]
    over = {"phase": machine.OVER}
    return over if doc["status"] in ENDED else {**held["state"], "over": False} if held else {"phase": "begin"}


async def _reaches(phone: Exchange, call: str, fits: Any) -> Mapping[str, Any]:
    """Wait until the IVR's state fits, or is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 60
    while True:
        state = await _state(phone, call)
        if state["phase"] == machine.OVER or fits(state):
            return state
        assert loop.time() < end, (state, await phone.story(call))
        await asyncio.sleep(0.05)


async def _act(phone: Exchange, call: str, talk: Talk, graph: Mapping[str, Any], act: Mapping[str, Any]) -> None:
    interruptible = {node["id"] for node in graph["nodes"] if node["data"].get("barge_in")}

    def takes_keys(state: Mapping[str, Any]) -> bool:
        return state["phase"] == machine.COLLECT or (
            "keys" in act and state["phase"] == machine.PROMPT and state["node"] in interruptible
        )

    before = await _reaches(phone, call, takes_keys)
    if before["phase"] == machine.OVER:
        return
    if "keys" in act:
        pause = talk.line.said_s + FINGER_S
        await until(lambda: talk.line.said_s >= pause or talk.over, "a finger's pause")
        talk.press_by_info(act["keys"])
    await _reaches(phone, call, lambda state: state != before)


async def _call(phone: Exchange, callers: Phone, number: str, graph: dict[str, Any], acts: list[dict[str, Any]]) -> Any:
    """Make the call and act; returns where it went and with what."""
    talk = callers.dial(phone.asterisk.ip, number, caller="+1303" + number[-7:])
    await until(lambda: talk.up, f"{number} being answered", 30)
    call = next(each["id"] for each in await phone.calls(direction="inbound") if each["to_number"] == number)
    for act in acts:
        await _act(phone, call, talk, graph, act)
    ended = await phone.ended(call, 90)
    path = [event["data"]["node"] for event in await phone.events(call) if event["type"] == "call.ivr_step"]
    doc = await phone.gateway.services.store.of(phone.tenant.id, "live").get("calls", call)
    variables = {name: value for name, value in doc["ivr"]["state"]["variables"].items() if name not in GIVEN}
    outcome = "hangup" if (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING") else "failed"
    return {"path": path, "variables": variables, "outcome": outcome}


async def _simulated(phone: Exchange, graph: dict[str, Any], acts: list[dict[str, Any]]) -> Any:
    body = {"graph": graph, "inputs": [*acts, {"silence_s": FOREVER_S}]}
    told = (await phone.owner.post("/voice/api/templates/simulate/", body)).ok()
    return {name: told[name] for name in ("path", "variables", "outcome")}


async def test_a_simulation_goes_where_a_call_goes(phone: Exchange) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    lengths = []

    async with telephone(ip=phone.more["carrier"]) as callers:

        async def one(seed: int) -> None:
            chance = Random(seed)
            graph, acts = graph_that_ends(chance), acts_of(chance)
            expected = await _simulated(phone, graph, acts)
            number = f"+1202555{1_000 + seed}"
            await phone.route(number, {"type": "template", "template": await phone.template(graph, f"IVR {seed}")})
            async with slots:
                told = await _call(phone, callers, number, graph, acts)
            assert told == expected, (seed, graph, acts)
            lengths.append(len(told["path"]))

        await asyncio.gather(*map(one, range(CALLS)))
    assert sum(length > 3 for length in lengths) > CALLS / 4, "most graphs are gone through a good way"
    await nothing_left(phone)
