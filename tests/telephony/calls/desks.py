"""People with telephones of their own: a device made over REST, registered at Asterisk, and numbers that ring it."""

from __future__ import annotations

from typing import Any

from tests.conftest import Running
from tests.handlers.people import Person, add_person
from tests.telephony.calls.phone import Phone
from tests.telephony.calls.telephone import Exchange

DEVICES = "/voice/api/devices/"
CALLER = "+12025550169"


async def newcomer(phone: Exchange, role: str = "agent", name: str = "Pat") -> Person:
    """Add somebody without a telephone so far."""
    running = Running(phone.url, phone.gateway.services, phone.gateway)
    return await add_person(running, phone.tenant, role, name)


async def give_device(who: Person, name: str = "Desk", **more: Any) -> dict[str, Any]:
    """Make a softphone of somebody's; its credentials are in the answer."""
    return dict((await who.client.post(DEVICES, {"name": name, "kind": "softphone", **more})).ok(201))


async def device_state(who: Person, device: str) -> str:
    """Return whether a device is registered."""
    return str((await who.client.get(f"{DEVICES}{device}/")).ok()["registration"]["state"])


async def registered(phone: Exchange, who: Person, line: Phone) -> dict[str, Any]:
    """Give a person a telephone and register it."""
    made = await give_device(who)
    account = made["credentials"]
    assert account["domain"] == phone.asterisk.ip
    assert await line.register(account["domain"], account["username"], account["password"]) == 200
    return made


async def unregister(line: Phone, made: dict[str, Any]) -> None:
    """Take a telephone off its Asterisk."""
    account = made["credentials"]
    assert await line.register(account["domain"], account["username"], account["password"], expires=0) == 200


async def number_to(phone: Exchange, route: dict[str, Any]) -> str:
    """Have a number that goes somewhere; returns it."""
    serial = phone.more["numbers"] = phone.more.get("numbers", 0) + 1
    number = f"+1202555{200 + serial:04d}"
    await phone.route(number, route)
    return number


async def incoming(phone: Exchange, number: str) -> str:
    """Return the call that came in to a number."""
    return next(each["id"] for each in await phone.calls(direction="inbound") if each["to_number"] == number)
