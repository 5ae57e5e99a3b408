"""Broadcasts: how many recipients a second, from the row to what stands in the inbox, every rule on."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from benchmarks.inbound import bare_inserts
from benchmarks.processes import LOAD_CORE, Gateway, free_port, gateway, peer, proportional_kb, settle
from benchmarks.reading import fill
from benchmarks.rows import Row, median
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import new_row
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.address import PHONE, Address

RULED, UNRULED = "MARKETING", "UTILITY"
ENDED = ("SENT", "PARTIALLY_SENT", "FAILED")


def _ask(
    running: Gateway, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}{path}", method=method, data=data,
        headers={"Authorization": f"Bearer {key or running.key}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def _account(running: Gateway, carrier: int) -> tuple[str, dict[str, str]]:
    """Add the carrier as an account, with an approved template of two categories; returns their ids."""
    account = _ask(running, "POST", "/wa/v1/apps/", {
        "app_name": "Stub", "phone_number": "+12025550290", "waba_id": "290", "phone_number_id": "2900",
        "daily_limit": 10_000_000,
        "app_secret": "0" * 32, "verify_token": "verify-token", "base_url": f"http://127.0.0.1:{carrier}",
        "bsp_credentials": {"access_token": "token-of-the-stub"},
    })["id"]  # fmt: skip
    templates = {
        category: _ask(running, "POST", "/wa/v1/templates/", {
            "wa_app": account, "element_name": category.lower(), "category": category,
            "content": "Hello {{first_name}}, a sale!",
        })["id"]
        for category in (RULED, UNRULED)
    }  # fmt: skip
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        client["jinaconnect"]["templates"].update_many(
            {"_id": {"$in": list(templates.values())}}, {"$set": {"status": "APPROVED"}}
        )
    return account, templates


def _begun(running: Gateway, account: str, template: str, category: str) -> dict[str, Any]:
    """Broadcast to everybody; rules of hours and consent are for marketing alone."""
    hours = {"allowed_hours_local": {"start": "00:00", "end": "23:59"}} if category == RULED else {}
    made = _ask(running, "POST", "/broadcast/", {
        "name": "Sale", "status": "QUEUED", "app": account, "template": template, "select_all": True,
        "category": category, **hours,
    })  # fmt: skip
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        client["jinaconnect"]["broadcasts"].update_one({"_id": made["id"]}, {"$set": {"due.at": datetime.now(UTC)}})
    while (made := _ask(running, "GET", f"/broadcast/{made['id']}/"))["status"] == "SCHEDULED":
        time.sleep(0.02)
    return made


def _sent(running: Gateway, account: str, template: str, category: str, count: int) -> tuple[float, float]:
    """Broadcast to everybody; returns recipients a second, from the first row to the end, and the most memory in KB."""
    begun, most = time.monotonic(), 0
    shown = _begun(running, account, template, category)
    while shown["status"] not in ENDED:
        time.sleep(0.25)
        most = max(most, proportional_kb(running.pid))
        shown = _ask(running, "GET", f"/broadcast/{shown['id']}/")
    if shown["success_count"] != count:
        raise RuntimeError(f"not everybody was reached: {shown}")
    return count / (time.monotonic() - begun), most


@contextmanager
def _site(count: int) -> Iterator[tuple[Gateway, int, str, dict[str, str]]]:
    """Run a gateway with so many contacts beside a carrier; yields both, the account and its templates."""
    port = free_port()
    with (
        peer("cloud_api", str(port), core=LOAD_CORE),
        gateway(settings={"JC_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8"}) as running,
    ):
        fill(running, count)
        account, templates = _account(running, port)
        settle(running.pid)
        yield running, port, account, templates


def broadcast(quick: bool) -> list[Row]:
    """Compare recipients a second with bare inserts a second, and with rules that have nothing to say."""
    count, rounds = (2_000, 1) if quick else (6_000, 3)
    on, off, bare = [], [], []
    with _site(count) as (running, _, account, templates):
        for _ in range(rounds):
            bare.append(bare_inserts(running, 4.0)["per_second"])
            on.append(_sent(running, account, templates[RULED], RULED, count)[0])
            off.append(_sent(running, account, templates[UNRULED], UNRULED, count)[0])
    ratio = median([mine / other for mine, other in zip(on, bare, strict=True)])
    ruled = median([other / mine for mine, other in zip(on, off, strict=True)])
    return [
        Row("broadcast, recipients a second", ratio, "x", f"{median(on):,.0f}/s", f"`insert_one` {median(bare):,.0f}/s",
            0.5, 1, least=True),
        Row("… every rule on against none that concerns them", ruled, "x", f"{median(on):,.0f}/s",
            f"{median(off):,.0f}/s", 1.3, 1.1),
    ]  # fmt: skip


def memory(quick: bool) -> list[Row]:
    """Look at what a small and a large broadcast take of memory."""
    return _memory_of(1_000, 5_000 if quick else 100_000)


def memory_of_a_million(quick: bool) -> list[Row]:
    """Look at what the largest broadcast takes of memory; it is sent for a quarter of an hour and more."""
    return _memory_of(20_000 if quick else 1_000_000)


def _memory_of(*counts: int) -> list[Row]:
    rows = []
    for count in counts:
        with _site(count) as (running, _, account, templates):
            before = proportional_kb(running.pid)
            _, most = _sent(running, account, templates[UNRULED], UNRULED, count)
        grown = (most - before) / 1024
        rows.append(Row(f"broadcast to {count:,}, memory over idle", grown, " MB", f"{grown:.1f} MB", "", 64))
    return rows


def cancelled(quick: bool) -> list[Row]:
    """Cancel a broadcast at full speed, and see when its carrier was asked last."""
    late = []
    with _site(10_000) as (running, port, account, templates):
        for _ in range(1 if quick else 3):
            made, before = _begun(running, account, templates[UNRULED], UNRULED), _taken(port)["taken"]
            while _taken(port)["taken"] < before + 500:
                time.sleep(0.02)
            asked = time.monotonic()
            _ask(running, "POST", f"/broadcast/{made['id']}/cancel/", {})
            settle(running.pid)
            late.append(max(0.0, _taken(port)["last"] - asked))
    return [Row("cancel → last request to the carrier", max(late), " s", f"{max(late):.2f} s", "", 2)]


def _taken(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def dashboard(quick: bool) -> list[Row]:
    """Compare the dashboard over a million recipients with one over ten thousand, once its figures are made."""
    sizes, took = (10_000, 100_000 if quick else 1_000_000), []
    with gateway() as running:
        for tenant, size in zip(running.tenants, sizes, strict=False):
            _recipients(running, f"{tenant['id']}:live", size)
        keys = [tenant["keys"]["live"]["owner"] for tenant in running.tenants[:2]]
        for key in keys:
            ends = time.monotonic() + 120
            while (figures := _dashboard(running, key)[1]) is None or not figures["total_sent"]:
                if time.monotonic() > ends:
                    raise TimeoutError("the figures were not made")
                time.sleep(0.5)
        for _ in range(200):
            took.append([_dashboard(running, key)[0] for key in keys])
    small, large = (median([each[place] for each in took]) * 1000 for place in (0, 1))
    return [
        Row(f"dashboard over {sizes[1]:,} recipients against {sizes[0]:,}", large / small, "x", f"{large:.1f} ms",
            f"{sizes[0]:,} {small:.1f} ms", 1.5, 1.1)
    ]  # fmt: skip


def _dashboard(running: Gateway, key: str) -> tuple[float, dict[str, Any] | None]:
    begun = time.monotonic()
    try:
        figures = _ask(running, "GET", "/broadcast/dashboard/?period=90d", key=key)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return time.monotonic() - begun, None
    return time.monotonic() - begun, figures


def _recipients(running: Gateway, scope: str, count: int) -> None:
    """Put recipients into a tenant as a broadcast leaves them, over the last two months."""
    now, about = datetime.now(UTC), {"_id": "brc_0", "platform": "WHATSAPP"}
    contact = {"_id": "cnt_0", "first_name": "Ann", "last_name": "", "phone": None}
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        rows = client["jinaconnect"].get_collection("broadcast_rows", write_concern=WriteConcern(w=1, j=False))
        for start in range(0, count, 10_000):
            made = []
            for number in range(start, min(start + 10_000, count)):
                at = now - timedelta(days=60) * (1 - number / count)
                id = encode("brr", int(at.timestamp() * 1000), number.to_bytes(10, "big"))
                row = new_row(id, about, contact, Address(PHONE, f"+1303{number:07d}"), at)
                status = states.SUCCESSES[number % 3]
                made.append({**row, "scope": scope, "rev": 1, "pending": [], "status": status, "created_at": at,
                             "updated_at": at})  # fmt: skip
            rows.insert_many(made, ordered=False)
