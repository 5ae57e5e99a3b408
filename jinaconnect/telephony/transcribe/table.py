"""Which engines there are."""

from __future__ import annotations

from jinaconnect.config import Transcription
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.transcribe.deepgram import Deepgram
from jinaconnect.telephony.transcribe.engine import Transcriber
from jinaconnect.telephony.transcribe.local import Local, model_directory
from jinaconnect.telephony.transcribe.openai import OpenAi


def engine_of(settings: Transcription, outside: Outbound) -> Transcriber | None:
    """Return the engine that is set, None where recordings are not written down here; raises ValueError."""
    match settings.engine:
        case "local":
            return Local(model_directory(settings.model_dir))
        case "deepgram":
            return Deepgram(outside, settings.deepgram.base_url, settings.deepgram.api_key)
        case "openai":
            return OpenAi(outside, settings.openai.base_url, settings.openai.api_key)
    return None
