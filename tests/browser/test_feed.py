"""The console and the feed: what an interruption, an ended token and a withdrawn membership do to an open page."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser, CDPSession, Page, expect

from tests.browser.signing_in import live, sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

CUSTOMER = "+12025550114"


async def read_through(page: Page) -> list[str]:
    """Scroll through the thread from its beginning to its end and return what stands there."""
    seen: dict[str, None] = {}
    while not await page.locator(".beginning").is_visible():
        await page.evaluate("document.querySelector('.messages .v-scroll').scrollTop = 0")
        await page.evaluate("() => new Promise(requestAnimationFrame)")
    while True:
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        for text in await page.locator(".bubble .words").all_inner_texts():
            seen.setdefault(text)
        at_end = await page.evaluate(
            "() => { const s = document.querySelector('.messages .v-scroll'); const before = s.scrollTop;"
            " s.scrollTop += s.clientHeight / 2; return s.scrollTop === before; }"
        )
        if at_end:
            return list(seen)


async def network(link: CDPSession, *, offline: bool) -> None:
    conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    await link.send("Network.emulateNetworkConditions", conditions)


async def receive(tenant: Tenant, texts: list[str]) -> None:
    for begin in range(0, len(texts), 50):
        values = [tenant.text(CUSTOMER, text) for text in texts[begin : begin + 50]]
        (await tenant.webhook(tenant.envelope(*values))).ok()


async def test_nothing_is_missing_and_nothing_twice_after_an_interruption(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    await receive(tenant, ["before"])
    person = await add_person(gateway, tenant, "manager")
    context = await browser.new_context()
    tabs = [await context.new_page(), await context.new_page()]
    await sign_in(tabs[0], gateway.url, person)
    await tabs[1].goto(gateway.url)
    await live(tabs[1])
    links = []
    for tab in tabs:
        await tab.locator(".chat").click()
        await expect(tab.locator(".bubble .words")).to_have_text(["before"])
        links.append(await context.new_cdp_session(tab))
        await network(links[-1], offline=True)
        await expect(tab.locator(".connection")).to_have_text("Offline")
    texts = [f"message {number}" for number in range(200)]
    await receive(tenant, texts)
    for link in links:
        await network(link, offline=False)
    await receive(tenant, ["after"])
    for tab in tabs:
        await live(tab)
        await expect(tab.locator(".bubble .words").last).to_have_text("after", timeout=20_000)
        assert await read_through(tab) == ["before", *texts, "after"]
        assert await tab.evaluate("document.querySelector('jc-thread').items.filter((i) => i.message).length") == 202
    await context.close()


async def test_an_idle_page_asks_for_nothing(page: Page, gateway: Running, tenant: Tenant) -> None:
    await receive(tenant, ["hello"])
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    async with page.expect_response("**/mark_multiple_as_read/"):  # the count is gone before it is told
        await page.locator(".chat").click()
    await expect(page.locator(".chat .count")).to_have_count(0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.install()  # the page's own timers run a minute in a moment
    await page.clock.run_for(60_000)
    await live(page)
    assert asked == []


async def test_a_token_that_ends_is_renewed_unseen(page: Page, gateway: Running, tenant: Tenant) -> None:
    await receive(tenant, ["hello"])
    person = await add_person(gateway, tenant, "manager")
    settings = gateway.services.settings
    usual, settings.access_ttl_s = settings.access_ttl_s, 4
    renewals = asyncio.Semaphore(0)
    page.on("response", lambda answer: renewals.release() if answer.url.endswith("/session/renew/") else None)
    try:
        await sign_in(page, gateway.url, person)
        await page.locator(".chat").click()
        await page.evaluate(
            "() => { window.states = []; const mark = document.querySelector('.connection');"
            " const look = { childList: true, subtree: true, characterData: true };"
            " new MutationObserver(() => states.push(mark.innerText)).observe(mark, look); }"
        )
        async with asyncio.timeout(60):
            for _ in range(4):  # which is longer than the first token lives
                await renewals.acquire()
        await receive(tenant, ["still there?"])
        await expect(page.locator(".bubble .words").last).to_have_text("still there?")
        assert await page.evaluate("states") == []
    finally:
        settings.access_ttl_s = usual


async def test_who_is_removed_is_out_at_once(page: Page, gateway: Running, tenant: Tenant) -> None:
    await receive(tenant, ["hello"])
    person = await add_person(gateway, tenant, "agent")
    await sign_in(page, gateway.url, person)
    removed = await tenant().delete(f"/tenants/members/{person.member}/")
    assert removed.status == 204
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text("You were signed out: access withdrawn.")
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_wrong_password_is_told(browser: Browser, gateway: Running, tenant: Tenant) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    person = await add_person(gateway, tenant, "agent")
    await page.goto(gateway.url)
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("The e-mail or password is wrong.")
    await expect(page.get_by_label("Password")).to_be_focused()
    await context.close()


async def test_what_a_role_may_not_do_is_not_shown(page: Page, gateway: Running, tenant: Tenant) -> None:
    await receive(tenant, ["hello"])
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "viewer"))
    await page.locator(".chat").click()
    await expect(page.locator(".bubble")).to_have_count(1)
    for gone in ("Claim", "Assign", "Close", "Send"):
        await expect(page.get_by_role("button", name=gone, exact=True)).to_have_count(0)
    await page.keyboard.press("?")
    await expect(page.locator("dialog")).to_be_visible()
    assert not {"Reply", "Assign", "Close the conversation"} & set(await page.locator("dialog dt").all_inner_texts())


async def test_where_sockets_do_not_get_through_the_stream_does(
    browser: Browser, gateway: Running, tenant: Tenant
) -> None:
    await receive(tenant, ["hello"])
    context = await browser.new_context()
    page = await context.new_page()
    await page.route_web_socket("**/ws/", lambda socket: socket.close())
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await page.locator(".chat").click()
    texts = [f"message {number}" for number in range(60)]
    await receive(tenant, texts)
    await expect(page.locator(".bubble .words").last).to_have_text(texts[-1])
    assert await read_through(page) == ["hello", *texts]
    await context.close()


async def test_the_sdk_is_usable_alone(page: Page, gateway: Running, tenant: Tenant) -> None:
    await receive(tenant, ["one", "two"])
    await page.goto(gateway.url)
    key = tenant("viewer").credential
    told = await page.evaluate(
        """async ([url, key]) => {
            const { Feed, Latest } = await import("/console/feed.js");
            const headers = { Authorization: `Bearer ${key}` };
            const asked = async (path) => (await fetch(url + path, { headers })).json();
            window.messages = new Latest();
            window.seqs = [];
            window.states = [];
            const feed = new Feed({
                url, token: async () => key, topics: ["inbox"],
                onState: ({ kind }) => states.push(kind),
                onEvents: (events) => events.forEach((event) => {
                    seqs.push(event.seq);
                    if (event.type.startsWith("message.")) messages.fold(event);
                }),
            });
            await feed.join(async () => {
                const page = await asked("/team-inbox/api/messages/");
                page.results.forEach((row) => messages.put(row.id, row));
                return page.cursor;
            });
            while (feed.state.kind !== "live") await new Promise((done) => setTimeout(done, 10));
            const answer = await feed.request("inbox.conversations.list", { params: { limit: 1 } });
            let refused = null;
            await feed.request("inbox.notes.create", { params: { contact_id: "cnt_x" }, body: { text: "x" } })
                .catch((error) => (refused = error.code));
            return { count: answer.body.count, refused };
        }""",
        [gateway.url, key],
    )
    assert told == {"count": 1, "refused": "permission_denied"}
    await receive(tenant, ["three"])
    await page.wait_for_function("messages.values().length === 3")
    seqs = await page.evaluate("seqs")
    assert seqs == sorted(set(seqs))
    assert (await page.evaluate("states"))[-1] == "live"
