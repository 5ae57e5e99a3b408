"""The trunks page: how they are, charts, adding one by its carrier's profile, and its test."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import Browser, Page, expect

from jinaconnect.telephony.trunks.profile import profiles
from tests.browser.signing_in import live, sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.handlers.trunks.test_ari_health import add_call, answered, sandbox_up
from tests.tenants import Tenant


async def test_a_trunk_is_added_by_its_carriers_profile(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    context = await browser.new_context()  # one in which a refusal may stand in the browser's own console
    page = await context.new_page()
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "admin"), "#/trunks")
    await expect(page.get_by_text("There is no trunk yet")).to_be_visible()
    await page.keyboard.press("c")
    carrier = page.locator("[name=profile]")
    await expect(carrier.locator("optgroup").first.locator("option")).to_have_count(len(profiles()))
    await carrier.select_option("twilio_elastic_sip")
    await expect(page.get_by_label("Register at the carrier")).not_to_be_checked()
    await page.get_by_label("Name", exact=True).fill("Head office")
    await page.get_by_label("User name").fill("office")
    await page.get_by_label("Password").fill("Sesame-4711")
    await page.get_by_label("Our numbers").fill("+1 202 555 0123, +12025550124")
    address = page.get_by_label("Address of the carrier", exact=True)
    await address.fill("sip:not a host")
    await page.get_by_role("button", name="Add the trunk").click()
    await expect(address).to_have_attribute("aria-invalid", "true")
    await expect(address).to_be_focused()
    await address.fill("127.0.0.1:5099")
    await page.get_by_role("button", name="Add the trunk").click()
    await expect(page.get_by_role("heading", name="Head office")).to_be_visible()
    [made] = (await tenant().get("/voice/api/provider-configs/")).ok()["results"]
    assert made["from_numbers"] == ["+12025550123", "+12025550124"]
    assert (made["vendor_profile"], made["credentials_set"]) == ("twilio_elastic_sip", True)
    await page.get_by_role("button", name="Switch off").click()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    await context.close()


async def test_charts_follow_the_calls(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    trunk = (await sandbox_up(client))["trunks"][0]["id"]
    now, minute = gateway.services.clock(), timedelta(minutes=1)
    await add_call(gateway, tenant.id, trunk, now, minute)
    await add_call(gateway, tenant.id, trunk, now, 30 * minute, **answered(now, 30 * minute, 40))
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner"), "#/try")
    await page.get_by_role("button", name="Work in the sandbox").click()
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await live(page)
    await page.keyboard.press("g")
    await page.keyboard.press("t")
    await expect(page.locator(".trunk")).to_contain_text("50 %")
    await page.keyboard.press("j")
    answer = page.get_by_role("img", name="Answered")
    await expect(answer).to_have_accessible_name("Answered (ASR) and carried (NER), %. NER: 100 %, ASR: 50 %")
    await expect(page.locator("jc-chart canvas").first).to_be_visible()
    (await client.post("/voice/api/calls/", {"to_number": "+12025550104", "tts_text": "Hi."})).ok(201)
    await expect(answer).to_have_accessible_name("Answered (ASR) and carried (NER), %. NER: 67 %, ASR: 33 %")
    await expect(page.locator(".chart dl")).to_contain_text("user busy")


async def test_who_may_not_manage_sees_no_trunks(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "agent"), "#/trunks")
    await expect(page.locator("jc-inbox")).to_be_visible()
    await expect(page.get_by_role("link", name="Trunks")).to_have_count(0)
