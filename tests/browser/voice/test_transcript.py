"""What was said in a recording, on the call's page: who said it, and heard from there by a click."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from playwright.async_api import Page, Route, expect

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.browser.signing_in import sign_in
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.telephony.transcribe.services import SAID, Service
from tests.telephony.transcribe.sounds import silence, wav
from tests.telephony.transcribe.test_transcripts import asking, line_at, recorded, running

# Notes each passage that is marked as the one being heard, however short it is.
MARKED = """() => {
  window.marked = [];
  const note = ({ target }) => target.getAttribute("aria-current") === "true" && marked.push(target.dataset.at);
  new MutationObserver((all) => all.forEach(note))
    .observe(document.body, { subtree: true, attributes: true, attributeFilter: ["aria-current"] });
}"""


async def test_a_transcript_names_its_speakers_and_is_heard_from_a_word(
    page: Page, mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    service, drawn = Service(), asyncio.Event()
    await service.start()

    async def hold(route: Route) -> None:
        await drawn.wait()
        await route.continue_()

    await page.route("**/peaks/", hold)
    async with running(mongod, tmp_path, asking("deepgram", service)) as gateway, line_at(gateway, http) as line:
        there = Running(gateway.services.settings.own_url, gateway.services, gateway)
        person = await add_person(there, line.tenant, "owner", "Sam")
        call, _ = await recorded(line, wav(silence(60), silence(60)), metadata={"language": "en-GB"})
        await sign_in(page, there.url, person, f"#/calls/{call}")
        said = page.locator(".passages li")
        await expect(said).to_have_count(2)  # though nothing was written down when the page was opened
        await expect(said.first).to_contain_text("Customer")
        await expect(said.last).to_contain_text("Agent")
        await expect(said.last).to_contain_text(SAID[1].split()[0])
        place = page.get_by_role("slider")
        await page.evaluate(MARKED)
        await said.last.get_by_role("button").press("Enter")  # before it can be played
        drawn.set()
        await page.wait_for_function("() => marked.includes('2')")
        await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Pause", exact=True).click()
        await said.first.get_by_text(SAID[0].split()[-1]).click()
        await expect(place).not_to_have_attribute("aria-valuetext", "00:00")
    await service.stop()
