"""Fields that several resources of the voice API have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints, WithJsonSchema

from jinaconnect.core.calls.routing import REFUSALS, RING_LIMITS_S
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ivr.graph import MAX_NODES, NODE_TYPES
from jinaconnect.core.schema import Text, in_utc
from jinaconnect.handlers.edge.operation import Upload

Named = Annotated[Text, StringConstraints(min_length=1, max_length=100)]


def file_of(files: Mapping[str, Upload]) -> bytes:
    """Return the one file of a form; raises Invalid where there is none, or another."""
    for name in files:
        if name != "file":
            raise Invalid.field(name[:80], "is not a part that is taken: there is file")
    if "file" not in files:
        raise Invalid.field("file", "is required")
    return files["file"].body


Time = Annotated[datetime, AfterValidator(in_utc)]

_ID = {"type": "string", "minLength": 1, "maxLength": 64}
Route = Annotated[dict[str, Any], WithJsonSchema({
    "type": "object", "required": ["type"],
    "description": (
        "Where a call goes: to an IVR (`template`), to a person's telephones (`user`) for `ring_s` seconds and `then`"
        " to another route, or nowhere for a `cause`."
    ),
    "properties": {
        "type": {"type": "string", "enum": ["template", "device", "reject"]}, "template": _ID, "user": _ID,
        "ring_s": {"type": "integer", "minimum": RING_LIMITS_S[0], "maximum": RING_LIMITS_S[1]},
        "then": {"type": ["object", "null"]}, "cause": {"type": "string", "enum": list(REFUSALS)},
    },
})]  # fmt: skip
"""A route as it is written; `core.calls.routing` reads it and tells what is wrong with one."""

Graph = Annotated[dict[str, Any], WithJsonSchema({
    "type": "object", "required": ["entry_node_id", "nodes"],
    "description": "An IVR: nodes, and edges that say which node follows which outcome of another.",
    "properties": {
        "entry_node_id": _ID,
        "nodes": {
            "type": "array", "minItems": 1, "maxItems": MAX_NODES,
            "items": {
                "type": "object", "required": ["id", "type"],
                "properties": {
                    "id": _ID, "type": {"type": "string", "enum": list(NODE_TYPES)}, "data": {"type": "object"},
                },
            },
        },
        "edges": {
            "type": "array",
            "items": {
                "type": "object", "required": ["source", "target"],
                "properties": {"source": _ID, "target": _ID, "on": {"type": "string"}},
            },
        },
    },
})]  # fmt: skip
"""An IVR as it is written; `core.ivr.check` tells all that is wrong with one."""
