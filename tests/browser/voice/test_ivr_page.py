"""The page of IVRs: drawn, edited, checked, tried step by step, saved, and what becomes of it when two save."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import page_of
from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.ivr.test_templates import add, surgery
from tests.handlers.people import Person, add_person
from tests.tenants import Tenant


async def opened(page: Page, gateway: Running, tenant: Tenant, who: Person | None = None) -> dict[str, Any]:
    """Open the editor of a surgery's menu; returns the template."""
    made = await add(tenant(), graph=surgery())
    who = who or await add_person(gateway, tenant, "owner", "Sam")
    await sign_in(page, gateway.url, who, f"#/settings/ivr/{made['id']}")
    await expect(page.locator(".node")).to_have_count(7)
    return made


async def saved(tenant: Tenant, id: str) -> dict[str, Any]:
    row: dict[str, Any] = (await tenant().get(f"/voice/api/templates/{id}/")).ok()
    return row


async def test_a_graph_is_drawn_edited_checked_and_saved(page: Page, gateway: Running, tenant: Tenant) -> None:
    made = await opened(page, gateway, tenant)
    words = [await line.text_content() for line in await page.locator(".line text").all()]
    assert sorted(filter(None, words)) == sorted(each["on"] for each in surgery()["edges"])
    await page.get_by_role("button", name=": Ask for keys. Leads on: 1 to number, 2 to nurse").click()
    side = page.locator("jc-ivr-node")
    await expect(side.get_by_label("Prompt: words to say, optional")).to_have_value("Press one or two.")
    await side.get_by_label("Prompt: words to say, optional").fill("One, two or three.")
    await side.get_by_label("Keys", exact=True).fill("3")
    await side.get_by_role("button", name="Add keys").click()
    await side.get_by_label("3 leads to").select_option("sorry")
    await expect(page.locator(".page-head")).to_contain_text("not saved")
    await page.get_by_label("Add a node").select_option(label="Wait")
    await expect(side.get_by_label("Name of the node")).to_have_value("wait1")
    await page.get_by_role("button", name="Save").click()
    panel = page.get_by_role("tabpanel")
    await expect(panel).to_contain_text("It cannot be saved like this.")
    await expect(panel).to_contain_text("Seconds: Field required")
    await expect(page.locator(".node.wrong")).to_have_attribute("data-node", "wait1")
    assert (await saved(tenant, made["id"]))["version"] == 1
    await panel.get_by_role("button", name="wait1").click()
    await side.get_by_label("Seconds", exact=True).fill("2")
    await side.get_by_label("Name of the node").fill("breath")
    await side.get_by_label("done leads to").select_option("sorry")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".toast")).to_contain_text("Saved as version 2.")
    row = await saved(tenant, made["id"])
    nodes = {each["id"]: each for each in row["graph"]["nodes"]}
    assert nodes["breath"] == {"id": "breath", "type": "wait", "data": {"seconds": 2}}
    assert nodes["menu"]["data"]["prompt_tts"] == "One, two or three."
    edges = {(each["source"], each["on"]): each["target"] for each in row["graph"]["edges"]}
    assert edges["menu", "3"] == "sorry"
    assert edges["breath", "done"] == "sorry"
    assert edges["menu", "default"] == "breath"  # the first of its outcomes that led nowhere
    await page.locator('[data-node="breath"]').click()
    await side.get_by_role("button", name="Remove the node").click()
    await expect(page.locator(".node")).to_have_count(7)
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(".node")).to_have_count(8)
    await page.get_by_role("button", name="Drop changes").click()
    await page.get_by_role("tab", name="Carriers").click()
    await expect(panel.locator(".levels li")).to_have_count(5)
    await panel.get_by_label("Carrier").select_option("twilio")
    await panel.locator("summary", has_text="menu").click()
    await expect(panel.locator("pre:visible")).to_contain_text("<Gather")


async def test_its_name_and_the_carriers_it_must_be_sayable_at_are_changed(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    page = await (await browser.new_context()).new_page()  # a browser's log has what is refused as an error
    made = await add(tenant(), graph=surgery())
    unsayable = surgery()
    unsayable["nodes"][1]["data"]["finish_on_key"] = "A"  # which no carrier hands on
    await add(tenant(), name="Nowhere", graph=unsayable)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/settings/ivr")
    await page.get_by_role("button", name="Change Nowhere").click()
    await page.locator("dialog").get_by_label("twilio").check()
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("dialog [role=alert]")).to_contain_text("twilio")  # it cannot be said there
    await page.get_by_role("button", name="Leave it").click()
    await page.get_by_role("button", name=f"Change {made['name']}").click()
    await page.get_by_label("Name", exact=True).fill("By day")
    await page.locator("dialog").get_by_label("twilio").check()
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator(".entry", has_text="By day")).to_be_visible()
    made = await saved(tenant, made["id"])
    assert (made["name"], made["providers"]) == ("By day", ["twilio"])
    await page.get_by_role("button", name="Change By day").click()
    await page.locator("dialog").get_by_label("twilio").uncheck()
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator("dialog")).to_have_count(0)
    assert (await saved(tenant, made["id"]))["providers"] == []
    await page.context.close()


async def test_an_ivr_is_tried_step_by_step(page: Page, gateway: Running, tenant: Tenant) -> None:
    await opened(page, gateway, tenant)
    await page.get_by_role("tab", name="Try").click()
    trial = page.locator("jc-ivr-trial")
    await trial.get_by_label("Name of a variable").fill("name")
    await trial.get_by_label("Its value").fill("Ann")
    await trial.get_by_role("button", name="Set").click()
    await trial.get_by_role("button", name="Begin").click()
    await expect(trial.locator(".spoken")).to_contain_text("Welcome, Ann.")
    await expect(page.locator(".node.here")).to_have_attribute("data-node", "menu")
    await expect(page.locator(".node.gone")).to_have_count(2)
    await trial.get_by_role("button", name="9", exact=True).click()
    await expect(trial.locator(".spoken")).to_contain_text("That is not possible.")
    await trial.get_by_role("button", name="One step back").click()
    await expect(trial.locator(".spoken")).not_to_contain_text("That is not possible.")
    await trial.get_by_role("button", name="1", exact=True).click()
    await expect(page.locator(".node.here")).to_have_attribute("data-node", "number")
    for key in "42#":
        await trial.get_by_role("button", name=key, exact=True).click()
        await expect(trial.locator(".by-caller").last).to_contain_text(f"key {key}")
    await expect(trial).to_contain_text("The call is over.")
    await expect(trial.locator(".spoken")).to_contain_text("You are number 42.")
    kept = trial.locator("dl > div", has_text="number").last
    await expect(kept).to_contain_text("42")
    await trial.get_by_role("button", name="Welcome, Ann.").click()
    await expect(page.locator(".node.here")).to_have_attribute("data-node", "hello")
    await expect(trial.locator("dl > div", has_text="42")).to_have_count(0)
    await trial.get_by_role("button", name="From the beginning").click()
    await trial.get_by_role("button", name="Silence").click()
    await expect(trial.locator(".spoken")).to_contain_text("silence 5 s")
    await trial.get_by_role("button", name="Hang up").click()
    await expect(trial.locator(".spoken")).to_contain_text("by the caller")
    await trial.get_by_label("Who is called").select_option("failed")
    await trial.get_by_role("button", name="From the beginning").click()
    await trial.get_by_role("button", name="2", exact=True).click()
    await expect(trial.locator(".spoken")).to_contain_text("Nobody is there.")


async def test_of_two_who_edit_the_slower_decides(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    sam = await add_person(gateway, tenant, "owner", "Sam")
    context = await browser.new_context()  # a refusal by the gateway is told in the browser's console
    page = await context.new_page()
    made = await opened(page, gateway, tenant, sam)
    where = f"/voice/api/templates/{made['id']}/"
    (await sam.client.patch(where, {"name": "Theirs"})).ok()
    await expect(page.locator(".page-head h2")).to_have_text("Theirs")  # what is not changed here follows
    side = page.locator("jc-ivr-node")
    await side.get_by_label("Words to say").fill("Mine.")
    await side.get_by_label("Name of the node").focus()
    (await sam.client.patch(where, {"name": "Theirs again"})).ok()
    await expect(page.locator(".notice")).to_contain_text(
        "Somebody saved version 3 meanwhile; yours was made from version 2."
    )
    await page.get_by_role("button", name="Save").click()
    asked = page.get_by_role("dialog")
    await expect(asked).to_contain_text("Sam Test saved version 3")
    assert (await saved(tenant, made["id"]))["version"] == 3
    await asked.get_by_role("button", name="Put mine above it").click()
    await expect(page.locator(".toast")).to_contain_text("Saved as version 4.")
    row = await saved(tenant, made["id"])
    assert (row["name"], row["graph"]["nodes"][0]["data"]["tts_text"]) == ("Theirs again", "Mine.")
    await side.get_by_label("Words to say").fill("Mine too.")
    await side.get_by_label("Name of the node").focus()
    (await sam.client.patch(where, {"graph": surgery()})).ok()
    await page.get_by_role("button", name="Save").click()
    await asked.get_by_role("button", name="Take theirs").click()
    await expect(side.get_by_label("Words to say")).to_have_value("Welcome, {{name}}.")
    await expect(page.get_by_role("button", name="Drop changes")).to_have_count(0)
    await context.close()


async def test_all_of_it_by_keyboard(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/settings/ivr")
    await expect(page.locator("jc-ivrs")).to_contain_text("No IVRs yet.")
    await page.get_by_role("button", name="New IVR").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.type("Night")
    await page.keyboard.press("Enter")
    await expect(page.locator(".node")).to_have_count(2)
    await page.locator('.node[tabindex="0"]').focus()
    await expect(page.locator(".node:focus")).to_have_attribute("data-node", "hello")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".node:focus")).to_have_attribute("data-node", "end")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    size = await page.locator(".graph svg").get_attribute("width")
    await page.keyboard.press("+")
    await expect(page.locator(".graph svg")).not_to_have_attribute("width", str(size))
    words = page.get_by_label("Words to say")
    for _ in range(12):
        if await words.evaluate("(field) => field === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await expect(words).to_be_focused()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("Good night.")
    await page.keyboard.press("Tab")
    await expect(page.locator(".page-head")).to_contain_text("not saved")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".toast")).to_contain_text("Saved as version 2.")
    await page.get_by_role("tab", name="Node").focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Try")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".spoken")).to_contain_text("Good night.")


async def test_who_may_only_look_is_offered_nothing_else(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    async with page_of(browser) as page:
        viewer = await add_person(gateway, tenant, "viewer", "Vi")
        await opened(page, gateway, tenant, viewer)
        assert await page.get_by_role("button", name="Save").count() == 0
        assert await page.get_by_label("Add a node").count() == 0
        assert await page.get_by_role("button", name="Remove the node").count() == 0
        assert await page.get_by_label("Words to say").get_attribute("readonly") is not None
        await page.get_by_role("button", name="Check").first.click()
        await expect(page.get_by_role("tabpanel")).to_contain_text("It can be saved.")
        await page.goto(f"{gateway.url}/#/settings/ivr")
        await expect(page.locator(".entry")).to_have_count(1)
        assert await page.get_by_role("button", name="New IVR").count() == 0
