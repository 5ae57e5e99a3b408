"""Why real calls end: callers who give up, parties who are heard of no more, calls of a moment."""

from __future__ import annotations

import asyncio

import pytest

from jinaconnect.actions.trunks.accounts import open_sip, profile_of
from jinaconnect.telephony.ari import event_types
from jinaconnect.telephony.ari.events import AriEvents
from jinaconnect.telephony.trunks.pjsip import trunk_objects
from tests.telephony.asterisk import until
from tests.telephony.calls.graphs import graph, menu
from tests.telephony.calls.parties import nothing_left
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.telephone import Exchange

ASKS, RINGS = "+12025550191", "+12025550192"
CALLER = "+12025550165"
PATIENT = graph("wait", {"wait": ("voice.gather_dtmf", {"timeout_seconds": 60, "max_digits": 4, "retries": 5}),
                         "end": ("voice.hangup", {})}, ("wait", "default", "end"))  # fmt: skip


@pytest.fixture(scope="module")
async def phone(phone: Exchange) -> Exchange:
    """A gateway with a number that asks for keys."""
    await phone.route(ASKS, {"type": "template", "template": await phone.template(menu())})
    return phone


async def _silence_ends_a_call_after(phone: Exchange, seconds: int) -> None:
    """Give the trunk's endpoint another limit of silence than the two minutes it has."""
    services = phone.gateway.services
    doc = await services.store.of(phone.tenant.id, "live").get("trunks", phone.trunk)
    objects = trunk_objects(phone.trunk, profile_of(doc), open_sip(services, doc), tenant=doc["scope"])
    endpoint = next(each for each in objects if each.kind == "endpoint")
    fields = {**dict(endpoint.fields), "rtp_timeout": str(seconds)}
    async with phone.asterisk.client() as ari:
        await ari.objects.put("endpoint", endpoint.id, tuple(fields.items()))


@pytest.mark.parametrize("way", ["in", "out"])
@pytest.mark.parametrize("q850", [2, 19, 20, 27, 31, 38])
async def test_an_answered_call_is_cleared_whatever_reason_its_carrier_gives(
    phone: Exchange, way: str, q850: int
) -> None:
    async with telephone(ip=phone.more["carrier"]) as customers:
        if way == "in":
            talk = customers.dial(phone.asterisk.ip, ASKS, caller=CALLER)
            await until(lambda: talk.up, "the answer")
            call = (await phone.calls(direction="inbound"))[0]["id"]
        else:
            call = await phone.place("+12025550164", template=await phone.template(PATIENT))
            talk = await customers.talking()
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "the answer")
        talk.hang_up(f'Reason: Q.850;cause={q850};text="as it says"')
        ended = await phone.ended(call)
    assert (ended["status"], ended["hangup_cause"], ended["sip_code"]) == ("COMPLETED", "NORMAL_CLEARING", None)
    (told,) = [each for each in await phone.events(call) if each["type"] == "call.completed"]
    assert told["data"]["carrier_reason"]["q850"] == q850
    await nothing_left(phone)


@pytest.mark.parametrize(
    ("status", "cause"),
    [(607, "UNWANTED"), (608, "REJECTED_BY_ANALYSIS"), (433, "ANONYMITY_DISALLOWED"), (380, "ALTERNATIVE_SERVICE")],
)
async def test_a_refusal_that_only_sip_has_is_called_by_its_name(phone: Exchange, status: int, cause: str) -> None:
    async with telephone("ring", ip=phone.more["carrier"]) as customers, phone.asterisk.client() as ari:
        events = await AriEvents.connect(ari, "listening", subscribe_all=True, disallow=())
        call = await phone.place("+12025550164")
        talk = await customers.talk()
        # Asterisk tells nobody why a call ended that was refused before its originator listened to it: that it rings
        # is told by its channel, which may be sooner, and as the progress of dialling, by the originator.
        async with asyncio.timeout(20):
            async for event in events:
                match event:
                    case event_types.Dial(dialstatus="RINGING"):
                        break
        await phone.until(call, lambda each: each["status"] == "RINGING", "the ringing")
        talk.refuse(status)
        ended = await phone.ended(call)
        await events.close()
    assert (ended["status"], ended["hangup_cause"], ended["sip_code"]) == ("FAILED", cause, status)


@pytest.mark.parametrize("way", ["in", "out"])
async def test_a_party_who_vanishes_ends_the_call_for_want_of_audio(phone: Exchange, way: str) -> None:
    await _silence_ends_a_call_after(phone, 2)
    async with telephone(ip=phone.more["carrier"]) as customers:
        if way == "in":
            talk = customers.dial(phone.asterisk.ip, ASKS, caller=CALLER)
            await until(lambda: talk.up, "the answer")
            call = (await phone.calls(direction="inbound"))[0]["id"]
        else:
            call = await phone.place("+12025550164", template=await phone.template(PATIENT))
            talk = await customers.talking()
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "the answer")
        talk.line.close()
        ended = await phone.ended(call, 30)
    assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "MEDIA_TIMEOUT")
    await nothing_left(phone)
