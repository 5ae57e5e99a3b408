"""Which field of a contact each column of a file is, by its name or as the caller says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from jinaconnect.core.errors import Invalid
from jinaconnect.core.paging import KEY

FIELDS = ("phone", "first_name", "last_name", "tag", "email", "segments", "telegram_chat_id", "lead_status")
ATTRIBUTE = "attributes."
_MAX_KEY = 60  # with room for the number that tells two of one name apart


def names_of(header: Sequence[str]) -> list[str]:
    """Return the names of columns: trimmed, in lower case, each once."""
    names: list[str] = []
    for place, cell in enumerate(header, 1):
        base = " ".join(cell.split()).casefold() or f"column {place}"
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}_{number}"
        names.append(name)
    return names


def targets_of(names: Sequence[str], mapping: Mapping[str, str | None]) -> list[str | None]:
    """Return the field each column is, None for one that is left out; raises Invalid on `mapping`.

    A column that is no field is an attribute of that name. Those whose names begin with `#` are remarks.
    """
    wanted = {" ".join(name.split()).casefold(): (name, target) for name, target in mapping.items()}
    for own, (name, target) in wanted.items():
        if own not in names:
            raise Invalid.field(f"mapping.{name[:80]}", "there is no such column")
        if target is not None and target not in FIELDS and not _is_attribute(target):
            raise Invalid.field(f"mapping.{name[:80]}", f"must be one of {', '.join(FIELDS)}, attributes.<key> or null")
    targets: list[str | None] = [
        wanted[name][1] if name in wanted else _usual(name, place) for place, name in enumerate(names, 1)
    ]
    for place, target in enumerate(targets):
        if target is not None and target in targets[:place]:
            raise Invalid.field(f"mapping.{names[place][:80]}", f"there is another column for {target}")
    return targets


def _is_attribute(target: str) -> bool:
    return target.startswith(ATTRIBUTE) and KEY.fullmatch(target.removeprefix(ATTRIBUTE)) is not None


def _usual(name: str, place: int) -> str | None:
    if name.startswith("#"):
        return None
    if name in FIELDS:
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_MAX_KEY]
    return f"{ATTRIBUTE}{key if KEY.fullmatch(key) else f'column_{place}'}"
