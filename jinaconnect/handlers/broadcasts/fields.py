"""What is written of a broadcast, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, RootModel, StringConstraints

from jinaconnect.actions.broadcasts.audience import MOST_NAMED
from jinaconnect.core.broadcasts.calling import OUTCOMES, RETRY_AFTER_MINUTES
from jinaconnect.core.broadcasts.states import ROW_STATUSES
from jinaconnect.core.events.payloads.base import MOMENT, like
from jinaconnect.core.events.payloads.broadcasts import BROADCAST, BroadcastData
from jinaconnect.core.inbox.platform import USUAL, PlatformName
from jinaconnect.core.messaging.template_form import ProductSection
from jinaconnect.core.rules.rows import Category
from jinaconnect.core.schema import Answer, Given, Id, OneOf, Phone, Request, Text, example, sample_id, unkept
from jinaconnect.handlers.calls.fields import Time

MAX_DATA = 16 * 1024
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Words = Annotated[list[Annotated[Text, StringConstraints(min_length=1, max_length=100)]], Field(max_length=50)]


def _kept(value: Any) -> Any:
    wrong = unkept(value, "", MAX_DATA)
    if wrong:
        raise ValueError(" ".join(next(iter(wrong.values()))))
    return value


Data = Annotated[dict[str, Any], AfterValidator(_kept)]


class BroadcastHours(Request):
    """From when to when recipients are written to, each in their own time."""

    start: Clock
    end: Clock


class RetryFields(Request):
    """Who is called again: after which outcomes, how often, how many minutes later."""

    on: Annotated[list[Literal["busy", "no_answer", "failed"]], Field(min_length=1, max_length=3)]
    times: Annotated[int, Field(ge=1, le=3)] = 1
    after_minutes: Annotated[int, Field(ge=1, le=1440)] = RETRY_AFTER_MINUTES


class CallOptionsFields(Request):
    """How the recipients of a broadcast are called; on the VOICE platform alone."""

    from_number: Given[Phone] = None
    timeout_s: Given[Annotated[int, Field(ge=5, le=120)]] = None
    max_duration_s: Given[Annotated[int, Field(ge=1, le=14_400)]] = None
    record: Given[bool] = None
    machine_detection: Given[bool] = None
    max_concurrent: Given[Annotated[int, Field(ge=1, le=10_000)]] = Field(
        None, description="How many of the account's lines it uses at once; all of them unless given."
    )
    retry: Given[RetryFields] = None
    metadata: Given[Data] = None


class BroadcastFields(
    Request, json_schema_extra=example(name="Spring sale", status="QUEUED", scheduled_time="2026-12-01T09:00:00Z")
):
    """What may be changed of a broadcast."""

    name: Given[Annotated[Text, StringConstraints(min_length=1, max_length=255)]] = None
    status: Given[Literal["DRAFT", "QUEUED", "SCHEDULED"]] = None
    app: Id | None = None
    template: Id | None = Field(
        None, alias="template_number", description="An approved template; `template` is taken as its name as well."
    )
    recipients: Given[Annotated[list[Id], Field(max_length=MOST_NAMED)]] = None
    select_all: Given[bool] = None
    tag_filter: Given[Words] = None
    segment_filter: Given[Words] = None
    scheduled_time: Time | None = None
    placeholder_data: Given[Data] = None
    media_overrides: Given[Data] = Field(
        None, description="Files of the media library in place of the template's: `header` an id, `cards` ids by place."
    )
    sections: Given[Annotated[list[ProductSection], Field(max_length=10)]] = Field(
        None, description="The products that a template of products shows."
    )
    catalog_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    allowed_hours_local: BroadcastHours | None = None
    category: Given[Category] = Field(
        None, description="What its messages are by the rules of sending; with a template, the template's own counts."
    )
    voice_template: Id | None = Field(None, description="What is said in its calls; on the VOICE platform alone.")
    call_options: CallOptionsFields | None = None
    fallback_sms_enabled: bool | None = Field(
        None, description="A text message for who was not reached by call or RCS; null: as the account has it."
    )
    track_links: Given[bool] = Field(None, description="Replace addresses in the text by links that are followed.")

    def given(self) -> dict[str, Any]:
        """Return the fields given, by the names they are kept under."""
        given, options = self.model_dump(exclude_unset=True), self.call_options
        if options is not None and options.retry is not None:
            given["call_options"]["retry"] = options.retry.model_dump()  # with what was left at its default
        return given


class BroadcastWithin(
    BroadcastFields,
    json_schema_extra=example(
        name="Spring sale", status="QUEUED", select_all=True, tag_filter=["vip"],
        placeholder_data={"message": "Hello {{first_name}}, everything is at half price."},
    ),
):  # fmt: skip
    """A broadcast to write on the platform of the path."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=255)]


class NewBroadcast(
    BroadcastWithin,
    json_schema_extra=example(
        name="Spring sale", platform="SMS", status="QUEUED", select_all=True, tag_filter=["vip"],
        placeholder_data={"message": "Hello {{first_name}}, everything is at half price."},
    ),
):  # fmt: skip
    """A broadcast to write."""

    platform: PlatformName = USUAL


SHOWN = {
    **BROADCAST, "initial_cost": 16.2, "initial_cost_currency": "USD", "refund_amount": 0.5,
    "refund_amount_currency": "USD", "credit_deducted": True, "refund_processed": True, "tenant": sample_id("ten"),
    "template_type": "IMAGE", "template_media_url": "https://shop.example.com/spring.jpg", "cards_media_urls": [],
}  # fmt: skip


class BroadcastOut(BroadcastData, json_schema_extra=like(SHOWN)):
    """A broadcast."""

    initial_cost: float | None = Field(
        description="What was reserved for it, each time it was begun; of calls what a minute with each costs; null: "
        "nobody pays."
    )
    initial_cost_currency: str | None
    refund_amount: float | None = Field(
        description="What of it came back: of whom was not sent to, and of whom the message did not reach. Null: "
        "nobody pays, or each call is paid for by itself."
    )
    refund_amount_currency: str | None
    credit_deducted: bool | None = Field(
        description="Whether money was reserved for it. This and the next are null for who does not see money."
    )
    refund_processed: bool | None = Field(description="Whether any of it came back.")
    tenant: str
    template_type: str | None
    template_media_url: str | None = Field(
        description="The file that its messages show above the text, the broadcast's own before the template's."
    )
    cards_media_urls: list[str | None] = Field(description="The file of each card of a template that has cards.")


class BroadcastWarning(Answer):
    """What to see to: LOW_BALANCE, little will be left when the broadcast is sent."""

    type: Literal["LOW_BALANCE"]
    message: str
    details: dict[str, Any]


_LOW = {
    "type": "LOW_BALANCE", "message": "Little will be left when this is sent.",
    "details": {"available_balance": 20.0, "estimated_cost": 12.5, "balance_after_broadcast": 7.5, "threshold": 10.0,
                "currency": "USD"},
}  # fmt: skip


class BroadcastCreatedOut(BroadcastOut, json_schema_extra=like({**SHOWN, "warnings": [_LOW]})):
    """A broadcast as it was written, and what to see to."""

    warnings: list[BroadcastWarning]


class Foreseen(Answer):
    """What the rules say of the first recipients: who is written to at once, later, or never, by rule."""

    looked_at: int
    now: int
    later: int
    never: dict[str, int]


_FORESEEN = {"looked_at": 500, "now": 431, "later": 60, "never": {"contact.opt_out": 7, "contact.no_address": 2}}


class BroadcastPreview(
    BroadcastData, json_schema_extra=like({**SHOWN, "dry_run": True, "verdicts": _FORESEEN})
):
    """A broadcast that was asked about and not written; `recipient_count` is how many it would go to."""

    dry_run: Literal[True] = True
    verdicts: Foreseen


class Cancelled(Answer, json_schema_extra=example(detail="The broadcast is cancelled.", messages_cancelled=120)):
    """How many recipients will not be sent to."""

    detail: str
    messages_cancelled: int


class Reason(Request, json_schema_extra=example(reason="The offer has ended.")):
    """An optional word on why."""

    reason: Annotated[Text, StringConstraints(max_length=500)] = ""


class Resume(Request, json_schema_extra=example(scope="pending")):
    """Which recipients to send to again; those nobody knows of only by name, since they may have the message."""

    scope: Literal["pending", "failed", "unknown", "all"]


class Resumed(Answer, json_schema_extra=example(broadcast=like(SHOWN)["examples"][0], pending=12, total=12)):
    """How many recipients are sent to again, by what they were."""

    broadcast: BroadcastOut
    pending: int = 0
    failed: int = 0
    unknown: int = 0
    total: int


class ResumePreview(Answer, json_schema_extra=example(dry_run=True, pending=12, total=12)):
    """How many recipients would be sent to again, by what they were."""

    dry_run: Literal[True]
    pending: int = 0
    failed: int = 0
    unknown: int = 0
    total: int


class Place(Answer, json_schema_extra=example(key="first_name", description="The contact's first name.")):
    """A place that is filled in with what is known of the contact."""

    key: str
    description: str


class PlaceList(RootModel[list[Place]]):
    """The places that are filled in with what is known."""


class Lead(Answer, json_schema_extra=example(min_scheduled_time_in_minutes=0.05)):
    """How far ahead a broadcast is scheduled at least."""

    min_scheduled_time_in_minutes: float


class PressedKeys(Answer, json_schema_extra=example(node="ask", digits="1")):
    """Keys that were pressed at a node of an IVR, null before it began."""

    node: str | None
    digits: str


class RowOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("brr"), broadcast=sample_id("brc"), contact=sample_id("cnt"), contact_name="Ann Lee",
        contact_phone="+12025550111", status="DELIVERED", error_code=None, response="", retry_count=0, segments=None,
        message=sample_id("msg"), message_id="wamid.OUT8X2V7M4Q9R5T1W3Y6Z8A0B", sent_at=MOMENT, delivered_at=MOMENT,
        read_at=None, failed_at=None, replied_at=None, call=None, outcome=None,
        seconds=None, answers=[], cost=0.0075, fallback_sms=None, created_at=MOMENT, updated_at=MOMENT,
        webhook_response={"kind": "report", "at": MOMENT, "told_at": MOMENT, "status": "DELIVERED",
                          "carrier_id": "wamid.OUT8X2V7M4Q9R5T1W3Y6Z8A0B", "code": None, "reason": None},
    ),
):  # fmt: skip
    """A recipient of a broadcast; `error_code` says which rule, or what of the carrier's, held it back."""

    id: str
    broadcast: str
    contact: str
    contact_name: str
    contact_phone: str | None
    status: Annotated[str, OneOf(ROW_STATUSES)]
    error_code: str | None
    response: str
    retry_count: int
    segments: int | None
    message: str | None
    message_id: str | None
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None
    failed_at: str | None
    replied_at: str | None = Field(description="When they first wrote back on the same channel, within 72 hours.")
    call: str | None = Field(description="The last call to them, of a broadcast of calls.")
    outcome: Annotated[str, OneOf(OUTCOMES)] | None = Field(description="What became of that call.")
    seconds: int | None
    answers: list[PressedKeys] = Field(description="Which keys they pressed, by node of the IVR.")
    cost: float | None = Field(description="What was reserved for it; null where nobody pays.")
    fallback_sms: str | None = Field(description="The text message that went to who is not reached by RCS.")
    created_at: str
    updated_at: str
    webhook_response: dict[str, Any] | None = Field(
        description="What its carrier reported last, as the trace of the message has it."
    )
