"""Accounts that are refused: incomplete ones, ones that could end a line, ones that lead inside."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.actions.trunks.credentials import checked
from jinaconnect.core.errors import Invalid
from jinaconnect.outbound import Outbound
from tests.handlers.trunks.accounts import ACCOUNTS, PASSWORD, PEM, SIP, TRUNKS
from tests.tenants import Tenant

REQUIRED = {
    "twilio": ("account_sid", "auth_token"), "plivo": ("auth_id", "auth_token"),
    "vonage": ("api_key", "api_secret", "application_id", "private_key_pem"), "telnyx": ("api_key", "connection_id"),
    "exotel": ("sid", "api_key", "api_token"), "sip": ("sip_username", "sip_password", "sip_realm", "sip_proxy"),
}  # fmt: skip


async def refused(tenant: Tenant, provider: str, credentials: dict[str, Any]) -> list[str]:
    """Return the faults found in an account by path, after checking that they lie in it and hold no secret."""
    answer = await tenant().post(TRUNKS, {"name": "x", "provider": provider, "credentials": credentials})
    detail = answer.refused(400, "validation_error")
    assert {path.partition(".")[0] for path in detail} == {"credentials"}
    assert PASSWORD not in str(detail)
    assert (await tenant().get(TRUNKS)).ok()["count"] == 0
    return [f"{path.removeprefix('credentials.')}: {text}" for path, texts in detail.items() for text in texts]


@pytest.mark.parametrize(("provider", "name"), [(who, name) for who, names in REQUIRED.items() for name in names])
async def test_what_an_account_needs_is_asked_for(tenant: Tenant, provider: str, name: str) -> None:
    given = {key: value for key, value in ACCOUNTS[provider].items() if key != name}
    assert any(fault.startswith(f"{name}:") for fault in await refused(tenant, provider, given))


@pytest.mark.parametrize("provider", ACCOUNTS)
@pytest.mark.parametrize("bad", ["a\nb", "a\r\nb", "a\x00b", "a\x1bb", "a\u2028b", "a\x85b"])
async def test_nothing_that_ends_a_line_gets_in_anywhere(tenant: Tenant, provider: str, bad: str) -> None:
    secret = PASSWORD + bad
    for extra in ({"more": secret}, {"more": {"deep": [secret]}}, {"more": {secret: 1}}, {secret: "x"}):
        faults = await refused(tenant, provider, {**ACCOUNTS[provider], **extra})
        assert any("line breaks" in fault for fault in faults), (extra, faults)
    for name in REQUIRED[provider]:
        if name != "private_key_pem":
            faults = await refused(tenant, provider, {**ACCOUNTS[provider], name: secret})
            assert any("line breaks" in fault for fault in faults), (name, faults)


@pytest.mark.parametrize("provider", ACCOUNTS)
async def test_a_fault_does_not_tell_the_secret(tenant: Tenant, provider: str) -> None:
    for name in REQUIRED[provider]:
        for wrong in ([PASSWORD], {"is": PASSWORD}):
            faults = await refused(tenant, provider, {**ACCOUNTS[provider], name: wrong})
            assert any(fault.startswith(name) for fault in faults), (name, faults)


async def test_a_value_too_deep_or_too_many_keys_are_refused(tenant: Tenant) -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    assert any("nested" in fault for fault in await refused(tenant, "twilio", {**ACCOUNTS["twilio"], "more": deep}))
    many = {f"k{number}": "x" for number in range(65)}
    assert any("at most" in fault for fault in await refused(tenant, "twilio", {**ACCOUNTS["twilio"], **many}))


def test_a_key_in_pem_form_keeps_its_lines_and_no_other_control_character() -> None:
    assert checked("vonage", ACCOUNTS["vonage"])["private_key_pem"] == PEM
    with pytest.raises(Invalid):
        checked("vonage", {**ACCOUNTS["vonage"], "private_key_pem": PEM + "\x00"})


def test_defaults_are_filled_in_and_unknown_keys_kept() -> None:
    assert checked("exotel", {**ACCOUNTS["exotel"], "mine": {"a": [1]}}) == {
        **ACCOUNTS["exotel"], "subdomain": "api.exotel.com", "mine": {"a": [1]},
    }  # fmt: skip
    with pytest.raises(Invalid):
        checked("exotel", {**ACCOUNTS["exotel"], "subdomain": "api.exotel.com/@evil"})


INSIDE = [
    "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "100.64.0.1", "[::1]", "[fe80::1]", "[fc00::1]", "[::ffff:10.0.0.1]",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
async def test_a_trunk_does_not_lead_inside(tenant: Tenant, address: str) -> None:
    for extra in ({"sip_proxy": address}, {"sip_proxy": f"{address}:5060"}, {"inbound_hosts": [address.strip("[]")]}):
        assert "may be called" in (await refused(tenant, "sip", {**SIP, **extra}))[0], extra


@pytest.mark.parametrize(
    "network",
    ["0.0.0.0/0", "128.0.0.0/2", "8.0.0.0/7", "::/0", "2000::/3", "10.0.0.0/24", "192.0.0.0/16", "198.51.0.0/16",
     "fc00::/32"],
)  # fmt: skip
async def test_a_network_must_be_narrow_and_public_throughout(tenant: Tenant, network: str) -> None:
    assert network in (await refused(tenant, "sip", {**SIP, "inbound_hosts": ["8.8.8.8", network]}))[0]


@pytest.mark.parametrize("proxy", ["[2606:4700:4700::1111]", "[2606:4700:4700::1111]:5060", "2606:4700:4700::1111"])
async def test_a_carrier_that_only_ipv6_leads_to_is_refused_by_name(tenant: Tenant, proxy: str) -> None:
    (fault,) = await refused(tenant, "sip", {**SIP, "sip_proxy": proxy})
    assert fault.startswith("sip_proxy")
    assert "IPv4" in fault


@pytest.mark.parametrize("host", ["no-such-host.invalid", "two..dots", "x" * 64, "bad host", "a/b", "-"])
async def test_a_host_that_leads_nowhere_is_refused(tenant: Tenant, host: str) -> None:
    assert await refused(tenant, "sip", {**SIP, "sip_proxy": host})


async def test_a_name_that_cannot_be_asked_for_is_not_permitted() -> None:
    outbound = Outbound((), timeout_s=1)
    for host in ("two..dots", "x" * 64 + ".example", "", "127.0.0.1", "localhost"):
        assert not await outbound.permits(host), host
    assert await outbound.permits("8.8.8.8")
