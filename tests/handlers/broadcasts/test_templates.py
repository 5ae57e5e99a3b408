"""Templates of platforms whose carriers know none: written, looked at, sent by broadcasts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import until
from tests.tenants import Tenant

PLATFORMS = ("telegram", "rcs")
PICTURE = {
    "element_name": "Open again", "template_type": "IMAGE", "category": "UTILITY",
    "content": "Hello {{first_name}}, use {{code}}.",
    "example_media_url": "https://shop.example/shop.jpg", "footer": "Lee & Sons",
    "buttons": [{"type": "URL", "text": "To the shop", "url": "https://shop.example/{{code}}"},
                {"type": "QUICK_REPLY", "text": "I will come"}],
}  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_template_is_written_and_looked_at(tenant: Tenant, platform: str) -> None:
    client, path = tenant(), f"/{platform}/v1/templates/"
    made = (await client.post(path, PICTURE)).ok(201)
    assert (made["element_name"], made["status"], made["platform"]) == ("open_again", "APPROVED", platform.upper())
    assert made["number"] == made["id"]
    assert made["placeholders"] == ["first_name", "code"]
    shown = (await client.post(f"{path}{made['id']}/preview/", {"params": {"first_name": "Ann"}})).ok()
    assert shown["body"] == "Hello Ann, use [code]."
    assert shown["buttons"][0]["url"] == "https://shop.example/[code]"
    (await client.post(path, PICTURE)).refused(400, "validation_error")
    bare = {**PICTURE, "element_name": "bare", "example_media_url": None}
    (await client.post(path, {k: v for k, v in bare.items() if v})).refused(400, "validation_error")
    wrong = {**PICTURE, "element_name": "wrong", "buttons": [{"type": "URL", "text": "Go"}]}
    assert "buttons.0" in str((await client.post(path, wrong)).refused(400, "validation_error"))
    (await client.patch(f"{path}{made['id']}/", {"content": "Bye {{1}}."})).ok()
    assert (await client.get(path)).ok()["results"][0]["content"] == "Bye {{1}}."
    (await client.get(f"/sms/v1/templates/{made['id']}/")).refused(404, "not_found")
    (await tenant("viewer").post(path, PICTURE)).refused(403, "permission_denied")
    (await client.delete(f"{path}{made['id']}/")).ok(204)
    (await client.get(f"{path}{made['id']}/")).refused(404, "not_found")


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_broadcast_says_it_to_each_in_their_own_words(tenant: Tenant, platform: str) -> None:
    client = tenant("owner", "test")
    for place in (1, 2):
        contact = {"phone": f"+1202555470{place}", "first_name": f"P{place}", "telegram_chat_id": 12025554700 + place}
        (await client.post("/contacts/", contact)).ok(201)
    template = (await client.post(f"/{platform}/v1/templates/", PICTURE)).ok(201)["id"]
    body = {"name": "Open", "status": "QUEUED", "select_all": True, "template_number": template,
            "placeholder_data": {"code": "SPRING"}}  # fmt: skip
    id = (await client.post(f"/{platform}/v1/broadcast/", body)).ok(201)["id"]

    async def over() -> bool:
        return (await client.get(f"/broadcast/{id}/")).ok()["status"] == "SENT"

    await until(over, within_s=60)
    rows: list[dict[str, Any]] = (await client.get("/broadcast/messages/", params={"broadcast": id})).ok()["results"]
    for row in rows:
        content = (await client.get(f"/team-inbox/api/messages/{row['message']}/")).ok()["content"]
        assert content["image"]["url"] == PICTURE["example_media_url"]
        assert content["image"]["caption"] == f"Hello {row['contact_name']}, use SPRING.\n\nLee & Sons"
        assert [button["type"] for button in content["buttons"]] == ["url", "quick_reply"]
        assert content["buttons"][0]["url"] == "https://shop.example/SPRING"


@pytest.mark.parametrize("platform", ["wa", "sms", *PLATFORMS])
async def test_templates_are_found_by_their_tags(tenant: Tenant, platform: str) -> None:
    client, path = tenant("owner", "test"), f"/{platform}/v1/templates/"
    for name, tags in (("first", ["spring", "vip"]), ("second", [])):
        body = {"element_name": f"tagged_{name}", "content": "Hello.", "category": "UTILITY", "tags": tags}
        assert (await client.post(path, body)).ok(201)["tags"] == tags
    for query, found in (("tag=vip", 1), ("tag__in=vip,summer", 1), ("tag__isnull=true", 1),
                         ("tag__name__icontains=SPRI", 1), ("tag=summer", 0)):  # fmt: skip
        assert (await client.get(f"{path}?{query}")).ok()["count"] == found, query
    vip, shy = [(await client.post("/tenants/tenant-tags/", {"name": name})).ok(201)["id"] for name in ("vip", "shy")]
    both, nobodys = f"{vip},{shy}", "tag_" + 26 * "0"
    for query, found in ((f"tag__id={vip}", 1), (f"tag__id={shy}", 0), (f"tag__id__in={both}", 1),
                         (f"tag__id__in={both}&tag=summer", 0), (f"tag__id={nobodys}", 0)):  # fmt: skip
        assert (await client.get(f"{path}?{query}")).ok()["count"] == found, query
    for name, wrong in (("tag__id", "vip"), ("tag__id", both), ("tag__id__in", "vip,shy")):
        assert name in (await client.get(f"{path}?{name}={wrong}")).refused(400, "validation_error")
    (await client.post(path, {"element_name": "x", "content": "x", "tags": ["a"] * 21})).refused(
        400, "validation_error"
    )


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_templates_are_found_by_buttons_language_and_footer(tenant: Tenant, platform: str) -> None:
    client, path = tenant(), f"/{platform}/v1/templates/"
    (await client.post(path, {**PICTURE, "language_code": "en_GB"})).ok(201)
    (await client.post(path, {"element_name": "bare", "content": "We are open."})).ok(201)

    async def found(**params: str) -> list[str]:
        return [row["element_name"] for row in (await client.get(path, params=params)).ok()["results"]]

    assert await found(has_buttons="true") == await found(has_url_button="1") == ["open_again"]
    assert await found(has_buttons="false") == await found(has_quick_reply="0") == ["bare"]
    assert await found(has_call_button="true") == []
    assert await found(language_code="EN_gb") == await found(language_code__in="en_gb,fr") == ["open_again"]
    assert await found(search="lee & sons") == ["open_again"]
    assert await found(ordering="status,element_name") == ["bare", "open_again"]


_IN_FULL: dict[str, dict[str, Any]] = {
    "wa": {"header": "Hello", "footer": "Lee & Sons", "example_body": ["Ann"], "vertical": "Shops",
           "buttons": [{"type": "QUICK_REPLY", "text": "I will come"}]},
    "sms": {"bsp_template_id": "flow1", "dlt_template_id": "1107160000000000001", "dlt_entity_id": "110140",
            "sender_id": "ACMEIN", "dlt_category": "service_implicit"},
    "telegram": {"header": "Hello", "footer": "Lee & Sons", "buttons": PICTURE["buttons"]},
    "rcs": {"header": "Hello", "footer": "Lee & Sons", "buttons": PICTURE["buttons"]},
}  # fmt: skip


@pytest.mark.parametrize("platform", _IN_FULL)
async def test_null_sets_what_a_template_has_to_its_default(tenant: Tenant, platform: str) -> None:
    client, path = tenant("owner", "test"), f"/{platform}/v1/templates/"
    body = {"element_name": "all_of_it", "name": "All of it", "content": "Hello {{1}}.", "category": "UTILITY",
            "is_active": False, **_IN_FULL[platform]}  # fmt: skip
    made = (await client.post(path, body)).ok(201)
    assert all(made[name] for name in _IN_FULL[platform])
    nulls = dict.fromkeys(_IN_FULL[platform])
    rest = {"name": None, "category": None, "is_active": None}
    after = (await client.patch(f"{path}{made['id']}/", {**nulls, **rest})).ok()
    assert {name: after[name] for name in nulls} == nulls
    assert (after["name"], after["category"], after["is_active"]) == ("all_of_it", "MARKETING", True)
    for nothing in (None, ""):
        refused = (await client.patch(f"{path}{made['id']}/", {"content": nothing})).refused(400, "validation_error")
        assert list(refused) == ["content"]
    assert (await client.get(f"{path}{made['id']}/")).ok() == after
