"""What one writes: the five states of a bubble, and that nothing is sent twice or lost."""

from __future__ import annotations

from playwright.async_api import Browser, Page, Route, expect

from jinaconnect.core.inbox.status import UNKNOWN
from tests.browser.signing_in import live, sign_in
from tests.client import until
from tests.conftest import Running
from tests.handlers.inbox.test_inbox import stored
from tests.handlers.people import add_person
from tests.tenants import Tenant

SEND = "**/team-inbox/api/messages/"


async def queued(tenant: Tenant) -> list[str]:
    """Return the texts the gateway was asked to send, in order."""
    events = await tenant().events()
    return [event["data"]["content"]["body"]["text"] for event in events if event["type"] == "message.queued"]


async def write(page: Page, text: str) -> None:
    await page.keyboard.press("r")
    await page.keyboard.type(text)
    await page.keyboard.press("Control+Enter")


async def twice(asked: list[Route]) -> bool:
    return len(asked) == 2


async def open_first(page: Page) -> None:
    await page.locator(".chat").first.click()
    await page.locator(".bubble").first.wait_for()


async def test_an_answer_that_is_lost_is_asked_for_by_its_key(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    await tenant.receives("+12025550112", "hello")
    context = await browser.new_context()
    page = await context.new_page()
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(page)
    keys: list[str | None] = []

    async def lost(route: Route) -> None:
        keys.append(await route.request.header_value("Idempotency-Key"))
        if len(keys) == 1:
            await route.fetch()  # it arrives, its answer does not
        if len(keys) <= 2:
            return await route.abort("connectionreset")
        return await route.continue_()

    await page.route(SEND, lost)
    await page.evaluate(
        "() => { window.seen = new Set(); new MutationObserver(() => document.querySelectorAll('.ticks .aloud')"
        ".forEach((e) => seen.add(e.innerText))).observe(document.body, { childList: true, subtree: true }); }"
    )
    await write(page, "On its way!")
    await expect(page.locator(".bubble.out .ticks.delivered")).to_have_count(1)
    await expect(page.locator(".bubble.out")).to_have_count(1)
    assert len(set(keys)) == 1
    assert await queued(tenant) == ["On its way!"]
    await context.close()


async def test_what_nobody_confirmed_is_asked_about_after_a_reload(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    await tenant.receives("+12025550112", "hello")
    context = await browser.new_context()
    page = await context.new_page()
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(page)
    await page.route(SEND, lambda route: route.abort("connectionreset"))
    await write(page, "Are you there?")
    await expect(page.locator(".bubble.unconfirmed .ticks")).to_contain_text("Unconfirmed")
    await page.unroute(SEND)
    await page.reload()
    await live(page)
    await expect(page.locator(".bubble.out .ticks.delivered")).to_have_count(1)
    assert await queued(tenant) == ["Are you there?"]
    await context.close()


async def test_what_failed_is_sent_once_more_however_often_it_is_asked(
    page: Page, gateway: Running, tenant: Tenant
) -> None:
    await tenant.receives("+12025550113", "hello")  # whom the carrier cannot reach
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(page)
    await write(page, "Hello?")
    failed = page.locator(".bubble.failed")
    await expect(failed).to_have_count(1)
    await expect(failed).to_contain_text("cannot be reached")
    retry = failed.first.get_by_role("button", name="Retry")
    await retry.dblclick()
    await expect(failed).to_have_count(2)
    await retry.click()
    await expect(page.locator(".bubble.out")).to_have_count(2)
    assert await queued(tenant) == ["Hello?", "Hello?"]


async def test_a_carrier_that_says_nothing_leaves_it_unconfirmed(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550120", "hello")  # whose carrier takes messages and answers nothing
    (contact,) = (await tenant().get("/contacts/")).ok()["results"]
    # One that nobody will ever tell more of: what is written below is unconfirmed for a moment only.
    await stored(gateway, tenant, contact["id"], status=UNKNOWN, number=1_000)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(page)
    await expect(page.locator(".bubble.out .ticks.unknown")).to_have_count(1, timeout=30_000)
    await write(page, "Hello?")
    await expect(page.locator(".bubble.out .ticks.delivered")).to_have_count(1, timeout=60_000)


async def test_drafts_stay_with_their_conversation(page: Page, gateway: Running, tenant: Tenant) -> None:
    for number in (1, 2):
        await tenant.receives(f"+1202555011{number}", "hello", name=f"Customer {number}")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    field = page.locator("textarea")
    for number in (1, 2):
        await page.locator(".chat", has_text=f"Customer {number}").click()
        await expect(page.locator(".thread-head h1")).to_have_text(f"Customer {number}")
        await field.fill(f"draft {number}")
    await page.reload()
    await live(page)
    for number in (1, 2):
        await page.locator(".chat", has_text=f"Customer {number}").click()
        await expect(field).to_have_value(f"draft {number}")


async def test_teammates_are_seen_looking_and_typing(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "hello")
    tabs = []
    for name in ("Sam", "Kim"):
        context = await browser.new_context()
        tab = await context.new_page()
        await sign_in(tab, gateway.url, await add_person(gateway, tenant, "manager", name))
        await open_first(tab)
        tabs.append(tab)
    first, second = tabs
    await expect(first.locator(".company")).to_have_text("Kim Test is looking at this too")
    await second.keyboard.press("r")
    await second.keyboard.type("We ")
    await expect(first.locator(".company")).to_have_text("Kim Test is typing…")
    await second.get_by_role("button", name="Claim").click()
    await expect(first.locator(".thread-head")).to_contain_text("Kim Test holds this")
    await expect(first.locator(".event", has_text="Kim Test took this")).to_have_count(1)
    for tab in tabs:
        await tab.context.close()


async def test_a_conversation_is_saved_as_pdf(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550112", "hello")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(page)
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save as PDF").click()
    saved = await (await saving.value).path()
    assert saved.read_bytes().startswith(b"%PDF-")


async def test_a_file_goes_with_its_words(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550112", "hello")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(page)
    picture = await page.screenshot()
    chosen = {"name": "blue.png", "mimeType": "image/png", "buffer": picture}
    await page.get_by_label("Attach a file").set_input_files(chosen)  # type: ignore[arg-type]
    await expect(page.locator(".attached")).not_to_contain_text("uploading")
    await write(page, "In blue")
    await expect(page.locator(".bubble.out .ticks.delivered")).to_have_count(1)
    drawn = page.locator(".bubble.out img")
    await expect(drawn).to_have_js_property("complete", True)
    assert await drawn.evaluate("(e) => e.naturalWidth") > 0
    await expect(page.locator(".bubble.out .words")).to_have_text("In blue")


async def test_words_written_beside_what_is_only_heard_go_by_themselves(
    page: Page, gateway: Running, tenant: Tenant
) -> None:
    await tenant.receives("+12025550112", "hello")
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(page)
    sound = b"ID3\x04" + bytes(6) + b"\xff\xfb\x90\x00" * 64
    chosen = {"name": "hello.mp3", "mimeType": "audio/mpeg", "buffer": sound}
    await page.get_by_label("Attach a file").set_input_files(chosen)  # type: ignore[arg-type]
    await expect(page.locator(".attached")).not_to_contain_text("uploading")
    await write(page, "Please listen.")
    await expect(page.locator(".bubble.out .ticks.delivered")).to_have_count(2)
    await expect(page.locator(".bubble.out audio")).to_have_count(1)
    await expect(page.locator(".bubble.out .words")).to_have_text(["Please listen."])


async def test_another_tab_does_not_make_one_forget_what_is_on_its_way(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    await tenant.receives("+12025550112", "hello")
    context = await browser.new_context()
    first = await context.new_page()
    await sign_in(first, gateway.url, await add_person(gateway, tenant, "manager"))
    await open_first(first)
    second = await context.new_page()
    await second.goto(gateway.url)
    await live(second)
    await open_first(second)
    asked: list[Route] = []

    async def lost(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            await route.abort("connectionreset")  # and asking again gets no answer either

    await first.route(SEND, lost)
    await write(first, "Are you there?")
    await until(lambda: twice(asked))
    await write(second, "From the other tab.")
    await expect(second.locator(".bubble.out .ticks.delivered")).to_have_count(1)
    third = await context.new_page()  # as when the first one comes back
    await third.goto(gateway.url)
    await live(third)
    await open_first(third)
    await expect(third.locator(".bubble.out .ticks.delivered")).to_have_count(2)
    assert await queued(tenant) == ["From the other tab.", "Are you there?"]
    await context.close()
