"""`/contacts/segments/`: groups of contacts, by name or by filter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions.contacts import segments
from jinaconnect.core.contacts.segment import TYPES
from jinaconnect.core.events.payloads.base import like
from jinaconnect.core.events.payloads.segments import SEGMENT, SegmentData
from jinaconnect.core.paging import Filter, Listing, one_of, ordered_by, text_filter
from jinaconnect.core.schema import Given, Line, Request, Text, example
from jinaconnect.handlers.edge.crud import Does, crud

SEGMENTS = Listing(
    filters={
        "name": text_filter("name"), "type": Filter("type", schema=one_of(*TYPES)),
        "created_by": Filter("created_by"),
    },
    search=("name",), orderings=ordered_by("name"),
)  # fmt: skip
SegmentName = Annotated[Line, StringConstraints(min_length=1, max_length=100, pattern=r"^[^,;]+$")]
_Value = bool | int | Annotated[Text, StringConstraints(max_length=1000)]
SegmentFilter = Annotated[
    dict[Annotated[str, StringConstraints(max_length=100)], _Value | Annotated[list[_Value], Field(max_length=100)]],
    Field(max_length=50),
]


class SegmentFields(Request, json_schema_extra=example(description="Customers of the Boston shop")):
    """What may be changed of a segment; `filter` is that of a dynamic one."""

    name: Given[SegmentName] = None
    description: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    filter: SegmentFilter | None = None


class NewSegment(
    SegmentFields,
    json_schema_extra=example(name="Boston", type="dynamic", filter={"tag__in": ["vip"], "attributes.city": "Boston"}),
):
    """A segment to add: static, or dynamic with a filter, which takes what the list of contacts takes."""

    name: SegmentName
    type: Given[Literal[TYPES]] = None  # type: ignore[valid-type]


class SegmentOut(SegmentData, json_schema_extra=like(SEGMENT, contact_count=12, contact_count_exact=True)):
    """A segment and how many contacts it has; above a thousand as counted lately (`contact_count_exact`)."""

    contact_count: int
    contact_count_exact: bool


crud(
    "contacts.segments", "/contacts/segments/", SegmentOut, view="contact.view", manage="contact.edit",
    list=Does(segments.list_segments, "List the segments.", SEGMENTS),
    create=Does(
        segments.create_segment,
        "Add a segment. Who is in a static one says so in `segments`; a dynamic one has whom its filter finds, at any "
        "moment anew. Lists take both by `segment=`, broadcasts by `segment_filter`.",
        NewSegment,
    ),
    read=Does(segments.read_segment, "Show one segment."),
    change=Does(segments.change_segment, "Change a segment; the name of a static one stays while contacts carry it.",
                SegmentFields),
    delete=Does(segments.SEGMENTS.delete, "Remove a segment; contacts that carry its name go on to."),
)  # fmt: skip
