"""Trunks and telephones from the store to an Asterisk, which forgets them whenever it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.trunks.accounts import open_sip, profile_of
from jinaconnect.actions.trunks.hosts import Neighbourhood, Places, check_sip_hosts, places_of
from jinaconnect.core.errors import GatewayError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.secrets.sealing import SecretError
from jinaconnect.telephony.ari.client import AriClient
from jinaconnect.telephony.ari.errors import AriError
from jinaconnect.telephony.trunks.pjsip import (
    ConfigObject,
    device_endpoint_id,
    device_objects,
    endpoint_id,
    names_of,
    trunk_objects,
)
from jinaconnect.telephony.trunks.push import push, remove, strays, withdraw

AT_ONCE = 8
OVERLAP = timedelta(minutes=1)  # read once more: clocks differ, and writes take their time

logger = structlog.get_logger(__name__)


class Pusher:
    """Keeps one Asterisk's dynamic configuration as the store has it; only its owner pushes."""

    def __init__(self, services: Services, name: str, client: AriClient) -> None:
        self._services = services
        self._name = name
        self._client = client
        self._pushed: dict[str, tuple[ConfigObject, ...]] = {}
        self._again: dict[str, Document] = {}  # what could not be pushed yet
        self._turn = asyncio.Lock()
        self._read_at: datetime | None = None
        self._trunks: dict[str, Document] | None = None
        self._places: dict[str, Places] = {}
        self._near: Neighbourhood | None = None  # of the places as they are; made when it is asked

    @property
    def trunks(self) -> list[Document] | None:
        """All trunks as last read, None before the first time; every change brings a reading about."""
        return None if self._trunks is None else list(self._trunks.values())

    def trunk(self, id: str) -> Document | None:
        """Return a trunk as last read."""
        return None if self._trunks is None else self._trunks.get(id)

    async def all(self) -> None:
        """Push everything to an Asterisk that may have started anew, and remove what is gone."""
        async with self._turn:
            self._pushed.clear()
            self._places.clear()
            self._again.clear()
            read_at = self._services.clock()
            trunks = await self._rows("trunks")
            wanted = [doc for doc in trunks if doc["enabled"]] + await self._rows("devices")
            self._trunks, self._read_at = {doc["_id"]: doc for doc in trunks}, read_at
            await self._push(wanted)
            await self._sweep([doc["_id"] for doc in wanted])

    async def changes(self) -> None:
        """Push what changed or came since the last time, and what could not be pushed then; remove what is gone."""
        async with self._turn:
            if self._trunks is None or self._read_at is None:
                return  # everything is pushed once the link stands
            read_at, since = self._services.clock(), self._read_at - OVERLAP
            wanted, self._again = self._again, {}
            for collection in ("trunks", "devices"):
                for doc in await self._services.store.changed(collection, since):
                    wanted.pop(doc["_id"], None)
                    here = doc["asterisk"] == self._name and doc["deleted_at"] is None
                    if collection == "trunks":
                        self._trunks.pop(doc["_id"], None)
                        if here:
                            self._trunks[doc["_id"]] = doc
                    if here and doc.get("enabled", True):
                        wanted[doc["_id"]] = doc
                        continue
                    self._places.pop(doc["_id"], None)
                    if doc["_id"] in self._pushed:
                        await self._remove(self._pushed.pop(doc["_id"]))
            self._read_at = read_at
            await self._push(list(wanted.values()))

    async def renew(self, id: str) -> None:
        """Have a trunk's registration begun anew."""
        async with self._turn:
            held = [each for each in self._pushed.get(id, ()) if each.kind == "registration"]
            try:
                await push(self._client, held, renew=True)
            except AriError as error:
                logger.warning("push.not_renewed", asterisk=self._name, id=id, error=str(error))

    async def _push(self, docs: Sequence[Document]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(doc: Document) -> None:
            async with slots:
                await self._one(doc)

        await asyncio.gather(*map(one, docs))
        self._near = None

    def alike(self, id: str) -> frozenset[str]:
        """Return the trunks that calls of this trunk's carrier could be of as well, itself among them."""
        if self._near is None:
            self._near = Neighbourhood(self._places)
        return self._near.of(id)

    async def _rows(self, collection: str) -> list[Document]:
        return await self._services.store.across(collection, {"asterisk": self._name, "deleted_at": None})

    async def _one(self, doc: Document) -> None:
        held = self._pushed.get(doc["_id"])
        try:
            objects = self._objects(doc)
            if not objects or objects == held:
                return
            if doc["_id"].startswith("trk_"):
                # A name that was public when it was given may lead inside by now.
                await check_sip_hosts(self._services, open_sip(self._services, doc))
                self._places[doc["_id"]] = await places_of(self._services, doc["hosts"])
            refused = await push(self._client, objects, renew=held is not None)
        except (GatewayError, SecretError, ValueError) as error:
            logger.warning("push.not_possible", asterisk=self._name, id=doc["_id"], error=str(error))
            self._again[doc["_id"]] = doc
            return
        except AriError as error:
            logger.warning("push.failed", asterisk=self._name, id=doc["_id"], error=str(error))
            self._again[doc["_id"]] = doc
            return
        for each in refused:
            logger.warning("push.refused", asterisk=self._name, id=doc["_id"], object=str(each))
        self._pushed[doc["_id"]] = objects

    def _objects(self, doc: Document) -> tuple[ConfigObject, ...]:
        if doc["_id"].startswith("dev_"):
            if doc["kind"] != "softphone":
                return ()
            secret = self._services.secrets.open(doc["credentials"], f"devices/{doc['_id']}")
            return device_objects(
                doc["_id"], secret["password"], webrtc=doc.get("transport") == "webrtc", tenant=doc["scope"]
            )
        if not doc["credentials"]:
            return ()
        return trunk_objects(doc["_id"], profile_of(doc), open_sip(self._services, doc), tenant=doc["scope"])

    async def _sweep(self, ids: Sequence[str]) -> None:
        """Remove what was taken away while nobody pushed: Asterisk has run on, and would still let it call."""
        wanted = {endpoint_id(id) for id in ids} | {device_endpoint_id(id) for id in ids}
        try:
            for endpoint in await strays(self._client, wanted):
                logger.info("push.withdrawn", asterisk=self._name, endpoint=endpoint)
                await withdraw(self._client, names_of(endpoint))
        except AriError as error:
            logger.warning("push.not_swept", asterisk=self._name, error=str(error))

    async def _remove(self, objects: Sequence[ConfigObject]) -> None:
        try:
            await remove(self._client, tuple(objects))
        except AriError as error:
            logger.warning("push.not_removed", asterisk=self._name, error=str(error))
