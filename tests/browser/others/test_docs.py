"""The page that shows the API: in a browser, every operation, and requests tried from it."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect

from jinaconnect.handlers.edge.description.openapi import description
from tests.conftest import Running
from tests.tenants import Tenant

PAGES = files("jinaconnect.handlers").joinpath("pages")
VENDORED = PAGES.joinpath("vendored")
DRAWN_WITHIN_MS = 120_000  # hundreds of operations, all drawn at once by the library, on a machine that may be busy


async def opened(page: Page, url: str) -> None:
    await page.set_viewport_size({"width": 1280, "height": 900})
    page.set_default_timeout(DRAWN_WITHIN_MS)  # an operation that is opened takes as long once more
    await page.goto(url)
    await page.locator(".opblock").first.wait_for()


async def test_the_docs_show_every_operation(page: Page, gateway: Running) -> None:
    wanted = {told["operationId"] for item in description()["paths"].values() for told in item.values()}
    for path in ("/docs/", "/swagger/", "/redoc/"):
        await opened(page, gateway.url + path)
        shown: set[str] = set()
        while not wanted <= shown:  # what is far from the window is not drawn yet
            shown |= set(await page.locator(".opblock-summary-operation-id").all_inner_texts())
            await page.mouse.wheel(0, 600)


async def test_a_request_is_tried_from_the_docs(page: Page, gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    await opened(page, gateway.url + "/docs/")
    await page.locator("button.authorize").click()
    await page.locator(".auth-container input").fill(str(client.credential))
    await page.locator(".auth-container button[type=submit]").click()
    await page.locator(".auth-container .btn-done").click()
    await page.locator(".operation-filter-input").fill("contacts")
    entry = page.locator(".opblock", has=page.get_by_text("contacts.create", exact=True))
    await entry.locator(".opblock-summary-control").click()
    shown = await entry.locator("textarea.body-param__text").input_value()
    assert '"+12025550111"' in shown, "the body to send is the example"
    await entry.locator("button.execute").click()
    status = entry.locator(".live-responses-table .response .response-col_status").first
    await expect(status).to_contain_text("201", timeout=DRAWN_WITHIN_MS)
    listed = (await client.get("/contacts/")).ok()["results"]
    assert [contact["full_name"] for contact in listed] == ["Ann Lee"]


def test_files_of_others_are_the_ones_listed() -> None:
    listed = dict(re.findall(r"\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|", VENDORED.joinpath("README.md").read_text()))
    scripts = {file.name for file in VENDORED.iterdir() if file.name.endswith((".js", ".css"))}
    assert scripts == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256(VENDORED.joinpath(name).read_bytes()).hexdigest() == digest
        assert f"/static/{name}" in PAGES.joinpath("docs.html").read_text()


@pytest.mark.parametrize("path", ["/docs/", "/openapi.json", "/static/swagger-ui-5.35.0.js", "/static/docs.js/"])
async def test_a_file_is_sent_packed_and_once(gateway: Running, path: str) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def get(**headers: str) -> tuple[int, bytes, Any]:
            plain = {"Accept-Encoding": "identity", **headers}
            async with session.get(gateway.url + path, headers=plain) as answer:
                return answer.status, await answer.read(), answer.headers

        status, body, headers = await get()
        assert (status, headers.get("Content-Encoding")) == (200, None)
        status, packed, told = await get(**{"Accept-Encoding": "gzip, br"})
        assert (status, told["Content-Encoding"], gzip.decompress(packed)) == (200, "gzip", body)
        assert "Accept-Encoding" in told["Vary"]
        assert ("immutable" in told["Cache-Control"]) == ("swagger-ui" in path)
        status, nothing, again = await get(**{"If-None-Match": f'"other", {headers["ETag"]}'})
        assert (status, nothing, again["ETag"]) == (304, b"", headers["ETag"])
        assert (await get(**{"If-None-Match": '"other"'}))[0] == 200
