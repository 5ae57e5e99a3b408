"""The deployment's own people find organisations and their ledgers; nobody else sees more than their own."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from jinaconnect.core.billing.money import MICRO
from tests.client import Answered, Client, until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.tenants import Tenant

LEDGER = "/wallet/transactions/"


@pytest.fixture
async def pair(gateway: Running, new_tenant: Any) -> tuple[str, Tenant, Tenant]:
    """A word, and two organisations that have it in their names."""
    word, made = f"Wool{secrets.token_hex(5)}", []
    for place in range(2):
        tenant = await new_tenant()
        (await tenant().patch(f"/tenants/{tenant.id}/", {"name": f"{word}.{place} & Sons"})).ok()
        await wallet_with(gateway.services, f"{tenant.id}:live", 10 * (place + 1))
        made.append(tenant)
    return word, made[0], made[1]


async def ids(client: Client, **asked: Any) -> list[str]:
    async def made() -> Any:
        answer = await client.get("/tenants/", params=asked)
        return answer if answer.status != 503 else None  # contacts are being counted

    answer: Answered = await until(made)
    return [row["id"] for row in answer.ok()["results"]]


async def test_staff_find_organisations_by_what_they_are_and_have(
    operator: Client, pair: tuple[str, Tenant, Tenant], gateway: Running
) -> None:
    word, first, second = pair
    both = [second.id, first.id]
    assert await ids(operator, name=word.upper()) == both
    assert await ids(operator, name=word, page_size=1, page=2) == [first.id]
    assert await ids(operator, name__exact=f"{word}.1 & Sons") == [second.id]
    assert await ids(operator, name__exact=word) == []
    assert await ids(operator, name=f"{word}x0") == [], "a dot is a dot"
    assert await ids(operator, name=word, created_at__lte="2001-01-01") == []
    assert await ids(operator, name=word, created_at__gte="2001-01-01") == both
    for asked, found in (
        ({"balance__gte": "20"}, [second.id]), ({"balance__lte": "10"}, [first.id]),
        ({"balance__gte": "10", "balance__lte": "20"}, both), ({"balance__gte": "20.000001"}, []),
        ({"credit_line__gte": "0"}, both), ({"credit_line__gte": "1"}, []),
        ({"threshold_alert__lte": "10"}, both), ({"threshold_alert__lte": "9.99"}, []),
        ({"contacts_count__lte": "0"}, both), ({"contacts_count__gte": "1"}, []),
        ({"product": "wa"}, both), ({"product": "whatsapp"}, both), ({"product": "rcs"}, []),
        ({"product": "all"}, both),
    ):  # fmt: skip
        assert await ids(operator, name=word, **asked) == found, asked
    (await first().post("/contacts/", {"phone": "+12025550177"})).ok(201)
    [shown] = (await operator.get("/tenants/", params={"name": f"{word}.0"})).ok()["results"]
    assert (shown["contacts_count"], shown["balance"], shown["threshold_alert"]) == (1, 10, 10)
    assert shown["wa_apps"][0]["app_id"] is not None
    assert (await operator.get(f"/tenants/{first.id}/")).ok() == shown
    (await operator.patch(f"/tenants/{first.id}/", {"name": "Theirs"})).refused(404, "not_found")
    for wrong in ({"balance__gte": "much"}, {"contacts_count__gte": "1.5"}, {"product": "fax"},
                  {"created_at__gte": "soon"}):  # fmt: skip
        assert set((await operator.get("/tenants/", params=wrong)).refused(400, "validation_error")) == set(wrong)


async def test_everybody_else_sees_their_own_whatever_they_ask(pair: tuple[str, Tenant, Tenant]) -> None:
    word, first, second = pair
    assert await ids(first()) == await ids(first(), name=word) == [first.id]
    (await first().get(f"/tenants/{second.id}/")).refused(404, "not_found")
    own = [row["id"] for row in (await first().get(LEDGER)).ok()["results"]]
    assert len(own) == 1
    for asked, found in (
        ({"tenant_id": first.id}, own), ({"tenant_id": second.id}, []), ({"tenant__name": f"{word}.1 & Sons"}, []),
        ({"tenant__name__icontains": word}, own),
    ):  # fmt: skip
        rows = (await first().get(LEDGER, params=asked)).ok()["results"]
        assert [row["id"] for row in rows] == found, asked


async def test_staff_read_the_ledgers_of_organisations(
    operator: Client, pair: tuple[str, Tenant, Tenant], gateway: Running
) -> None:
    word, first, second = pair
    await gateway.services.wallets.reserve(f"{first.id}:live", "message:x", 4 * MICRO)

    async def seen(**asked: Any) -> list[tuple[str, str]]:
        rows = (await operator.get(LEDGER, params=asked)).ok()["results"]
        assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
        return [(row["tenant"], row["transaction_type"]) for row in rows]

    reserved, paid = (first.id, "CONSUMPTION"), "SUCCESS RECHARGE"
    assert await seen() == []
    assert await seen(tenant_id=first.id) == [reserved, (first.id, paid)]
    assert await seen(tenant__name=f"{word}.1 & Sons") == [(second.id, paid)]
    assert await seen(tenant__name__icontains=word.lower()) == [reserved, (second.id, paid), (first.id, paid)]
    assert await seen(tenant__name__icontains=word, transaction_type=paid, page_size=1) == [(second.id, paid)]
    assert await seen(tenant__name__icontains=word, cursor="", page_size=2) == [reserved, (second.id, paid)]
    assert await seen(tenant__name__icontains=word, tenant_id=second.id) == [(second.id, paid)]
    assert await seen(tenant_id="ten_nobody") == []
    [row] = (await operator.get(LEDGER, params={"tenant_id": second.id})).ok()["results"]
    assert row["tenant_name"] == f"{word}.1 & Sons"
