"""A large inbox: whatever its size, only what is in view is in the page."""

from __future__ import annotations

from datetime import timedelta

from playwright.async_api import Page, expect

from jinaconnect.store.databases.indexes import unhurried
from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

CONVERSATIONS = 10_000
MESSAGES = 50_000
MOST_NODES = 1_500
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def multiply(gateway: Running, tenant: Tenant) -> None:
    """Make many conversations of the one there is, and a long thread of its message."""
    ids, store = gateway.services.ids, gateway.services.store
    [contact] = await store.of(tenant.id, "live").select("contacts", {})
    [message] = await store.of(tenant.id, "live").select("messages", {})
    people = []
    for number in range(1, CONVERSATIONS):
        at = contact["chat"]["at"] - timedelta(minutes=number)
        last = {**contact["chat"]["last"], "timestamp": at}
        people.append({
            **contact, "_id": ids.new("cnt"), "phone": f"+1303{number:07}", "first_name": f"Customer {number}",
            "addresses": [], "chat": {**contact["chat"], "at": at, "last": last},
        })  # fmt: skip
    with unhurried():
        await store.raw("contacts").insert_many(people, ordered=False)
    for begin in range(1, MESSAGES, 10_000):
        said = []
        for number in range(begin, min(begin + 10_000, MESSAGES)):
            text = f"message {number} " + "word " * (number % 40)
            said.append({
                **message, "_id": ids.new("msg"), "number": number, "carrier_id": None,
                "timestamp": message["timestamp"] - timedelta(seconds=MESSAGES - number),
                "content": {"type": "text", "body": {"text": text}},
            })  # fmt: skip
        with unhurried():
            await store.raw("messages").insert_many(said, ordered=False)


async def nodes(page: Page) -> int:
    """Return how many elements the page has."""
    await page.evaluate(FRAME)
    count: int = await page.evaluate("document.getElementsByTagName('*').length")
    return count


async def test_a_page_holds_what_is_in_view(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives("+12025550111", "the first", name="Ann")
    await multiply(gateway, tenant)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    counts = [await nodes(page)]
    scroll = "(name) => { const e = document.querySelector(`${name} .v-scroll`); e.scrollTop = e.scrollHeight; }"
    for number in (40, 300, 700):
        while await page.locator(".chat", has_text=f"Customer {number} ").count() == 0:
            await page.evaluate(scroll, "jc-list")
            counts.append(await nodes(page))
            if await page.evaluate("document.querySelector('jc-list').rows.length") > number + 50:
                break
    await page.get_by_label("Search conversations").fill("+12025550111")
    await page.locator(".chat", has_text="Ann").first.click()
    await expect(page.locator(".bubble").last).to_contain_text(f"message {MESSAGES - 1} ")
    counts.append(await nodes(page))
    while await page.evaluate("document.querySelector('jc-thread').items.length") < 1_000:
        await page.evaluate("document.querySelector('jc-thread .v-scroll').scrollTop = 0")
        counts.append(await nodes(page))
    seen = await page.locator(".bubble .words").all_inner_texts()
    numbers = [int(text.split()[1]) for text in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))  # in order, without a hole
    assert max(counts) <= MOST_NODES
