"""Templates of messages: written here, reviewed by the carrier, used outside the service window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.messaging.accounts import SELLS, choose_account
from jinaconnect.actions.messaging.media import library_path, template_links
from jinaconnect.channels.abilities import ReviewsTemplates, TellsReviews
from jinaconnect.channels.base import Account, TemplateUse
from jinaconnect.channels.facts import TemplateReport
from jinaconnect.channels.table import CHANNELS
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import CarrierFailed, Invalid, NotFound
from jinaconnect.core.inbox.platform import FORMER_PLATFORM, PLATFORMS
from jinaconnect.core.messaging.template_form import COMMERCE, WORDLESS, NewTemplate, form_faults, with_files
from jinaconnect.core.messaging.templates import (
    content_of,
    given_values,
    is_plain,
    mapping_of,
    placeholders,
    places_of,
    render,
    texts_of,
)
from jinaconnect.core.schema import Request
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change, Duplicate, applied

STATUSES = (
    "DRAFT", "PENDING", "APPROVED", "REJECTED", "PAUSED", "DISABLED", "FAILED", "IN_APPEAL", "PENDING_DELETION",
    "DELETED", "LIMIT_EXCEEDED", "ARCHIVED", "LOCKED",
)  # fmt: skip
REGISTERED = ("bsp_template_id", "dlt_template_id", "dlt_entity_id", "sender_id", "dlt_category")
CARDS = ("rich_cards", "orientation", "card_width")
REVIEWED = ("cards", "sub_category", "media_handle", "tenant_media", "example_header",
            "code_expiration_minutes", "add_security_recommendation", "is_lto", "lto_text", "lto_has_expiration",
            "vertical")  # fmt: skip
FORM = ("template_type", "header", "footer", "buttons", "example_media_url", *CARDS, *REVIEWED)
_DEFAULTS: Mapping[str, Any] = {"category": "MARKETING", "is_active": True}  # of what can be null; all else has none
REVIEW_JOB, FIRST_LOOK_S = "template.review", 60.0
WATCHED = ("DRAFT", "PENDING")  # states that a template does not stay in


@dataclass(frozen=True, slots=True)
class NamedTemplate:
    """A template as a request names it, the values for its places, and what else it is to show.

    `cards` are the values of cards by their places, `sections` the products of the catalogue `catalog`, `overrides` the
    files of the library in place of those that the template has, `expires` when an offer ends, in Unix milliseconds.
    """

    id: str | None
    name: str | None
    language: str
    header: Sequence[Mapping[str, Any]] = ()
    body: Sequence[Mapping[str, Any]] = ()
    buttons: Sequence[Mapping[str, Any]] = ()
    cards: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    sections: Sequence[Mapping[str, Any]] = ()
    catalog: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    expires: int | None = None

    @classmethod
    def of_values(cls, id: str, values: Sequence[str] | Mapping[str, str]) -> NamedTemplate:
        """Return one by its id, with the values of its places in their order or by name."""
        if isinstance(values, Mapping):
            named = values.items()
            return cls(id, None, "en", body=[{"type": "text", "text": text, "parameter_name": n} for n, text in named])
        return cls(id, None, "en", body=[{"type": "text", "text": text} for text in values])


def render_template(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template as REST and events show it."""
    names = (
        "wa_app",
        "element_name",
        "name",
        "language_code",
        "category",
        "template_type",
        "content",
        "header",
        "footer",
        "status",
    )
    shown = {name: doc["app" if name == "wa_app" else name] for name in names}
    if doc["app"] in PLATFORMS:
        shown["wa_app"] = None  # it is every account's of its platform
    return {
        "id": doc["_id"], "number": doc["_id"], "platform": doc.get("platform", FORMER_PLATFORM), **shown,
        **{name: doc.get(name) for name in (*REGISTERED, *CARDS, *REVIEWED)},
        "buttons": doc["buttons"], "example_body": doc["example_body"],
        "example_media_url": doc.get("example_media_url"), "meta_template_id": doc["meta_template_id"],
        "bsp_template_id": doc.get("bsp_template_id") or doc["meta_template_id"], "error_message": doc["error_message"],
        "rejection_reason": doc["rejection_reason"], "needs_sync": doc["needs_sync"],
        "tags": doc.get("tags") or [], **media_of(doc), "placeholders": _places(doc),
        "placeholder_mapping": mapping_of(doc), "last_synced_at": iso_or_none(doc["last_synced_at"]),
        "is_active": doc["is_active"], "created_at": iso_or_none(doc["created_at"]),
        "updated_at": iso_or_none(doc["updated_at"]), "created_by": doc["created_by"], "updated_by": doc["updated_by"],
    }  # fmt: skip


def _document(id: str, platform: str, app: str, fields: Mapping[str, Any], by: str | None, now: Any) -> Document:
    return {
        "_id": id,
        "platform": platform,
        "app": app,
        "name": None,
        "template_type": "TEXT",
        "content": None,
        "header": None,
        "footer": None,
        "buttons": None,
        "example_body": None,
        "example_media_url": None,
        "status": "DRAFT",
        "meta_template_id": None,
        "error_message": None,
        "rejection_reason": None,
        "needs_sync": False,
        "last_synced_at": None,
        "created_by": by,
        "updated_by": by,
        "created_at": now,
        "updated_at": now,
        "deleted_at": None,
        "tags": None,
        **dict.fromkeys((*REGISTERED, *CARDS, *REVIEWED)),
        **_DEFAULTS,
        **fields,
    }


def media_of(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the files of the library are that a template shows, and by what its carrier knows those of cards."""
    cards = list(enumerate(doc.get("cards") or doc.get("rich_cards") or ()))
    return {
        "tenant_media_id": doc.get("tenant_media"), "tenant_media_url": library_path(doc.get("tenant_media")),
        "card_media": [card["tenant_media"] for _, card in cards if card.get("tenant_media")],
        "card_media_details": [
            {"card_index": place, "media_handle": card.get("media_handle"), "media_id": card.get("tenant_media"),
             "media_url": library_path(card.get("tenant_media")) or card.get("media_url")}
            for place, card in cards
        ],
    }  # fmt: skip


def _places(doc: Mapping[str, Any]) -> list[str]:
    """Return the places that values are given for by name: of one that is filled in here, wherever they are."""
    own = PLATFORMS[doc.get("platform", FORMER_PLATFORM)].own_templates
    return places_of(doc) if own else placeholders(doc["content"] or "")


def given_fields(body: Request) -> dict[str, Any]:
    """Return the fields of a template that a request gives, by the names they are kept under; null is their default."""
    fields: dict[str, Any] = {name: _DEFAULTS.get(name) for name in body.model_fields_set - {"wa_app"}}
    fields |= body.model_dump(exclude_none=True, exclude={"wa_app"})
    if "tags" in fields:
        fields["tags"] = list(dict.fromkeys(fields["tags"])) or None
    if fields.get("name") is None and isinstance(body, NewTemplate):
        fields["name"] = body.element_name
    return fields


async def create_template(ctx: OperationContext, platform: str, body: NewTemplate) -> dict[str, Any]:
    """Write a template and submit it to the carrier; a refusal or outage keeps it as a draft with the reason.

    In test mode the simulated carrier approves at once.
    """
    account = await choose_account(ctx, platform, body.wa_app, field="wa_app")
    if body.template_type in COMMERCE and not account.fields.get(SELLS):
        raise Invalid.field("template_type", f"{body.template_type} needs an app with {SELLS}")
    doc = _document(ctx.ids.new("tpl"), platform, account.id, given_fields(body), ctx.principal.username, ctx.now())
    if faults := form_faults(doc):
        raise Invalid(faults)
    if ctx.principal.may("template.submit"):
        doc.update(await submitted(ctx, account, doc))
        if doc["status"] in WATCHED:  # before it is there: one that is not is watched no further
            first = ctx.now() + timedelta(seconds=FIRST_LOOK_S)
            await ctx.ports.worker.add_jobs([review_job(ctx.data.scope, doc["_id"], 0, first)])
    try:
        written = await ctx.data.insert(
            "templates", doc, [ctx.event("template.created", doc["_id"], render_template(doc))]
        )
    except Duplicate as error:
        raise Invalid.field("element_name", "this app has a template of that name and language") from error
    return render_template(ctx.wrote(written))


async def add_known_template(ctx: Context, platform: str, app: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a template that its carrier has already; raises Duplicate."""
    named = {"name": fields["element_name"], **fields, "last_synced_at": ctx.now()}
    doc = _document(ctx.ids.new("tpl"), platform, app, named, ctx.principal.username, ctx.now())
    event = ctx.event("template.created", doc["_id"], render_template(doc))
    return render_template(ctx.wrote(await ctx.data.insert("templates", doc, [event])))


async def create_plain_template(ctx: Context, platform: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Write a template of a platform where nobody reviews them: it is approved, and every account's."""
    fields = {**given, "status": "APPROVED"}
    doc = _document(ctx.ids.new("tpl"), platform, platform, fields, ctx.principal.username, ctx.now())
    doc["name"] = doc["name"] or doc["element_name"]
    try:
        written = await ctx.data.insert(
            "templates", doc, [ctx.event("template.created", doc["_id"], render_template(doc))]
        )
    except Duplicate as error:
        raise Invalid.field("element_name", "there is a template of that name and language") from error
    return render_template(ctx.wrote(written))


async def get_template(ctx: Context, platform: str, id: str) -> Document:
    """Return a template of a platform; raises NotFound."""
    doc = await ctx.data.get("templates", id)
    if doc.get("platform", FORMER_PLATFORM) != platform or doc["deleted_at"] is not None:
        raise NotFound()
    return doc


def review_job(scope: str, template: str, step: int, at: datetime) -> Document:
    """Return the job that looks after a template on its way: hands it in again, or asks what has become of it."""
    return {
        "_id": f"job_review_{template}_{step}_{int(at.timestamp())}", "scope": scope, "kind": REVIEW_JOB,
        "due": due_at(at), "data": {"template": template, "step": step},
    }  # fmt: skip


async def submitted(ctx: OperationContext, account: Account, doc: Document) -> dict[str, Any]:
    """Hand a template in, and return the fields it has then."""
    channel = ctx.ports.channels[account.channel]
    if not isinstance(channel, ReviewsTemplates):
        return {"status": "APPROVED", "last_synced_at": ctx.now(), "needs_sync": False}  # nobody reviews them
    review = await channel.submit(account, doc)
    samples = with_samples(doc, review.samples)
    if review.error is not None:
        return {**samples, "error_message": review.error[:500], "needs_sync": True}
    return {
        **samples, "status": review.status, "meta_template_id": review.carrier_id, "last_synced_at": ctx.now(),
        "needs_sync": False, "error_message": None,
    }  # fmt: skip


def with_samples(doc: Mapping[str, Any], samples: Mapping[int | None, str]) -> dict[str, Any]:
    """Return the fields of a template that hold what its carrier knows samples by: of its header (None) and of cards.
    """
    fields: dict[str, Any] = {"media_handle": samples[None]} if None in samples else {}
    if any(place is not None for place in samples):
        cards = enumerate(doc["cards"])
        fields["cards"] = [{**card, "media_handle": samples.get(at, card.get("media_handle"))} for at, card in cards]
    return fields


async def change_template(ctx: Context, platform: str, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Change a template; where its carrier reviews them, a change of content asks for a new submission.

    Raises NotFound, and Invalid for what does not fit together, and on `content` where it would have none but needs it.
    """
    before, fields = await get_template(ctx, platform, id), dict(given)
    if "content" in fields and not fields["content"] and before["template_type"] not in WORDLESS:
        raise Invalid.field("content", "is required")
    if "name" in fields and fields["name"] is None:
        fields["name"] = before["element_name"]
    if fields.get("cards"):
        fields["cards"] = with_files(fields["cards"], before.get("cards") or ())
    if before["app"] != platform and (faults := form_faults({**before, **fields})):
        raise Invalid(faults)
    touched = {"content", "category", *FORM} & fields.keys()
    if touched and before["app"] != platform:
        fields["needs_sync"] = True
    fields.update(updated_by=ctx.principal.username, updated_at=ctx.now())
    return await set_template(ctx, id, fields, "template.updated")


async def account_of(ctx: OperationContext, doc: Document) -> Account | None:
    """Return the account of a template, None where it is gone."""
    app = await ctx.data.find("apps", doc["app"])
    return None if app is None or app["deleted_at"] is not None else ctx.ports.accounts.open(app)


async def delete_template(ctx: OperationContext, platform: str, id: str) -> None:
    """Remove a template, at its carrier as well where that takes it back; raises CarrierFailed where it refuses."""
    doc = await get_template(ctx, platform, id)
    account = None if doc["app"] == platform else await account_of(ctx, doc)
    channel = None if account is None else ctx.ports.channels[account.channel]
    if account is not None and doc["meta_template_id"] and isinstance(channel, TellsReviews):
        why = await channel.withdraw(account, doc)
        if why is not None:
            raise CarrierFailed(f"The carrier keeps the template: {why}"[:500])
    gone = {"deleted_at": ctx.now(), "is_active": False, "updated_at": ctx.now()}
    await set_template(ctx, id, gone, "template.deleted")


async def set_template(ctx: Context, id: str, fields: Mapping[str, Any], told: str) -> dict[str, Any]:
    """Set fields of a template and tell of it, and of another status by an event of its own; return it as answered."""

    def decide(doc: Document) -> Change:
        after, was = render_template(applied(doc, fields, (), ())), doc["status"]
        moved = ctx.event("template.status_changed", id, {**after, "former_status": was})
        return Change(set=fields, events=[ctx.event(told, id, after), *([moved] if after["status"] != was else ())])

    return render_template(ctx.wrote(await ctx.data.change("templates", id, decide)))


async def apply_template_report(ctx: Context, account: Account, fact: TemplateReport) -> None:
    """Move a template to what the carrier's review says.

    It is found by the carrier's id, else by its name among those of the account and of others at the same carrier,
    which a business account may share.
    """
    found = await ctx.data.find_one("templates", {"meta_template_id": fact.carrier_id, "deleted_at": None})
    found = found or await _named_so(ctx, account, fact)
    if found is None:
        return
    fields: dict[str, Any] = {"last_synced_at": ctx.now(), "updated_at": ctx.now()}
    if fact.category is not None:
        fields.update(category=fact.category)  # it is reviewed no second time: approved stays approved
    elif fact.status is not None:
        fields.update(
            status=fact.status,
            rejection_reason=fact.reason,
            meta_template_id=fact.carrier_id or found["meta_template_id"],
        )
    await set_template(ctx, found["_id"], fields, "template.updated")


async def _named_so(ctx: Context, account: Account, fact: TemplateReport) -> Document | None:
    spec = CHANNELS[account.channel].spec
    others = await ctx.data.select("apps", {"channel": spec.platform, "bsp": spec.provider}, fields={"_id": 1})
    query: dict[str, Any] = {
        "app": {"$in": [account.id, *(doc["_id"] for doc in others)]}, "element_name": fact.name,
        "language_code": fact.language, "deleted_at": None,
    }  # fmt: skip
    rows = await ctx.data.select("templates", query)
    return next(iter(sorted(rows, key=lambda doc: doc["app"] != account.id)), None)


async def named_template(ctx: Context, account: Account, named: NamedTemplate) -> TemplateUse:
    """Return the approved template a send names; raises Invalid on `template` or `template_name`."""
    platform = CHANNELS[account.channel].spec.platform
    homes = (account.id, platform)
    if named.id is not None:
        doc = await ctx.data.find("templates", named.id)
    else:
        query = {"app": {"$in": list(homes)}, "element_name": named.name, "language_code": named.language}
        doc = await ctx.data.find_one("templates", query)
    if doc is None or doc["deleted_at"] is not None or doc["app"] not in homes:
        raise Invalid.field("template" if named.id else "template_name", "there is no such template for this app")
    if doc["status"] != "APPROVED" or not doc["is_active"]:
        raise Invalid.field("template", f"the template is not approved (it is {doc['status']})")
    use = template_use(doc, named.body, header=named.header, buttons=named.buttons)
    links = await template_links(ctx, use.form, named.overrides)
    if named.expires is not None and named.expires <= ctx.now().timestamp() * 1000:
        raise Invalid.field("template_params.expiration_time_ms", "must lie ahead")
    shop = replace(use, cards=named.cards, sections=named.sections, catalog=named.catalog)
    return replace(shop, links=links, expires=named.expires)


def template_use(
    doc: Mapping[str, Any], body: Sequence[Mapping[str, Any]], *, header: Sequence[Mapping[str, Any]] = (),
    buttons: Sequence[Mapping[str, Any]] = (),
) -> TemplateUse:  # fmt: skip
    """Return a template and the values for its places as a channel takes it."""
    registered = {name: str(doc[name]) for name in REGISTERED if doc.get(name)}
    if doc.get("meta_template_id"):
        registered.setdefault("bsp_template_id", str(doc["meta_template_id"]))
    return TemplateUse(
        doc["_id"], doc["element_name"], doc["language_code"], doc["content"] or "", header, body, buttons,
        doc["category"], registered, {name: doc.get(name) for name in FORM},
    )  # fmt: skip


def said_here(platform: str, template: TemplateUse, field: str) -> dict[str, Any] | None:
    """Return a template that no carrier knows as a message in the inbox's words, None where its channel makes it one.

    Raises Invalid on `field` for values that are missing.
    """
    if not PLATFORMS[platform].own_templates or is_plain(template.form):
        return None
    form = {**shown_form(template), "content": template.content}
    values = given_values("\n".join(texts_of(form)), template.body, field)
    spoken = render(template.content, values) if template.content else ""
    return {**content_of(form, values, spoken), "template": template.name}


def shown_form(template: TemplateUse) -> Mapping[str, Any]:
    """Return what a template consists of, with the files of the library that it shows."""
    form, links = template.form, template.links
    if not links:
        return form
    cards = [
        {**card, "media_url": links.get(place, card.get("media_url"))}
        for place, card in enumerate(form.get("rich_cards") or ())
    ]  # fmt: skip
    return {**form, "example_media_url": links.get(None, form.get("example_media_url")), "rich_cards": cards or None}
