"""Accounts by letter: `/tenants/register/`, the proof of an address, another password, and the pages links lead to."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field, HttpUrl, StringConstraints

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.identity import accounts
from jinaconnect.actions.identity.letters import ask_for_letter, count_letter
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.account import TenantData
from jinaconnect.core.office.industries import INDUSTRIES
from jinaconnect.core.paging import SHORT
from jinaconnect.core.schema import Answer, Line, Mail, OneOf, Phone, Request, example, sample
from jinaconnect.handlers.edge.description.docs import page
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.identity.auth import Secret
from jinaconnect.handlers.identity.members import MemberOut

Token = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Part = Annotated[Line, StringConstraints(min_length=1, max_length=150)]
Password = Annotated[str, StringConstraints(strip_whitespace=False, max_length=256)]
_ASKED = "If there is such an account, a letter is on its way."
_SAMPLE = "kq3ZrY6vT1m8Jx0bWn4cLd7s"


class Registration(
    Request,
    json_schema_extra=example(
        tenant_name="Lee & Sons", tenant_country="US", first_name="Ann", last_name="Lee", email="ann.lee@example.com",
        phone="+12025550123", password="correct horse battery staple",
    ),
):  # fmt: skip
    """An organisation, and the person it begins with."""

    tenant_name: Annotated[Line, StringConstraints(min_length=1, max_length=255)]
    tenant_website: Annotated[HttpUrl, Field(max_length=255)] | None = None
    tenant_address: Annotated[Line, StringConstraints(max_length=255)] | None = None
    tenant_country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    tenant_state: Annotated[Line, StringConstraints(max_length=10)] | None = None
    tenant_industry: Annotated[str, OneOf(tuple(INDUSTRIES))] | None = None
    first_name: Part
    last_name: Part
    email: Mail
    phone: Phone
    password: Password


class Registered(
    Answer,
    json_schema_extra=example(
        message="Confirm your address with the link in the letter.", user_id="usr_01kc8x2v7m4q9r5t1w3y6z8a0b",
        tenant_id="ten_01kc8x2v7m4q9r5t1w3y6z8a0b", email="ann.lee@example.com", tenant_name="Lee & Sons",
        email_sent=True,
    ),
):  # fmt: skip
    """What was made."""

    message: str
    user_id: str
    tenant_id: str
    email: str
    tenant_name: str
    email_sent: bool


class FirstOwner(
    Request, json_schema_extra=example(
        first_name="Ann", last_name="Lee", email="ann.lee@example.com", phone="+12025550123"
    )
):
    """Whom an organisation is made for."""

    first_name: Part
    last_name: Part
    email: Mail
    phone: Phone


class NewTenant(
    Request, json_schema_extra=example(name="Lee & Sons", country="US", owner=sample(FirstOwner)),
):  # fmt: skip
    """An organisation to make for somebody."""

    name: Annotated[Line, StringConstraints(min_length=1, max_length=255)]
    website: Annotated[HttpUrl, Field(max_length=255)] | None = None
    address: Annotated[Line, StringConstraints(max_length=255)] | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    state: Annotated[Line, StringConstraints(max_length=10)] | None = None
    industry: Annotated[str, OneOf(tuple(INDUSTRIES))] | None = None
    owner: FirstOwner


class NewTenantOut(
    TenantData, json_schema_extra=example(**sample(TenantData), owner="usr_01kc8x2v7m4q9r5t1w3y6z8a0b")
):
    """An organisation as it was made, and who owns it."""

    owner: str


@operation(
    "POST", "/tenants/", id="tenants.create", permission="billing.platform", body=NewTenant, returns=NewTenantOut,
    status=201, effect=True, tag="tenants",
)  # fmt: skip
async def create_tenant(ctx: OperationContext, body: NewTenant) -> dict[str, Any]:
    """Make an organisation for somebody, for the deployment's own people.

    Its owner confirms their address with the link of a letter, and then chooses a password by `forgot-password/`.
    """
    return await accounts.found(ctx, body.model_dump(mode="json"))


class LinkedLogin(
    Request,
    json_schema_extra=example(first_name="Bo", mobile="+12025550124", password="eight green bottles, 1 wall"),
):
    """A person who logs in by their telephone number."""

    first_name: Part
    last_name: Annotated[Line, StringConstraints(max_length=150)] | None = None
    mobile: Phone
    password: Password


class OfAddress(Request, json_schema_extra=example(email="ann.lee@example.com")):
    """Whom a letter goes to."""

    email: Mail


class OfToken(Request, json_schema_extra=example(token=_SAMPLE)):
    """The secret of a letter."""

    token: Token


class NewPassword(
    Request,
    json_schema_extra=example(
        token=_SAMPLE, password="seven green bottles, 1 wall", confirm_password="seven green bottles, 1 wall"
    ),
):
    """The secret of a letter, and the password to set."""

    token: Token
    password: Password
    confirm_password: Secret


class LetterAsked(Answer, json_schema_extra=example(message=_ASKED)):
    """That it was heard; nothing of who is known."""

    message: str


class Proven(Answer, json_schema_extra=example(message="The address is confirmed.", email="ann.lee@example.com")):
    """What was done, and for which address."""

    message: str
    email: str


class Valid(Answer, json_schema_extra=example(valid=True, email="ann.lee@example.com")):
    """That a secret works, and for which address."""

    valid: Literal[True]
    email: str


@operation(
    "POST", "/tenants/register/", id="accounts.register", permission=PUBLIC, body=Registration, returns=Registered,
    status=201, tag="auth",
)  # fmt: skip
async def register(ctx: OperationContext, body: Registration) -> dict[str, Any]:
    """Register an organisation with its owner, who can log in once they have confirmed their address.

    The letter's link works for 24 hours. An address may have an account in several organisations: whether it has one
    already is not told, and nothing of the other is touched.
    """
    return await accounts.register(ctx, body.model_dump(mode="json"))


@operation(
    "POST", "/users/user-login-patch/", id="accounts.link", permission=PUBLIC, body=LinkedLogin, returns=MemberOut,
    status=201, tag="auth", own_credentials=True, known=True, errors=(403,),
    headers={"X-ACCESS-KEY": Parameter("An API key of a role that may invite.", SHORT)},
)  # fmt: skip
async def link(ctx: OperationContext, body: LinkedLogin) -> Reply:
    """Make a person with a telephone number an agent of the organisation of the header `X-ACCESS-KEY`.

    They log in with the number. Who is there already is answered 200, and proves it by their password.
    """
    shown, new = await accounts.link(ctx, ctx.caller.headers.get("X-ACCESS-KEY"), body.given())
    return Reply(shown, 201 if new else 200)


@operation(
    "POST", "/tenants/verify-email/", id="accounts.verify", permission=PUBLIC, body=OfToken, returns=Proven, tag="auth"
)
async def verify(ctx: OperationContext, body: OfToken) -> dict[str, Any]:
    """Confirm an address with the secret of its letter; 400 with `already_verified` where that was done before.

    It is the address of a registration, or another one that somebody asked for in their profile and logs in by from
    now on: 400 with `address_taken` where another account of the organisation has it.
    """
    return {"message": "The address is confirmed.", "email": await accounts.verify(ctx, body.token)}


@operation(
    "GET", "/tenants/verify-email/", id="accounts.verify_by_link", permission=PUBLIC, status=302, tag="auth",
    query={"token": Parameter("The secret of the letter.", SHORT)}, leads=True,
)  # fmt: skip
async def verify_by_link(ctx: OperationContext) -> Reply:
    """Confirm an address and lead to the log-in page, with what came of it in the query."""
    try:
        told = {"verified": "success", "email": await accounts.verify(ctx, ctx.caller.query.get("token", ""))}
    except Invalid as error:
        if error.extra.get("already_verified"):
            told = {"verified": "already"}
        elif error.extra.get("address_taken"):
            told = {"error": "address_taken"}
        else:
            told = {"error": "token_expired" if error.code == "token_expired" else "invalid_token"}
    frontend = ctx.services.settings.frontend_url
    return _led(f"{frontend}/login?{urlencode(told)}" if frontend else f"/?{urlencode(told)}")


@operation(
    "POST", "/tenants/resend-verification/", id="accounts.resend", permission=PUBLIC, body=OfAddress,
    returns=LetterAsked, tag="auth",
)  # fmt: skip
async def resend(ctx: OperationContext, body: OfAddress) -> dict[str, Any]:
    """Have another letter written to an address that is not confirmed; the earlier link ends.

    The answer is the same for every address.
    """
    await count_letter(ctx, body.email)
    await ask_for_letter(ctx, "verify", address=body.email.lower())
    return {"message": _ASKED}


@operation(
    "POST", "/tenants/validate-verification-token/", id="accounts.check_verification", permission=PUBLIC, body=OfToken,
    returns=Valid, tag="auth",
)  # fmt: skip
async def check_verification(ctx: Context, body: OfToken) -> dict[str, Any]:
    """Tell whether a secret can confirm an address; 400 with `valid: false` where it cannot."""
    return {"valid": True, "email": (await accounts.verifiable(ctx, body.token))[1]}


@operation(
    "POST", "/tenants/forgot-password/", id="accounts.forgot", permission=PUBLIC, body=OfAddress, returns=LetterAsked,
    tag="auth",
)  # fmt: skip
async def forgot(ctx: OperationContext, body: OfAddress) -> dict[str, Any]:
    """Have a letter written with a link to choose another password, one for each account of the address.

    The link works once, for an hour. The answer is the same for every address.
    """
    await count_letter(ctx, body.email)
    await ask_for_letter(ctx, "reset", address=body.email.lower())
    return {"message": _ASKED}


@operation(
    "POST", "/tenants/validate-reset-token/", id="accounts.check_reset", permission=PUBLIC, body=OfToken, returns=Valid,
    tag="auth",
)  # fmt: skip
async def check_reset(ctx: Context, body: OfToken) -> dict[str, Any]:
    """Tell whether a secret can set a password; 400 with `valid: false` where it cannot."""
    return {"valid": True, "email": (await accounts.resettable(ctx, body.token))["email"]}


@operation(
    "GET", "/tenants/reset-password/", id="accounts.check_reset_by_link", permission=PUBLIC, returns=Valid, tag="auth",
    query={"token": Parameter("The secret of the letter.", SHORT)},
)  # fmt: skip
async def check_reset_by_link(ctx: Context) -> dict[str, Any]:
    """Tell whether a secret can set a password."""
    return {"valid": True, "email": (await accounts.resettable(ctx, ctx.caller.query.get("token", "")))["email"]}


@operation(
    "POST", "/tenants/reset-password/", id="accounts.reset", permission=PUBLIC, body=NewPassword, returns=Proven,
    tag="auth",
)  # fmt: skip
async def reset(ctx: OperationContext, body: NewPassword) -> dict[str, Any]:
    """Set another password with the secret of a letter; every session of the account ends."""
    email = await accounts.reset_password(ctx, body.token, body.password, body.confirm_password)
    return {"message": "The password is changed.", "email": email}


def _led(url: str) -> Reply:
    return Reply(None, 302, {"Location": url})


async def _linked(ctx: Context, path: str, token: str) -> Reply:
    """Lead to the deployment's own front end, or show our page."""
    frontend = ctx.services.settings.frontend_url
    if frontend:
        return _led(f"{frontend}{path}?{urlencode({'token': token})}")
    return await page(ctx, "account.html")


def _link(path: str, id: str, text: str) -> None:
    """Declare the page that the link of a letter leads to. Looking at it does nothing: programs look at links too."""

    async def answer(ctx: Context, token: str) -> Reply:
        return await _linked(ctx, path, token)

    answer.__doc__ = text
    operation(
        "GET", f"{path}/{{token}}/", id=id, permission=PUBLIC, tag="auth", media_type="text/html", leads=True
    )(answer)


_link("/verify-email", "accounts.verify_page", "Show the page that confirms an address, or lead to the front end's.")
_link("/reset-password", "accounts.reset_page", "Show the page that sets another password, or lead to the front end's.")
_link("/accept-invitation", "accounts.accept_page", "Show the page of an invitation, or lead to the front end's.")
