"""The description of the feed: a linter takes it whole, every event type and frame is in it, every example fits."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.schema import sample
from jinaconnect.handlers.edge.description.asyncapi import feed_description
from jinaconnect.handlers.edge.description.frames import FROM_CLIENT, FROM_HERE
from jinaconnect.realtime.protocol import CLOSE_CODES
from tests.tenants import Tenant

DESCRIBED = feed_description()
MESSAGES = DESCRIBED["components"]["messages"]
NPM = Path(sys.executable).parent.parent / "npm" / "node_modules"  # ./dev test installs it
_LINT = """
const { lintFromString, createConfig } = require("@redocly/openapi-core");
(async () => {
  const config = await createConfig({ rules: { struct: "error", "no-unresolved-refs": "error" } });
  const problems = await lintFromString({ source: require("fs").readFileSync(process.argv[1], "utf8"), config });
  for (const each of problems) console.log(each.message, JSON.stringify(each.location.map((place) => place.pointer)));
})();
"""


async def lint(document: dict[str, Any], folder: Path) -> str:
    file = folder / "asyncapi.json"
    file.write_text(json.dumps(document))
    process = await asyncio.create_subprocess_exec(
        "node", "-e", _LINT, file, cwd=NPM.parent, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": DESCRIBED["components"]}
    found = Draft7Validator(whole, format_checker=FormatChecker()).iter_errors(value)
    return [f"{'.'.join(map(str, each.path))}: {each.message[:200]}" for each in found]


def refs(node: Any) -> Iterator[str]:
    for each in node:
        yield each["$ref"]


async def test_a_linter_takes_it_whole(tmp_path: Path) -> None:
    assert await lint(DESCRIBED, tmp_path) == ""
    wrong = {**DESCRIBED["channels"]["stream"], "adress": "/"}
    assert "adress" in await lint({**DESCRIBED, "channels": {**DESCRIBED["channels"], "stream": wrong}}, tmp_path)


def test_every_event_type_and_every_frame_is_a_message() -> None:
    assert set(MESSAGES) == {
        *CATALOGUE, "frame.events", *(f"frame.{name}" for name in FROM_HERE),
        *(f"client.{name}" for name in FROM_CLIENT), "sound.frame", "sound.supervision",
    }  # fmt: skip
    sent = {name for channel in DESCRIBED["channels"].values() for name in channel["messages"]}
    assert sent == set(MESSAGES)
    for operation in DESCRIBED["operations"].values():
        channel = DESCRIBED["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
        for reference in refs(operation["messages"]):
            assert reference.rpartition("/")[2] in channel["messages"]
    assert DESCRIBED["x-close-codes"].keys() == {str(code) for code in CLOSE_CODES}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_an_example_that_fits(name: str) -> None:
    message = MESSAGES[name]
    assert message["summary"]
    assert message["payload"]
    for example in message["examples"]:
        assert faults(message["payload"], example["payload"]) == []


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_example_of_an_event_type_is_what_its_model_takes(name: str) -> None:
    kind = CATALOGUE[name]
    kind.payload.model_validate(sample(kind.payload))
    assert kind.tells.endswith(".")
    assert "\n" not in kind.tells
    assert MESSAGES[name]["examples"][0]["payload"]["data"] == sample(kind.payload)


async def test_events_and_frames_are_as_described(tenant: Tenant) -> None:
    owner = tenant("owner", "test")
    async with owner.socket() as socket:
        hello = await socket.next("hello")
        ready = await socket.ready()
        followed = await socket.subscribe(topics=["inbox"])
        written = {"channel": "whatsapp", "from": "+12025550111", "name": "Ann Lee", "text": "In blue?"}
        await socket.send(type="request", id="1", operation="sandbox.inbound", body=written)
        result = await socket.next("result")
        events = await socket.until(lambda seen: any(event["type"] == "message.received" for event in seen))
        await socket.send(type="presence", viewing=events[0]["conversation_id"], typing=True)
        present = await socket.next("presence")
        await socket.send(type="ping")
        pong = await socket.next("pong")
        await socket.send(type="request", id="2", operation="nothing.here")
        refused = await socket.next("error")
    for frame in (hello, ready, followed, result, present, pong, refused):
        assert faults(MESSAGES[f"frame.{frame['type']}"]["payload"], frame) == []
    assert faults(MESSAGES["frame.events"]["payload"], {"type": "events", "events": events, "cursor": "c"}) == []
    for event in events:
        assert faults(MESSAGES[event["type"]]["payload"], event) == []
