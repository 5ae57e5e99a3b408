"""`/tenants/branding/`: how an organisation looks, its own domain, whom its letters come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, HttpUrl, StringConstraints

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.office import branding
from jinaconnect.actions.office.pictures import SVG
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.office import BrandingData
from jinaconnect.core.office.branding import FILES, PICTURES
from jinaconnect.core.schema import Line, Mail, Request, example
from jinaconnect.handlers.edge.files import FOREVER, file_reply
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, Upload, operation

Domain = Annotated[
    str, StringConstraints(
        to_lower=True, max_length=253, pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$"
    ),
]  # fmt: skip
Url = Annotated[HttpUrl, Field(max_length=500)]
# A drawing may show itself, and nothing else.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_NAMES = (*PICTURES, "logo")


class Sender(Request, json_schema_extra=example(name="Lee & Sons", address="hello@example.com", reply_to=None)):
    """Whom letters come from, once the address's domain is proven."""

    name: Annotated[Line, StringConstraints(min_length=1, max_length=100)]
    address: Mail
    reply_to: Mail | None = None


class BrandingFields(
    Request,
    json_schema_extra=example(primary_color="#0b6e4f", product_name="Lee & Sons", custom_domain="help.example.com"),
):
    """What may be changed of how an organisation looks; pictures come as file parts of a form."""

    favicon_url: Url | None = None
    primary_logo_url: Url | None = None
    secondary_logo_url: Url | None = None
    primary_color: Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None
    product_name: Annotated[Line, StringConstraints(min_length=1, max_length=100)] | None = None
    custom_domain: Domain | None = None
    email_sender: Sender | None = None


class BrandingOut(BrandingData):
    """How an organisation looks."""


@operation("GET", "/tenants/branding/", id="branding.read", permission=PUBLIC, returns=BrandingOut)
async def read_branding(ctx: Context) -> dict[str, Any]:
    """Show how the caller's organisation looks, or without credentials that of the proven domain asked at."""
    return await branding.read_branding(ctx)


@operation(
    "PATCH", "/tenants/branding/", id="branding.change", permission="tenant.edit", body=BrandingFields,
    returns=BrandingOut, effect=True, files=_NAMES, limit=4 * branding.PICTURE_BYTES,
)  # fmt: skip
async def change_branding(ctx: OperationContext, body: BrandingFields, files: Mapping[str, Upload]) -> dict[str, Any]:
    """Change how the organisation looks, as JSON or as a form with pictures (`logo` is the primary logo).

    The favicon is a PNG of at most 1 MB; logos are SVG of at most 500 KB or pictures of at most 1 MB. A domain, and
    that of the sender's address, is `pending` until its records (`custom_domain_records`, `email_sender.records`) are
    found; letters come from the deployment's own address until then.
    """
    for name in files:
        if name not in _NAMES:
            raise Invalid.field(name, f"is not one of {', '.join(_NAMES)}")
    pictures = {"primary_logo" if name == "logo" else name: upload.body for name, upload in files.items()}
    fields = body.model_dump(mode="json", exclude_unset=True)
    return await branding.change_branding(ctx, fields, pictures)


@operation(
    "POST", "/tenants/branding/verify-domains/", id="branding.prove", permission="tenant.edit", returns=BrandingOut,
    effect=True,
)  # fmt: skip
async def prove(ctx: OperationContext) -> dict[str, Any]:
    """Look for the records of the domains now; they are looked for by themselves too, for some days."""
    return await branding.prove(ctx)


def _removal(name: str, path: str) -> None:
    async def answer(ctx: Context) -> dict[str, Any]:
        return await branding.drop_picture(ctx, name)

    answer.__doc__ = f"Remove the {path.replace('-', ' ')}, uploaded or elsewhere."
    operation(
        "DELETE", f"/tenants/branding/{path}/", id=f"branding.drop_{name}", permission="tenant.edit",
        returns=BrandingOut, effect=True,
    )(answer)  # fmt: skip


for _name in PICTURES:
    _removal(_name, _name.replace("_", "-"))


@operation(
    "GET", f"{FILES}{{id}}/", id="branding.file", permission=PUBLIC, errors=(416,),
    media_type=("image/png", SVG, "application/octet-stream"),
)
async def read_file(ctx: Context, id: str) -> Reply:
    """Serve an uploaded picture; its id cannot be guessed, and another upload has another one."""
    scope, mime = await branding.picture(ctx, id)
    return await file_reply(ctx, scope, id, mime, {**FOREVER, "Content-Security-Policy": _POLICY})
