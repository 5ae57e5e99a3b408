"""People with a login, for tests of what depends on who asks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from jinaconnect.store.secrets.passwords import hashed
from tests.client import Client
from tests.conftest import Running
from tests.tenants import Tenant

PASSWORD = "Correct-horse-9"


@dataclass
class Person:
    """A member, logged in."""

    id: str
    member: str
    name: str
    email: str
    client: Client


async def add_person(running: Running, tenant: Tenant, role: str, name: str = "Pat") -> Person:
    """Add a member with a role to a tenant and log them in."""
    services = running.services
    store = services.store.of(tenant.id, "live")
    user, member = services.ids.new("usr"), services.ids.new("mem")
    email = f"{secrets.token_hex(6)}@people.example"
    found = await store.find_one("roles", {"slug": role})
    assert found is not None
    await services.people.add_user(
        {
            "_id": user,
            "email": email,
            "username": email,
            "first_name": name,
            "last_name": "Test",
            "mobile": None,
            "password": await hashed(PASSWORD),
            "is_active": True,
            "email_verified": True,
            "created_at": services.clock(),
        }
    )
    await store.insert("members", {
        "_id": member, "user": user, "role": found["_id"], "is_active": True, "created_by": None, "updated_by": None,
    })  # fmt: skip
    tokens = (await tenant.anonymous.post("/token/", {"email": email, "password": PASSWORD})).ok()
    client = Client(running.url, tokens["access"], tenant.anonymous.session)
    return Person(user, member, f"{name} Test", email, client)
