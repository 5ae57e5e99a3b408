"""What a `conditional` node asks."""

from __future__ import annotations

from typing import Any

from jinaconnect.core.ivr import pattern, values
from jinaconnect.core.ivr.graph import Conditional
from jinaconnect.core.ivr.values import Variables


def holds(data: Conditional, variables: Variables) -> bool:
    """Tell whether a condition holds; a missing variable reads as nothing.

    `eq`, `ne` and `in` compare texts; `in` takes a list, or a text with commas. `lt` and `gt` compare numbers and
    hold for nothing else. `matches` wants the whole text to fit.
    """
    given = values.text_of(variables.get(data.variable))
    if data.op == "matches":
        return pattern.matches(str(data.value), given)
    if data.op == "in":
        listed = data.value if isinstance(data.value, list) else _rendered(data.value, variables).split(",")
        return given in [_rendered(item, variables).strip() for item in listed]
    wanted = _rendered(data.value, variables)
    if data.op in ("eq", "ne"):
        return (given == wanted) == (data.op == "eq")
    left, right = values.number_of(given), values.number_of(wanted)
    if left is None or right is None:
        return False
    return left < right if data.op == "lt" else left > right


def _rendered(value: Any, variables: Variables) -> str:
    return values.render(values.text_of(value), variables)
