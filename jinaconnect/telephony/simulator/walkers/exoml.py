"""How Exotel carries out ExoML: verbs like TwiML's with fewer attributes, digits handed on in quotes."""

from __future__ import annotations

import xml.etree.ElementTree as tree

from jinaconnect.telephony.simulator.walkers.line import BadDocument, collect
from jinaconnect.telephony.simulator.walkers.markup import HangUp, MarkupWalker, whole


class ExomlWalker(MarkupWalker):
    """Interprets ExoML; a Gather without a key falls through."""

    speaks = frozenset({"Say"})

    async def element(self, element: tree.Element) -> bytes | None:
        """Do what a verb says."""
        match element.tag:
            case "Say" | "Play":
                await self.prompt(element)
            case "Pause":
                await self._line.quiet(whole(element, "length", 1, 1))
            case "Gather":
                first = await self.prompts(element, keys=True)
                patience = whole(element, "timeout", 5, 1)
                keys = await collect(
                    self._line, first, most=whole(element, "numDigits", 0, 1) or None,
                    closes=element.get("finishOnKey", "#"), first_s=patience, between_s=patience,
                )  # fmt: skip
                if keys.digits or keys.closed_by:
                    return await self.ask(element.get("action"), DigitsPressed=f'"{keys.digits}"')
            case "Record":
                take, end = await self.record(element, silence_s=5, most_s=3_600, closes="#")
                if end == "hangup":
                    raise HangUp
                if take.seconds:
                    return await self.ask(element.get("action"), RecordingUrl="https://recordings.exotel.com/one.mp3")
            case "Dial":
                done = await self._line.dial((element.text or "").strip(), whole(element, "timeout", 30, 1))
                status = "completed" if done.answered else "no-answer"
                return await self.ask(
                    element.get("action"), DialCallStatus=status, DialCallDuration=str(done.seconds)
                )  # fmt: skip
            case "Redirect":
                return await self.ask(element.text)
            case "Hangup":
                raise HangUp
            case _:
                raise BadDocument(f"no verb {element.tag}")
        return None
