"""The PJSIP objects of a trunk or a telephone, in the order in which Asterisk takes them. Pure: nothing is sent.

Names of attributes are Asterisk's (`res_pjsip`). The objects name things of the configuration carried in
`asterisk/conf`: the transports `udp`, `tcp`, `tls`, `ws` and the contexts `jina-voice-inbound`, `jina-voice-device`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from jinaconnect.core.errors import Invalid
from jinaconnect.telephony.trunks.credentials import SipCredentials, split_port
from jinaconnect.telephony.trunks.profile import Codec, Profile

Kind = Literal["auth", "aor", "endpoint", "identify", "registration"]
Fields = tuple[tuple[str, str], ...]

TRUNK_CONTEXT = "jina-voice-inbound"
DEVICE_CONTEXT = "jina-voice-device"
# A transfer a party asks for (REFER) is told to us; left to itself, Asterisk would take the party out of its call.
TRANSFERS_TOLD = "PJSIP_TRANSFER_HANDLING()=ari-only"
_TRUNK_KINDS: tuple[tuple[Kind, str], ...] = (
    ("auth", "auth"), ("aor", "aor"), ("endpoint", "endpoint"), ("identify", "identify"), ("registration", "reg"),
)  # fmt: skip
_DEVICE_KINDS: tuple[Kind, ...] = ("auth", "aor", "endpoint")
_DEVICE = re.compile(r"device-dev_")
# Asterisk cuts channel names at 80 characters: PJSIP/voice-<id>-endpoint-00000000.
_ID = re.compile(r"[A-Za-z0-9_-]{1,48}")
# An un-REGISTER is signed with the auth object, some time after the registration was deleted.
SETTLE_S = 1.0


@dataclass(frozen=True)
class ConfigObject:
    """One object of Asterisk's dynamic configuration; its values are not shown, for a password is among them."""

    kind: Kind
    id: str
    fields: Fields = field(repr=False)

    def value(self, attribute: str) -> str | None:
        """Return an attribute, None where it is not set."""
        return dict(self.fields).get(attribute)


class Removal(NamedTuple):
    """An object to delete after waiting `after_s` seconds."""

    kind: Kind
    id: str
    after_s: float


def endpoint_id(config: str) -> str:
    """Return the endpoint id of a trunk, as in `PJSIP/<number>@<endpoint id>`."""
    return f"voice-{config}-endpoint"


def config_of(endpoint: str) -> str | None:
    """Return the trunk an endpoint belongs to, None for another's endpoint."""
    inner = endpoint.removeprefix("voice-").removesuffix("-endpoint")
    return inner if endpoint == endpoint_id(inner) and _ID.fullmatch(inner) else None


def registration_uris(config: str, given: SipCredentials, profile: Profile) -> tuple[str, str]:
    """Return client and server URI of the trunk's registration, by which its state is found.

    Several trunks may have one account at one carrier, and Asterisk tells registrations apart by these URIs alone: the
    trunk is named by a parameter, which a registrar takes off the address of record (RFC 3261 section 10.3).
    """
    return f"sip:{given.sip_username}@{given.sip_realm};trunk={config}", _address(given, profile)


def trunk_objects(
    config: str, profile: Profile, given: SipCredentials, *, tenant: str | None = None
) -> tuple[ConfigObject, ...]:
    """Return auth, aor, endpoint, identify and registration of a trunk, those that it needs, in order.

    A trunk without user name has neither auth nor registration. The carrier is never challenged: its calls are known
    by the registration they answer (`line`), else by address. Raises Invalid on `credentials.sip_username`,
    ValueError for an id Asterisk could not hold.
    """
    _check_id(config)
    digest = bool(given.sip_username)
    registers = profile.registration and given.registration_required
    if registers and not digest:
        raise Invalid.field("credentials.sip_username", "is needed to register; or set registration_required to false")
    name = f"voice-{config}"
    transport = given.sip_transport or profile.transport
    auth = f"{name}-auth"
    signed = (("outbound_auth", auth),) if digest else ()
    objects = []
    if digest:
        objects.append(ConfigObject("auth", auth, _auth_fields(given)))
    contact = ("contact", _address(given, profile))
    asked = (("qualify_frequency", str(given.qualify_s)), ("qualify_timeout", "3"))
    objects.append(ConfigObject("aor", f"{name}-aor", (contact, *asked)))
    endpoint = {
        "transport": transport,
        "context": TRUNK_CONTEXT,
        "disallow": "all",
        "allow": ",".join(given.codecs or profile.codecs),
        "dtmf_mode": given.dtmf_mode or profile.dtmf_mode,
        "aors": f"{name}-aor",
        **dict(signed),
        # The account's name in From hides the caller's number, so that goes into P-Asserted-Identity (RFC 3325).
        **({"from_user": given.sip_username, "send_pai": "yes"} if digest else {}),
        "from_domain": given.sip_realm,
        "identify_by": "ip",
        "rtp_symmetric": "yes",
        "force_rport": "yes",
        "rewrite_contact": "yes",
        "direct_media": "no",
        "trust_id_inbound": "yes",
        **({"set_var": TRANSFERS_TOLD} if given.may_refer else {"allow_transfer": "no"}),
        "media_encryption": given.media_encryption,
        "rtp_timeout": "120",
        "rtp_timeout_hold": "3600",
        **({"tenantid": tenant} if tenant else {}),
        **profile.endpoint,
    }
    objects.append(ConfigObject("endpoint", endpoint_id(config), tuple(endpoint.items())))
    hosts = dict.fromkeys((split_port(given.sip_proxy)[0].strip("[]"), *given.inbound_hosts))
    match = (("endpoint", endpoint_id(config)), ("match", ",".join(hosts)))
    objects.append(ConfigObject("identify", f"{name}-identify", match))
    if registers:
        client, server = registration_uris(config, given, profile)
        registration: Fields = (
            ("transport", transport),
            ("server_uri", server),
            ("client_uri", client),
            ("contact_user", given.sip_username),
            *signed,
            ("retry_interval", "60"),
            ("forbidden_retry_interval", "300"),
            ("fatal_retry_interval", "300"),
            ("max_random_initial_delay", "0"),
            ("line", "yes"),
            ("endpoint", endpoint_id(config)),
        )
        objects.append(ConfigObject("registration", f"{name}-reg", registration))
    return tuple(objects)


def device_objects(
    device: str, password: str, *, codecs: tuple[Codec, ...] = ("opus", "ulaw", "alaw"), webrtc: bool = False,
    tenant: str | None = None,
) -> tuple[ConfigObject, ...]:  # fmt: skip
    """Return auth, aor and endpoint of a telephone that registers with us; its user name is its endpoint id.

    `webrtc` is for telephones in a browser (DTLS-SRTP, ICE), which reach Asterisk by WebSocket. Raises ValueError for
    an id Asterisk could not hold.
    """
    _check_id(device)
    name = device_endpoint_id(device)
    endpoint: Fields = (
        ("context", DEVICE_CONTEXT),
        ("disallow", "all"),
        ("allow", ",".join(codecs)),
        ("dtmf_mode", "rfc4733" if webrtc else "auto"),
        ("aors", name),
        ("auth", name),
        ("identify_by", "username"),
        ("direct_media", "no"),
        ("set_var", TRANSFERS_TOLD),
        *((("webrtc", "yes"), ("dtls_auto_generate_cert", "yes")) if webrtc else ()),
        *(() if webrtc else (("rtp_symmetric", "yes"), ("force_rport", "yes"), ("rewrite_contact", "yes"))),
        *((("tenantid", tenant),) if tenant else ()),
    )
    return (
        ConfigObject("auth", name, (("auth_type", "digest"), ("username", name), ("password", password))),
        ConfigObject("aor", name, (("max_contacts", "1"), ("remove_existing", "yes"), ("qualify_frequency", "60"))),
        ConfigObject("endpoint", name, endpoint),
    )


def device_endpoint_id(device: str) -> str:
    """Return the endpoint id, which is also the SIP user name, of a telephone."""
    return f"device-{device}"


def device_of(endpoint: str) -> str:
    """Return the telephone an endpoint id is of."""
    return endpoint.removeprefix("device-")


def removal(objects: tuple[ConfigObject, ...]) -> tuple[Removal, ...]:
    """Return in which order objects are deleted: the registration first, the auth that signs its end last."""
    leaving = any(each.kind == "registration" for each in objects)
    return tuple(
        Removal(each.kind, each.id, SETTLE_S if leaving and each.kind == "auth" else 0.0) for each in reversed(objects)
    )


def names_of(endpoint: str) -> tuple[ConfigObject, ...]:
    """Return every object a trunk or telephone of ours can have, by its endpoint, empty of values, in order.

    Nothing for an endpoint that is not ours.
    """
    config = config_of(endpoint)
    if config is None:
        return tuple(ConfigObject(kind, endpoint, ()) for kind in _DEVICE_KINDS) if _DEVICE.match(endpoint) else ()
    return tuple(
        ConfigObject(kind, endpoint if kind == "endpoint" else f"voice-{config}-{suffix}", ())
        for kind, suffix in _TRUNK_KINDS
    )


def _auth_fields(given: SipCredentials) -> Fields:
    return (
        ("auth_type", "digest"),
        ("username", given.auth_username or given.sip_username),
        ("password", given.sip_password.get_secret_value()),
        ("realm", given.auth_realm),
    )


def _address(given: SipCredentials, profile: Profile) -> str:
    transport = given.sip_transport or profile.transport
    return f"sip:{given.sip_proxy}" + ("" if transport == "udp" else f";transport={transport}")


def _check_id(text: str) -> None:
    if not _ID.fullmatch(text):
        raise ValueError(f"not an id of 1 to 48 letters, digits, hyphens and underscores: {text!r}")
