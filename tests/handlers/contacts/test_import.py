"""Contacts of a file: every row accounted for, nothing twice, and what was not taken comes back to be corrected."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import AsyncMongoClient

from jinaconnect.core.contacts.document import OUTCOMES
from jinaconnect.core.contacts.sheet import SheetRefused, decoded, delimiter_of, harmless, meant, records, written
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Answered, Client, until
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.processes import GatewayProcess, running
from tests.tenants import Tenant
from tests.workbooks import DATE, DATE_AND_TIME, PARTS, TIME, packed, sheet, workbook

PATH = "/contacts/bulk-import/"
New = Callable[[], Awaitable[Tenant]]


async def send(
    client: Client, data: bytes | str, name: str = "people.csv", path: str = PATH, **fields: str
) -> Answered:
    form = aiohttp.FormData()
    form.add_field("file", data.encode() if isinstance(data, str) else data, filename=name, content_type="text/csv")
    dry = fields.pop("dry_run", "false")
    for key, value in fields.items():
        form.add_field(key, value)
    return await client.ask("POST", path, data=form, params={"dry_run": dry})


async def ended(client: Client, id: str, within_s: float = 60) -> dict[str, Any]:
    """Return an import that has ended, whose counts agree."""

    async def over() -> dict[str, Any] | None:
        body: dict[str, Any] = (await client.get(f"/contacts/import-status/{id}/")).ok()
        return body if body["status"] in ("COMPLETED", "FAILED") else None

    body: dict[str, Any] = await until(over, within_s)
    assert body["total_rows"] == body["processed_rows"] == sum(body[f"{outcome}_count"] for outcome in OUTCOMES)
    return body


async def imported(client: Client, data: bytes | str, name: str = "people.csv", **fields: str) -> dict[str, Any]:
    started = (await send(client, data, name, **fields)).ok(202)
    assert (set(started), started["status"]) == ({"import_job_id", "status", "file_name"}, "PENDING")
    body = await ended(client, started["import_job_id"])
    assert body["status"] == "COMPLETED", body
    return body


async def left(client: Client, id: str) -> tuple[str, list[dict[str, str]]]:
    text = (await client.get(f"/contacts/import-jobs/{id}/rows-csv/")).ok().decode()
    return text, list(csv.DictReader(io.StringIO(text, newline="")))


def acting(text: str) -> list[str]:
    """Return the cells of a file that a spreadsheet would take for formulas."""
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row if cell[:1] in tuple("=+-@\t\r")]


def counts(body: dict[str, Any]) -> dict[str, int]:
    return {outcome: body[f"{outcome}_count"] for outcome in OUTCOMES if body[f"{outcome}_count"]}


def claiming(archive: bytes, size: int) -> bytes:
    """Return an archive that says another size of what its last part unpacks to."""
    entry = archive.rindex(b"PK\x01\x02") + 24
    return archive[:entry] + size.to_bytes(4, "little") + archive[entry + 4 :]


MIXED = (
    b"Phone,First_Name, last_name ,tag,Email,segments,Favourite Colour,lead_status\n"
    b"12025550101,Ann,Lee,vip,ann@example.com,north;south,blue,new\n"
    b"# nothing,to,see\n"
    b"+1 202 555 0101,Ann again,,,,,,\n"  # the same number
    b",nobody,,,,,,\n"  # without a number: passed over
    b"12,Too short,,,,,,\n"
    b'"=1+1",Formula,,,,,,\n'
    b"+12025550102,Bo,,,not-a-mail,,,\n"
    b"+12025550103,N\x00ul,,,,,,\n"
    b"+12025550104,Caf\xe9,,,,,,\n"  # Latin-1 within UTF-8
    b"+12025550105,Caf\xc3\xa9,,,,,,\n"
    b"+12025550106,Cy,,,,,,,,more\n"
    b'+12025550107,"two\nlines",,,,,,\n'
    b"+12025550108,Di,,,,,,undecided\n"
    b"1.20256E+10,Rounded,,,,,,\n"
    b"+12025550109,Ed,,,,,\"a\nb\",\n"
)


async def test_every_row_is_accounted_for_and_comes_back_to_be_corrected(
    gateway: Running, tenant: Tenant, new_tenant: New
) -> None:
    owner, member = tenant(), await add_person(gateway, tenant, "manager")
    body = await imported(tenant("manager"), MIXED, default_tag="spring", default_segment="file")
    assert counts(body) == {"created": 3, "duplicate_in_file": 1, "invalid": 9}
    assert (body["skipped_count"], body["error_count"], body["encoding"]) == (1, 9, "utf-8")
    ann = (await owner.get("/contacts/", params={"phone": "+12025550101"})).ok()["results"][0]
    assert (ann["first_name"], ann["tags"], ann["segments"]) == ("Ann", ["vip"], ["north", "south", "file"])
    assert (ann["attributes"], ann["lead_status"], ann["source"]) == ({"favourite_colour": "blue"}, "NEW", "IMPORT")
    assert ann["created_by"] == body["created_by"]
    accent = (await owner.get("/contacts/", params={"phone": "+12025550105"})).ok()["results"][0]
    assert (accent["first_name"], accent["tags"]) == ("Café", ["spring"])
    named = {row["row"]: (row["column"], row["phone"]) for row in body["errors"]}
    assert named == {
        6: ("phone", "12"), 7: ("phone", "=1+1"), 8: ("email", "+12025550102"), 9: ("first_name", "+12025550103"),
        10: ("first_name", "+12025550104"), 12: ("", "+12025550106"), 13: ("first_name", "+12025550107"),
        15: ("lead_status", "+12025550108"), 16: ("phone", "1.20256E+10"),
    }  # fmt: skip
    text, rows = await left(owner, body["id"])
    assert [int(row["#line"]) for row in rows] == [4, 6, 7, 8, 9, 10, 12, 13, 15, 16]
    assert all(row["#outcome"] in ("duplicate_in_file", "invalid") and row["#reason"] for row in rows)
    assert acting(text) == []
    # As it came back, with two cells put right: what is not corrected is refused again, remarks are no attributes.
    again = await imported(owner, text.replace("not-a-mail", "bo@example.com").replace("undecided", "QUALIFIED"))
    assert counts(again)["created"] == 2
    bo = (await owner.get("/contacts/", params={"phone": "+12025550102"})).ok()["results"][0]
    assert (bo["email"], bo["attributes"]) == ("bo@example.com", {})
    told = [event for event in await owner.events() if event["type"].startswith("import.")]
    first = [event for event in told if event["data"]["id"] == body["id"]]
    assert [event["type"] for event in first] == ["import.created", "import.progressed", "import.completed"]
    assert first[-1]["data"] == {name: value for name, value in body.items() if name != "errors"}

    async def notified() -> bool:
        notices = (await member.client.get("/notifications/", params={"type": "contact_imported"})).ok()["results"]
        wanted = {"import_id": body["id"], "created_count": body["created_count"]}
        return wanted in [notice["metadata"] for notice in notices]

    await until(notified)
    listed = (await owner.get("/contacts/import-jobs/")).ok()["results"]
    assert [row["id"] for row in listed] == [again["id"], body["id"]]
    other = await new_tenant()
    for path in (f"/contacts/import-status/{body['id']}/", f"/contacts/import-jobs/{body['id']}/rows-csv/"):
        (await other().get(path)).refused(404, "not_found")
        (await tenant("agent").get(path)).refused(403, "permission_denied")
    (await send(tenant("agent"), MIXED)).refused(403, "permission_denied")


async def test_the_same_file_again_adds_and_changes_nothing(tenant: Tenant) -> None:
    owner = tenant()
    file = "phone;first_name;tag;city\n" + "".join(f"+1202555{n:04};P{n};t;C{n}\n" for n in range(700, 1400))
    body = await imported(owner, file, default_segment="s")
    assert (counts(body), body["delimiter"]) == ({"created": 700}, ";")
    before = await owner.events()
    for fields in ({}, {"update_existing": "true", "default_segment": "s"}):
        assert counts(await imported(owner, file, **fields)) == {"unchanged": 700}
    new = (await owner.events())[len(before) :]
    assert not [event["type"] for event in new if event["type"].startswith(("contact.", "conversation."))]
    refused = await imported(owner, file, skip_duplicates="false")
    assert counts(refused) == {"failed": 700}
    assert len(refused["errors"]) == 20
    changed = await imported(owner, file.replace("P777;t", "Paul;new"), update_existing="true")
    assert counts(changed) == {"updated": 1, "unchanged": 699}
    paul = (await owner.get("/contacts/", params={"phone": "+12025550777"})).ok()["results"][0]
    assert (paul["first_name"], paul["tags"], paul["segments"]) == ("Paul", ["t", "new"], ["s"])
    assert (await owner.get("/contacts/", params={"source": "IMPORT"})).ok()["count"] == 700


async def test_a_preview_shows_what_a_file_is_taken_for_and_writes_nothing(tenant: Tenant) -> None:
    owner = tenant()
    file = "Mobil\tName\tOrt\n" + "".join(f"0151 234567{n:02}\tJürgen {n}\tKöln\n" for n in range(30))
    before = await owner.events()
    shown = (await send(owner, file.encode("cp1252"), dry_run="true")).ok()
    assert (shown["delimiter"], shown["has_phone"], len(shown["rows"])) == ("\t", False, 20)
    assert shown["rows"][3]["cells"] == ["0151 23456703", "Jürgen 3", "Köln"]
    assert "phone" in str((await send(owner, file)).refused(400, "validation_error"))
    mapping = '{"Mobil": "phone", "name": "first_name", "Ort": null}'
    shown = (await send(owner, file, dry_run="true", country="DE", mapping=mapping)).ok()
    assert (shown["total_rows"], shown["country"], shown["encoding"]) == (30, "DE", "utf-8")
    assert [column["field"] for column in shown["columns"]] == ["phone", "first_name", None]
    assert shown["rows"][0] == {
        "line": 2, "cells": ["0151 23456700", "Jürgen 0", "Köln"], "error": None,
        "contact": {"phone": "+4915123456700", "first_name": "Jürgen 0"},
    }  # fmt: skip
    assert await owner.events() == before
    assert (await owner.get("/contacts/import-jobs/")).ok()["count"] == 0
    body = await imported(owner, file.encode("utf-16"), country="DE", mapping=mapping)
    assert (counts(body), body["encoding"]) == ({"created": 30}, "utf-16")


@pytest.mark.parametrize(
    ("data", "name", "fields"),
    [
        (b"phone\n+12025550101\n", "people.txt", {}),
        (b"", "a.csv", {}),
        (b"name\nAnn\n", "a.csv", {}),
        (b"PK\x03\x04sheet", "a.csv", {}),
        (b"phone,na\x00me\n+12025550101,A\n", "a.csv", {}),
        (b"phone" + b",a" * 200 + b"\n+12025550101\n", "a.csv", {}),
        (b"phone," + b"," * 1_000_000 + b"\n", "a.csv", {}),
        (b"phone\n" + b"1\n" * 100_001, "a.csv", {}),
        (b'phone,x\n1,"' + b"a" * 200_000, "a.csv", {}),
        (b"phone\n" + b"1" * (10 * 1024 * 1024), "a.csv", {}),
        (b"\xff\xfephon", "a.csv", {}),
        (b"phone\n1\n", "a.csv", {"encoding": "base64"}),
        (b"phone\n1\n", "a.csv", {"country": "ZZ"}),
        (b"phone,b\n1\n", "a.csv", {"mapping": '{"b": "phone"}'}),
        (b"phone,b\n1\n", "a.csv", {"mapping": '{"b": "attributes.B C"}'}),
        (b"phone,b\n1\n", "a.csv", {"mapping": '{"c": null}'}),
        (b"phone,b\n1\n", "a.csv", {"mapping": "[]"}),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_refused_whole(
    tenant: Tenant, data: bytes, name: str, fields: dict[str, str]
) -> None:
    detail = (await send(tenant(), data, name, **fields)).refused(400, "validation_error")
    assert next(iter(detail)).partition(".")[0] in ("file", *fields), detail
    assert (await tenant().get("/contacts/import-jobs/")).ok()["count"] == 0


async def test_a_workbook_is_taken_as_people_see_it(tenant: Tenant) -> None:
    owner = tenant()
    rows = [
        ["Phone", "First_Name", "Born", "Seen", "At", "Score", "Big", "Yes", "Note", "Small"],
        [12025550301.0, "Ann", (45000, DATE), (45000.5, DATE_AND_TIME), (0.75, TIME), 0.30000000000000004, 1e15, True,
         "=1+1", 0.00001],
        [],  # blank: counted, not taken
        ["+1 202 555 0302", 7, None, (45000.000011574, DATE_AND_TIME), None, -3.0, 12345.5, False, None, -0.0],
        [12025550303.0, "two\nlines"],
        [12025550304.0, "N_x0000_ul"],
        [1234567890123456789, "Rounded"],
        [12025550305.0, "Cy", *[None] * 198, "far away"],
        ["# a remark", "nothing"],
        [12025550301, "Ann again"],
        [None, "nobody"],
    ]  # fmt: skip
    file = workbook(rows)
    shown = (await send(owner, file, "people.XLSX", dry_run="true")).ok()
    assert (shown["encoding"], shown["delimiter"], shown["total_rows"]) == ("utf-8", "", 7)
    assert shown["rows"][0]["contact"] == {
        "phone": "+12025550301", "first_name": "Ann", "attributes": {
            "born": "2023-03-15", "seen": "2023-03-15 12:00", "at": "18:00", "score": "0.3", "big": "1E+15",
            "yes": "TRUE", "note": "=1+1", "small": "0.00001",
        },
    }  # fmt: skip
    assert shown["rows"][1]["contact"]["attributes"] == {
        "seen": "2023-03-15 00:00:01", "score": "-3", "big": "12345.5", "yes": "FALSE", "small": "0",
    }  # fmt: skip
    body = await imported(owner, file, name="people.xlsx")
    assert counts(body) == {"created": 2, "duplicate_in_file": 1, "invalid": 4}
    assert {row["row"]: (row["column"], row["phone"]) for row in body["errors"]} == {
        5: ("first_name", "12025550303"), 6: ("first_name", "12025550304"), 7: ("phone", "1.23456789012346E+18"),
        8: ("", "12025550305"),
    }  # fmt: skip
    assert counts(await imported(owner, file, name="people.xlsx")) == {
        "unchanged": 2, "duplicate_in_file": 1, "invalid": 4
    }  # fmt: skip


STYLES = """<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts>
<numFmt numFmtId="164" formatCode="00000"/><numFmt numFmtId="165" formatCode="&quot;+&quot;0"/>
<numFmt numFmtId="166" formatCode="[Red]0.0%;-0.0%"/><numFmt numFmtId="167" formatCode="000\\-000\\-0000"/></numFmts>
<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="9"/><xf numFmtId="10"/>
<xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/>
<xf numFmtId="1"/></cellXfs></styleSheet>"""


async def test_a_number_is_taken_as_its_format_shows_it(tenant: Tenant) -> None:
    names = ["phone", "rate", "exact", "zip", "share", "line", "code", "left"]
    cells = [(919876543210, 4), (0.255, 1), (0.1234, 2), (123, 3), (0.0725, 5), (2025550123, 6), (919876543210.0, 7), 7]
    rows: list[list[object]] = [
        names, cells, [],
        [(12025550302.0, 4), None, "7", (-5, 3), (1.5, 3), (123456, 3), (0, 3), (1e30, 3)],
    ]  # fmt: skip
    file = workbook(rows, **{"xl/styles.xml": STYLES})
    shown = (await send(tenant(), file, "people.xlsx", dry_run="true")).ok()["rows"]
    assert shown[0]["cells"] == [
        "+919876543210", "26%", "12.34%", "00123", "7.3%", "202-555-0123", "919876543210", "7",
    ]  # fmt: skip
    assert shown[0]["contact"]["phone"] == "+919876543210"
    assert shown[1]["cells"][3:] == ["-5", "1.5", "123456", "00000", "1E+30"]


FAR = sheet([["phone"]]).replace("</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
SHEET = "xl/worksheets/sheet1.xml"
HIDDEN = PARTS["xl/workbook.xml"].replace("<sheet ", "<sheet state='hidden' ")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"phone\n+12025550101\n", "no workbook"),
        (b"PK\x03\x04sheet", "no workbook"),
        (packed({"a.xml": b"<a/>"}), "no workbook"),
        (workbook([["phone"]])[:-40], "no workbook"),
        (packed({**PARTS, SHEET: sheet([["phone"], [1]])[:-30]}), "broken"),
        (packed({**PARTS, SHEET: b"\0" * 4_000_000}), "more than 100 to 1"),
        (claiming(packed({**PARTS, SHEET: sheet([["phone"]])}), 0xFFFF_0000), "more than 200 MB"),
        (claiming(packed({**PARTS, SHEET: sheet([["phone"]]) + " " * 4_000_000}), 90), "no workbook"),
        (packed({**PARTS, SHEET: FAR}), "memory or time"),
        (workbook([["phone"], *[["1"]] * 100_001]), "line 100002: has more than 100000 rows"),
        (workbook([["phone", *["x"] * 200], [1]]), "200 columns"),
        (workbook([["pho_x0000_ne"], [1]]), "name of column 1 holds a NUL"),
        (workbook([]), "no header"),
        (workbook([["name"], ["Ann"]]), "no column 'phone'"),
        (packed({**PARTS, "xl/workbook.xml": HIDDEN, SHEET: sheet([["phone"], [1]])}), "shown"),
    ],
)
async def test_a_workbook_that_cannot_be_read_is_refused_whole(tenant: Tenant, data: bytes, says: str) -> None:
    detail = (await send(tenant(), data, "people.xlsx")).refused(400, "validation_error")
    assert says in str(detail["file"])
    assert (await tenant().get("/contacts/import-jobs/")).ok()["count"] == 0


async def test_text_that_is_none_in_a_workbook_is_refused_by_its_row(tenant: Tenant) -> None:
    owner = tenant()
    broken = sheet([["phone", "first_name"], ["+12025550311", "Caf@"], ["+12025550312", "Bo"]]).encode()
    data = packed({**PARTS, SHEET: broken.replace(b"@", b"\xe9")})
    answer = await send(owner, data, "people.xlsx")
    if answer.status == 202:
        body = await ended(owner, answer.ok(202)["import_job_id"])
        assert [row["row"] for row in body["errors"]] == [2]
    else:
        assert "broken" in str(answer.refused(400, "validation_error")["file"])


async def test_a_file_to_begin_with_can_be_imported_as_it_is(tenant: Tenant) -> None:
    found = (await tenant().get("/contacts/download-template/")).ok()
    assert found.startswith(b"phone,first_name,last_name,tag\n")
    assert counts(await imported(tenant(), found)) == {"created": 2}


async def test_contacts_are_exported_as_they_are_listed(tenant: Tenant, new_tenant: New) -> None:
    owner, other = tenant(), await new_tenant()
    lines = [f"+1202555{n:04},P{n},{'odd' if n % 2 else 'even'}\n" for n in range(2300)]
    await imported(owner, "phone,first_name,tag\n" + "".join(lines))
    await imported(other(), "phone,first_name\n+12025559999,Theirs\n")
    (await owner.post("/contacts/", {"phone": "+12025559998", "first_name": "=HYPERLINK(1)", "tags": ["odd"]})).ok(201)

    async def exported(client: Client, **query: str) -> list[dict[str, str]]:
        answer = await client.get("/contacts/export-csv/", params=query)
        text = answer.ok().decode()
        assert "contacts_export.csv" in answer.headers["Content-Disposition"]
        assert acting(text) == []
        return list(csv.DictReader(io.StringIO(text, newline="")))

    rows = await exported(owner)
    assert list(rows[0]) == ["phone", "first_name", "last_name", "tag", "source", "created_at"]
    assert (rows[0]["phone"], rows[0]["first_name"], rows[0]["source"]) == (
        "'+12025559998", "'=HYPERLINK(1)", "MANUAL"
    )  # fmt: skip
    assert {row["phone"] for row in rows[1:]} == {f"'+1202555{n:04}" for n in range(2300)}
    assert len(rows) == 2301
    assert len(await exported(owner, tag="odd", page="7", cursor="x")) == 1151
    assert [row["first_name"] for row in await exported(owner, search="P1234")] == ["P1234"]
    assert await exported(tenant("owner", "test")) == []
    (await owner.get("/contacts/export-csv/", params={"dnc": "perhaps"})).refused(400, "validation_error")
    (await tenant("viewer").get("/contacts/export-csv/")).refused(403, "permission_denied")


async def test_an_import_that_is_killed_again_and_again_takes_each_row_once(tmp_path: Path) -> None:
    """kill -9 in the midst of batches; some rows are there already and change, some numbers stand twice."""
    mongo = await EmbeddedMongo.start(tmp_path / "db")
    database: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo.uri, tz_aware=True)
    rows, chance = 2_200, random.Random(7)
    numbers = [f"+1202{n:07}" for n in range(5550000, 5550000 + rows)]
    twice = chance.sample(numbers, 40)
    lines = [f"{number},P{place}" for place, number in enumerate(numbers)] + [f"{number},again" for number in twice]
    chance.shuffle(lines)
    file = "phone,first_name\n" + "\n".join(["12,bad", *lines]) + "\n"
    known, cut = chance.sample(numbers, 200), list[str]()
    try:
        process = GatewayProcess(tmp_path / "var", {"JC_MONGODB__URI": mongo.uri, "JC_MONGODB__DATABASE": "jc"})
        async with running(process), aiohttp.ClientSession() as session:
            key = (await process.seed())[0]["keys"]["live"]["owner"]
            client = Client(process.url, key, session)
            first = await imported(client, "phone,first_name\n" + "".join(f"{number},Old\n" for number in known))
            assert counts(first) == {"created": 200}
            id = (await send(client, file, update_existing="true")).ok(202)["import_job_id"]
            for kill in range(1, 3):

                async def amid(wanted: int = kill * 700) -> bool:
                    """Tell whether a batch has been begun that is not counted yet."""
                    doc = await database["jc"]["contact_imports"].find_one({"_id": id})
                    assert doc is not None
                    made = await database["jc"]["contacts"].count_documents({"source": "IMPORT"})
                    counted = doc["counts"]["created"] + 200
                    if made > counted and made >= wanted:
                        cut.append(doc["status"])
                    return made >= wanted and (made > counted or doc["status"] == "COMPLETED")

                await until(amid, 90)
                await process.kill()
                await process.start()
            assert cut, "at least one kill came within a batch"
            body = await ended(client, id, 120)
            assert counts(body)["invalid"] == 1
            assert counts(body)["duplicate_in_file"] == 40
            assert counts(body)["created"] == rows - 200
            assert counts(body)["updated"] == 200
            made = await database["jc"]["contacts"].find({"source": "IMPORT"}, {"phone": 1}).to_list()
            assert sorted(doc["phone"] for doc in made) == numbers
            told = await database["jc"]["events"].find({"type": "contact.created"}, {"subject": 1}).to_list()
            subjects = [row["subject"] for row in told]
            assert len(set(subjects)) == len(subjects)
            assert {doc["_id"] for doc in made} <= set(subjects)

            async def nothing_due() -> bool:  # its work is reported as done behind what people are shown
                return await database["jc"]["contact_imports"].count_documents({"due": {"$exists": True}}) == 0

            await until(nothing_due)
            assert not [path for path in (tmp_path / "var").rglob("imp_*")]
    finally:
        await database.close()
        await mongo.stop()


@settings(max_examples=100)
@given(rows=st.lists(st.lists(st.text(max_size=12), min_size=2, max_size=5), max_size=6))
def test_what_is_written_is_harmless_and_read_again_as_it_was(rows: list[list[str]]) -> None:
    rows = [[cell.replace("\x00", "").encode("utf-8", "ignore").decode() for cell in row] for row in rows]
    text = written(rows)
    assert acting(text) == []
    for row in rows:
        assert all(meant(harmless(cell)) == cell for cell in row if not cell.startswith("'"))
    said = [row for row in rows if any(cell.strip() for cell in row) and not harmless(row[0]).lstrip().startswith("#")]
    assert [[meant(cell) for cell in cells] for _, cells in records(text, ",")] == [
        [meant(harmless(cell)) for cell in row] for row in said
    ]


@settings(max_examples=200)
@given(data=st.binary(max_size=300))
def test_whatever_the_bytes_are_they_are_read_or_refused(data: bytes) -> None:
    try:
        text, _ = decoded(data)
        for _ in records(text, delimiter_of(text)):
            pass
    except SheetRefused:
        pass
