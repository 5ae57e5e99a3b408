"""The address somebody logs in by: another one is asked for with the password, and theirs by the secret of a letter.

Until then it stands in `moving_to` of their account, with the hash of the secret alone, and nobody learns whether
others have it: that is found when the link is used, by whoever can read the letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity.letters import VERIFY_WITHIN, count_letter, letter_job, unusable
from jinaconnect.actions.identity.members import render_member
from jinaconnect.core.errors import Conflict, Invalid, NotFound, Throttled
from jinaconnect.core.identity.addresses import is_mail, masked
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.passwords import matches
from jinaconnect.store.together import ANNOUNCED


def pending_address(ctx: Context, user: Mapping[str, Any]) -> str | None:
    """Return the address that somebody has asked for and can still confirm."""
    moving = user.get("moving_to")
    return str(moving["address"]) if moving and moving["until"] > ctx.now() else None


async def asked_move(
    ctx: OperationContext, user: Document, address: str | None, password: str | None
) -> tuple[Document | None, list[Document]]:
    """Return the `moving_to` of a person who wants to log in by an address, and the job of its letter.

    Their own address withdraws what is pending. Raises Invalid on `email` and `current_password`, Throttled.
    """
    wanted = (address or "").lower()
    if wanted == user["email"].lower():
        return None, []
    if not is_mail(wanted):
        raise Invalid.field("email", "must be a mail address")
    if password is None:
        raise Invalid.field("current_password", "is needed to change the address you log in by")
    verdict = await ctx.ports.rates.login(ctx.caller.ip, user["_id"])
    if not verdict.allowed:  # a session that was left open is no way to guess
        raise Throttled("Too many attempts for this account.", retry_after=max(1.0, verdict.reset_s))
    if not await matches(user["password"], password):
        raise Invalid.field("current_password", "is wrong")
    await count_letter(ctx, wanted)
    job = letter_job(ctx, "move", f"{ctx.principal.tenant}:live", user=user["_id"], to=wanted)
    # The secret is made with its letter, which is the one of this request: an earlier one finds another `asked`.
    return {"address": wanted, "asked": job["_id"], "hash": None, "until": ctx.now() + VERIFY_WITHIN}, [job]


async def movable(ctx: Context, digest: str) -> Document:
    """Return the account that the secret with a hash gives another address; raises Invalid on `token`."""
    user = await ctx.services.people.user_by_secret("moving_to", digest)
    if user is None or not user["is_active"]:
        raise unusable("is unknown")
    if user["moving_to"]["until"] <= ctx.now():
        raise unusable("is too old: ask for another letter", code="token_expired")
    return user


async def move(ctx: OperationContext, user: Document, digest: str) -> bool:
    """Give a person the address they have proven; False when its secret does not hold any more.

    Raises Invalid on `token` where another account of the organisation has the address, or they belong to none.
    """
    people, registry = ctx.services.people, ctx.services.registry
    members = await people.memberships(user["_id"])
    if not members:
        raise unusable("is unknown")
    roles = {member["_id"]: await registry.role(member["scope"], member["role"]) for member in members}
    ids = {member["_id"]: ctx.ids.new("evt") for member in members}
    by = {"type": "user", "id": user["_id"]}

    def announcements(moved: Document) -> Sequence[Document]:
        rows = []
        for member in members:
            shown = render_member(member, moved, roles[member["_id"]])
            event = ctx.event("member.updated", member["_id"], shown, actor=by, id=ids[member["_id"]])
            rows.append(ctx.services.store.of(member["scope"], "live").announcement(member["_id"], event))
        return rows

    former, jobs = str(user["email"]), []
    if is_mail(former):
        told = {"user": user["_id"], "to": former, "shown": masked(user["moving_to"]["address"])}
        jobs = [letter_job(ctx, "moved", f"{user.get('home') or members[0]['scope']}:live", **told)]
    try:
        rows = await people.move_user(user, digest, ctx.now(), announcements, jobs)
    except NotFound:
        return False
    except Conflict as error:
        why = "cannot be used: another account of the organisation has this address"
        raise unusable(why, address_taken=True) from error
    # The address, the events of every organisation and the letter to the former address are one write, so no crash can
    # part them. Here they are only told sooner than the sweeps of outbox and worker would, which find what is left.
    for member, row in zip(members, rows, strict=True):
        await ctx.services.store.of(member["scope"], "live").tell(ANNOUNCED, [row])
    for job in jobs:
        ctx.ports.worker.run_job(job)
    return True
