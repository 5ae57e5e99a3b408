"""The permission matrix over the operation table: every operation, every role, over REST."""

from __future__ import annotations

import re
from collections.abc import Callable

import aiohttp
import pytest

from jinaconnect.core.permissions import AUTHENTICATED, MATRIX, PUBLIC
from jinaconnect.handlers.edge.operation import OPERATIONS, Operation
from jinaconnect.handlers.edge.table import load_operations
from tests.client import Client
from tests.conftest import Running
from tests.tenants import ROLES, Tenant, make_tenant

load_operations()
NOBODY = "xyz_" + "0" * 26


def path_of(item: Operation) -> str:
    return re.sub(r"\{\w+\}", NOBODY, item.path)


def may(role: str, permission: str) -> bool:
    return permission == AUTHENTICATED or any(role in MATRIX[key][1] for key in permission.split("|"))


@pytest.fixture(scope="module")
async def asked(gateway: Running, http: aiohttp.ClientSession) -> Tenant:
    """A tenant for all operations: none is asked for anything it could do."""
    return await make_tenant(gateway, gateway.url, http)


@pytest.mark.parametrize("item", [i for i in OPERATIONS.values() if i.permission != PUBLIC], ids=lambda item: item.id)
async def test_a_role_is_refused_exactly_where_the_matrix_says(asked: Tenant, item: Operation) -> None:
    for role in ROLES:
        # The body is wrong on purpose: permission is decided before the body is looked at.
        answer = await asked(role).ask(item.method, path_of(item), b"[]", headers={"Content-Type": "application/json"})
        assert answer.status != 401, "its keys hold"
        if may(role, item.permission):
            assert (
                answer.status != 403 or answer.body["code"] != "permission_denied" or item.permission == AUTHENTICATED
            ), (
                role,
                answer.body,
            )
        else:
            answer.refused(403, "permission_denied")


@pytest.mark.parametrize("item", [i for i in OPERATIONS.values() if i.permission != PUBLIC], ids=lambda item: item.id)
async def test_nobody_gets_in_without_credentials(client: Callable[[str | None], Client], item: Operation) -> None:
    answer = await client(None).ask(item.method, path_of(item), b"{}", headers={"Content-Type": "application/json"})
    answer.refused(401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_viewer_changes_nothing(tenant: Tenant) -> None:
    own = {"roles.mine", "auth.logout", "auth.change_password", "users.change", "socket.ticket"}
    reading = {
        "inbox.messages.mark_read", "inbox.messages.mark_many_read", "voice.templates.preview",
        "voice.templates.simulate", "voice.templates.simulate_graph", "voice.templates.compile",
        "voice.templates.check",
    }  # fmt: skip
    for item in OPERATIONS.values():
        if item.method == "GET" or item.permission == PUBLIC or item.id.partition("~")[0] in own | reading:
            continue
        if "inbox.view" in item.permission:
            continue  # marking as read is part of reading the inbox
        if item.id.endswith((".templates.preview", ".broadcasts.quota")):
            continue  # what would be sent, and how much may be: asked with a body, and nothing changes
        answer = await tenant("viewer").ask(
            item.method, path_of(item), b"{}", headers={"Content-Type": "application/json"}
        )
        answer.refused(403, "permission_denied")


async def test_an_unknown_permission_does_not_import() -> None:
    from jinaconnect.handlers.edge.operation import operation

    async def nothing(ctx: object) -> None:
        """Do nothing."""

    with pytest.raises(ValueError, match="unknown permission"):
        operation("GET", "/nothing/", id="nothing", permission="no.such")(nothing)
    with pytest.raises(ValueError, match="declared twice"):
        operation("GET", "/nothing/", id="events.list", permission=AUTHENTICATED)(nothing)
