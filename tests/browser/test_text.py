"""What strangers write: it is text, it does not freeze the page, and it does not pass for something else."""

from __future__ import annotations

from playwright.async_api import Page, expect

from jinaconnect.store.tenant import Change
from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

CUSTOMER = "+12025550111"
MARKUP = '<img src=x onerror="window.owned=1"><script>window.owned=1</script> ${alert(1)} {{x}}'
ZALGO = "h" + "\u0301" * 10_000 + "i"


async def test_text_can_do_nothing(page: Page, gateway: Running, tenant: Tenant) -> None:
    links = (
        "see https://shop.example/a?b=1&c=2), https://user:pw@evil.example/ javascript:alert(1)"
        " https://аpple.example/x \u202ehttps://moc.elpmaxe"
    )
    for text in (MARKUP, links, ZALGO, "pay \u202e0001 EUR", "مرحبا 42"):
        await tenant.receives(CUSTOMER, text, name='Ann "<b>" \u202eeeL')
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await page.locator(".chat").click()
    words = page.locator(".bubble .words")
    await expect(words).to_have_count(5)
    await expect(words.nth(0)).to_have_text(MARKUP)
    assert await page.evaluate("window.owned") is None
    assert await page.locator(".bubble img, .bubble script").count() == 0
    shown = [await link.get_attribute("href") for link in await words.nth(1).locator("a").all()]
    assert shown[:2] == ["https://shop.example/a?b=1&c=2", "https://xn--pple-43d.example/x"]
    assert "https://xn--pple-43d.example/x" in await words.nth(1).locator("a").all_inner_texts()
    assert "evil.example" not in "".join(filter(None, shown))
    assert len(await words.nth(2).inner_text()) < 20
    box, row = await words.nth(2).bounding_box(), await page.locator(".v-row").nth(3).bounding_box()
    assert box is not None
    assert row is not None
    assert box["height"] < 60
    assert "\u202e" not in await words.nth(3).inner_text()
    assert "\u202e" not in await page.locator(".thread-head h1").inner_text()
    directions = [await words.nth(place).evaluate("(e) => getComputedStyle(e).direction") for place in (0, 4)]
    assert directions == ["ltr", "rtl"]


async def test_a_megabyte_does_not_freeze(page: Page, gateway: Running, tenant: Tenant) -> None:
    await tenant.receives(CUSTOMER, "short")
    [message] = (await tenant().get("/team-inbox/api/messages/")).ok()["results"]
    long = "Lorem ipsum dolor sit amet. " * 37_500
    store = gateway.services.store.of(tenant.id, "live")
    await store.change("messages", message["id"], lambda doc: Change(set={"content.body.text": long}))
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "manager"))
    await page.evaluate(
        "() => { window.longest = 0; new PerformanceObserver((list) => { for (const e of list.getEntries())"
        " longest = Math.max(longest, e.duration); }).observe({ type: 'longtask', buffered: false }); }"
    )
    await page.locator(".chat").click()
    words = page.locator(".bubble .words")
    await expect(words).to_have_count(1)
    assert len(await words.inner_text()) < 4_000
    await page.get_by_role("button", name="Show all 1,050,000 characters").click()
    await expect(page.locator(".piece").nth(200)).to_be_attached()
    assert len(await words.evaluate("(e) => e.textContent")) >= 1_050_000
    await page.keyboard.press("r")
    await page.keyboard.type("still here")
    await expect(page.locator("textarea")).to_have_value("still here")
