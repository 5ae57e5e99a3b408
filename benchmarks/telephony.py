"""Real telephony under measurement: Asterisks, a gateway with one of them, and SIPp as the callers."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asterisk.run_sip import Instance, Place, free_places
from benchmarks.processes import ROOT, Gateway, gateway

NUMBER = "+12025550100"
APP = "bench"
CALLERS = 1_000
SCENARIO = ROOT / "benchmarks" / "sipp" / "callers.xml"
_PARTS = re.compile(
    r"(?P<head>.*)<!-- key -->\n(?P<key>.*)<!-- end of key -->\n<!-- is hung up -->\n(?P<waits>.*)"
    r"<!-- hangs up -->\n(?P<ends>.*)<!-- end -->\n(?P<tail>.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Exchange:
    """An Asterisk that runs, where it takes calls, and where its callers are."""

    instance: Instance
    place: Place
    callers: Place

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.instance.process is not None
        return self.instance.process.pid

    @property
    def root(self) -> str:
        """Its HTTP server."""
        return f"http://{self.place.ip}:{self.place.http}"

    @property
    def password(self) -> str:
        """The password of the user `jinaconnect`."""
        return (self.instance.directory / "ari.password").read_text()


@contextmanager
def asterisk(folder: Path, *, knows_callers: bool) -> Iterator[Exchange]:
    """Run an Asterisk on addresses of its own until the block ends.

    It has a trunk for the callers of its own, or the gateway gives it one.
    """
    subprocess.run([ROOT / "asterisk" / "asterisk.sh", "install"], check=True, stderr=subprocess.DEVNULL)
    own, _, callers = free_places()
    instance = Instance(folder, {
        "AST_IP": own.ip, "AST_SIP_PORT": str(own.sip), "AST_SIPS_PORT": str(own.sips), "AST_ARI_APP": APP,
        "AST_HTTP_PORT": str(own.http), "AST_PEER_IP": callers.ip if knows_callers else own.ip,
        "AST_PEER_PORT": str(callers.sip), "AST_RTP_END": "14999",
    })  # fmt: skip
    instance.prepare()
    instance.start()
    try:
        ends = time.monotonic() + 60
        while not instance.ready():
            if time.monotonic() > ends:
                raise TimeoutError("Asterisk does not become ready")
            time.sleep(0.05)
        yield Exchange(instance, own, callers)
    finally:
        instance.stop()


def ask(running: Gateway, method: str, path: str, body: Any = None) -> Any:
    """Make one REST request of the demo organisation; returns the answer's JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {running.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{running.port}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {path}: {error.read().decode()}") from error


@contextmanager
def telephone_gateway(folder: Path, question: dict[str, Any]) -> Iterator[tuple[Gateway, Exchange]]:
    """Run a gateway with an Asterisk; its number asks `question` (a `voice.gather_dtmf` node) and hangs up."""
    with asterisk(folder, knows_callers=False) as exchange:
        main = {"name": "main", "url": exchange.root, "user": "jinaconnect", "password": exchange.password, "app": APP}
        settings = {"JC_VOICE__ASTERISKS": json.dumps([main]), "JC_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8"}
        with gateway(pinned=False, settings=settings) as running:
            _route(running, exchange, question)
            yield running, exchange


def _route(running: Gateway, exchange: Exchange, question: dict[str, Any]) -> None:
    graph = {
        "entry_node_id": "ask",
        "nodes": [{"id": "ask", "type": "voice.gather_dtmf", "data": question},
                  {"id": "end", "type": "voice.hangup", "data": {}}],
        "edges": [{"source": "ask", "target": "end", "on": on} for on in ("1", "timeout", "invalid", "default")],
    }  # fmt: skip
    template = ask(running, "POST", "/voice/api/templates/",
                   {"name": "Bench", "template_kind": "ivr_menu", "graph": graph})  # fmt: skip
    trunk = ask(running, "POST", "/voice/api/provider-configs/", {
        "name": "Bench", "provider": "sip", "from_numbers": [NUMBER], "max_concurrent_calls": 0,
        "credentials": {"sip_username": "", "sip_password": "", "sip_realm": exchange.callers.ip,
                        "sip_proxy": f"{exchange.callers.ip}:{exchange.callers.sip}",
                        "registration_required": False, "qualify_s": 0, "sip_transport": "udp"},
    })  # fmt: skip
    ask(running, "POST", "/voice/api/numbers/", {
        "number": NUMBER, "provider_config": trunk["id"], "name": "Bench",
        "route": {"type": "template", "template": template["id"]},
    })  # fmt: skip
    ends = time.monotonic() + 30
    while f"voice-{trunk['id']}" not in _endpoints(exchange):
        if time.monotonic() > ends:
            raise TimeoutError("the trunk does not reach Asterisk")
        time.sleep(0.1)


def _endpoints(exchange: Exchange) -> str:
    script = ROOT / "asterisk" / "asterisk.sh"
    command = [script, "cli", exchange.instance.directory, "pjsip show endpoints"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@dataclass(frozen=True)
class Called:
    """What SIPp saw; `messages` is its log where one was kept."""

    seconds: float
    failed: int
    messages: str


def call(
    exchange: Exchange, folder: Path, *, calls: int, at_once: int, rate: int, wait_ms: int, hangs_up: bool = False
) -> Called:  # fmt: skip
    """Make calls (see `calling`) and wait until the last has ended."""
    process = calling(exchange, folder, calls=calls, at_once=at_once, rate=rate, wait_ms=wait_ms, hangs_up=hangs_up)
    return process.finished()


@dataclass
class Calling:
    """A running SIPp."""

    process: subprocess.Popen[bytes]
    folder: Path
    begun: float

    def finished(self) -> Called:
        """Wait for its end."""
        self.process.wait(600)
        took = time.monotonic() - self.begun
        statistics = self.folder / "statistics.csv"
        if not statistics.exists():
            raise RuntimeError((self.folder / "console").read_text(errors="replace")[-2_000:])
        lines = statistics.read_text().splitlines()
        last = dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=False))
        log = self.folder / "messages.log"
        return Called(took, int(last["FailedCall(C)"]), log.read_text() if log.exists() else "")


def calling(
    exchange: Exchange, folder: Path, *, calls: int, at_once: int, rate: int, wait_ms: int, keys: int = 1,
    hangs_up: bool = False, stays_ms: int = 0, messages: bool = False,
) -> Calling:  # fmt: skip
    """Begin to make calls: each presses `keys` keys, `wait_ms` before each, stays, and hangs up or is hung up."""
    folder.mkdir(parents=True, exist_ok=True)
    found = _PARTS.fullmatch(SCENARIO.read_text())
    assert found is not None
    ends = found["ends"] if hangs_up else found["waits"]
    pressed = found["key"].replace("[wait]", str(wait_ms)) * keys
    pressed += f'<pause milliseconds="{stays_ms}"/>\n' if stays_ms else ""
    (folder / "callers.xml").write_text(found["head"] + pressed + ends + found["tail"])
    numbers = (f"+1303{5_550_000 + number:07d};" for number in range(CALLERS))
    (folder / "callers.csv").write_text("\n".join(["SEQUENTIAL", *numbers, ""]))
    command = [
        "sipp", f"{exchange.place.ip}:{exchange.place.sip}", "-sf", "callers.xml", "-inf", "callers.csv",
        "-i", exchange.callers.ip, "-p", str(exchange.callers.sip), "-mi", exchange.callers.ip, "-s", NUMBER,
        "-m", str(calls), "-l", str(at_once), "-r", str(rate), "-nostdin",
        "-trace_stat", "-stf", "statistics.csv", "-fd", "1",
    ]  # fmt: skip
    for name in ("messages.log", "statistics.csv"):
        (folder / name).unlink(missing_ok=True)
    if messages:
        command += ["-trace_msg", "-message_file", "messages.log", "-ringbuffer_size", "0"]
    with (folder / "console").open("wb") as console:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
    return Calling(process, folder, time.monotonic())
