"""Media overrides of a broadcast: what each recipient's request to the carrier shows, with and without them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jinaconnect.store.tenant import Change
from tests.conftest import Running
from tests.handlers.broadcasts.shop import Shop, open_shop
from tests.handlers.office.test_library import picture, send
from tests.tenants import Tenant

OWN = "https://shop.example/own.png"


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as made:
        yield made


async def of_files(shop: Shop, **fields: Any) -> str:
    """Have a template of files approved; returns its id."""
    made = (await shop.tenant().post("/wa/v1/templates/", {"content": "Look.", **fields})).ok(201)
    assert made["status"] == "PENDING", made["error_message"]
    await shop.store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
    return str(made["id"])


async def heads(shop: Shop, id: str) -> list[list[str]]:
    """Return the addresses of the files that each recipient's request showed, of the header and of cards."""
    await shop.reaches(id, "SENT")
    found = []
    for row in await shop.rows(id):
        parts = shop.server.bodies[row["message"]]["template"]["components"]
        cards = [card["components"] for part in parts if part["type"] == "carousel" for card in part["cards"]]
        shown = [part["parameters"][0] for each in (parts, *cards) for part in each if part["type"] == "header"]
        found.append([each["image"]["link"] for each in shown])
    return found


async def test_media_overrides_of_the_header_are_what_each_recipients_request_shows(shop: Shop) -> None:
    template = await of_files(
        shop, element_name="look", template_type="IMAGE", media_handle="4::own", example_media_url=OWN
    )
    await shop.people(3)
    other = (await send(shop.tenant(), "other.png", picture("PNG"))).ok(201)["id"]
    id = await shop.begin(template_number=template, media_overrides={"header": other})
    shown = await heads(shop, id)
    assert [len(links) for links in shown] == [1, 1, 1]
    assert all(f"/{other}/" in link for [link] in shown)
    told = (await shop.tenant().get(f"/broadcast/{id}/")).ok()
    assert told["media_overrides"] == {"header": other}
    assert (told["template_type"], told["template_media_url"]) == ("IMAGE", f"/tenants/tenant-media/{other}/serve/")
    [listed] = (await shop.tenant().get("/broadcast/")).ok()["results"]
    assert listed["template_media_url"] == told["template_media_url"]
    assert await heads(shop, await shop.begin(template_number=template)) == [[OWN]] * 3


async def test_media_overrides_of_cards_are_what_each_recipients_request_shows(shop: Shop) -> None:
    cards = [{"headerType": "IMAGE", "media_handle": f"4::{place}", "media_url": OWN} for place in range(3)]
    template = await of_files(shop, element_name="row", template_type="CAROUSEL", cards=cards)
    await shop.people(2)
    other = (await send(shop.tenant(), "other.png", picture("PNG"))).ok(201)["id"]
    id = await shop.begin(template_number=template, media_overrides={"cards": {"1": other}})
    urls = (await shop.tenant().get(f"/broadcast/{id}/")).ok()["cards_media_urls"]
    assert urls == [OWN, f"/tenants/tenant-media/{other}/serve/", OWN]
    shown = await heads(shop, id)
    assert [[link == OWN for link in links] for links in shown] == [[True, False, True]] * 2
    assert all(f"/{other}/" in links[1] for links in shown)
