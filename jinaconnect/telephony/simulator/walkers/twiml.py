"""How Twilio carries out TwiML (its pages on Gather, Record, Dial, Say, Play, Pause, Redirect, Hangup)."""

from __future__ import annotations

import secrets
import xml.etree.ElementTree as tree

from jinaconnect.telephony.simulator.walkers.line import BadDocument, collect
from jinaconnect.telephony.simulator.walkers.markup import HangUp, MarkupWalker, flag, whole

SAY = 4_096


class TwimlWalker(MarkupWalker):
    """Interprets TwiML; a Gather without input and a Record of nothing fall through to the next verb."""

    speaks = frozenset({"Say"})

    async def element(self, element: tree.Element) -> bytes | None:
        """Do what a verb says."""
        match element.tag:
            case "Say" | "Play":
                if len(element.text or "") > SAY:
                    raise BadDocument("Say is too long")
                await self.prompt(element)
            case "Pause":
                await self._line.quiet(whole(element, "length", 1, 1))
            case "Gather":
                return await self._gather(element)
            case "Record":
                return await self._record(element)
            case "Dial":
                return await self._dial(element)
            case "Redirect":
                return await self.ask(element.text)
            case "Hangup":
                raise HangUp
            case _:
                raise BadDocument(f"no verb {element.tag}")
        return None

    async def _gather(self, element: tree.Element) -> bytes | None:
        patience = whole(element, "timeout", 5, 1)
        empty = flag(element, "actionOnEmptyResult", default=False)
        if element.get("input", "dtmf") == "speech":
            await self.prompts(element, keys=False)
            said = await self._line.words(patience)
            if said:
                return await self.ask(element.get("action"), SpeechResult=said, Confidence="0.91")
            return await self.ask(element.get("action")) if empty else None
        first = await self.prompts(element, keys=True)
        closes = element.get("finishOnKey", "#")
        if len(closes) > 1:
            raise BadDocument("finishOnKey is one key")
        most = whole(element, "numDigits", 0, 1) or None
        keys = await collect(self._line, first, most=most, closes=closes, first_s=patience, between_s=patience)
        if not keys.digits and not empty:
            return None
        closed = {"FinishedOnKey": keys.closed_by} if keys.closed_by else {}
        return await self.ask(element.get("action"), Digits=keys.digits, **closed)

    async def _record(self, element: tree.Element) -> bytes | None:
        take, end = await self.record(element, silence_s=5, most_s=3_600, closes="1234567890*#")
        status = "completed" if take.seconds else "absent"
        told = {"RecordingSid": f"RE{secrets.token_hex(16)}", "RecordingUrl": "https://api.twilio.com/recording",
                "RecordingDuration": str(take.seconds)}  # fmt: skip
        if status in element.get("recordingStatusCallbackEvent", "completed").split():
            await self.ask(element.get("recordingStatusCallback"), RecordingStatus=status, **told)
        if not take.seconds:
            if end == "hangup":
                raise HangUp
            return None
        answer = await self.ask(element.get("action"), Digits=end, **told)
        if end == "hangup":
            raise HangUp
        return answer

    async def _dial(self, element: tree.Element) -> bytes | None:
        noun = next(iter(element), element)
        done = await self._line.dial((noun.text or "").strip(), whole(element, "timeout", 30, 1))
        if "action" not in element.attrib:
            return None
        status = "completed" if done.answered else "no-answer"
        talked = {"DialCallDuration": str(done.seconds)} if done.answered else {}
        return await self.ask(element.get("action"), DialCallStatus=status, **talked)
