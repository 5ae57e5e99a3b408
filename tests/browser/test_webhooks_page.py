"""The page of webhooks: added with a secret shown once, tested, paused, delivered again, replayed and removed."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.signing_in import sign_in
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant
from tests.webhooks.conftest import endpoint, receiver, receivers
from tests.webhooks.receiver import Receiver

__all__ = ["receiver", "receivers"]


async def test_a_webhook_from_its_secret_to_its_end(
    page: Page, gateway: Running, tenant: Tenant, receiver: Receiver
) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/webhooks")
    await expect(page.get_by_text("Nothing is posted anywhere yet.")).to_be_visible()
    await page.keyboard.press("c")
    await page.get_by_label("Address").fill(receiver.url)
    await page.get_by_label("Events").fill("contact.*, message.sent")
    await page.keyboard.press("Enter")
    receiver.secret = await page.get_by_label("Secret").input_value()
    assert receiver.secret.startswith("whsec_")
    await page.get_by_role("button", name="Done").click()
    assert await page.get_by_text(receiver.secret).count() == 0
    await page.locator(".entry", has_text=receiver.url).click()
    await page.get_by_role("button", name="Test", exact=True).click()
    await expect(page.locator("dialog")).to_contain_text("Taken")
    await page.get_by_role("button", name="Done").click()
    (await tenant().post("/contacts/", {"phone": "+12025550111", "first_name": "Ann"})).ok(201)

    async def told() -> bool:
        return len(receiver.heard) >= 2

    await until(told)
    row = page.locator("tbody tr", has_text="contact.created")
    await expect(row.locator(".tag")).to_have_text("Delivered")
    await row.get_by_role("button", name="contact.created").click()
    await expect(page.locator("tr.inside li")).to_have_count(1)
    await row.get_by_role("button", name="Redeliver").click()
    await expect(page.locator(".toast")).to_contain_text("Posted again and taken.")
    created = [heard for heard in receiver.heard if heard.event["type"] == "contact.created"]
    assert len({heard.id for heard in created if not heard.event.get("example")}) == 1
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator(".page-head .tag").first).to_have_text("Paused")
    await page.get_by_role("button", name="Resume").click()
    await expect(page.locator(".page-head .tag").first).to_have_text("Active")
    before = len(receiver.heard)
    await page.get_by_role("button", name="Replay…").click()
    await page.get_by_label("From").select_option("start")
    await page.get_by_role("button", name="Post again").click()

    async def again() -> bool:
        return len(receiver.heard) > before

    await until(again)
    assert all(heard.signed for heard in receiver.heard)
    await page.get_by_role("button", name="Remove…").click()
    await page.locator("dialog").get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("Nothing is posted anywhere yet.")).to_be_visible()


async def test_it_says_why_an_address_was_switched_off(
    page: Page, gateway: Running, tenant: Tenant, receiver: Receiver
) -> None:
    receiver.meet = lambda heard: 410
    made = await endpoint(tenant(), receiver)
    (await tenant().post("/contacts/", {"phone": "+12025550111"})).ok(201)
    owner = await add_person(gateway, tenant, "owner", "Sam")
    await sign_in(page, gateway.url, owner, f"#/webhooks/{made['id']}")
    await expect(page.locator(".notice.bad")).to_contain_text("410", timeout=20_000)
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()


async def test_agents_have_no_such_page(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "agent", "Al"), "#/webhooks")
    await expect(page.locator("jc-inbox")).to_be_visible()
    await expect(page.locator(".rail")).not_to_contain_text("Webhooks")
    await expect(page.locator(".rail")).not_to_contain_text("Wallet")
