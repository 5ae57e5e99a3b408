"""Fields that several resources of the voice API have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from jinaconnect.core.schema import Text

Named = Annotated[Text, StringConstraints(min_length=1, max_length=100)]


def _utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is out of range") from error


Time = Annotated[datetime, AfterValidator(_utc)]
