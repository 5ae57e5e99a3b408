"""Accounts by letter: registration of an organisation with its owner, proof of an address, another password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context, OperationContext, Services, system_context
from jinaconnect.actions.identity import addresses
from jinaconnect.actions.identity.authentication import KEY_PREFIXES, key_hash
from jinaconnect.actions.identity.letters import VERIFY_WITHIN, ask_for_letter, count_letter, unusable
from jinaconnect.actions.identity.members import render_member
from jinaconnect.actions.identity.roles import account_store, role_below
from jinaconnect.actions.identity.tenants import create_tenant, render_tenant
from jinaconnect.core.errors import Conflict, Invalid, InvalidApiKey, NotAuthenticated, Throttled
from jinaconnect.core.identity.passwords import password_faults
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.passwords import hashed, matches
from jinaconnect.store.tenant import Change, applied


async def register(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make an organisation and its owner, who can log in once they have proven their address.

    Whether the address has an account elsewhere changes nothing: accounts belong to their organisation.
    """
    email = fields["email"].lower()
    await count_letter(ctx, email)
    if faults := password_faults(fields["password"]):
        raise Invalid({"password": faults})
    services, name = ctx.services, fields["tenant_name"]
    password = await hashed(fields["password"])
    if await services.registry.name_taken(name):
        raise Invalid.field("tenant_name", "is taken")
    tenant, now = ctx.ids.new("ten"), ctx.now()
    user = {
        "_id": ctx.ids.new("usr"), "email": email, "username": email, "first_name": fields["first_name"],
        "last_name": fields["last_name"], "mobile": fields["phone"], "password": password, "is_active": False,
        "email_verified": False, "verification": {"hash": None, "until": now + VERIFY_WITHIN}, "home": tenant,
        "created_at": now,
    }  # fmt: skip
    # The person first: of an organisation that stands somebody can ask for the letter again.
    await services.people.add_user(user)
    about = {key: fields.get(f"tenant_{key}") for key in ("website", "address", "country", "state", "industry")}
    try:
        await create_tenant(services, ctx.ports.channels, name, id=tenant, about={**about, "email": email})
    except Conflict as error:
        await services.people.drop_user(user["_id"])
        raise Invalid.field("tenant_name", "is taken") from error
    await _own(services, user)
    await ask_for_letter(ctx, "verify", scope=f"{tenant}:live", user=user["_id"])
    return {
        "message": "Confirm your address with the link in the letter.", "user_id": user["_id"], "tenant_id": tenant,
        "email": email, "tenant_name": name, "email_sent": True,
    }  # fmt: skip


async def found(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make an organisation for somebody, who confirms their address by letter and then chooses a password.

    Raises Invalid, Throttled.
    """
    owner = fields["owner"]
    about = {f"tenant_{key}": value for key, value in fields.items() if key != "owner"}
    try:
        made = await register(ctx, {**about, **owner, "password": ctx.secret("owner")})
    except Invalid as error:
        faults = error.detail if isinstance(error.detail, Mapping) else {}
        raise (Invalid.field("name", "is taken") if "tenant_name" in faults else error) from error
    tenant = await ctx.services.registry.tenant(made["tenant_id"])
    assert tenant is not None
    return {**render_tenant(tenant), "owner": made["user_id"]}


async def _own(services: Services, user: Document) -> None:
    """Make a person who registered an organisation its owner, unless they are."""
    store = services.store.of(user["home"], "live")
    role = await store.find_one("roles", {"slug": "owner"})
    if role is None or await store.find_one("members", {"user": user["_id"]}) is not None:
        return
    now = services.clock()
    member = {
        "_id": services.ids.new("mem"), "user": user["_id"], "role": role["_id"], "is_active": True,
        "created_by": None, "updated_by": None, "created_at": now, "updated_at": now,
    }  # fmt: skip
    ctx = system_context(services, store.scope, "registration")
    shown = render_member({**member, "scope": user["home"]}, user, role)
    by = {"type": "user", "id": user["_id"]}
    await store.insert("members", member, [ctx.event("member.added", member["_id"], shown, actor=by)])


async def link(ctx: OperationContext, access_key: str | None, fields: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Make a person with a telephone number an agent of the organisation whose key is given; tells if they are new.

    Who is there already proves it by their password. The key's role has to be one that may invite.
    """
    if not access_key:
        raise NotAuthenticated("The access key is missing.")
    if not access_key.startswith(KEY_PREFIXES):
        raise InvalidApiKey("The access key is not valid.")
    principal = await ctx.ports.rates.guarded(ctx.ports.auth.from_token(access_key, ctx.caller.ip), ctx.caller.ip)
    principal.require("users.invite")
    if faults := password_faults(fields["password"]):
        raise Invalid({"password": faults})
    verdict = await ctx.ports.rates.login(ctx.caller.ip, fields["mobile"])
    if not verdict.allowed:
        raise Throttled("Too many attempts for this account.", retry_after=max(1.0, verdict.reset_s))
    return await _linked(Context(ctx.services, principal, ctx.caller), fields)


async def _linked(ctx: Context, fields: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    people, store, mobile = ctx.services.people, account_store(ctx), fields["mobile"]
    role = await role_below(ctx, None, "agent")
    user = next((each for each in await people.accounts(mobile) if each.get("home") == ctx.principal.tenant), None)
    if user is not None and not await matches(user["password"], fields["password"]):
        raise Invalid.field("password", "is wrong")
    new = user is None
    if user is None:
        user = {
            "_id": ctx.ids.new("usr"), "email": mobile, "username": mobile, "first_name": fields["first_name"],
            "last_name": fields.get("last_name") or "", "mobile": mobile, "password": await hashed(fields["password"]),
            "is_active": True, "email_verified": False, "home": ctx.principal.tenant, "created_at": ctx.now(),
        }  # fmt: skip
        await people.add_user(user)
    person, now = user, ctx.now()
    known = await store.find_one("members", {"user": user["_id"]})
    if known is None:
        member = {
            "_id": ctx.ids.new("mem"), "user": user["_id"], "role": role["_id"], "is_active": True,
            "created_by": None, "updated_by": None, "created_at": now, "updated_at": now,
        }  # fmt: skip
        shown = render_member({**member, "scope": ctx.principal.tenant}, user, role)
        await store.insert("members", member, [ctx.event("member.added", member["_id"], shown)])
        return shown, new

    def decide(doc: Document) -> Change | None:
        if doc["is_active"]:
            return None
        changes = {"role": role["_id"], "is_active": True, "unaccepted": None, "updated_at": now}
        event = ctx.event("member.added", doc["_id"], render_member(applied(doc, changes, (), ()), person, role))
        return Change(set=changes, events=[event])

    doc = (await store.change("members", known["_id"], decide)).doc
    return render_member(doc, user, await store.find("roles", doc["role"])), new


async def verify(ctx: OperationContext, token: str) -> str:
    """Prove an address by the secret of its letter and return it; raises as `verifiable`.

    It is the one somebody registered with, or another one that they wanted to log in by and do from now on.
    """
    user, address = await verifiable(ctx, token)
    if address != user["email"]:
        if not await addresses.move(ctx, user, key_hash(token)):
            raise used()
        return address
    if not await ctx.services.people.verify_user(key_hash(token), ctx.now()):
        raise used()
    await _own(ctx.services, user)  # what an interrupted registration left undone
    return address


async def verifiable(ctx: Context, token: str) -> tuple[Document, str]:
    """Return the account that a secret can prove an address of, and the address; raises Invalid on `token`."""
    user = await ctx.services.people.user_by_secret("verification", key_hash(token))
    if user is None:
        user = await addresses.movable(ctx, key_hash(token))
        return user, str(user["moving_to"]["address"])
    if user["email_verified"]:
        raise used()
    if user["verification"]["until"] <= ctx.now():
        raise unusable("is too old: ask for another letter", code="token_expired")
    return user, str(user["email"])


async def resettable(ctx: Context, token: str) -> Document:
    """Return the account that a secret gives another password; raises Invalid on `token`."""
    user = await ctx.services.people.user_by_secret("reset", key_hash(token))
    if user is None:
        raise unusable("is unknown or used")
    if user["reset"]["until"] <= ctx.now():
        raise unusable("is too old: ask for another letter", code="token_expired")
    return user


def used() -> Invalid:
    """Return the refusal of a secret that has proven its address already."""
    return unusable("is used already", already_verified=True)


async def tell_changed(ctx: OperationContext, user: Document) -> None:
    """Have a person told that their password is another one now."""
    tenant = user.get("home") or next(iter(await ctx.services.people.tenants_of(user["_id"])), None)
    if tenant is not None:
        await ask_for_letter(ctx, "changed", scope=f"{tenant}:live", user=user["_id"])


async def reset_password(ctx: OperationContext, token: str, password: str, confirmed: str) -> str:
    """Give an account another password by the secret of its letter, which works once; returns the address."""
    if faults := password_faults(password):
        raise Invalid({"password": faults})
    if password != confirmed:
        raise Invalid.field("confirm_password", "does not match")
    user = await resettable(ctx, token)
    if not await ctx.services.people.redeem_reset(user, key_hash(token), await hashed(password), ctx.now()):
        raise unusable("is unknown or used")
    await tell_changed(ctx, user)
    return str(user["email"])
