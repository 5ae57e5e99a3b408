"""Members: who belongs to the organisation, with which role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity.authentication import key_hash
from jinaconnect.actions.identity.letters import letter_job, seal_token
from jinaconnect.actions.identity.roles import account_store, below, brief, check_held, role_below
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Conflict, Invalid, NotFound, PermissionDenied
from jinaconnect.core.identity.passwords import password_faults
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.passwords import hashed
from jinaconnect.store.tenant import Change, Step, applied

INVITATION = timedelta(days=7)


def render_member(
    member: Mapping[str, Any], user: Mapping[str, Any] | None, role: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a member as REST and events show them."""
    user = user or {"first_name": "", "last_name": "", "email": None, "username": None, "email_verified": False}
    full = f"{user['first_name']} {user['last_name']}".strip()
    return {
        "id": member["_id"], "tenant": member["scope"], "user": member["user"], "role": member["role"],
        "role_detail": brief(role) if role else None, "first_name": user["first_name"], "last_name": user["last_name"],
        "email": user["email"], "username": user["username"], "name": full or user["email"] or user["username"],
        "email_verified": bool(user["email_verified"]), "is_active": member["is_active"],
        "is_pending": bool(member.get("unaccepted")), "created_at": iso_or_none(member["created_at"]),
        "updated_at": iso_or_none(member["updated_at"]), "created_by": member["created_by"],
        "updated_by": member["updated_by"],
    }  # fmt: skip


async def render_members(ctx: Context, members: Sequence[Document]) -> list[dict[str, Any]]:
    """Return members with their person and role."""
    users = await ctx.services.people.users([member["user"] for member in members])
    ids = list({member["role"] for member in members})
    roles = {row["_id"]: row for row in await account_store(ctx).select("roles", {"_id": {"$in": ids}})}
    return [render_member(member, users.get(member["user"]), roles.get(member["role"])) for member in members]


async def found_users(ctx: Context, words: str) -> list[str]:
    """Return the ids of members whose name, e-mail or username holds the words."""
    rows = await account_store(ctx).select("members", {}, fields={"user": 1})
    users = await ctx.services.people.users([row["user"] for row in rows])
    wanted = words.lower()
    names = ("email", "first_name", "last_name", "username")
    return [id for id, user in users.items() if any(wanted in str(user.get(name) or "").lower() for name in names)]


async def read_member(ctx: Context, id: str) -> dict[str, Any]:
    """Return one member."""
    return (await render_members(ctx, [await account_store(ctx).get("members", id)]))[0]


async def invite(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Invite somebody; they are a member once they accept by the single-use link of their letter and `invite_path`.

    The account is this organisation's own: what another one has made for the same address is neither relied on nor
    shown, and the answer is the same. So a password may be given for it, and makes the person a member at once.
    """
    role = await role_below(ctx, fields.get("role_id"), fields.get("role"))
    password = fields.get("password")
    if password is not None and (faults := password_faults(password, strict=True)):
        raise Invalid({"password": faults})
    people, store, email = ctx.services.people, account_store(ctx), fields["email"].lower()
    # Made before anything is looked up: a request that is run again finds what it made by these.
    new_user, new_member, mark, job = (ctx.ids.new(prefix) for prefix in ("usr", "mem", "inv", "job"))
    token = None if password else ctx.secret("invitation")
    accounts = {row["_id"]: row for row in await people.accounts(email)}
    for held in await store.select("members", {"user": {"$in": list(accounts)}}):
        _free(ctx, held, mark)
    user = await _own_account(ctx, list(accounts.values()))
    if user is None:
        user = {
            "_id": new_user, "email": email, "username": email, "first_name": fields.get("first_name") or "",
            "last_name": fields.get("last_name") or "", "mobile": None, "password": None, "is_active": False,
            "email_verified": False, "home": ctx.principal.tenant, "created_at": ctx.now(),
        }  # fmt: skip
        await people.add_user(user)
    changes = {
        "role": role["_id"], "is_active": token is None, "unaccepted": None if token is None else _until(ctx),
        "invited": mark, "updated_by": ctx.principal.username, "updated_at": ctx.now(),
    }  # fmt: skip
    type = "member.added" if token is None else "member.invited"
    known = await store.find_one("members", {"user": user["_id"]})
    if known is None:
        first = {"created_by": ctx.principal.username, "created_at": ctx.now()}
        doc = {"_id": new_member, "user": user["_id"], **changes, **first}
        shown = render_member({**doc, "scope": ctx.principal.tenant}, user, role)
        written = await store.insert("members", doc, [ctx.event(type, doc["_id"], shown)])
    else:

        def decide(doc: Document) -> Change | None:
            if not _free(ctx, doc, mark):
                return None
            shown = render_member(applied(doc, changes, (), ()), user, role)
            return Change(set=changes, events=[ctx.event(type, doc["_id"], shown)])

        written = await store.change("members", known["_id"], decide)
    # The account last: of several who invite at once, the one whose membership stands has the link that works.
    if user.get("opened") != mark:
        opened = {"invitation": _invitation(ctx, token), "opened": mark}
        if password:
            await people.set_password(user["_id"], await hashed(password), {}, {**opened, "is_active": True})
        else:
            await people.set_user(user["_id"], opened)
        await _send_link(ctx, job, user, token, fields.get("message") or "")
    return _invited(render_member(ctx.wrote(written), user, role), token)


def _free(ctx: Context, member: Document, mark: str) -> bool:
    """Tell whether a person can be invited, or (False) this very request has done it; raises Conflict otherwise."""
    if member.get("invited") == mark:
        return False
    if member["is_active"]:
        raise Conflict("This person is a member already.", code="already_exists")
    if (member.get("unaccepted") or ctx.now()) > ctx.now():
        raise Conflict("This person is invited already.", code="already_exists")
    return True


async def _send_link(ctx: OperationContext, job: str, user: Document, token: str | None, message: str = "") -> None:
    if token is None:
        return
    data = {
        "user": user["_id"], "inviter": ctx.principal.name, "message": message, "sealed_for": job,
        "token": seal_token(ctx.services, job, token),
    }  # fmt: skip
    await ctx.ports.worker.add_jobs([letter_job(ctx, "invite", f"{ctx.principal.tenant}:live", id=job, **data)])


def _until(ctx: Context) -> datetime:
    return ctx.now() + INVITATION


def _invitation(ctx: Context, token: str | None) -> dict[str, Any] | None:
    return None if token is None else {"hash": key_hash(token), "until": _until(ctx)}


def _invited(shown: Mapping[str, Any], token: str | None) -> dict[str, Any]:
    if token is None:
        return {**shown, "message": "The person is a member now."}
    path = f"/tenants/members/accept/?token={token}"
    return {**shown, "message": "The person is invited; their letter has this link too.", "invite_path": path}


async def _own_account(ctx: Context, accounts: Sequence[Document]) -> Document | None:
    """Return the account on which this organisation alone relies, if there is one."""
    people, tenant = ctx.services.people, ctx.principal.tenant
    for account in accounts:
        if account.get("home") == tenant:
            return account
    for account in accounts:  # of before accounts had a home: ours where nobody else ever had it as a member
        if account.get("home") is None and await people.tenants_of(account["_id"]) == [tenant]:
            return account if await people.claim_account(account["_id"], tenant) else None
    return None


async def invite_again(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Give an invited person a new link; the earlier one ends. Also for one whose password an administrator has set."""
    user, role = await _target(ctx, id)
    check_held(ctx, role, "non_field_errors")
    store, mark, token = account_store(ctx), ctx.ids.new("inv"), ctx.secret("invitation")
    member = await store.get("members", id)
    if user is None or not (member["is_active"] or member.get("unaccepted")):
        raise Invalid.field("non_field_errors", "this person is not a member")
    if user["email_verified"] and not member.get("unaccepted"):
        raise Invalid.field("non_field_errors", "this person has accepted already")
    if await _own_account(ctx, [user]) is None:
        raise Invalid.field("non_field_errors", "this person is a member of another organisation too")
    await ctx.services.people.set_user(user["_id"], {"invitation": _invitation(ctx, token)})
    await _send_link(ctx, ctx.ids.new("job"), user, token)

    def decide(doc: Document) -> Change | None:
        if doc.get("invited") == mark:
            return None
        changes = {"invited": mark, "updated_by": ctx.principal.username, "updated_at": ctx.now()}
        if doc.get("unaccepted"):
            changes["unaccepted"] = _until(ctx)
        shown = render_member(applied(doc, changes, (), ()), user, role)
        type = "member.invited" if doc.get("unaccepted") else "member.updated"
        return Change(set=changes, events=[ctx.event(type, doc["_id"], shown)])

    return _invited(render_member(ctx.wrote(await store.change("members", id, decide)), user, role), token)


async def accept(ctx: Context, token: str, password: str) -> None:
    """Make an invited person a member, with the password they chose; the link works once.

    Sessions that an earlier password opened end.
    """
    if faults := password_faults(password):
        raise Invalid({"password": faults})
    people, digest = ctx.services.people, key_hash(token)
    user = await people.invited(digest, ctx.now())
    if user is None:
        raise _unusable()
    store = ctx.services.store.of(await _home(ctx, user), "live")
    member = await store.find_one("members", {"user": user["_id"]})
    if member is None:
        raise _unusable()
    role = await store.find("roles", member["role"])
    proven = {**user, "email_verified": True}

    def decide(doc: Document) -> Change | None:
        if doc["is_active"]:
            return None
        if not doc.get("unaccepted"):
            raise _unusable()
        changes = {"is_active": True, "unaccepted": None, "updated_at": ctx.now()}
        shown = render_member(applied(doc, changes, (), ()), proven, role)
        by = {"type": "user", "id": user["_id"]}
        return Change(set=changes, events=[ctx.event("member.added", doc["_id"], shown, actor=by)])

    # The membership first: it opens nothing before the password is set, and cut in between the link works once more.
    await store.change("members", member["_id"], decide)
    if not await people.redeem_invitation(user, digest, await hashed(password), ctx.now()):
        raise _unusable()


def _unusable() -> Invalid:
    return Invalid.field("token", "is unknown, used or late")


async def _home(ctx: Context, user: Document) -> str:
    """Return the organisation that invited an account.

    One of before accounts had a home was made by the organisation it came to first. Others that made it a member
    before anybody had accepted were taken to trust whoever held that one's link: their memberships end.
    """
    if user.get("home") is not None:
        return str(user["home"])
    first, *others = await ctx.services.people.tenants_of(user["_id"]) or [""]
    for tenant in others:
        store = ctx.services.store.of(tenant, "live")
        member = await store.find_one("members", {"user": user["_id"]})
        role = await store.find("roles", member["role"]) if member is not None else None

        def decide(doc: Document, role: Document | None = role) -> Change | None:
            if not doc["is_active"]:
                return None
            changes = {"is_active": False, "updated_at": ctx.now()}
            shown = render_member(applied(doc, changes, (), ()), user, role)
            by = {"type": "system", "id": "system"}
            return Change(set=changes, events=[ctx.event("member.removed", doc["_id"], shown, actor=by)])

        if member is not None:
            await store.change("members", member["_id"], decide)
    await ctx.services.people.claim_account(user["_id"], first)
    return first


async def change_role(ctx: Context, id: str, role_id: str) -> dict[str, Any]:
    """Give a member another role."""
    role = await role_below(ctx, role_id)
    user, held = await _target(ctx, id)

    def decide(member: Document) -> Change:
        _unmoved(member, held)
        changes = {"role": role["_id"], "updated_by": ctx.principal.username, "updated_at": ctx.now()}
        shown = render_member(applied(member, changes, (), ()), user, role)
        return Change(set=changes, events=[ctx.event("member.updated", member["_id"], shown)])

    return render_member(ctx.wrote(await account_store(ctx).change("members", id, decide)), user, role)


async def _target(ctx: Context, id: str) -> tuple[Document | None, Document]:
    store = account_store(ctx)
    member = await store.get("members", id)
    if member["user"] == ctx.principal.user_id:
        raise Invalid.field("non_field_errors", "nobody changes their own membership")
    role = await store.find("roles", member["role"])
    if role is None:
        raise NotFound()
    if role["slug"] == "owner":
        raise Invalid.field("non_field_errors", "the owner's membership moves by transfer only")
    below(ctx, role)
    return await ctx.services.people.user(member["user"]), role


def _unmoved(member: Document, role: Document) -> None:
    """Raise Conflict where a member has another role by now than the one that was looked at."""
    if member["role"] != role["_id"]:
        raise Conflict("The roles have changed meanwhile.")


async def remove(ctx: Context, id: str) -> None:
    """End a membership or an invitation; its sessions and its link stop working at once."""
    user, role = await _target(ctx, id)

    def decide(member: Document) -> Change | None:
        _unmoved(member, role)
        if not member["is_active"] and not member.get("unaccepted"):
            return None
        by = ctx.principal.username
        changes = {"is_active": False, "unaccepted": None, "updated_by": by, "updated_at": ctx.now()}
        shown = render_member(applied(member, changes, (), ()), user, role)
        return Change(set=changes, events=[ctx.event("member.removed", member["_id"], shown)])

    member = ctx.wrote(await account_store(ctx).change("members", id, decide))
    if user is not None and user.get("home") == ctx.principal.tenant:
        await ctx.services.people.set_user(user["_id"], {"invitation": None})
    query = {"user": member["user"], "tenant": ctx.principal.tenant}
    await ctx.services.people.revoke_sessions(query)


async def transfer(ctx: Context, user_id: str) -> dict[str, Any]:
    """Make an admin the owner and the owner an admin."""
    store = account_store(ctx)
    roles = {row["slug"]: row for row in await store.select("roles", {"slug": {"$in": ["owner", "admin"]}})}
    member = await store.find_one("members", {"user": user_id, "is_active": True})
    if member is None or member["role"] != roles["admin"]["_id"]:
        raise Invalid.field("target_user_id", "must be an active member with the role admin")
    if ctx.principal.member is None:
        raise PermissionDenied("Ownership is transferred by the owner in person.")
    owner = await store.get("members", ctx.principal.member)
    if owner["role"] != roles["owner"]["_id"]:
        raise Conflict("You are not the owner any more.")
    users = await ctx.services.people.users([user_id, owner["user"]])

    def given(role: Document, expected: Document) -> Any:
        def decide(doc: Document) -> Change:
            _unmoved(doc, expected)
            if not doc["is_active"]:
                raise Conflict("The person has left meanwhile.")
            changes = {"role": role["_id"], "updated_by": ctx.principal.username, "updated_at": ctx.now()}
            shown = render_member(applied(doc, changes, (), ()), users.get(doc["user"]), role)
            return Change(set=changes, events=[ctx.event("member.updated", doc["_id"], shown)])

        return decide

    steps = [
        Step("members", owner["_id"], given(roles["admin"], roles["owner"])),
        Step("members", member["_id"], given(roles["owner"], roles["admin"])),
    ]
    for written in await store.change_together(steps):
        ctx.wrote(written)
    return {"detail": "Ownership has moved.", "new_owner": user_id, "previous_owner_new_role": "admin"}
