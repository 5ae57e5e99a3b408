"""The wallet's page: what there is, what was charged, and what to see to, as it moves."""

from __future__ import annotations

from playwright.async_api import Page, expect

from jinaconnect.core.billing.money import MICRO
from tests.browser.signing_in import live, sign_in
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.people import add_person
from tests.tenants import Tenant


async def test_the_wallet_moves_while_it_is_looked_at(page: Page, gateway: Running, tenant: Tenant) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    await wallet_with(services, scope, 20)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/wallet")
    to_spend = page.locator(".figures > div", has_text="To spend").locator("dd")
    await expect(to_spend).to_have_text("$20.00")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await services.wallets.reserve(scope, "broadcast:b1", 12 * MICRO, facts={"broadcast_name": "Spring"})
    await expect(to_spend).to_have_text("$8.00")
    await expect(page.locator(".notice")).to_contain_text("Low balance")
    await expect(page.locator("tbody tr").first).to_contain_text("Spring")
    await page.get_by_role("button", name="Warn me below…").click()
    await page.get_by_label("Below how much").fill("5")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.locator(".figures > div", has_text="Warns below").locator("dd")).to_have_text("$5.00")
    await page.get_by_label("Kind").select_option("SUCCESS RECHARGE")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("tbody tr")).to_contain_text("+$20.00")
    await page.get_by_label("To", exact=True).fill("2020-01-01")
    await expect(page.locator(".empty")).to_contain_text("Nothing was charged or paid in then.")


async def test_play_money_and_a_viewer(page: Page, gateway: Running, tenant: Tenant) -> None:
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "owner", "Sam"), "#/wallet")
    await page.locator(".who").click()
    await page.get_by_role("button", name="Work in the sandbox").click()
    await expect(page.locator(".who")).to_contain_text("Sandbox")
    await live(page)
    await page.goto(f"{gateway.url}/#/wallet")
    await page.get_by_role("button", name="Play money").click()
    await page.get_by_role("button", name="Put it in").click()
    await expect(page.locator(".figures > div", has_text="To spend").locator("dd")).to_have_text("$100.00")
    await expect(page.locator("tbody tr")).to_contain_text("Paid in")
    assert (await tenant().get("/tenants/host-wallet/")).body.get("balance", 0) == 0  # the live one is another


async def test_who_only_looks_pays_nothing_in(page: Page, gateway: Running, tenant: Tenant) -> None:
    await wallet_with(gateway.services, f"{tenant.id}:live", 20)
    await sign_in(page, gateway.url, await add_person(gateway, tenant, "viewer", "Val"), "#/wallet")
    await expect(page.locator(".figures")).to_contain_text("$20.00")
    assert await page.locator("#main button").count() == 0
    await page.locator("#main a", has_text="Recharges").click()
    await expect(page.locator(".empty")).to_contain_text("Nothing was paid in yet.")
