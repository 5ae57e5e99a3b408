"""The channels there are: a row each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from jinaconnect.channels.abilities import Simulates
from jinaconnect.channels.base import Channel, ChannelSpec, Parts
from jinaconnect.channels.rcs_google.channel import RcsGoogle
from jinaconnect.channels.rcs_meta.channel import RcsMeta
from jinaconnect.channels.sms_fast2sms.channel import SmsFast2sms
from jinaconnect.channels.sms_msg91.channel import SmsMsg91
from jinaconnect.channels.sms_twilio.channel import SmsTwilio
from jinaconnect.channels.telegram.channel import Telegram
from jinaconnect.channels.whatsapp_gupshup.channel import WhatsappGupshup
from jinaconnect.channels.whatsapp_meta.channel import WhatsappMeta
from jinaconnect.core.errors import NotFound


class Row(Protocol):
    """What a row names: the class of a channel, of which the spec is known before one is made."""

    spec: ChannelSpec

    def __call__(self, parts: Parts) -> Channel:
        """Return the channel, built with its parts."""


CHANNELS: dict[str, Row] = {
    "whatsapp_meta": WhatsappMeta,
    "whatsapp_gupshup": WhatsappGupshup,
    "telegram": Telegram,
    "rcs_google": RcsGoogle,
    "rcs_meta": RcsMeta,
    "sms_twilio": SmsTwilio,
    "sms_msg91": SmsMsg91,
    "sms_fast2sms": SmsFast2sms,
}


def _simulates(row: object) -> bool:
    return isinstance(row, type) and issubclass(row, Simulates)


SIMULATED = tuple(dict.fromkeys(row.spec.platform.lower() for row in CHANNELS.values() if _simulates(row)))
"""What a simulated customer may write on."""
FORMER = "whatsapp_meta"  # whose the rows are that were written before channels had names


def spec_of(platform: str, provider: str) -> ChannelSpec | None:
    """Return what is to be known of an account's channel, None where this version has none of the kind."""
    specs = (row.spec for row in CHANNELS.values())
    return next((spec for spec in specs if (spec.platform, spec.provider) == (platform, provider)), None)


class Channels(Mapping[str, Channel]):
    """The channels of a process, by name."""

    def __init__(self, parts: Parts) -> None:
        self._channels = {name: build(parts) for name, build in CHANNELS.items()}

    def __getitem__(self, name: str) -> Channel:
        """Return a channel; raises NotFound."""
        try:
            return self._channels[name]
        except KeyError:
            raise NotFound() from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    def of(self, platform: str, provider: str) -> Channel | None:
        """Return the channel of an account, None where this version has none of the kind."""
        spec = spec_of(platform, provider)
        return None if spec is None else self[spec.name]
