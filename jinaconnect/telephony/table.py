"""Who carries voice, one row each: adding a provider or another kind of switch is adding its row here."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from jinaconnect.outbound import Outbound
from jinaconnect.telephony.provider import ProviderSpec, VoiceProvider
from jinaconnect.telephony.providers.credentials import form
from jinaconnect.telephony.providers.exotel import ExotelVoice
from jinaconnect.telephony.providers.plivo import PlivoVoice
from jinaconnect.telephony.providers.telnyx import TelnyxVoice
from jinaconnect.telephony.providers.twilio import TwilioVoice
from jinaconnect.telephony.providers.vonage import VonageVoice

SIP = "sip"
SIMULATED = "sandbox"  # the name of the switch that carries what is done in test mode


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider: what it is like, and how the adapter of a hosted one is made."""

    spec: ProviderSpec
    make: Callable[[Outbound], VoiceProvider] | None = None


def _rows(*rows: ProviderRow) -> dict[str, ProviderRow]:
    return {each.spec.name: each for each in rows}


PROVIDERS: MutableMapping[str, ProviderRow] = _rows(
    ProviderRow(
        ProviderSpec(
            name=SIP, label="SIP trunk", hosted=False, verbs=None, ways=None, told_to=("sip_proxy", ("sip_password",))
        )
    ),
    ProviderRow(TwilioVoice.spec, TwilioVoice),
    ProviderRow(PlivoVoice.spec, PlivoVoice),
    ProviderRow(VonageVoice.spec, VonageVoice),
    ProviderRow(TelnyxVoice.spec, TelnyxVoice),
    ProviderRow(ExotelVoice.spec, ExotelVoice),
)


@dataclass(frozen=True, slots=True)
class SwitchKind:
    """What a switch of ours is like.

    `sip` tells that its trunks have accounts at carriers: credentials, a way to write numbers, states that are
    watched. What a party says on one without `sound` cannot be heard.
    """

    sip: bool = True
    sound: bool = True


_ASTERISK, _SIMULATED = SwitchKind(), SwitchKind(sip=False, sound=False)


def row(provider: str) -> ProviderRow:
    """Return the row of a provider; raises KeyError for a name that is none."""
    return PROVIDERS[provider]


def account_forms() -> list[dict[str, Any]]:
    """Return what an account at each HTTP carrier consists of, for a form."""
    return [
        {
            "provider": name, "display_name": each.spec.label, "notes": " ".join((account.__doc__ or "").split()),
            "fields": form(account), "capabilities": each.spec.capabilities(),
        }
        for name, each in PROVIDERS.items()
        if (account := each.spec.credentials) is not None
    ]  # fmt: skip


def switched(provider: str) -> bool:
    """Tell whether a provider's calls have legs on a switch of ours."""
    known = PROVIDERS.get(provider)
    return known is not None and not known.spec.hosted


def switch_kind(name: str) -> SwitchKind:
    """Return what the switch of this name is like."""
    return _SIMULATED if name == SIMULATED else _ASTERISK


def capabilities(provider: str, switch: str | None) -> list[str]:
    """Return what can be done with calls over an account of a provider, carried by `switch` where it has one."""
    told = row(provider).spec.capabilities()
    return told if switch is None or switch_kind(switch).sound else [each for each in told if each != "supervise"]
