"""`/voice/api/recording-consents/` and `/voice/api/tenant-voice-app/`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.calls import consents
from jinaconnect.actions.context import Context
from jinaconnect.actions.trunks import voice_app as app
from jinaconnect.actions.trunks.accounts import own_trunk
from jinaconnect.core.calls.consent import SUPERVISION
from jinaconnect.core.errors import NotFound
from jinaconnect.core.events.payloads.recordings import ConsentData
from jinaconnect.core.events.payloads.voice import VoiceAppData
from jinaconnect.core.paging import Listing, bool_filter, text_filter
from jinaconnect.core.schema import Answer, Given, Id, OneOf, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Named, Time
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud

CONSENTS = Listing(
    filters={"contact": text_filter("contact"), "consent_given": bool_filter("consent_given")},
    orderings={"created_at": "_id"},
)
_TAKEN = {"errors": (409,)}


class ConsentFields(Request, json_schema_extra=example(consent_given=False)):
    """What may be changed of a consent."""

    name: Given[Named] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    is_active: Given[bool] = None
    contact: Given[Id] = None
    consent_given: Given[bool] = None
    consent_timestamp: Time | None = None
    consent_method: Given[Literal["verbal_ivr", "web_form", "api", "implied", ""]] = None
    recording_url: Given[Annotated[Text, StringConstraints(max_length=512)]] = None


class NewConsent(
    ConsentFields,
    json_schema_extra=example(name="Ann Lee", contact=sample_id("cnt"), consent_given=True, consent_method="web_form"),
):
    """A consent to add."""

    name: Named
    contact: Id


class ConsentOut(ConsentData):
    """Whether a contact agreed to being recorded."""


class VoiceAppFields(
    Request,
    json_schema_extra=example(
        is_enabled=True, recording_retention_days=30, recording_requires_consent=True, supervision="with_consent"
    ),
):
    """What may be changed of the tenant's voice app."""

    name: Given[Named] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    is_active: Given[bool] = None
    is_enabled: Given[bool] = None
    default_outbound_config: Id | None = None
    default_inbound_config: Id | None = None
    recording_retention_days: Given[Annotated[int, Field(ge=1, le=36_500)]] = None
    recording_requires_consent: Given[bool] = None
    supervision: Given[Annotated[str, OneOf(SUPERVISION)]] = None
    supervision_notice: Given[Annotated[Text, StringConstraints(max_length=500)]] = None


class VoiceAppOut(VoiceAppData):
    """Whether a tenant's voice is on, and its defaults."""


class VoiceApps(Answer):
    """The tenant's voice app as a list of one."""

    count: int
    next: None
    previous: None
    results: list[VoiceAppOut]


crud(
    "consents", "recording-consents/", ConsentOut, view="voice.view", manage="voice.control", declare=voice_operation,
    list=Does(consents.list_consents, "List the consents, newest first.", CONSENTS),
    create=Does(
        consents.create_consent, "Note whether a contact agrees to being recorded; one row for each contact.",
        NewConsent, _TAKEN,
    ),
    read=Does(consents.read_consent, "Show one consent."),
    change=Does(consents.change_consent, "Change a consent.", ConsentFields, _TAKEN),
    replace=Does(
        consents.replace_consent, "Replace a consent; what is left out takes its default.", NewConsent, _TAKEN
    ),
    delete=Does(consents.delete_consent, "Remove a consent."),
)  # fmt: skip


@voice_operation("GET", "tenant-voice-app/", id="app.list", permission="voice.view", returns=VoiceApps, gated=False)
async def list_apps(ctx: Context) -> dict[str, Any]:
    """Show the organisation's voice app as a list of one."""
    row = app.render_voice_app(await app.voice_app(ctx.data))
    return {"count": 1, "next": None, "previous": None, "results": [row]}


@voice_operation(
    "GET", "tenant-voice-app/{id}/", id="app.read", permission="voice.view", returns=VoiceAppOut, gated=False
)
async def read_app(ctx: Context, id: str) -> dict[str, Any]:
    """Show the organisation's voice app."""
    row = await app.voice_app(ctx.data)
    if row["_id"] != id:
        raise NotFound()
    return app.render_voice_app(row)


async def _change(ctx: Context, id: str, fields: dict[str, Any]) -> dict[str, Any]:
    for name in ("default_outbound_config", "default_inbound_config"):
        if fields.get(name) is not None:
            await own_trunk(ctx.data, fields[name], name)
    return await app.change_voice_app(ctx, id, fields)


@voice_operation(
    "PATCH", "tenant-voice-app/{id}/", id="app.change", permission="voice.manage", body=VoiceAppFields,
    returns=VoiceAppOut, effect=True, gated=False,
)  # fmt: skip
async def change_app(ctx: Context, id: str, body: VoiceAppFields) -> dict[str, Any]:
    """Switch voice on or off, set its defaults, retention and whether recording needs consent."""
    return await _change(ctx, id, body.given())


@voice_operation(
    "PUT", "tenant-voice-app/{id}/", id="app.replace", permission="voice.manage", body=VoiceAppFields,
    returns=VoiceAppOut, effect=True, gated=False,
)  # fmt: skip
async def replace_app(ctx: Context, id: str, body: VoiceAppFields) -> dict[str, Any]:
    """Replace the voice app's settings; what is left out takes its default."""
    defaults = {name: value for name, value in app.DEFAULTS.items() if name not in ("created_by", "updated_by")}
    return await _change(ctx, id, {**defaults, **body.given()})
