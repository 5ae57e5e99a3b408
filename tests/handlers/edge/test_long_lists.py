"""Long lists: what no index serves is looked for in a bounded part, which the answer says, and found by going on."""

from __future__ import annotations

from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.looking import LOOKED_AT
from tests.conftest import Running
from tests.tenants import Tenant


async def test_a_search_says_where_it_ended_and_goes_on_from_there(gateway: Running, tenant: Tenant) -> None:
    services, now = gateway.services, gateway.services.clock()
    stored = {"scope": f"{tenant.id}:live", "rev": 1, "pending": [], "created_at": now, "updated_at": now}
    names = ["Zacharias", *("Ann" for _ in range(LOOKED_AT + 50))]
    contacts = [
        {**new_contact(services.ids.new("cnt"), source="MANUAL", by=None, first_name=name), **stored} for name in names
    ]
    await services.store.raw("contacts").insert_many(contacts, ordered=False)
    owner = tenant()
    page = (await owner.get("/contacts/", params={"first_name__icontains": "achari"})).ok()
    assert (page["results"], page["count_exact"], page["complete"]) == ([], False, False)
    first = (await owner.get("/contacts/", params={"first_name__icontains": "achari", "cursor": ""})).ok()
    assert first["results"] == []
    onward = {"first_name__icontains": "achari", "cursor": first["next_cursor"]}
    then = (await owner.get("/contacts/", params=onward)).ok()
    assert [row["first_name"] for row in then["results"]] == ["Zacharias"]
    assert then["next_cursor"] is None
    served = (await owner.get("/contacts/", params={"first_name": "Zacharias"})).ok()
    assert (served["count"], served["count_exact"], "complete" in served) == (1, True, False)
    both = (await owner.get("/contacts/", params={"first_name": "Zacharias", "source": "MANUAL"})).ok()
    assert (both["count"], both["count_exact"], "complete" in both) == (1, True, False)
    far = await owner.get("/contacts/", params={"page": "102", "page_size": "100"})
    assert "cursor" in far.refused(400, "validation_error")["page"][0]
    talk = await owner.get(f"/team-inbox/api/conversations/{contacts[0]['_id']}/timeline/", params={"offset": "9000"})
    assert "before" in talk.refused(400, "validation_error")["offset"][0]
