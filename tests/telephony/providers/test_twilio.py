"""Twilio's signatures by the vectors of its official client, its addresses, and what its answers mean."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from jinaconnect.core.errors import BadSignature
from jinaconnect.core.signed_form import signature
from jinaconnect.core.webhook import WebhookRequest
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.provider import VoiceAccount
from jinaconnect.telephony.providers.twilio import TwilioVoice
from tests.telephony.calls.graphs import menu
from tests.telephony.calls.telephone import OWN
from tests.telephony.providers.lines import CUSTOMER, at, playing
from tests.telephony.providers.played.described import faults
from tests.tenants import Tenant

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TOKEN, URL = "12345", "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"), ("From", "+14158675309"),
    ("To", "+18005551212"),
]  # fmt: skip
SIGNED = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def hook(url: str, form: list[tuple[str, str]], given: str) -> WebhookRequest:
    """Return a posted form."""
    return WebhookRequest("POST", url, {"x-twilio-signature": given}, {}, urlencode(form).encode())


def verify(url: str, form: list[tuple[str, str]] = FORM, given: str = SIGNED) -> None:
    """Verify a form with the token of the vectors."""
    account = VoiceAccount("trk", "scope", {"account_sid": "AC", "auth_token": TOKEN})
    TwilioVoice(Outbound((), timeout_s=1)).verify(account, hook(url, form, given), NOW)


def test_the_published_vector_fits_with_and_without_the_usual_port() -> None:
    assert signature(TOKEN, URL, FORM) == SIGNED
    verify(URL)
    verify(URL.replace("mycompany.com", "mycompany.com:443"))
    verify(URL, given=signature(TOKEN, URL.replace("mycompany.com", "mycompany.com:443"), FORM))
    verify(URL, [*FORM, FORM[2]])  # a value that is there twice counts once


@pytest.mark.parametrize(("url", "form", "given"), [
    (URL, [*FORM, ("Digits", "5")], SIGNED), (URL, FORM[1:], SIGNED), (URL + "&x=", FORM, SIGNED),
    (URL.replace("https", "http"), FORM, SIGNED), (URL, FORM, ""), (URL, FORM, "é" + SIGNED), (URL, [], SIGNED),
])  # fmt: skip
def test_whatever_differs_from_the_vector_is_refused(url: str, form: list[tuple[str, str]], given: str) -> None:
    with pytest.raises(BadSignature):
        verify(url, form, given)


def test_the_description_finds_what_does_not_fit() -> None:
    path = f"/2010-04-01/Accounts/AC{'0' * 32}/Calls.json"
    good = [("To", CUSTOMER), ("From", OWN), ("Url", "https://a.example/")]
    if not list(faults("twilio", "POST", path, [])):
        pytest.skip("JC_TEST_SHARED is not set: Twilio's description is not at hand")
    assert list(faults("twilio", "POST", path, good)) == []
    for bad in ([*good, ("Record", "banana")], good[1:], [*good, ("Colour", "red")]):
        assert list(faults("twilio", "POST", path, bad)) != []


async def test_the_addresses_of_an_account_need_its_signature_alone(tenant: Tenant, http: object) -> None:
    """A number is configured at Twilio by hand with the addresses of the account, which bear no mark."""
    async with playing("twilio", http) as carrier:
        line = await at(tenant, carrier)
        route = {"type": "template", "template": await line.ivr(menu())}
        body = {"number": OWN, "provider_config": line.trunk, "route": route}
        (await line.owner.post("/voice/api/numbers/", body)).ok(201)
        base = (await line.owner.get(f"/voice/api/provider-configs/{line.trunk}/inbound-url/")).ok()["url"]
        for tree in ("/voice/webhooks/", "/voice/v1/webhooks/"):
            answer = base.partition("?")[0].replace("/voice/webhooks/", tree).replace("/inbound/", "/answer/")
            status = answer.replace("/answer/", "/call-status/")
            told = {"id": carrier.new_id(), "from": CUSTOMER, "to": OWN}
            assert (await carrier.post(answer, told, signature="0" * 28))[0] == 403
            code, document = await carrier.post(answer, told)
            assert (code, carrier.read(document)[0]) == (200, {"say": "Press one or two."})
            call = (await line.owner.get("/voice/api/calls/")).ok()["results"][0]["id"]
            assert (await carrier.post(status, {**told, "status": "completed", "seconds": 2}))[0] == 200
            await line.ended(call)
            unknown = {**told, "id": carrier.new_id(), "status": "completed"}
            assert await carrier.post(status, unknown) == (200, b"")
        assert (await carrier.post(status.replace("call-status", "nothing"), told))[0] == 403
