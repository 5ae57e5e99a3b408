"""Every query the program makes is served by an index: asked of the database's own profiler while the API is used.

A tenant with some thousand rows of everything is asked everything the operation table offers; a new operation or
collection is looked at by being there. No query may examine many more documents than it returns, and no index may
stand about unused.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.messaging import silent
from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Mongodb, OutboundSection
from jinaconnect.core.permissions import PUBLIC
from jinaconnect.duties import retire_events
from jinaconnect.handlers.edge.operation import OPERATIONS, Operation
from jinaconnect.serve import listening
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.counting import BACKGROUND, FLOOR
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import Database, Document, connect
from jinaconnect.store.looking import LOOKED_AT, SEARCHED, WORDED
from tests.client import Answered, until
from tests.conftest import PLENTY
from tests.tenants import Tenant, make_tenant

ROWS = 5_000
SPARE = 120  # documents a query may look at beyond those it answers
NAME = "queries"

BOUNDS = (FLOOR + 1, WORDED, SEARCHED, LOOKED_AT)
FEW = {"roles", "apps", "voice_apps", "trunks", "trunk_states"}  # a tenant has some dozens at most, by their nature


class Site:
    """A tenant with much of everything, and the profiler."""

    def __init__(self, gateway: Gateway, database: Database, tenant: Tenant) -> None:
        self.gateway, self.database, self.tenant = gateway, database, tenant
        self.ids: dict[str, str] = {}
        self.answers: list[tuple[str, Answered]] = []

    async def ask(self, method: str, path: str, body: Any = None, **rest: Any) -> Answered:
        answer = await self.tenant("owner", rest.pop("mode", "test")).ask(method, path, body, **rest)
        self.answers.append((f"{method} {path} {rest.get('params', '')}", answer))
        return answer

    async def rows(self, collection: str) -> list[Document]:
        partition = {"$in": [self.tenant.id, f"{self.tenant.id}:test"]}
        return await self.database[collection].find({"scope": partition}).to_list()


@pytest.fixture(scope="module")
async def site(mongod: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    config = Config(
        var_dir=tmp_path_factory.mktemp("queries"), http=Http(port=0, drain_s=1), limits=PLENTY,
        mongodb=Mongodb(database=NAME), outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3),
    )  # fmt: skip
    client, database = connect(mongod.uri, NAME, timeout_s=60)
    # Each query is planned for itself: a plan that was made for another's values says nothing of the indexes there are.
    plans = {"internalQueryCacheMaxEntriesPerCollection": 0}
    kept = {name: (await client.admin.command("getParameter", 1, **{name: 1}))[name] for name in plans}
    await client.admin.command("setParameter", 1, **plans)
    gateway = Gateway(config)
    async with aiohttp.ClientSession() as session:
        await gateway.start(mongod.uri, listening(config))
        try:
            tenant = await make_tenant(gateway, gateway.services.settings.own_url, session)
            yield Site(gateway, database, tenant)
        finally:
            await gateway.stop()
            await database.command("profile", 0)
            await client.admin.command("setParameter", 1, **kept)
            await client.drop_database(NAME)
            await client.close()


async def _belongings(site: Site) -> None:
    """Make one or some of everything in the sandbox."""
    ask = site.ask
    contacts = [
        (await ask("POST", "/contacts/", {"phone": f"+1202555{n:04}", "first_name": "Ann", "tags": ["vip"]})).ok(201)
        for n in range(9101, 9106)
    ]
    site.ids["cnt"] = contact = contacts[0]["id"]
    for n in range(9101, 9106):
        body = {"channel": "whatsapp", "from": f"+1202555{n:04}", "name": "Ann", "text": f"hello {n}"}
        (await ask("POST", "/sandbox/inbound/", body)).ok(201)

    async def arrived() -> Any:
        return (await ask("GET", "/team-inbox/api/messages/")).ok()["count"] >= 5

    await until(arrived)
    people = (await ask("GET", "/tenants/users/", mode="live")).ok()["results"]
    role = (await ask("POST", "/tenants/roles/", {"name": "Theirs", "priority": 10})).ok(201)["id"]
    invited = {"email": f"q{secrets.token_hex(4)}@people.example", "role_id": role}
    member = (await ask("POST", "/tenants/members/invite/", invited)).ok(201)
    site.ids.update(rol=role, mem=str(member.get("id", "")), usr=str(member.get("user", "")))
    await ask("POST", "/tenants/api-keys/", {"name": "k", "role_id": role})
    await ask("POST", f"/contacts/{contact}/close/", {})
    await ask("POST", f"/contacts/{contact}/reopen/", {})
    await ask("POST", f"/team-inbox/api/conversations/{contact}/notes/", {"text": "n"})
    await ask("POST", "/wa/v1/messages/", {"contact": contact, "text": "hi"})
    await ask("POST", "/wa/v1/messages/", {"contact": contact, "text": "hi", "reply_to": "wamid.of-another"})
    offer = {"element_name": "theirs", "content": "hi", "category": "MARKETING"}
    template = (await ask("POST", "/wa/v1/templates/", offer)).ok(201)["id"]
    (await ask("POST", "/sandbox/wallet/", {"amount": 100})).ok()
    paid = {"contact": contact, "message_type": "TEMPLATE", "template": template}
    site.ids["tpl"] = template
    (await ask("POST", "/wa/v1/messages/", paid)).ok(201)
    await ask("POST", "/voice/api/recording-consents/", {"name": "c", "contact": contact, "consent_given": True})
    await ask("POST", "/voice/api/templates/", {"name": "t", "template_kind": "tts_script", "tts_text": "hi"})
    call = {"to_number": "+12025550101", "tts_text": "Hello.", "record": True}
    placed = await ask("POST", "/voice/api/calls/", call)
    site.ids["call"] = str(placed.body.get("id", ""))

    async def entered() -> Any:
        return (await ask("GET", "/team-inbox/api/messages/", params={"platform": "VOICE"})).ok()["count"]

    await until(entered, within_s=60)
    form = aiohttp.FormData()
    form.add_field("file", b"phone\n+12025559101\n12\n", filename="people.csv")
    job = (await ask("POST", "/contacts/bulk-import/", data=form)).ok(202)["import_job_id"]

    async def imported() -> Any:
        return (await ask("GET", f"/contacts/import-status/{job}/")).ok()["status"] == "COMPLETED"

    await until(imported)
    assert people is not None


async def _multiply(site: Site) -> None:
    """Bring every collection the tenant has rows in to some thousand rows, each like one of those that are there."""
    ids = site.gateway.services.ids
    for name in COLLECTIONS:
        originals = await site.rows(name)
        if not originals or name in FEW:
            continue
        held = await (await site.database[name].list_indexes()).to_list()
        unique = {list(index["key"])[-1] for index in held if index.get("unique")}
        copies = []
        for place in range(ROWS):
            doc = {**originals[place % len(originals)], "pending": []}
            kind = str(doc["_id"]).partition("_")[0]
            doc["_id"] = f"{kind}_00{ids.new('x').partition('_')[2][2:]}"  # older than what is there
            for key in unique:
                if isinstance(doc.get(key), str):
                    doc[key] = f"{doc[key]}-{place}"
                elif isinstance(doc.get(key), list):
                    doc[key] = [f"{value}-{place}" for value in doc[key]]
                elif isinstance(doc.get(key), int):
                    doc[key] = 10_000_000 + place
            doc.pop("due", None)
            doc.pop("live_on", None)
            if name == "contacts":
                _vary_contact(doc, place)
            elif name == "messages":
                doc.update(contact=f"cnt_other{place}", number=10_000_000 + place, is_read=True)
                # Each says something of its own that sorts first: where a kind stood first in the index of words, a
                # plan that goes through it would look as good as the kind's own for as long as plans are tried.
                doc["words"] = [f"!{place:05}", *doc.get("words", ())]
            elif name in ("timeline", "call_events", "recordings", "calls"):
                doc.update({key: f"{key}_{place}" for key in ("contact", "call", "parent_call") if doc.get(key)})
            if name == "calls":
                doc.update(status="COMPLETED", ended_at=doc["created_at"], slot=None)
            copies.append(doc)
        await site.database[name].insert_many(copies, ordered=False)


def _vary_contact(doc: Document, place: int) -> None:
    doc.update(
        first_name=f"Berta{place}", last_name=f"Doe{place}", tags=[f"tag{place % 500}"],
        assigned_to_user=f"usr_{place}", assigned_to_type="USER", source="IMPORT", status="OPEN",
        segments=[f"s{place}"],
    )  # fmt: skip
    doc["chat"] = {**doc["chat"], "unread": 0}


def _samples(schema: Mapping[str, Any], site: Site) -> list[str]:
    """Return values that a parameter of this schema takes."""
    if "enum" in schema:
        return list(schema["enum"])
    if schema.get("type") == "boolean":
        return ["true", "false"]
    if schema.get("type") == "integer":
        return ["7"]
    if "anyOf" in schema:
        return ["2027-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]
    words = re.match(r"\^\(([a-zA-Z_|]+)\)", schema.get("pattern", ""))
    return words[1].split("|")[:2] if words else ["nothing-like-this", "ann", site.ids["cnt"]]


def _values(item: Operation, site: Site) -> list[dict[str, str]]:
    """Return queries that use each parameter of an operation by itself."""
    queries: list[dict[str, str]] = [{}]
    if item.listing is not None:
        queries += [{"page": "2", "page_size": "5"}, {"cursor": ""}]
        queries += [{"ordering": way + name} for name in item.listing.orderings for way in ("", "-")]
        for name, schema in item.listing.parameters().items():
            queries += [{name: text} for text in _samples(schema, site) if name != "ordering"]
    for name, told in item.query.items():
        if name not in ("page", "page_size", "cursor"):
            queries += [{name: text} for text in _samples({} if isinstance(told, str) else told.schema, site)]
    return queries


async def _path(item: Operation, site: Site) -> str:
    """Return an operation's path with the id of the first thing in the list above, of the contact where there is none.
    """
    above, place, _ = item.path.partition("{")
    if not place:
        return item.path
    id = site.ids["cnt"]
    lists = {other.path for other in OPERATIONS.values() if other.method == "GET"}
    if "{contact" not in item.path and above in lists:
        body = (await site.ask("GET", above)).body
        rows = body.get("results", []) if isinstance(body, dict) else body
        id = rows[0].get("id", id) if rows else id
    return re.sub(r"\{\w+\}", id, item.path)


async def _use(site: Site) -> None:
    """Ask everything that reads, each parameter by itself, and what else looks for rows."""
    reading = [item for item in OPERATIONS.values() if item.method == "GET" and item.permission != PUBLIC]
    for item in reading:
        if item.id.startswith(("events.", "system.")) or item.hidden:
            continue
        path = await _path(item, site)
        for params in _values(item, site):
            answer = await site.ask("GET", path, params=params)
            assert answer.status < 500, (path, params, answer.body)
    contact = site.ids["cnt"]
    messages = (await site.ask("GET", "/team-inbox/api/messages/", params={"contact": contact})).ok()["results"]
    numbers = [str(row["message_id"]) for row in messages if row["message_id"]]
    base = "/team-inbox/api"
    await site.ask("GET", f"{base}/messages/conversation/", params={"platform": "WHATSAPP", "contact_id": contact})
    await site.ask("GET", f"{base}/conversations/{contact}/timeline/", params={"before": "100000"})
    await site.ask("POST", f"{base}/messages/mark_multiple_as_read/", {"message_ids": numbers})
    await site.ask("POST", f"{base}/messages/mark_multiple_as_read/", {"contact_id": contact})
    for n in (9101, 9177):
        body = {"channel": "whatsapp", "from": f"+1202555{n:04}", "name": "Ann", "text": "again"}
        (await site.ask("POST", "/sandbox/inbound/", body)).ok(201)
        sent = {"phone": f"+1202555{n:04}", "text": "hi"}
        await site.ask("POST", "/wa/v1/messages/", sent)
    paid = {"contact": contact, "message_type": "TEMPLATE", "template": site.ids["tpl"]}
    (await site.ask("POST", "/wa/v1/messages/", paid)).ok(201)
    await site.ask("POST", f"{base}/messages/bulk-delete/", {"message_ids": numbers[:1]})
    await site.ask("POST", "/contacts/", {"phone": "+12025559101"})
    placed = await site.ask("POST", "/voice/api/calls/", {"to_number": "+12025559102", "tts_text": "Hello."})
    assert placed.status == 201, placed.body
    erased = await site.ask("DELETE", f"/contacts/{contact}/", params={"erase": "true"})
    assert erased.status == 204, erased.body
    services = site.gateway.services
    await asyncio.gather(services.due.inherit(), retire_events(services), silent.look(services, site.gateway.ports))


def _shape(row: Mapping[str, Any]) -> str:
    """Return what distinguishes a query from others, without its values."""
    command = row.get("command", {})
    found = command.get("filter", command.get("q", command.get("query", command.get("pipeline", command))))
    told = f"{row['ns']} {row['op']} {found} {command.get('sort', '')}"
    return re.sub(r"'(\w{2,5}_\w+|[0-9T:.Z+-]{10,})[^']*'", "…", told)


def _excess(row: Mapping[str, Any]) -> int:
    """Return how many more documents a query has looked at than it answered, or than it may look at."""
    command = row.get("command", {})
    if command.get("comment") == BACKGROUND:  # made once in a while, and no request waits for it
        return 0
    answered = max(row.get(name, 0) for name in ("nreturned", "nMatched", "ndeleted", "nModified"))
    bounds = [stage["$limit"] for stage in command.get("pipeline", ()) if "$limit" in stage]
    if bounds and bounds[0] in BOUNDS:
        answered += 2 * int(bounds[0])  # a look at some rows, after which it ends; what nobody sees lies in between
    return int(row.get("docsExamined", 0)) - answered - SPARE


async def test_no_query_looks_at_more_than_it_answers_and_every_index_is_used(site: Site) -> None:
    await _belongings(site)
    await _multiply(site)
    await site.database.command("profile", 0)
    await site.database.drop_collection("system.profile")
    await site.database.create_collection("system.profile", capped=True, size=256 * 1024 * 1024)
    await site.database.command("profile", 2, slowms=0)
    await _use(site)
    await asyncio.sleep(0)
    await site.database.command("profile", 0)
    faults: Counter[str] = Counter()
    async for row in site.database["system.profile"].find({"ns": {"$regex": f"^{NAME}\\."}}):
        collection = row["ns"].partition(".")[2]
        if collection in COLLECTIONS and collection not in FEW and _excess(row) > 0:
            faults[f"{_shape(row)} {row.get('planSummary')} {row.get('docsExamined')}/{row.get('nreturned')}"] += 1
    assert not faults, "\n".join(faults)
    source = "".join(path.read_text() for path in Path("jinaconnect").rglob("*.py"))
    unused = []
    for name, declared in COLLECTIONS.items():
        stats = await (await site.database[name].aggregate([{"$indexStats": {}}])).to_list()
        used = {row["name"]: row["accesses"]["ops"] for row in stats}
        # What only a telephone or an Asterisk brings about is looked for in the source.
        keys = {index.name: next(key for key, _ in index.keys if key != "scope") for index in declared.built()}
        unused += [
            f"{name}.{index.name}"
            for index in declared.built()
            if not index.options.get("unique")
            and not used.get(index.name)
            and not re.search(rf'("{name}",|across\(\w+,)\s*(\{{[^}}]*)?"{re.escape(keys[index.name])}"', source)
        ]
    assert not unused
