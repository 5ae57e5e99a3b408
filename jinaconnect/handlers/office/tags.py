"""`/tenants/tenant-tags/`: words that templates and contacts are sorted by."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from jinaconnect.actions.office import tags
from jinaconnect.core.events.payloads.office import TagData
from jinaconnect.core.paging import Filter, Listing, bool_filter, ordered_by, text_filter
from jinaconnect.core.schema import Given, Line, Request, Text, example
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.schemas import Parameter

_SHAPE = "[a-z]{3,4}_[0-9a-hjkmnp-tv-z]{26}"
_ID = {"type": "string", "pattern": f"^{_SHAPE}$"}
_IDS = {"type": "string", "pattern": f"^{_SHAPE}(,{_SHAPE})*$"}
TAGS = Listing(
    filters={
        "name": text_filter("name"), "is_active": bool_filter("is_active"), "created_by": Filter("created_by"),
        "updated_by": Filter("updated_by"),
    },
    search=("name",), orderings=ordered_by("name"),
)  # fmt: skip
BY_ID = {
    "tag__id": Parameter("Of these that have the tag with this id.", _ID),
    "tag__id__in": Parameter("Of these that have any of the tags with these ids, with commas.", _IDS),
}
TagName = Annotated[Line, StringConstraints(min_length=1, max_length=100)]


class TagFields(Request, json_schema_extra=example(is_active=False)):
    """What may be changed of a tag."""

    name: Given[TagName] = None
    description: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    is_active: Given[bool] = None


class NewTag(TagFields, json_schema_extra=example(name="Wholesale", description="Buys by the pallet")):
    """A tag to add."""

    name: TagName


class TagOut(TagData):
    """A tag."""


crud(
    "tags", "/tenants/tenant-tags/", TagOut, view="tenant.view", manage="tenant.edit",
    list=Does(tags.TAGS.list, "List the tags.", TAGS),
    create=Does(tags.create_tag, "Add a tag; its name is unique in the organisation, in whatever case.", NewTag),
    read=Does(tags.TAGS.read, "Show one tag."),
    change=Does(tags.change_tag, "Change a tag.", TagFields),
)  # fmt: skip
