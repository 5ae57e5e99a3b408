"""Frames and pages as Asterisk writes them, ids as we do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jinaconnect.telephony.ari.client import registrations_of
from jinaconnect.telephony.ari.errors import AriProtocol
from jinaconnect.telephony.ari.event_types import ChannelDestroyed, ContactStatusChange, UnknownEvent, parse_event
from jinaconnect.telephony.ari.ids import Leg, bridge_id, call_of_bridge, channel_id, channel_of
from jinaconnect.telephony.ari.wire import Channel, ContactInfo, RegistrationStatus

DESTROYED = """{"cause":17,"cause_txt":"User busy","tech_cause":486,"timestamp":"2026-11-23T08:37:01.250+0000",
"type":"ChannelDestroyed","channel":{"id":"jc-cal_1-customer","name":"PJSIP/voice-a-b-endpoint-0000000a",
"state":"Down","protocol_id":"x","caller":{"name":"","number":""},"connected":{"name":"","number":"600"},
"accountcode":"","dialplan":{"context":"from-trunk","exten":"600","priority":1,"app_name":"","app_data":""},
"creationtime":"2026-11-23T08:37:01.240+0000","language":"en","something_new":{"a":1}},
"asterisk_id":"02:fc:00:00:00:01","application":"jinaconnect"}"""

PAGE = """# HELP asterisk_pjsip_outbound_registration_status Current registration status.
# TYPE asterisk_pjsip_outbound_registration_status gauge
asterisk_pjsip_outbound_registration_status{eid="1",username="sip:a@h",domain="sip:p;transport=tls"} 1
asterisk_pjsip_outbound_registration_status{eid="1",username="sip:b@h",domain="sip:p"} 2
# HELP asterisk_channels_count Current channel count.
# TYPE asterisk_channels_count gauge
asterisk_channels_count{eid="1"} 0
"""


def test_an_event_is_read_with_asterisks_time_and_unknown_fields_are_passed_over() -> None:
    event = parse_event(DESTROYED)
    assert isinstance(event, ChannelDestroyed)
    assert event.timestamp == datetime(2026, 11, 23, 8, 37, 1, 250_000, UTC)
    assert (event.cause, event.tech_cause, event.application) == (17, 486, "jinaconnect")
    assert event.channel.endpoint == "voice-a-b-endpoint"
    assert event.channel.dialplan.exten == "600"


@pytest.mark.parametrize("frame", ["[1]", "17", "", "{", '{"type":17}', "{}", b"\xff\xfe"])
def test_no_frame_raises(frame: str | bytes) -> None:
    assert isinstance(parse_event(frame), UnknownEvent)


def test_a_field_that_does_not_fit_is_named() -> None:
    event = parse_event(DESTROYED.replace('"cause":17', '"cause":"many"'))
    assert isinstance(event, UnknownEvent)
    assert "cause" in event.fault
    assert event.payload["cause"] == "many"


@pytest.mark.parametrize("name", ["Local/1@x-0001;1", "PJSIP/plain", "Snoop/a-b-1"])
def test_only_sip_channels_have_an_endpoint(name: str) -> None:
    assert Channel(id="a", name=name).endpoint is None


@pytest.mark.parametrize(("text", "ms"), [("18200", 18.2), ("0", None), ("", None), (None, None), ("N/A", None)])
def test_the_round_trip_of_a_contact_is_milliseconds(text: str | None, ms: float | None) -> None:
    assert ContactInfo(roundtrip_usec=text).roundtrip_ms == ms


def test_a_contact_change_names_endpoint_and_state() -> None:
    event = parse_event(
        '{"type":"ContactStatusChange","application":"a","timestamp":"2026-01-01T00:00:00.000+0100","endpoint":'
        '{"technology":"PJSIP","resource":"t","state":"online","channel_ids":[]},"contact_info":'
        '{"uri":"sip:h","contact_status":"Reachable","aor":"t","roundtrip_usec":"912"}}'
    )
    assert isinstance(event, ContactStatusChange)
    assert (event.endpoint.resource, event.contact_info.contact_status) == ("t", "Reachable")


def test_registrations_are_read_from_the_metrics_page() -> None:
    assert registrations_of(PAGE) == [
        RegistrationStatus(client_uri="sip:a@h", server_uri="sip:p;transport=tls", state="registered"),
        RegistrationStatus(client_uri="sip:b@h", server_uri="sip:p", state="rejected"),
    ]
    assert registrations_of("") == []


@pytest.mark.parametrize(("right", "wrong"), [("} 2", "} 7"), ("} 2", "} two"), ("domain=", "d=")])
def test_a_page_that_does_not_fit_is_said_to_be_one(right: str, wrong: str) -> None:
    with pytest.raises(AriProtocol):
        registrations_of(PAGE.replace(right, wrong))


def test_ids_lead_back_to_call_and_leg() -> None:
    assert channel_of(channel_id("cal_01abc", "agent2")) == Leg("cal_01abc", "agent2")
    assert call_of_bridge(bridge_id("cal_01abc")) == "cal_01abc"


@pytest.mark.parametrize("name", ["1795.1", "jc-a", "jc-a-b-c", "jc--b", "xjc-a-b", "jc-a-B", "jc-a-b\n"])
def test_other_peoples_channels_are_not_ours(name: str) -> None:
    assert channel_of(name) is None


@pytest.mark.parametrize("name", ["jc-a-b", "jc-", "bridge", "jc-a\n"])
def test_other_peoples_bridges_are_not_ours(name: str) -> None:
    assert call_of_bridge(name) is None


@pytest.mark.parametrize(("call", "leg"), [("a-b", "x"), ("", "x"), ("a", ""), ("a", "x-y"), ("a/b", "x"), ("a", "X")])
def test_an_ambiguous_id_is_not_made(call: str, leg: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        channel_id(call, leg)
