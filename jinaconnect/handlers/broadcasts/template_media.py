"""`…/templates/{id}/upload-media/`: the file that a template shows, or one of its cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.reviewing.files import upload_media
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.office.formats import MB, MOST_BYTES
from jinaconnect.core.schema import Answer, Request, example, sample_id
from jinaconnect.handlers.broadcasts.templates import declaring
from jinaconnect.handlers.edge.operation import Upload
from jinaconnect.handlers.office.library import ONE_PROVIDER


class TemplateMediaFields(Request, json_schema_extra=example(card_index=0)):
    """Which card of a template shows the file, counted from 0; without it the header does."""

    card_index: int | None = Field(None, ge=0, le=9)


class TemplateMedia(
    Answer,
    json_schema_extra=example(
        handle_id="4::aW1hZ2UvanBlZw==", provider=ONE_PROVIDER, stored_on="card:0", tenant_media_id=sample_id("mdl"),
        tenant_media_url=f"/tenants/tenant-media/{sample_id('mdl')}/serve/",
    ),
):  # fmt: skip
    """A file that a template shows; where a carrier reviews templates, what it knows the file by."""

    handle_id: str | None
    provider: str | None
    stored_on: str = Field(description="`template`, or `card:<n>`.")
    tenant_media_id: str
    tenant_media_url: str


def _declare(platform: str) -> None:
    doing = declaring(platform)

    @doing(
        "POST", "/{id}/upload-media/", "upload_media", "create", body=TemplateMediaFields, files=("file",),
        returns=TemplateMedia, effect=True, limit=MOST_BYTES + MB, errors=(501, 502),
    )  # fmt: skip
    async def upload(
        ctx: OperationContext, id: str, body: TemplateMediaFields, files: Mapping[str, Upload]
    ) -> dict[str, Any]:
        """Add a file (part `file` of a form) to the library as what a template shows, as its carrier's sample too."""
        if wrong := [name for name in files if name != "file"]:
            raise Invalid.field(wrong[0], "is not a part that is taken: there is file")
        file = files.get("file")
        if file is None:
            raise Invalid.field("file", "is required")
        return await upload_media(ctx, platform, id, body.card_index, file.filename, file.body)


for _name, _platform in PLATFORMS.items():
    if _platform.own_templates or _platform.window is not None:
        _declare(_name)
