"""README's office walk-through, word for word but for the address of the gateway."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from tests.client import until
from tests.conftest import Running
from tests.handlers.mail import posting

README = Path(__file__).resolve().parents[3] / "README.md"


async def test_the_office_walk_through_works(gateway: Running, tmp_path: Path) -> None:
    section = README.read_text().partition("## Office walk-through")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 6
    (tmp_path / "var").symlink_to(gateway.gateway.config.var_dir)
    shell = await asyncio.create_subprocess_exec(
        "bash", cwd=tmp_path, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    folder = gateway.gateway.config.var_dir / "mail"
    letters = set(folder.glob("*.eml"))

    async def another() -> bool:
        return len(set(folder.glob("*.eml")) - letters) > 0

    answers: list[str] = []
    with posting(gateway, None):
        for place, block in enumerate(blocks):
            shell.stdin.write(block.replace("http://127.0.0.1:8080", gateway.url).encode() + b"\necho; echo done\n")
            async with asyncio.timeout(90):
                while (line := (await shell.stdout.readline()).decode()) != "done\n":
                    answers.append(line)
            if place in (0, 2):  # as somebody does who types: the letter comes within a moment
                await until(another)
                letters |= set(folder.glob("*.eml"))
    shell.stdin.close()
    assert await shell.wait() == 0
    told = "".join(answers)
    assert '"message":"The address is confirmed."' in told
    assert '"message":"The account is ready."' in told
    assert '"status":"APPROVED"' in told
    assert told.rstrip().endswith("%PDF-1.7")
    people = json.JSONDecoder().raw_decode(told[told.index('{"count"'):])[0]
    assert {(row["email"], row["role_detail"]["slug"], row["is_active"]) for row in people["results"]} == {
        ("ann@lee.example", "owner", True), ("bo@lee.example", "agent", True)
    }  # fmt: skip
