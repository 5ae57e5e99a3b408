"""Channel accounts: the WhatsApp apps of a tenant, their sealed credentials, and opening one for use."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context, Services
from jinaconnect.channels.base import Account
from jinaconnect.channels.whatsapp_meta.simulator import BASE_URL as SIMULATED
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.events.event import Event
from jinaconnect.core.ids import encode
from jinaconnect.core.principal import Mode, scope_of
from jinaconnect.outbound import Blocked
from jinaconnect.store.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate

WHATSAPP = "WHATSAPP"
KEEP_S = 5.0
_SECRETS = ("access_token", "app_secret", "verify_token")
# What the carriers give has more characters; less could be found by trying.
SHORTEST = {"access_token": 16, "app_secret": 16, "verify_token": 8}


class Accounts:
    """Opens accounts: finds them, unseals their credentials, keeps them for a moment."""

    def __init__(self, services: Services, *, base_url: str, version: str) -> None:
        self._services = services
        self._base_url = base_url
        self._version = version
        self._opened: dict[tuple[str, int], Account] = {}
        self._doors: dict[str, tuple[float, list[Account]]] = {}
        self._turn = 0  # raised by every change, so that what was read before one is not kept after it

    def open(self, doc: Mapping[str, Any]) -> Account:
        """Return an account document opened for use."""
        key = (doc["_id"], doc["rev"])
        account = self._opened.get(key)
        if account is None:
            held = (
                self._services.secrets.open(doc["credentials"], f"apps/{doc['_id']}") if doc.get("credentials") else {}
            )
            account = Account(
                id=doc["_id"], tenant=doc["tenant_id"], scope=doc["scope"], address=doc["phone_number_id"] or "",
                business=doc["waba_id"] or "", phone=doc["phone_number"],
                base_url=SIMULATED if doc["simulated"] else held.get("base_url") or self._base_url,
                version=held.get("api_version") or self._version, simulated=doc["simulated"],
                secrets={name: held[name] for name in _SECRETS if held.get(name)},
            )  # fmt: skip
            if len(self._opened) > 1_000:
                self._opened.clear()
            self._opened[key] = account
        return account

    async def of_door(self, tenant: str) -> list[Account]:
        """Return the active accounts behind a tenant's webhook door, in both modes."""
        kept = self._doors.get(tenant)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        turn = self._turn
        docs = await self._services.registry.apps_of(tenant)
        accounts = [self.open(doc) for doc in docs if doc["is_active"] and doc["channel"] == WHATSAPP]
        if len(self._doors) > 10_000:
            self._doors.clear()
        if turn == self._turn:
            self._doors[tenant] = (time.monotonic() + KEEP_S, accounts)
        return accounts

    def changed(self, tenant: str) -> None:
        """Forget a tenant's door: one of its accounts has changed."""
        self._turn += 1
        self._doors.pop(tenant, None)

    async def simulated(self, address: str) -> Mapping[str, str] | None:
        """Return the simulated account with this phone number id, for the simulated carrier."""
        doc = await self._services.registry.app_by_address(address)
        if doc is None or not doc["simulated"]:
            return None
        account = self.open(doc)
        return {
            "scope": account.scope,
            "tenant": account.tenant,
            "business": account.business,
            "address": account.address,
            "phone": account.phone,
        }


def render_app(doc: Mapping[str, Any], priority: int) -> dict[str, Any]:
    """Return an account as REST shows it; ids and prices from priority 80 on, credentials never."""
    shown: dict[str, Any] = {
        "id": doc["_id"], "tenant": doc["tenant_id"], "app_name": doc["app_name"], "description": doc["description"],
        "phone_number": doc["phone_number"], "bsp": doc["bsp"], "is_active": doc["is_active"],
        "is_verified": doc["is_verified"], "daily_limit": doc["daily_limit"],
        "messages_sent_today": doc["messages_sent_today"], "tier": doc["tier"],
        "credentials_set": bool(doc.get("credentials")), "simulated": doc["simulated"],
        "webhook_path": f"/wa/v1/webhooks/{doc['tenant_id']}/",
        "created_at": iso_or_none(doc["created_at"]), "updated_at": iso_or_none(doc["updated_at"]),
        "created_by": doc["created_by"], "updated_by": doc["updated_by"],
    }  # fmt: skip
    if priority >= 80:
        shown.update(waba_id=doc["waba_id"], phone_number_id=doc["phone_number_id"], app_id=doc["app_id"])
    return shown


def app_document(
    services: Services,
    id: str,
    tenant: str,
    fields: Mapping[str, Any],
    credentials: Mapping[str, Any],
    *,
    simulated: bool,
) -> Document:
    """Return a new account document with its credentials sealed."""
    return {
        "_id": id,
        "tenant_id": tenant,
        "channel": WHATSAPP,
        "app_name": fields["app_name"],
        "description": fields.get("description"),
        "phone_number": fields["phone_number"],
        "bsp": fields.get("bsp", "META"),
        "waba_id": fields.get("waba_id"),
        "phone_number_id": fields.get("phone_number_id"),
        "app_id": fields.get("app_id"),
        "credentials": services.secrets.seal(dict(credentials), f"apps/{id}"),
        "is_active": fields.get("is_active", True),
        "is_verified": simulated,
        "daily_limit": fields.get("daily_limit", 1000),
        "messages_sent_today": 0,
        "tier": fields.get("tier", "NOT_SET"),
        "simulated": simulated,
        "created_by": fields.get("created_by"),
        "updated_by": fields.get("created_by"),
        "deleted_at": None,
    }


def check_credentials(services: Services, given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with the credentials of an account, by name; nothing that could end a header passes."""
    faults: dict[str, list[str]] = {}
    for name, value in given.items():
        if value is None:
            continue
        if not (value.isascii() and value.isprintable()):
            faults[name] = ["must be printable ASCII characters"]
        elif len(value) < SHORTEST.get(name, 0):
            faults[name] = [f"must have at least {SHORTEST[name]} characters"]
    if given.get("base_url") is not None and "base_url" not in faults:
        try:
            services.outbound.guard.check_url(given["base_url"])
        except Blocked as error:
            faults["base_url"] = [str(error)]
    return faults


def _derived(services: Services, purpose: str) -> str:
    return base64.urlsafe_b64encode(services.secrets.derive(purpose, 24)).decode()


async def _ensure(services: Services, tenant: str, mode: Mode, name: str, phone: str) -> Document:
    store = services.store.of(tenant, mode)
    scope = scope_of(tenant, mode)
    chance = services.secrets.derive(f"simulated app {scope}", 24)
    id = encode("wap", 0, chance[:10])
    found = await store.find("apps", id)
    if found is not None:
        return found
    number = str(int.from_bytes(chance[10:16], "big"))
    fields = {
        "app_name": name,
        "phone_number": phone,
        "waba_id": "9" + number,
        "phone_number_id": "8" + number,
        "app_id": "7" + number,
    }
    credentials = {
        "access_token": _derived(services, f"simulated token {scope}"),
        "app_secret": _derived(services, f"simulated secret {scope}"),
        "verify_token": _derived(services, f"simulated verify {scope}"),
    }
    doc = app_document(services, id, tenant, fields, credentials, simulated=True)
    try:
        return (await store.insert("apps", doc)).doc
    except Duplicate:
        return await store.get("apps", id)


async def ensure_sandbox_app(services: Services, tenant: str) -> Document:
    """Return the simulated WhatsApp account of a tenant's test mode, made at the first call."""
    return await _ensure(services, tenant, "test", "Sandbox", "+12025550100")


async def ensure_demo_app(services: Services, tenant: str) -> dict[str, str]:
    """Give a demo tenant a simulated live account and return what a carrier's side needs to know of it."""
    doc = await _ensure(services, tenant, "live", "Demo WhatsApp", "+12025550199")
    account = services.accounts.open(doc)
    return {
        "app_id": doc["_id"], "phone_number": doc["phone_number"], "phone_number_id": account.address,
        "webhook_path": f"/wa/v1/webhooks/{tenant}/", "app_secret": account.secrets["app_secret"],
        "verify_token": account.secrets["verify_token"],
    }  # fmt: skip


async def choose_app(ctx: Context, id: str | None) -> Account:
    """Return the account to send from: the named one, or the only active one; raises Invalid on `wa_app`."""
    if id is not None:
        try:
            doc = await ctx.data.get("apps", id)
        except NotFound as error:
            raise Invalid.field("wa_app", "there is no such app") from error
        if not doc["is_active"]:
            raise Invalid.field("wa_app", "the app is not active")
        return ctx.services.accounts.open(doc)
    docs = await ctx.data.select("apps", {"channel": WHATSAPP, "is_active": True, "deleted_at": None}, limit=2)
    if not docs and ctx.principal.mode == "test":
        docs = [await ensure_sandbox_app(ctx.services, ctx.principal.tenant)]
    if len(docs) != 1:
        raise Invalid.field("wa_app", "is required: there is not exactly one active app")
    return ctx.services.accounts.open(docs[0])


async def create_app(ctx: Context, fields: Mapping[str, Any], credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Add an account; in test mode it is simulated whatever its credentials."""
    principal = ctx.principal
    simulated = principal.mode == "test"
    id = ctx.ids.new("wap")
    doc = app_document(
        ctx.services,
        id,
        principal.tenant,
        {**fields, "created_by": principal.username},
        credentials,
        simulated=simulated,
    )
    doc.update(created_at=ctx.now(), updated_at=ctx.now())
    written = ctx.wrote(await ctx.data.insert("apps", doc, [_told(ctx, "app.created", doc)]))
    ctx.services.accounts.changed(principal.tenant)
    return render_app(written, principal.priority)


async def change_app(
    ctx: Context, id: str, fields: Mapping[str, Any], credentials: Mapping[str, Any]
) -> dict[str, Any]:
    """Change an account; credentials given are merged into the sealed ones, null removes one.

    Raises Invalid on the access token where another base_url is given without it.
    """
    place = f"apps/{id}"
    secrets = ctx.services.secrets

    def decide(doc: Document) -> Change:
        changes = {**fields, "updated_by": ctx.principal.username, "updated_at": ctx.now()}
        if credentials:
            held = secrets.open(doc["credentials"], place) if doc.get("credentials") else {}
            merged = {key: value for key, value in {**held, **credentials}.items() if value is not None}
            kept = merged.get("access_token") is not None and credentials.get("access_token") is None
            if kept and merged.get("base_url") != held.get("base_url"):
                # Whoever may change an account does not thereby learn its token: it is told to no other host.
                raise Invalid.field("bsp_credentials.access_token", "must be given anew with another base_url")
            changes["credentials"] = secrets.seal(merged, place)
            changes["simulated"] = doc["simulated"] and (ctx.principal.mode == "test" or not merged.get("base_url"))
        return Change(set=changes, events=[_told(ctx, "app.updated", {**doc, **changes})])

    written = ctx.wrote(await ctx.data.change("apps", id, decide))
    ctx.services.accounts.changed(ctx.principal.tenant)
    return render_app(written, ctx.principal.priority)


async def delete_app(ctx: Context, id: str) -> None:
    """Remove an account; its messages stay."""
    gone = {"deleted_at": ctx.now(), "is_active": False, "credentials": None}

    def decide(doc: Document) -> Change:
        return Change(set=gone, events=[_told(ctx, "app.deleted", {**doc, **gone})])

    ctx.wrote(await ctx.data.change("apps", id, decide))
    ctx.services.accounts.changed(ctx.principal.tenant)


def _told(ctx: Context, type: str, doc: Document) -> Event:
    """Return an event of an account, as those see it whose role hides its ids."""
    return ctx.event(type, doc["_id"], render_app(doc, 0))
