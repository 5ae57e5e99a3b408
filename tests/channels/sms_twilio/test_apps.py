"""What an app could not send, the app in its place sends, once; its own price is what is paid."""

from __future__ import annotations

import asyncio

from tests.carriers.sms import TwilioServer
from tests.channels.sms_twilio.conftest import Sms
from tests.client import until
from tests.handlers.billing.test_ledger import wallet_with

REFUSED = (400, {"code": 21606, "message": "The From number is not a valid, SMS-capable number", "status": 400})


async def test_what_is_refused_goes_by_the_other_app_once(sms: Sms) -> None:
    other = TwilioServer()
    await other.start()
    try:
        second = (await sms.tenant().post("/sms/v1/apps/", other.account(sender_id="+12025550177"))).ok(201)["id"]
        change = {"fallback_app": second}
        (await sms.tenant().patch(f"/sms/v1/apps/{sms.app['id']}/", change)).ok()
        (await sms.tenant().patch(f"/sms/v1/apps/{second}/", {"fallback_app": sms.app["id"]})).ok()
        sms.server.next.append(REFUSED)
        answer = await sms.sends(app_id=sms.app["id"])
        answer.refused(400, "provider_error")
        first = answer.body["message_id"]

        async def went() -> bool:
            return len(other.requests) == 1

        await until(went)
        assert other.requests[0]["Body"] == "We have it."
        assert (await sms.shown(first))["status"] == "FAILED"
        # Refused by both, it has failed.
        sms.server.next.append(REFUSED)
        other.next.append(REFUSED)
        before = len(sms.server.requests)
        await sms.sends(app_id=sms.app["id"])
        await sms.heard("message.failed", 3)
        assert len(sms.server.requests) == before + 1
        assert len(other.requests) == 2
    finally:
        await other.stop()


async def test_two_apps_at_once_have_one_sender_between_them(sms: Sms) -> None:
    made = await asyncio.gather(
        *(sms.tenant().post("/sms/v1/apps/", sms.server.account(sender_id="+12025550178")) for _ in range(5))
    )
    assert sorted(answer.status for answer in made) == [201, 409, 409, 409, 409]


async def test_the_apps_own_price_is_what_the_wallet_pays(sms: Sms) -> None:
    scope = f"{sms.tenant.id}:live"
    await wallet_with(sms.gateway.services, scope, 1)
    made = (await sms.sends(text="x" * 200)).ok(201)
    assert made["segments"] == 2
    await sms.heard("message.sent")

    async def paid() -> bool:
        wallet = (await sms.tenant().get("/tenants/host-wallet/")).ok()
        return (wallet["balance"], wallet["reserved"]) == (0.985, 0)

    await until(paid)


async def test_messages_are_found_by_app_and_by_where_they_went(sms: Sms) -> None:
    first = (await sms.sends("+12025550111")).ok(201)
    second = (await sms.sends("+12025550112")).ok(201)
    await sms.writes("+12025550112", "Thank you")
    [received] = await sms.heard("message.received")

    async def found(**params: str) -> set[str]:
        return {row["id"] for row in (await sms.tenant().get("/sms/v1/messages/", params=params)).ok()["results"]}

    assert await found(to_number="+12025550111") == await found(to_number="12025550111") == {first["id"]}
    assert await found(to_number="+12025550112", status="SENT") <= {second["id"]}
    assert await found(to_number="+12025550112") == {second["id"]}
    assert await found(to_number=sms.app["sender_id"]) == {received["data"]["id"]}
    assert await found(to_number="+12025550119") == set()
    assert await found(sms_app=sms.app["id"]) == {first["id"], second["id"], received["data"]["id"]}
    assert await found(sms_app="wap_other") == set()
    assert (first["broadcast_message"], first["inbox_message"]) == (None, first["id"])
