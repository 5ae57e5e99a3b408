"""Write a capture of pressed telephone keys for SIPp's `play_pcap_audio`.

    python3 keys.py '912#' keys.pcap [--press MS] [--pause MS]

Every key is an RFC 4733 telephone event (payload type 101, 8 kHz clock): packets each 20 ms with one timestamp per
key and growing duration, the end packet three times, timestamps rising from key to key. Between the keys, and
half a second before the first, there is nothing on the line. The addresses in the capture do not matter; SIPp puts
its own. The file is libpcap's classic format, Ethernet frames.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

KEYS = "0123456789*#ABCD"  # RFC 4733 section 3.2: the event code is the position
PAYLOAD_TYPE = 101  # what Asterisk offers and so listens for
FRAME_MS = 20
TICKS_PER_MS = 8
SSRC = 0x6A63_6B65


def packet(sequence: int, timestamp: int, payload: bytes, *, marker: bool) -> bytes:
    """Return one Ethernet frame that carries RTP (RFC 3550) in UDP in IPv4."""
    rtp = struct.pack("!BBHII", 0x80, PAYLOAD_TYPE | (0x80 if marker else 0), sequence, timestamp, SSRC) + payload
    udp = struct.pack("!HHHH", 6000, 6002, 8 + len(rtp), 0) + rtp
    address = bytes((127, 0, 0, 1))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), sequence, 0, 64, 17, 0) + address + address + udp
    return bytes(12) + b"\x08\x00" + ip


def capture(keys: str, press_ms: int = 120, pause_ms: int = 120) -> bytes:
    """Return the capture of `keys`, each held `press_ms` and followed by `pause_ms` of silence.

    Raises ValueError for a character that is no telephone key.
    """
    frames = max(2, press_ms // FRAME_MS)
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    at_ms, sequence = 500, 1
    for key in keys.upper():
        event = KEYS.find(key)
        if event < 0:
            raise ValueError(f"not a telephone key: {key!r}")
        timestamp = at_ms * TICKS_PER_MS
        lengths = [*range(1, frames + 1), frames, frames]
        for index, length in enumerate(lengths):
            end = 0x80 if index >= frames - 1 else 0
            body = struct.pack("!BBH", event, end | 10, length * FRAME_MS * TICKS_PER_MS)
            frame = packet(sequence, timestamp, body, marker=index == 0)
            when = at_ms + index * FRAME_MS
            out.append(struct.pack("<IIII", when // 1000, when % 1000 * 1000, len(frame), len(frame)) + frame)
            sequence += 1
        at_ms += len(lengths) * FRAME_MS + pause_ms
    return b"".join(out)


def main() -> None:
    """Write the capture that the command line asks for."""
    arguments = argparse.ArgumentParser(description="Write a capture of pressed keys for SIPp.")
    arguments.add_argument("keys", help="0-9, *, #, A-D")
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--press", type=int, default=120, metavar="MS", help="how long a key is held")
    arguments.add_argument("--pause", type=int, default=120, metavar="MS", help="silence after a key")
    given = arguments.parse_args()
    given.file.write_bytes(capture(given.keys, given.press, given.pause))


if __name__ == "__main__":
    main()
