"""Calls led by a flow of Exotel's dashboard, whose applets ask us: the flow goes round as its operator built it."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
import yarl

from tests.client import until
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.telephone import OWN
from tests.telephony.providers.lines import CALLS, CUSTOMER, Line, at, playing
from tests.tenants import Tenant

ROUNDS = 20


@dataclass
class Flow:
    """One call in the flow: Passthru, SwitchCase, the applet of its case, and again."""

    http: aiohttp.ClientSession
    base: str  # of the account's addresses, with a place for the kind
    keys: list[str]  # what is pressed at each gather, empty for nothing
    twice: bool = False  # every address is asked twice
    ours: str = ""
    picks_up: bool = True
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    heard: list[str] = field(default_factory=list)
    went: list[str] = field(default_factory=list)

    async def ask(self, kind: str, **told: str) -> tuple[str, str]:
        """Ask an address as Exotel does; returns the body and its type."""
        common = {"CallSid": self.id, "CallFrom": CUSTOMER, "CallTo": OWN, "CurrentTime": "2026-11-26 10:00:00",
                  "Direction": "outbound-dial" if self.ours else "incoming", "flow_id": "7"}  # fmt: skip
        fields = {**common, **({"CustomField": self.ours} if self.ours else {}), **told}
        found = ("", "")
        for _ in range(2 if self.twice else 1):
            url = yarl.URL(f"{self.base.replace('/inbound/', f'/{kind}/')}&{urlencode(fields)}", encoded=True)
            async with self.http.get(url, headers={"Exotel-Version": "1.0"}) as answer:
                assert answer.status == 200, await answer.text()
                found = (await answer.text(), answer.content_type)
        return found

    async def run(self) -> None:
        """Go round until the flow hangs up."""
        told: dict[str, str] = {}
        for _ in range(ROUNDS):
            await self.ask("done", **told)
            told = {}
            case = json.loads((await self.ask("switch"))[0])["select"]
            self.went.append(case)
            match case:
                case "greeting":
                    text, type = await self.ask("greeting")
                    assert type == "text/plain"
                    self.heard.append(text)
                case "gather":
                    asked = json.loads((await self.ask("gather"))[0])
                    assert asked["repeat_menu"] == 0
                    self.heard += list(asked["gather_prompt"].values())
                    pressed = self.keys.pop(0) if self.keys else ""
                    told = {"digits": f'"{pressed}"'} if pressed else {}
                case "connect":
                    self.heard += json.loads((await self.ask("connect"))[0])["destination"]["numbers"]
                    told = {"DialCallDuration": "7", "CallType": "completed"} if self.picks_up else {}
                case "voicemail":
                    told = {"RecordingUrl": "https://recordings.exotel.com/a.mp3"}
                case "hangup":
                    return
        raise AssertionError(self.went)


def menu() -> dict[str, Any]:
    """A greeting, a question that is asked twice at most, and somebody to talk to, or a message."""
    nodes = {
        "hello": ("voice.play", {"tts_text": "Hello."}),
        "ask": ("voice.gather_dtmf", {"prompt_tts": "One?", "max_digits": 2, "finish_on_key": "#",
                                      "timeout_seconds": 5, "retries": 1, "save_as": "choice"}),
        "said": ("voice.play", {"tts_text": "You pressed {{choice}}."}),
        "agent": ("voice.transfer", {"to_uri": "+12025550188"}),
        "nobody": ("voice.play", {"tts_text": "Nobody is there."}),
        "message": ("voice.record", {"max_duration_seconds": 20}),
        "end": ("voice.hangup", {}),
    }  # fmt: skip
    edges = (("hello", "done", "ask"), ("ask", "12", "said"), ("said", "done", "agent"), ("ask", "timeout", "message"),
             ("agent", "failed", "nobody"), ("nobody", "done", "end"), ("message", "done", "end"))  # fmt: skip
    return graph("hello", nodes, *edges)


@pytest.fixture
async def line(tenant: Tenant, http: aiohttp.ClientSession) -> AsyncIterator[Line]:
    """An account at Exotel whose calls a flow leads."""
    async with playing("exotel", http) as carrier:
        made = await at(tenant, carrier)
        patch = {"credentials": {**carrier.account, "app_id": "926"}}
        (await made.owner.patch(f"/voice/api/provider-configs/{made.trunk}/", patch)).ok()
        yield made


async def flow(line: Line, http: aiohttp.ClientSession, *keys: str, **how: Any) -> Flow:
    """Return a call that is about to come into the account's flow."""
    url = str((await line.owner.get(f"/voice/api/provider-configs/{line.trunk}/inbound-url/")).ok()["url"])
    return Flow(http, url, list(keys), **how)


async def routed(line: Line) -> None:
    """Have the account's number answered by the menu."""
    route = {"type": "template", "template": await line.ivr(menu())}
    number = {"number": OWN, "provider_config": line.trunk, "route": route}
    (await line.owner.post("/voice/api/numbers/", number)).ok(201)


async def steps(line: Line, call: str) -> list[str]:
    """Return where a call went."""
    events = await line.events(call)
    return [each["data"]["node"] for each in events if each["type"] == "call.ivr_step"]


@pytest.mark.parametrize("twice", [False, True])
async def test_a_flow_goes_through_an_ivr_however_often_it_asks(
    line: Line, http: aiohttp.ClientSession, twice: bool
) -> None:
    await routed(line)
    there = await flow(line, http, "12", twice=twice)
    await there.run()
    assert there.heard == ["Hello.", "One?", "You pressed 12.", "+12025550188"]
    assert there.went == ["greeting", "gather", "greeting", "connect", "hangup"]
    rows = (await line.owner.get(CALLS, params={"direction": "inbound"})).ok()["results"]
    [call] = rows
    assert (call["provider_call_id"], call["status"]) == (there.id, "IN_PROGRESS")
    await until(lambda: _has(line, call["id"], ["hello", "ask", "said", "agent"]), 20)


async def _has(line: Line, call: str, wanted: list[str]) -> bool:
    return await steps(line, call) == wanted


async def test_what_is_not_answered_goes_on_by_the_graph(line: Line, http: aiohttp.ClientSession) -> None:
    await routed(line)
    silent = await flow(line, http)
    await silent.run()
    assert silent.went == ["greeting", "gather", "gather", "voicemail", "hangup"]
    alone = await flow(line, http, "12", picks_up=False)
    await alone.run()
    assert alone.heard[-2:] == ["+12025550188", "Nobody is there."]


async def test_a_call_that_is_placed_goes_into_the_flow(line: Line, http: aiohttp.ClientSession) -> None:
    call = await line.place(template=await line.ivr(menu()))
    there = await line.carrier.placed()
    assert there.wanted["turn"] == f"http://my.exotel.com/{line.carrier.user}/exoml/start_voice/926"
    led = await flow(line, http, "12", ours=call)
    led.id = there.id
    await line.has(call, provider_call_id=there.id)
    await led.run()
    assert led.went == ["greeting", "gather", "greeting", "connect", "hangup"]
    shown = await line.has(call, status="IN_PROGRESS")
    assert shown["direction"] == "outbound"


async def test_an_address_without_the_accounts_mark_is_refused(line: Line, http: aiohttp.ClientSession) -> None:
    there = await flow(line, http)
    parts = urlsplit(there.base)
    mark = dict(parse_qsl(parts.query))["mark"]
    for forged in (there.base.replace(mark, "0" * len(mark)), f"{parts.scheme}://{parts.netloc}{parts.path}?token=x"):
        for kind in ("done", "switch", "gather", "greeting", "connect"):
            url = yarl.URL(forged.replace("/inbound/", f"/{kind}/") + "&CallSid=a&CallFrom=b&CallTo=c", encoded=True)
            async with http.get(url) as answer:
                assert answer.status == 403
                assert (await answer.json())["code"] == "bad_signature"
    assert (await line.owner.get(CALLS)).ok()["results"] == []
