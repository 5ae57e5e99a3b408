"""Be a caller: `python examples/call_in.py [keys [words]]`, beside a running `./dev run-sip`.

Calls the demo organisation's number by SIP, presses the keys (`0-9*#A-D`), says the words and prints what happened.
Hangs up after 25 seconds unless the other side does before.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SCENARIO = Path(__file__).resolve().parent.parent / "asterisk" / "sipp" / "uac_info_speak.xml"
DEADLINE_S = 60
# SIPp's log: a line of dashes with the time, what was done, the message.
MESSAGE = re.compile(
    r"^-{5,} \S+ (\d+):(\d+):([\d.]+)\S*\n\S+ message (sent|received)[^\n]*:\n\n(?:([A-Z]+) sip|SIP/2.0 (\d+ [^\r\n]+))"
    r"(.*?)(?=^-{5,} |\Z)",
    re.MULTILINE | re.DOTALL,
)


def call(places: dict[str, str], number: str, caller: str, keys: str, words: str, folder: Path) -> int:
    """Make the call in a folder for its files; returns SIPp's exit status, 0 when all went well."""
    head, key, rest = re.split(r"<!-- (?:a key|the end of a key) -->\n", SCENARIO.read_text())
    (folder / "scenario.xml").write_text(head + "".join(key.replace("[key]", each) for each in keys) + rest)
    spoken = subprocess.run(["espeak-ng", "--stdin", "--stdout"], input=(words or " ").encode(), capture_output=True,
                            check=True).stdout  # fmt: skip
    subprocess.run(["sox", "-q", "-t", "wav", "-", "-t", "al", "-r", "8000", "-c", "1", "audio.alaw"], input=spoken,
                   stderr=subprocess.DEVNULL, check=True, cwd=folder)  # fmt: skip
    command = ["sipp", places["asterisk"], "-sf", "scenario.xml", "-i", places["caller"], "-mi", places["caller"],
               "-s", number, "-key", "caller", caller, "-m", "1", "-nostdin",
               "-trace_msg", "-message_file", "messages.log"]  # fmt: skip
    with (folder / "console").open("wb") as console:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, cwd=folder,
                              timeout=DEADLINE_S, check=False).returncode  # fmt: skip


def story(log: str) -> list[str]:
    """Return the call's SIP messages in order, one line each with the seconds since the first."""
    lines, first = [], None
    for hours, minutes, seconds, way, method, status, rest in MESSAGE.findall(log):
        at = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        first = at if first is None else first
        key = re.search(r"^Signal=(\S+)", rest, re.MULTILINE)
        answered = re.search(r"^CSeq: *\d+ (\w+)", rest, re.MULTILINE)
        pressed = f" key {key[1]}" if key else ""
        what = method + pressed if method else f"{status} to {answered[1] if answered else '?'}"
        lines.append(f"{at - first:7.2f} s  {'caller ->' if way == 'sent' else '<- gateway'}  {what}")
    return lines


def main() -> int:
    """Read the command line and call."""
    parser = argparse.ArgumentParser(prog="./dev call-in", description="Call the demo organisation by SIP.")
    parser.add_argument("keys", nargs="?", default="", help="keys to press after the answer")
    parser.add_argument("words", nargs="?", default="", help="words to say after the keys")
    parser.add_argument("--number", default="+12025550100", help="the number to call")
    parser.add_argument("--caller", default="+12025550166", help="the number to call from")
    options = parser.parse_args()
    if re.fullmatch(r"[0-9A-D*#]{0,32}", options.keys) is None:
        parser.error("keys are 0-9, A-D, * and #, at most 32")
    file = Path(os.environ.get("JC_VAR_DIR", "var")) / "run-sip" / "addresses.json"
    if not file.exists():
        parser.error("./dev run-sip is not running")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            status = call(json.loads(file.read_text()), options.number, options.caller, options.keys, options.words,
                          folder)  # fmt: skip
        except subprocess.TimeoutExpired:
            status = 1
        log = folder / "messages.log"
        lines = story(log.read_text(errors="replace")) if log.exists() else []
        print(*lines or ["nothing was sent"], sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
