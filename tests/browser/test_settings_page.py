"""The settings: people and roles, keys, channels, contacts from a file, canned replies and the organisation."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.furnished import SHEET
from tests.browser.signing_in import sign_in
from tests.client import Client
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant


async def test_members_and_roles(page: Page, gateway: Running, tenant: Tenant) -> None:
    al = await add_person(gateway, tenant, "agent", "Al")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/settings")
    await page.get_by_role("button", name="Invite").click()
    await page.get_by_label("E-mail").fill(f"{tenant.id}@shop.example")
    await page.locator("[name=role_id]").select_option(label="Viewer")
    await page.locator("dialog").get_by_role("button", name="Invite").click()
    link = await page.get_by_label("Link").input_value()
    assert link.startswith(f"{gateway.url}/accept-invitation/")
    await page.get_by_role("button", name="Done").click()
    await expect(page.locator(".entry", has_text="shop.example")).to_contain_text("invited")
    await page.get_by_label("Role of Al Test").select_option(label="Manager")
    await expect(page.locator(".toast")).to_contain_text("The role is another now.")
    assert (await al.client.get("/tenants/my-permissions/")).ok()["role"]["slug"] == "manager"
    await page.get_by_role("button", name="Remove Al Test").click()
    await page.locator("dialog").get_by_role("button", name="Remove").click()
    await expect(page.locator(".entry", has_text="Al Test")).to_have_count(0)
    (await al.client.get("/contacts/")).refused(401, "authentication_failed")
    await page.get_by_role("link", name="Roles").click()
    await page.get_by_role("button", name="New role").click()
    await page.get_by_label("Name", exact=True).fill("Night shift")
    await page.get_by_label("Rank").fill("30")
    await page.get_by_label("Read the inbox").check()
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator(".entry", has_text="Night shift")).to_contain_text("1 permission")


async def test_a_key_is_shown_once_and_works_until_it_is_revoked(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/settings/keys")
    await page.get_by_role("button", name="New key").click()
    await page.get_by_label("Name", exact=True).fill("The shop")
    await page.locator("[name=role_id]").select_option(label="Viewer")
    await page.get_by_role("button", name="Make the key").click()
    key = await page.locator(".secret input").input_value()
    client = Client(gateway.url, key, tenant.anonymous.session)
    (await client.get("/contacts/")).ok()
    await page.get_by_role("button", name="Done").click()
    assert await page.locator("input").count() == 0
    await page.get_by_role("button", name="Revoke The shop").click()
    await page.locator("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.locator(".entry", has_text="The shop")).to_contain_text("revoked")
    (await client.get("/contacts/")).refused(401, "invalid_api_key")


async def test_contacts_come_from_a_file(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager", "Sam"), "#/settings/contacts")
    await page.locator("[type=file]").set_input_files({"name": "shop.csv", "mimeType": "text/csv", "buffer": SHEET})
    await page.get_by_label("What mobile is").select_option("phone")
    await page.get_by_label("What name is").select_option("first_name")
    await page.get_by_label("What mail is").select_option("email")
    await page.get_by_label("What town is").select_option("-")
    await expect(page.locator(".scroll tbody tr", has_text="Yan").locator(".fault")).to_be_visible()
    await page.get_by_role("button", name="Import 3 rows").click()
    await expect(page.locator(".entry", has_text="shop.csv")).to_contain_text("2 new", timeout=30_000)
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Wrong rows").click()
    assert (await saved.value).suggested_filename == "wrong-shop.csv"
    [zoe] = (await tenant().get("/contacts/", params={"phone": "+12025550161"})).ok()["results"]
    assert (zoe["first_name"], zoe["email"], zoe["attributes"]) == ("Zoe", "zoe@shop.example", {})


async def test_channels_replies_tags_and_the_organisation(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/settings/channels")
    await page.get_by_role("button", name="Add a WhatsApp number").click()
    for label, value in (
        ("Name", "Shop"), ("Number", "+12025550190"), ("WhatsApp Business account id", "104"),
        ("Phone number id", "2094"), ("Access token", "EAAG" + "x" * 30), ("App secret", "s" * 32),
        ("Verify token", "token-of-ours"),
    ):  # fmt: skip
        await page.locator("dialog").get_by_label(label, exact=True).fill(value)
    await page.locator("dialog").get_by_role("button", name="Add").click()
    assert "/webhooks/" in await page.get_by_label("Webhook address").input_value()
    await page.get_by_role("button", name="Done").click()
    await expect(page.locator(".entry", has_text="+12025550190")).to_contain_text("Shop")
    await page.get_by_role("link", name="Canned replies").click()
    await page.get_by_role("button", name="New canned reply").click()
    await page.get_by_label("Shortcut").fill("hello")
    await page.get_by_label("Text").fill("Good morning!")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator(".entry")).to_contain_text("/hello")
    await page.get_by_role("link", name="Tags").click()
    await page.get_by_role("button", name="New tag").click()
    await page.get_by_label("Name", exact=True).fill("vip")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator(".entry")).to_contain_text("vip")
    await page.get_by_role("link", name="Organisation").click()
    await page.get_by_label("Time zone").select_option("Asia/Kolkata")
    await page.get_by_role("button", name="Keep the organisation").click()
    await expect(page.locator(".toast").last).to_contain_text("Kept.")
    [shown] = (await tenant().get("/tenants/")).ok()["results"]
    assert shown["settings"]["timezone"] == "Asia/Kolkata"


async def test_the_rule_of_listening_is_the_organisation_s(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/settings/organisation")
    rule, notice = page.get_by_label("Rule"), page.get_by_label("Shown before one listens")
    await expect(rule).to_have_value("allowed")
    await rule.select_option(label="Where the contact has consented to being recorded")
    await notice.fill("Ask the works council.")
    for wanted in ("Ask the works council.", ""):
        await notice.fill(wanted)
        await page.get_by_role("button", name="Keep the rule").click()
        await expect(page.locator(".toast").last).to_contain_text("Kept.")
        await page.reload()
        await expect(rule).to_have_value("with_consent")
        await expect(notice).to_have_value(wanted)
    [app] = (await tenant().get("/voice/api/tenant-voice-app/")).ok()["results"]
    assert (app["supervision"], app["supervision_notice"]) == ("with_consent", "")


async def test_spoken_texts_are_written_changed_and_removed(page: Page, gateway: Running, tenant: Tenant) -> None:
    path = "/voice/api/templates/?template_kind=tts_script"
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/settings/spoken")
    await page.get_by_role("button", name="New spoken text").click()
    await page.get_by_label("Name", exact=True).fill("Order ready")
    await page.get_by_label("Text", exact=True).fill("Hello {{name}}, your order is ready.")
    await page.get_by_label("Language").fill("en-IN")
    await page.get_by_role("button", name="Keep").click()
    row = page.locator(".entry", has_text="Order ready")
    await expect(row).to_contain_text("Hello {{name}}")
    await row.get_by_role("button", name="Change").click()
    await page.get_by_label("Text", exact=True).fill("Your order waits.")
    await page.get_by_label("Language").fill("")
    await page.get_by_role("button", name="Keep").click()
    await expect(row).to_contain_text("Your order waits.")
    [text] = (await tenant().get(path)).ok()["results"]
    assert (text["tts_text"], text["tts_language"]) == ("Your order waits.", None)
    await page.get_by_label("Search", exact=True).fill("order")
    await page.get_by_label("Search", exact=True).press("Enter")
    await expect(page.locator(".entry")).to_have_count(1)
    await row.get_by_role("button", name="Change").click()
    await page.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)
    assert (await tenant().get(path)).ok()["results"] == []


async def test_an_agent_changes_nothing(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "agent", "Al"), "#/settings/members")
    tabs = ["Members", "Roles", "Channels", "IVRs", "Spoken texts", "Canned replies", "Tags"]
    await expect(page.locator(".tabs a")).to_have_text(tabs)
    await expect(page.locator(".entry", has_text="Al Test")).to_be_visible()
    assert await page.locator("#main button, #main select").count() == 0
