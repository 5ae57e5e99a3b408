"""How an organisation looks: pictures made harmless, domains proven on a real name server, letters in its name."""

from __future__ import annotations

import io
import secrets
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from PIL import Image

from jinaconnect.actions.office import branding as office
from tests.client import Answered, Client, until
from tests.conftest import Running
from tests.handlers.mail import post_office, posting, text_of
from tests.handlers.names import asking, name_server
from tests.tenants import Tenant

PATH = "/tenants/branding/"
New = Callable[[], Awaitable[Tenant]]


def png(width: int = 8, height: int = 8, kind: str = "PNG", **rest: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#336699").save(out, kind, **rest)
    return out.getvalue()


def svg(inside: str = "", before: str = "", **attributes: str) -> bytes:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"{given}>{inside}</svg>'.encode()


async def upload(client: Client, name: str, data: bytes, filename: str = "x.png") -> Answered:
    form = aiohttp.FormData()
    form.add_field(name, data, filename=filename, content_type="application/octet-stream")
    form.add_field("product_name", "Lee Desk")
    return await client.ask("PATCH", PATH, data=form)


async def fetched(client: Client, url: str) -> tuple[bytes, Any]:
    async with client.session.get(url) as response:
        assert response.status == 200
        return await response.read(), response.headers


async def test_branding_is_changed_told_and_public_at_nobodys_domain(tenant: Tenant) -> None:
    owner = tenant()
    first = (await owner.get(PATH)).ok()
    assert (first["id"], first["primary_color"], first["custom_domain_records"]) == (tenant.id, None, [])
    given = {"primary_color": "#aa0044", "product_name": "Desk", "favicon_url": "https://cdn.example/f.png"}
    changed = (await owner.patch(PATH, given)).ok()
    assert changed["effective_favicon_url"] == given["favicon_url"]
    events = [event for event in await owner.events() if event["type"] == "branding.updated"]
    assert [event["data"] for event in events] == [changed]
    assert (await tenant("viewer").get(PATH)).ok() == changed
    (await tenant("manager").patch(PATH, given)).refused(403, "permission_denied")
    (await tenant.anonymous.get(PATH)).refused(401, "not_authenticated")
    for bad in ({"primary_color": "red; background: url(//x)"}, {"product_name": "a\r\nBcc: x@y.example"},
                {"favicon_url": "javascript:alert(1)"}, {"custom_domain": "no domain"}, {"custom_domain": "10.0.0.1"},
                {"email_sender": {"name": "a\nb", "address": "a@b.example"}}):  # fmt: skip
        detail = (await owner.patch(PATH, bad)).refused(400, "validation_error")
        assert next(iter(detail)).startswith(next(iter(bad)))
    assert (await owner.get(PATH)).ok() == changed


async def test_pictures_are_written_again_and_replaced(gateway: Running, tenant: Tenant) -> None:
    owner = tenant()
    hidden = png(64, 32, "JPEG", comment=b"<script>alert(1)</script>", exif=b"Exif\0\0secret place")
    shown = (await upload(owner, "logo", hidden)).ok()
    assert shown["product_name"] == "Lee Desk"
    assert shown["logo"] == shown["primary_logo"] == shown["effective_primary_logo_url"]
    data, headers = await fetched(owner, shown["logo"])
    assert headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(data)).size == (64, 32)
    assert b"script" not in data
    assert b"secret" not in data
    second = (await upload(owner, "primary_logo", svg("<rect width='3' height='3'/>"))).ok()
    drawing, headers = await fetched(owner, second["logo"])
    assert headers["Content-Type"] == "image/svg+xml"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'; sandbox")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"<rect" in drawing
    assert (await tenant.anonymous.get(shown["logo"].removeprefix(gateway.url))).status == 404
    async with owner.session.get(second["logo"], headers={"Range": "bytes=0-4"}) as part:
        assert (part.status, await part.read()) == (206, drawing[:5])
    cleared = (await owner.delete(f"{PATH}primary-logo/")).ok()
    assert (cleared["logo"], cleared["effective_primary_logo_url"]) == (None, None)
    assert (await tenant.anonymous.get(second["logo"].removeprefix(gateway.url))).status == 404


def bomb() -> bytes:
    """Return a PNG of some hundred bytes that says it has 50,000 by 50,000 pixels."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("favicon", b"<html><script>alert(1)</script></html>"), ("favicon", png(kind="JPEG")), ("favicon", svg()),
        ("favicon", bomb()), ("favicon", png(300, 300)[:200]), ("favicon", b""), ("logo", b"GIF89a" + b"\0" * 40),
        ("logo", b"<html xmlns='http://www.w3.org/1999/xhtml'><body/></html>"), ("logo", svg("<g>" * 51 + "</g>" * 51)),
        ("logo", svg("x" * 500 * 1024)), ("logo", svg("<g>")), ("logo", b"%PDF-1.7"),
        ("logo", svg("&lol;", '<!DOCTYPE svg [<!ENTITY lol "lol"><!ENTITY b "&lol;&lol;">]>')),
        ("logo", svg("&x;", '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>')),
        ("secondary_logo", svg(before='<!DOCTYPE svg SYSTEM "http://127.0.0.1/x.dtd">')),
        ("logo", svg().decode().encode("utf-16")),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-bytes",
)  # fmt: skip
async def test_what_is_no_picture_is_refused_by_name_and_changes_nothing(
    tenant: Tenant, field: str, data: bytes
) -> None:
    before = (await tenant().get(PATH)).ok()
    detail = (await upload(tenant(), field, data)).refused(400, "validation_error")
    assert list(detail) == ["primary_logo" if field == "logo" else field]
    assert (await tenant().get(PATH)).ok() == before
    (await upload(tenant(), "picture", png())).refused(400, "validation_error")


async def test_a_drawing_loses_what_acts_and_what_leads_elsewhere(tenant: Tenant) -> None:
    inside = (
        "<script>alert(1)</script><style>@import url(//evil.example/a.css);</style><style>rect{fill:red}</style>"
        '<a href="javascript:alert(1)"><rect width="2" height="2" onclick="x()"/></a><image href="https://evil.example/x"/>'
        '<image href="//evil.example/y"/><use href="#b"/><use href="https://evil.example/#b"/><foreignObject>'
        '<iframe xmlns="http://www.w3.org/1999/xhtml" src="//evil.example/"/></foreignObject><rect id="b">'
        '<animate attributeName="href" to="javascript:alert(1)"/><set attributeName="onload" to="x()"/>'
        '<animateTransform attributeName="transform"/></rect><image href="data:text/html,hi"/>'
    )
    shown = (await upload(tenant(), "logo", svg(inside, onload="alert(1)"))).ok()
    data, _ = await fetched(tenant(), shown["logo"])
    text = data.decode().replace("http://www.w3.org/2000/svg", "")
    for word in ("script", "alert", "evil", "animate", "<set", "onclick", "onload", "iframe", "import", "data:", "//"):
        assert word not in text, (word, text)
    assert 'href="#b"' in text
    assert "fill:red" in text


async def test_a_domain_is_its_who_proves_it(gateway: Running, tenant: Tenant, new_tenant: New) -> None:
    other, domain = await new_tenant(), f"help.{secrets.token_hex(4)}.example"
    async with name_server() as names:
        with asking(gateway, names):
            shown = [(await each().patch(PATH, {"custom_domain": domain.upper()})).ok() for each in (tenant, other)]
            assert [each["custom_domain"] for each in shown] == [domain, domain]
            records = [each["custom_domain_records"][0] for each in shown]
            assert records[0]["name"] == f"_jinaconnect.{domain}"
            assert records[0]["value"] != records[1]["value"]
            failed = (await tenant().post(f"{PATH}verify-domains/")).ok()
            assert failed["custom_domain_status"] == "failed"
            host = {"Host": domain}
            (await tenant.anonymous.get(PATH, headers=host)).refused(401, "not_authenticated")
            names.records[records[0]["name"]] = records[1]["value"]  # somebody else's proof
            assert (await tenant().post(f"{PATH}verify-domains/")).ok()["custom_domain_status"] == "failed"
            names.records[records[0]["name"]] = records[0]["value"]
            assert (await tenant().post(f"{PATH}verify-domains/")).ok()["custom_domain_status"] == "verified"
            assert (await tenant.anonymous.get(PATH, headers=host)).ok()["id"] == tenant.id
            assert (await other().get(PATH, headers=host)).ok()["id"] == other.id, "who is known sees their own"
            assert "custom_domain" in (await (await new_tenant())().patch(PATH, {"custom_domain": domain})).refused(
                400, "validation_error"
            )
            names.records[records[1]["name"]] = records[1]["value"]
            assert "custom_domain" in (await other().post(f"{PATH}verify-domains/")).refused(400, "validation_error")
            names.broken = True
            (await other().post(f"{PATH}verify-domains/")).refused(503, "unavailable")
            names.broken = False
            moved = (await tenant().patch(PATH, {"custom_domain": None})).ok()
            assert (moved["custom_domain_status"], moved["custom_domain_records"]) == (None, [])
            (await tenant.anonymous.get(PATH, headers=host)).refused(401, "not_authenticated")
            assert (await other().post(f"{PATH}verify-domains/")).ok()["custom_domain_status"] == "verified"


async def test_a_domain_proves_itself_in_time(gateway: Running, tenant: Tenant, monkeypatch: Any) -> None:
    monkeypatch.setattr(office, "AGAIN_S", (0.1, 0.1, 0.1, 0.1))
    domain = f"{secrets.token_hex(5)}.example"
    sender = {"name": "Lee", "address": f"hello@{domain}"}

    async def stands(status: str) -> bool:
        shown = (await tenant().get(PATH)).ok()
        return bool(shown["custom_domain_status"] == shown["email_sender"]["status"] == status)

    async with name_server() as names:
        with asking(gateway, names):
            given = {"custom_domain": domain, "email_sender": sender}
            shown = (await tenant().patch(PATH, given)).ok()
            await until(lambda: stands("failed"))
            record = shown["custom_domain_records"][0]
            assert shown["email_sender"]["records"] == [record]
            names.records[record["name"]] = record["value"]
            (await tenant().patch(PATH, {"custom_domain": None})).ok()
            (await tenant().patch(PATH, given)).ok()
            await until(lambda: stands("verified"))


async def test_letters_come_in_the_organisations_name_once_its_domain_is_proven(
    gateway: Running, tenant: Tenant
) -> None:
    domain = f"{secrets.token_hex(5)}.example"
    sender = {"name": "Lee & Söhne", "address": f"hello@{domain}", "reply_to": f"desk@{domain}"}
    look = {"primary_color": "#aa0044", "product_name": "Lee Desk", "email_sender": sender}
    mails = [f"{secrets.token_hex(4)}@people.example" for _ in range(2)]

    async def invited(mail: str) -> Any:
        (await tenant().post("/tenants/members/invite/", {"email": mail, "role": "agent"})).ok(201)
        return await box.letter(mail)

    async with post_office() as box, name_server() as names:
        with posting(gateway, box), asking(gateway, names):
            shown = (await tenant().patch(PATH, look)).ok()
            first = await invited(mails[0])
            assert (first["From"].addresses[0].display_name, first["From"].addresses[0].domain) == (
                "Lee Desk", "localhost"
            )  # fmt: skip
            assert "#aa0044" in text_of(first, "html")
            record = shown["email_sender"]["records"][0]
            names.records[record["name"]] = record["value"]
            assert (await tenant().post(f"{PATH}verify-domains/")).ok()["email_sender"]["status"] == "verified"
            second = await invited(mails[1])
            found = second["From"].addresses[0]
            assert (found.display_name, found.addr_spec) == (sender["name"], sender["address"])
            assert str(second["Reply-To"]) == sender["reply_to"]
            again = (await tenant().patch(PATH, {"email_sender": {**sender, "address": "a@other.example"}})).ok()
            assert again["email_sender"]["status"] == "pending", "another domain is proven anew"
