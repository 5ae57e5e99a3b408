"""Dates and times of a workbook come as their cells show them, written as ISO 8601 does, and never as a number."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest

from tests.handlers.contacts.test_import import send
from tests.tenants import Tenant
from tests.workbooks import PARTS, packed, workbook

NOON, DAY, SIX = 45000.5, 45000, 0.75
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OF_1904 = {"xl/workbook.xml": PARTS["xl/workbook.xml"].replace("<sheets>", '<workbookPr date1904="1"/><sheets>')}
SHOWN: list[tuple[int | str, float, str]] = [
    (14, NOON, "2023-03-15"), (22, NOON, "2023-03-15 12:00"), (20, NOON, "12:00"), (21, SIX, "18:00"),
    (22, DAY, "2023-03-15"), (27, NOON, "2023-03-15"), (31, DAY, "2023-03-15"), (58, DAY, "2023-03-15"),
    (46, 1.5, "36:00"), (1, NOON, "45000.5"),
    ("yyyy\\-mm\\-dd;@", NOON, "2023-03-15"), ("[$-409]d\\-mmm\\-yy;@", DAY, "2023-03-15"),
    ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", NOON, "2023-03-15"), ("[$-F400]h:mm:ss\\ AM/PM", NOON, "12:00"),
    ('yyyy"年"m"月"d"日"', NOON, "2023-03-15"), ("e", DAY, "2023-03-15"), ("mmm\\ yy", NOON, "2023-03-15"),
    ("dd/mm/yyyy\\ hh:mm", NOON, "2023-03-15 12:00"), ("dd/mm/yyyy\\ hh:mm:ss", DAY + 1 / 86400, "2023-03-15 00:00:01"),
    ("[Red]h:mm;@", 1.25, "06:00"), ("[h]:mm", 1.25, "30:00"), ('0.0" days"', 1.5, "1.5"), ('"d" 0', 7, "d 7"),
    ("0.00E+00", DAY, "45000"), ("General", DAY, "45000"),
    (14, 3_000_000, "########"), (22, 1e300, "########"), (14, 1, "1900-01-01"), (14, 61, "1900-03-01"),
]  # fmt: skip


def styled(cells: list[tuple[int | str, float, str]], **parts: str | bytes) -> bytes:
    """Return a workbook with a column for each of some formats (built in, or a code)."""
    codes = [code for code, *_ in cells]
    made = "".join(
        f'<numFmt numFmtId="{164 + place}" formatCode={quoteattr(code)}/>'
        for place, code in enumerate(codes) if isinstance(code, str)
    )  # fmt: skip
    used = "".join(f'<xf numFmtId="{code if isinstance(code, int) else 164 + at}"/>' for at, code in enumerate(codes))
    styles = f'<styleSheet xmlns="{MAIN}"><numFmts>{made}</numFmts><cellXfs>{used}</cellXfs></styleSheet>'
    head = ["phone", *(f"c{place}" for place, _ in enumerate(cells))]
    row = ["+12025550341", *((value, place) for place, (_, value, _) in enumerate(cells))]
    return workbook([head, row], **{"xl/styles.xml": styles, **parts})


async def first_row(tenant: Tenant, data: bytes) -> list[str]:
    rows = (await send(tenant(), data, "people.xlsx", dry_run="true")).ok()["rows"]
    return [str(cell) for cell in rows[0]["cells"][1:]]


async def test_a_date_or_a_time_is_what_its_format_shows_of_it(tenant: Tenant) -> None:
    came = await first_row(tenant, styled(SHOWN))
    assert {place: got for place, got in enumerate(came) if got != SHOWN[place][2]} == {}


async def test_days_are_counted_from_1904_where_the_workbook_says_so(tenant: Tenant) -> None:
    cells: list[tuple[int | str, float, str]] = [
        (14, DAY, "2027-03-16"), (22, NOON, "2027-03-16 12:00"), ("e", DAY, "2027-03-16"), (14, 0, "1904-01-01"),
        (20, 0, "00:00"), (22, SIX, "1904-01-01 18:00"), (14, 3_000_000, "########"),
    ]  # fmt: skip
    assert await first_row(tenant, styled(cells, **OF_1904)) == [text for *_, text in cells]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2024-01-02", "2024-01-02"), ("2024-01-02T03:04:05", "2024-01-02 03:04:05"), ("03:04:00", "03:04"),
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"), ("2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05+02:00"),
    ],
)  # fmt: skip
async def test_a_date_that_is_written_out_keeps_its_zone(tenant: Tenant, value: str, shown: str) -> None:
    cells = f'<c r="A2"><v>12025550341</v></c><c r="B2" t="d"><v>{value}</v></c>'
    head = '<c r="A1" t="inlineStr"><is><t>phone</t></is></c><c r="B1" t="inlineStr"><is><t>at</t></is></c>'
    told = f'<row r="1">{head}</row><row r="2">{cells}</row>'
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{told}</sheetData></worksheet>'
    assert await first_row(tenant, packed({**PARTS, "xl/worksheets/sheet1.xml": sheet})) == [shown]
