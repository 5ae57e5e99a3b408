"""What others make of the served description: a validator and two generators take it whole, without a warning."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from jinaconnect.handlers.edge.description.openapi import description
from tests.tenants import Tenant

BIN = Path(sys.executable).parent
NPM = BIN.parent / "npm" / "node_modules" / ".bin"  # ./dev test installs it


@pytest.fixture
async def served(tenant: Tenant, tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps((await tenant.anonymous.get("/openapi.json")).ok()))
    return file


async def run(*command: Any) -> str:
    """Run a program, and return what it says; it must end well."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said


def operation_ids() -> set[str]:
    return {told["operationId"] for item in description()["paths"].values() for told in item.values()}


async def test_the_description_is_valid(served: Path) -> None:
    assert "OK" in await run(BIN / "openapi-spec-validator", served)


async def test_types_for_typescript_are_made_of_it_and_compile(served: Path) -> None:
    types = served.with_suffix(".ts")
    said = await run(NPM / "openapi-typescript", served, "--output", types)
    assert not re.search(r"warn|error|⚠|✘", said, re.IGNORECASE), said
    made = types.read_text()
    assert [name for name in operation_ids() if f'operations["{name}"]' not in made] == []
    await run(NPM / "tsc", "--noEmit", "--strict", "--skipLibCheck", types)


async def test_a_python_client_is_made_of_it_with_every_operation(served: Path) -> None:
    client = served.parent / "client"
    said = await run(
        BIN / "openapi-python-client", "generate", "--path", served, "--output-path", client, "--meta", "none",
        "--fail-on-warning",
    )  # fmt: skip
    assert "warning" not in said.lower(), said
    made = {file.stem for file in (client / "api").glob("*/*.py")} - {"__init__"}
    assert {re.sub(r"\W", "_", name) for name in operation_ids()} == made
