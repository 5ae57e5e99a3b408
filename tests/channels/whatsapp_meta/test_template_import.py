"""Templates that are at the carrier already are brought here, as often as it is asked."""

from __future__ import annotations

from typing import Any

from tests.carriers.meta import MetaServer
from tests.channels.whatsapp_meta.test_real_webhooks import carrier
from tests.tenants import Tenant

__all__ = ["carrier"]
PATH, IMPORT = "/wa/v1/templates/", "/wa/v1/templates/sync-from-bsp/"


def there(server: MetaServer, id: str, name: str, *parts: dict[str, Any], **fields: Any) -> None:
    """Have the carrier hold a template."""
    server.templates[id] = {
        "id": id, "name": name, "language": "en", "category": "UTILITY", "status": "APPROVED",
        "rejected_reason": "NONE", "components": list(parts), **fields,
    }  # fmt: skip


def body(text: str) -> dict[str, Any]:
    return {"type": "BODY", "text": text}


async def test_what_the_carrier_has_is_brought_here_once(tenant: Tenant, carrier: tuple[MetaServer, str]) -> None:
    server, app = carrier
    client = tenant()
    own = {"wa_app": app, "element_name": "order_sent", "content": "Your order {{1}} is sent.", "category": "UTILITY"}
    mine = (await client.post(PATH, own)).ok(201)
    server.templates[mine["meta_template_id"]]["status"] = "APPROVED"
    there(server, "901", "welcome", {"type": "HEADER", "format": "TEXT", "text": "Hello"}, body("Hi {{1}}."),
          {"type": "FOOTER", "text": "Lee & Sons"}, {"type": "BUTTONS", "buttons": [
              {"type": "QUICK_REPLY", "text": "Stop"}, {"type": "URL", "text": "Shop", "url": "https://example.com/"}]})
    there(server, "902", "photo", {"type": "HEADER", "format": "IMAGE"}, body("Look."), category="MARKETING")
    there(server, "903", "refused", body("Buy."), status="REJECTED", rejected_reason="PROMOTIONAL")
    there(server, "904", "cards", body("Look."), {"type": "CAROUSEL", "cards": []})

    looked = (await client.post(IMPORT, {"wa_app_id": app, "dry_run": True})).ok()
    assert (looked["created"], looked["updated"], looked["failed"], looked["total_from_bsp"]) == (3, 1, 1, 5)
    assert (await client.get(PATH)).ok()["count"] == 1, "nothing was done"
    done = (await client.post(IMPORT, {"wa_app_id": app})).ok()
    assert {**looked, "dry_run": False} == done
    assert done["errors"] == [
        {"element_name": "cards", "language_code": "en", "error": "cards: a carousel has 2 to 10 cards"}
    ]
    again = (await client.post(IMPORT, {"wa_app_id": app})).ok()
    assert (again["created"], again["updated"], again["skipped"], again["failed"]) == (0, 0, 4, 1)

    rows = {row["element_name"]: row for row in (await client.get(PATH)).ok()["results"]}
    assert rows.keys() == {"order_sent", "welcome", "photo", "refused"}
    assert rows["order_sent"]["status"] == "APPROVED"
    welcome = rows["welcome"]
    assert (welcome["header"], welcome["content"], welcome["footer"]) == ("Hello", "Hi {{1}}.", "Lee & Sons")
    assert [button["type"] for button in welcome["buttons"]] == ["QUICK_REPLY", "URL"]
    assert (welcome["meta_template_id"], welcome["wa_app"], welcome["needs_sync"]) == ("901", app, False)
    assert (rows["photo"]["template_type"], rows["photo"]["category"]) == ("IMAGE", "MARKETING")
    assert (rows["refused"]["status"], rows["refused"]["rejection_reason"]) == ("REJECTED", "PROMOTIONAL")
    sent = {"phone": "+12025553100", "message_type": "TEMPLATE", "template": welcome["id"],
            "template_params": {"body": [{"type": "text", "text": "Ann"}]}}  # fmt: skip
    (await client.post("/wa/v1/messages/", {**sent, "wa_app": app})).ok(201)

    (await client.patch(f"{PATH}{welcome['id']}/", {"content": "Hi {{1}}, how are you?"})).ok()
    kept = (await client.post(IMPORT, {"wa_app_id": app})).ok()
    assert kept["updated"] == 0
    shown = (await client.get(f"{PATH}{welcome['id']}/")).ok()
    assert shown["content"] == "Hi {{1}}, how are you?", "what was changed here is to be handed in"


async def test_what_cannot_be_brought_says_why(
    tenant: Tenant, carrier: tuple[MetaServer, str], new_tenant: Any
) -> None:
    server, app = carrier
    (await (await new_tenant())().post(IMPORT, {"wa_app_id": app})).refused(404, "not_found")
    (await tenant("agent").post(IMPORT, {"wa_app_id": app})).refused(403, "permission_denied")
    assert "wa_app_id" in str((await tenant().post(IMPORT, {})).refused(400, "validation_error"))
    server.takes_templates = False
    (await tenant().post(IMPORT, {"wa_app_id": app})).refused(502, "provider_error")
