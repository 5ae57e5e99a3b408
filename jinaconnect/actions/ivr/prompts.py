"""Prompts: texts spoken and audio fetched, each made once, kept, and served to Asterisk under a signed name."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.actions.shares import Shares
from jinaconnect.core.errors import CarrierFailed, NotFound
from jinaconnect.core.ivr.exchange import PlayAudio, Say
from jinaconnect.core.principal import parse_scope
from jinaconnect.outbound import OutboundError
from jinaconnect.telephony.audio import MAX_BYTES, AudioError, telephone_wav
from jinaconnect.telephony.speech import Speech, SpeechUnavailable

PATH = "/voice/media/"
FETCH_S = 30.0
FRESH_S = 300.0
SILENT_S = 30.0  # how long an address that failed is not asked again where what it gave before will do
FETCHES = (16, 4)  # files fetched at once, in all and for one tenant
KEPT = 1_000  # how many prompts and addresses are remembered
_NAME = re.compile(
    r"(?P<tenant>ten_[0-9a-z]{26})-(?P<mode>live|test)-(?P<hash>[0-9a-f]{40})-(?P<mark>[A-Za-z0-9_-]{22})"
)
_OWN_AUDIO = re.compile(r"(?:/voice/(?:(?:v1/)?api/)?audio/)?(?P<id>aud_[0-9a-z]{26})(?:/(?:file/)?)?")


class PromptUnavailable(CarrierFailed):
    """A prompt cannot be spoken or fetched."""

    code = "prompt_unavailable"


class PromptStore:
    """Makes prompts and names them."""

    def __init__(self, services: Services, speech: Speech, base_url: str) -> None:
        self._services = services
        self._speech = speech
        self._base_url = base_url
        self._key = services.secrets.derive("prompts")
        self._under_way: dict[tuple[str, str], asyncio.Task[str]] = {}
        self._urls: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()  # fresh until, digest
        self._fetches = Shares(*FETCHES)
        self._there: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def media(self, scope: str, order: Say | PlayAudio) -> str:
        """Return the media URI of a prompt, made if need be; raises PromptUnavailable."""
        if isinstance(order, Say):
            digest = await self._spoken(scope, order)
        else:
            own = _OWN_AUDIO.fullmatch(order.url)
            digest = await self._uploaded(scope, own["id"]) if own else await self._fetched(scope, order.url)
        return f"sound:{self._base_url}{PATH}{self._name(scope, digest)}.wav"

    def uploaded_id(self, url: str) -> str | None:
        """Return the id of audio that was uploaded here, None for what lies elsewhere."""
        own = _OWN_AUDIO.fullmatch(url)
        return own["id"] if own else None

    async def fetchable(self, scope: str, url: str) -> str:
        """Return where a carrier can fetch audio: what was uploaded by its signed name, at our public address.

        Raises PromptUnavailable for what was uploaded and is gone.
        """
        base = self._services.settings.public_url or self._services.settings.own_url
        own = _OWN_AUDIO.fullmatch(url)
        if own:
            return f"{base}{PATH}{self._name(scope, await self._uploaded(scope, own['id']))}.wav"
        return f"{base}{url}" if url.startswith("/") else url

    # ---- names

    def _name(self, scope: str, digest: str) -> str:
        stem = f"{scope.replace(':', '-')}-{digest}"
        return f"{stem}-{self._mark(stem)}"

    def _mark(self, stem: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, stem.encode(), "sha256")[:16]).decode().rstrip("=")

    def named(self, name: str) -> tuple[str, str]:
        """Return (scope, blob) of a name we gave; raises NotFound for any other."""
        found = _NAME.fullmatch(name.removesuffix(".wav"))
        if found is None:
            raise NotFound()
        stem = name.removesuffix(".wav")[: -len(found["mark"]) - 1]
        if not hmac.compare_digest(self._mark(stem), found["mark"]):
            raise NotFound()
        return f"{found['tenant']}:{found['mode']}", blob_name(found["hash"])

    # ---- making

    async def _spoken(self, scope: str, order: Say) -> str:
        parts = "\x00".join((self._speech.name, order.voice or "", order.language or "", order.text))
        digest = hashlib.sha256(parts.encode()).hexdigest()[:40]

        if (scope, digest) in self._there:
            return digest
        return await self._shared((scope, digest), lambda: self._speak(scope, digest, order))

    async def _speak(self, scope: str, digest: str, order: Say) -> str:
        if await self._services.blobs.size(scope, blob_name(digest)) is None:
            try:
                file = await self._speech.render(order.text, order.voice, order.language)
            except SpeechUnavailable as error:
                raise PromptUnavailable(str(error)) from error
            await self._services.blobs.put(scope, blob_name(digest), file)
        self._there[scope, digest] = None
        while len(self._there) > KEPT:
            self._there.popitem(last=False)
        return digest

    async def _uploaded(self, scope: str, id: str) -> str:
        row = await self._services.store.within(scope).find("voice_media", id)
        if row is None:
            raise PromptUnavailable("there is no such audio")
        digest: str = row["digest"]
        return digest

    async def keep(self, scope: str, data: bytes, mark: str = "") -> tuple[str, bytes]:
        """Keep audio as a prompt; returns its digest and the WAV. Raises AudioError.

        With a `mark` of its own it is a file of its own, which `drop` removes whatever else sounds the same.
        """
        file = await asyncio.to_thread(telephone_wav, data)
        digest = hashlib.sha256(b"audio\x00" + mark.encode() + b"\x00" + file).hexdigest()[:40]
        await self._services.blobs.put(scope, blob_name(digest), file)
        return digest, file

    async def drop(self, scope: str, digest: str) -> None:
        """Remove a prompt's WAV."""
        await self._services.blobs.delete(scope, blob_name(digest))

    async def _fetched(self, scope: str, url: str) -> str:
        """Fetch audio, at most once in a while; what was fetched before is good while the address is silent."""
        key = (scope, url)
        known = self._urls.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        try:
            digest, wait = await self._shared(key, lambda: self._fetch(scope, url)), FRESH_S
        except PromptUnavailable:
            if known is None:
                raise
            digest, wait = known[1], SILENT_S
        self._urls[key] = (time.monotonic() + wait, digest)
        while len(self._urls) > KEPT:
            self._urls.popitem(last=False)
        return digest

    async def _fetch(self, scope: str, url: str) -> str:
        outbound = self._services.outbound
        async with self._fetches.join(parse_scope(scope)[0]):  # files are in memory to be decoded: so many at once
            try:
                answer = await outbound.request("GET", url, timeout_s=FETCH_S, limit=MAX_BYTES, follow=True)
            except OutboundError as error:
                raise PromptUnavailable(str(error)) from error
            if answer.status != 200:
                raise PromptUnavailable(f"the audio's address answered {answer.status}")
            try:
                digest, _ = await self.keep(scope, answer.body)
            except AudioError as error:
                raise PromptUnavailable(f"the audio cannot be played: {error}") from error
            return digest

    async def _shared(self, key: tuple[str, str], make: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """Make something; who asks meanwhile waits for the same making, which goes on when one of them leaves."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    def _made(self, key: tuple[str, str], done: asyncio.Task[str]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # whoever still waits is told; nobody may be left


def blob_name(digest: str) -> str:
    """Return the name of a prompt's blob."""
    return f"prompt.{digest}.wav"
