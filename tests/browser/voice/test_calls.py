"""The calls page: what happens in calls shows by itself, and what is ordered of them is done."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.signing_in import live, sign_in
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import Person, add_person
from tests.handlers.trunks.accounts import add_trunk
from tests.telephony.calls.graphs import graph
from tests.tenants import Tenant

WAITS = graph(
    "ask",
    {
        "ask": ("voice.gather_dtmf", {"prompt_tts": "Three digits.", "max_digits": 3, "timeout_seconds": 10}),
        "then": ("wait", {"seconds": 60}),
    },
    ("ask", "default", "then"),
)  # fmt: skip


ASKS = graph(
    "ask",
    {
        "ask": ("voice.gather_dtmf", {"prompt_tts": "One digit.", "max_digits": 1, "timeout_seconds": 60}),
        "end": ("voice.hangup", {}),
    },
    ("ask", "default", "end"), ("ask", "timeout", "end"),
)  # fmt: skip


async def template(tenant: Tenant, graph: dict[str, Any] = WAITS) -> str:
    """Add an IVR: one that asks for three digits and waits, unless told otherwise."""
    body = {"name": "Ask", "template_kind": "ivr_menu", "graph": graph}
    return str((await tenant("owner", "test").post("/voice/api/templates/", body)).ok(201)["id"])


async def in_sandbox(page: Page, gateway: Running, tenant: Tenant, role: str = "manager") -> Person:
    """Sign in and work in the sandbox, on the page of calls."""
    person = await add_person(gateway, tenant, role, "Sam")
    await sign_in(page, gateway.url, person, "#/try")
    await page.get_by_role("button", name="Work in the sandbox").click()
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await live(page)
    await page.goto(f"{gateway.url}/#/calls")
    await expect(page.get_by_role("heading", name="Calls", exact=True)).to_be_visible()
    return person


async def test_a_call_is_placed_and_followed(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    person = await in_sandbox(page, gateway, tenant)
    desk = {"name": "Desk", "kind": "softphone", "user": person.id}
    (await client.post("/voice/api/devices/", desk)).ok(201)
    await page.keyboard.press("c")
    await page.get_by_label("Number", exact=True).fill("+1 (202) 555-0101")
    await page.get_by_role("button", name="Connect my telephone").click()
    told = page.locator(".foreseen")
    await expect(told).to_contain_text("may be placed now")
    await expect(told).to_contain_text("no rate card covers it")
    await page.get_by_role("button", name="Call", exact=True).click()
    state, clock = page.locator(".detail-head .state"), page.locator(".detail-head [role=timer]")
    await expect(state).to_have_text("Talking")
    first = await clock.inner_text()
    await expect(clock).not_to_have_text(first)
    await page.get_by_role("button", name="Hold").click()
    await expect(state).to_have_text("On hold")
    [call] = (await client.get("/voice/api/calls/")).ok()["results"]
    assert (call["held"], call["user"]) == (True, person.id)
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("h")
    await expect(state).to_have_text("Talking")
    await page.keyboard.press("m")
    await expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("d")
    await page.get_by_role("button", name="5", exact=True).click()
    await expect(page.locator(".facts")).to_contain_text("Keys were sent: 5")
    await page.get_by_role("button", name="Record", exact=True).click()
    await page.get_by_role("button", name="Pause the recording").click()
    await page.get_by_role("button", name="Record on").click()
    await expect(page.locator(".call-row .taped")).to_have_text("recording")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("e")
    await expect(state).to_have_text("Ended")
    await expect(page.locator(".facts")).to_contain_text("The call ended")
    await expect(page.locator(".controls")).to_have_count(0)
    await expect(page.locator(".board-head")).to_contain_text("nobody on the line")


async def test_keys_show_as_they_are_pressed(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    await in_sandbox(page, gateway, tenant)
    await expect(page.locator(".board")).to_contain_text("There was no call yet")
    keys = {"sandbox_digits": "429"}
    body = {"to_number": "+12025550107", "template": await template(tenant), "metadata": keys}
    (await client.post("/voice/api/calls/", body)).ok(201)
    await expect(page.locator(".live-calls .node")).to_contain_text("ask")
    await expect(page.locator(".live-calls .pressed kbd")).to_have_text(["4", "2", "9"], timeout=15_000)
    await expect(page.locator(".live-calls .node")).to_contain_text("then")
    await page.reload()
    await live(page)
    await expect(page.locator(".live-calls .pressed kbd")).to_have_text(["4", "2", "9"])
    await expect(page.locator(".live-calls .node")).to_contain_text("then")
    await page.locator(".live-calls a").click()
    await expect(page.get_by_role("button", name="Hang up")).to_be_visible()
    await expect(page.get_by_role("button", name="Hold")).to_have_count(0)  # there is nobody to hold it for


async def test_a_viewer_orders_nothing(page: Page, gateway: Running, tenant: Tenant) -> None:
    call = (
        await tenant("owner", "test").post("/voice/api/calls/", {"to_number": "+12025550102", "tts_text": "Hi."})
    ).ok(201)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "viewer"), "#/calls")
    await expect(page.locator(".board")).to_contain_text("There was no call yet")  # it is not live
    await page.locator(".who").click()
    await page.get_by_role("button", name="Work in the sandbox").click()
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await live(page)
    await page.goto(f"{gateway.url}/#/calls/{call['id']}")
    await expect(page.locator(".detail-head .state")).to_have_text("Ringing")
    await expect(page.locator(".controls")).to_have_count(0)
    await expect(page.get_by_role("link", name="Call", exact=True)).to_have_count(0)
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Find").fill("hang up")
    await expect(page.locator("dialog")).to_contain_text("Nothing found")


async def test_a_recording_is_drawn_and_heard_from_anywhere(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    body = {"to_number": "+12025550107", "template": await template(tenant), "record": True,
            "metadata": {"sandbox_digits": "42h"}}  # fmt: skip
    call = (await client.post("/voice/api/calls/", body)).ok(201)["id"]
    await in_sandbox(page, gateway, tenant, "owner")
    await page.goto(f"{gateway.url}/#/calls/{call}")
    player, place = page.locator("jc-player"), page.get_by_role("slider")
    await expect(player.locator("canvas").first).to_be_visible(timeout=20_000)
    [recording] = (await client.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"]
    told = (await client.get(f"/voice/api/recordings/{recording['id']}/peaks/")).ok()
    assert len(told["peaks"]) > 900
    assert 0 < max(told["peaks"]) < 0.1  # the simulated carrier hums softly
    assert round(told["duration_s"]) == recording["duration_seconds"]
    ranges: list[str | None] = []
    page.on("request", lambda sent: ranges.append(sent.headers.get("range")) if "/recordings/" in sent.url else None)
    await page.get_by_role("button", name="Play").click()
    await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    await place.press("ArrowRight")
    await expect(place).to_have_attribute("aria-valuenow", str(round(told["duration_s"])))
    await page.keyboard.press("Home")
    await expect(place).to_have_attribute("aria-valuetext", "00:00")
    assert any(each and each.startswith("bytes=") for each in ranges)


async def test_who_may_not_listen_sees_that_there_is_a_recording(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    body = {"to_number": "+12025550101", "tts_text": "Hi.", "record": True}
    call = (await client.post("/voice/api/calls/", body)).ok(201)["id"]
    await in_sandbox(page, gateway, tenant)
    await page.goto(f"{gateway.url}/#/calls/{call}")
    await expect(page.locator(".player")).to_contain_text("may not hear", timeout=20_000)
    rows = (await client.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"]
    asked = await tenant("manager", "test").get(f"/voice/api/recordings/{rows[0]['id']}/peaks/")
    asked.refused(403, "permission_denied")


async def test_what_happened_while_the_network_was_away_is_there_afterwards(
    page: Page, gateway: Running, tenant: Tenant
) -> None:
    client = tenant("owner", "test")
    await in_sandbox(page, gateway, tenant)
    body = {"to_number": "+12025550107", "template": await template(tenant), "metadata": {"sandbox_digits": "429"}}
    call = (await client.post("/voice/api/calls/", body)).ok(201)["id"]
    await expect(page.locator(".live-calls a")).to_have_count(1)
    await page.context.set_offline(True)
    await expect(page.locator(".connection")).to_contain_text("Offline", timeout=20_000)

    async def waits() -> bool:
        told = (await client.get(f"/voice/api/calls/{call}/")).ok()["recent_events"]
        return any(each["payload"].get("node") == "then" for each in told)

    await until(waits)
    (await client.post(f"/voice/api/calls/{call}/hangup/", {})).ok()
    other = (await client.post("/voice/api/calls/", {"to_number": "+12025550102", "tts_text": "Hi."})).ok(201)["id"]
    await page.context.set_offline(False)
    await live(page)
    await expect(page.locator(".live-calls a")).to_have_attribute("href", f"#/calls/{other}")
    ended = page.locator(f".call-row.over[href='#/calls/{call}']")
    await expect(ended).to_contain_text("Ended")
    await expect(ended.locator("kbd")).to_have_text(["4", "2", "9"])


async def test_a_contact_is_called_from_the_inbox(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "Please call me.", name="Ann Lee")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await page.locator(".chat").click()
    await page.locator(".contact").get_by_role("button", name="Call").click()
    await expect(page.get_by_label("Number", exact=True)).to_have_value("+12025550111")


async def test_what_a_carrier_cannot_do_is_not_offered(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    numbers = {"from_numbers": ["+12025550123"]}
    trunks = {name: await add_trunk(client, name, **numbers) for name in ("vonage", "exotel")}
    calls = {}
    for name, trunk in trunks.items():
        body = {"to_number": "+12025550101", "template": await template(tenant, ASKS), "provider_config_id": trunk}
        calls[name] = (await client.post("/voice/api/calls/", body)).ok(201)["id"]
    await in_sandbox(page, gateway, tenant)
    await page.goto(f"{gateway.url}/#/calls/{calls['vonage']}")
    await expect(page.locator(".detail-head .state")).to_have_text("Talking", timeout=20_000)
    offered = page.locator(".controls button")
    await expect(offered).to_have_text([" Hang up", " Keys", " Transfer", " Record"])
    await page.goto(f"{gateway.url}/#/calls/{calls['exotel']}")
    await expect(page.locator(".detail-body")).to_contain_text("takes no orders", timeout=20_000)
    await expect(offered).to_have_count(0)
