"""Voice provider configurations: trunks and HTTP voice accounts of a tenant, their sealed credentials, their choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.trunks.claims import check_claims, claimed_by
from jinaconnect.actions.trunks.credentials import checked
from jinaconnect.actions.trunks.hosts import check_sip_hosts, hosts_of
from jinaconnect.actions.trunks.routes import checked_route
from jinaconnect.actions.trunks.voice_app import render_voice_app, voice_app, without_default
from jinaconnect.core.calls import health
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Conflict, Invalid, NotFound
from jinaconnect.core.events.event import Event
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, Leaving, Step, TenantStore
from jinaconnect.telephony.table import SIMULATED, SIP, capabilities, row, switch_kind, switched
from jinaconnect.telephony.trunks.credentials import SipCredentials, sip_credentials
from jinaconnect.telephony.trunks.profile import Profile, profile

SANDBOX_NUMBER = "+12025550100"

HEALTHIEST = (health.UP, health.DEGRADED, health.UNKNOWN, health.DOWN)

DEFAULTS: dict[str, Any] = {
    "description": None, "is_active": True, "vendor_label": "", "is_default_outbound": False,
    "is_default_inbound": False, "priority": 0, "from_numbers": [], "inbound_webhook_token": "",
    "max_concurrent_calls": 10, "currency": "USD", "recording_enabled": False, "remove_recordings": False,
    "enabled": True,
    "fallback_sms_enabled": False, "fallback_sms_config": None, "fallback_sms_template": "", "fallback_on_causes": [],
    "default_route": None, "created_by": None, "updated_by": None,
}  # fmt: skip
HIDDEN = "inbound_webhook_token"


def render_trunk(doc: Document) -> dict[str, Any]:
    """Return a provider configuration as it is answered; credentials never are."""
    shown = {name: doc.get(name, default) for name, default in DEFAULTS.items() if name != HIDDEN}
    return {
        "id": doc["_id"], "name": doc["name"], "provider": doc["provider"], **shown,
        "inbound_webhook_token_set": bool(doc[HIDDEN]), "credentials_set": doc["credentials_set"],
        "credentials_known": doc.get("credentials_known"),
        "capabilities": capabilities(doc["provider"], doc["asterisk"]), "vendor_profile": doc["vendor_profile"],
        "asterisk": doc["asterisk"], "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip


def render_number(doc: Document) -> dict[str, Any]:
    """Return a number as it is answered."""
    return {
        "id": doc["_id"], "number": doc["number"], "provider_config": doc["provider_config"], "name": doc["name"],
        "route": doc["route"], "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip


def credentials_context(id: str) -> str:
    """Return what the sealed credentials of a configuration are bound to."""
    return f"trunks/{id}"


def open_sip(services: Services, doc: Document) -> SipCredentials:
    """Return the credentials of a SIP trunk; raises Invalid where it has none."""
    if not doc["credentials"]:
        raise Invalid.field("provider_config_id", "the provider config has no credentials")
    return sip_credentials(services.secrets.open(doc["credentials"], credentials_context(doc["_id"])))


def has_sip_account(doc: Document) -> bool:
    """Tell whether a configuration has an account at a SIP carrier, as every trunk but the simulated ones does."""
    return switched(doc["provider"]) and switch_kind(doc["asterisk"] or "").sip


def profile_of(doc: Document) -> Profile:
    """Return the carrier profile of a SIP trunk."""
    return profile(doc["vendor_profile"])


# ---- choosing


async def outbound_trunk(ctx: Context, id: str | None) -> Document:
    """Return the trunk for an outgoing call: the named one, the tenant's default, or the best enabled one.

    Raises Invalid on `provider_config_id`.
    """
    if id is not None:
        doc = await ctx.data.find("trunks", id)
        if doc is None or doc["deleted_at"] is not None:
            raise Invalid.field("provider_config_id", "there is no such provider config")
        if not doc["enabled"]:
            raise Invalid.field("provider_config_id", "the provider config is not enabled")
        return doc
    default = (await voice_app(ctx.data))["default_outbound_config"]
    usable = {"enabled": True, "deleted_at": None}
    if default is not None and (doc := await ctx.data.find_one("trunks", {"_id": default, **usable})) is not None:
        return doc
    rows = await ctx.data.select("trunks", usable)
    if not rows and ctx.principal.mode == "test":
        sandbox = await ensure_sandbox_trunk(ctx.services, ctx.principal.tenant)
        rows = [sandbox] if sandbox["enabled"] else []
    if not rows:
        raise Invalid.field("provider_config_id", "there is no usable provider config")
    return await _best(ctx, rows)


async def _best(ctx: Context, rows: Sequence[Document]) -> Document:
    """Return the trunk to call over: one with an account, the healthiest, the first by priority, the oldest."""
    if len(rows) == 1:
        return rows[0]
    ids = [row["_id"] for row in rows]
    states = await ctx.data.select("trunk_states", {"_id": {"$in": ids}}, fields={"status": 1})
    status = {state["_id"]: state["status"] for state in states}

    def rank(each: Document) -> tuple[Any, ...]:
        healthy = HEALTHIEST.index(status.get(each["_id"], health.UNKNOWN))
        return not each["credentials_set"], healthy, -each["priority"], each["created_at"], each["_id"]

    return min(rows, key=rank)


def _sandbox_id(tenant: str) -> str:
    return "trk_" + tenant.partition("_")[2]


def _is_sandbox(ctx: Context, id: str) -> bool:
    return ctx.principal.mode == "test" and id == _sandbox_id(ctx.principal.tenant)


async def ensure_sandbox_trunk(services: Services, tenant: str) -> Document:
    """Return the simulated trunk of a tenant's test mode, made where it is missing."""
    store = services.store.of(tenant, "test")
    id = _sandbox_id(tenant)
    doc = await store.find("trunks", id)
    if doc is None:
        doc = {
            "_id": id, **DEFAULTS, "name": "Sandbox", "provider": SIP, "vendor_profile": "generic",
            "from_numbers": [SANDBOX_NUMBER], "credentials": None, "credentials_set": True, "asterisk": SIMULATED,
            "hosts": [], "deleted_at": None,
        }  # fmt: skip
        try:
            doc = (await store.insert("trunks", doc)).doc
        except Duplicate:
            doc = await store.get("trunks", id)
    return doc


# ---- keeping


async def list_trunks(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of provider configurations."""
    if ctx.principal.mode == "test":
        await ensure_sandbox_trunk(ctx.services, ctx.principal.tenant)

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_trunk(doc) for doc in docs]

    return await list_documents(ctx, "trunks", listing, render, {"deleted_at": None})


async def create_trunk(
    ctx: OperationContext, fields: Mapping[str, Any], credentials: Mapping[str, Any] | None, *, id: str | None = None
) -> dict[str, Any]:
    """Add a provider configuration; raises Invalid on `credentials`, `asterisk` and as `_fitting` does."""
    id = id or ctx.ids.new("trk")
    fields = await _fitting(ctx, id, fields)
    doc = {"_id": id, **DEFAULTS, **fields, "deleted_at": None, "created_by": ctx.principal.user_id}
    doc.update(await _sealed(ctx, id, doc["provider"], credentials))
    doc["asterisk"] = _asterisk(ctx, doc["provider"], fields.get("asterisk"))
    doc.update(created_at=ctx.now(), updated_at=ctx.now())
    await check_claims(ctx, doc, doc["from_numbers"], "from_numbers")
    doc["credentials_known"] = await _known(ctx, {**doc, "scope": ctx.data.scope})
    event = _told(ctx, "trunk.created", doc)
    written = ctx.wrote(await ctx.data.insert("trunks", doc, [event]))
    await ctx.ports.switches.trunk_changed(ctx.data.scope, id)
    return render_trunk(written)


UNCHANGED: Mapping[str, Any] = {}  # stands for "credentials were not given"; told from others by identity


async def change_trunk(
    ctx: OperationContext, id: str, fields: Mapping[str, Any], credentials: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Change a provider configuration; credentials given are merged into the sealed ones, None as a whole clears.

    Raises as `create_trunk`, and Invalid on `credentials` for another provider with those of the one before.
    """
    await ctx.data.get("trunks", id)
    fields = await _fitting(ctx, id, fields)
    event_id = ctx.ids.new("evt")

    async def look(held: Document) -> Change:
        changes = await _changes(ctx, held, fields, credentials)
        return Change(set=changes, events=[_told(ctx, "trunk.updated", {**held, **changes}, event_id)])

    written = ctx.wrote(await ctx.data.change_after("trunks", id, look))
    await ctx.ports.switches.trunk_changed(ctx.data.scope, id)
    return render_trunk(written)


async def _changes(
    ctx: OperationContext, held: Document, fields: Mapping[str, Any], credentials: Mapping[str, Any] | None
) -> dict[str, Any]:
    id = held["_id"]
    provider = fields.get("provider", held["provider"])
    if _is_sandbox(ctx, id):
        if credentials is not UNCHANGED:
            raise Invalid.field("credentials", "the simulated trunk has none")
        if provider != held["provider"]:
            raise Invalid.field("provider", "the simulated trunk is a SIP trunk")
    if provider != held["provider"] and held["credentials"] and credentials is UNCHANGED:
        raise Invalid.field("credentials", f"must be given, or null: those that are set are for {held['provider']}")
    changes = dict(fields)
    if "asterisk" in fields or provider != held["provider"]:
        changes["asterisk"] = _asterisk(ctx, provider, fields.get("asterisk"))
    if credentials is not UNCHANGED:
        merged = None
        if credentials is not None:
            old = ctx.services.secrets.open(held["credentials"], credentials_context(id)) if held["credentials"] else {}
            old = old if provider == held["provider"] else {}
            merged = {key: value for key, value in {**old, **credentials}.items() if value is not None}
            _given_anew(provider, old, merged, credentials)
        changes.update(await _sealed(ctx, id, provider, merged))
    await _check_claims(ctx, held, changes)
    if changes.get("credentials"):
        changes["credentials_known"] = await _known(ctx, {**held, **changes})
    return {**changes, "updated_by": ctx.principal.user_id, "updated_at": ctx.now()}


async def _check_claims(ctx: OperationContext, held: Document, changes: Mapping[str, Any]) -> None:
    """Raise Conflict where the change claims what is another tenant's at the same carrier's address."""
    changed = {**held, **changes}
    if (changed["hosts"], changed["asterisk"]) != (held["hosts"], held["asterisk"]):
        await check_claims(ctx, changed, await claimed_by(ctx, changed), "credentials")
    else:
        more = [number for number in changed["from_numbers"] if number not in held["from_numbers"]]
        await check_claims(ctx, changed, more, "from_numbers")


def _given_anew(provider: str, old: Mapping[str, Any], merged: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise Invalid on `credentials` where secrets that are kept would go to another host than before."""
    place, names = row(provider).spec.told_to
    if merged.get(place) == old.get(place) and "base_url" in (*old, *merged):
        place = "base_url"
    if not old or merged.get(place) == old.get(place):
        return
    kept = [name for name in names if old.get(name) and merged.get(name) and given.get(name) is None]
    if kept:
        raise Invalid({"credentials": [f"{name}: must be given anew with another {place}" for name in kept]})


async def delete_trunk(ctx: OperationContext, id: str) -> None:
    """Remove a provider configuration with its numbers; raises Conflict while calls point at it."""
    await ctx.data.get("trunks", id)
    if _is_sandbox(ctx, id):
        raise Conflict("The simulated trunk stays; disable it instead.")
    if await ctx.data.find_one("calls", {"provider_config": id}) is not None:
        raise Conflict("Calls were made over this provider config; disable it instead.")
    now, ids = ctx.now(), {"trunk": ctx.ids.new("evt"), "app": ctx.ids.new("evt")}
    numbers = await ctx.data.select("numbers", {"provider_config": id})
    gone = [
        Leaving("numbers", row["_id"], ctx.event("number.deleted", row["_id"], render_number(row), channel="VOICE"))
        for row in numbers
    ]
    defaults: list[Event] = []

    def leave(doc: Document) -> Change | None:
        change, defaults[:] = without_default(doc, id), []
        if change is not None:
            shown = render_voice_app({**doc, **change.set, "updated_at": now})
            defaults.append(_event(ctx, ids["app"], "voice_app.updated", doc["_id"], shown))
        return change

    def decide(doc: Document) -> Change:
        changes = {"deleted_at": now, "enabled": False, "credentials": None, "credentials_set": False}
        return Change(set=changes, events=[*defaults, _told(ctx, "trunk.deleted", doc, ids["trunk"])])

    # The settings are shared by both modes: what becomes of them is told with the trunk, whose log is this mode's.
    steps = [Step("voice_apps", (await voice_app(ctx.data))["_id"], leave), Step("trunks", id, decide)]
    for written in await ctx.data.change_together(steps, gone):
        ctx.wrote(written)
    await ctx.ports.switches.trunk_changed(ctx.data.scope, id)


async def _fitting(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as they are kept: the route read, the webhook token sealed.

    Raises Invalid on `default_route` and `fallback_sms_config`.
    """
    kept = dict(fields)
    if "default_route" in kept:
        kept["default_route"] = await checked_route(ctx, kept["default_route"], "default_route")
    if kept.get("fallback_sms_config") is not None:
        app = await ctx.data.find("apps", kept["fallback_sms_config"])
        if app is None or app["deleted_at"] is not None or app["channel"] != "SMS":
            raise Invalid.field("fallback_sms_config", "there is no such SMS app")
    if kept.get(HIDDEN):
        kept[HIDDEN] = ctx.services.secrets.seal(kept[HIDDEN], f"{credentials_context(id)}/{HIDDEN}")
    return kept


async def _sealed(ctx: Context, id: str, provider: str, credentials: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields that follow from credentials: sealed, whether set, profile and hosts of a trunk."""
    if not credentials:
        unset = {"credentials": None, "credentials_set": False, "credentials_known": None}
        return {**unset, "vendor_profile": None, "hosts": []}
    good = checked(provider, credentials)
    fields: dict[str, Any] = {"vendor_profile": None, "hosts": []}
    if switched(provider):
        account = sip_credentials(good)
        profile(account.vendor_profile)
        await check_sip_hosts(ctx.services, account)
        fields = {"vendor_profile": account.vendor_profile, "hosts": hosts_of(account)}
    return {**fields, "credentials": ctx.services.secrets.seal(good, credentials_context(id)), "credentials_set": True}


async def _known(ctx: OperationContext, doc: Document) -> bool | None:
    """Return whether an account's carrier knows its credentials, None where it was not asked or does not answer.

    Raises Invalid on `credentials` where it does not know them.
    """
    asks = ctx.services.settings.check_voice_credentials and ctx.principal.mode == "live"
    if not asks or switched(doc["provider"]) or not doc["credentials_set"]:
        return None
    return await ctx.ports.voice_hooks.knows(doc)


def _asterisk(ctx: OperationContext, provider: str, wanted: str | None) -> str | None:
    if row(provider).spec.hosted:
        return None
    if ctx.principal.mode == "test":
        return SIMULATED
    names = list(ctx.ports.switches.asterisks)
    if wanted is None:
        return names[0] if names else None
    if wanted not in names:
        raise Invalid.field("asterisk", f"must be one of {', '.join(names)}" if names else "there is none")
    return wanted


def _told(ctx: Context, type: str, doc: Document, id: str | None = None) -> Event:
    return _event(ctx, id or ctx.ids.new("evt"), type, doc["_id"], render_trunk(doc))


def _event(ctx: Context, id: str, type: str, subject: str, data: Mapping[str, Any]) -> Event:
    return Event(
        id=id, type=type, occurred_at=ctx.now(), actor=ctx.principal.actor(), subject=subject, data=data,
        channel="VOICE",
    )  # fmt: skip


async def own_trunk(store: TenantStore, id: str, name: str) -> Document:
    """Return a trunk another row names; raises Invalid on `name`."""
    try:
        return await store.get("trunks", id)
    except NotFound as error:
        raise Invalid.field(name, "there is no such provider config") from error
