"""`/voice/api/numbers/`: inbound numbers and their routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from jinaconnect.actions.trunks import numbers
from jinaconnect.core.events.payloads.trunks import NumberData
from jinaconnect.core.paging import Listing, text_filter
from jinaconnect.core.schema import Given, Id, Phone, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Route
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud

NUMBERS = Listing(
    filters={"provider_config": text_filter("provider_config"), "number": text_filter("number")},
    search=("number", "name"),
)
_TAKEN = {"errors": (409,)}


class NumberFields(Request, json_schema_extra=example(route={"type": "reject", "cause": "USER_BUSY"})):
    """What may be changed of a number."""

    number: Given[Phone] = None
    provider_config: Given[Id] = None
    name: Given[Annotated[Text, StringConstraints(max_length=100)]] = None
    route: Given[Route] = None


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


crud(
    "numbers", "numbers/", NumberOut, view="voice.manage", manage="voice.manage", declare=voice_operation,
    list=Does(numbers.NUMBERS.list, "List the inbound numbers.", NUMBERS),
    create=Does(
        numbers.create_number,
        "Route an inbound number of a trunk to an IVR, to a person's telephones, or to a refusal.", NewNumber, _TAKEN,
    ),
    read=Does(numbers.NUMBERS.read, "Show one number."),
    change=Does(
        numbers.change_number, "Change a number or its route; calls that live keep theirs.", NumberFields, _TAKEN
    ),
    delete=Does(numbers.NUMBERS.delete, "Remove a number."),
)  # fmt: skip
