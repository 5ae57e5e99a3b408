"""What one does in the inbox beside answering: canned replies, several at once, words, setting aside, unread again."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant


async def test_a_canned_reply_is_written_by_its_shortcut(page: Page, gateway: Running, tenant: Tenant) -> None:
    for shortcut, text in (("hello", "Good morning! How can we help?"), ("help", "Tell us more, please.")):
        (await tenant().post("/team-inbox/api/canned-replies/", {"shortcut": shortcut, "text": text})).ok(201)
    await tenant.receives("+12025550111", "hi", name="Ann Lee")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
    await page.locator(".chat", has_text="Ann Lee").click()
    await page.locator(".bubble").wait_for()
    await page.keyboard.press("r")
    await page.keyboard.type("Ann, /hel")
    await expect(page.locator(".canned [role=option]")).to_have_count(2)
    await page.keyboard.type("lo")
    await expect(page.locator(".canned [role=option]")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("textarea")).to_have_value("Ann, Good morning! How can we help?")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".bubble.out .words")).to_have_text("Ann, Good morning! How can we help?")
    await page.keyboard.type("/he")
    await page.keyboard.press("Escape")  # the list goes, what is written stays
    await expect(page.locator(".canned")).to_have_count(0)
    await expect(page.locator("textarea")).to_have_value("/he")
    await expect(page.locator("textarea")).to_be_focused()


async def test_several_are_assigned_and_closed_at_once(page: Page, gateway: Running, tenant: Tenant) -> None:
    for number in range(3):
        await tenant.receives(f"+1202555012{number}", "hello", name=f"Customer {number}")
    person = await add_person(gateway, tenant, "manager", "Sam")
    await sign_in(page, gateway.url, person)
    await page.locator(".chat").nth(2).wait_for()
    await page.keyboard.press("x")
    await page.get_by_label("Choose Customer 0").check()
    await page.get_by_label("Choose Customer 2").check()
    await expect(page.locator(".together")).to_contain_text("2 chosen")
    await page.get_by_label("Assign those chosen").select_option(label="Sam Test")
    await expect(page.locator(".toast")).to_contain_text("2 assigned.")
    await expect(page.locator(".chat .tag.mine")).to_have_count(2)
    await page.get_by_role("button", name="Choose several").click()
    await page.locator(".together").get_by_role("button", name="All").click()
    await page.locator(".together").get_by_role("button", name="Close").click()
    await expect(page.locator(".chat")).to_have_count(0)
    listed = (await tenant().get("/team-inbox/api/conversations/", params={"status": "CLOSED"})).ok()
    assert listed["count"] == 3


async def test_a_message_is_found_by_its_words(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "Do you have the periwinkle one?", name="Ann Lee")
    for number in range(120):
        await tenant.receives("+12025550111", f"and another thing, number {number}", name="Ann Lee")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
    await page.get_by_label("Search conversations").fill("periwinkle")
    await page.get_by_role("button", name="Messages").click()
    await expect(page.locator(".hit")).to_contain_text("the periwinkle one")
    await page.locator(".hit").click()
    await expect(page.locator(".bubble.found")).to_be_in_viewport()
    await expect(page.locator(".bubble.found")).to_contain_text("periwinkle")


async def test_it_is_set_aside_and_counts_as_unread(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "hello", name="Ann Lee")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"))
    await page.locator(".chat", has_text="Ann Lee").click()
    await page.locator(".bubble").wait_for()
    await expect(page.locator(".chat .count")).to_have_count(0)
    await page.keyboard.press("u")
    await expect(page.locator(".chat .count")).to_have_text("unread: 1")
    await page.keyboard.press("j")
    await page.locator(".bubble").wait_for()
    await page.keyboard.press("s")
    await page.locator(".snoozing select").select_option(label="in an hour")
    await expect(page.locator(".thread-head")).to_contain_text("Set aside until")
    await expect(page.locator(".chat")).to_have_count(0)
    await page.get_by_label("State").select_option("AWAY")
    await expect(page.locator(".chat")).to_contain_text("until")
    await tenant.receives("+12025550111", "are you there?", name="Ann Lee")
    await expect(page.locator(".chat")).to_have_count(0)  # its customer has written: it is back
    await page.get_by_label("State").select_option("OPEN")
    await expect(page.locator(".chat")).to_have_count(1)


async def test_an_agent_notes_that_somebody_wants_no_more(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "Kindly write to me no more.", name="Ann Lee")
    person = await add_person(gateway, tenant, "agent", "Sam")
    [contact] = (await tenant().get("/contacts/")).ok()["results"]
    held = {"assigned_to_type": "USER", "assigned_to_id": person.id}
    (await tenant().post(f"/contacts/{contact['id']}/assign/", held)).ok()
    await page.set_viewport_size({"width": 1280, "height": 800})
    await sign_in(page, gateway.url, person)
    await page.locator(".chat", has_text="Ann Lee").click()
    aside = page.get_by_role("complementary", name="Contact")
    await aside.get_by_text("They want no more…").click()
    await aside.get_by_role("button", name="Note it for WhatsApp").click()
    await expect(aside).to_contain_text("whatsapp marketing")
    await expect(aside.get_by_text("They want no more…")).to_have_count(0)
    assert "WHATSAPP_MARKETING" in (await tenant().get(f"/contacts/{contact['id']}/")).ok()["opt_outs"]
