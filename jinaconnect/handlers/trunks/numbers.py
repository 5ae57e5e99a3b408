"""`/voice/api/numbers/`: inbound numbers and their routes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.trunks import accounts as trunks
from jinaconnect.actions.trunks import numbers
from jinaconnect.core.events.payloads.trunks import NumberData
from jinaconnect.core.paging import Listing, text_filter
from jinaconnect.core.schema import Given, Id, Phone, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Route
from jinaconnect.handlers.calls.operation import voice_operation

NUMBERS = Listing(
    filters={"provider_config": text_filter("provider_config"), "number": text_filter("number")},
    search=("number", "name"),
)


class NumberFields(Request, json_schema_extra=example(route={"type": "reject", "cause": "USER_BUSY"})):
    """What may be changed of a number."""

    number: Given[Phone] = None
    provider_config: Given[Id] = None
    name: Given[Annotated[Text, StringConstraints(max_length=100)]] = None
    route: Given[Route] = None

    def given(self) -> dict[str, Any]:
        """Return the fields given."""
        return self.model_dump(exclude_unset=True)


class NewNumber(
    NumberFields,
    json_schema_extra=example(
        number="+12025550123",
        provider_config=sample_id("trk"),
        name="Main line",
        route={"type": "template", "template": sample_id("vtp")},
    ),
):
    """A number to add."""

    number: Phone
    provider_config: Id
    name: Annotated[Text, StringConstraints(max_length=100)] = ""
    route: Route


class NumberOut(NumberData):
    """A number and its route."""


@voice_operation("GET", "numbers/", id="numbers.list", permission="voice.manage", listing=NUMBERS, returns=NumberOut)
async def list_numbers(ctx: Context) -> dict[str, Any]:
    """List the inbound numbers."""
    return await numbers.list_numbers(ctx, NUMBERS)


@voice_operation(
    "POST", "numbers/", id="numbers.create", permission="voice.manage", body=NewNumber, returns=NumberOut, status=201,
    effect=True, errors=(409,),
)  # fmt: skip
async def create_number(ctx: Context, body: NewNumber) -> dict[str, Any]:
    """Route an inbound number of a trunk to an IVR, to a person's telephones, or to a refusal."""
    return await numbers.create_number(ctx, body.model_dump())


@voice_operation("GET", "numbers/{id}/", id="numbers.read", permission="voice.manage", returns=NumberOut)
async def read_number(ctx: Context, id: str) -> dict[str, Any]:
    """Show one number."""
    return trunks.render_number(await ctx.data.get("numbers", id))


@voice_operation(
    "PATCH", "numbers/{id}/", id="numbers.change", permission="voice.manage", body=NumberFields, returns=NumberOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def change_number(ctx: Context, id: str, body: NumberFields) -> dict[str, Any]:
    """Change a number or its route; calls that live keep theirs."""
    return await numbers.change_number(ctx, id, body.given())


@voice_operation("DELETE", "numbers/{id}/", id="numbers.delete", permission="voice.manage", status=204, effect=True)
async def delete_number(ctx: Context, id: str) -> None:
    """Remove a number."""
    await numbers.delete_number(ctx, id)
