"""Reading over REST: one contact, and the first page of a filtered list short and long."""

from __future__ import annotations

import json
import re
import select
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pymongo import IndexModel, MongoClient
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

from benchmarks.load import Crowd, Customers, Requests, fan
from benchmarks.processes import Gateway, cpu_seconds, family, free_port, gateway, peer, settle
from benchmarks.rows import Row, median
from jinaconnect.actions.inbox.messages import MESSAGES
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, new_message
from jinaconnect.core.inbox.words import contact_words, message_words
from jinaconnect.core.paging import Listing

CONNECTIONS = 16
_INBOX = "/team-inbox/api/messages/"
_TEXTS = ("Ann", "2026-11-01", "7")
FILTER = "status=OPEN&page_size=50"


def get(port: int, path: str, key: str) -> bytes:
    """Return what a path answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def _asking(path: str, key: str) -> Callable[[], bytes]:
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nAccept: application/json\r\n\r\n"
    ).encode()
    return lambda: request


def _cpu_per_request(pid: int, requests: Requests, seconds: float) -> float:
    """Keep every connection busy for some seconds; returns µs of the server's processor time per request."""
    poll = select.epoll()
    for number in requests.sockets:
        poll.register(number, select.EPOLLIN)
    ends = time.monotonic() + seconds
    cpu, answered = cpu_seconds(pid), requests.answered
    while time.monotonic() < ends:
        while requests.ready():
            requests.publish()
        for number, _ in poll.poll(1.0):
            requests.heard(number)
    used = (cpu_seconds(pid) - cpu) / (requests.answered - answered) * 1e6
    poll.close()
    return used


def one_contact(quick: bool) -> list[Row]:
    """Compare `GET /contacts/{id}/` with a bare Tornado handler that answers the same object."""
    seconds, rounds = (3.0, 1) if quick else (5.0, 3)
    ours, bare = [], []
    with gateway() as running:
        _meet_customers(running)
        contact = json.loads(get(running.port, "/contacts/?page_size=1", running.key))["results"][0]
        path = f"/contacts/{contact['id']}/"
        port = free_port()
        with peer("tornado_json", str(port), given=json.dumps(contact) + "\n") as pid:
            for _ in range(rounds):
                for found, at, process in ((bare, port, pid), (ours, running.port, running.pid)):
                    requests = Requests(at, CONNECTIONS, _asking(path, running.key))
                    _cpu_per_request(process, requests, 0.5)
                    requests.close()
                    requests = Requests(at, CONNECTIONS, _asking(path, running.key))
                    found.append(_cpu_per_request(process, requests, seconds))
                    requests.close()
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    return [
        Row("`GET` one contact, CPU", ratio, "x", f"{median(ours):.0f} µs",
            f"bare Tornado JSON handler {median(bare):.0f} µs", 3, 2)
    ]  # fmt: skip


def _meet_customers(running: Gateway) -> None:
    crowd = Crowd(running.port, 1, running.key)
    requests = Requests(running.port, 8, Customers(running, 50).request)
    fan(running.pid, crowd, requests, 60, 8, events=50)
    requests.close()
    crowd.close()


def fill(running: Gateway, count: int) -> None:
    """Put contacts into the tenant as the gateway stores them, half of them open, each with a message.

    Every other message went out, and its delivery was not reported yet.
    """
    scope = f"{running.tenant['id']}:live"
    now = datetime.now(UTC)
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        quick = WriteConcern(w=1, j=False)
        contacts = client["jinaconnect"].get_collection("contacts", write_concern=quick)
        messages = client["jinaconnect"].get_collection("messages", write_concern=quick)
        indexes = [(collection, _indexes(collection)) for collection in (contacts, messages)]
        for collection, _ in indexes:
            collection.drop_indexes()  # built in one go afterwards, which takes a quarter of the time
        for start in range(0, count, 5_000):
            written: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
            for number in range(start, min(start + 5_000, count)):
                at = now - timedelta(seconds=count - number)
                ms, chance = int(at.timestamp() * 1000), number.to_bytes(10, "big")
                contact = new_contact(
                    encode("cnt", ms, chance), source="MANUAL", by=None, phone=f"+1303{2_000_000 + number}",
                    first_name="Ann", last_name=f"Number {number}", status="OPEN" if number % 2 else "CLOSED",
                    created_at=at, updated_at=at,
                )  # fmt: skip
                message = new_message(
                    encode("msg", ms, chance), contact=contact["_id"], platform="WHATSAPP",
                    direction=OUTGOING if number % 2 else INCOMING, type="TEXT",
                    content={"type": "text", "body": {"text": f"parcel {number} has not arrived yet"}},
                    author="CONTACT", app=running.whatsapp["app_id"], timestamp=at,
                    status=status.SENT if number % 2 else status.RECEIVED, carrier_id=f"wamid.old{number}",
                    number=None, created_at=at, updated_at=at,
                )  # fmt: skip
                stored = {"scope": scope, "rev": 1, "pending": []}
                written[0].append({**contact, **stored, "words": contact_words(contact)})
                written[1].append({**message, **stored, "words": message_words(message)})
            contacts.insert_many(written[0], ordered=False)
            messages.insert_many(written[1], ordered=False)
        for collection, models in indexes:
            collection.create_indexes(models)


def _indexes(collection: Collection[dict[str, Any]]) -> list[IndexModel]:
    """Return the indexes of a collection as they can be built again."""
    return [
        IndexModel(list(held["key"].items()), **{name: held[name] for name in held if name not in ("v", "key", "ns")})
        for held in collection.list_indexes() if held["name"] != "_id_"
    ]


def _samples(schema: Mapping[str, Any]) -> list[str]:
    """Return values that a parameter of this schema takes."""
    if "enum" in schema:
        return list(schema["enum"])
    if schema.get("type") == "boolean":
        return ["true", "false"]
    if "anyOf" in schema:
        return ["2020-01-01T00:00:00Z"]
    if schema.get("type") == "integer":
        return ["7"]
    pattern = schema.get("pattern", "")
    words = re.match(r"\^\(([a-zA-Z_|]+)\)", pattern)
    return words[1].split("|")[:1] if words else [next(text for text in _TEXTS if re.search(pattern, text))]


def _asked(listing: Listing) -> list[dict[str, str]]:
    """Return queries that use each documented filter and ordering by itself."""
    queries = [{"ordering": way + name} for name in listing.orderings for way in ("", "-")]
    for name, schema in listing.parameters().items():
        if name not in ("ordering", "search"):
            queries += [{name: text} for text in _samples(schema)]
    return queries


SEARCHES = (("/contacts/", "Number"), ("/contacts/", "777"), (_INBOX, "parcel"), (_INBOX, "arriv"), (_INBOX, "777"))


def asking_for(path: str, query: Mapping[str, str]) -> str:
    """Return the path of a page of a list."""
    return f"{path}?{urlencode({**query, 'page_size': '50'})}"


def times(beside: Sequence[Gateway], paths: list[str], often: int) -> list[dict[str, float]]:
    """Return the median milliseconds of each page of each gateway, asked in turns: what disturbs one disturbs all.

    Each page was asked for before, and what of it is counted in the background has been counted.
    """
    databases = [next(pid for pid in family(each.pid) if pid != each.pid) for each in beside]
    found: list[dict[str, float]] = [{} for _ in beside]
    for path in paths:
        for each, mongod in zip(beside, databases, strict=True):
            get(each.port, path, each.key)
            settle(mongod, moment_s=0.1)
        took: list[list[float]] = [[] for _ in beside]
        for _ in range(often):
            for each, its in zip(beside, took, strict=True):
                begun = time.monotonic()
                get(each.port, path, each.key)
                its.append((time.monotonic() - begun) * 1000)
        for each_found, its in zip(found, took, strict=True):
            each_found[path] = median(its)
    return found


def first_page(quick: bool) -> list[Row]:
    """Compare first pages of lists of many rows with the same of 1,000: a common one, any other, searches."""
    many, often = (100_000, 3) if quick else (1_000_000, 9)
    common = [f"/contacts/?{FILTER}"]
    others = [
        asking_for(path, query)
        for path, listing in (("/contacts/", CONTACTS), (_INBOX, MESSAGES))
        for query in _asked(listing)
    ]
    searches = [asking_for(path, {"search": text}) for path, text in SEARCHES]
    with gateway() as small, gateway() as large:
        for running, count in ((small, 1_000), (large, many)):
            fill(running, count)
            answer = json.loads(get(running.port, common[0], running.key))
            if len(answer["results"]) != 50 or {row["status"] for row in answer["results"]} != {"OPEN"}:
                raise RuntimeError("this is not the page asked for")
        few, lots = times((small, large), common, 10 * often)
        for known, more in zip((few, lots), times((small, large), others + searches, often), strict=True):
            known.update(more)

    def row(what: str, paths: list[str]) -> Row:
        worst = max(paths, key=lambda path: lots[path] / few[path])
        which = worst.partition("?")[2].partition("&")[0]
        shown = f"{lots[worst]:.1f} ms" + (f" (`{which}`)" if len(paths) > 1 else "")
        return Row(f"{what}, {many:,} rows against 1,000", lots[worst] / few[worst], "x", shown,
                   f"1,000 rows {few[worst]:.1f} ms", 1.5, 1.1)  # fmt: skip

    return [
        row("first page of a filtered list", common),
        row("first page of the worst of all filters and orderings", others),
        row("search of a word", searches),
    ]
