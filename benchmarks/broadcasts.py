"""Broadcasts: how many recipients a second, from the row to what stands in the inbox, every rule on."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from benchmarks.inbound import bare_inserts
from benchmarks.processes import LOAD_CORE, Gateway, free_port, gateway, peer, proportional_kb, settle
from benchmarks.reading import fill
from benchmarks.rows import Row

ENDED = ("SENT", "PARTIALLY_SENT", "FAILED")


def _ask(running: Gateway, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}{path}", method=method, data=data,
        headers={"Authorization": f"Bearer {running.key}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def _account(running: Gateway, carrier: int) -> tuple[str, str]:
    """Add the carrier as an account, with an approved template; returns their ids."""
    account = _ask(running, "POST", "/wa/v1/apps/", {
        "app_name": "Stub", "phone_number": "+12025550290", "waba_id": "290", "phone_number_id": "2900",
        "app_secret": "0" * 32, "verify_token": "verify-token", "base_url": f"http://127.0.0.1:{carrier}",
        "bsp_credentials": {"access_token": "token-of-the-stub"},
    })["id"]  # fmt: skip
    template = _ask(running, "POST", "/wa/v1/templates/", {
        "wa_app": account, "element_name": "sale", "category": "MARKETING", "content": "Hello {{first_name}}, a sale!",
    })["id"]  # fmt: skip
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        client["jinaconnect"]["templates"].update_one({"_id": template}, {"$set": {"status": "APPROVED"}})
    return account, template


def _sent(running: Gateway, account: str, template: str, count: int) -> float:
    """Broadcast to everybody; returns the recipients a second from the first row to the end."""
    made = _ask(running, "POST", "/broadcast/", {
        "name": "Sale", "status": "QUEUED", "app": account, "template": template, "select_all": True,
        "allowed_hours_local": {"start": "00:00", "end": "23:59"},
    })  # fmt: skip
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        client["jinaconnect"]["broadcasts"].update_one({"_id": made["id"]}, {"$set": {"due.at": datetime.now(UTC)}})
    begun, shown = time.monotonic(), made
    while shown["status"] not in ENDED:
        time.sleep(0.25)
        shown = _ask(running, "GET", f"/broadcast/{made['id']}/")
        if shown["status"] == "SCHEDULED":
            begun = time.monotonic()
    if shown["success_count"] != count:
        raise RuntimeError(f"not everybody was reached: {shown}")
    return count / (time.monotonic() - begun)


def broadcast(quick: bool) -> list[Row]:
    """Compare recipients a second with bare inserts a second, and what a broadcast takes of memory."""
    count = 2_000 if quick else 20_000
    port = free_port()
    with (
        peer("cloud_api", str(port), core=LOAD_CORE),
        gateway(settings={"JC_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8"}) as running,
    ):
        fill(running, count)
        account, template = _account(running, port)
        settle(running.pid)
        before = proportional_kb(running.pid)
        bare = bare_inserts(running, 4.0)["per_second"]
        rate = _sent(running, account, template, count)
        grown = (proportional_kb(running.pid) - before) / 1024
    return [
        Row("broadcast, recipients a second", rate / bare, "x", f"{rate:,.0f}/s", f"`insert_one` {bare:,.0f}/s", 0.5, 1,
            least=True),
        Row(f"broadcast of {count:,}, memory over idle", grown, " MB", f"{grown:.0f} MB", "", 64),
    ]  # fmt: skip
