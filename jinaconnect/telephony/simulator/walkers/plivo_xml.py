"""How Plivo carries out its XML: an input that got nothing goes on with the next element, without a callback."""

from __future__ import annotations

import secrets
import xml.etree.ElementTree as tree

from jinaconnect.telephony.simulator.walkers.line import BadDocument, collect
from jinaconnect.telephony.simulator.walkers.markup import HangUp, MarkupWalker, flag, whole

AUTO_S = 3  # what "auto" waits between keys


class PlivoWalker(MarkupWalker):
    """Interprets Plivo XML."""

    speaks = frozenset({"Speak"})

    async def element(self, element: tree.Element) -> bytes | None:
        """Do what an element says."""
        match element.tag:
            case "Speak" | "Play":
                await self.prompt(element)
            case "Wait":
                await self._line.quiet(whole(element, "length", 1, 1))
            case "GetInput":
                return await self._input(element)
            case "GetDigits":
                return await self._digits(element)
            case "Record":
                return await self._record(element)
            case "Dial":
                noun = next(iter(element))
                if noun.tag not in ("Number", "User"):
                    raise BadDocument(f"Dial does not call a {noun.tag}")
                done = await self._line.dial((noun.text or "").strip(), whole(element, "timeout", 120, 1))
                status = "completed" if done.answered else "no-answer"
                return await self._act(element, DialStatus=status, DialBLegDuration=str(done.seconds))
            case "Redirect":
                return await self.ask(element.text)
            case "Hangup":
                raise HangUp
            case _:
                raise BadDocument(f"no element {element.tag}")
        return None

    async def _act(self, element: tree.Element, **fields: str) -> bytes | None:
        if "action" not in element.attrib:
            return None
        answer = await self.ask(element.get("action"), **fields)
        return answer if flag(element, "redirect", default=True) else None

    async def _input(self, element: tree.Element) -> bytes | None:
        patience = whole(element, "executionTimeout", 15, 5, 60)
        if element.get("inputType") == "speech":
            await self.prompts(element, keys=False)
            said = await self._line.words(patience)
            if not said:
                return None
            return await self._act(element, InputType="speech", Speech=said, SpeechConfidenceScore="0.9")
        between = element.get("digitEndTimeout", "auto")
        pause = AUTO_S if between == "auto" else whole(element, "digitEndTimeout", 0, 2, 10)
        return await self._keys(element, patience, pause, whole(element, "numDigits", 32, 1, 32), InputType="dtmf")

    async def _digits(self, element: tree.Element) -> bytes | None:
        for _ in range(whole(element, "retries", 1, 1)):
            pause = whole(element, "digitTimeout", 2, 1)
            answer = await self._keys(element, whole(element, "timeout", 5, 1), pause, whole(element, "numDigits", 99))
            if answer is not None:
                return answer
        return None

    async def _keys(self, element: tree.Element, first_s: int, between_s: int, most: int, **told: str) -> bytes | None:
        first = await self.prompts(element, keys=True)
        closes = element.get("finishOnKey", "#")
        keys = await collect(
            self._line, first, most=most, closes="" if closes == "none" else closes, first_s=first_s,
            between_s=between_s,
        )  # fmt: skip
        if not keys.digits and not keys.closed_by:
            return None
        return await self._act(element, Digits=keys.digits, **told)

    async def _record(self, element: tree.Element) -> bytes | None:
        take, end = await self.record(element, silence_s=15, most_s=60, closes="#")
        reason = {"": "maxLength", "hangup": "hangup"}.get(end, "finishOnKey")
        answer = await self._act(
            element, RecordUrl="https://media.plivo.com/one.wav", RecordingID=secrets.token_hex(16),
            RecordingDuration=str(take.seconds), RecordingEndReason=reason, Digits="" if end == "hangup" else end,
        )  # fmt: skip
        if end == "hangup":
            raise HangUp
        return answer
