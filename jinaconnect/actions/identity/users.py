"""People as their colleagues see them, and as they see themselves."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity.addresses import asked_move, pending_address
from jinaconnect.actions.identity.members import render_member
from jinaconnect.actions.identity.roles import account_store
from jinaconnect.actions.office.branding import PICTURE_BYTES, base_url
from jinaconnect.actions.office.pictures import PictureError, clean_raster
from jinaconnect.core.errors import Invalid, NotFound, PermissionDenied
from jinaconnect.core.ids import encode
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Written
from jinaconnect.store.together import ANNOUNCED

IMAGES = "/users/images/"


def render_user(ctx: Context, user: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Return a person: what colleagues may see, and more to themselves."""
    image = user.get("image")
    shown = {
        "id": user["_id"],
        "username": user["username"],
        "first_name": user["first_name"],
        "last_name": user["last_name"],
        "image": f"{base_url(ctx.services)}{IMAGES}{image['id']}/" if image else None,
    }
    if own:
        shown.update({name: user.get(name) for name in ("email", "mobile", "birth_date", "address")})
        shown["pending_email"] = pending_address(ctx, user)
    return shown


async def list_users(ctx: Context) -> list[dict[str, Any]]:
    """Return the people of the organisation."""
    rows = await account_store(ctx).select("members", {"is_active": True}, sort=[("_id", 1)])
    users = await ctx.services.people.users([row["user"] for row in rows])
    return [render_user(ctx, users[row["user"]], own=False) for row in rows if row["user"] in users]


async def read_user(ctx: Context, id: str) -> dict[str, Any]:
    """Return one person of the organisation, or oneself."""
    own = id in ("me", ctx.principal.user_id)
    wanted = ctx.principal.user_id if own else id
    if wanted is None:
        raise NotFound()
    member = await account_store(ctx).find_one("members", {"user": wanted, "is_active": True})
    user = await ctx.services.people.user(wanted) if member is not None else None
    if user is None:
        raise NotFound()
    return render_user(ctx, user, own=own)


async def change_user(
    ctx: OperationContext, id: str, fields: Mapping[str, Any], image: bytes | None = None
) -> dict[str, Any]:
    """Change one's own profile, and the picture in it; raises Invalid on `image` for one that is not taken.

    Another `email` is asked for with the `current_password` and theirs once it is proven (see `addresses`).
    """
    if id not in ("me", ctx.principal.user_id):
        await read_user(ctx, id)
        raise PermissionDenied("Nobody changes somebody else's profile.")
    if ctx.principal.user_id is None:
        raise PermissionDenied("An API key has no profile.")
    store, event_id = account_store(ctx), ctx.ids.new("evt")
    member = await store.get("members", str(ctx.principal.member))
    role, before = await store.find("roles", member["role"]), await ctx.services.people.user(ctx.principal.user_id)
    if before is None:
        raise NotFound()
    changes = {name: value for name, value in fields.items() if name not in ("email", "current_password")}
    jobs: list[Document] = []
    if "email" in fields:
        changes["moving_to"], jobs = await asked_move(ctx, before, fields["email"], fields.get("current_password"))
    if image is not None:
        changes["image"] = await _kept(ctx, store.scope, image)

    def announcement(user: Document) -> Document:
        event = ctx.event("member.updated", member["_id"], render_member(member, user, role), id=event_id)
        return store.announcement(member["_id"], event)

    # A move holds on to the password it was asked for with: one that came meanwhile has ended what that could begin.
    holding = {"password": before["password"]} if jobs else {}
    try:
        user, row = await ctx.services.people.change_user(before["_id"], changes, announcement, jobs, holding)
    except NotFound as error:
        raise (Invalid.field("current_password", "is wrong") if jobs else error) from error
    for job in jobs:  # written with what it is about: after a crash the worker's sweep finds it
        ctx.ports.worker.run_job(job)
    seqs = await store.tell(ANNOUNCED, [row])
    ctx.wrote(Written(user, seqs.get(member["_id"]), store.scope))
    former = before.get("image")
    if former and former != user.get("image"):
        await ctx.services.blobs.delete(former["scope"], former["id"])
    return render_user(ctx, user, own=True)


async def _kept(ctx: Context, scope: str, image: bytes) -> Document:
    """Keep a person's picture, made harmless, under an id that cannot be guessed."""
    if len(image) > PICTURE_BYTES:
        raise Invalid.field("image", f"may have at most {PICTURE_BYTES} bytes")
    try:
        cleaned = await asyncio.to_thread(clean_raster, image)
    except PictureError as error:
        raise Invalid.field("image", str(error)) from error
    id = encode("img", int(ctx.now().timestamp() * 1000), secrets.token_bytes(10))
    await ctx.services.blobs.put(scope, id, cleaned)
    return {"id": id, "scope": scope}


async def image(ctx: Context, id: str) -> str:
    """Return the scope of a person's picture; whoever knows its id may have it. Raises NotFound."""
    user = await ctx.services.people.user_of_image(id)
    if user is None:
        raise NotFound()
    return str(user["image"]["scope"])
