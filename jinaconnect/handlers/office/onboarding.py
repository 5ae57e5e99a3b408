"""`/tenants/onboarding-options/`: what forms of a new organisation offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import RootModel

from jinaconnect.actions.context import Context
from jinaconnect.actions.office import places
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.office.industries import INDUSTRIES
from jinaconnect.core.paging import SHORT, one_of, some_of
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import PUBLIC, operation
from jinaconnect.handlers.edge.schemas import Parameter

_BASE = "/tenants/onboarding-options/"
_USUAL = "IN,US"
_SEARCH = Parameter("What the value or the label holds.", SHORT)
_COUNTRY = one_of(*(each["value"] for each in places.countries()))
_COUNTRIES = some_of(*(each["value"] for each in places.countries()))


class Choice(Answer, json_schema_extra=example(value="US", label="United States")):
    """A value, and what people read."""

    value: str
    label: str


class StateChoice(Choice, json_schema_extra=example(value="MA", label="Massachusetts", type="State")):
    """A part of a country."""

    type: str


class FlowChoice(
    Choice,
    json_schema_extra=example(
        value="sms", label="SMS", channels=["SMS"],
        steps=["Choose a carrier", "Enter its credentials", "Register senders where the law asks for it"],
    ),
):  # fmt: skip
    """A way to come to a channel, step by step."""

    channels: list[str]
    steps: list[str]


class Choices(RootModel[list[Choice]]):
    """What can be chosen."""


class StateChoices(RootModel[list[StateChoice]]):
    """The parts of a country."""


class PlacesAndTrades(Answer):
    """Countries, industries and, by country, its parts."""

    countries: list[Choice]
    industries: list[Choice]
    states: dict[str, list[StateChoice]]


class OnboardingOptions(PlacesAndTrades):
    """Everything that a new organisation chooses from."""

    flows: list[FlowChoice]


def _industries() -> tuple[dict[str, str], ...]:
    return tuple({"value": value, "label": label} for value, label in INDUSTRIES.items())


def _everything(ctx: Context) -> dict[str, Any]:
    wanted = ctx.caller.query.get("countries_for_states", _USUAL)
    asked = [code.strip().upper() for code in wanted.split(",") if code.strip()]
    for code in asked:
        if not places.known(code):
            raise Invalid.field("countries_for_states", f"there is no country '{code[:8]}'")
    return {
        "countries": places.countries(), "industries": _industries(),
        "states": {code: places.states(code) for code in asked},
    }  # fmt: skip


_STATES_OF = {
    "countries_for_states": Parameter("Countries whose parts are listed, with commas between.", _COUNTRIES)
}


@operation("GET", _BASE, id="onboarding.options", permission=PUBLIC, returns=OnboardingOptions, query=_STATES_OF)
async def options(ctx: Context) -> dict[str, Any]:
    """List all that a new organisation chooses from: channels and how to come to them, countries, industries."""
    flows = [
        {"value": flow.value, "label": flow.label, "channels": [name], "steps": list(flow.steps)}
        for name, platform in PLATFORMS.items()
        for flow in platform.flows
    ]
    return {"flows": flows, **_everything(ctx)}


@operation(
    "GET", f"{_BASE}all/", id="onboarding.all", permission=PUBLIC, returns=PlacesAndTrades, query=_STATES_OF
)
async def everything(ctx: Context) -> dict[str, Any]:
    """List countries, industries, and the parts of some countries."""
    return _everything(ctx)


def _list(name: str, choices: Callable[[], tuple[dict[str, str], ...]], text: str) -> None:
    async def answer(ctx: Context) -> list[dict[str, str]]:
        return places.searched(choices(), ctx.caller.query.get("search", ""))

    answer.__doc__ = text
    operation(
        "GET", f"{_BASE}{name}/", id=f"onboarding.{name}", permission=PUBLIC, returns=Choices, query={"search": _SEARCH}
    )(answer)


_list("countries", places.countries, "List the countries.")
_list("industries", _industries, "List the industries.")


@operation(
    "GET", f"{_BASE}states/", id="onboarding.states", permission=PUBLIC, returns=StateChoices, query={
        "country": Parameter("Two letters of ISO 3166.", _COUNTRY, required=True),
        "search": _SEARCH, "type": Parameter("Of which kind, such as State.", SHORT),
    },
)  # fmt: skip
async def states(ctx: Context) -> list[dict[str, str]]:
    """List the parts of a country; 400 for a country there is not."""
    query = ctx.caller.query
    country = query.get("country", "").upper()
    if not places.known(country):
        raise Invalid.field("country", "must be two letters of ISO 3166")
    found = places.searched(places.states(country), query.get("search", ""))
    kind = query.get("type", "").strip().casefold()
    return [each for each in found if not kind or each["type"].casefold() == kind]
