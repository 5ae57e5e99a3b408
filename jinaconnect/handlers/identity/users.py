"""`/users/user/`: people."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity import users
from jinaconnect.actions.listing import envelope, log_cursor
from jinaconnect.core.paging import Listing, page_of
from jinaconnect.core.schema import Answer, Line, Phone, Request, example
from jinaconnect.handlers.edge.operation import AUTHENTICATED, operation

Part = Annotated[Line, StringConstraints(max_length=150)]


class Address(Request):
    """A postal address; all five parts."""

    model_config = ConfigDict(extra="forbid")

    country: Part
    city: Part
    state: Part
    landmark: Part
    postal_code: Part


class Profile(Request, json_schema_extra=example(first_name="Ann", last_name="Lee", mobile="+12025550123")):
    """What may be changed of one's own profile."""

    first_name: Part | None = None
    last_name: Part | None = None
    mobile: Phone | None = None
    birth_date: date | None = None
    address: Address | None = None


class UserOut(Answer):
    """A person."""

    id: str
    username: str
    first_name: str
    last_name: str
    image: str | None


class OwnProfile(UserOut):
    """A person; e-mail and what follows are shown to themselves alone."""

    email: str | None = None
    mobile: str | None = None
    birth_date: str | None = None
    address: dict[str, str] | None = None


@operation(
    "GET", "/users/user/", id="users.list", permission=AUTHENTICATED, listing=Listing(endless=False), returns=UserOut
)
async def list_users(ctx: Context) -> dict[str, Any]:
    """List the people of the organisation."""
    cursor = await log_cursor(ctx)
    page, everyone = page_of(ctx.caller.query), await users.list_users(ctx)
    return {**envelope(ctx, page, len(everyone), everyone[page.skip : page.skip + page.size]), "cursor": cursor}


@operation("GET", "/users/user/{id}/", id="users.read", permission=AUTHENTICATED, returns=OwnProfile)
async def read_user(ctx: Context, id: str) -> dict[str, Any]:
    """Show a person; `me` shows oneself with everything."""
    return await users.read_user(ctx, id)


@operation(
    "PATCH", "/users/user/{id}/", id="users.change", permission=AUTHENTICATED, body=Profile, returns=OwnProfile,
    effect=True,
)  # fmt: skip
async def change_user(ctx: Context, id: str, body: Profile) -> dict[str, Any]:
    """Change one's own profile."""
    fields = {name: value for name, value in body.model_dump(mode="json", exclude_unset=True).items()}
    for name in ("first_name", "last_name"):
        if name in fields and fields[name] is None:
            fields[name] = ""
    return await users.change_user(ctx, id, fields)
