"""Prompts: texts spoken and audio fetched, each made once, kept, and served to Asterisk under a signed name."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from jinaconnect.actions.context import Services
from jinaconnect.core.errors import CarrierFailed, NotFound
from jinaconnect.core.ivr.exchange import PlayAudio, Say
from jinaconnect.outbound import OutboundError
from jinaconnect.telephony.audio import MAX_BYTES, AudioError, telephone_wav
from jinaconnect.telephony.speech import Speech, SpeechUnavailable

PATH = "/voice/media/"
FETCH_S = 30.0
FRESH_S = 300.0
KEPT_URLS = 1_000
_NAME = re.compile(
    r"(?P<tenant>ten_[0-9a-z]{26})-(?P<mode>live|test)-(?P<hash>[0-9a-f]{40})-(?P<mark>[A-Za-z0-9_-]{22})"
)
_OWN_AUDIO = re.compile(r"(?:/voice/(?:api/)?audio/)?(?P<id>aud_[0-9a-z]{26})/?")


class PromptUnavailable(CarrierFailed):
    """A prompt cannot be spoken or fetched."""

    code = "prompt_unavailable"


class Prompts:
    """Makes prompts and names them."""

    def __init__(self, services: Services, speech: Speech, base_url: str) -> None:
        self._services = services
        self._speech = speech
        self._base_url = base_url
        self._key = services.secrets.derive("prompts")
        self._making: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._urls: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._there: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def media(self, scope: str, order: Say | PlayAudio) -> str:
        """Return the media URI of a prompt, made if need be; raises PromptUnavailable."""
        if isinstance(order, Say):
            digest = await self._spoken(scope, order)
        else:
            own = _OWN_AUDIO.fullmatch(order.url)
            digest = await self._uploaded(scope, own["id"]) if own else await self._fetched(scope, order.url)
        return f"sound:{self._base_url}{PATH}{self._name(scope, digest)}.wav"

    # ---- names

    def _name(self, scope: str, digest: str) -> str:
        stem = f"{scope.replace(':', '-')}-{digest}"
        return f"{stem}-{self._mark(stem)}"

    def _mark(self, stem: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, stem.encode(), "sha256")[:16]).decode().rstrip("=")

    async def open(self, name: str) -> bytes:
        """Return the file of a name we gave; raises NotFound for any other."""
        found = _NAME.fullmatch(name.removesuffix(".wav"))
        if found is None:
            raise NotFound()
        stem = name.removesuffix(".wav")[: -len(found["mark"]) - 1]
        if not hmac.compare_digest(self._mark(stem), found["mark"]):
            raise NotFound()
        body = await self._services.blobs.get(f"{found['tenant']}:{found['mode']}", _blob(found["hash"]))
        if body is None:
            raise NotFound()
        return body

    # ---- making

    async def _spoken(self, scope: str, order: Say) -> str:
        parts = "\x00".join((self._speech.name, order.voice or "", order.language or "", order.text))
        digest = hashlib.sha256(parts.encode()).hexdigest()[:40]

        async def speak() -> bytes:
            try:
                return await self._speech.render(order.text, order.voice, order.language)
            except SpeechUnavailable as error:
                raise PromptUnavailable(str(error)) from error

        await self._once(scope, digest, speak)
        return digest

    async def _uploaded(self, scope: str, id: str) -> str:
        tenant, _, mode = scope.rpartition(":")
        row = await self._services.store.of(tenant, "test" if mode == "test" else "live").find("voice_media", id)
        if row is None:
            raise PromptUnavailable("there is no such audio")
        digest: str = row["digest"]
        return digest

    async def keep(self, scope: str, data: bytes) -> tuple[str, bytes]:
        """Keep audio of a person's as a prompt; returns its digest and the WAV. Raises AudioError."""
        file = await asyncio.to_thread(telephone_wav, data)
        digest = hashlib.sha256(b"upload\x00" + file).hexdigest()[:40]
        await self._services.blobs.put(scope, _blob(digest), file)
        return digest, file

    async def _fetched(self, scope: str, url: str) -> str:
        """Fetch audio, at most once in a while; what was fetched before is good while the address is silent."""
        known = self._urls.get((scope, url))
        now = time.monotonic()
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        try:
            answer = await self._services.outbound.request(
                "GET", url, timeout_s=FETCH_S, limit=MAX_BYTES, follow=True
            )
            if answer.status != 200:
                raise PromptUnavailable(f"the audio's address answered {answer.status}")
            digest, _ = await self.keep(scope, answer.body)
        except (OutboundError, PromptUnavailable) as error:
            if known is not None:
                return known[1]
            raise error if isinstance(error, PromptUnavailable) else PromptUnavailable(str(error)) from error
        except AudioError as error:
            raise PromptUnavailable(f"the audio cannot be played: {error}") from error
        self._urls[scope, url] = (now, digest)
        while len(self._urls) > KEPT_URLS:
            self._urls.popitem(last=False)
        return digest

    async def _once(self, scope: str, digest: str, make: Callable[[], Awaitable[bytes]]) -> None:
        """Make a file unless it is there; who asks meanwhile waits for the same making."""
        key = (scope, digest)
        if key in self._there:
            return
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
            task.add_done_callback(lambda _: self._making.pop(key, None))
        await asyncio.shield(task)

    async def _make(self, key: tuple[str, str], make: Callable[[], Awaitable[bytes]]) -> None:
        scope, digest = key
        if await self._services.blobs.get(scope, _blob(digest)) is None:
            await self._services.blobs.put(scope, _blob(digest), await make())
        self._there[key] = None
        while len(self._there) > KEPT_URLS:
            self._there.popitem(last=False)


def _blob(digest: str) -> str:
    return f"prompt.{digest}.wav"
