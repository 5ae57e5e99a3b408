"""Many documents changed alike: those that fit, each with its own values, nobody else's, by one statement a time."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.broadcasts.document import new_row
from jinaconnect.core.clock import system_clock
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.alike import AT_ONCE
from jinaconnect.store.tenant import Change
from tests.conftest import Running
from tests.store.test_ahead import IDS
from tests.tenants import Tenant


def row(broadcast: str, place: int) -> dict[str, Any]:
    about = {"_id": broadcast, "platform": "WHATSAPP"}
    contact = {"_id": f"cnt_{place}", "first_name": "Ann", "last_name": "", "phone": None}
    to = Address(PHONE, f"+1202555{place:04d}")
    return new_row(IDS.new("brr"), about, contact, to, system_clock())


async def test_those_that_fit_are_changed_each_with_its_own(gateway: Running, tenant: Tenant) -> None:
    data = gateway.services.store.of(tenant.id, "live")
    broadcast, count = IDS.new("brc"), 2 * AT_ONCE + 50
    rows = [row(broadcast, place) for place in range(count)]
    rows[7]["status"] = "BLOCKED"
    await data.insert_many("broadcast_rows", [(each, ()) for each in rows])
    ids, messages = [each["_id"] for each in rows], [f"msg_${place}" for place in range(count)]
    given = ({"status": "PENDING"}, {"status": "SENDING", "response": "$status"}, {"message": messages})

    other = gateway.services.store.of(tenant.id, "test")
    assert await other.change_alike("broadcast_rows", ids, *given) == 0, "another mode's are not reached"
    assert await data.change_alike("broadcast_rows", ids, *given) == count - 1

    found = {each["_id"]: each for each in await data.select("broadcast_rows", {"broadcast": broadcast})}
    for place, id in enumerate(ids):
        is_left = place == 7
        assert found[id]["message"] == (None if is_left else messages[place])
        assert found[id]["status"] == ("BLOCKED" if is_left else "SENDING")
        assert found[id]["response"] == ("" if is_left else "$status"), "a value is no expression"
        assert found[id]["rev"] == (1 if is_left else 2)
    assert await data.change_alike("broadcast_rows", ids, *given) == 0

    with pytest.raises(Invalid):
        await data.change_alike("broadcast_rows", ids, {}, {"response": 2**70})
    with pytest.raises(ValueError, match="partition"):
        await data.change_alike("broadcast_rows", ids, {}, {"scope": "ten_b:live"})


async def test_each_is_given_its_own_where_it_has_not_moved(gateway: Running, tenant: Tenant) -> None:
    data, now = gateway.services.store.of(tenant.id, "live"), system_clock()
    count = AT_ONCE + 20
    made = [
        new_contact(IDS.new("cnt"), source="MANUAL", by=None, phone=f"+1202556{place:04d}", created_at=now,
                    updated_at=now)
        for place in range(count)
    ]  # fmt: skip
    await data.insert_many("contacts", [(each, ()) for each in made])
    docs = [await data.get("contacts", each["_id"]) for each in made]
    moved = await data.change("contacts", docs[3]["_id"], lambda _: Change(set={"first_name": "Ann"}))
    given = [{"last": {"preview": f"${place}"}, "unread": place} for place in range(count)]

    assert await data.merge_each("contacts", "chat", docs, given) == count - 1
    for place, doc in enumerate(docs):
        found = await data.get("contacts", doc["_id"])
        if place == 3:
            assert found == moved.doc, "what has moved stays as it is"
        else:
            assert found == {**doc, "rev": 2, "chat": {**doc["chat"], **given[place]}}
    assert await data.merge_each("contacts", "chat", docs, given) == 0

    other = gateway.services.store.of(tenant.id, "test")
    present = [await data.get("contacts", each["_id"]) for each in made]
    assert await other.merge_each("contacts", "chat", present, given) == 0, "another mode's are not reached"
