"""RFC 6455 to the letter: what a client may not send ends the connection with the code that says so.

Tornado's protocol takes unmasked frames and any close code, and drops the connection without a word elsewhere. Text is
checked as its bytes arrive, so that what can never become UTF-8 is not waited for.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable

from tornado import websocket
from tornado.iostream import StreamClosedError
from tornado.util import _websocket_mask

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
LINGER_S = 1.0  # how long a client may take to read why it was closed
PIECE = 65_536

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES = frozenset((0x0, _TEXT, _BINARY, _CLOSE, _PING, _PONG))
_CODES = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))  # §7.4, and IANA's registry


class _Broken(Exception):
    """The client broke the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class StrictProtocol(websocket.WebSocketProtocol13):
    """The server's side of one connection; `failed` is told the code and closes with it."""

    # With these beside Tornado's own attributes each connection's dictionary would have a table of its own.
    __slots__ = ("_bytes", "_decoder", "_failed", "_kind", "_limit", "_reading", "_size", "_texts")

    def __init__(
        self, handler: websocket.WebSocketHandler, limit: int, failed: Callable[[int, str], None], *,
        binary: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(handler, False, websocket._WebSocketParams(max_message_size=limit))
        self._limit = limit
        self._failed = failed
        self._kind = 0  # of the message under way; 0 between messages
        self._size = 0
        self._texts: list[str] = []
        self._bytes: bytearray | None = bytearray() if binary else None  # of the message under way, where they are kept
        self._decoder: codecs.IncrementalDecoder | None = None
        self._reading: asyncio.Task[None] | None = None

    async def _receive_frame_loop(self) -> None:
        # A task of its own: while the connection is quiet nothing of the handshake waits beneath it.
        self._reading = asyncio.create_task(super()._receive_frame_loop())

    async def _receive_frame(self) -> None:
        try:
            await self._frame()
        except _Broken as error:
            self._failed(error.code, error.reason)
            try:
                async with asyncio.timeout(LINGER_S):
                    while True:  # unread bytes at the end of a connection would take our close frame with them
                        await self.stream.read_bytes(PIECE, partial=True)
            except (TimeoutError, StreamClosedError):
                self._abort()

    async def _frame(self) -> None:
        head, second = await self._read_bytes(2)
        final, opcode, length = bool(head & self.FIN), head & self.OPCODE_MASK, second & 0x7F
        if head & self.RSV_MASK:
            raise _Broken(PROTOCOL_ERROR, "reserved bits are set")
        if opcode not in _OPCODES:
            raise _Broken(PROTOCOL_ERROR, "the opcode is reserved")
        if not second & 0x80:
            raise _Broken(PROTOCOL_ERROR, "frames of a client are masked")
        control = opcode >= _CLOSE
        if control and (length > 125 or not final):
            raise _Broken(PROTOCOL_ERROR, "a control frame has at most 125 bytes and no fragments")
        if not control and (opcode == 0) != (self._kind != 0):
            raise _Broken(PROTOCOL_ERROR, "fragments of two messages are mixed")
        if length == 126:
            length = int.from_bytes(await self._read_bytes(2), "big")
        elif length == 127:
            length = int.from_bytes(await self._read_bytes(8), "big")
        if length >= 1 << 63:
            raise _Broken(PROTOCOL_ERROR, "the length has its highest bit set")
        if not control and self._size + length > self._limit:
            raise _Broken(TOO_BIG, "the message is too large")
        mask = await self._read_bytes(4)
        if control:
            self._control(opcode, _websocket_mask(mask, await self._read_bytes(length)))
            return
        if opcode:
            self._kind, self._size = opcode, 0
            self._decoder = codecs.getincrementaldecoder("utf-8")() if opcode == _TEXT else None
        await self._payload(mask, length, final)
        if final:
            message: str | bytes = "".join(self._texts) if self._kind == _TEXT else bytes(self._bytes or b"")
            if self._bytes:
                self._bytes.clear()
            self._kind, self._size, self._texts, self._decoder = 0, 0, [], None
            handled = self._run_callback(self.handler.on_message, message)
            if handled is not None:
                await handled

    async def _payload(self, mask: bytes, length: int, final: bool) -> None:
        done = 0
        while done < length:
            piece = await self.stream.read_bytes(min(PIECE, length - done), partial=True)
            turn = done % 4
            self._text(_websocket_mask(mask[turn:] + mask[:turn], piece))
            done += len(piece)
        self._wire_bytes_in += length
        self._size += length
        if final:
            self._text(b"", final=True)

    def _text(self, data: bytes, *, final: bool = False) -> None:
        if self._decoder is None:
            if self._bytes is not None:
                self._bytes += data
            return  # else the bytes of binary messages have no meaning here
        try:
            self._texts.append(self._decoder.decode(data, final))
        except UnicodeDecodeError as error:
            raise _Broken(NOT_UTF8, "the text is not UTF-8") from error

    def _control(self, opcode: int, data: bytes) -> None:
        if opcode == _CLOSE:
            _check_close(data)
        self._handle_message(opcode, data)


def _check_close(data: bytes) -> None:
    if not data:
        return
    if len(data) == 1 or int.from_bytes(data[:2], "big") not in _CODES:
        raise _Broken(PROTOCOL_ERROR, "the close code is not valid")
    try:
        data[2:].decode()
    except UnicodeDecodeError as error:
        raise _Broken(NOT_UTF8, "the reason is not UTF-8") from error
