"""The cursor: a position in one log that its holder cannot read, change or use elsewhere.

24 bytes as base64url without padding (32 characters): sequence number (8), epoch of the log (4), and 12 bytes of
HMAC-SHA256 over scope, epoch and number. A log that was restored or replaced has a new epoch.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from jinaconnect.core.errors import CursorExpired, InvalidCursor

START = "start"
_SHAPE = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a log: every event up to and including `seq` has been seen."""

    epoch: int
    seq: int


class Cursors:
    """Writes and reads cursors under one key."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._former: dict[str, dict[bytes, tuple[int, int]]] = {}

    def adopt(self, scope: str, key: bytes, epoch: int, present: int) -> None:
        """Take the cursors that another deployment wrote for a log which goes on here, with the same numbers."""
        self._former.setdefault(scope, {})[key] = (epoch, present)

    def _mac(self, scope: str, head: bytes) -> bytes:
        return _mac(self._keyed, scope, head)

    def write(self, scope: str, position: Position) -> str:
        """Return the cursor of a position in the log of `scope`."""
        head = position.seq.to_bytes(8, "big") + position.epoch.to_bytes(4, "big")
        return base64.urlsafe_b64encode(head + self._mac(scope, head)).decode()

    def read(self, scope: str, text: str) -> Position:
        """Return the position of a cursor; raises InvalidCursor for anything this log did not write."""
        if not _SHAPE.fullmatch(text):
            raise InvalidCursor("The cursor is not one of this log.")
        try:
            raw = base64.urlsafe_b64decode(text)
        except (binascii.Error, ValueError) as error:
            raise InvalidCursor("The cursor is not one of this log.") from error
        head, mac = raw[:12], raw[12:]
        position = Position(epoch=int.from_bytes(head[8:], "big"), seq=int.from_bytes(head[:8], "big"))
        if hmac.compare_digest(mac, self._mac(scope, head)):
            return position
        for key, (epoch, present) in self._former.get(scope, {}).items():
            if hmac.compare_digest(mac, _mac(hmac.new(key, digestmod=hashlib.sha256), scope, head)):
                return Position(present, position.seq) if position.epoch == epoch else position
        raise InvalidCursor("The cursor is not one of this log.")


def _mac(keyed: hmac.HMAC, scope: str, head: bytes) -> bytes:
    mac = keyed.copy()
    mac.update(scope.encode() + b"\0" + head)
    return mac.digest()[:12]


@dataclass(frozen=True, slots=True)
class Extent:
    """What a log holds now: its epoch, the oldest number kept and the newest."""

    epoch: int
    oldest: int
    head: int


def resume(cursors: Cursors, scope: str, text: str | None, extent: Extent) -> int:
    """Return the number after which to read for a client's cursor.

    None means now, `start` the oldest event kept. Raises CursorExpired (with `oldest` and `cursor`) for a place that
    is no longer kept, InvalidCursor for everything this log never wrote.
    """
    if text is None:
        return extent.head
    if text == START:
        return extent.oldest - 1
    position = cursors.read(scope, text)
    if position.epoch != extent.epoch or position.seq < extent.oldest - 1:
        raise expired(cursors, scope, extent)
    if position.seq > extent.head:
        raise InvalidCursor("The cursor is not one of this log.")
    return position.seq


def expired(cursors: Cursors, scope: str, extent: Extent) -> CursorExpired:
    """Return the error of a place that is no longer kept; it says what is."""
    return CursorExpired(
        "The cursor is older than what the log keeps.",
        extra={
            "oldest": cursors.write(scope, Position(extent.epoch, extent.oldest - 1)),
            "cursor": cursors.write(scope, Position(extent.epoch, extent.head)),
        },
    )
