"""A telephone line for the demo organisation: a trunk to a carrier beside the gateway, a number, an IVR behind it.

Ids are derived, so making it again changes nothing but the carrier's addresses, where those are new.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import OperationContext, Services, system_operation
from jinaconnect.actions.demo.tenants import derived_id
from jinaconnect.actions.ivr.templates import DEFAULTS as TEMPLATE_DEFAULTS
from jinaconnect.actions.ivr.templates import IVR
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.trunks.accounts import change_trunk, create_trunk, open_sip
from jinaconnect.core.principal import scope_of
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, TenantStore
from jinaconnect.telephony.table import SIP

OWN_NUMBER = "+12025550100"
ECHO_NUMBER = "+12025550600"
QUALIFY_S = 10


def _menu() -> dict[str, Any]:
    nodes: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("menu", "voice.gather_dtmf", {
            "prompt_tts": "Welcome to the demo organisation. Press 1 to hear your number. Press 2 to talk to an echo. "
                          "Press 3 to leave a message.",
            "invalid_prompt_tts": "That key does nothing here.", "max_digits": 1, "timeout_seconds": 8, "retries": 2,
            "save_as": "choice"}),
        ("number", "voice.play", {"tts_text": "You are calling from {{from_number}}."}),
        ("echo", "voice.transfer", {"to_uri": ECHO_NUMBER}),
        ("nobody", "voice.play", {"tts_text": "The echo does not answer."}),
        ("ask", "voice.play", {"tts_text": "Speak after the tone."}),
        ("message", "voice.record", {"max_duration_seconds": 30, "finish_on_silence": 3, "play_beep": True}),
        ("bye", "voice.play", {"tts_text": "Thank you. Goodbye."}),
        ("end", "voice.hangup", {}),
    )  # fmt: skip
    edges = (
        ("menu", "1", "number"), ("menu", "2", "echo"), ("menu", "3", "ask"), ("menu", "timeout", "bye"),
        ("menu", "invalid", "bye"), ("number", "done", "bye"), ("echo", "failed", "nobody"), ("nobody", "done", "bye"),
        ("ask", "done", "message"), ("message", "done", "bye"), ("bye", "done", "end"),
    )  # fmt: skip
    return {
        "entry_node_id": "menu",
        "nodes": [{"id": id, "type": kind, "data": data} for id, kind, data in nodes],
        "edges": [{"source": source, "on": on, "target": target} for source, on, target in edges],
    }


async def ensure_demo_line(
    services: Services, ports: Ports, tenant: str, carrier: str, callers: Sequence[str]
) -> dict[str, str]:  # fmt: skip
    """Make the line in a tenant's live mode and return its trunk, template and number.

    `carrier` is `host` or `host:port`, `callers` further addresses calls come from. The carrier knows us by address.
    Raises Invalid for addresses that may not be called.
    """
    ctx = system_operation(services, ports, scope_of(tenant, "live"), "telephony")
    trunk = derived_id(services, "trk", f"line {tenant}")
    template = derived_id(services, "vtp", f"line {tenant}")
    credentials = {
        "sip_username": "", "sip_password": "", "sip_realm": carrier.partition(":")[0], "sip_proxy": carrier,
        "registration_required": False, "inbound_hosts": list(callers), "qualify_s": QUALIFY_S,
    }  # fmt: skip
    await _ensure_trunk(ctx, trunk, credentials)
    await _add(ctx.data, "voice_templates", {
        "_id": template, **TEMPLATE_DEFAULTS, "name": "Demo menu", "template_kind": IVR, "graph": _menu(),
        "deleted_at": None,
    })  # fmt: skip
    await _add(ctx.data, "numbers", {
        "_id": derived_id(services, "num", f"line {tenant}"), "number": OWN_NUMBER, "provider_config": trunk,
        "name": "Demo line", "route": {"type": "template", "template": template},
    })  # fmt: skip
    return {"trunk": trunk, "template": template, "number": OWN_NUMBER}


async def _ensure_trunk(ctx: OperationContext, id: str, credentials: Mapping[str, Any]) -> None:
    doc = await ctx.data.find("trunks", id)
    if doc is None:
        fields = {"name": "Loopback carrier", "provider": SIP, "from_numbers": [OWN_NUMBER]}
        with contextlib.suppress(Duplicate):  # another seeding was first
            await create_trunk(ctx, fields, credentials, id=id)
        return
    await _back(ctx.data, "trunks", doc)
    names: list[str | None] = [*ctx.ports.switches.asterisks] or [None]
    if not _same(ctx.services, doc, credentials) or doc["asterisk"] not in names:
        await change_trunk(ctx, id, {"enabled": True, "asterisk": names[0]}, credentials)


async def line_stands(services: Services, ports: Ports, tenant: str, trunk: str) -> bool:
    """Tell whether the line's Asterisk is linked and its carrier answers."""
    store = services.store.of(tenant, "live")
    doc, state = await store.get("trunks", trunk), await store.find("trunk_states", trunk)
    # The report is what health answers tell; it follows the link by a moment.
    report = await services.switch_status.get(doc["asterisk"] or "")
    linked = report is not None and report["status"] == "up" and await ports.switches.standing(doc["asterisk"])
    return linked and state is not None and state["status"] == "up"


def _same(services: Services, doc: Document, credentials: Mapping[str, Any]) -> bool:
    if not doc["credentials"]:
        return False
    held = open_sip(services, doc)
    return (held.sip_proxy, list(held.inbound_hosts)) == (credentials["sip_proxy"], credentials["inbound_hosts"])


async def _add(store: TenantStore, collection: str, doc: dict[str, Any]) -> None:
    held = await store.find(collection, doc["_id"])
    if held is not None:
        await _back(store, collection, held)
        return
    with contextlib.suppress(Duplicate):  # another seeding was first, or its owner made one like it
        await store.insert(collection, doc)


async def _back(store: TenantStore, collection: str, doc: Document) -> None:
    """Bring back what was deleted since."""
    if doc.get("deleted_at") is not None:
        await store.change(collection, doc["_id"], lambda _: Change(set={"deleted_at": None}), known=doc)
