"""`/voice/api/outbound-routes/`: which provider configs carry outgoing calls."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from jinaconnect.actions.calls import outbound_routes
from jinaconnect.core.events.payloads.voice import OutboundRouteData
from jinaconnect.core.paging import Listing, bool_filter, text_filter
from jinaconnect.core.schema import Given, Id, Phone, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import Named
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud

ROUTES = Listing(
    filters={"provider_config": text_filter("provider_config"), "destination_prefix": text_filter("destination_prefix"),
             "is_active": bool_filter("is_active")},
)  # fmt: skip

Prefix = Annotated[str, StringConstraints(pattern=r"^\+[0-9]{0,9}$")]


class OutboundRouteFields(Request, json_schema_extra=example(priority=20)):
    """What may be changed of a route."""

    name: Given[Named] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    is_active: Given[bool] = None
    destination_prefix: Given[Prefix] = None
    from_number: Phone | None = None
    provider_config: Given[Id] = None
    priority: Given[Annotated[int, Field(ge=-1_000_000, le=1_000_000)]] = None
    weight: Given[Annotated[int, Field(ge=1, le=1000)]] = None


class NewOutboundRoute(
    OutboundRouteFields,
    json_schema_extra=example(
        name="India first", destination_prefix="+91", provider_config=sample_id("trk"), priority=10, weight=100
    ),
):
    """A route to add."""

    name: Named
    provider_config: Id


class OutboundRouteOut(OutboundRouteData):
    """A route of outgoing calls."""


crud(
    "outbound_routes", "outbound-routes/", OutboundRouteOut, view="voice.manage", manage="voice.manage",
    declare=voice_operation,
    list=Does(outbound_routes.KEPT.list, "List the routes of outgoing calls.", ROUTES),
    create=Does(
        outbound_routes.create_route,
        "Let calls to numbers of a prefix go over a provider config. Of a number's routes the longest prefix goes "
        "first, then the higher `priority`, then the lower price of a minute; those that are as good share calls "
        "by `weight`. With `from_number` it is for calls with that own number.", NewOutboundRoute,
    ),
    read=Does(outbound_routes.KEPT.read, "Show one route."),
    change=Does(outbound_routes.change_route, "Change a route; calls that live keep theirs.", OutboundRouteFields),
    replace=Does(
        outbound_routes.replace_route, "Replace a route; what is left out takes its default.", NewOutboundRoute
    ),
    delete=Does(outbound_routes.KEPT.delete, "Remove a route."),
)  # fmt: skip
