"""Commands that move organisations: in from the older product, and from one deployment to another."""

from __future__ import annotations

import argparse
import csv
import getpass
import json
import os
import sys
from pathlib import Path
from typing import Any

import uvloop

from jinaconnect.config import Config
from jinaconnect.core.errors import GatewayError
from jinaconnect.serve import beside

PASSPHRASE = "JC_MOVE_PASSPHRASE"
CELL = 1 << 24  # characters that a cell of a dump may have


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    dump = commands.add_parser(
        "import-jinaconnect", parents=[common], help="read a dump of the older product's tables; safe to repeat"
    )
    dump.add_argument("folder", type=Path, metavar="DIR", help="with tenants.csv, users.csv, contacts.csv, …")
    dump.add_argument("--tenant", help="the organisation to read it into; that of tenants.csv unless given")
    dump.set_defaults(run=_import_dump)
    out = commands.add_parser(
        "export-tenant", parents=[common], help="suspend an organisation and write all it has to one file"
    )
    out.add_argument("tenant", help="the organisation's id")
    out.add_argument("file", type=Path, nargs="?", help="the archive to write")
    out.add_argument("--back", action="store_true", help="write nothing: have one that was exported go on here")
    out.set_defaults(run=_export)
    into = commands.add_parser("import-tenant", parents=[common], help="bring an organisation's archive here")
    into.add_argument("file", type=Path, help="what export-tenant wrote")
    into.set_defaults(run=_import)


def refused(error: GatewayError) -> int:
    """Print why something was refused, and return the exit status of that."""
    told = error.detail if isinstance(error.detail, str) else None
    lines = [told] if told else [f"{name}: {said[0]}" for name, said in error.detail.items()]  # type: ignore[union-attr]
    print("\n".join(f"server.py: {line}" for line in lines), file=sys.stderr)
    return 1


def _import_dump(config: Config, options: argparse.Namespace) -> int:
    csv.field_size_limit(CELL)  # of the whole process, which reads nothing else
    return uvloop.run(_imported(config, options.folder, options.tenant))


async def _imported(config: Config, folder: Path, tenant: str | None) -> int:
    from jinaconnect.actions.moving.importing import TABLES, Dump, import_dump

    try:
        dump = Dump(folder, tenant)
        async with beside(config) as gateway:
            async for moved in import_dump(gateway.services, gateway.ports, dump):
                done = sum(moved.added.values()) + sum(moved.there.values())
                print(f"\r{done} rows", end="", file=sys.stderr, flush=True)
    except GatewayError as error:
        return refused(error)
    print(file=sys.stderr)
    told = {table: {"added": moved.added[table], "there": moved.there[table]} for table in TABLES if table != "tenants"}
    print(json.dumps({"tenant": moved.tenant, "joined_contacts": moved.joined, **told}))
    return 0


def _passphrase() -> str:
    """Return what secrets travel under: of the environment, or typed in."""
    return os.environ.get(PASSPHRASE) or getpass.getpass("Passphrase: ")


def _export(config: Config, options: argparse.Namespace) -> int:
    if (options.file is None) != options.back:
        print("server.py: a file or --back is needed", file=sys.stderr)
        return 2
    return uvloop.run(_exported(config, options.tenant, options.file))


async def _exported(config: Config, tenant: str, path: Path | None) -> int:
    from jinaconnect.actions.moving.leaving import export_tenant, take_back

    try:
        passphrase = _passphrase() if path is not None else ""
        async with beside(config) as gateway:
            if path is None:
                await take_back(gateway.services, tenant)
                return 0
            manifest = await export_tenant(gateway.services, tenant, path, passphrase)
    except GatewayError as error:
        return refused(error)
    print(json.dumps({"tenant": tenant, "parts": len(manifest["contents"])}))
    return 0


def _import(config: Config, options: argparse.Namespace) -> int:
    return uvloop.run(_brought(config, options.file))


async def _brought(config: Config, path: Path) -> int:
    from jinaconnect.actions.moving.arriving import import_tenant

    try:
        passphrase = _passphrase()
        async with beside(config) as gateway:
            async for done in import_tenant(gateway.services, path, passphrase):
                print(done, file=sys.stderr)
    except GatewayError as error:
        return refused(error)
    return 0
