"""Accounts of any channel: the carrier is asked before one stands, and told where its webhooks go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.context import OperationContext, system_operation
from jinaconnect.actions.messaging.accounts import change_app, create_app, delete_app, get_app
from jinaconnect.core.errors import CarrierFailed, GatewayError, Invalid, NotFound
from tests.channels.sides import FakeSide
from tests.channels.test_seam import gateway as gateway
from tests.channels.test_seam import replied, written
from tests.conftest import Running
from tests.tenants import Tenant, make_tenant


@pytest.fixture
async def tenant(gateway: Running, http: aiohttp.ClientSession) -> Tenant:
    """A tenant of the test's own."""
    return await make_tenant(gateway, gateway.url, http)


@pytest.fixture
async def ctx(gateway: Running, tenant: Tenant) -> OperationContext:
    """The gateway itself in the tenant's live mode."""
    return system_operation(gateway.services, gateway.ports, f"{tenant.id}:live", "test")


@pytest.fixture
async def side(gateway: Running, tenant: Tenant) -> AsyncIterator[FakeSide]:
    """The fake carrier, and the tenant's account there."""
    made = FakeSide()
    await made.begin(gateway, tenant)
    yield made
    await made.end()


async def refused(asked: Any, kind: type[GatewayError]) -> GatewayError:
    """Wait for what has to be refused."""
    with pytest.raises(kind) as caught:
        await asked
    return caught.value


async def test_an_account_is_connected_while_it_stands(ctx: OperationContext, tenant: Tenant, side: FakeSide) -> None:
    account, server = side.account, side.server
    assert server.posts_to == f"{ctx.services.settings.own_url}/hooks/fake/{tenant.id}/?account={account['id']}"
    assert account["nick"] == "The shop", "what the carrier told stands in the account"
    server.posts_to = None
    await change_app(ctx, "FAKECHAT", account["id"], {"app_name": "Other"}, {})
    assert server.posts_to is None, "a name of ours is nothing to the carrier"
    await change_app(ctx, "FAKECHAT", account["id"], {"is_active": False}, {})
    await change_app(ctx, "FAKECHAT", account["id"], {"is_active": True}, {})
    assert server.posts_to is not None
    await change_app(ctx, "FAKECHAT", account["id"], {"is_active": False}, {})
    assert server.posts_to is None
    await change_app(ctx, "FAKECHAT", account["id"], {"is_active": True}, {})
    await delete_app(ctx, "FAKECHAT", account["id"])
    assert server.posts_to is None
    await refused(get_app(ctx, "FAKECHAT", account["id"]), NotFound)


async def test_an_account_that_its_carrier_refuses_is_none(ctx: OperationContext, side: FakeSide) -> None:
    kept = {"_id": 1, "credentials": 1, "address": 1}
    before = await ctx.data.select("apps", {}, fields=kept)
    base_url = f"http://127.0.0.1:{side.server.port}"
    forged = {"token": "x" * 20, "base_url": base_url}
    error = await refused(create_app(ctx, "fake", {"app_name": "No"}, forged), Invalid)
    assert error.detail == {"token": ["is refused by the carrier"]}
    nobody = {"token": "x" * 20, "base_url": "http://127.0.0.1:1"}
    await refused(create_app(ctx, "fake", {"app_name": "No"}, nobody), CarrierFailed)
    asked = change_app(ctx, "FAKECHAT", side.account["id"], {}, {"token": "x" * 20})
    await refused(asked, Invalid)
    assert await ctx.data.select("apps", {}, fields=kept) == before


async def test_a_secret_is_told_to_no_other_host(ctx: OperationContext, side: FakeSide) -> None:
    asked = change_app(ctx, "FAKECHAT", side.account["id"], {}, {"base_url": "http://127.0.0.1:1"}, place="{}")
    error = await refused(asked, Invalid)
    assert error.detail == {"token": ["must be given anew with another base_url"]}


async def test_a_channels_accounts_are_no_other_channels(tenant: Tenant, side: FakeSide) -> None:
    path = f"/wa/v1/apps/{side.account['id']}/"
    (await tenant().get(path)).refused(404, "not_found")
    (await tenant().patch(path, {"app_name": "Mine"})).refused(404, "not_found")
    (await tenant().delete(path)).refused(404, "not_found")
    assert side.server.posts_to is not None


async def test_into_how_many_segments_a_message_is_cut_stands_with_it(
    ctx: OperationContext, tenant: Tenant, side: FakeSide
) -> None:
    _, contact = await written(tenant, side)
    message = await replied(tenant, side, contact, "This is longer than what goes into one piece.")
    assert (await ctx.data.get("messages", message))["segments"] == 3
