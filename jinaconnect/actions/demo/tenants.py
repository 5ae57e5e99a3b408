"""Two demo organisations: people of every role, keys, a simulated messaging account.

Ids, passwords and keys are derived from the master key, so making them again gives the same and changes nothing.
"""

from __future__ import annotations

import base64
import contextlib
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.identity.authentication import key_hash
from jinaconnect.actions.identity.tenants import create_tenant
from jinaconnect.actions.messaging.accounts import ensure_demo_account
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.trunks.voice_app import enable_voice
from jinaconnect.core.errors import Conflict
from jinaconnect.core.ids import encode
from jinaconnect.core.permissions import SYSTEM_ROLES
from jinaconnect.store.secrets.passwords import hashed
from jinaconnect.store.tenant import Duplicate

ORGANISATIONS = (("Demo Organisation", "demo.example"), ("Second Organisation", "second.example"))
# When the demo's ids begin: they are made from chance derived, not from the clock.
_EPOCH_MS = 1_735_689_600_000


def derived_id(services: Services, prefix: str, purpose: str) -> str:
    """Return the id of something of the demo, the same at every start."""
    return encode(prefix, _EPOCH_MS, services.secrets.derive(f"demo id {purpose}", 10))


def _text(services: Services, purpose: str, size: int) -> str:
    return base64.urlsafe_b64encode(services.secrets.derive(f"demo {purpose}", size)).decode()


async def seed_demo(services: Services, ports: Ports, base_url: str) -> dict[str, Any]:
    """Make the demo organisations where they are missing and return everything needed to use them."""
    return {"base_url": base_url, "tenants": [await _organisation(services, ports, *names) for names in ORGANISATIONS]}


async def _organisation(services: Services, ports: Ports, name: str, domain: str) -> dict[str, Any]:
    tenant = derived_id(services, "ten", domain)
    if await services.registry.tenant(tenant) is None:
        await create_tenant(services, ports.channels, name, id=tenant)
    store = services.store.of(tenant, "live")
    roles = {row["slug"]: row["_id"] for row in await store.select("roles", {})}
    people, keys = [], {"live": {}, "test": {}}  # type: tuple[list[dict[str, str]], dict[str, dict[str, str]]]
    for role in SYSTEM_ROLES:
        people.append(await _person(services, tenant, roles[role.slug], role.slug, f"{role.slug}@{domain}"))
        for mode in ("live", "test"):
            keys[mode][role.slug] = await _key(services, tenant, roles[role.slug], role.slug, mode, domain)
    whatsapp = await ensure_demo_account(services, ports, tenant)
    await enable_voice(store)
    return {"id": tenant, "name": name, "users": people, "keys": keys, "whatsapp": whatsapp}


async def _person(services: Services, tenant: str, role: str, slug: str, email: str) -> dict[str, str]:
    user = derived_id(services, "usr", email)
    password = _text(services, f"password {email}", 12) + "!Aa1"
    if await services.people.user(user) is None:
        doc = {
            "_id": user,
            "email": email,
            "username": email,
            "first_name": slug.title(),
            "last_name": "Demo",
            "mobile": None,
            "password": await hashed(password),
            "is_active": True,
            "email_verified": True,
            "created_at": services.clock(),
        }
        with contextlib.suppress(Conflict):  # another seeding was first
            await services.people.add_user(doc)
    member = {
        "_id": derived_id(services, "mem", email),
        "user": user,
        "role": role,
        "is_active": True,
        "created_by": None,
        "updated_by": None,
    }
    await _add(services, tenant, "members", member)
    return {"id": user, "email": email, "password": password, "role": slug}


async def _key(services: Services, tenant: str, role: str, slug: str, mode: str, domain: str) -> str:
    secret = f"jc_{mode}_{_text(services, f'key {domain} {slug} {mode}', 24)}"
    key = {
        "_id": derived_id(services, "key", f"{domain} {slug} {mode}"),
        "name": f"Demo {slug}",
        "prefix": secret[:12],
        "mode": mode,
        "role": role,
        "hashes": [key_hash(secret)],
        "graces": [],
        "ip_allowlist": [],
        "expires_at": None,
        "revoked_at": None,
        "last_used_at": None,
        "created_by": None,
    }
    await _add(services, tenant, "api_keys", key)
    return secret


async def _add(services: Services, tenant: str, collection: str, doc: dict[str, Any]) -> None:
    store = services.store.of(tenant, "live")
    if await store.find(collection, doc["_id"]) is None:
        try:
            await store.insert(collection, doc)
        except Duplicate:
            return  # another seeding was first
