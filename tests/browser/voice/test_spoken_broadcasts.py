"""A broadcast of calls on the page: made, foreseen, followed while people are called, reported on."""

from __future__ import annotations

from typing import Any

from playwright.async_api import FilePayload, Page, expect

from tests.browser.signing_in import live, sign_in
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import Person, add_person
from tests.telephony.calls.graphs import menu
from tests.tenants import Tenant

ANSWERS, BUSY, PRESSES, BLOCKED = "+12025550101", "+12025550103", "+12025550107", "+12025550166"
RINGS = "+12025550102"
WAV = b"RIFF$\x03\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00\x80>\x00\x00\x02\x00\x10\x00data" + (
    (1600).to_bytes(4, "little") + bytes(1600)
)


async def _people(tenant: Tenant) -> None:
    for name, phone in (("Ann", ANSWERS), ("Ben", BUSY), ("Mira", PRESSES), ("Tom", BLOCKED)):
        body = {"first_name": name, "phone": phone, "dnc": phone == BLOCKED}
        (await tenant("owner", "test").post("/contacts/", body)).ok(201)


async def _ivr(tenant: Tenant) -> str:
    body = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
    return str((await tenant("owner", "test").post("/voice/api/templates/", body)).ok(201)["id"])


async def in_sandbox(page: Page, url: str, person: Person, path: str) -> None:
    """Sign in, go over to the sandbox and open a page of it."""
    await sign_in(page, url, person, "#/try")
    await page.get_by_role("button", name="Work in the sandbox").click()
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await live(page)
    await page.goto(f"{url}/#/{path}")


async def _held(tenant: Tenant, id: str, *states: str) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        shown: dict[str, Any] = (await tenant("owner", "test").get(f"/broadcast/{id}/")).ok()
        return shown if shown["status"] in states else None

    found: dict[str, Any] = await until(there, 60)
    return found


async def test_calls_are_made_foreseen_and_followed(page: Page, gateway: Running, tenant: Tenant) -> None:
    await _people(tenant)
    await _ivr(tenant)
    account = {"name": "Away", "provider": "twilio", "from_numbers": ["+12025550100"]}
    (await tenant("owner", "test").post("/voice/api/provider-configs/", account)).ok(201)
    await in_sandbox(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "broadcasts/new")
    await page.get_by_label("Over").select_option(label="Calls · Sandbox")
    await page.get_by_label("Name", exact=True).fill("Appointments")
    await page.get_by_label("Kind").select_option("UTILITY")
    await page.get_by_label("Which").select_option(label="Menu")
    foreseen = page.locator(".verdict dl")
    await expect(foreseen.locator("div", has_text="Audience").locator("dd")).to_have_text("4")
    await expect(foreseen.locator("div", has_text="May go at once").locator("dd")).to_have_text("3")
    await expect(foreseen.locator("div", has_text="Not to be contacted").locator("dd")).to_have_text("1")
    await page.get_by_label("Words, spoken by a voice").check()
    await expect(page.locator(".verdict")).to_contain_text("Once it is known what it says")
    await page.get_by_label("Text", exact=True).fill("Hello {{first_name}}, see you tomorrow.")
    await page.get_by_label("Calls at once").fill("2")
    machines = page.get_by_label("Tell machines from people")
    await expect(machines).to_be_disabled()
    await page.get_by_label("Over").select_option(label="Calls · Away")
    await machines.check()
    await page.get_by_label("Failed").check()
    await page.get_by_label("Minutes later").fill("30")
    await page.get_by_label("A text message to whom no call reached").select_option("No")
    await page.get_by_label("Not before").fill("00:00")
    await page.get_by_label("Not after").fill("23:59")
    await expect(foreseen.locator("div", has_text="May go at once").locator("dd")).to_have_text("3")
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.get_by_role("heading", name="Appointments")).to_be_visible()
    figures = page.locator(".figures > div")
    await expect(figures.filter(has_text="Answered").locator("dd")).to_contain_text("2", timeout=60_000)
    await expect(figures.filter(has_text="Busy").locator("dd")).to_contain_text("1", timeout=60_000)
    await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "4", timeout=60_000)
    await expect(page.locator("tbody tr", has_text="Ben").locator(".tag")).to_have_text("Busy")
    await expect(page.locator("tbody tr", has_text="Tom").locator(".tag")).to_have_text("Not to be called")
    await page.locator("tbody tr", has_text="Ann").get_by_role("link", name="the call").click()
    await expect(page.locator("jc-call")).to_contain_text("Ann")
    [made] = (await tenant("owner", "test").get("/broadcast/")).ok()["results"]
    assert (made["platform"], made["fallback_sms_enabled"], made["voice_template"]) == ("VOICE", False, None)
    assert made["allowed_hours_local"] == {"start": "00:00", "end": "23:59"}
    assert made["call_options"] == {
        "max_concurrent": 2, "machine_detection": True, "retry": {"on": ["failed"], "times": 1, "after_minutes": 30},
    }  # fmt: skip


async def test_a_recording_is_uploaded_and_what_was_chosen_is_there_again(
    page: Page, gateway: Running, tenant: Tenant
) -> None:
    await _people(tenant)
    await in_sandbox(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "broadcasts/new")
    await page.get_by_label("Over").select_option(label="Calls · Sandbox")
    await page.get_by_label("Name", exact=True).fill("Recorded")
    await page.get_by_label("A recording").check()
    recording: FilePayload = {"name": "spring.wav", "mimeType": "audio/wav", "buffer": WAV}
    await page.get_by_label("Another, from a file").set_input_files(recording)
    await expect(page.locator(".verdict dl")).to_contain_text("Audience")
    await page.get_by_label("Calls at once").fill("3")
    await page.get_by_role("button", name="Keep as a draft").click()
    await page.get_by_role("link", name="Edit").click()
    await expect(page.get_by_label("A recording")).to_be_checked()
    await expect(page.locator("jc-spoken select").first.locator("option:checked")).to_have_text("spring.wav")
    await expect(page.get_by_label("Calls at once")).to_have_value("3")


async def test_the_report_counts_keys(page: Page, gateway: Running, tenant: Tenant) -> None:
    await _people(tenant)
    body = {
        "name": "Menu for all", "platform": "VOICE", "status": "QUEUED", "select_all": True, "category": "UTILITY",
        "voice_template": await _ivr(tenant),
        "call_options": {"metadata": {"sandbox_digits": "w1"}, "max_duration_s": 30},
    }  # fmt: skip
    made = (await tenant("owner", "test").post("/broadcast/", body)).ok(201)
    person = await add_person(gateway, tenant, "manager", "Sam")
    await in_sandbox(page, gateway.url, person, f"broadcasts/{made['id']}")
    await _held(tenant, made["id"], "SENT", "PARTIALLY_SENT")
    keys = page.get_by_role("region", name="Keys pressed")
    await expect(keys.locator("tbody tr")).to_have_text("ask 1 1", use_inner_text=True)
    await expect(page.locator("tbody tr", has_text="Mira").locator("kbd")).to_have_text("1")


async def test_it_is_paused_and_gone_on_with_by_key(page: Page, gateway: Running, tenant: Tenant) -> None:
    for name, phone in (("Ray", RINGS), ("Ann", ANSWERS)):
        (await tenant("owner", "test").post("/contacts/", {"first_name": name, "phone": phone})).ok(201)
    body = {
        "name": "One by one", "platform": "VOICE", "status": "QUEUED", "select_all": True, "category": "UTILITY",
        "placeholder_data": {"message": "Hello."}, "call_options": {"max_concurrent": 1},
    }  # fmt: skip
    made = (await tenant("owner", "test").post("/broadcast/", body)).ok(201)
    person = await add_person(gateway, tenant, "manager", "Sam")
    await in_sandbox(page, gateway.url, person, f"broadcasts/{made['id']}")
    state = page.locator(".page-head .tag").first
    await expect(state).to_have_text("Sending", timeout=60_000)
    await expect(page.locator("tbody tr", has_text="Ray")).to_contain_text("Being called", timeout=60_000)
    await page.keyboard.press("p")
    await expect(page.get_by_label("Why")).to_be_focused()
    await page.keyboard.type("the offer is wrong")
    await page.keyboard.press("Enter")
    await expect(state).to_have_text("Paused")
    await expect(page.locator(".notice")).to_contain_text(": the offer is wrong")
    await expect(page.locator("dialog")).to_have_count(0)
    assert (await _held(tenant, made["id"], "PAUSED"))["reason_for_cancellation"].startswith("Paused by")
    await page.keyboard.press("p")
    await page.get_by_role("dialog", name="Go on").get_by_role("button", name="Call 1").press("Enter")
    await expect(state).to_have_text("Sending")
    await expect(page.locator(".notice")).to_have_count(0)
