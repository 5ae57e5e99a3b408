"""The page of broadcasts: made, foreseen, followed while it is sent, reported on, sent again and cancelled."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.async_api import Browser, Page, Route, expect

from jinaconnect.store.tenant import Change
from tests.browser.furnished import add_broadcast, add_people, add_template, ended
from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant


async def test_a_broadcast_is_made_foreseen_and_followed(page: Page, gateway: Running, tenant: Tenant) -> None:
    await add_people(tenant)
    await add_template(gateway, tenant)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"), "#/broadcasts")
    await expect(page.get_by_text("No broadcasts yet.")).to_be_visible()
    await page.get_by_role("link", name="New broadcast").click()
    await page.get_by_label("Name", exact=True).fill("Spring")
    await page.get_by_label("Template").select_option(label="spring_sale · en")
    await page.get_by_label("code", exact=True).fill("SPRING")
    foreseen = page.locator(".verdict dl")
    await expect(foreseen.locator("div", has_text="Audience").locator("dd")).to_have_text("5")
    await expect(foreseen.locator("div", has_text="May go at once").locator("dd")).to_have_text("4")
    await expect(foreseen.locator("div", has_text="Not to be contacted").locator("dd")).to_have_text("1")
    await page.get_by_label("Those with tags or segments").check()
    await page.get_by_label("bikes").check()
    await expect(foreseen.locator("div", has_text="Audience").locator("dd")).to_have_text("2")
    await page.get_by_label("Every contact").check()
    await expect(foreseen.locator("div", has_text="Audience").locator("dd")).to_have_text("5")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("heading", name="Spring")).to_be_visible()
    figures = page.locator(".figures > div")
    await expect(figures.filter(has_text="Sent").locator("dd")).to_contain_text("3 of 5", timeout=60_000)
    await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "5")
    await expect(page.locator("tbody tr", has_text="Tom Okafor")).to_contain_text("contact.dnc")
    await expect(page.locator("tbody tr", has_text="Layla Hassan")).to_contain_text("cannot be reached")
    await expect(page.locator("tbody tr", has_text="Ann Lee").locator(".tag")).to_have_text("Read")
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="CSV").click()
    download = await saved.value
    assert download.suggested_filename == "Spring.csv"
    rows = list(csv.DictReader(Path(await download.path()).read_text().splitlines()))
    assert {row["contact_name"]: row["status"] for row in rows}["Tom Okafor"] == "BLOCKED"


async def test_one_whose_answer_was_lost_is_not_made_twice(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    await add_people(tenant)
    await add_template(gateway, tenant)
    context = await browser.new_context()
    page = await context.new_page()
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"), "#/broadcasts/new")
    await page.get_by_label("Name", exact=True).fill("Spring")
    await page.get_by_label("Template").select_option(label="spring_sale · en")
    await page.get_by_label("code", exact=True).fill("SPRING")
    await expect(page.locator(".verdict dl")).to_be_visible()
    lost = re.compile(r"/broadcast/$")

    async def lose(route: Route) -> None:
        await route.fetch()  # it arrives, its answer does not
        await route.abort("connectionreset")

    await page.route(lost, lose)
    send = page.get_by_role("button", name="Send", exact=True)
    await send.click()
    await expect(page.locator(".verdict [role=alert]")).to_have_text("The gateway cannot be reached.")
    await page.unroute(lost)
    await send.click()
    await expect(page.get_by_role("heading", name="Spring")).to_be_visible()
    assert (await tenant().get("/broadcast/")).ok()["count"] == 1
    await context.close()


async def test_one_that_waits_is_cancelled_and_scheduled_again(page: Page, gateway: Running, tenant: Tenant) -> None:
    await add_people(tenant)
    template = await add_template(gateway, tenant)
    await add_broadcast(tenant, template, "Later", status="QUEUED", scheduled_time="2999-12-01T09:00:00Z")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/broadcasts")
    await page.get_by_role("link", name="Later").click()
    await page.get_by_role("button", name="Cancel…").click()
    await expect(page.locator("dialog")).to_contain_text("5 recipients will not be sent to")
    await page.get_by_role("button", name="Cancel the broadcast").click()
    await expect(page.locator(".page-head .tag").first).to_have_text("Cancelled")
    await page.get_by_role("link", name="Edit").click()
    zone = page.get_by_label("In the zone")
    await zone.select_option("Asia/Kolkata")
    await expect(zone).to_have_value("Asia/Kolkata")
    await page.get_by_label("Begins").fill("2998-01-05T09:00")
    await page.get_by_role("button", name="Schedule").click()
    await expect(page.locator(".page-head .tag").first).to_have_text("Scheduled")
    [shown] = (await tenant().get("/broadcast/")).ok()["results"]
    assert shown["scheduled_time"] == "2998-01-05T03:30:00.000Z"


async def test_who_is_sent_to_again_is_counted_before(page: Page, gateway: Running, tenant: Tenant) -> None:
    await add_people(tenant)
    made = await add_broadcast(tenant, await add_template(gateway, tenant), "Spring", status="QUEUED")
    await ended(tenant, made["id"])
    store = gateway.services.store.of(tenant.id, "live")  # of the simulated numbers one cannot be reached
    [row] = (await tenant().get("/broadcast/messages/", params={"contact__first_name": "Ann"})).ok()["results"]
    await store.change("broadcast_rows", row["id"], lambda _: Change(set={"status": "FAILED"}))
    person = await add_person(gateway, tenant, "manager", "Sam")
    await sign_in(page, gateway.url, person, f"#/broadcasts/{made['id']}")
    await page.get_by_role("button", name="Send again…").click()
    dialog = page.locator("dialog")
    await expect(dialog.locator("label", has_text="failed for").locator("b")).to_have_text("2")
    await expect(dialog.locator("label", has_text="nobody knows").locator("input")).to_be_disabled()
    await page.get_by_role("button", name="Send to 2").click()
    await expect(page.locator("tbody tr", has_text="Ann Lee").locator(".tag")).to_have_text("Read", timeout=30_000)


async def test_a_viewer_makes_none(page: Page, gateway: Running, tenant: Tenant) -> None:
    await add_people(tenant)
    made = await add_broadcast(tenant, await add_template(gateway, tenant), "Draft")
    viewer = await add_person(gateway, tenant, "viewer", "Val")
    await sign_in(page, gateway.url, viewer, f"#/broadcasts/{made['id']}")
    await expect(page.get_by_role("heading", name="Draft")).to_be_visible()
    assert await page.locator("#main button, #main a.button").count() == 0
