"""How a tenant's trunks and the deployment's Asterisks are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.ports import Standing
from jinaconnect.actions.trunks.accounts import ensure_sandbox_trunk
from jinaconnect.actions.trunks.state import REACHABLE, UNKNOWN, options_view
from jinaconnect.core.calls import document, health, machine
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore
from jinaconnect.telephony.table import PROVIDERS, SIMULATED, capabilities, switch_kind
from jinaconnect.telephony.trunks.profile import profile

HEARTBEAT = timedelta(seconds=15)
LOST = "lost"

_TRUNK_DOWN = Standing(False, "trunk_down", "The trunk's carrier does not answer.", 10)

_OF_ATTEMPT = (
    "provider_config", "direction", "ended_at", "dialing_at", "ringing_at", "started_at",
    "hangup_cause", "sip_code",
)  # fmt: skip


async def carrier_standing(services: Services, trunk: Document) -> Standing:
    """Tell whether the carrier of a trunk answers, whose switch is connected."""
    state = await services.store.within(trunk["scope"]).find("trunk_states", trunk["_id"])
    return _TRUNK_DOWN if state is not None and state["status"] == health.DOWN else Standing()


async def attempts(store: TenantStore, trunks: Sequence[str], since: datetime) -> dict[str, list[health.Attempt]]:
    """Return the call attempts over trunks that ended after `since`, by trunk."""
    rows = await store.select(
        "calls", {"provider_config": {"$in": list(trunks)}, "ended_at": {"$gt": since}},
        sort=(("ended_at", -1),), fields=dict.fromkeys(_OF_ATTEMPT, 1),
    )  # fmt: skip
    return _attempts(rows)


def _talked_s(row: Document) -> float:
    started, ended = row["started_at"], row["ended_at"]
    return 0.0 if started is None else (ended - started) / timedelta(seconds=1)


def _attempts(rows: Sequence[Document]) -> dict[str, list[health.Attempt]]:
    found: dict[str, list[health.Attempt]] = defaultdict(list)
    for row in rows:
        if row["direction"] != document.OUTBOUND or row["dialing_at"] is None:
            continue
        attempt = health.Attempt(
            ended_at=row["ended_at"], answered=row["started_at"] is not None, cause=row["hangup_cause"],
            sip_code=row["sip_code"], talk_s=_talked_s(row), pdd_ms=machine.Call.of(row).pdd_ms,
        )  # fmt: skip
        found[row["provider_config"]].append(attempt)
    return found


def fresh(row: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a switch's owner has reported lately."""
    return bool(now - row["seen_at"] <= HEARTBEAT)


async def switch_rows(ctx: OperationContext) -> dict[str, Document | None]:
    """Return every configured Asterisk's report, and the simulated carrier's, by name; None for one nobody has."""
    rows = {row["_id"]: row for row in await ctx.services.switch_status.all()}
    return {name: rows.get(name) for name in (*ctx.ports.switches.asterisks, SIMULATED)}


def standing(row: Mapping[str, Any] | None, now: datetime) -> bool:
    """Tell whether calls can be placed on a switch."""
    return row is not None and fresh(row, now) and row.get("status") == health.UP


async def ari_health(ctx: OperationContext, trunk: str | None = None) -> dict[str, Any]:
    """Answer how trunks and Asterisks are; `trunk` narrows to one, the Asterisks are for the deployment's operators."""
    now = ctx.now()
    if ctx.principal.mode == "test":
        await ensure_sandbox_trunk(ctx.services, ctx.principal.tenant)
    switches = await switch_rows(ctx)
    query: dict[str, Any] = {"deleted_at": None, **({"_id": trunk} if trunk else {})}
    trunks = await ctx.data.select("trunks", query, sort=(("priority", -1), ("_id", -1)))
    shown = await _trunks(ctx, trunks, switches, now)
    names = {each["asterisk"] for each in trunks if each["asterisk"]} or set(ctx.ports.switches.asterisks)
    if ctx.principal.mode == "test":
        names = {SIMULATED}
    links = [standing(switches.get(name), now) for name in names]
    answer: dict[str, Any] = {
        "status": health.overall_status(links, [each["status"] for each in shown]), "checked_at": iso(now),
        "trunks": shown, "links": [_link(name, switches.get(name), now) for name in sorted(names) if _asks(name)],
    }  # fmt: skip
    if ctx.principal.may("voice.platform"):
        answer["asterisks"] = [_asterisk(name, row, now) for name, row in switches.items() if switch_kind(name).sip]
    return answer


def _asks(name: str) -> bool:
    return switch_kind(name).sip


def _link(name: str, row: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """Return how the link to an Asterisk is and its last reconciliation, without the counts of everybody's calls."""
    link: Mapping[str, Any] = (row or {}).get("link") or {}
    last = (row or {}).get("last_reconciliation")
    receipt = None if last is None else {
        "at": iso(last["at"]), **{field: last[field] for field in ("reason", "gap_ms", "restart")},
    }  # fmt: skip
    return {
        "asterisk": name, "state": health.UP if standing(row, now) else health.DOWN,
        "since": iso_or_none(link.get("since")), "last_reconciliation": receipt,
    }  # fmt: skip


async def trunk_figures(ctx: Context, id: str, window: str) -> dict[str, Any]:
    """Answer how a trunk has done over a window, in equal slots, and the round trips kept of it."""
    trunk, now, span = await ctx.data.get("trunks", id), ctx.now(), health.WINDOWS[window]
    made = await attempts(ctx.data, [id], now - span)
    state = await ctx.data.find("trunk_states", id)
    slots = health.slots(made.get(id, ()), now, span)
    return {
        "trunk": trunk["_id"], "window": window,
        "slots": [{"at": iso(at), **_of_slot(found)} for at, found in slots],
        "rtt": [{"at": iso(at), "ms": rtt} for at, rtt in (state["options"] if state else ())],
    }  # fmt: skip


def _of_slot(found: health.Figures) -> dict[str, Any]:
    return {"attempts": found.attempts, "asr": found.asr, "ner": found.ner, "acd_s": found.acd_s}


def _asterisk(name: str, row: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    told: Mapping[str, Any] = row or {}
    alive = row is not None and fresh(row, now)
    link: Mapping[str, Any] = told.get("link") or {}
    times: Mapping[str, Any] = told.get("request_ms") or {}
    last = told.get("last_reconciliation")
    return {
        "name": name, "status": told.get("status", health.DOWN) if alive else health.DOWN,
        "version": told.get("version", ""), "started_at": iso_or_none(told.get("started_at")),
        "link": {
            "state": link.get("state", LOST) if alive else LOST, "since": iso_or_none(link.get("since")),
            "reconnects_24h": link.get("reconnects_24h", 0), "last_event_at": iso_or_none(link.get("last_event_at")),
        },
        "request_ms": {"p50": times.get("p50"), "p99": times.get("p99")}, "channels": told.get("channels", 0),
        "calls": told.get("calls", 0), "owner": told.get("owner") if alive else None,
        "last_reconciliation": None if last is None else {**last, "at": iso(last["at"])},
    }  # fmt: skip


async def _trunks(
    ctx: Context, trunks: Sequence[Document], switches: Mapping[str, Document | None], now: datetime
) -> list[dict[str, Any]]:
    if not trunks:
        return []
    ids = [each["_id"] for each in trunks]
    states = {row["_id"]: row for row in await ctx.data.select("trunk_states", {"_id": {"$in": ids}})}
    since = now - max(health.WINDOWS.values())
    # Live calls have no end yet and stand in the same index: both come in one reading.
    rows = await ctx.data.select(
        "calls", {"provider_config": {"$in": ids}, "$or": [{"ended_at": None}, {"ended_at": {"$gt": since}}]},
        sort=(("ended_at", -1),), fields=dict.fromkeys(_OF_ATTEMPT, 1),
    )  # fmt: skip
    made = _attempts([row for row in rows if row["ended_at"] is not None])
    shown = []
    for each in trunks:
        live = sum(1 for row in rows if row["provider_config"] == each["_id"] and row["ended_at"] is None)
        state = _state(each, states.get(each["_id"]), switches.get(each["asterisk"] or ""), now)
        windows = {
            name: health.figures(made.get(each["_id"], ()), now, span).view() for name, span in health.WINDOWS.items()
        }
        shown.append({
            "id": each["_id"], "name": each["name"], "provider": each["provider"], "profile": each["vendor_profile"],
            "label": _label(each), "capabilities": capabilities(each["provider"], each["asterisk"]),
            "asterisk": each["asterisk"], **state, "calls": live, "cap": each["max_concurrent_calls"],
            "windows": windows,
        })  # fmt: skip
    return shown


def _label(trunk: Mapping[str, Any]) -> str:
    """Return what people call the carrier of a trunk."""
    if trunk["vendor_label"]:
        return str(trunk["vendor_label"])
    if trunk["asterisk"] and not switch_kind(trunk["asterisk"]).sip:
        return "Simulated carrier"
    named = trunk["vendor_profile"]
    return profile(named).display_name if named else PROVIDERS[trunk["provider"]].spec.label


def _state(
    trunk: Mapping[str, Any], row: Mapping[str, Any] | None, switch: Mapping[str, Any] | None, now: datetime
) -> dict[str, Any]:
    """Return what is known of a trunk; on an Asterisk that is away it is down, whatever was known before."""
    view: dict[str, Any] = {
        "status": health.UNKNOWN, "since": None, "contact": {"state": UNKNOWN, "rtt_ms": None}, "registration": None,
        "options": options_view(row["options"] if row else [], now),
    }  # fmt: skip
    if trunk["asterisk"] is None or not trunk["enabled"]:
        return view
    if not standing(switch, now):
        return {**view, "status": health.DOWN, "since": None if switch is None else iso_or_none(_since(switch))}
    if not switch_kind(trunk["asterisk"]).sip:
        # The simulated carrier answers as long as it is there, and is in the same process.
        return {**view, "status": health.UP, "contact": {"state": REACHABLE, "rtt_ms": 0.0}}
    if row is None:
        return view
    registered = row["registration"]
    return {
        **view, "status": row["status"], "since": iso(row["since"]), "contact": row["contact"],
        "registration": None if registered is None else {**registered, "since": iso(registered["since"])},
    }  # fmt: skip


def _since(switch: Mapping[str, Any]) -> datetime | None:
    since: datetime | None = (switch.get("link") or {}).get("since")
    return since
