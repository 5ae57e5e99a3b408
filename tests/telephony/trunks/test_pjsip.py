"""Profiles, credentials, and the objects they make; nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jinaconnect.core.errors import Invalid
from jinaconnect.telephony.trunks.credentials import sip_credentials
from jinaconnect.telephony.trunks.pjsip import (
    ConfigObject,
    config_of,
    device_objects,
    endpoint_id,
    registration_uris,
    removal,
    trunk_objects,
)
from jinaconnect.telephony.trunks.profile import ProfileError, load, profile, profiles

DIGEST: dict[str, Any] = {
    "sip_username": "acct1", "sip_password": "s3cr;et\\\"x", "sip_realm": "sip.example.com",
    "sip_proxy": "sbc.example.com",
}  # fmt: skip
BY_ADDRESS: dict[str, Any] = {
    "sip_username": "", "sip_password": "", "sip_realm": "ims.example.com", "sip_proxy": "192.0.2.10:5070",
    "registration_required": False,
}  # fmt: skip

# voice.md section 6: codecs, transport, registration.
TABLE = {
    "generic": ("ulaw,alaw", "udp", True),
    "dialogic": ("alaw,ulaw", "udp", True),
    "exotel_sip": ("alaw,ulaw", "udp", True),
    "knowlarity": ("alaw", "udp", True),
    "myoperator": ("alaw,ulaw", "udp", True),
    "plivo_sip": ("ulaw,alaw", "udp", True),
    "servetel": ("alaw,ulaw", "udp", True),
    "airtel": ("alaw,ulaw", "udp", False),
    "tata_tele": ("alaw,ulaw", "udp", False),
    "telnyx_sip": ("opus,ulaw", "tls", False),
    "twilio_elastic_sip": ("ulaw,opus", "tls", False),
    "vonage_sip": ("opus,ulaw", "tls", False),
}


def objects_of(name: str, given: dict[str, Any], **more: Any) -> dict[str, ConfigObject]:
    made = trunk_objects("cfg_1", profile(name), sip_credentials({**given, **more}))
    return {each.kind: each for each in made}


def test_the_twelve_profiles_are_there() -> None:
    assert set(profiles()) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_profile_makes_the_objects_its_carrier_needs(name: str) -> None:
    codecs, transport, registers = TABLE[name]
    made = trunk_objects("cfg_1", profile(name), sip_credentials({**DIGEST, "vendor_profile": name}))
    kinds = ["auth", "aor", "endpoint", "identify"] + ["registration"] * registers
    assert [each.kind for each in made] == kinds
    auth, aor, endpoint, identify = made[:4]
    suffix = "" if transport == "udp" else ";transport=tls"
    assert (auth.value("username"), auth.value("password")) == ("acct1", DIGEST["sip_password"])
    assert aor.value("contact") == "sip:sbc.example.com" + suffix
    assert aor.value("qualify_frequency") == "60"
    assert endpoint.id == "voice-cfg_1-endpoint"
    assert endpoint.fields[2] == ("disallow", "all")
    assert (endpoint.value("allow"), endpoint.value("transport")) == (codecs, transport)
    assert endpoint.value("dtmf_mode") == "rfc4733"
    assert endpoint.value("context") == "jina-voice-inbound"
    assert (endpoint.value("from_user"), endpoint.value("from_domain")) == ("acct1", "sip.example.com")
    assert endpoint.value("outbound_auth") == auth.id == "voice-cfg_1-auth"
    assert endpoint.value("auth") is None
    assert {endpoint.value(each) for each in ("rtp_symmetric", "force_rport", "rewrite_contact")} == {"yes"}
    assert (identify.value("endpoint"), identify.value("match")) == (endpoint.id, "sbc.example.com")
    assert endpoint.value("send_pai") == "yes"


def test_a_registration_has_what_lets_it_start_at_once_and_be_recognised() -> None:
    registration = objects_of("generic", DIGEST)["registration"]
    assert registration.id == "voice-cfg_1-reg"
    assert registration.value("server_uri") == "sip:sbc.example.com"
    assert registration.value("client_uri") == "sip:acct1@sip.example.com;trunk=cfg_1"
    assert registration.value("outbound_auth") == "voice-cfg_1-auth"
    assert registration.value("max_random_initial_delay") == "0"
    assert registration.value("retry_interval") == "60"
    assert (registration.value("line"), registration.value("endpoint")) == ("yes", "voice-cfg_1-endpoint")
    uris = registration_uris("cfg_1", sip_credentials(DIGEST), profile("generic"))
    assert uris == (registration.value("client_uri"), registration.value("server_uri"))


def test_a_trunk_known_by_address_has_neither_auth_nor_registration() -> None:
    made = objects_of("airtel", BY_ADDRESS, inbound_hosts=["198.51.100.0/24", "sbc2.example.com"])
    assert set(made) == {"aor", "endpoint", "identify"}
    assert made["endpoint"].value("outbound_auth") is None
    assert made["endpoint"].value("from_user") is None
    assert made["endpoint"].value("send_pai") is None
    assert objects_of("dialogic", BY_ADDRESS)["endpoint"].value("send_pai") == "yes"
    assert made["aor"].value("contact") == "sip:192.0.2.10:5070"
    assert made["identify"].value("match") == "192.0.2.10,198.51.100.0/24,sbc2.example.com"


def test_what_the_account_gives_wins_over_the_profile() -> None:
    made = objects_of(
        "telnyx_sip", DIGEST, codecs=["alaw", "g722"], dtmf_mode="info", sip_transport="tcp", qualify_s=0,
        auth_username="digest@name", auth_realm="the realm", media_encryption="sdes",
    )  # fmt: skip
    assert made["endpoint"].value("allow") == "alaw,g722"
    assert made["endpoint"].value("dtmf_mode") == "info"
    assert made["endpoint"].value("transport") == "tcp"
    assert made["endpoint"].value("media_encryption") == "sdes"
    assert made["aor"].value("contact") == "sip:sbc.example.com;transport=tcp"
    assert made["aor"].value("qualify_frequency") == "0"
    assert (made["auth"].value("username"), made["auth"].value("realm")) == ("digest@name", "the realm")
    assert "registration" not in objects_of("generic", DIGEST, registration_required=False)


def test_the_older_name_of_the_dtmf_mode_and_the_defaults_of_a_form_are_understood() -> None:
    assert objects_of("generic", DIGEST, dtmf_mode="rfc2833", codecs=[])["endpoint"].value("dtmf_mode") == "rfc4733"


def test_unknown_keys_are_kept() -> None:
    assert sip_credentials({**DIGEST, "account_manager": "Ms A"}).model_dump()["account_manager"] == "Ms A"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sip_username", "a\nb"), ("sip_password", "x\r\nregistrar=evil"), ("sip_realm", "a\x00b"),
        ("sip_proxy", "h\x1b"),
        ("account_manager", "a\u2028b"), ("auth_realm", "a\x85b"),
    ],
)  # fmt: skip
def test_control_characters_are_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        sip_credentials({**DIGEST, field: value})
    assert refused.value.detail == {f"credentials.{field}": ["must not contain line breaks or control characters"]}


def test_a_control_character_deep_inside_is_named_with_its_path() -> None:
    with pytest.raises(Invalid) as refused:
        sip_credentials({**DIGEST, "inbound_hosts": ["192.0.2.1", "h\n"], "extra": {"note": "\t"}})
    assert list(refused.value.body()["detail"]) == ["credentials.inbound_hosts.1", "credentials.extra.note"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sip_username", "a;b"), ("sip_username", "a@b"), ("sip_username", "a,b"), ("sip_username", "a%0d"),
        ("sip_realm", ""), ("sip_realm", "a b"), ("sip_realm", "a..b"), ("sip_proxy", "sip:host"),
        ("sip_proxy", "host:0"),
        ("sip_proxy", "host:99999"), ("sip_proxy", "host:"), ("sip_proxy", "h;transport=tcp"), ("sip_proxy", "a" * 64),
        ("sip_proxy", "[::1"), ("sip_transport", "ws"), ("codecs", ["ulaw", "mp3"]), ("dtmf_mode", "loud"),
        ("inbound_hosts", ["10.0.0.0/99x"]), ("media_encryption", "dtls"), ("qualify_s", -1),
        ("auth_realm", 'a"b'), ("registration_required", "perhaps"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_by_name_and_not_repeated(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        sip_credentials({**DIGEST, field: value})
    (path,) = refused.value.body()["detail"]
    assert path.startswith(f"credentials.{field}")
    assert DIGEST["sip_password"] not in str(refused.value.body())


@pytest.mark.parametrize(
    "proxy",
    [
        "sip:sbc.example.com:5060", "sip:sbc.example.com", "sips:sbc.example.com", "SIP:192.0.2.1",
        "acct@sbc.example.com", "<sip:sbc.example.com>", "sbc.example.com;transport=tcp", "udp://sbc.example.com",
        "tcp:sbc.example.com",
    ],
)
def test_a_uri_in_the_place_of_a_host_is_told_so(proxy: str) -> None:
    with pytest.raises(Invalid) as refused:
        sip_credentials({**DIGEST, "sip_proxy": proxy})
    assert "is a URI" in str(refused.value.detail["credentials.sip_proxy"])
    with pytest.raises(Invalid) as refused:
        sip_credentials({**DIGEST, "sip_realm": proxy})
    assert "is a URI" in str(refused.value.detail["credentials.sip_realm"])


@pytest.mark.parametrize("proxy", ["host", "sbc.example.com.", "192.0.2.1:5080", "[2001:db8::1]", "[2001:db8::1]:5061"])
def test_addresses_of_every_form_are_taken(proxy: str) -> None:
    assert objects_of("generic", DIGEST, sip_proxy=proxy)["aor"].value("contact") == f"sip:{proxy}"


def test_every_missing_field_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        sip_credentials({})
    named = {f"credentials.{name}" for name in ("sip_username", "sip_password", "sip_realm", "sip_proxy")}
    assert set(refused.value.body()["detail"]) == named


def test_a_name_without_a_password_and_a_registration_without_a_name_are_refused() -> None:
    with pytest.raises(Invalid, match="both"):
        sip_credentials({**DIGEST, "sip_password": ""})
    with pytest.raises(Invalid, match="registration_required"):
        objects_of("generic", BY_ADDRESS, registration_required=True)


def test_an_unknown_profile_is_a_fault_of_the_credentials() -> None:
    with pytest.raises(Invalid) as refused:
        profile("acme")
    assert "acme" in refused.value.body()["detail"]["credentials.vendor_profile"][0]


def test_a_password_is_in_no_representation() -> None:
    given = sip_credentials(DIGEST)
    made = trunk_objects("cfg_1", profile("generic"), given)
    assert "s3cr" not in repr(given) + repr(made) + str(given)


def test_objects_are_deleted_backwards_and_the_auth_waits_for_the_goodbye() -> None:
    made = trunk_objects("cfg_1", profile("generic"), sip_credentials(DIGEST))
    steps = removal(made)
    assert [each.kind for each in steps] == ["registration", "identify", "endpoint", "aor", "auth"]
    assert [each.after_s > 0 for each in steps] == [False, False, False, False, True]
    without = trunk_objects("cfg_1", profile("airtel"), sip_credentials(BY_ADDRESS))
    assert all(each.after_s == 0 for each in removal(without))


def test_an_endpoint_leads_back_to_its_trunk() -> None:
    assert config_of(endpoint_id("cfg_1")) == "cfg_1"
    for other in ("trunk", "voice--endpoint", "device-a", "voice-a/b-endpoint", "voice-endpoint"):
        assert config_of(other) is None


@pytest.mark.parametrize("bad", ["", "a b", "a/b", "x" * 49, "ä"])
def test_an_id_asterisk_could_not_hold_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        trunk_objects(bad, profile("generic"), sip_credentials(DIGEST))
    with pytest.raises(ValueError, match="not an id"):
        device_objects(bad, "secret")


def test_a_telephone_registers_with_its_own_name_and_calls_in_as_a_device() -> None:
    auth, aor, endpoint = device_objects("dev_1", "secret", tenant="t1")
    assert auth.value("username") == endpoint.id == aor.id == "device-dev_1"
    assert endpoint.value("auth") == auth.id
    assert (endpoint.value("context"), endpoint.value("tenantid")) == ("jina-voice-device", "t1")
    browser = device_objects("dev_1", "secret", webrtc=True)[2]
    assert (browser.value("webrtc"), browser.value("rtp_symmetric")) == ("yes", None)


REST = "display_name: X\ntransport: udp\nregistration: true\nauth: digest\ndtmf_mode: rfc4733\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name: [", "not YAML"),
        ("name: other", "x.yaml"),
        ("[]", "x.yaml"),
        (f"{REST}name: x\ncodecs: [mp3]", "codecs"),
        (f"{REST}name: y\ncodecs: [ulaw]", "the file says"),
    ],
)
def test_a_profile_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ProfileError, match=where):
        load(tmp_path)
