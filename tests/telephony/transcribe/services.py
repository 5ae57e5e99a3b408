"""Services that write recordings down, as servers that speak their wire formats (Deepgram's and OpenAI's pages)."""

from __future__ import annotations

import io
import wave
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "a-key-of-the-service"
SAID = ("I would like to change my order.", "Which order is it?")


@dataclass
class Service:
    """A service; `next` holds the statuses that the coming requests meet, `holds` keeps them waiting."""

    name: str = ""
    next: deque[int] = field(default_factory=deque)
    asked: list[dict[str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_post("/v1/listen", self.listen)
        application.router.add_post("/v1/audio/transcriptions", self.transcriptions)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close."""
        assert self._runner is not None
        await self._runner.cleanup()

    # ---- Deepgram

    async def listen(self, request: web.Request) -> web.Response:
        """Answer `POST /v1/listen`."""
        if request.headers.get("Authorization") != f"Token {KEY}":
            return web.json_response({"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}, status=401)
        assert request.headers["Content-Type"] == "audio/wav"
        query = dict(request.query)
        self.asked.append(query)
        channels = self._heard(await request.read())
        if self.next:
            return web.json_response({"err_code": "Bad Request", "err_msg": "no"}, status=self.next.popleft())
        if query.get("language") == "tlh":
            told = {"err_code": "Bad Request", "err_msg": "Bad Request: No such model/language/tier combination found."}
            return web.json_response(told, status=400)
        found = {} if "language" in query else {"detected_language": "en", "language_confidence": 0.98}
        results: dict[str, Any] = {"channels": [{"alternatives": [_best(n)], **found} for n in range(channels)]}
        if query.get("utterances") == "true":
            results["utterances"] = [
                {"start": 1.0 + n, "end": 1.5 + n, "confidence": 0.9, "channel": n, "transcript": SAID[n],
                 "words": _best(n)["words"], "id": f"u{n}"}
                for n in range(channels)
            ]  # fmt: skip
        return web.json_response({"metadata": {"request_id": "r", "channels": channels}, "results": results})

    # ---- OpenAI

    async def transcriptions(self, request: web.Request) -> web.Response:
        """Answer `POST /v1/audio/transcriptions`, of which each asks for one channel."""
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            error = {"message": "Incorrect API key provided.", "type": "invalid_request_error"}
            return web.json_response({"error": error}, status=401)
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        assert (fields["model"], fields["response_format"]) == ("whisper-1", "verbose_json")
        assert form.getall("timestamp_granularities[]") == ["segment", "word"]
        assert self._heard(file.file.read()) == 1, "it mixes channels"
        if self.next:
            return web.json_response({"error": {"message": "no"}}, status=self.next.popleft())
        if fields.get("language") not in (None, "en"):
            error = {"message": f"Language '{fields['language']}' is not supported.", "param": "language"}
            return web.json_response({"error": error}, status=400)
        said = SAID[len(self.asked) % 2]
        self.asked.append(fields)
        words = [{"word": word, "start": 1 + n / 10, "end": 1.1 + n / 10} for n, word in enumerate(said.split())]
        segment = {"id": 0, "start": 1.0, "end": 4.0, "text": f" {said}", "avg_logprob": -0.1, "no_speech_prob": 0.01,
                   "compression_ratio": 1.1, "temperature": 0.0}  # fmt: skip
        return web.json_response(
            {"task": "transcribe", "language": "english", "duration": 5.0, "text": said, "segments": [segment],
             "words": words}
        )  # fmt: skip

    def _heard(self, audio: bytes) -> int:
        with wave.open(io.BytesIO(audio)) as reader:
            self.seconds.append(reader.getnframes() / reader.getframerate())
            return reader.getnchannels()


def _best(channel: int) -> dict[str, Any]:
    words = [
        {"word": word.lower().strip(".?"), "punctuated_word": word, "start": 1.0 + channel + n / 100,
         "end": 1.01 + channel + n / 100, "confidence": 0.95}
        for n, word in enumerate(SAID[channel].split())
    ]  # fmt: skip
    return {"transcript": SAID[channel], "confidence": 0.9 + channel / 100, "words": words}
