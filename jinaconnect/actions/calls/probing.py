"""Trying a trunk out: asks its carrier now and, where wanted, places a short call over it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from jinaconnect.actions.calls.placing import PlaceCall, place_call
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.trunks.accounts import has_sip_account, open_sip, profile_of
from jinaconnect.actions.trunks.health import standing
from jinaconnect.actions.trunks.hosts import check_sip_hosts
from jinaconnect.actions.trunks.state import REJECTED, UNREACHABLE
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import machine
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Conflict, InvalidState, NotSupported, Unavailable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.ending import ended
from jinaconnect.telephony.table import row
from jinaconnect.telephony.trunks.pjsip import registration_uris, trunk_objects

RING_S = 10
CALL_S = 16.0  # the whole answer is promised within 20 s
LOOK_S = 0.1
SAID = "This is a test call."

logger = structlog.get_logger(__name__)


async def try_trunk(ctx: OperationContext, id: str, call_to: str | None) -> dict[str, Any]:
    """Answer how the carrier of a trunk takes an OPTIONS, its registration and, with `call_to`, a call.

    An HTTP carrier is asked whether it knows the account. A disabled trunk can be asked, not called over. Raises
    NotFound, NotSupported for a trunk without an Asterisk,
    InvalidState without credentials, Invalid for a host that must not be called, Unavailable while its Asterisk is
    away, and what placing a call raises.
    """
    trunk = await ctx.data.get("trunks", id)
    hosted = row(trunk["provider"]).spec.hosted
    if trunk["asterisk"] is None and not hosted:
        raise NotSupported("There is no Asterisk that could ask the trunk's carrier.")
    if call_to is None:
        return await _asked(ctx, trunk)
    ctx.principal.require("voice.call")
    call = await _place(ctx, trunk, call_to)
    watching = asyncio.create_task(_followed(ctx, call))
    try:
        answer = await _asked(ctx, trunk)
        return {**answer, "call": await watching}
    finally:
        await ended((watching,))


async def _asked(ctx: OperationContext, trunk: Document) -> dict[str, Any]:
    if row(trunk["provider"]).spec.hosted:
        return {"options": await ctx.ports.voice_hooks.check(trunk), "registration": None}
    if not has_sip_account(trunk):
        ok = standing(await ctx.services.switch_status.get(trunk["asterisk"]), ctx.now())
        return {"options": {"ok": ok, "rtt_ms": 0.0 if ok else None, "sip_code": 200 if ok else None},
                "registration": None}  # fmt: skip
    if not trunk["credentials"]:
        raise InvalidState("The trunk has no credentials yet.")
    given, profile = open_sip(ctx.services, trunk), profile_of(trunk)
    await check_sip_hosts(ctx.services, given)
    objects = trunk_objects(trunk["_id"], profile, given)
    registers = any(each.kind == "registration" for each in objects)
    uris = registration_uris(trunk["_id"], given, profile) if registers else None
    found = await ctx.ports.switches.probe(trunk["asterisk"], objects, uris)
    state = found.registration
    if state == REJECTED and given.qualify_s and not found.ok:
        state = UNREACHABLE
    return {
        # Asterisk takes any final answer for a sign of life and does not say which it was.
        "options": {"ok": found.ok, "rtt_ms": found.rtt_ms, "sip_code": None},
        "registration": None if state is None else {"state": state, "since": await _since(ctx, trunk, state)},
    }


async def _since(ctx: Context, trunk: Document, state: str) -> str | None:
    """Return since when the registration is so, as far as it was watched."""
    row = await ctx.data.find("trunk_states", trunk["_id"])
    kept: Mapping[str, Any] | None = None if row is None else row["registration"]
    return iso(kept["since"]) if kept is not None and kept["state"] == state else None


async def _place(ctx: OperationContext, trunk: Document, number: str) -> str | dict[str, Any]:
    """Return the id of a call being placed, or its outcome where the trunk cannot even begin one."""
    wanted = PlaceCall(
        to_number=number, provider_config_id=trunk["_id"], tts_text=SAID, timeout_s=RING_S, max_duration_s=RING_S,
        record=False, metadata={"trunk_test": True},
    )  # fmt: skip
    try:
        return str((await place_call(ctx, wanted))["id"])
    except Unavailable as error:
        return {"ok": False, "sip_code": None, "cause": error.code, "pdd_ms": None}


async def _followed(ctx: OperationContext, call: str | dict[str, Any]) -> dict[str, Any]:
    """Return how a call went, ended at its answer or when the time is over."""
    if not isinstance(call, str):
        return call
    loop = asyncio.get_running_loop()
    ends = loop.time() + CALL_S
    asked = False
    while True:
        doc = await ctx.data.get("calls", call)
        late = loop.time() > ends
        if calls.ended(doc) or (late and asked):
            return _outcome(doc)
        if (doc["started_at"] is not None or late) and not asked:
            asked = True
            ends = max(ends, loop.time() + LOOK_S * 10)
            try:
                await ctx.ports.calls.carrying(doc).order(
                    doc, "hangup", {"reason": "test"}, ctx.principal.actor(), ctx.ids.new("ord")
                )
            except (Conflict, Unavailable) as error:
                logger.info("trunk_test.not_hung_up", call=call, error=str(error))
        await asyncio.sleep(LOOK_S)


def _outcome(doc: Document) -> dict[str, Any]:
    answered = doc["started_at"] is not None
    return {
        "ok": answered, "sip_code": 200 if answered else doc["sip_code"], "cause": doc["hangup_cause"],
        "pdd_ms": machine.Call.of(doc).pdd_ms,
    }  # fmt: skip
