"""The browser's telephone beside an Asterisk that does what a real one seldom does: gives up, goes away, forbids."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field

from playwright.async_api import Page, WebSocketRoute

from jinaconnect.handlers.edge.console import version
from tests.conftest import Running

URL = "wss://asterisk.example/ws"
BEGIN = """async (path) => {
  const { Line } = await import(path + "telephone/line.js");
  window.states = []; window.rang = []; window.over = 0;
  const account = { url: "wss://asterisk.example/ws", username: "ann", password: "s:cret", domain: "asterisk.example" };
  const rings = (call) => { rang.push(call.caller); call.over.then(() => over += 1); };
  window.line = new Line(account, { became: (state) => states.push(state), rings });
  await line.begin();
}"""
CHALLENGE = 'WWW-Authenticate: Digest realm="a, b",nonce="n/1",opaque="o",qop="auth,auth-int"'
FROM = '"Bo \\"the\\" Smith, Ltd" <sip:+12025550111@c.example>;tag=theirs'


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


@dataclass
class Switch:
    """The other end of the line: says what it is told to, and keeps what it hears."""

    heard: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    socket: WebSocketRoute | None = None

    def take(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        socket.on_message(lambda text: self.heard.put_nowait(str(text)))

    def say(self, *lines: str, body: str = "") -> None:
        assert self.socket is not None
        self.socket.send("\r\n".join([*lines, f"l: {len(body)}", "", body]))

    def answer(self, request: str, status: str, *more: str) -> None:
        kept = [f"{name}: {header(request, name)}" for name in ("Via", "From", "Call-ID", "CSeq", "To")]
        self.say(f"SIP/2.0 {status}", *kept[:-1], f"{kept[-1]};tag=x", *more)

    async def hears(self) -> str:
        return await asyncio.wait_for(self.heard.get(), 30)

    async def registers(self) -> str:
        """Ask a registration for credentials, and grant the one that has them."""
        first = await self.hears()
        self.answer(first, "401 Unauthorized", CHALLENGE)
        second = await self.hears()
        self.answer(second, "200 OK", f"Contact: {header(second, 'Contact')};expires=500")
        return second

    def invites(self, call: str, body: str = "v=0\r\n") -> None:
        self.say(
            "INVITE sip:x@y.invalid SIP/2.0", f"v: SIP/2.0/WSS c.example;branch=z9hG4bK{call}", f"f: {FROM}",
            "t: <sip:ann@asterisk.example>", f"i: {call}", "CSeq: 7 INVITE", "m: <sip:c.example>",
            "Subject: long", "  and folded", body=body,
        )  # fmt: skip

    def asks(self, method: str, call: str, number: int, tag: str = "") -> None:
        self.say(
            f"{method} sip:x@y.invalid SIP/2.0", f"v: SIP/2.0/WSS c.example;branch=z9hG4bK{call}", f"f: {FROM}",
            f"t: <sip:ann@asterisk.example>{tag}", f"i: {call}", f"CSeq: {number} {method}",
        )  # fmt: skip


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*?)\r?$", message, re.MULTILINE)
    assert found is not None, message
    return found[1]


async def test_it_keeps_to_the_rules_of_sip(page: Page, gateway: Running) -> None:
    switch = Switch()
    await page.route_web_socket(URL, switch.take)
    await page.goto(gateway.url)
    begun = asyncio.create_task(page.evaluate(BEGIN, f"/console/{version()}/"))
    signed = header(await switch.registers(), "Authorization").replace("a, b", "realm")
    await begun
    said = dict(re.findall(r'(\w+)="?([^",]*)"?', signed))
    uri = "sip:asterisk.example"
    assert [said[name] for name in ("username", "nonce", "opaque", "qop", "uri")] == ["ann", "n/1", "o", "auth", uri]
    mine, what = md5("ann", "a, b", "s:cret"), md5("REGISTER", uri)
    assert said["response"] == md5(mine, "n/1", said["nc"], said["cnonce"], "auth", what)

    assert switch.socket is not None
    switch.socket.send("\r\n\r\n")
    assert await switch.hears() == "\r\n"
    for method, tag, status in (("OPTIONS", "", "200"), ("NOTIFY", "", "405"), ("BYE", ";tag=gone", "481")):
        switch.asks(method, "elsewhere", 3, tag)
        assert (await switch.hears()).startswith(f"SIP/2.0 {status}")

    switch.invites("silent", body="")
    assert (await switch.hears()).startswith("SIP/2.0 488")
    switch.invites("first")
    ringing = await switch.hears()
    assert ringing.startswith("SIP/2.0 180")
    assert await page.evaluate("rang") == ['Bo "the" Smith, Ltd']
    switch.invites("second")
    assert (await switch.hears()).startswith("SIP/2.0 486")
    switch.invites("first")  # once more, and nobody is rung again
    switch.asks("CANCEL", "first", 7)
    assert [(await switch.hears())[:11] for _ in range(2)] == ["SIP/2.0 200", "SIP/2.0 487"]
    await page.wait_for_function("over === 1")
    switch.invites("third")
    assert (await switch.hears()).startswith("SIP/2.0 180")
    await page.evaluate("line.call.decline()")
    assert (await switch.hears()).startswith("SIP/2.0 480")

    await switch.socket.close()
    again = await switch.registers()
    await page.wait_for_function("states.length === 3")
    assert await page.evaluate("states") == ["registered", "lost", "registered"]
    assert header(again, "Expires") != "0"
    ended = asyncio.create_task(page.evaluate("line.end()"))
    assert header(await switch.registers(), "Expires") == "0"
    await ended


async def test_a_line_that_cannot_be_had_says_so(page: Page, gateway: Running) -> None:
    switch = Switch()
    await page.route_web_socket(URL, switch.take)
    await page.goto(gateway.url)
    begun = asyncio.create_task(page.evaluate(f"({BEGIN})('/console/{version()}/').catch((error) => error.message)"))
    switch.answer(await switch.hears(), "403 Forbidden")
    assert await begun == "Asterisk does not register the telephone."
    await page.evaluate("void line.end()")
