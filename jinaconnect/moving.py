"""Commands that move organisations: in from the older product, and from one deployment to another."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import uvloop

from jinaconnect.config import Config
from jinaconnect.core.errors import GatewayError
from jinaconnect.serve import beside


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    dump = commands.add_parser(
        "import-jinaconnect", parents=[common], help="read a dump of the older product's tables; safe to repeat"
    )
    dump.add_argument("folder", type=Path, metavar="DIR", help="with tenants.csv, users.csv, contacts.csv, …")
    dump.add_argument("--tenant", help="the organisation to read it into; that of tenants.csv unless given")
    dump.set_defaults(run=_import_dump)


def refused(error: GatewayError) -> int:
    """Print why something was refused, and return the exit status of that."""
    told = error.detail if isinstance(error.detail, str) else None
    lines = [told] if told else [f"{name}: {said[0]}" for name, said in error.detail.items()]  # type: ignore[union-attr]
    print("\n".join(f"server.py: {line}" for line in lines), file=sys.stderr)
    return 1


def _import_dump(config: Config, options: argparse.Namespace) -> int:
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
