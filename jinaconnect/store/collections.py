"""Every collection of tenant data: how it is partitioned and which indexes serve its queries.

All indexes begin with `scope`, the partition (`tenant:mode`, or `tenant` where a collection is shared by both modes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jinaconnect.core.broadcasts.quota import BREAKDOWN_KEPT
from jinaconnect.core.contacts.document import KEPT as ROWS_KEPT
from jinaconnect.core.inbox.words import contact_words, message_words, recording_words
from jinaconnect.core.office.notices import KEPT
from jinaconnect.store.databases.indexes import Built

ARRIVED = "arrived_at"  # when a document came here with its organisation, in no field that anybody is shown
Keys = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """One index below the partition; `only` is a partial filter expression.

    MongoDB takes a partial index only for queries that imply its filter. Equality implies a comparison and no
    `$type`, so a key that is asked for by its value has a filter of `_given`.
    """

    keys: Keys
    unique: bool = False
    only: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The index's name in the database."""
        parts = ["scope", *(key.replace(".", "_") + ("" if way == 1 else "_desc") for key, way in self.keys)]
        compared = any(isinstance(wanted, dict) and {"$gt", "$gte"} & wanted.keys() for _, wanted in self.only)
        return "_".join([*parts, "given"] if compared else parts)


@dataclass(frozen=True, slots=True)
class Worded:
    """By which words documents are found: what makes them, of which fields; `inside` if parts of words are among them.

    They are kept in `words`, which the store writes with every change of those fields.
    """

    of: Callable[[Mapping[str, Any]], list[str]]
    paths: tuple[str, ...]
    inside: bool

    def touched(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether a change of these fields (dotted paths allowed) can change the words."""
        return any(path.partition(".")[0] in self.paths for path in fields)


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of tenant data; `by_mode` says whether live and test are apart, `tells` whether it has events.

    `across` are keys by which the gateway itself looks through all tenants (`Store.across`), such as the live calls
    of a switch; `of_all` those of them, each a text, that no two documents of whatever tenants share. What is `kept`
    for a time only goes by itself, from when it was made.
    """

    indexes: tuple[Index, ...] = ()
    by_mode: bool = True
    tells: bool = False
    across: tuple[Keys, ...] = ()
    kept: timedelta | None = None
    of_all: tuple[Keys, ...] = ()
    worded: Worded | None = None

    def built(self) -> list[Built]:
        """Return all indexes of the collection as the database shall have them."""
        own = [
            Built(
                index.name,
                (("scope", 1), *index.keys),
                {"unique": index.unique, **({"partialFilterExpression": dict(index.only)} if index.only else {})},
            )
            for index in self.indexes
        ]
        others = [
            Built(
                "_".join(["across", *(key for key, _ in keys)]),
                keys,
                {"partialFilterExpression": {keys[0][0]: {"$exists": True}}},
            )
            for keys in self.across
            if keys not in self.of_all
        ]
        others += [
            Built(
                "_".join(["across", *(key for key, _ in keys)]),
                keys,
                {"unique": True, "partialFilterExpression": dict(_given(keys[0][0]))},
            )
            for keys in self.of_all
        ]
        return own + others


def _given(path: str, least: Any = "") -> tuple[tuple[str, Any], ...]:
    """Return the filter of an index on a key that many documents lack: those of text, or of numbers from `least`."""
    return ((path, {"$gt" if least == "" else "$gte": least}),)


BATCHES = "batches"
TOLD_WITH = "told_with"  # the batch a document was added with
UNLOGGED = ("log", "timeline", "history")  # what of an event that waits is not the log's

_WORDS = Index((("words", 1), ("_id", -1)))
_PRESENT = (("deleted_at", None),)  # what is removed, and kept for audit, holds no name against what comes later


COLLECTIONS: dict[str, Collection] = {
    "contacts": Collection(
        tells=True,
        worded=Worded(contact_words, ("first_name", "last_name", "phone"), inside=True),
        indexes=(
            _WORDS,
            Index((("_id", -1),)),
            Index((("phone", 1),), unique=True, only=_given("phone")),
            Index((("telegram_chat_id", 1),), unique=True, only=_given("telegram_chat_id", -(2**63))),
            Index((("addresses", 1),), unique=True, only=_given("addresses")),
            Index((("assigned_to_user", 1), ("_id", -1))),
            Index((("status", 1), ("_id", -1))),
            Index((("email", 1), ("_id", -1)), only=_given("email")),
            Index((("first_name", 1), ("_id", -1))),
            Index((("last_name", 1), ("_id", -1))),
            Index((("lead_status", 1), ("_id", -1))),
            Index((("created_at", -1), ("_id", -1))),
            Index((("chat.at", -1), ("_id", -1)), only=(("chat.unread", {"$gt": 0}),)),
            Index((("source", 1), ("_id", -1))),
            Index((("segments", 1), ("_id", -1))),
            Index((("tags", 1), ("_id", -1))),
            Index((("chat.at", -1), ("_id", -1)), only=(("chat.at", {"$type": "date"}),)),
            Index((("chat.snoozed", 1), ("chat.at", -1), ("_id", -1)), only=(("chat.snoozed", True),)),
            Index((("assigned_to_user", 1), ("chat.at", -1), ("_id", -1)), only=(("chat.at", {"$type": "date"}),)),
        ),
    ),
    "erasures": Collection(indexes=(Index((("_id", -1),)),)),
    "contact_imports": Collection(tells=True, indexes=(Index((("_id", -1),)),)),
    "contact_import_rows": Collection(kept=ROWS_KEPT, indexes=(Index((("import", 1), ("line", 1))),)),
    "messages": Collection(
        tells=True,
        worded=Worded(message_words, ("content",), inside=False),
        indexes=(
            _WORDS,
            Index((("_id", -1),)),
            Index((("platform", 1), ("carrier_id", 1)), unique=True, only=_given("carrier_id")),
            Index((("platform", 1), ("network_id", 1)), only=_given("network_id")),
            Index((("contact", 1), ("_id", -1))),
            Index((("said_by.address", 1), ("_id", -1)), only=_given("said_by.address")),
            Index((("contact", 1), ("number", -1))),
            Index((("direction", 1), ("_id", -1))),
            Index((("platform", 1), ("_id", -1))),
            Index((("app", 1), ("_id", -1))),
            Index((("type", 1), ("_id", -1))),
            Index((("status", 1), ("_id", -1))),
            Index((("is_read", 1), ("_id", -1)), only=(("is_read", False),)),
            Index((("timestamp", -1), ("_id", -1))),
            Index((("contact", 1), ("is_read", 1), ("_id", -1)), only=(("is_read", False),)),
            Index((("number", -1),), only=_given("number", 0)),
            Index((("app", 1), ("report_due", 1)), only=(("report_due", {"$type": "date"}),)),
        ),
        across=((("charge.owed", 1), ("status", 1), ("platform", 1)),),
    ),
    "wallets": Collection(tells=True, indexes=(Index((("_id", -1),)),)),
    "ledger": Collection(
        indexes=(
            Index((("key", 1),), unique=True),
            Index((("number", -1),), unique=True),
            Index((("about", 1), ("number", -1))),
            Index((("_id", -1),)),
            Index((("type", 1), ("_id", -1))),
            Index((("broadcast", 1), ("_id", -1))),
        ),
    ),
    "payment_orders": Collection(
        tells=True,
        indexes=(Index((("_id", -1),)), Index((("order_id", 1),), unique=True, only=_given("order_id"))),
        across=((("order_id", 1),),),
    ),
    "timeline": Collection(indexes=(Index((("contact", 1), ("number", -1))),)),
    "apps": Collection(
        tells=True,
        indexes=(
            Index((("_id", -1),)),
            Index((("bot_user_id", 1),), unique=True, only=(*_given("bot_user_id"), *_PRESENT)),
            Index((("agent_id", 1),), unique=True, only=(*_given("agent_id"), *_PRESENT)),
            Index((("bsp", 1), ("sender_id", 1)), unique=True, only=(*_given("sender_id"), *_PRESENT)),
        ),
        across=((("channel", 1),),),
    ),
    "templates": Collection(
        tells=True,
        indexes=(
            Index((("_id", -1),)),
            Index((("status", 1), ("_id", -1))),
            Index((("app", 1), ("element_name", 1), ("language_code", 1)), unique=True, only=_PRESENT),
            Index((("platform", 1), ("_id", -1))),
            Index((("platform", 1), ("tags", 1), ("_id", -1))),
        ),
    ),
    "reach": Collection(indexes=(Index((("_id", -1),)),)),
    "media": Collection(indexes=(Index((("_id", -1),)),)),
    "members": Collection(
        by_mode=False,
        tells=True,
        indexes=(
            Index((("_id", 1),)),
            Index((("user", 1),), unique=True),
            Index((("role", 1),)),
            Index((("is_active", 1), ("role", 1))),
        ),
    ),
    "roles": Collection(
        by_mode=False, tells=True, indexes=(Index((("priority", -1), ("name", 1))), Index((("slug", 1),), unique=True))
    ),
    "api_keys": Collection(by_mode=False, tells=True, indexes=(Index((("_id", -1),)),)),
    "library": Collection(
        tells=True, indexes=(
            Index((("_id", -1),)), Index((("media_type", 1), ("_id", -1))), Index((("platform", 1), ("_id", -1))),
        ),
    ),
    "notifications": Collection(
        tells=True, kept=KEPT, indexes=(
            Index((("user", 1), ("_id", -1))),
            Index((("user", 1), ("key", 1)), unique=True),
            Index((("user", 1), ("is_read", 1), ("_id", -1))),
            Index((("user", 1), ("type", 1), ("_id", -1))),
        ),
    ),
    "tags": Collection(
        tells=True, indexes=(Index((("_id", -1),)), Index((("name_key", 1),), unique=True)),
    ),
    "segments": Collection(
        tells=True, indexes=(Index((("_id", -1),)), Index((("name_key", 1),), unique=True)),
    ),
    "canned_replies": Collection(
        tells=True, indexes=(Index((("_id", -1),)), Index((("shortcut", 1),), unique=True)),
    ),
    "scheduled_messages": Collection(
        tells=True,
        indexes=(
            Index((("_id", -1),)),
            Index((("contact", 1), ("_id", -1))),
            Index((("status", 1), ("_id", -1))),
            Index((("scheduled_time", 1), ("_id", 1))),
        ),
    ),
    "webhook_events": Collection(tells=True, indexes=(Index((("_id", -1),)), Index((("channel", 1), ("_id", -1))))),
    "trunks": Collection(
        tells=True,
        indexes=(Index((("_id", -1),)), Index((("priority", -1), ("_id", -1)))),
        across=((("asterisk", 1),), (("updated_at", 1),), ((ARRIVED, 1),), (("from_numbers", 1),)),
    ),
    "trunk_states": Collection(tells=True, indexes=(Index((("_id", -1),)),), across=((("asterisk", 1),),)),
    "numbers": Collection(
        tells=True,
        indexes=(
            Index((("_id", -1),)),
            Index((("provider_config", 1), ("number", 1)), unique=True, only=_given("number")),
        ),
        across=((("number", 1),),),
    ),
    "devices": Collection(
        tells=True,
        indexes=(Index((("_id", -1),)), Index((("user", 1), ("_id", -1)))),
        across=((("asterisk", 1),), (("updated_at", 1),), ((ARRIVED, 1),)),
    ),
    "calls": Collection(
        tells=True,
        indexes=(
            Index((("_id", -1),)),
            Index((("started_at", -1), ("_id", -1))),
            Index((("status", 1), ("_id", -1))),
            Index((("direction", 1), ("_id", -1))),
            Index((("contact", 1), ("_id", -1))),
            Index((("user", 1), ("_id", -1))),
            Index((("provider_config", 1), ("ended_at", -1))),
            Index((("provider_config", 1), ("slot", 1)), unique=True, only=(("slot", {"$type": "number"}),)),
            Index((("parent_call", 1), ("_id", -1)), only=_given("parent_call")),
            Index((("broadcast", 1), ("_id", -1)), only=_given("broadcast")),
            Index((("provider_config", 1), ("hosted.arrived", 1)), unique=True, only=_given("hosted.arrived")),
            Index((("provider_config", 1), ("provider_call_id", 1))),
        ),
        across=((("live_on", 1),),),
    ),
    "call_events": Collection(
        indexes=(Index((("_id", -1),)), Index((("call", 1), ("place", 1))), Index((("call", 1), ("sequence", 1)))),
    ),
    "recordings": Collection(
        tells=True,
        worded=Worded(recording_words, ("transcription",), inside=False),
        indexes=(
            _WORDS,
            Index((("_id", -1),)),
            Index((("call", 1), ("_id", -1))),
            Index((("provider_recording_id", 1),), unique=True),
        ),
        across=((("retention_expires_at", 1),),),
    ),
    "voice_templates": Collection(tells=True, indexes=(Index((("_id", -1),)),)),
    "voice_media": Collection(tells=True, indexes=(Index((("_id", -1),)),)),
    "rate_cards": Collection(
        tells=True, indexes=(Index((("_id", -1),)), Index((("provider_config", 1), ("destination_prefix", 1))))
    ),
    "outbound_routes": Collection(
        tells=True, indexes=(Index((("_id", -1),)), Index((("destination_prefix", 1),)))
    ),
    "recording_consents": Collection(
        tells=True, indexes=(Index((("_id", -1),)), Index((("contact", 1),), unique=True))
    ),
    "webhook_endpoints": Collection(
        tells=True, indexes=(Index((("_id", -1),)),), across=((("updated_at", 1),), ((ARRIVED, 1),))
    ),
    "webhook_positions": Collection(indexes=(Index((("endpoint", 1),)),), across=((("due_at", 1),),)),
    "webhook_deliveries": Collection(
        indexes=(
            Index((("_id", -1),)),
            Index((("endpoint", 1), ("_id", -1))),
            Index((("event", 1), ("_id", -1))),
            Index((("status", 1), ("_id", -1))),
        ),
    ),
    "voice_apps": Collection(by_mode=False, tells=True, indexes=(Index((("_id", -1),)),)),
    "broadcasts": Collection(
        tells=True,
        indexes=(
            Index((("_id", -1),)),
            Index((("status", 1), ("_id", -1))),
            Index((("platform", 1), ("_id", -1))),
            Index((("created_by", 1), ("_id", -1))),
            Index((("template", 1), ("_id", -1)), only=_given("template")),
            Index((("app", 1), ("scheduled_time", 1)), only=_given("app")),
        ),
    ),
    "broadcast_rows": Collection(
        indexes=(
            Index((("_id", -1),)),
            Index((("platform", 1), ("_id", -1))),
            Index((("broadcast", 1), ("key", 1)), unique=True),
            Index((("broadcast", 1), ("status", 1), ("at", 1), ("_id", 1))),
            Index((("broadcast", 1), ("_id", -1))),
            Index((("contact", 1), ("_id", -1))),
            Index((("status", 1), ("_id", -1))),
        ),
    ),
    "breakdowns": Collection(kept=BREAKDOWN_KEPT),
    "links": Collection(
        tells=True,
        indexes=(
            Index((("_id", -1),)),
            Index((("broadcast", 1), ("key", 1), ("place", 1)), unique=True),
            Index((("broadcast", 1), ("_id", -1))),
            Index((("contact", 1), ("_id", -1))),
            Index((("platform", 1), ("_id", -1))),
            Index((("clicked", 1), ("_id", -1)), only=(("clicked", True),)),
            Index((("broadcast", 1), ("clicked", 1), ("_id", -1)), only=(("clicked", True),)),
            Index((("row", 1),)),
        ),
        across=((("code", 1),),),
        of_all=((("code", 1),),),
    ),
    "link_clicks": Collection(indexes=(Index((("link", 1), ("_id", -1))),)),
    # The inbox in figures (`store/figures/folding.py`): how far each log has come, conversations, and sums of days.
    "inbox_folds": Collection(indexes=(Index((("_id", 1),)),)),
    "inbox_rows": Collection(),
    "inbox_days": Collection(
        indexes=(Index((("fold", 1), ("platform", 1), ("day", 1), ("person", 1)), unique=True),)
    ),
    # Events of what keeps none itself: documents that went altogether, and rows from before a tenant is known.
    "announcements": Collection(tells=True, indexes=(Index((("_id", -1),)),)),
    "batches": Collection(),  # events of documents that are added together (`store/batches.py`)
}
