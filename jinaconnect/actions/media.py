"""Media of incoming messages: fetched from the carrier with the account's token, kept, served by unguessable id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from jinaconnect.actions.context import Services
from jinaconnect.channels.base import Account
from jinaconnect.core.errors import CarrierFailed, NotFound
from jinaconnect.outbound import Fetched, OutboundError
from jinaconnect.store.mongo import Document

MAX_BYTES = 100 * 1024 * 1024

logger = structlog.get_logger(__name__)


async def fetch_media(services: Services, scope: str, data: Mapping[str, Any]) -> None:
    """Fetch one file from the carrier; raises CarrierFailed when another try may help."""
    tenant, _, mode = scope.rpartition(":")
    store = services.store.of(tenant, "test" if mode == "test" else "live")
    doc = await store.find("apps", data["account"])
    if doc is None or await store.find("media", data["media"]) is not None:
        return
    account = services.accounts.open(doc)
    try:
        file, mime = await _download(services, account, data["handle"])
    except OutboundError as error:
        raise CarrierFailed(f"media cannot be fetched: {error}") from error
    await services.blobs.put(scope, data["media"], file)
    row = {"_id": data["media"], "mime_type": mime, "size": len(file), "message": data["message"]}
    await store.insert_many("media", [(row, [])])


async def _download(services: Services, account: Account, handle: Mapping[str, Any]) -> tuple[bytes, str]:
    found = await services.whatsapp.call(account, "GET", str(handle["id"]))
    try:
        told = orjson.loads(found.body)
        url = str(told["url"])
    except (ValueError, LookupError, TypeError) as error:
        raise CarrierFailed(f"the carrier answered {found.status} for media") from error
    headers = {"Authorization": f"Bearer {account.secrets.get('access_token', '')}"}
    transport = services.simulator if account.simulated else services.outbound
    file: Fetched = await transport.request("GET", url, headers=headers, limit=MAX_BYTES, timeout_s=60)
    if file.status != 200:
        raise CarrierFailed(f"the carrier answered {file.status} for a media file")
    wanted = told.get("sha256") or handle.get("sha256")
    digest = hashlib.sha256(file.body).hexdigest()
    if wanted and len(str(wanted)) == 64 and str(wanted) != digest:
        raise CarrierFailed("the media file is not the one the carrier announced")
    mime = str(handle.get("mime_type") or told.get("mime_type") or "application/octet-stream").split(";")[0]
    return file.body, mime


async def open_media(services: Services, id: str) -> tuple[bytes, str]:
    """Return (bytes, MIME type) of a stored file; raises NotFound while it is not there."""
    row: Document | None = await services.registry.media(id)
    if row is None:
        raise NotFound()
    body = await services.blobs.get(row["scope"], id)
    if body is None:
        raise NotFound()
    return body, row["mime_type"]
