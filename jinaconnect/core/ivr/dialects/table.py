"""The dialects by provider: adding one is adding its row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from jinaconnect.core.ivr.dialects.exoml import EXOML
from jinaconnect.core.ivr.dialects.ncco import NCCO
from jinaconnect.core.ivr.dialects.plivo_xml import PLIVO
from jinaconnect.core.ivr.dialects.shape import Dialect
from jinaconnect.core.ivr.dialects.telnyx import TELNYX
from jinaconnect.core.ivr.dialects.twiml import TWIML

Carrier = Literal["twilio", "plivo", "vonage", "telnyx", "exotel"]
DIALECTS: Mapping[str, Dialect] = {
    "twilio": TWIML, "plivo": PLIVO, "vonage": NCCO, "telnyx": TELNYX, "exotel": EXOML,
}  # fmt: skip
