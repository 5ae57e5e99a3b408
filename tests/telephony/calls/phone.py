"""A telephone whose every move the test decides, over SIP (RFC 3261) and RTP (RFC 3550) on UDP.

SIPp plays a script; this one answers, presses keys, speaks a tone and hangs up when it is told to, and knows what it
hears. It speaks G.711 A-law and telephone events (RFC 4733), and registers with digest authentication.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, cast

from tests.telephony.asterisk import loopback_address, until
from tests.telephony.calls.sound import Line

ALLOW = "INVITE, ACK, CANCEL, OPTIONS, BYE, INFO, REFER, NOTIFY"
REASONS = {100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 380: "Alternative Service",
           433: "Anonymity Disallowed", 480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated",
           603: "Decline", 607: "Unwanted", 608: "Rejected"}  # fmt: skip

Address = tuple[str, int]
Conduct = Literal["answer", "ring", "busy"]
Refer = Literal["accept", "refuse", "fail", "ignore", "wait"]


class Message:
    """A SIP message as it came."""

    def __init__(self, text: str) -> None:
        head, _, self.body = text.partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.headers = [(name.strip().lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines)]

    def get(self, name: str) -> str:
        """Return a header, empty where there is none."""
        return next((value for key, value in self.headers if key == name.lower()), "")

    def all(self, name: str) -> list[str]:
        """Return every header of a name."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def status(self) -> int | None:
        """The status of an answer, None for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else None

    @property
    def method(self) -> str:
        """The method of a request, or of the request an answer is for."""
        return self.get("CSeq").split()[1]


def _uri(header: str) -> str:
    found = re.search(r"<([^>]*)>", header)
    return found[1] if found else header.partition(";")[0]


@dataclass
class Talk:
    """One call of a telephone; `over` once it has ended from either side."""

    phone: Phone
    invite: Message
    peer: Address
    line: Line
    ours: str = ""
    theirs: str = ""
    target: str = ""
    up: bool = False
    over: bool = False
    status: int = 0  # the last answer to an INVITE of ours
    refer_to: str = ""
    referred: int = 0  # the answer to a REFER of ours
    notified: list[str] = field(default_factory=list)  # what we were told of it
    serial: int = 1
    headers: tuple[str, ...] = ()  # of every INVITE of ours
    via: str = ""  # of the last INVITE of ours
    acked: bool = False  # whether our answer was acknowledged; true of a call of our own
    parting: tuple[str, ...] | None = None  # headers of the BYE that waits for that

    @property
    def id(self) -> str:
        """The SIP Call-ID."""
        return self.invite.get("Call-ID")

    @property
    def caller(self) -> str:
        """The number or name in From."""
        return _uri(self.invite.get("From")).partition("@")[0].removeprefix("sip:")

    def answer(self) -> None:
        """Take the call."""
        self.up = True
        self.phone.respond(self, self.invite, 200, sdp=True)
        self.line.open()

    def refuse(self, status: int) -> None:
        """Do not take the call."""
        self.over = True
        self.phone.respond(self, self.invite, status)

    def hang_up(self, *headers: str) -> None:
        """End the call; one that was just answered as soon as the answer is acknowledged (RFC 3261 section 15).

        Before that the caller need not know the dialog, and may refuse the BYE.
        """
        self.over = True
        self.line.close()
        if self.acked:
            self.phone.request(self, "BYE", "", *headers)
        else:
            self.parting = headers

    def acknowledged(self) -> None:
        """Know that our answer has arrived."""
        self.acked = True
        if self.parting is not None:
            headers, self.parting = self.parting, None
            self.phone.request(self, "BYE", "", *headers)

    def cancel(self) -> None:
        """Give up a call that is ringing (RFC 3261 section 9)."""
        self.over = True
        self.phone.cancel(self)

    def press_by_info(self, key: str) -> None:
        """Press a key by SIP INFO."""
        body = f"Signal={key}\r\nDuration=160\r\n"
        self.phone.request(self, "INFO", body, "Content-Type: application/dtmf-relay")

    def refer(self, to: str) -> None:
        """Ask to be transferred away: the other side is to be connected to `to`."""
        self.phone.request(self, "REFER", "", f"Refer-To: <{to}>", f"Referred-By: <{_uri(self.ours)}>")

    async def ended(self, deadline_s: float = 10) -> None:
        """Wait for the end."""
        await until(lambda: self.over, "the telephone's call ending", deadline_s)


class Phone(asyncio.DatagramProtocol):
    """A telephone at an address of its own; `conduct` is what it does with a call that comes."""

    def __init__(self, ip: str, conduct: Conduct = "answer", refer: Refer = "accept") -> None:
        self.ip = ip
        self.conduct: Conduct = conduct
        self.refers: Refer = refer
        self.talks: list[Talk] = []
        self._account: tuple[str, str] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = asyncio.Event()

    @property
    def uri(self) -> str:
        """Where it can be called."""
        return f"sip:agent@{self.ip}:5060"

    async def talk(self, nth: int = 1, deadline_s: float = 10) -> Talk:
        """Return the nth call, waiting for it."""
        await until(lambda: len(self.talks) >= nth, f"call {nth} at {self.ip}", deadline_s)
        return self.talks[nth - 1]

    async def talking(self, nth: int = 1, deadline_s: float = 10) -> Talk:
        """Return the nth call once it is up."""
        talk = await self.talk(nth, deadline_s)
        await until(lambda: talk.up, f"call {nth} at {self.ip} being answered", deadline_s)
        return talk

    # ---- calling and registering

    def account(self, user: str, password: str) -> None:
        """Answer challenges with this name and password."""
        self._account = (user, password)

    @property
    def user(self) -> str:
        """The name it has at its server."""
        assert self._account is not None
        return self._account[0]

    async def register(self, server: str, user: str, password: str, expires: int = 300) -> int:
        """Register with a password (RFC 3261 section 22); returns the last status."""
        self.account(user, password)
        call, tag = secrets.token_hex(8), secrets.token_hex(4)
        uri, status, signed = f"sip:{server}:5060", 0, ""
        for sequence in (1, 2):
            self._send((server, 5060), f"REGISTER {uri} SIP/2.0", [
                self._via(), f"From: <sip:{user}@{server}>;tag={tag}", f"To: <sip:{user}@{server}>",
                f"Call-ID: {call}", f"CSeq: {sequence} REGISTER", "Max-Forwards: 70",
                f"Contact: <sip:{user}@{self.ip}:5060>", f"Expires: {expires}", *([signed] if signed else []),
            ])  # fmt: skip
            answer = await asyncio.wait_for(self._answers.get(), 5)
            status = answer.status or 0
            if status != 401:
                break
            signed = self._signed("REGISTER", uri, answer)
        return status

    def dial(self, server: str, number: str, *, caller: str, who: str = "", headers: Sequence[str] = ()) -> Talk:
        """Call a number at a server; what becomes of it shows in the call returned.

        `who` is the whole address in From where it is not `caller` at this telephone; `headers` go along.
        """
        address, tag = (server, 5060), secrets.token_hex(4)
        invite = Message("\r\n".join([
            f"INVITE sip:{number}@{server}:5060 SIP/2.0", f"From: {who or f'<sip:{caller}@{self.ip}>'};tag={tag}",
            f"To: <sip:{number}@{server}>", f"Call-ID: {secrets.token_hex(8)}", "CSeq: 1 INVITE",
        ]) + "\r\n\r\n")  # fmt: skip
        talk = Talk(self, invite, address, Line(self.ip), invite.get("From"), invite.get("To"), _uri(invite.get("To")),
                    headers=tuple(headers), acked=True)
        self.talks.append(talk)
        self._invite(talk)
        return talk

    def _invite(self, talk: Talk, signed: str = "") -> None:
        more = [signed] if signed else []
        via = self._via()
        talk.via = via.partition(": ")[2]
        self._send(talk.peer, f"INVITE {talk.target} SIP/2.0", [
            via, f"From: {talk.ours}", f"To: {talk.theirs}", f"Call-ID: {talk.id}",
            f"CSeq: {talk.serial} INVITE", "Max-Forwards: 70", self._contact(), f"Allow: {ALLOW}", *talk.headers, *more,
        ], talk.line.offer())  # fmt: skip

    def _signed(self, method: str, uri: str, answer: Message) -> str:
        assert self._account is not None
        user, password = self._account
        asked = dict(re.findall(r'(\w+)="?([^",]*)"?', answer.get("WWW-Authenticate")))
        cnonce = secrets.token_hex(4)

        def md5(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        secret, what = md5(user, asked["realm"], password), md5(method, uri)
        response = md5(secret, asked["nonce"], "00000001", cnonce, "auth", what)
        fields = {"username": user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri,
                  "response": response, "cnonce": cnonce, "opaque": asked.get("opaque", "")}  # fmt: skip
        text = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        return f"Authorization: Digest {text}, algorithm=MD5, qop=auth, nc=00000001"

    # ---- the wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        self._gone.set()

    def datagram_received(self, data: bytes, address: Address) -> None:
        """Take a message."""
        if not data.strip():
            return
        message = Message(data.decode())
        talk = next((each for each in self.talks if each.id == message.get("Call-ID")), None)
        if message.status is not None:
            self._answered(talk, message)
        elif message.method == "INVITE" and talk is None:
            self._arrived(message, address)
        elif talk is not None:
            self._asked(talk, message)
        elif message.method != "ACK":
            self._reply(address, message, 200)

    def _arrived(self, message: Message, address: Address) -> None:
        line = Line(self.ip)
        line.towards(message.body)
        ours = f"{message.get('To')};tag={secrets.token_hex(4)}"
        talk = Talk(self, message, address, line, ours, message.get("From"), _uri(message.get("Contact")))
        self.talks.append(talk)
        if self.conduct == "busy":
            talk.refuse(486)
            return
        self.respond(talk, message, 180)
        if self.conduct == "answer":
            talk.answer()

    def _asked(self, talk: Talk, message: Message) -> None:
        match message.method:
            case "BYE":
                talk.over = True
                talk.line.close()
                self.respond(talk, message, 200)
            case "CANCEL":
                self.respond(talk, message, 200)
                if not talk.up:
                    talk.refuse(487)
            case "INVITE" if talk.up:
                talk.line.towards(message.body)
                self.respond(talk, message, 200, sdp=True)
            case "REFER":
                talk.refer_to = _uri(message.get("Refer-To"))
                self._referred(talk, message)
            case "NOTIFY":
                talk.notified.append(message.body.strip())
                self.respond(talk, message, 200)
            case "ACK" if talk.up:
                talk.acknowledged()
            case "ACK" | "INVITE":
                return
            case _:
                self.respond(talk, message, 200)

    def _referred(self, talk: Talk, message: Message) -> None:
        if self.refers == "ignore":
            return
        self.respond(talk, message, 603 if self.refers == "refuse" else 202)
        if self.refers == "refuse":
            return
        for state, sipfrag in (("active;expires=60", "100 Trying"), (
            "terminated;reason=noresource", "200 OK" if self.refers in ("accept", "wait") else "486 Busy Here",
        )):  # fmt: skip
            headers = ("Event: refer", f"Subscription-State: {state}", "Content-Type: message/sipfrag;version=2.0")
            self.request(talk, "NOTIFY", f"SIP/2.0 {sipfrag}\r\n", *headers)
        if self.refers == "accept":
            talk.hang_up()  # one that waits leaves that to the other side

    def _answered(self, talk: Talk | None, message: Message) -> None:
        status = message.status or 0
        if talk is None:
            self._answers.put_nowait(message)
            return
        if message.method == "REFER":
            talk.referred = status
        if message.method != "INVITE" or talk.up or talk.over:
            return
        talk.status = status
        if status < 200:
            return
        if status < 300:
            talk.theirs, talk.target = message.get("To"), _uri(message.get("Contact"))
            talk.line.towards(message.body)
            talk.up = True
            talk.line.open()
        sequence, to = message.get("CSeq").split()[0], message.get("To")
        first = f"ACK {talk.target} SIP/2.0"
        via = self._via() if status < 300 else f"Via: {message.get('Via')}"
        self._send(talk.peer, first, [
            via, f"From: {talk.ours}", f"To: {to}", f"Call-ID: {talk.id}", f"CSeq: {sequence} ACK", "Max-Forwards: 70",
        ])  # fmt: skip
        if status == 401 and talk.serial == 1:
            talk.serial = 2
            self._invite(talk, self._signed("INVITE", talk.target, message))
        elif status >= 300:
            talk.over = True

    def cancel(self, talk: Talk) -> None:
        """Cancel an INVITE; its transaction is named by the branch."""
        self._send(talk.peer, f"CANCEL {talk.target} SIP/2.0", [
            f"Via: {talk.via}", f"From: {talk.ours}", f"To: {talk.invite.get('To')}", f"Call-ID: {talk.id}",
            f"CSeq: {talk.serial} CANCEL", "Max-Forwards: 70",
        ])  # fmt: skip

    def request(self, talk: Talk, method: str, body: str = "", *headers: str) -> None:
        """Send a request within a call."""
        talk.serial += 1
        self._send(talk.peer, f"{method} {talk.target} SIP/2.0", [
            self._via(), f"From: {talk.ours}", f"To: {talk.theirs}", f"Call-ID: {talk.id}",
            f"CSeq: {talk.serial} {method}", "Max-Forwards: 70", self._contact(), *headers,
        ], body)  # fmt: skip

    def respond(self, talk: Talk, message: Message, status: int, *, sdp: bool = False) -> None:
        """Answer a request of a call."""
        to = talk.ours if message is talk.invite else message.get("To")
        self._reply(talk.peer, message, status, to, talk.line.offer() if sdp else "")

    def _reply(self, address: Address, message: Message, status: int, to: str = "", body: str = "") -> None:
        headers = [f"Via: {via}" for via in message.all("Via")]
        headers += [f"From: {message.get('From')}", f"To: {to or message.get('To')}"]
        headers += [f"Call-ID: {message.get('Call-ID')}", f"CSeq: {message.get('CSeq')}", self._contact()]
        self._send(address, f"SIP/2.0 {status} {REASONS[status]}", [*headers, f"Allow: {ALLOW}"], body)

    def _send(self, address: Address, first: str, headers: Sequence[str], body: str = "") -> None:
        assert self._transport is not None
        kind = ["Content-Type: application/sdp"] if body.startswith("v=0") else []
        lines = [first, *headers, *kind, f"Content-Length: {len(body)}", "", body]
        self._transport.sendto("\r\n".join(lines).encode(), address)

    def _via(self) -> str:
        return f"Via: SIP/2.0/UDP {self.ip}:5060;branch=z9hG4bK{secrets.token_hex(6)};rport"

    def _contact(self) -> str:
        return f"Contact: <sip:agent@{self.ip}:5060>"

    async def close(self) -> None:
        """Go away without a word; the address is free then."""
        for talk in self.talks:
            talk.line.close()
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()


@asynccontextmanager
async def telephone(
    conduct: Conduct = "answer", *, ip: str | None = None, refer: Refer = "accept"
) -> AsyncIterator[Phone]:
    """Have a telephone on port 5060 of an address; calls that are still up when it goes are hung up."""
    phone = Phone(ip or loopback_address(5060), conduct, refer)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: phone, local_addr=(phone.ip, 5060))
    try:
        yield phone
    finally:
        for talk in phone.talks:
            if talk.up and not talk.over:
                talk.hang_up()
        await phone.close()
