"""The commands of `server.py`: what each does and how it ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
import uvloop
from pydantic import ValidationError

from jinaconnect import __version__
from jinaconnect.app import Gateway
from jinaconnect.config import Config, load
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import GatewayError, Unavailable
from jinaconnect.moving import add_commands
from jinaconnect.redaction import redact
from jinaconnect.serve import beside, database_uri, run_process
from jinaconnect.store.databases.embedded import EmbeddedMongoError, die_with_parent
from jinaconnect.store.secrets.sealing import SecretError

LINE_WITHIN_S = 15.0
DEFAULT_FILE = Path(__file__).resolve().parent.parent / "config.yaml"


def main(arguments: list[str]) -> int:
    """Run one command and return the process's exit status."""
    options = _parser().parse_args(arguments or ["run"])
    try:
        config = load(options.config)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            print(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}", file=sys.stderr)
        return 2
    _logging(config)
    try:
        return int(options.run(config, options) or 0)
    except (EmbeddedMongoError, SecretError, Unavailable, OSError) as error:
        print(f"server.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, default=DEFAULT_FILE, help="the settings file")
    parser = argparse.ArgumentParser(prog="server.py", description=f"JinaConnect gateway {__version__}")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", parents=[common], help="run the gateway (default)")
    run.add_argument("--role", choices=("all", "web", "worker", "voice"), default="all")
    run.add_argument("--processes", type=int, default=1, help="processes sharing the port; more than one needs Redis")
    run.add_argument("--demo", action="store_true", help="make two demo tenants and print how to log in")
    run.add_argument(
        "--demo-carrier",
        default="",
        metavar="HOST[:PORT][,ADDRESS…]",
        help="with --demo: give the first tenant a telephone line at this carrier, which calls from ADDRESS too",
    )
    run.set_defaults(run=_run)
    check = commands.add_parser("check-config", parents=[common], help="check the settings and end")
    check.set_defaults(run=_check)
    seed = commands.add_parser(
        "seed-demo", parents=[common], help="make the demo tenants; safe beside a running gateway"
    )
    seed.add_argument("--json", action="store_true", help="print everything as JSON")
    seed.set_defaults(run=_seed)
    verify = commands.add_parser(
        "verify", parents=[common], help="prove that wallets are their ledgers, and documents the fold of their log"
    )
    verify.add_argument("tenant", nargs="?", help="an organisation's id; all when absent")
    verify.set_defaults(run=_verify)
    wallet = commands.add_parser("wallet", parents=[common], help="switch a wallet on, set it up, pay into it; show it")
    wallet.add_argument("tenant", help="the organisation's id")
    wallet.add_argument("--on", action=argparse.BooleanOptionalAction, default=None, help="charge the organisation")
    wallet.add_argument("--currency", help="the currency it is kept in (ISO 4217), before it is used")
    wallet.add_argument("--credit-line", type=Decimal, help="how far below zero it may go")
    wallet.add_argument("--threshold", type=Decimal, help="below which total a notice is told")
    wallet.add_argument("--pay-in", type=Decimal, metavar="AMOUNT", help="credit what was paid; needs --reference")
    wallet.add_argument("--reference", help="names the payment: the same one is credited once")
    wallet.set_defaults(run=_wallet)
    claims = commands.add_parser(
        "number-claims", parents=[common], help="show which organisations claim a telephone number, or release it"
    )
    claims.add_argument("number", metavar="+12025550123")
    claims.add_argument("--release", default="", metavar="TENANT", help="take the number off this organisation")
    claims.set_defaults(run=_number_claims)
    add_commands(commands, common)
    openapi = commands.add_parser("openapi", parents=[common], help="print the API description")
    openapi.set_defaults(run=_openapi)
    return parser


def _logging(config: Config) -> None:
    level = getattr(logging, config.log.level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)


def _check(config: Config, options: argparse.Namespace) -> int:
    print("The settings are good.")
    return 0


def _openapi(config: Config, options: argparse.Namespace) -> int:
    from jinaconnect.handlers.edge.description.openapi import description

    print(json.dumps(description(), indent=2))
    return 0


def _run(config: Config, options: argparse.Namespace) -> int:
    if options.processes > 1 and not config.redis.url:
        print(
            "server.py: --processes needs redis.url (JC_REDIS__URL): processes wake each other through it.",
            file=sys.stderr,
        )
        return 2
    if options.processes > 1:
        return uvloop.run(_run_many(config, options))
    return uvloop.run(_run_one(config, options))


async def _run_one(config: Config, options: argparse.Namespace) -> int:
    uri, embedded = await database_uri(config)

    async def announce(gateway: Gateway) -> None:
        await _announce(gateway, options.demo, options.demo_carrier)
        if parent := os.environ.get("JC_PARENT"):
            following.append(asyncio.create_task(_end_with(int(parent))))

    following: list[asyncio.Task[None]] = []

    try:
        await run_process(config, options.role, int(os.environ.get("JC_PROCESSES_STARTED", "1")), uri, announce)
    finally:
        if embedded is not None:
            await embedded.stop()
    return 0


async def _end_with(parent: int) -> None:
    """End this process once its parent is gone, also where the kernel's own signal was missed at its birth."""
    while True:
        if os.getppid() != parent:
            break
        await asyncio.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


async def _run_many(config: Config, options: argparse.Namespace) -> int:
    """Own the embedded database and keep `--processes` children running on one port."""
    uri, embedded = await database_uri(config)
    environment = {
        **os.environ,
        "JC_MONGODB__URI": uri,
        "JC_PROCESSES_STARTED": str(options.processes),
        "JC_PARENT": str(os.getpid()),
    }
    command = [sys.executable, sys.argv[0], "run", "--config", str(options.config), "--role", options.role]
    children: dict[int, asyncio.subprocess.Process] = {}
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)

    async def keep(place: int) -> None:
        while not ended.is_set():
            demo = ["--demo", "--demo-carrier", options.demo_carrier] if options.demo and place == 0 else []
            child = await asyncio.create_subprocess_exec(
                *command, *demo, env=environment, start_new_session=True, preexec_fn=die_with_parent
            )
            children[place] = child
            await child.wait()
            if not ended.is_set():
                await asyncio.sleep(0.5)  # a child that cannot start should not spin

    keepers = [asyncio.create_task(keep(place)) for place in range(options.processes)]
    try:
        await ended.wait()
        for child in children.values():
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
        await asyncio.gather(*keepers, return_exceptions=True)
    finally:
        if embedded is not None:
            await embedded.stop()
    return 0


async def _announce(gateway: Gateway, demo: bool, demo_carrier: str) -> None:
    url = gateway.services.settings.own_url
    lines = [f"JinaConnect gateway {__version__} is ready on {url}"]
    if demo:
        from jinaconnect.actions.demo.tenants import seed_demo

        seeded = await seed_demo(gateway.services, gateway.ports, url)
        tenant = seeded["tenants"][0]
        people = {user["role"]: user for user in tenant["users"]}
        lines += [
            f"  {tenant['name']}",
            *(
                f"    {role:6} {people[role]['email']}  password {people[role]['password']}"
                for role in ("owner", "agent")
            ),
            f"    live key  {tenant['keys']['live']['owner']}",
            f"    test key  {tenant['keys']['test']['owner']}",
        ]
        if demo_carrier:
            lines += await _line(gateway, tenant["id"], demo_carrier)
    print("\n".join(lines), flush=True)


async def _line(gateway: Gateway, tenant: str, demo_carrier: str) -> list[str]:
    from jinaconnect.actions.demo.voice import ensure_demo_line, line_stands

    carrier, *callers = demo_carrier.split(",")
    line = await ensure_demo_line(gateway.services, gateway.ports, tenant, carrier, callers)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINE_WITHIN_S):
            while True:  # what is printed can be called at once
                if await line_stands(gateway.services, gateway.ports, tenant, line["trunk"]):
                    break
                await asyncio.sleep(0.1)
    return [f"    number    {line['number']}", f"    trunk     {line['trunk']}", f"    IVR       {line['template']}"]


def _number_claims(config: Config, options: argparse.Namespace) -> int:
    return uvloop.run(_settle_claims(config, options.number, options.release))


async def _settle_claims(config: Config, number: str, released: str) -> int:
    from jinaconnect.actions.trunks.settling import claims_of, release_number

    async with beside(config) as gateway:
        if released and not await release_number(gateway.services, number, released):
            print(f"server.py: {released} does not claim {number}.", file=sys.stderr)
            return 1
        for claim in await claims_of(gateway.services, number):
            print(claim.tenant, claim.trunk, "numbers" if claim.number else "from_numbers", iso(claim.since))
    return 0


def _seed(config: Config, options: argparse.Namespace) -> int:
    return uvloop.run(_seed_demo(config, options.json))


def _verify(config: Config, options: argparse.Namespace) -> int:
    return uvloop.run(_verify_all(config, options.tenant))


async def _verify_all(config: Config, tenant: str | None) -> int:
    from jinaconnect.actions.verifying import verify

    faults = 0
    async with beside(config) as gateway:
        tenants = [tenant] if tenant else [doc["_id"] for doc in await gateway.services.registry.tenants()]
        async for fault in verify(gateway.services, tenants):
            faults += 1
            print(fault)
    print(f"{len(tenants)} organisations, {faults} faults")
    return 1 if faults else 0


def _wallet(config: Config, options: argparse.Namespace) -> int:
    if (options.pay_in is None) != (options.reference is None):
        print("server.py: --pay-in and --reference go together", file=sys.stderr)
        return 2
    return uvloop.run(_keep_wallet(config, options))


async def _keep_wallet(config: Config, options: argparse.Namespace) -> int:
    from jinaconnect.actions.billing.keeping import pay_in, set_up
    from jinaconnect.core.billing.money import micros
    from jinaconnect.core.billing.wallet import render_wallet

    def millionths(amount: Decimal | None) -> int | None:
        return None if amount is None else micros(amount)

    scope = f"{options.tenant}:live"
    async with beside(config) as gateway:
        try:
            wallet = await set_up(
                gateway.services, scope, is_on=options.on, currency=options.currency,
                credit_line=millionths(options.credit_line), threshold_alert=millionths(options.threshold),
            )  # fmt: skip
            if options.pay_in is not None:
                await pay_in(gateway.services, scope, options.reference, micros(options.pay_in), options.reference)
                wallet = await set_up(gateway.services, scope)
        except GatewayError as error:
            print(f"server.py: {error.detail}", file=sys.stderr)
            return 1
    print(json.dumps(render_wallet(wallet), indent=2))
    return 0


async def _seed_demo(config: Config, as_json: bool) -> int:
    from jinaconnect.actions.demo.tenants import seed_demo

    async with beside(config) as gateway:
        url = f"http://{config.http.host}:{config.http.port}"
        seeded: dict[str, Any] = await seed_demo(gateway.services, gateway.ports, url)
    if as_json:
        print(json.dumps(seeded))
    else:
        for tenant in seeded["tenants"]:
            print(
                tenant["name"],
                *(f"  {user['role']:8} {user['email']}  {user['password']}" for user in tenant["users"]),
                sep="\n",
            )
    return 0
