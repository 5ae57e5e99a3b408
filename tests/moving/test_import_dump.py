"""`server.py import-jinaconnect`: the older product's tables become an organisation, once, with all that they hold."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from jinaconnect.actions.moving import importing
from jinaconnect.actions.moving.importing import Dump, import_dump
from jinaconnect.core.errors import Invalid
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from tests.client import until
from tests.conftest import Running
from tests.processes import PLENTY, ROOT, SERVER, free_port
from tests.tenants import Tenant

Table = Sequence[Mapping[str, Any]]
PHONES = [f"+1202555{number}" for number in range(9201, 9206)]
EVENTS = 13  # that the dump below becomes, with those of its organisation


def write(folder: Path, **tables: Table) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            out = csv.DictWriter(file, sorted({key for row in rows for key in row}), restval="")
            out.writeheader()
            out.writerows({key: json.dumps(value) if isinstance(value, dict | list) else value
                           for key, value in row.items()} for row in rows)  # fmt: skip
    return folder


def message(id: int, contact: int, text: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": id, "message_id": id, "contact": contact, "content": {"type": "text", "body": {"text": text}},
        "direction": "INCOMING", "platform": "WHATSAPP", "author": "CONTACT",
        "timestamp": f"2024-03-01T10:{id % 60:02}:00Z", "is_read": "true", **fields,
    }  # fmt: skip


def dump(folder: Path) -> Path:
    users = [
        {"id": 7, "email": f"Ann.{secrets.token_hex(4)}@lee.example", "first_name": "Ann", "role": "owner"},
        {"id": 8, "email": f"bo.{secrets.token_hex(4)}@lee.example", "first_name": "Bo", "last_name": "Lee",
         "role": "agent"},
    ]  # fmt: skip
    contacts = [
        {"id": n, "phone": phone, "first_name": f"N{n}", "tag": "vip", "created_at": f"2023-01-0{n + 1}T00:00:00Z",
         "attributes": {"plan": "gold"}}
        for n, phone in enumerate(PHONES)
    ]  # fmt: skip
    contacts[1] |= {"assigned_to_type": "USER", "assigned_to_id": "8", "status": "OPEN"}
    contacts[2] |= {"status": "CLOSED"}
    out = {"direction": "OUTGOING", "author": "USER", "tenant_user": 8}
    messages = [
        message(1, 0, "hi"), message(2, 0, "we do", **out, outgoing_status="read", external_message_id="wamid.1",
                                     outgoing_read_at="2024-03-01T11:00:00Z"),
        message(3, 0, "thanks", is_read="false"), message(4, 1, "hello"), message(5, 1, "late", **out,
                                                                                  outgoing_status="failed"),
        message(6, 2, "a note", **out, internal_note="true", content={"type": "note", "body": {"text": "a note"}}),
        message(7, 2, "bye"), message(8, 2, "waiting", **out, outgoing_status="queued"),
    ]  # fmt: skip
    templates = [{"id": 3, "element_name": "Order Sent", "content": "On its way, {{name}}.", "status": "APPROVED",
                  "platform": "SMS", "category": "UTILITY"}]  # fmt: skip
    return write(folder, users=users, contacts=contacts, messages=messages, templates=templates)


async def take(gateway: Running, folder: Path, tenant: Tenant) -> importing.Moved:
    found = [moved async for moved in import_dump(gateway.services, gateway.ports, Dump(folder, tenant.id))]
    return found[-1]


async def everything(gateway: Running, tenant: Tenant) -> dict[str, list[Any]]:
    """Return all that an organisation has, and its log but for notifications, which come in a time of their own."""
    names = ("contacts", "messages", "templates", "members", "timeline", "events")
    scopes = {"$in": [tenant.id, f"{tenant.id}:live"]}
    database = gateway.services.store.database
    found = {name: await database[name].find({"scope": scopes}, sort=[("_id", 1)]).to_list() for name in names}
    told = [row for row in found["events"] if row["type"] != "notification.created"]
    return {**found, "events": [(row["seq"], row["type"], row["subject"]) for row in told]}


async def test_a_dump_becomes_the_organisations_own(gateway: Running, tenant: Tenant, tmp_path: Path) -> None:
    moved = await take(gateway, dump(tmp_path / "dump"), tenant)
    assert dict(moved.added) == {"users": 2, "templates": 1, "contacts": 5, "messages": 8}
    owner = tenant()
    chats = {chat["contact"]["phone"]: chat for chat in
             (await owner.get("/team-inbox/api/conversations/")).ok()["results"]}  # fmt: skip
    assert {phone: (chat["status"], chat["unread_count"], chat["last_message"]["preview"])
            for phone, chat in chats.items()} == {
        PHONES[0]: ("OPEN", 1, "thanks"), PHONES[1]: ("OPEN", 0, "late"), PHONES[2]: ("CLOSED", 0, "waiting"),
    }  # fmt: skip
    assert chats[PHONES[1]]["assignment"]["assigned_to_name"] == "Bo Lee"
    contact = chats[PHONES[0]]["contact"]["id"]
    shown = (await owner.get(f"/contacts/{contact}/")).ok()
    assert (shown["tags"], shown["attributes"], shown["created_at"]) == (
        ["vip"], {"plan": "gold"}, "2023-01-01T00:00:00.000Z",
    )  # fmt: skip
    items = (await owner.get(f"/team-inbox/api/conversations/{contact}/timeline/")).ok()["results"]
    told = [item["data"] for item in items if item["type"] == "message"]
    assert [each["content"]["body"]["text"] for each in told] == ["thanks", "we do", "hi"]
    assert (told[1]["outgoing_status"], told[1]["outgoing_read_at"]) == ("read", "2024-03-01T11:00:00.000Z")
    assert (told[1]["external_message_id"], told[2]["timestamp"]) == ("wamid.1", "2024-03-01T10:01:00.000Z")
    rows = (await owner.get("/team-inbox/api/messages/", params={"page_size": "50"})).ok()["results"]
    states = {row["content"]["body"]["text"]: row["outgoing_status"] for row in rows}
    assert (states["late"], states["waiting"], states["a note"]) == ("failed", "unknown", None)
    [template] = (await owner.get("/sms/v1/templates/")).ok()["results"]
    assert (template["element_name"], template["status"]) == ("order_sent", "APPROVED")
    members = {row["first_name"]: row["role_detail"]["slug"] for row in
               (await owner.get("/tenants/members/")).ok()["results"]}  # fmt: skip
    assert {"Ann": members["Ann"], "Bo": members["Bo"]} == {"Ann": "owner", "Bo": "agent"}
    assert [e["type"] for e in await owner.events() if e["type"].startswith("message.")] == []
    found = (await owner.get("/team-inbox/api/messages/", params={"search": "thanks"})).ok()["results"]
    assert [row["content"]["body"]["text"] for row in found] == ["thanks"]


async def test_the_same_dump_again_changes_nothing_and_one_cut_off_is_completed(
    gateway: Running, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dump(tmp_path / "dump")
    monkeypatch.setattr(importing, "BATCH", 2)
    for stops_after in (1, 2, 4, 6):
        seen = 0
        async for _ in import_dump(gateway.services, gateway.ports, Dump(folder, tenant.id)):
            seen += 1
            if seen == stops_after:
                break
    await take(gateway, folder, tenant)

    async def told() -> bool:  # events follow what they tell of
        return len((await everything(gateway, tenant))["events"]) == EVENTS

    await until(told)
    first = await everything(gateway, tenant)
    moved = await take(gateway, folder, tenant)
    assert sum(moved.added.values()) == 0
    after = await everything(gateway, tenant)
    assert after == first
    assert (len(first["contacts"]), len(first["messages"])) == (5, 8)
    chats = (await tenant().get("/team-inbox/api/conversations/")).ok()["results"]
    assert {chat["contact"]["phone"]: chat["unread_count"] for chat in chats} == {
        PHONES[0]: 1, PHONES[1]: 0, PHONES[2]: 0,
    }  # fmt: skip


async def test_who_is_known_here_stands_for_who_was_there(gateway: Running, tenant: Tenant, tmp_path: Path) -> None:
    known = (await tenant().post("/contacts/", {"phone": PHONES[0], "first_name": "Mine"})).ok(201)
    moved = await take(gateway, dump(tmp_path / "dump"), tenant)
    assert (moved.joined, moved.added["contacts"]) == (1, 4)
    shown = (await tenant().get(f"/contacts/{known['id']}/")).ok()
    assert shown["first_name"] == "Mine"
    chat = (await tenant().get(f"/team-inbox/api/conversations/{known['id']}/")).ok()
    assert (chat["last_message"]["preview"], chat["unread_count"]) == ("thanks", 1)


@pytest.mark.parametrize(
    ("table", "row", "where", "column"),
    [
        ("contacts", {"id": 1, "phone": "12"}, "contacts.csv:2", "phone"),
        ("contacts", {"id": "", "phone": PHONES[0]}, "contacts.csv:2", "id"),
        ("contacts", {"id": 1, "phone": PHONES[0], "attributes": "{"}, "contacts.csv:2", "attributes"),
        ("contacts", {"id": 1, "phone": PHONES[0], "created_at": "yesterday"}, "contacts.csv:2", "created_at"),
        ("messages", message(1, 5, "to nobody"), "messages.csv:2", "contact"),
        ("users", {"id": 1, "email": "nobody"}, "users.csv:2", "email"),
        ("templates", {"id": 1, "element_name": "9 lives"}, "templates.csv:2", "element_name"),
    ],
)
async def test_a_dump_with_a_wrong_cell_is_refused_whole_naming_it(
    gateway: Running, tenant: Tenant, tmp_path: Path, table: str, row: Mapping[str, Any], where: str, column: str
) -> None:
    before = await everything(gateway, tenant)
    with pytest.raises(Invalid) as refused:
        await take(gateway, write(tmp_path / "dump", **{table: [row]}), tenant)
    assert isinstance(refused.value.detail, dict)
    [(place, [why])] = refused.value.detail.items()
    assert (place, why.startswith(column)) == (where, True)
    assert await everything(gateway, tenant) == before


async def test_killed_in_the_middle_the_command_completes_when_run_again(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    folder, name = tmp_path / "dump", f"moved_{secrets.token_hex(4)}"
    people = [{"id": n, "phone": f"+1202556{n:04}"} for n in range(1500)]
    write(
        folder, tenants=[{"id": 1, "name": f"Lee & Sons {name}"}], contacts=people,
        messages=[message(n, n % 1500, f"m{n}") for n in range(6000)],
    )  # fmt: skip
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("JC_")}, **PLENTY,
        "JC_VAR_DIR": str(tmp_path / "var"), "JC_HTTP__PORT": str(free_port()), "JC_MONGODB__URI": mongod.uri,
        "JC_MONGODB__DATABASE": name,
    }  # fmt: skip
    client, database = connect(mongod.uri, name, timeout_s=60)

    async def started() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, SERVER, "import-jinaconnect", str(folder), env=environment, cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    try:
        for wanted in (200, 1000):
            process = await started()

            async def in_the_middle(wanted: int = wanted) -> bool:
                return bool(await database["messages"].count_documents({}) >= wanted)

            await until(in_the_middle, within_s=60)
            process.kill()
            await process.wait()
        process = await started()
        assert process.stdout is not None
        told = json.loads(await process.stdout.read())
        assert await process.wait() == 0
        assert told["messages"]["added"] + told["messages"]["there"] == 6000
        assert told["messages"]["there"] >= 1000
        assert await database["messages"].count_documents({}) == 6000
        assert await database["contacts"].count_documents({"chat.at": {"$type": "date"}}) == 1500
        assert await database["events"].count_documents({"type": "contact.created"}) == 1500
    finally:
        await client.drop_database(name)
        await client.close()
