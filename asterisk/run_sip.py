"""Run the gateway with an Asterisk of its own and a second one that plays the carrier: `./dev run-sip`.

Everything is on loopback and below the var directory. Both Asterisks and the gateway end with this program, however
it ends; an Asterisk that ends before is started again, so that one can be killed to see what happens.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "asterisk.sh"
SERVER = HERE.parent / "server.py"
OWNER = "owner@demo.example"
READY_S = 60.0
STOP_S = 30.0
AGAIN_S = 2.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Failed(Exception):
    """It cannot be run; the text says why."""


@dataclass(frozen=True)
class Place:
    """A loopback address with the ports an Asterisk listens on there."""

    ip: str
    sip: int
    http: int

    @property
    def sips(self) -> int:
        """The port for SIP over TLS."""
        return self.sip + 1


@dataclass
class Instance:
    """One Asterisk: where it lives, what it is told, and its process while there is one."""

    directory: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    def prepare(self) -> None:
        """End what an earlier run left here, and write the configuration."""
        _script("stop", self.directory)
        _script("prepare", self.directory, environment=self.environment)

    def start(self) -> None:
        """Start it; `ready` tells when it takes calls."""
        (self.directory / "run" / "asterisk.ctl").unlink(missing_ok=True)
        with (self.directory / "log" / "console").open("wb") as console:
            self.process = subprocess.Popen(
                [SCRIPT, "run", self.directory], env={**os.environ, **self.environment, "AST_KEEP_CONF": "1"},
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                preexec_fn=_ends_with_us,
            )  # fmt: skip

    def ready(self) -> bool:
        """Tell whether every module is loaded; raises Failed when it has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise Failed(f"Asterisk did not start; see {self.directory / 'log'}")
        if not (self.directory / "run" / "asterisk.ctl").exists():
            return False
        asked = subprocess.run(
            [SCRIPT, "cli", self.directory, "core waitfullybooted"], capture_output=True, timeout=READY_S, check=False
        )
        return asked.returncode == 0

    def stop(self) -> None:
        """End it."""
        _end(self.process, 10.0)


class Interrupted(BaseException):
    """Somebody wants us to end."""


def main(arguments: list[str]) -> int:
    """Run until told to end, or until the gateway ends; returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    var = Path(os.environ.get("JC_VAR_DIR", "var")).resolve()
    home = var / "run-sip"
    home.mkdir(parents=True, exist_ok=True)
    instances: list[Instance] = []
    gateway: subprocess.Popen[bytes] | None = None
    status = 130
    try:
        with (home / "lock").open("a+") as lock:
            _only_one(lock.fileno(), var)
            try:
                _script("install")
                gateway = _run(home, var, arguments, instances)
                status = _watch(gateway, instances)
            except Interrupted:
                status = 130
            finally:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)  # the second Ctrl-C finds everything ending already
                _end(gateway, STOP_S)
                for instance in instances:
                    instance.stop()
                (home / "addresses.json").unlink(missing_ok=True)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        print(f"./dev run-sip: {error}", file=sys.stderr)
        return 1
    return status


def _run(home: Path, var: Path, arguments: list[str], instances: list[Instance]) -> subprocess.Popen[bytes]:
    own, carrier, caller = free_places()
    instances += [
        _instance(home / "asterisk", own, own, "from-trunk"),
        _instance(home / "carrier", carrier, own, "carrier"),
    ]
    for instance in instances:
        instance.prepare()
    for instance in instances:
        instance.start()
    end = time.monotonic() + READY_S
    for instance in instances:
        while not instance.ready():
            if time.monotonic() > end:
                raise Failed(f"Asterisk did not become ready; see {instance.directory / 'log'}")
            time.sleep(0.05)
    told = {"asterisk": f"{own.ip}:{own.sip}", "carrier": f"{carrier.ip}:{carrier.sip}", "caller": caller.ip}
    (home / "addresses.json").write_text(json.dumps(told))
    print(f"Asterisk   SIP {own.ip}:{own.sip}, HTTP {own.ip}:{own.http}, files in {home / 'asterisk'}")
    print(f"carrier    SIP {carrier.ip}:{carrier.sip}, files in {home / 'carrier'}")
    print("callers    ./dev call-in 1      (another terminal: calls the number below and presses 1)", flush=True)
    password = (home / "asterisk" / "ari.password").read_text()
    asterisk = {"name": "main", "url": f"http://{own.ip}:{own.http}", "user": "jinaconnect", "password": password}
    settings = {"JC_VAR_DIR": str(var), "JC_VOICE__ASTERISKS": json.dumps([asterisk])}
    defaults = {"JC_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8", "JC_VOICE__OPERATORS": OWNER}
    line = f"{carrier.ip}:{carrier.sip},{caller.ip}"
    return subprocess.Popen(
        [sys.executable, SERVER, "run", "--demo", "--demo-carrier", line, *arguments],
        env={**defaults, **os.environ, **settings}, stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=_ends_with_us,
    )  # fmt: skip


def _instance(directory: Path, place: Place, peer: Place, context: str) -> Instance:
    return Instance(directory, {
        "AST_IP": place.ip, "AST_SIP_PORT": str(place.sip), "AST_SIPS_PORT": str(place.sips),
        "AST_HTTP_PORT": str(place.http), "AST_PEER_IP": peer.ip, "AST_PEER_PORT": str(peer.sip),
        "AST_CONTEXT": context,
    })  # fmt: skip


def _watch(gateway: subprocess.Popen[bytes], instances: list[Instance]) -> int:
    """Keep both Asterisks running until the gateway ends; returns its status."""
    while (status := gateway.poll()) is None:
        for instance in instances:
            if instance.process is not None and instance.process.poll() is not None:
                print(f"The {instance.directory.name} has ended; it is started again.", flush=True)
                time.sleep(AGAIN_S)
                instance.start()
        time.sleep(0.2)
    return status


def free_places() -> tuple[Place, Place, Place]:
    """Return places for Asterisk, carrier and callers in one network of 127.0 that nobody else uses.

    The usual ports where those are free, else others. Raises Failed.
    """
    for sip, http in ((5060, 8088), (15060, 18088), (25060, 28088)):
        for net in range(20, 60):
            own, carrier, caller = (Place(f"127.0.{net}.{host}", sip, http) for host in (1, 2, 3))
            if all(map(_free, (own, carrier, caller))):
                return own, carrier, caller
    raise Failed("no free network of 127.0.20.0 to 127.0.59.0 for SIP")


def _free(place: Place) -> bool:
    for port in (place.sip, place.sips, place.http):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                if kind == socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an ended run's closed connections
                try:
                    probe.bind((place.ip, port))
                except OSError:
                    return False
    return True


def _only_one(handle: int, var: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failed(f"another run-sip has {var}; end it, or give this one a directory and a port of its own: "
                     "JC_VAR_DIR=var2 JC_HTTP__PORT=8090 ./dev run-sip") from None  # fmt: skip


def _script(command: str, *arguments: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [SCRIPT, command, *arguments], env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise Failed(f"asterisk.sh {command} failed")


def _end(process: subprocess.Popen[bytes] | None, patience_s: float) -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ends_with_us() -> None:
    """Have the kernel end a child when we are killed; called between fork and exec."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
