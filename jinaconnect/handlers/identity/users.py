"""`/users/user/`: people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity import users
from jinaconnect.actions.listing import envelope, log_cursor
from jinaconnect.actions.office.branding import PICTURE_BYTES
from jinaconnect.core.errors import Invalid
from jinaconnect.core.office.branding import RASTER
from jinaconnect.core.paging import Listing, page_of
from jinaconnect.core.schema import Answer, Line, Phone, Request, example
from jinaconnect.handlers.edge.files import FOREVER, file_reply
from jinaconnect.handlers.edge.operation import AUTHENTICATED, PUBLIC, Reply, Upload, operation
from jinaconnect.handlers.identity.auth import Secret

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
    email: Annotated[str, StringConstraints(max_length=254)] | None = Field(
        None, description="Another mail address takes the place of one's own once the link of its letter is "
        "used; one's own withdraws what is pending."
    )  # fmt: skip
    current_password: Secret | None = Field(
        None, description="Needed beside another `email`; looked at with nothing else."
    )
    mobile: Phone | None = None
    birth_date: date | None = None
    address: Address | None = None
    image: None = Field(None, description="Comes as a file part of a form; null removes it.")


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
    pending_email: str | None = Field(None, description="The address that waits for the link of its letter.")
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
    effect=True, files=("image",), limit=2 * PICTURE_BYTES,
)  # fmt: skip
async def change_user(ctx: OperationContext, id: str, body: Profile, files: Mapping[str, Upload]) -> dict[str, Any]:
    """Change one's own profile, as JSON or as a form with a picture of at most 1 MB (PNG, JPEG, WebP, GIF).

    Everything is changed at once but the address one logs in by: another `email`, with the `current_password`, is
    `pending_email` until the link of the letter that goes there is used, within 24 hours.
    """
    for name in files:
        if name != "image":
            raise Invalid.field(name[:80], "is not a part that is taken: there is image")
    fields = {name: value for name, value in body.model_dump(mode="json", exclude_unset=True).items()}
    for name in ("first_name", "last_name"):
        if name in fields and fields[name] is None:
            fields[name] = ""
    return await users.change_user(ctx, id, fields, files["image"].body if files else None)


@operation(
    "GET", f"{users.IMAGES}{{id}}/", id="users.image", permission=PUBLIC, errors=(416,),
    media_type=(RASTER, "application/octet-stream"),
)  # fmt: skip
async def read_image(ctx: Context, id: str) -> Reply:
    """Serve a person's picture; its id cannot be guessed, and another upload has another one."""
    return await file_reply(ctx, await users.image(ctx, id), id, RASTER, FOREVER)
