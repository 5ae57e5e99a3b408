"""Presence: what a large team costs when everybody says one word."""

from __future__ import annotations

import json
import select
import time

from benchmarks.load import Crowd, masked
from benchmarks.processes import cpu_seconds, gateway
from benchmarks.rows import Row

PEOPLE = 600
WORDS_PER_S = 30
SETTLES_S = 15.0  # the last lists go out within this time of the last word


def one_word_each(quick: bool) -> list[Row]:
    """Have 600 present people look at one conversation, one after another, and count what all of them are sent."""
    people = PEOPLE // 4 if quick else PEOPLE
    with gateway() as running:
        crowd = Crowd(running.port, people, running.key)
        word = masked(json.dumps({"type": "presence", "viewing": "conv_" + "0" * 26, "typing": False}).encode())
        poll = select.epoll()
        for client in crowd.clients:
            poll.register(client, select.EPOLLIN)
        cpu, begun, said, sent = cpu_seconds(running.pid), time.monotonic(), 0, 0
        while (now := time.monotonic()) < begun + people / WORDS_PER_S + SETTLES_S:
            while said < people and said <= (now - begun) * WORDS_PER_S:
                crowd.clients[said].send(word)
                said += 1
            for number, _ in poll.poll(0.02):
                sent += len(crowd.by_number[number].recv(1 << 20))
            crowd.keep()
        cpu = cpu_seconds(running.pid) - cpu
        poll.close()
        crowd.close()
    megabytes = sent / 1e6
    return [
        Row(f"{people} present people, one word each: bytes sent", megabytes, " MB",
            f"{megabytes:.1f} MB, {cpu:.1f} s of CPU", "", 60)
    ]  # fmt: skip
