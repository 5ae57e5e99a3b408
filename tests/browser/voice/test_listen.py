"""A supervisor at the console: hears a call, whispers, barges in; the page says at all times who hears them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import page_of
from tests.browser.signing_in import sign_in
from tests.browser.test_look import faults
from tests.browser.voice.test_softphone import becomes_a_telephone
from tests.client import until as becomes
from tests.handlers.people import Person
from tests.telephony.asterisk import until
from tests.telephony.calls.desks import CALLER, incoming, newcomer, number_to
from tests.telephony.calls.parties import Meeting, meeting
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.supervisor import SUPERVISOR_HZ, supervising
from tests.telephony.calls.telephone import Exchange

PEAKS = """async (tones) => {
  const { node } = document.querySelector("jc-listen");
  const seen = (window.seen ??= new AnalyserNode(node.context, { fftSize: 16384, smoothingTimeConstant: 0 }));
  node.connect(seen);
  const found = new Float32Array(seen.frequencyBinCount);
  seen.getFloatFrequencyData(found);
  const width = node.context.sampleRate / seen.fftSize;
  const at = (hertz) => Math.max(...found.slice(Math.round(hertz / width) - 4, Math.round(hertz / width) + 5));
  return tones.map(at);
}"""
# What the telephone of a page plays: kept from its connections, since the telephone itself shows nothing of it.
HEARS = """() => {
  const Real = RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...given) {
      super(...given);
      this.addEventListener("track", ({ streams: [stream] }) => {
        const context = new AudioContext();
        window.heard = new AnalyserNode(context, { fftSize: 16384, smoothingTimeConstant: 0 });
        context.createMediaStreamSource(stream).connect(window.heard);
      });
    }
  };
}"""
PLAYED = """(tones) => {
  if (!window.heard) return null;
  const found = new Float32Array(heard.frequencyBinCount), width = heard.context.sampleRate / heard.fftSize;
  heard.getFloatFrequencyData(found);
  return tones.map((hertz) => Math.max(...found.slice(Math.round(hertz / width) - 4, Math.round(hertz / width) + 5)));
}"""
TOLD = "document.querySelector('jc-listen').told"


async def told(page: Page, fits: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
    """Wait until what the audio thread says of itself fits; the page evaluates no text of ours in a wait of its own."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 30
    while True:
        said = await page.evaluate(TOLD)
        if said and fits(said):
            return dict(said)
        assert loop.time() < end, (what, said)
        await asyncio.sleep(0.05)


@pytest.fixture
async def page(talking_browser: Browser) -> AsyncIterator[Page]:
    async with page_of(talking_browser) as opened:
        yield opened


@pytest.fixture
async def boss(phone: Exchange) -> Person:
    return await newcomer(phone, "admin", "Sam")


async def listens(page: Page, phone: Exchange, who: Person, met: Meeting) -> None:
    await sign_in(page, phone.url, who, f"#/calls/{met.id}")
    await page.get_by_role("button", name="Listen to this call").click()
    box = page.locator("jc-listen")
    await expect(box).to_contain_text("Your organisation allows listening to live calls.")
    await box.get_by_role("button", name="Listen now").click()
    await expect(box.locator(".heard-by")).to_have_text("Heard by nobody")
    await told(page, lambda now: now["level"] > 0.02, "something being heard")


async def test_what_is_heard_and_by_whom(page: Page, phone: Exchange, boss: Person) -> None:
    async with meeting(phone) as met:
        await listens(page, phone, boss, met)
        box, said = page.locator("jc-listen"), page.locator("jc-listen .heard-by")

        async def both() -> bool:  # each tone stands far above what is between them
            agent, customer, none = await page.evaluate(PEAKS, [AGENT_HZ, CUSTOMER_HZ, 2_300])
            return bool(min(agent, customer) > max(-60, none + 20))

        await becomes(both, 60)
        met.agent.line.say(0)
        met.customer.line.say(0)
        await told(page, lambda now: now["level"] < 0.01, "silence")
        await until(met.agent.line.quiet, "silence for the agent")
        await until(met.customer.line.quiet, "silence for the customer")

        await box.get_by_role("button", name="Whisper").click()
        await expect(said).to_have_text("Heard by the agent")
        await until(lambda: not met.agent.line.quiet(), "the beep of the microphone at the agent's", 20)
        assert met.customer.line.quiet()

        await box.get_by_role("button", name="Barge in").click()
        await expect(said).to_have_text("Heard by both")
        await until(lambda: not met.customer.line.quiet(), "the beep of the microphone at the customer's", 20)

        await page.evaluate("location.hash = '#/inbox'")  # it goes on, and says so, on every page
        await expect(said).to_have_text("Heard by both")
        await met.order("hold")  # the two are apart: nobody is to hear more of it
        await expect(said).to_have_text("Heard by nobody")
        await met.order("unhold")
        await expect(page.locator("jc-inbox, .list-pane").first).to_be_visible()
        assert await faults(page) == []

        met.customer.hang_up()
        await expect(box).to_contain_text("Heard by nobody · The call has ended.")
        await box.get_by_role("button", name="Close").click()
        await expect(box).to_have_count(0)


async def test_a_page_that_was_held_up_is_silent_and_then_late_by_little(
    page: Page, phone: Exchange, boss: Person
) -> None:
    async with meeting(phone) as met:
        await listens(page, phone, boss, met)
        before = await page.evaluate(TOLD)
        # The page's own thread stands still while the sound goes on to come, for longer than may wait.
        await page.evaluate("{ const end = performance.now() + 1500; while (performance.now() < end); }")
        counted = ("underruns", "dropped", "played")
        after = await told(page, lambda now: all(now[each] > before[each] for each in counted), "silence and a drop")
        assert after["waits"] <= 400
        await told(page, lambda now: now["level"] > 0.02 and now["waits"] < 150, "the present being heard")


async def test_who_may_no_more_is_out(page: Page, phone: Exchange, boss: Person) -> None:
    async with meeting(phone) as met:
        await listens(page, phone, boss, met)
        [role] = (await phone.owner.get("/tenants/roles/?search=viewer")).ok()["results"]
        (await phone.owner.patch(f"/tenants/members/{boss.member}/role/", {"role_id": role["id"]})).ok()
        await expect(page.locator("jc-listen")).to_contain_text("Heard by nobody · You may not listen any more.")
        await met.wait_told("call.supervision_ended")


async def test_what_the_organisation_says_is_shown_before(page: Page, phone: Exchange, boss: Person) -> None:
    app = (await phone.owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]["id"]
    path = f"/voice/api/tenant-voice-app/{app}/"
    rule = {"supervision": "forbidden", "supervision_notice": "Ask the works council first."}
    (await phone.owner.patch(path, rule)).ok()
    async with meeting(phone) as met:
        await sign_in(page, phone.url, boss, "#/calls")
        await page.get_by_role("button", name="Listen to").click()
        box = page.locator("jc-listen")
        await expect(box).to_contain_text("Your organisation forbids listening to live calls.")
        await expect(box).to_contain_text("Ask the works council first.")
        await expect(box.get_by_role("button", name="Listen now")).to_have_count(0)
        await box.get_by_role("button", name="Not now").click()
        await expect(box).to_have_count(0)
        (await phone.owner.patch(path, {"supervision": "allowed", "supervision_notice": ""})).ok()
        assert await met.told("call.supervision_started") == []


async def test_an_agent_at_a_browser_is_heard_and_whispered_to(
    page: Page, phone: Exchange, boss: Person
) -> None:
    agent = await newcomer(phone, "manager", "Ann")
    await page.add_init_script(f"({HEARS})()")
    await becomes_a_telephone(page, phone, agent)
    number = await number_to(phone, {"type": "device", "user": agent.id, "ring_s": 30})
    async with telephone(ip=phone.more["carrier"]) as customers:
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        await page.locator("jc-softphone").get_by_role("button", name="Answer").click()
        await until(lambda: customer.up, "the answer", 20)
        customer.line.say(CUSTOMER_HZ)
        await until(lambda: not customer.line.quiet(), "the beep of the agent's microphone", 20)
        async with supervising(boss.client, await incoming(phone, number)) as there:
            there.speaks = True
            await there.until_hears(CUSTOMER_HZ)
            assert not await plays(page, SUPERVISOR_HZ)
            await there.order("whisper")
            await becomes(lambda: plays(page, SUPERVISOR_HZ), 60)
            assert await plays(page, CUSTOMER_HZ)
            assert not customer.line.hears(SUPERVISOR_HZ)
            await there.order("barge")
            await customer.line.until_hears(SUPERVISOR_HZ, "the customer")
        customer.hang_up()


async def plays(page: Page, hertz: int) -> bool:
    """Tell whether a tone stands out of what the page's telephone plays."""
    tone, beside = await page.evaluate(PLAYED, [hertz, hertz + 300]) or (-200, -200)
    return bool(tone > max(-60, beside + 15))
