"""One's own profile: the picture in it."""

from __future__ import annotations

import io

import aiohttp
from PIL import Image

from tests.client import Answered, Client
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.tenants import Tenant

ME = "/users/user/me/"


def picture(kind: str, **more: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "#336699").save(out, kind, **more)
    return out.getvalue()


async def upload(client: Client, data: bytes, part: str = "image", **fields: str) -> Answered:
    form = aiohttp.FormData(fields)
    form.add_field(part, data, filename="me", content_type="application/octet-stream")
    return await client.ask("PATCH", ME, data=form)


async def test_a_picture_is_shown_to_colleagues_and_made_harmless(gateway: Running, tenant: Tenant) -> None:
    person = await add_person(gateway, tenant, "agent")
    sent = picture("JPEG", comment="where I live")
    own = (await upload(person.client, sent, first_name="Ann")).ok()
    assert own["first_name"] == "Ann"
    path = own["image"].removeprefix(gateway.url)
    served = await tenant.anonymous.get(path)
    assert (served.headers["Content-Type"], "immutable" in served.headers["Cache-Control"]) == ("image/png", True)
    assert b"where I live" in sent
    assert b"where I live" not in served.ok()
    assert Image.open(io.BytesIO(served.body)).size == (40, 30)
    assert [row["image"] for row in (await tenant().get("/users/user/")).ok()["results"]] == [own["image"]]
    other = (await upload(person.client, picture("PNG"))).ok()["image"]
    assert other != own["image"]
    (await tenant.anonymous.get(path)).refused(404, "not_found")
    assert (await person.client.patch(ME, {"last_name": "Lee"})).ok()["image"] == other
    assert (await person.client.patch(ME, {"image": None})).ok()["image"] is None
    (await tenant.anonymous.get(other.removeprefix(gateway.url))).refused(404, "not_found")


async def test_a_whole_profile_with_the_present_address_is_taken(gateway: Running, tenant: Tenant) -> None:
    person = await add_person(gateway, tenant, "agent")
    own = (await person.client.get(ME)).ok()
    whole = {name: own[name] for name in ("first_name", "last_name", "email", "mobile", "birth_date", "address")}
    assert (await person.client.patch(ME, {**whole, "email": own["email"].upper()})).ok() == own


async def test_what_is_no_picture_is_refused_and_changes_nothing(gateway: Running, tenant: Tenant) -> None:
    person = await add_person(gateway, tenant, "agent")
    for data in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"x" * (1024 * 1024 + 1)):
        detail = (await upload(person.client, data, first_name="Bo")).refused(400, "validation_error")
        assert list(detail) == ["image"]
    assert list((await upload(person.client, picture("PNG"), "photo")).refused(400, "validation_error")) == ["photo"]
    (await person.client.patch(ME, {"image": "https://elsewhere.example/me.png"})).refused(400, "validation_error")
    shown = (await person.client.get(ME)).ok()
    assert (shown["image"], shown["first_name"] == "Bo") == (None, False)
