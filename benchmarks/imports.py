"""Contacts of a file: how many rows a second, how much memory that takes, and what a workbook costs more."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from benchmarks.processes import Gateway, cpu_seconds, family, gateway, pin, resident_kb
from benchmarks.rows import Row
from tests.workbooks import workbook

HEAD = ("phone", "first_name", "last_name", "tag", "city")
AT_ONCE = 1_000
_BOUNDARY = "benchmark"


def _people(first: int, count: int) -> list[tuple[str, ...]]:
    return [
        (f"+1202{2_000_000 + number:07}", f"Name{number}", f"Last{number}", f"t{number % 7}",
         f"City{number % 50}")
        for number in range(first, first + count)
    ]  # fmt: skip


def _csv(first: int, count: int) -> bytes:
    return "".join(",".join(row) + "\n" for row in (HEAD, *_people(first, count))).encode()


def _asked(running: Gateway, path: str, body: bytes | None = None) -> Any:
    headers = {"Authorization": f"Bearer {running.key}"}
    if body is not None:
        headers["Content-Type"] = f"multipart/form-data; boundary={_BOUNDARY}"
    request = urllib.request.Request(f"http://127.0.0.1:{running.port}{path}", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def _imported(running: Gateway, name: str, data: bytes, created: int) -> tuple[float, int]:
    """Import a file; returns how many seconds that took and the most memory the gateway held, in KB."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    begun, peak = time.monotonic(), 0
    id = _asked(running, "/contacts/bulk-import/", head + data + f"\r\n--{_BOUNDARY}--\r\n".encode())["import_job_id"]
    while True:
        told = _asked(running, f"/contacts/import-status/{id}/")
        peak = max(peak, resident_kb(running.pid))
        if told["status"] in ("COMPLETED", "FAILED"):
            break
        time.sleep(0.1)
    assert (told["status"], told["created_count"]) == ("COMPLETED", created), told
    return time.monotonic() - begun, peak


def _bare(running: Gateway, count: int) -> float:
    """Insert the same documents, some at once, into a collection with the same indexes; returns seconds."""
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        contacts = client["jinaconnect"]["contacts"]
        bare = client["bench"].get_collection("contacts", write_concern=WriteConcern(w="majority", j=True))
        for name, index in contacts.index_information().items():
            if name != "_id_":
                kept = {key: index[key] for key in ("unique", "partialFilterExpression") if key in index}
                bare.create_index(index["key"], name=name, **kept)
        docs = list(contacts.find({"source": "IMPORT"}, limit=count))
        begun = time.monotonic()
        for start in range(0, len(docs), AT_ONCE):
            bare.insert_many(docs[start : start + AT_ONCE], ordered=False)
        return time.monotonic() - begun


def imports(quick: bool) -> list[Row]:
    """Compare an import with bare inserts of the same documents, ten times the rows with the rows, XLSX with CSV."""
    few, many = (1_000, 10_000) if quick else (10_000, 100_000)
    with gateway(pinned=False) as running:
        for member in family(running.pid):
            pin(member)
        _, small = _imported(running, "few.csv", _csv(0, few), few)
        used = cpu_seconds(running.pid)
        took, large = _imported(running, "many.csv", _csv(few, many), many)
        used = cpu_seconds(running.pid) - used
        bare = _bare(running, many)
        book = workbook([HEAD, *_people(few + many, many)])
        of_book, _ = _imported(running, "many.xlsx", book, many)
    return [
        Row(f"import of {many:,} rows", bare / took, "x",
            f"{many / took:,.0f}/s ({used / many * 1e6:,.0f} µs CPU each)",
            f"`insert_many`, {AT_ONCE:,} at once, same indexes {many / bare:,.0f}/s", 0.4, least=True),
        Row(f"… memory at {many:,} rows", large / small, "x", f"{large / 1024:.0f} MB",
            f"{few:,} rows {small / 1024:.0f} MB", 1.3),
        Row("… time of a workbook (XLSX)", of_book / took, "x", f"{many / of_book:,.0f}/s",
            f"CSV {many / took:,.0f}/s", 1.5),
    ]  # fmt: skip
