"""Letters to people, as jobs: what opens an account is made when its letter is written, and kept as a hash alone.

A request only leaves word that a letter is asked for, whether or not there is anybody with the address: so neither its
answer nor the time it takes tells who is known. A letter goes to its account's address, or where its job says `to`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.identity.authentication import key_hash
from jinaconnect.actions.office.branding import base_url
from jinaconnect.actions.ports import Ports
from jinaconnect.core.errors import Invalid, Throttled
from jinaconnect.core.office import letters
from jinaconnect.core.office.branding import brand_of, branding_of
from jinaconnect.core.office.letters import Letter, as_html, as_text
from jinaconnect.mail import Mail, MailPostponed, MailRefused
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.secrets.passwords import mark_of

JOB = "letter"
VERIFY_WITHIN, RESET_WITHIN = timedelta(hours=24), timedelta(hours=1)
# Pauses before each further try, in seconds: a server that does not know us yet takes mail after some minutes.
AGAIN_S = (2, 30, 300, 900, 3600, 4 * 3600, 12 * 3600)
_NOBODYS = "letters:live"  # where letters wait of which it is not known yet whose they are

logger = structlog.get_logger(__name__)


async def count_letter(ctx: OperationContext, address: str) -> None:
    """Count a letter that somebody asks for; raises Throttled, whether or not anybody has the address."""
    verdict = await ctx.ports.rates.letter(ctx.caller.ip, address)
    if not verdict.allowed:
        raise Throttled("Too many letters to this address.", retry_after=max(1.0, verdict.reset_s))


def unusable(why: str, *, code: str = "validation_error", **extra: Any) -> Invalid:
    """Return the refusal of a letter's secret."""
    return Invalid({"token": [why]}, code=code, extra={"valid": False, **extra})


def letter_job(ctx: Context, kind: str, scope: str = _NOBODYS, id: str | None = None, **data: Any) -> Document:
    """Return the job of a letter: `verify` and `reset` for an `address`, or for the account of a `user`."""
    id = id or ctx.ids.new("job")
    return _job(ctx.services, id, scope, {"id": id, "kind": kind, "tries": 0, **data})


def _job(services: Services, id: str, scope: str, data: Mapping[str, Any], after_s: float = 0) -> Document:
    at = services.clock() + timedelta(seconds=after_s)
    return {"_id": id, "scope": scope, "kind": JOB, "data": dict(data), "due": due_at(at)}


async def ask_for_letter(ctx: OperationContext, kind: str, **data: Any) -> None:
    """Have a letter written soon."""
    await ctx.ports.worker.add_jobs([letter_job(ctx, kind, **data)])


def seal_token(services: Services, job: str, token: str) -> bytes:
    """Return the secret of an invitation as it waits for its letter."""
    return services.secrets.seal(token, f"letters/{job}/token")


async def write_letter(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Write and send one letter; of an address, have one written for each account it has."""
    if "address" in data:
        found = await services.people.accounts(data["address"])
        await ports.worker.add_jobs([job for user in found if (job := await _one_of(services, user, data))])
        return
    user = await services.people.user(data["user"])
    tenant = await services.registry.tenant(scope.rpartition(":")[0])
    if user is None or tenant is None or tenant.get("suspended"):
        return
    letter = await _KINDS[data["kind"]](services, user, tenant, data)
    if letter is None:
        return
    mail = _mail(services, data["id"], data.get("to", user["email"]), letter, tenant)
    try:
        await ports.mailer.send(mail, services.clock())
    except MailRefused as error:
        logger.warning("mail.refused", to=mail.to, id=mail.id, error=str(error)[:500])
    except MailPostponed as error:
        await _again(services, ports, scope, data, str(error))


async def _one_of(services: Services, user: Document, data: Mapping[str, Any]) -> Document | None:
    """Return the job of the letter for one of an address's accounts, None where it is of no organisation."""
    tenant = user.get("home") or next(iter(await services.people.tenants_of(user["_id"])), None)
    if tenant is None:
        return None
    id = f"{data['id']}.{user['_id']}"
    told = {"id": id, "kind": data["kind"], "tries": 0, "user": user["_id"], "password": mark_of(user["password"])}
    return _job(services, id, f"{tenant}:live", told)


async def _again(services: Services, ports: Ports, scope: str, data: Mapping[str, Any], error: str) -> None:
    tries = data["tries"]
    if tries == len(AGAIN_S):
        logger.error("mail.given_up", id=data["id"], tries=tries, error=error[:500])
        return
    logger.info("mail.postponed", id=data["id"], tries=tries, error=error[:500])
    # A job of its own each time: the worker's pauses are those of work that is soon done or never.
    following = _job(services, f"{data['id']}~{tries + 1}", scope, {**data, "tries": tries + 1}, AGAIN_S[tries])
    await ports.worker.add_jobs([following])


def _mail(services: Services, id: str, to: str, letter: Letter, tenant: Document) -> Mail:
    brand, sender = brand_of(tenant, base_url(services)), branding_of(tenant).get("email_sender")
    texts = as_text(letter, brand), as_html(letter, brand)
    if sender and sender["status"] == "verified":
        return Mail(id, to, letter.subject, *texts, sender["name"], sender["address"], sender["reply_to"])
    return Mail(id, to, letter.subject, *texts, brand.name, services.settings.mail_sender)


def _token(services: Services, id: str) -> str:
    """Return the secret of a letter: the same one at every try, so that the link of each of them works."""
    made = hmac.digest(services.secrets.derive("letters"), id.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def link(services: Services, path: str) -> str:
    """Return an address of ours as it stands in letters."""
    return f"{base_url(services)}{path}"


async def _verification(services: Services, user: Document, tenant: Document, data: Mapping[str, Any]) -> Letter | None:
    if user["email_verified"] or "verification" not in user:
        return None
    token = _token(services, data["id"])
    kept = {"hash": key_hash(token), "until": services.clock() + VERIFY_WITHIN}
    if not await _opens(services, user, {"verification": kept}):
        return None
    return letters.verification(user["first_name"], tenant["name"], link(services, f"/verify-email/{token}/"))


async def _reset(services: Services, user: Document, tenant: Document, data: Mapping[str, Any]) -> Letter | None:
    # Asked for to replace this password and no later one: a letter that is sent once more, because the first one's
    # arrival was not heard of, opens nothing again. Nor does one whose job was left twice, by a secret of its own.
    password = mark_of(user["password"])
    if not user["is_active"] or data.get("password", password) != password:
        return None
    token = _token(services, f"{data['id']}/{password}")
    kept = {"hash": key_hash(token), "until": services.clock() + RESET_WITHIN}
    if not await _opens(services, user, {"reset": kept}):
        return None
    return letters.reset(user["first_name"], tenant["name"], link(services, f"/reset-password/{token}/"))


async def _opens(services: Services, user: Document, kept: Document) -> bool:
    """Keep what a letter to a person's address opens; False where address or password is another one meanwhile."""
    return await services.people.set_user(user["_id"], kept, {name: user[name] for name in ("email", "password")})


async def _moving(services: Services, user: Document, tenant: Document, data: Mapping[str, Any]) -> Letter | None:
    token = _token(services, data["id"])
    kept = {"moving_to.hash": key_hash(token), "moving_to.until": services.clock() + VERIFY_WITHIN}
    if not await services.people.set_user(user["_id"], kept, {"moving_to.asked": data["id"]}):
        return None  # withdrawn, done or asked for again
    return letters.moving(user["first_name"], tenant["name"], link(services, f"/verify-email/{token}/"))


async def _moved(services: Services, user: Document, tenant: Document, data: Mapping[str, Any]) -> Letter | None:
    return letters.moved(user["first_name"], tenant["name"], data["shown"])


async def _changed(services: Services, user: Document, tenant: Document, data: Mapping[str, Any]) -> Letter | None:
    return letters.changed(user["first_name"], tenant["name"])


async def _invitation(services: Services, user: Document, tenant: Document, data: Mapping[str, Any]) -> Letter | None:
    token = services.secrets.open(data["token"], f"letters/{data['sealed_for']}/token")
    if (user.get("invitation") or {}).get("hash") != key_hash(token):
        return None  # withdrawn, accepted or followed by another one
    url = link(services, f"/accept-invitation/{token}/")
    return letters.invitation(user["first_name"], tenant["name"], data["inviter"], data["message"], url)


_KINDS = {
    "verify": _verification, "reset": _reset, "changed": _changed, "invite": _invitation, "move": _moving,
    "moved": _moved,
}  # fmt: skip
