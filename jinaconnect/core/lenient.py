"""JSON as carriers write it, as values that the database and the log can hold.

A carrier repeats for days what is not taken, with every other customer's message of the same body; so what a strict
reader refuses is read by the letter of RFC 8259 §8.2: texts with halves of surrogate pairs occur.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from jinaconnect.core.schema import MOST_NESTED

REPLACEMENT = "\ufffd"  # stands for what is no character
TOO_DEEP = "[nested too deep]"
_LARGEST = 2**63
_LISTS = (list, tuple)
_LONG_NUMBER = re.compile(rb"[:,\[]\s*-?\d{19}")  # as a value; ids that are texts of digits are no numbers
_HALVES = re.compile("[\ud800-\udfff]")


def read_json(body: bytes) -> Any:
    """Return what a body says; raises ValueError for what is no JSON."""
    if b"\\u0000" not in body and not _LONG_NUMBER.search(body):
        try:
            return orjson.loads(body)
        except ValueError:
            pass  # perhaps for half a character only
    try:
        return storable(json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_no_number))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def storable(value: Any, left: int = MOST_NESTED) -> Any:
    """Return a JSON value as the database can hold it; equal to what was given wherever that can be held.

    Whole numbers beyond 64 bits become text, NUL is left out of texts, and what is nested too deep is named as such.
    """
    if isinstance(value, str):
        return clean_text(value)
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_LARGEST <= value < _LARGEST else str(value)
    listed = isinstance(value, _LISTS)
    if not listed and not isinstance(value, dict) and not isinstance(value, Mapping):  # the last asks for long
        return value
    if not left:
        return TOO_DEEP
    if not listed:
        return {_key(name): storable(each, left - 1) for name, each in value.items()}
    return [storable(each, left - 1) for each in value]


def clean_text(text: str) -> str:
    """Return a text without NUL, and with U+FFFD for each half of a surrogate pair."""
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    return _HALVES.sub(REPLACEMENT, text.replace("\x00", ""))


def _key(name: Any) -> str:
    if isinstance(name, str) and name.isascii() and "\x00" not in name:
        return name
    return _HALVES.sub(REPLACEMENT, str(name).replace("\x00", REPLACEMENT))
