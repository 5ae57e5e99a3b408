"""`/tenants/tenant-media/`: the media library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, RootModel

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.messaging.media import LIBRARY_PATH
from jinaconnect.actions.office import library
from jinaconnect.actions.office.converting import converters
from jinaconnect.actions.reviewing import files
from jinaconnect.channels.table import CHANNELS
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.office import MediaData
from jinaconnect.core.inbox.platform import USUAL, PlatformName
from jinaconnect.core.office.formats import FORMATS, LIMITS, MB, MOST_BYTES, supported
from jinaconnect.core.paging import FLAG, SHORT, Filter, Listing, one_of, ordered_by, parse_bool, parse_or_fault
from jinaconnect.core.schema import Answer, Given, Request, example
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.files import file_reply
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, Upload, operation
from jinaconnect.handlers.edge.schemas import Parameter

_PATH = LIBRARY_PATH
ONE_PROVIDER = next(iter(CHANNELS.values())).spec.provider  # for examples
_KINDS = tuple(LIMITS)
_LISTING = Listing(
    filters={"platform": Filter("platform"), "media_type": Filter("media_type", schema=one_of(*_KINDS))},
    search=("original_filename",), orderings={"file_size": "size", **ordered_by("original_filename")},
)  # fmt: skip
_LIMIT = MOST_BYTES + MB


class MediaFields(Request, json_schema_extra=example(platform=USUAL, card_index=0)):
    """What is said of a file; the file itself is the part `media` of a form."""

    platform: Given[PlatformName] = None
    card_index: int | None = Field(None, ge=0, le=100)
    auto_convert: Given[bool] = None


class MediaOut(MediaData):
    """A file of the library; `media` is where whoever knows its id gets it."""


class Supported(
    Answer,
    json_schema_extra=example(
        media_type="image", extensions=["jpg", "jpeg", "png"], converted=["heic", "webp"], max_bytes=5_242_880
    ),
):  # fmt: skip
    """A kind of file, the ends of names it takes as they are or converted, and how large its files may be."""

    media_type: Literal["document", "image", "video", "audio"]
    extensions: list[str]
    converted: list[str]
    max_bytes: int


class SupportedKinds(RootModel[list[Supported]]):
    """What the library takes."""


class Converters(RootModel[dict[str, bool]]):
    """Of each kind of file whether it can be converted here."""


class FreshUrl(
    Answer,
    json_schema_extra=example(
        id="mdl_01kc8x2v7m4q9r5t1w3y6z8a0b",
        url="https://gateway.example.com/tenants/tenant-media/mdl_01kc8x2v7m4q9r5t1w3y6z8a0b/content/?expires=1795",
        content_type="image/jpeg", expires_in=3600,
    ),
):  # fmt: skip
    """Where a file is for a while."""

    id: str
    url: str
    content_type: str
    expires_in: int


crud(
    "library", _PATH, MediaOut, view="template.view", manage="template.create",
    list=Does(library.LIBRARY.list, "List the files of the library.", _LISTING),
    read=Does(library.LIBRARY.read, "Show one file of the library."),
)  # fmt: skip


def _upload(parts: Mapping[str, Upload]) -> tuple[str, bytes] | None:
    for name in parts:
        if name != "media":
            raise Invalid.field(name, "is not a part that is taken: there is media")
    found = parts.get("media")
    return (found.filename, found.body) if found else None


@operation(
    "POST", _PATH, id="library.create", permission="template.create", body=MediaFields, files=("media",),
    returns=MediaOut, status=201, effect=True, limit=_LIMIT,
)  # fmt: skip
async def create(ctx: Context, body: MediaFields, files: Mapping[str, Upload]) -> dict[str, Any]:
    """Add a file (part `media` of a form), which has to be what the end of its name says.

    What carriers do not take (HEIC, WebP, MOV, WAV and others, see `supported-formats/`) is converted unless
    `auto_convert` is false.
    """
    upload = _upload(files)
    if upload is None:
        raise Invalid.field("media", "is required")
    return await library.add(ctx, body.given(), *upload)


@operation(
    "PATCH", f"{_PATH}{{id}}/", id="library.change", permission="template.edit", body=MediaFields, files=("media",),
    returns=MediaOut, effect=True, limit=_LIMIT,
)  # fmt: skip
async def change(ctx: Context, id: str, body: MediaFields, files: Mapping[str, Upload]) -> dict[str, Any]:
    """Change what is said of a file or, with a part `media`, the file: what a carrier gave for the former one ends."""
    return await library.change(ctx, id, body.given(), _upload(files))


@operation(
    "GET", f"{_PATH}supported-formats/", id="library.formats", permission="template.view", returns=SupportedKinds,
    query={"is_template": Parameter("As what a template may have, not a message.", FLAG)},
)  # fmt: skip
async def formats(ctx: Context) -> list[dict[str, Any]]:
    """List what the library takes, and how large."""
    template = parse_or_fault("is_template", parse_bool, ctx.caller.query.get("is_template", "false"))
    return supported(template)


@operation(
    "GET", f"{_PATH}conversion-status/", id="library.converters", permission="template.view", returns=Converters
)
async def conversion_status(ctx: Context) -> dict[str, bool]:
    """Tell of each kind of file whether it can be converted here."""
    return converters()


class GivenFile(
    Answer,
    json_schema_extra=example(
        id="mdl_01kc8x2v7m4q9r5t1w3y6z8a0b", handle_id="4::aW1hZ2UvanBlZw==", provider=ONE_PROVIDER,
        stored_on="template"
    ),
):  # fmt: skip
    """By what a carrier knows a file: the handle of a template's sample, or the id that messages name it by."""

    id: str
    handle_id: str
    provider: str
    stored_on: str = Field(description="`template`, or `card:<n>` of a file that is a card's.")


@operation(
    "POST", f"{_PATH}{{id}}/upload-to-wa/", id="library.give", permission="template.create", returns=GivenFile,
    effect=True, errors=(501, 502), query={
        "purpose": Parameter("As the sample of a template, or to be sent.", one_of("template", "session")),
        "wa_app": Parameter("The app whose provider it is given to; the usual one unless named.", SHORT),
    },
)  # fmt: skip
async def give(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Give a file of the library to WhatsApp's provider."""
    query = ctx.caller.query
    purpose = query.get("purpose", "template")
    if purpose not in ("template", "session"):
        raise Invalid.field("purpose", "must be template or session")
    return await files.give_library_file(
        ctx, USUAL, id, "session" if purpose == "session" else "template", query.get("wa_app")
    )


@operation(
    "GET", f"{_PATH}{{id}}/refresh-url/", id="library.refresh_url", permission="template.view", returns=FreshUrl
)
async def refresh_url(ctx: Context, id: str) -> dict[str, Any]:
    """Return an address at which a file is for an hour."""
    return await library.refresh_url(ctx, id)


@operation("GET", f"{_PATH}{{id}}/serve/", id="library.serve", permission=PUBLIC, status=302, leads=True)
async def serve(ctx: Context, id: str) -> Reply:
    """Lead to a fresh address of a file; its id cannot be guessed, so whoever has it may."""
    return Reply(None, 302, {"Location": await library.fresh_url(ctx, id), "Cache-Control": "no-store"})


@operation(
    "GET", f"{_PATH}{{id}}/content/", id="library.content", permission=PUBLIC,
    media_type=(*dict.fromkeys(each.mime for each in FORMATS.values()), "application/octet-stream"), errors=(416,),
    query={
        "expires": Parameter("Until when the address holds.", SHORT),
        "signature": Parameter("That we have made the address.", SHORT),
    },
)  # fmt: skip
async def content(ctx: Context, id: str) -> Reply:
    """Serve a file, whole or in ranges, at an address we have made; 404 once its hour is over."""
    query = ctx.caller.query
    scope, blob, mime = await library.content(ctx, id, query.get("expires", ""), query.get("signature", ""))
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return await file_reply(ctx, scope, blob, mime, headers)
