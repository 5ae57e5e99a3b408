"""Credentials go to the host they were given for; sends are no way to ask who is a customer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Answered
from tests.conftest import Running
from tests.tenants import Tenant

APPS, TRUNKS = "/wa/v1/apps/", "/voice/api/provider-configs/"
TOKEN = "EAAtokentokentoken"
APP: dict[str, Any] = {
    "app_name": "Main", "phone_number": "+12025550171", "waba_id": "11", "phone_number_id": "12",
    "app_secret": "0123456789abcdef", "verify_token": "verify-me", "bsp_credentials": {"access_token": TOKEN},
}  # fmt: skip
SIP: dict[str, Any] = {
    "sip_username": "us", "sip_password": "secret", "sip_realm": "sip.example.com", "sip_proxy": "127.0.0.1:5060",
    "registration_required": False,
}  # fmt: skip


async def test_a_token_is_told_to_no_other_host_than_it_was_given_for(tenant: Tenant, gateway: Running) -> None:
    path = f"{APPS}{(await tenant().post(APPS, APP)).ok(201)['id']}/"
    elsewhere = "http://127.0.0.1:9"
    for change in ({"base_url": elsewhere}, {"bsp_credentials": {"base_url": elsewhere}}):
        told = (await tenant().patch(path, change)).refused(400, "validation_error")
        assert told == {"bsp_credentials.access_token": ["must be given anew with another base_url"]}
    anew = {"base_url": elsewhere, "bsp_credentials": {"access_token": TOKEN}}
    (await tenant().patch(path, anew)).ok()
    (await tenant().patch(path, {"base_url": elsewhere, "description": "the same"})).ok()
    for change in ({"base_url": None}, {"base_url": "http://127.0.0.1:10"}):
        (await tenant().patch(path, change)).refused(400, "validation_error")
    (await tenant().patch(path, {"base_url": None, "bsp_credentials": {"access_token": None}})).ok()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"app_secret": "x"}, "app_secret"),
        ({"app_secret": ""}, "app_secret"),
        ({"verify_token": "short"}, "verify_token"),
        ({"bsp_credentials": {"access_token": "EAA"}}, "bsp_credentials.access_token"),
        ({"bsp_credentials": {"app_secret": "x"}}, "bsp_credentials.app_secret"),
        ({"bsp_credentials": {"access_token": TOKEN + "\r\nX-Evil: 1"}}, "bsp_credentials.access_token"),
        ({"base_url": "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/"}, "base_url"),
        ({"base_url": "http://169.254.169.254/"}, "base_url"),
        ({"base_url": "http://2852039166/"}, "base_url"),
        ({"base_url": "http://user:pass@graph.facebook.com/"}, "base_url"),
        ({"bsp_credentials": {"base_url": "http://10.0.0.1/"}}, "bsp_credentials.base_url"),
        ({"bsp_credentials": {"base_url": "file:///etc/passwd"}}, "bsp_credentials.base_url"),
    ],
)
async def test_what_can_be_no_credential_is_refused_by_name(tenant: Tenant, fields: dict[str, Any], named: str) -> None:
    inner = fields.get("bsp_credentials", {})  # what stands beside it wins
    body = {name: value for name, value in {**APP, **fields}.items() if name not in inner}
    assert list((await tenant().post(APPS, body)).refused(400, "validation_error")) == [named]
    path = f"{APPS}{(await tenant().post(APPS, APP)).ok(201)['id']}/"
    assert named in (await tenant().patch(path, fields)).refused(400, "validation_error")


async def test_a_trunks_password_is_told_to_no_other_proxy_than_it_was_given_for(tenant: Tenant) -> None:
    body = {"name": "Carrier", "provider": "sip", "from_numbers": ["+12025550124"], "credentials": SIP}
    path = f"{TRUNKS}{(await tenant().post(TRUNKS, body)).ok(201)['id']}/"
    moved = {"sip_proxy": "127.0.0.2:5060"}
    told = (await tenant().patch(path, {"credentials": moved})).refused(400, "validation_error")
    assert told == {"credentials": ["sip_password: must be given anew with another sip_proxy"]}
    (await tenant().patch(path, {"credentials": {"sip_realm": "other.example.com"}})).ok()
    (await tenant().patch(path, {"credentials": {**moved, "sip_password": "secret"}})).ok()


def template_send(phone: str) -> dict[str, Any]:
    return {"to": phone, "message_type": "TEMPLATE", "template_name": "hello"}


async def test_an_agent_hears_the_same_of_anothers_number_as_of_nobodys(tenant: Tenant) -> None:
    owner, agent = tenant("owner", "test"), tenant("agent", "test")
    (await owner.post("/sandbox/inbound/", {"from": "+12025550111", "text": "hi"})).ok(201)
    await owner.wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    made = {"element_name": "hello", "content": "Hello.", "category": "UTILITY"}
    (await owner.post("/wa/v1/templates/", made)).ok(201)

    def shown(answer: Answered) -> tuple[int, Any]:
        return answer.status, answer.body

    for send in (template_send, lambda phone: {"to": phone, "text": "hello"}):
        known, unknown = [await agent.post("/wa/v1/messages/", send(f"+1202555011{n}")) for n in (1, 2)]
        assert shown(known) == shown(unknown)
        assert known.refused(400, "validation_error") == {"phone": ["there is no contact of yours with this number"]}
    assert (await owner.get("/contacts/")).ok()["count"] == 1
    (await owner.post("/wa/v1/messages/", template_send("+12025550112"))).ok(201)
