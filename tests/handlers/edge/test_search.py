"""Searches find words at any age, by an index; the rows of an earlier version are brought along."""

from __future__ import annotations

from typing import Any

from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.core.inbox.message import new_message
from jinaconnect.core.inbox.words import contact_words, message_words
from jinaconnect.store.looking import SEARCHED
from jinaconnect.store.words import Words
from tests.conftest import Running
from tests.tenants import Tenant

INBOX = "/team-inbox/api/messages/"


async def _write(gateway: Running, tenant: Tenant, names: list[str], texts: list[str], *, words: bool = True) -> None:
    """Store contacts of these names, the first of whom wrote all the texts, as the gateway keeps them."""
    services, now = gateway.services, gateway.services.clock()
    stored = {"scope": f"{tenant.id}:live", "rev": 1, "pending": [], "created_at": now, "updated_at": now}
    contacts = [
        {**new_contact(services.ids.new("cnt"), source="MANUAL", by=None, first_name=name), **stored} for name in names
    ]
    messages = [
        {
            **new_message(
                services.ids.new("msg"), contact=contacts[0]["_id"], platform="WHATSAPP", direction="INCOMING",
                type="TEXT", content={"type": "text", "body": {"text": text}}, author="CONTACT", app=None,
                timestamp=now, status=status.RECEIVED, number=place,
            ),
            **stored,
        }
        for place, text in enumerate(texts, 1)
    ]  # fmt: skip
    for name, rows, of in (("contacts", contacts, contact_words), ("messages", messages, message_words)):
        kept = [{**row, "words": of(row)} if words else row for row in rows]
        if kept:
            await services.store.raw(name).insert_many(kept, ordered=False)


def _texts(answer: dict[str, Any]) -> list[str]:
    return [row["content"]["body"]["text"] for row in answer["results"]]


async def test_an_old_message_is_found_by_how_its_words_begin(gateway: Running, tenant: Tenant) -> None:
    texts = ["The BLUE-green invoice", *(f"hello {n}" for n in range(SEARCHED + 20))]
    await _write(gateway, tenant, ["Ann"], texts)
    ask = tenant().get
    for search, found in (("invoic", 1), ("blue-green", 1), ("BLUE", 1), ("the blue", 1), ("nvoice", 0), ("blues", 0)):
        page = (await ask(INBOX, params={"search": search})).ok()
        assert (_texts(page), page["complete"]) == (texts[:found], False), search
    every = (await ask(INBOX, params={"search": "nvoice", "cursor": ""})).ok()
    assert (_texts(every), every["next_cursor"]) == (texts[:1], None)
    newest = (await ask(INBOX, params={"search": "hello", "page_size": "3"})).ok()
    assert _texts(newest) == [f"hello {n}" for n in range(SEARCHED + 19, SEARCHED + 16, -1)]
    assert newest["count"] >= SEARCHED
    number = (await ask(INBOX, params={"search": "1"})).ok()
    assert texts[0] in _texts((await ask(INBOX, params={"search": "1", "page": str(-(-number["count"] // 10))})).ok())
    none = (await ask(INBOX, params={"search": "invoice", "direction": "OUTGOING"})).ok()
    assert none["results"] == []


async def test_an_old_contact_is_found_by_any_part_of_its_name(gateway: Running, tenant: Tenant) -> None:
    await _write(gateway, tenant, ["Zacharias", *("Ann" for _ in range(SEARCHED + 20))], [])
    for search in ("achari", "ZACH", "ias"):
        page = (await tenant().get("/contacts/", params={"search": search})).ok()
        assert [row["first_name"] for row in page["results"]] == ["Zacharias"]
        assert (page["count"], page["count_exact"], "complete" in page) == (1, True, False)
        every = (await tenant().get("/contacts/", params={"search": search, "cursor": ""})).ok()
        assert ([row["first_name"] for row in every["results"]], every["next_cursor"]) == (["Zacharias"], None)


async def test_what_is_changed_or_erased_is_found_as_it_is_now(tenant: Tenant) -> None:
    client = tenant()
    contact = (await client.post("/contacts/", {"phone": "+12025550101", "first_name": "Berta"})).ok(201)["id"]
    (await client.patch(f"/contacts/{contact}/", {"first_name": "Cleo"})).ok()

    async def found(search: str) -> list[str]:
        return [row["id"] for row in (await client.get("/contacts/", params={"search": search})).ok()["results"]]

    assert (await found("berta"), await found("cleo"), await found("0101")) == ([], [contact], [contact])


async def test_rows_of_an_earlier_version_are_brought_along(gateway: Running, tenant: Tenant) -> None:
    database = gateway.services.store.database
    await _write(gateway, tenant, ["Zacharias", "Ann"], ["an invoice", "hello"], words=False)
    upkeep = database["upkeep"]
    held = await upkeep.find({"_id": {"$regex": "^words:"}}).to_list()
    try:
        for name, of in (("contacts", contact_words), ("messages", message_words)):
            await upkeep.delete_one({"_id": f"words:{name}"})
            first = Words(database)
            await first.prepare()
            assert not await first.ready(name)
            assert await first.bring(name)
            then = Words(database)  # a restart goes on where the first has got to
            while await then.bring(name):
                pass
            assert await then.ready(name)
            assert await Words(database).ready(name)
            rows = await database[name].find({"scope": f"{tenant.id}:live"}).to_list()
            assert [row["words"] for row in rows] == [of(row) for row in rows]
    finally:
        for row in held:
            await upkeep.replace_one({"_id": row["_id"]}, row, upsert=True)
