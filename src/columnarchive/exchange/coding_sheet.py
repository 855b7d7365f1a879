"""A coding sheet for studies: columns by kinds as a spreadsheet, the sentences as comments, with a codebook."""

from __future__ import annotations

import csv
import importlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from columnarchive.errors import ExchangeError
from columnarchive.exchange.tables import Table as Sheet
from columnarchive.exchange.tables import columns, harmless, write_csv

PRESENT, MISSING = "✓", "–"
_COMMENT_LIMIT = 2_000
_YES = frozenset(["1", "y", "yes", "true", "x", "○", "有", "はい"])
_NO = frozenset(["0", "n", "no", "false", "-", "–", "×", "無", "いいえ"])
_FIXED = ("url", "site", "title")


@dataclass(frozen=True, slots=True)
class Code:
    """What one column states of one kind: the day since when, and the sentences; empty sentences where it does not."""

    since: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodingSheet:
    """Rows of (url, site, title) with their codes by kind; `codebook` explains each kind, `facts` where it is from."""

    kinds: tuple[str, ...]
    rows: Sequence[tuple[tuple[str, str, str], Mapping[str, Code]]]
    codebook: Mapping[str, str]
    facts: Mapping[str, str]


def write_coding_csv(path: Path, sheet: CodingSheet) -> None:
    """Write the codes as CSV: ✓ and the day since when, or –."""
    rows = ((*fixed, *(_cell(codes.get(kind)) for kind in sheet.kinds)) for fixed, codes in sheet.rows)
    write_csv(path, Sheet("observations", columns(" ".join((*_FIXED, *sheet.kinds))), rows))


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """What a person says of a column as it was read at a moment: the kinds that it states, and those it does not."""

    url: str
    read_at: str
    codes: Mapping[str, bool]


def write_sample(path: Path, kinds: Sequence[str], rows: Iterable[tuple[str, ...]]) -> None:
    """Write columns to be coded by hand: url, site, title, time and text, and an empty cell for each kind."""
    empty = ("",) * len(kinds)
    names = columns(" ".join((*_FIXED, "read_at", "text", *kinds)))
    write_csv(path, Sheet("sample", names, ((*row, *empty) for row in rows)))


def read_codes(path: Path, kinds: Sequence[str]) -> Iterator[CodedColumn]:
    """Yield the rows of a sample that were coded; a cell left empty is not coded.

    Raises:
        ExchangeError: a cell that says neither yes nor no, or a file without the columns of a sample.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                if not row.get("url"):
                    raise ExchangeError("no_codes", path=path)
                codes = {
                    kind: code for kind in kinds if (code := _parse_code(row.get(kind) or "", path, number)) is not None
                }
                yield CodedColumn(row["url"], row.get("read_at") or "", codes)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise ExchangeError("no_codes", path=path) from None


def _parse_code(cell: str, path: Path, row: int) -> bool | None:
    word = unicodedata.normalize("NFKC", cell).strip().strip("'").casefold()
    if word.startswith(PRESENT) or word in _YES:
        return True
    if word in _NO:
        return False
    if word:
        raise ExchangeError("bad_code", path=path, row=row, cell=cell[:20])
    return None


def write_coding_xlsx(path: Path, sheet: CodingSheet) -> None:
    """Write the codes as XLSX, the sentences as comments, with the codebook and the archive's facts on own sheets."""
    try:
        xlsxwriter: Any = importlib.import_module("xlsxwriter")
    except ImportError:
        raise ExchangeError("needs_xlsxwriter") from None
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        bold = book.add_format({"bold": True})
        codes = book.add_worksheet("codes")
        codes.write_row(0, 0, [*_FIXED, *sheet.kinds], bold)
        codes.freeze_panes(1, len(_FIXED))
        for number, (fixed, found) in enumerate(sheet.rows, start=1):
            codes.write_row(number, 0, [harmless(cell) for cell in fixed])
            for place, kind in enumerate(sheet.kinds, start=len(_FIXED)):
                code = found.get(kind)
                codes.write_string(number, place, _cell(code))
                if code:
                    codes.write_comment(number, place, "\n".join(code.sentences)[:_COMMENT_LIMIT])
        _pairs(book.add_worksheet("codebook"), ("kind", "definition"), sheet.codebook.items(), bold)
        _pairs(book.add_worksheet("archive"), ("fact", "value"), sheet.facts.items(), bold)


def _pairs(page: Any, head: tuple[str, str], rows: Iterable[tuple[str, str]], bold: Any) -> None:
    page.write_row(0, 0, head, bold)
    for number, row in enumerate(rows, start=1):
        page.write_row(number, 0, row)


def _cell(code: Code | None) -> str:
    return f"{PRESENT} {code.since}".strip() if code else MISSING
