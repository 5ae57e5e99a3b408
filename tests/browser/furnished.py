"""An organisation that has something on every page of the console."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from playwright.async_api import Page

from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.ivr.test_templates import add, surgery
from tests.telephony.calls.graphs import menu
from tests.tenants import Tenant

Visit = Callable[[Page, str, dict[str, str]], Awaitable[None]]

PEOPLE = [
    ("Ann", "Lee", "+12025550111", ["vip", "bikes"], {}),
    ("Ben", "Ng", "+12025550112", ["vip"], {}),
    ("Layla", "Hassan", "+12025550113", ["bikes"], {}),
    ("Mira", "Okafor", "+12025550114", [], {}),
    ("Tom", "Okafor", "+12025550115", ["vip"], {"dnc": True}),
]


SHEET = b"""name,mobile,town,mail
Zoe,+12025550161,Pune,zoe@shop.example
Yan,12,Delhi,yan@shop.example
Xia,+12025550163,Goa,xia@shop.example
"""


async def add_people(tenant: Tenant) -> list[str]:
    """Add contacts of whom one is not to be contacted; returns their ids."""
    ids = []
    for first, last, phone, tags, rest in PEOPLE:
        body = {"first_name": first, "last_name": last, "phone": phone, "tags": tags, **rest}
        ids.append((await tenant().post("/contacts/", body)).ok(201)["id"])
    return ids


async def add_template(gateway: Running, tenant: Tenant, name: str = "spring_sale") -> str:
    """Add a template that its carrier has approved; returns its id."""
    body = {
        "wa_app": tenant.whatsapp["app_id"], "element_name": name, "category": "UTILITY",
        "content": "Hello {{first_name}}, everything is at half price with {{code}}.",
    }  # fmt: skip
    made = (await tenant().post("/wa/v1/templates/", body)).ok(201)
    store = gateway.services.store.of(tenant.id, "live")
    await store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
    return str(made["id"])


async def add_broadcast(tenant: Tenant, template: str, name: str, **fields: Any) -> dict[str, Any]:
    """Write a broadcast to everybody."""
    body = {
        "name": name, "template_number": template, "select_all": True, "placeholder_data": {"code": "SPRING"},
        "category": "UTILITY", **fields,
    }  # fmt: skip
    made: dict[str, Any] = (await tenant().post("/broadcast/", body)).ok(201)
    return made


async def ended(tenant: Tenant, id: str) -> dict[str, Any]:
    """Wait until a broadcast has ended; returns it."""

    async def there() -> dict[str, Any] | None:
        shown: dict[str, Any] = (await tenant().get(f"/broadcast/{id}/")).ok()
        return shown if shown["status"] in ("SENT", "PARTIALLY_SENT") else None

    found: dict[str, Any] = await until(there)
    return found


async def furnish(gateway: Running, tenant: Tenant) -> dict[str, str]:
    """Give an organisation something on every page; returns the ids of what is visited."""
    await wallet_with(gateway.services, f"{tenant.id}:live", 25)
    await add_people(tenant)
    template = await add_template(gateway, tenant)
    spring = await add_broadcast(tenant, template, "Spring sale", status="QUEUED")
    await add_broadcast(tenant, template, "Summer, to be looked at")
    await add_broadcast(tenant, template, "Winter sale", status="QUEUED", scheduled_time="2999-12-01T09:00:00Z")
    body = {"url": f"{gateway.url}/livez/", "events": ["contact.*", "message.*"], "description": "The shop's stock"}
    endpoint = (await tenant().post("/webhooks/endpoints/", body)).ok(201)
    for shortcut, text in (("hello", "Good morning! How can we help?"), ("thanks", "Thank you, have a good day.")):
        (await tenant().post("/team-inbox/api/canned-replies/", {"shortcut": shortcut, "text": text})).ok(201)
    (await tenant().post("/tenants/tenant-tags/", {"name": "vip", "description": "Buys often"})).ok(201)
    (await tenant().post("/tenants/members/invite/", {"email": "lea@shop.example", "role": "agent"})).ok(201)
    form = aiohttp.FormData({"country": "US", "mapping": json.dumps({"mobile": "phone"})})
    form.add_field("file", SHEET, filename="customers.csv", content_type="text/csv")
    (await tenant().ask("POST", "/contacts/bulk-import/", data=form)).ok(202)
    account = {
        "name": "Main office", "provider": "vonage", "from_numbers": ["+12025550100"],
        "credentials": {"api_key": "k", "api_secret": "s", "application_id": "a", "private_key_pem": "p"},
    }  # fmt: skip
    made = (await tenant().post("/voice/api/provider-configs/", account)).ok(201)
    ivr = {"name": "Appointments", "template_kind": "ivr_menu", "graph": menu()}
    (await tenant().post("/voice/api/templates/", ivr)).ok(201)
    await ended(tenant, spring["id"])
    edited = await add(tenant(), graph=surgery())
    for name, words in (
        ("Order ready", "Hello {{name}}, your order is ready. We are open until six."),
        ("Reminder", "This is Lee and Sons. Your appointment is tomorrow at {{time}}."),
    ):
        text = {"name": name, "template_kind": "tts_script", "tts_text": words}
        (await tenant().post("/voice/api/templates/", text)).ok(201)
    return {"broadcast": spring["id"], "endpoint": endpoint["id"], "account": made["id"], "ivr": edited["id"]}


def watched(page: Page) -> list[str]:
    """Return a list that fills with what goes wrong on a page."""
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def at(path: str, there: str) -> Visit:
    """Return how to open a page and wait for what is on it."""

    async def visit(page: Page, url: str, made: dict[str, str]) -> None:
        await page.goto(f"{url}/#/{path.format(**made)}")
        await page.locator(there).first.wait_for()

    return visit


async def _new_broadcast(page: Page, url: str, made: dict[str, str]) -> None:
    await page.goto(f"{url}/#/broadcasts/new")
    await page.get_by_label("Name", exact=True).fill("Half price in May")
    await page.get_by_label("Template").select_option(index=1)
    await page.get_by_label("Those with tags or segments").check()
    await page.get_by_label("vip").check()
    await page.locator(".verdict dl").wait_for()


async def _new_calls(page: Page, url: str, made: dict[str, str]) -> None:
    await page.goto(f"{url}/#/broadcasts")  # not the form of before, which is still filled in
    await page.goto(f"{url}/#/broadcasts/new")
    await page.get_by_label("Over").select_option(label="Calls · Main office")
    await page.get_by_label("Name", exact=True).fill("Tomorrow's appointments")
    await page.get_by_label("Which").select_option(label="Appointments")
    await page.get_by_label("Calls at once").fill("5")
    await page.get_by_label("Busy").check()
    await page.locator(".verdict dl, .verdict .fault").first.wait_for()


async def _new_account(page: Page, url: str, made: dict[str, str]) -> None:
    await page.goto(f"{url}/#/trunks/new")
    await page.locator("[name=profile]").select_option("vonage")
    await page.locator("[name=private_key_pem]").wait_for()


async def _cancelling(page: Page, url: str, made: dict[str, str]) -> None:
    await page.goto(f"{url}/#/broadcasts")
    await page.get_by_role("link", name="Winter sale").click()
    await page.get_by_role("button", name="Cancel…").click()
    await page.locator("dialog footer").wait_for()


async def _secret(page: Page, url: str, made: dict[str, str]) -> None:
    await page.goto(f"{url}/#/webhooks")
    await page.get_by_role("button", name="New webhook").click()
    await page.get_by_label("Address").fill(f"{url}/livez/")
    await page.keyboard.press("Enter")
    await page.get_by_label("Secret").wait_for()


async def _role(page: Page, url: str, made: dict[str, str]) -> None:
    await page.get_by_role("button", name="Change Agent").click()
    await page.locator("dialog fieldset").first.wait_for()


async def _importing(page: Page, url: str, made: dict[str, str]) -> None:
    await page.goto(f"{url}/#/settings/contacts")
    await page.locator(".rows .entry").wait_for()
    await page.locator("[type=file]").set_input_files({"name": "shop.csv", "mimeType": "text/csv", "buffer": SHEET})
    await page.get_by_label("What mobile is").select_option("phone")
    await page.get_by_label("What name is").select_option("first_name")
    await page.locator(".scroll .tag.good").first.wait_for()


async def _wrong_ivr(page: Page, url: str, made: dict[str, str]) -> None:
    await page.get_by_label("Add a node").select_option(label="Connect with somebody")
    await page.get_by_role("button", name="Check").click()
    await page.locator(".node.wrong").wait_for()


async def _trying(page: Page, url: str, made: dict[str, str]) -> None:
    await page.get_by_role("button", name="Drop changes").click()
    await page.get_by_role("tab", name="Try").click()
    await page.get_by_role("button", name="Begin", exact=True).click()
    await page.get_by_role("button", name="1", exact=True).click()
    await page.locator('.node.here[data-node="number"]').wait_for()


async def _carriers(page: Page, url: str, made: dict[str, str]) -> None:
    await page.get_by_role("tab", name="Carriers").click()
    await page.locator(".levels li").first.wait_for()


async def _closed(page: Page, url: str, made: dict[str, str]) -> None:
    await page.keyboard.press("Escape")
    await page.locator("dialog").wait_for(state="detached")


# What is looked at, in this order; a dialog is closed before the next page.
VISITS: dict[str, Visit] = {
    "broadcasts": at("broadcasts", ".rows .progress"),
    "broadcast": at("broadcasts/{broadcast}", "tbody tr"),
    "broadcast-new": _new_broadcast,
    "broadcast-calls": _new_calls,
    "broadcast-cancel": _cancelling,
    "closed": _closed,
    "wallet": at("wallet", "tbody tr"),
    "recharges": at("wallet/recharges", ".empty"),
    "webhooks": at("webhooks", ".rows"),
    "webhook": at("webhooks/{endpoint}", "tbody tr"),
    "webhook-secret": _secret,
    "closed again": _closed,
    "account-new": _new_account,
    "account": at("trunks/{account}", "[aria-label='Webhook addresses']"),
    "settings-members": at("settings/members", ".rows .entry"),
    "settings-roles": at("settings/roles", ".rows .entry"),
    "settings-role": _role,
    "closed role": _closed,
    "settings-channels": at("settings/channels", ".rows .entry"),
    "settings-keys": at("settings/keys", ".rows .entry"),
    "settings-import": _importing,
    "settings-ivrs": at("settings/ivr", ".rows .entry"),
    "settings-spoken": at("settings/spoken", ".rows .entry"),
    "ivr": at("settings/ivr/{ivr}", ".node"),
    "ivr-wrong": _wrong_ivr,
    "ivr-try": _trying,
    "ivr-carriers": _carriers,
    "settings-replies": at("settings/replies", ".rows .entry"),
    "settings-tags": at("settings/tags", ".rows .entry"),
    "settings-organisation": at("settings/organisation", "[name=timezone]"),
}
