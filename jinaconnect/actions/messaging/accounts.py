"""Channel accounts: the apps of a tenant, their sealed credentials, and opening one for use."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Collection, Mapping
from typing import Any

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.messaging.connecting import connect, disconnect, merged, told_elsewhere
from jinaconnect.actions.ports import Ports
from jinaconnect.channels.abilities import MayBeOff, Simulates
from jinaconnect.channels.base import Account, Channel, ChannelSpec
from jinaconnect.channels.table import FORMER, Channels, spec_of
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Conflict, Invalid, NotFound
from jinaconnect.core.events.event import Event
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.message import INCOMING
from jinaconnect.core.principal import Mode, scope_of
from jinaconnect.outbound import Blocked
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.identity.registry import Registry
from jinaconnect.store.secrets.sealing import Secrets
from jinaconnect.store.tenant import Change, Duplicate

KEEP_S = 5.0
SIMULATED_LIMIT = 1_000_000  # messages a day of the sandbox's own accounts
SELLS = "is_commerce_manager_enabled"  # a field of accounts that may show products


class OpenAccounts:
    """Opens accounts: finds them, unseals their credentials, keeps them for a moment."""

    def __init__(self, registry: Registry, secrets: Secrets) -> None:
        self._registry = registry
        self._secrets = secrets
        self._opened: dict[tuple[str, int], Account] = {}
        self._doors: dict[str, tuple[float, list[Account]]] = {}
        self._turn = 0  # raised by every change, so that what was read before one is not kept after it

    def open(self, doc: Mapping[str, Any]) -> Account:
        """Return an account document opened for use; raises NotFound for one of a channel there is not."""
        key = (doc["_id"], doc["rev"])
        account = self._opened.get(key)
        if account is None:
            spec = spec_of(doc["channel"], doc["bsp"])
            if spec is None:
                raise NotFound()
            account = opened(spec, doc, doc["scope"], held_credentials(self._secrets, doc))
            if len(self._opened) > 1_000:
                self._opened.clear()
            self._opened[key] = account
        return account

    async def of_door(self, tenant: str, channel: str) -> list[Account]:
        """Return a tenant's active accounts on a channel, in both modes."""
        return [account for account in await self._of_tenant(tenant) if account.channel == channel]

    async def taken_in(self, tenant: str, channel: str, ids: Collection[str]) -> dict[str, Account]:
        """Return accounts that a webhook was taken in for, by id: those turned off or removed since then as well."""
        found = {account.id: account for account in await self.of_door(tenant, channel) if account.id in ids}
        if missing := set(ids) - found.keys():
            docs = await self._registry.apps_named(tenant, missing)
            opened = [self.open(doc) for doc in docs if spec_of(doc["channel"], doc["bsp"])]
            found |= {account.id: account for account in opened if account.channel == channel}
        return found

    async def _of_tenant(self, tenant: str) -> list[Account]:
        kept = self._doors.get(tenant)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        turn = self._turn
        docs = await self._registry.apps_of(tenant)
        accounts = [self.open(doc) for doc in docs if doc["is_active"] and spec_of(doc["channel"], doc["bsp"])]
        if len(self._doors) > 10_000:
            self._doors.clear()
        if turn == self._turn:
            self._doors[tenant] = (time.monotonic() + KEEP_S, accounts)
        return accounts

    def changed(self, tenant: str) -> None:
        """Forget a tenant's door: one of its accounts has changed."""
        self._turn += 1
        self._doors.pop(tenant, None)

    async def simulated(self, address: str) -> Account | None:
        """Return the simulated account with this address, for the simulated carrier."""
        doc = await self._registry.app_by_address(address)
        return self.open(doc) if doc is not None and doc["simulated"] else None


def held_credentials(secrets: Secrets, doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return an account's credentials, unsealed."""
    return secrets.open(doc["credentials"], f"apps/{doc['_id']}") if doc.get("credentials") else {}


def opened(spec: ChannelSpec, doc: Mapping[str, Any], scope: str, held: Mapping[str, Any]) -> Account:
    """Return an account opened for use with the credentials given."""
    return Account(
        id=doc["_id"], tenant=doc["tenant_id"], scope=scope, channel=spec.name,
        address=doc.get(spec.account_address) or "", business=doc.get(spec.business_account) or "",
        phone=doc["phone_number"], simulated=doc["simulated"],
        settings={name: held[name] for name in spec.settings if held.get(name)},
        secrets={name: held[name] for name in spec.secrets if held.get(name)},
        fields={name: doc.get(name) for name in spec.fields}, chaos=bool(doc["simulated"] and doc.get("chaos")),
        daily_limit=doc["daily_limit"], tier=doc["tier"], app=doc.get("app_id") or "",
    )  # fmt: skip


def render_app(doc: Mapping[str, Any], priority: int) -> dict[str, Any]:
    """Return an account as REST shows it; ids from priority 80 on, credentials never."""
    spec = spec_of(doc["channel"], doc["bsp"])
    shown = _plain(spec, doc)
    if spec is not None:
        shown.update({name: doc.get(name) for name in spec.fields if name not in shown})
        if priority >= 80:
            shown.update({name: doc[name] for name in (*spec.named_by, "app_id")})
    return shown


def _plain(spec: ChannelSpec | None, doc: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": doc["_id"], "tenant": doc["tenant_id"], "app_name": doc["app_name"], "description": doc["description"],
        "phone_number": doc["phone_number"], "bsp": doc["bsp"], "is_active": doc["is_active"],
        "is_verified": doc["is_verified"], "is_default": bool(doc.get("is_default")),
        "daily_limit": doc["daily_limit"], "tier": doc["tier"],
        "credentials_set": bool(doc.get("credentials")), "simulated": doc["simulated"],
        "webhook_path": spec and spec.path(doc["tenant_id"], doc["_id"]),
        "carrier_state": doc.get("carrier_state"),
        "created_at": iso_or_none(doc["created_at"]), "updated_at": iso_or_none(doc["updated_at"]),
        "created_by": doc["created_by"], "updated_by": doc["updated_by"],
    }  # fmt: skip


def app_document(
    services: Services,
    channel: Channel,
    id: str,
    tenant: str,
    fields: Mapping[str, Any],
    credentials: Mapping[str, Any],
    *,
    simulated: bool,
) -> Document:
    """Return a new account document with its credentials sealed."""
    spec = channel.spec
    return {
        "_id": id,
        "tenant_id": tenant,
        "channel": spec.platform,
        "app_name": fields["app_name"],
        "description": fields.get("description"),
        "phone_number": fields.get("phone_number") or "",
        "bsp": spec.provider,
        **{name: fields.get(name) for name in (*spec.named_by, *spec.fields)},
        "app_id": fields.get("app_id"),
        "credentials": services.secrets.seal(dict(credentials), f"apps/{id}"),
        "is_active": fields.get("is_active", True),
        "is_verified": simulated,
        "daily_limit": fields.get("daily_limit", 1000),
        "tier": fields.get("tier", "NOT_SET"),
        "simulated": simulated,
        "created_by": fields.get("created_by"),
        "updated_by": fields.get("created_by"),
        "deleted_at": None,
    }


def check_credentials(services: Services, spec: ChannelSpec, given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with the credentials of an account, by name; nothing that could end a header passes."""
    faults: dict[str, list[str]] = {}
    shortest = spec.secrets
    for name, value in given.items():
        if value is None:
            continue
        if not (value.isascii() and value.isprintable()):
            faults[name] = ["must be printable ASCII characters"]
        elif len(value) < shortest.get(name, 0):
            faults[name] = [f"must have at least {shortest[name]} characters"]
    if given.get("base_url") is not None and "base_url" not in faults:
        try:
            services.outbound.guard.check_url(given["base_url"])
        except Blocked as error:
            faults["base_url"] = [str(error)]
    return faults


def _derived(services: Services, purpose: str) -> str:
    return base64.urlsafe_b64encode(services.secrets.derive(purpose, 24)).decode()


async def _ensure(services: Services, tenant: str, mode: Mode, channel: Channel, name: str, phone: str) -> Document:
    assert isinstance(channel, Simulates)
    store = services.store.of(tenant, mode)
    scope = scope_of(tenant, mode)
    of = scope if channel.spec.name == FORMER else f"{scope} {channel.spec.name}"
    chance = services.secrets.derive(f"simulated app {of}", 24)
    id = encode("wap", 0, chance[:10])
    found = await store.find("apps", id)
    if found is not None:
        return found
    number = str(int.from_bytes(chance[10:16], "big"))
    fields, credentials = channel.simulated_account(number, lambda word: _derived(services, f"simulated {word} {of}"))
    fields = {"app_name": name, "phone_number": phone, "daily_limit": SIMULATED_LIMIT, **fields}
    doc = app_document(services, channel, id, tenant, fields, credentials, simulated=True)
    try:
        return (await store.insert("apps", doc)).doc
    except Duplicate:
        return await store.get("apps", id)


def off(channel: Channel) -> str | None:
    """Return why there is nothing of a channel, None where there is."""
    return channel.off if isinstance(channel, MayBeOff) else None


def _simulating(channels: Channels, platform: str | None = None) -> list[Channel]:
    return [
        channel
        for channel in channels.values()
        if isinstance(channel, Simulates) and platform in (None, channel.spec.platform) and off(channel) is None
    ]


async def ensure_sandbox_accounts(
    services: Services, channels: Channels, tenant: str, platform: str | None = None
) -> list[tuple[Channel, Document]]:
    """Return the simulated accounts of a tenant's test mode (of one platform), made at the first call."""
    simulating = _simulating(channels, platform)
    made = (_ensure(services, tenant, "test", channel, "Sandbox", "+12025550100") for channel in simulating)
    return list(zip(simulating, await asyncio.gather(*made), strict=True))


async def ensure_demo_account(services: Services, ports: Ports, tenant: str) -> dict[str, str]:
    """Give a demo tenant a simulated live account and return what a carrier's side needs to know of it."""
    channel = _simulating(ports.channels)[0]
    doc = await _ensure(services, tenant, "live", channel, f"Demo {channel.spec.label}", "+12025550199")
    account = ports.accounts.open(doc)
    return {
        "app_id": doc["_id"], "phone_number": doc["phone_number"], channel.spec.account_address: account.address,
        "webhook_path": channel.spec.path(tenant, account.id), **account.secrets,
    }  # fmt: skip


async def choose_account(
    ctx: OperationContext, platform: str, id: str | None, *, field: str, contact: Document | None = None
) -> Account:
    """Return the account to send from; raises Invalid on `field`.

    That is the named one, else the only active one of the platform, else the one the contact wrote to last, else the
    one that is the default.
    """
    if id is not None:
        doc = await ctx.data.find("apps", id)
        if doc is None or doc["deleted_at"] is not None or doc["channel"] != platform:
            raise Invalid.field(field, "there is no such app")
        if not doc["is_active"]:
            raise Invalid.field(field, "the app is not active")
        return ctx.ports.accounts.open(doc)
    docs = await ctx.data.select("apps", {"channel": platform, "is_active": True, "deleted_at": None}, limit=2)
    if not docs and ctx.principal.mode == "test":
        made = await ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, platform)
        docs = [doc for _, doc in made]
    if len(docs) > 1:
        wrote = [] if contact is None else await _written_to(ctx, platform, contact["_id"])
        docs = wrote or await _default(ctx, platform)
    if len(docs) != 1:
        raise Invalid.field(field, "is required: there is not exactly one active app")
    return ctx.ports.accounts.open(docs[0])


async def _default(ctx: OperationContext, platform: str) -> list[Document]:
    """Return the active account of a platform that is taken where none is named, or nothing."""
    docs = await ctx.data.select("apps", {"channel": platform, "is_active": True, "deleted_at": None})
    chosen = [doc for doc in docs if doc.get("is_default")]
    if not chosen and ctx.principal.mode == "test":  # the sandbox's first, as before it had several of a platform
        made = await ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, platform)
        chosen = [doc for _, doc in made if doc["is_active"] and doc["deleted_at"] is None]
    return chosen[:1]


async def _written_to(ctx: Context, platform: str, contact: str) -> list[Document]:
    """Return the active account that a contact wrote to last, or nothing."""
    wrote = {"contact": contact, "platform": platform, "direction": INCOMING, "internal_note": False}
    last = await ctx.data.select("messages", wrote, limit=1, fields={"app": 1})
    query = {"_id": {"$in": [row["app"] for row in last]}, "is_active": True, "deleted_at": None}
    return await ctx.data.select("apps", query)


async def create_app(
    ctx: OperationContext, channel: str, fields: Mapping[str, Any], credentials: Mapping[str, Any]
) -> dict[str, Any]:
    """Add an account, once its carrier has taken it; in test mode it is simulated whatever its credentials."""
    principal, services = ctx.principal, ctx.services
    adapter, simulated = ctx.ports.channels[channel], principal.mode == "test"
    id, fields = ctx.ids.new("wap"), {**fields, "created_by": principal.username}
    doc = app_document(services, adapter, id, principal.tenant, fields, credentials, simulated=simulated)
    told = await connect(services, adapter, opened(adapter.spec, doc, principal.scope, credentials))
    if told.fields or told.credentials:
        fields, credentials = {**fields, **told.fields}, {**credentials, **told.credentials}
        doc = app_document(services, adapter, id, principal.tenant, fields, credentials, simulated=simulated)
    doc.update(created_at=ctx.now(), updated_at=ctx.now())
    try:
        written = ctx.wrote(await ctx.data.insert("apps", doc, [_told(ctx, "app.created", doc)]))
    except Duplicate as error:
        raise Conflict("There is an app with this account already.", code="already_exists") from error
    ctx.ports.accounts.changed(principal.tenant)
    return render_app(written, principal.priority)


async def get_app(ctx: Context, platform: str, id: str) -> Document:
    """Return an account of a platform; raises NotFound."""
    doc = await ctx.data.get("apps", id)
    if doc["channel"] != platform or doc["deleted_at"] is not None:
        raise NotFound()
    return doc


async def change_app(
    ctx: OperationContext,
    platform: str,
    id: str,
    fields: Mapping[str, Any],
    credentials: Mapping[str, Any],
    *,
    place: str = "bsp_credentials.{}",
) -> dict[str, Any]:
    """Change an account; credentials given are merged into the sealed ones, null removes one.

    A carrier that is asked about accounts is asked again where they changed or it is turned on. Raises Invalid on a
    secret, which the request names as in `place`, where another base_url is given without it.
    """
    services = ctx.services
    before = await get_app(ctx, platform, id)
    channel = ctx.ports.channels.of(before["channel"], before["bsp"])
    if channel is None:
        raise NotFound()
    _refuse_elsewhere(channel, held_credentials(services.secrets, before), credentials, place)
    is_active = fields.get("is_active", before["is_active"])
    if is_active and (credentials or not before["is_active"]):
        held = merged(held_credentials(services.secrets, before), credentials)
        told = await connect(services, channel, opened(channel.spec, before, before["scope"], held))
        fields, credentials = {**fields, **told.fields}, {**credentials, **told.credentials}

    def decide(doc: Document) -> Change:
        changes = {**fields, "updated_by": ctx.principal.username, "updated_at": ctx.now()}
        if credentials:
            held = held_credentials(services.secrets, doc)
            _refuse_elsewhere(channel, held, credentials, place)
            after = merged(held, credentials)
            changes["credentials"] = services.secrets.seal(after, f"apps/{id}")
            changes["simulated"] = doc["simulated"] and (ctx.principal.mode == "test" or not after.get("base_url"))
        return Change(set=changes, events=[_told(ctx, "app.updated", {**doc, **changes})])

    try:
        written = ctx.wrote(await ctx.data.change("apps", id, decide))
    except Duplicate as error:
        raise Conflict("There is an app with this account already.", code="already_exists") from error
    ctx.ports.accounts.changed(ctx.principal.tenant)
    if before["is_active"] and not is_active:
        await disconnect(channel, ctx.ports.accounts.open(written))
    return render_app(written, ctx.principal.priority)


async def only_default(ctx: OperationContext, platform: str, id: str) -> None:
    """Have no other account of a platform be the default."""
    others = await ctx.data.select("apps", {"channel": platform, "deleted_at": None})
    for doc in others:
        if doc.get("is_default") and doc["_id"] != id:
            await change_app(ctx, platform, doc["_id"], {"is_default": False}, {})


def _refuse_elsewhere(channel: Channel, held: Mapping[str, Any], given: Mapping[str, Any], place: str) -> None:
    names = told_elsewhere(channel, held, given)
    if names:
        raise Invalid({place.format(name): ["must be given anew with another base_url"] for name in names})


async def delete_app(ctx: OperationContext, platform: str, id: str) -> None:
    """Remove an account; its messages stay."""
    before = await get_app(ctx, platform, id)
    channel = ctx.ports.channels.of(before["channel"], before["bsp"])
    gone = {"deleted_at": ctx.now(), "is_active": False, "credentials": None}

    def decide(doc: Document) -> Change:
        return Change(set=gone, events=[_told(ctx, "app.deleted", {**doc, **gone})])

    ctx.wrote(await ctx.data.change("apps", id, decide))
    ctx.ports.accounts.changed(ctx.principal.tenant)
    if channel is not None and before["is_active"]:
        held = held_credentials(ctx.services.secrets, before)
        await disconnect(channel, opened(channel.spec, before, before["scope"], held))


def _told(ctx: Context, type: str, doc: Document) -> Event:
    """Return an event of an account, as those see it whose role hides its ids."""
    spec = spec_of(doc["channel"], doc["bsp"])
    sells = {SELLS: doc.get(SELLS)} if spec is not None and SELLS in spec.fields else {}
    return ctx.event(type, doc["_id"], {**_plain(spec, doc), **sells})
