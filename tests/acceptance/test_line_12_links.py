"""Line 12: dynamic URL buttons carry the tracked code; the click is counted and redirected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from jinaconnect.core.broadcasts.links import CODE
from jinaconnect.store.tenant import Change
from tests.carriers.sms import TwilioServer
from tests.client import Answered, until
from tests.handlers.broadcasts.shop import Shop
from tests.tenants import Tenant

PERSON = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"}
LINKS = "/broadcast/url-tracking/"


async def template_with(shop: Shop, name: str, *buttons: dict[str, Any]) -> str:
    """Have a template with buttons approved; returns its id."""
    body = {"element_name": name, "category": "UTILITY", "content": "Hello {{first_name}}.", "buttons": list(buttons)}
    made = (await shop.tenant().post("/wa/v1/templates/", body)).ok(201)
    await shop.store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
    return str(made["id"])


async def follows(shop: Shop, url: str, method: str = "GET", **headers: str) -> Answered:
    """Come by a link, as a person unless the headers say otherwise."""
    path = url.removeprefix(shop.gateway.services.settings.own_url)
    return await shop.tenant.anonymous.ask(method, path, headers={**PERSON, **headers}, allow_redirects=False)


async def counted(shop: Shop, id: str, **wanted: int) -> dict[str, Any]:
    """Wait until a link has been counted so often; returns it."""

    async def there() -> dict[str, Any] | None:
        link: dict[str, Any] = (await shop.tenant().get(f"{LINKS}{id}/")).ok()
        return link if all(link[name] == count for name, count in wanted.items()) else None

    found: dict[str, Any] = await until(there)
    return found


async def test_line_12_a_button_carries_the_code_and_its_click_is_counted_and_redirected(shop: Shop) -> None:
    base = shop.gateway.services.settings.own_url
    template = await template_with(
        shop, "linked", {"type": "URL", "text": "To the shop", "url": f"{base}/r/{{{{1}}}}"},
        {"type": "URL", "text": "Terms", "url": "https://shop.example/terms"},
    )  # fmt: skip
    await shop.people(3)
    given = {"button_0_url": "https://shop.example/spring?for={{first_name}}"}
    id = await shop.begin(template_number=template, placeholder_data=given)
    await shop.reaches(id, "SENT")
    rows = await shop.rows(id)
    listed = (await shop.tenant().get(LINKS, params={"broadcast_id": id})).ok()["results"]
    assert len(listed) == 3
    by_message = {link["broadcast_message"]: link for link in listed}
    codes = set()
    for row in rows:
        sent = shop.server.bodies[row["message"]]["template"]["components"]
        button = next(part for part in sent if part["type"] == "button")
        assert (button["sub_type"], button["index"]) == ("url", "0")
        code = button["parameters"][0]["text"]
        assert CODE.fullmatch(code)
        link = by_message[row["id"]]
        assert (link["code"], link["tracked_url"]) == (code, f"{base}/r/{code}/")
        assert (link["button_index"], link["button_text"], link["click_count"]) == (0, "To the shop", 0)
        assert (link["contact"], link["contact_phone"]) == (row["contact"], row["contact_phone"])
        codes.add(code)
    assert len(codes) == 3, "each recipient has one of their own"

    link = by_message[rows[0]["id"]]
    assert link["original_url"] == f"https://shop.example/spring?for={rows[0]['contact_name']}"
    for url in (link["tracked_url"], link["tracked_url"].rstrip("/")):
        led = await follows(shop, url, Referer="https://web.whatsapp.com/")
        assert (led.status, led.headers["Location"]) == (302, link["original_url"])
        assert led.headers["Cache-Control"] == "no-store"
    link = await counted(shop, link["id"], click_count=2)
    assert link["first_clicked_at"] <= link["last_clicked_at"]
    clicks = (await shop.tenant().get(f"{LINKS}{link['id']}/clicks/")).ok()
    assert clicks["count"] == 2
    assert clicks["results"][0]["kind"] == "HUMAN"
    assert clicks["results"][0]["referer"] == "https://web.whatsapp.com/"
    figures = (await shop.tenant().get(f"{LINKS}broadcast/{id}/")).ok()
    assert (figures["total_tracked_urls"], figures["total_clicks"], figures["unique_contacts_clicked"]) == (3, 2, 1)
    assert [(each["total_clicks"], each["unique_clickers"]) for each in figures["buttons"]] == [(2, 1)]
    of_message = (await shop.tenant().get(f"{LINKS}message/{rows[0]['id']}/")).ok()
    assert [each["code"] for each in of_message] == [link["code"]]
    only = (await shop.tenant().get(LINKS, params={"broadcast_id": id, "clicked_only": "true"})).ok()
    assert [each["id"] for each in only["results"]] == [link["id"]]
    dashboard = (await shop.tenant().get("/broadcast/dashboard/", params={"channel": "whatsapp"})).ok()
    assert (dashboard["total_clicks"], dashboard["clicked_recipients"]) == (2, 1)
    heard = [event for event in await shop.tenant().events() if event["type"] == "link.clicked"]
    assert [(event["contact_id"], event["data"]["click_count"]) for event in heard] == [
        (link["contact"], 1), (link["contact"], 2)
    ]  # fmt: skip


async def test_a_click_is_a_persons_and_programs_are_counted_apart(shop: Shop) -> None:
    base = shop.gateway.services.settings.own_url
    button = {"type": "URL", "text": "To the shop", "url": f"{base}/r/{{{{1}}}}"}
    template = await template_with(shop, "linked", button)
    await shop.people(1)
    data = {"button_0_url": "https://shop.example/"}
    id = await shop.begin(template_number=template, placeholder_data=data)
    await shop.reaches(id, "SENT")
    link = (await shop.tenant().get(LINKS, params={"broadcast_id": id})).ok()["results"][0]
    url = link["tracked_url"]
    for agent in ("WhatsApp/2.23.20.0 A", "facebookexternalhit/1.1", ""):
        assert (await follows(shop, url, **{"User-Agent": agent})).status == 302, "a preview gets its redirect"
    await counted(shop, link["id"], bot_count=3, click_count=0)
    assert (await follows(shop, url, "HEAD")).status == 302
    assert (await follows(shop, url)).status == 302
    await counted(shop, link["id"], click_count=1)
    assert (await follows(shop, url, "HEAD")).status == 302
    await counted(shop, link["id"], bot_count=3, click_count=0, suspect_count=1)
    await asyncio.gather(*(follows(shop, url) for _ in range(10)))
    await counted(shop, link["id"], click_count=10)
    assert (await shop.tenant().get(f"{LINKS}{link['id']}/clicks/", params={"kind": "BOT"})).ok()["count"] == 3


async def test_only_what_was_stored_is_led_to(shop: Shop, new_tenant: Callable[[], Awaitable[Tenant]]) -> None:
    for path in ("/r/aB3dE5fG/", "/r/" + "a" * 40 + "/", "/r/aB3dE5f%00/", "/r/https:%2F%2Fevil.example/"):
        answer = await shop.tenant.anonymous.ask("GET", path, headers=PERSON, allow_redirects=False)
        answer.refused(404, "not_found")
    base = shop.gateway.services.settings.own_url
    template = await template_with(shop, "linked", {"type": "URL", "text": "Go", "url": f"{base}/r/{{{{1}}}}"})
    await shop.people(1)
    for wrong in (None, "", "javascript:alert(1)", "ftp://shop.example/", "//evil.example", "https://a b/", "https://"):
        given = {} if wrong is None else {"button_0_url": wrong}
        answer = await shop.write(template_number=template, placeholder_data=given)
        assert "placeholder_data.button_0_url" in answer.refused(400, "validation_error")
    id = await shop.begin(template_number=template, placeholder_data={"button_0_url": "https://shop.example/"})
    await shop.reaches(id, "SENT")
    link = (await shop.tenant().get(LINKS, params={"broadcast_id": id})).ok()["results"][0]
    other = await new_tenant()
    for path in (f"{LINKS}{link['id']}/", f"{LINKS}{link['id']}/clicks/", f"{LINKS}broadcast/{id}/"):
        (await other().get(path)).refused(404, "not_found")


async def test_addresses_in_a_text_are_followed_where_that_is_asked_for(shop: Shop) -> None:
    server, tenant = TwilioServer(), shop.tenant
    await server.start()
    try:
        (await tenant().post("/sms/v1/apps/", server.account())).ok(201)
        await shop.people(2)
        text = "Hi {{first_name}}: https://shop.example/a?b=1, or (https://shop.example/{{first_name}})."
        body = {"name": "Sale", "status": "QUEUED", "select_all": True, "placeholder_data": {"message": text},
                "category": "UTILITY", "track_links": True}  # fmt: skip
        id = str((await tenant().post("/sms/v1/broadcast/", body)).ok(201)["id"])
        await shop.due(id)
        await shop.reaches(id, "SENT")
        links = (await tenant().get(LINKS, params={"broadcast_id": id, "page_size": "50"})).ok()["results"]
        assert len(links) == 4
        base = shop.gateway.services.settings.own_url
        for row in await shop.rows(id):
            said = next(form["Body"] for form in server.requests if form["To"] == row["contact_phone"])
            mine = {link["tracked_url"]: link["original_url"] for link in links if link["contact"] == row["contact"]}
            found = re.findall(rf"{base}/r/[A-Za-z0-9]{{8}}/", said)
            assert [mine[url] for url in found] == [
                "https://shop.example/a?b=1", f"https://shop.example/{row['contact_name']}"
            ]  # fmt: skip
            assert said == f"Hi {row['contact_name']}: {found[0]}, or ({found[1]})."
            assert row["segments"] == -(-len(said) // 153) if len(said) > 160 else 1
        plain = {**body, "track_links": False, "name": "Plain"}
        again = str((await tenant().post("/sms/v1/broadcast/", plain)).ok(201)["id"])
        await shop.due(again)
        await shop.reaches(again, "SENT")
        assert "https://shop.example/a?b=1" in server.requests[-1]["Body"]
    finally:
        await server.stop()


async def test_planned_once_more_a_recipient_keeps_their_link(shop: Shop) -> None:
    base = shop.gateway.services.settings.own_url
    template = await template_with(shop, "linked", {"type": "URL", "text": "Go", "url": f"{base}/r/{{{{1}}}}"})
    await shop.people(4)
    data = {"button_0_url": "https://shop.example/"}
    id = str((await shop.write(template_number=template, placeholder_data=data, scheduled_time=shop.ahead(600))).ok(
        201)["id"])  # fmt: skip
    await shop.due(id)
    await shop.reaches(id, "SENT")
    before = (await shop.tenant().get(LINKS, params={"broadcast_id": id})).ok()["results"]
    rows = await shop.rows(id)
    # As if the process had ended between the links and their rows.
    for row in rows:
        await shop.store.remove("broadcast_rows", row["id"])
    now = shop.gateway.services.clock()
    await shop.store.change("broadcasts", id, lambda _: Change(
        set={"status": "SENDING", "planned": False, "planned_to": None, "due": {"at": now, "by": None, "tries": 0}}))
    shop.gateway.ports.worker.run_now("broadcasts", shop.store.scope, id)
    await shop.reaches(id, "SENT")

    async def planned() -> bool:
        return {row["id"] for row in await shop.rows(id)} == {row["id"] for row in rows}

    await until(planned)
    after = (await shop.tenant().get(LINKS, params={"broadcast_id": id})).ok()["results"]
    assert after == before



async def test_who_is_erased_leaves_figures_alone(shop: Shop) -> None:
    base = shop.gateway.services.settings.own_url
    template = await template_with(shop, "linked", {"type": "URL", "text": "Go", "url": f"{base}/r/{{{{1}}}}"})
    people = await shop.people(1)
    id = await shop.begin(template_number=template, placeholder_data={"button_0_url": "https://shop.example/"})
    await shop.reaches(id, "SENT")
    link = (await shop.tenant().get(LINKS, params={"broadcast_id": id})).ok()["results"][0]
    await follows(shop, link["tracked_url"])
    await counted(shop, link["id"], click_count=1)
    row = (await shop.rows(id))[0]
    (await shop.tenant().delete(f"/contacts/{people[0]}/", params={"erase": "true"})).ok(204)
    kept = await shop.store.get("broadcast_rows", row["id"])
    assert row["contact_phone"] not in str(kept)
    assert row["contact_name"] not in str(kept)
    shown = (await shop.tenant().get(f"{LINKS}{link['id']}/")).ok()
    assert (shown["click_count"], shown["contact_name"], shown["contact_phone"]) == (1, "", None)
    assert (await shop.tenant().get(f"{LINKS}{link['id']}/clicks/")).ok()["count"] == 0
    assert row["contact_phone"] not in str(await shop.store.get("links", link["id"]))
