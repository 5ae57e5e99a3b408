"""A live call that is listened to: how late a supervisor's browser plays what a customer says, all on loopback."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright

from benchmarks.processes import Gateway
from benchmarks.rows import Row, median, percentile
from benchmarks.telephony import NUMBER, Exchange, ask, telephone_gateway
from jinaconnect.handlers.edge.console import version
from tests.browser.conftest import ARGUMENTS
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.sound import Line

CALLER = "+12025550169"
SAYS_HZ = 900
SILENT = {"prompt_tts": "Yes?", "max_digits": 32, "timeout_seconds": 120, "retries": 5}
# The console's own worklet and socket; `began` has when something began to be played, in milliseconds.
LISTENS = """async ([path, key, worklet]) => {
  const asked = await fetch(path, {
    method: "POST", headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ mode: "listen" }),
  });
  const { ticket } = await asked.json();
  const context = new AudioContext({ latencyHint: "interactive" });
  await context.audioWorklet.addModule(worklet);
  const node = new AudioWorkletNode(context, "listen", { numberOfInputs: 1, outputChannelCount: [1] });
  const seen = new AnalyserNode(context, { fftSize: 256 });
  node.connect(seen).connect(context.destination);
  const socket = new WebSocket(`/ws/sound/?ticket=${ticket}`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => typeof data === "string" || node.port.postMessage(data, [data]);
  window.began = [];
  const wave = new Float32Array(seen.fftSize);
  let quiet = 0;
  setInterval(() => {
    seen.getFloatTimeDomainData(wave);
    const loud = Math.max(...wave) > 0.05;
    if (loud && quiet > 20) window.began.push(Date.now());
    quiet = loud ? 0 : quiet + 1;
  }, 4);
}"""


def late(quick: bool) -> list[Row]:
    """Measure from a customer's first packet of a sound to its being played, the browser's cushion included."""
    with tempfile.TemporaryDirectory(prefix="jc-bench-") as name, telephone_gateway(Path(name), SILENT) as (own, there):
        took = asyncio.run(_listened(own, there, 15 if quick else 100))
    slow, half = percentile(took, 0.95) * 1000, median(took) * 1000
    shown = f"{slow:.0f} ms (median {half:.0f} ms)"
    return [Row("a call listened to: said → played in the browser, p95", slow, " ms", shown, "", 250)]


async def _listened(running: Gateway, exchange: Exchange, times: int) -> list[float]:
    async with telephone(ip=exchange.callers.ip) as phone, async_playwright() as playwright:
        phone.dial(exchange.place.ip, NUMBER, caller=CALLER)
        talk = await phone.talking()
        [call] = ask(running, "GET", "/voice/api/calls/?status=IN_PROGRESS")["results"]
        binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        more = "--autoplay-policy=no-user-gesture-required"
        browser = await playwright.chromium.launch(executable_path=binary, args=[*ARGUMENTS, more])
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{running.port}/")
        path = f"/voice/api/calls/{call['id']}/supervise/"
        await page.evaluate(LISTENS, [path, running.key, f"/console/{version()}/calls/listen.worklet.js"])
        await asyncio.sleep(5)  # until the prompt is over, and what follows is silence
        chance = random.Random(1)
        took = [await _said(page, talk.line, chance.uniform(0.5, 0.6)) for _ in range(times)]
        await browser.close()
        return took


async def _said(page: Page, line: Line, pause_s: float) -> float:
    """Say something for a moment and return how much later it was played, in seconds."""
    before = len(await page.evaluate("window.began"))
    began = time.time()
    line.say(SAYS_HZ)
    while len(heard := await page.evaluate("window.began")) == before:
        if time.time() - began > 5:
            raise TimeoutError("what was said is not played")
        await asyncio.sleep(0.01)
    line.say(0)
    await asyncio.sleep(pause_s)
    return float(heard[before]) / 1000 - began
