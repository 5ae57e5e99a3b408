"""The rooms: what only one platform or carrier has stays in its own, and none is a heap."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "jinaconnect"
NAMES = frozenset({
    "whatsapp", "telegram", "meta", "whatsapp_meta", "gupshup", "msg91", "fast2sms", "twilio", "plivo", "vonage",
    "telnyx", "exotel", "rcs_google", "google_rbm", "rcs_meta", "meta_rcs", "whatsapp_gupshup",
})  # fmt: skip
ROOMS = (
    "channels/whatsapp", "channels/telegram/", "channels/rcs_", "channels/sms_", "channels/table.py",
    "core/inbox/platform.py", "handlers/messaging/whatsapp", "handlers/messaging/telegram", "handlers/messaging/rcs",
    "handlers/messaging/sms",
    "telephony/providers/", "telephony/simulator/hosted/", "telephony/table.py", "core/ivr/dialects/",
    "core/events/payloads/", "handlers/edge/description/examples.py",  # examples, fields of events
    "actions/demo/tenants.py",  # the same in what the demonstration prints
    "config.py", "app.py",  # the operator's settings, by channel
)  # fmt: skip
ALLOWED = {
    ("handlers/contacts/contacts.py", "whatsapp"),  # `/wa/v2/contacts/`, a list of WhatsApp's own
    ("handlers/inbox/sending.py", "whatsapp"),  # an example
    ("handlers/messaging/sandbox.py", "whatsapp"),  # what a simulated customer writes on unless told otherwise
    ("store/log.py", "meta"),  # a collection of the database: what is known of the log itself
}


def words(tree: ast.Module) -> Iterator[str]:
    """Yield what code says: its texts of one word each, and the modules it imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.lower()
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")
        elif isinstance(node, ast.Import):
            yield from (part for name in node.names for part in name.name.split("."))


def named() -> set[tuple[str, str]]:
    """Return (file, name) of every platform or carrier that is named outside its rooms."""
    found = set()
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(ROOMS):
            found.update((place, word) for word in words(ast.parse(path.read_text())) if word in NAMES)
    return found


def test_no_platform_is_named_outside_its_rooms() -> None:
    assert named() - ALLOWED == set()


def test_what_is_allowed_is_needed() -> None:
    assert ALLOWED - named() == set(), "an exception that nothing needs any more"


def test_no_folder_is_a_heap() -> None:
    crowded = {
        folder.as_posix(): count
        for top in (ROOT, ROOT.parent / "tests")
        for folder in (top, *(path for path in top.rglob("*") if path.is_dir() and "__pycache__" not in path.parts))
        if (count := sum(1 for path in folder.glob("*.py") if path.name != "__init__.py")) > 20
    }
    assert crowded == {}, "a folder holds at most twenty modules"
