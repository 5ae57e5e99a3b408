"""The process that writes one recording down: `python -m jinaconnect.telephony.transcribe.listening`.

The recording is its standard input, a file; the model's directory and the language are its arguments. It writes JSON:
`{"passages", "language", "log_probabilities", "channels"}`, or `{"unsupported"}` with the language it is not made for.
It has bounds of its own on memory and processor time, asks nobody over any network, and lets everything else go first.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from array import array
from collections.abc import Sequence
from typing import Any

MEMORY = 3 * 1024 * 1024 * 1024  # bytes of address space, most of it never touched; what is resident is a tenth of it
PROCESSOR_S = 60  # … and a second for each second of the recording
RATE = 16_000
TEMPERATURES = (0.0, 0.2, 0.4)
UNSURE = -1.0  # a segment of less mean log probability was not understood
REPEATS = 2.4  # … nor one that can be compressed so much: a model at a loss says one thing again and again
SPOKEN_S = 2.0  # of speech of which nothing was understood are another language
GIVEN = "/proc/self/fd/0"


def bound(length_s: float) -> None:
    """Bound what this process may use."""
    os.nice(10)
    most = PROCESSOR_S + round(length_s)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Model:
    """A Whisper model in the form of CTranslate2, of a directory."""

    def __init__(self, directory: str) -> None:
        from faster_whisper import WhisperModel  # comes with the extra `transcribe`

        self._model = WhisperModel(
            directory, device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
        )

    def knows(self, language: str | None) -> bool:
        """Tell whether it is made for a language; one of English alone takes what is not named for English."""
        return language in (None, *self._model.supported_languages)

    def write_down(self, samples: array[int], language: str | None) -> tuple[list[Any], str, float]:
        """Return the segments of one block, its language and the seconds of speech in it."""
        import numpy  # comes with the extra as well

        given = numpy.frombuffer(samples, dtype=numpy.int16).astype(numpy.float32) / 32_768.0
        segments, info = self._model.transcribe(
            given, language=language, vad_filter=True, condition_on_previous_text=False, word_timestamps=True,
            temperature=TEMPERATURES,
        )  # fmt: skip
        return list(segments), info.language, info.duration_after_vad


def heard(model: Model, path: str, language: str | None) -> dict[str, Any]:
    """Write a recording down."""
    from jinaconnect.telephony.transcribe.channels import blocks, channels_of

    if not model.knows(language):
        return {"unsupported": language}
    passages: list[dict[str, Any]] = []
    sure: list[float] = []
    spoken, found = 0.0, language
    for block in blocks(path, RATE):
        segments, tongue, seconds = model.write_down(block.samples, found)
        spoken += seconds
        understood = [each for each in segments if each.avg_logprob >= UNSURE and each.compression_ratio <= REPEATS]
        if understood and found is None:
            found = tongue  # the rest of the recording is in the language of its first words
        sure += [each.avg_logprob for each in understood]
        passages += [_passage(block.channel, block.start_s, each) for each in understood]
    if not passages and spoken >= SPOKEN_S:
        return {"unsupported": language}
    return {"passages": passages, "language": found, "log_probabilities": sure, "channels": channels_of(path)}


def _passage(channel: int, at: float, segment: Any) -> dict[str, Any]:
    return {
        "channel": channel, "start_s": round(at + segment.start, 2), "end_s": round(at + segment.end, 2),
        "text": segment.text.strip(),
        "words": [
            {"text": each.word.strip(), "start_s": round(at + float(each.start), 2),
             "end_s": round(at + float(each.end), 2), "confidence": round(float(each.probability), 4)}
            for each in segment.words or ()
        ],
    }  # fmt: skip


def run(arguments: Sequence[str]) -> None:
    """Take model directory, length in seconds and language (empty: not known) from the command line."""
    directory, length_s, language = arguments
    bound(float(length_s))
    json.dump(heard(Model(directory), GIVEN, language or None), sys.stdout)


if __name__ == "__main__":
    run(sys.argv[1:])
