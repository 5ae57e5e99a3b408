"""The console in a browser: a large inbox opened and scrolled, one into which messages pour, members put out."""

from __future__ import annotations

import select
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
from playwright.sync_api import Browser, Page, sync_playwright
from pymongo import MongoClient

from benchmarks.load import Customers, Requests
from benchmarks.processes import Gateway, gateway
from benchmarks.rows import Row, median, percentile
from jinaconnect.core.ids import encode

CONVERSATIONS, MESSAGES = 10_000, 50_000
PACE, SECONDS = 200, 30.0
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
# Notes the longest task since it was last asked for.
_WATCH = """() => { window.longest = 0; new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration); }).observe({ type: "longtask" });
}"""
_LONGEST = "() => { const found = longest; longest = 0; return found; }"
# From the click on a conversation until its first messages are painted.
_OPENS = """() => new Promise((done) => {
  const begun = performance.now();
  const seen = new MutationObserver(() => { if (!document.querySelector("jc-thread .bubble")) return;
    seen.disconnect(); requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun))); });
  seen.observe(document.body, { childList: true, subtree: true });
  document.querySelector(".chat").click(); })"""
_NODES = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => done(document.getElementsByTagName("*").length))))"""
_SCROLL = "(name) => { const e = document.querySelector(name + ' .v-scroll'); e.scrollTop = %s; }"


# When the feed's socket was closed and the way in was shown, in milliseconds of the wall clock.
_OUT = """(() => { const Real = WebSocket, now = () => performance.timeOrigin + performance.now();
  window.out = {};
  window.WebSocket = class extends Real { constructor(...given) { super(...given); this.addEventListener("close", () => (out.closed ??= now())); } };
  addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
    if (!out.live) out.live = document.querySelector(".connection.live") !== null;
    else if (document.querySelector("jc-sign-in h1, jc-sign-in h2")) out.shown ??= now();
  }).observe(document.body, { childList: true, subtree: true, attributes: true })); })()"""  # noqa: E501


@contextmanager
def browser(running: Gateway) -> Iterator[Page]:
    """Open the console in this machine's Chromium, signed in as the owner."""
    owner = next(user for user in running.tenant["users"] if user["role"] == "owner")
    with chromium() as opened:
        page = opened.new_page()
        sign_in(page, running, owner["email"], owner["password"])
        begin(page, running)
        yield page


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run this machine's Chromium."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if binary is None:
        raise SystemExit("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=binary, args=_FLAGS)
        yield opened
        opened.close()


def sign_in(page: Page, running: Gateway, email: str, password: str) -> None:
    """Sign in and wait until the page says that it has everything."""
    page.goto(f"http://127.0.0.1:{running.port}/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".connection.live").wait_for()


def begin(page: Page, running: Gateway) -> None:
    """Open the inbox, and note how long the page is busy from then on."""
    page.goto(f"http://127.0.0.1:{running.port}/#/inbox")
    page.locator(".connection.live").wait_for()
    page.locator(".chat").first.wait_for()
    page.evaluate(_WATCH)


def _receive(running: Gateway, count: int, pace: float = 0.0) -> None:
    """Have customers write, each of 50 in turn, at a pace where one is given."""
    requests = Requests(running.port, 16, Customers(running, 50).request)
    poll = select.epoll()
    for number in requests.sockets:
        poll.register(number, select.EPOLLIN)
    begun, sent = time.monotonic(), 0
    while requests.answered < count:
        due = count if not pace else min(count, int((time.monotonic() - begun) * pace) + 1)
        while sent < due and requests.ready():
            requests.publish()
            sent += 1
        for number, _ in poll.poll(0.002):
            requests.heard(number)
    poll.close()
    requests.close()


def _multiply(running: Gateway, conversations: int, messages: int) -> None:
    """Make many conversations of one there is, and a long thread of its message, as the gateway stores them."""
    with MongoClient[dict[str, Any]](running.mongodb, tz_aware=True) as client:
        database = client["jinaconnect"]
        contact = database["contacts"].find_one({"scope": f"{running.tenant['id']}:live", "chat.at": {"$ne": None}})
        assert contact is not None
        message = database["messages"].find_one({"contact": contact["_id"]})
        assert message is not None
        at = message["timestamp"]
        ms = int(at.timestamp() * 1000)
        people = []
        for number in range(1, conversations):
            then = contact["chat"]["at"] - timedelta(minutes=number)
            chat = {**contact["chat"], "at": then, "last": {**contact["chat"]["last"], "timestamp": then}}
            people.append({
                **contact, "_id": encode("cnt", ms - number, number.to_bytes(10, "big")), "chat": chat, "addresses": [],
                "phone": f"+1303{number:07}", "first_name": f"Customer {number}",
            })  # fmt: skip
        database["contacts"].insert_many(people, ordered=False)
        for start in range(1, messages, 10_000):
            database["messages"].insert_many([
                {
                    **message, "_id": encode("msg", ms - number * 1000, number.to_bytes(10, "big")), "carrier_id": None,
                    "number": number, "timestamp": at - timedelta(seconds=number),
                    "content": {"type": "text", "body": {"text": f"message {number} " + "word " * (number % 40)}},
                }
                for number in range(start, min(start + 10_000, messages))
            ], ordered=False)  # fmt: skip


def revoked(quick: bool) -> list[Row]:
    """Remove members who have the page open: how long from the answer until each is out."""
    closed: list[float] = []
    shown: list[float] = []
    with gateway() as running, chromium() as opened:
        for number in range(5 if quick else 20):
            person = {"email": f"member{number}@bench.example", "password": "Correct-horse-9", "role": "agent"}
            member = asked(running, "POST", "/tenants/members/invite/", person)["id"]
            page = opened.new_context().new_page()
            page.add_init_script(_OUT)
            sign_in(page, running, person["email"], person["password"])
            asked(running, "DELETE", f"/tenants/members/{member}/")
            answered = time.time() * 1000
            page.wait_for_function("out.shown && out.closed")
            out = page.evaluate("out")
            closed.append(max(0.0, out["closed"] - answered))
            shown.append(max(0.0, out["shown"] - answered))
            page.context.close()
    late, seen = percentile(closed, 0.95), percentile(shown, 0.95)
    return [
        Row("a member is removed: their socket is closed, p95", late, " ms", f"{late:.0f} ms", "", 1_000),
        Row("… their page shows the way in, p95", seen, " ms", f"{seen:.0f} ms", "", 1_000),
    ]


def asked(running: Gateway, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the gateway as the organisation's owner."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}{path}", method=method, data=None if body is None else orjson.dumps(body),
        headers={"Authorization": f"Bearer {running.key}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        told: dict[str, Any] = orjson.loads(answer.read() or b"{}")
    return told


def large(quick: bool) -> list[Row]:
    """Open and scroll an inbox of 10,000 conversations with a thread of 50,000 messages."""
    with gateway() as running:
        _receive(running, 1)
        _multiply(running, CONVERSATIONS, MESSAGES)
        with browser(running) as page:
            took: list[float] = []
            nodes: list[int] = []
            longest = 0.0
            for _ in range(3 if quick else 9):
                page.goto("about:blank")
                begin(page, running)
                took.append(page.evaluate(_OPENS))
                longest = max(longest, page.evaluate(_LONGEST))
            for name, end in (("jc-list", "e.scrollHeight"), ("jc-thread", "0")):
                for _ in range(5 if quick else 30):
                    page.evaluate(_SCROLL % end, name)
                    nodes.append(page.evaluate(_NODES))
            longest = max(longest, page.evaluate(_LONGEST))
    size = f"{CONVERSATIONS:,} conversations, a thread of {MESSAGES:,}"
    return [
        Row(f"console, {size}: first messages", median(took), " ms", f"{median(took):.0f} ms", "", 200),
        Row("… elements of the page at most, scrolled", max(nodes), "", f"{max(nodes):,}", "", 1_500),
        Row("… longest task while it is opened and scrolled", longest, " ms", f"{longest:.0f} ms", "", 100),
    ]


def pouring(quick: bool) -> list[Row]:
    """Look at an inbox into which 200 messages come a second."""
    seconds = 10.0 if quick else SECONDS
    with gateway() as running:
        _receive(running, 50)
        with browser(running) as page:
            page.locator(".chat").first.click()
            page.locator("jc-thread .bubble").first.wait_for()
            page.evaluate(_LONGEST)
            _receive(running, int(PACE * seconds), PACE)
            page.locator(".connection.live").wait_for()
            longest = page.evaluate(_LONGEST)
    name = f"console, {PACE} messages a second for {seconds:.0f} s: longest task"
    return [Row(name, longest, " ms", f"{longest:.0f} ms", "", 200)]
