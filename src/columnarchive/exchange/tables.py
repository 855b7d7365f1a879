"""Tables as JSON Lines, CSV and Parquet, and the coding sheet of a study.

The CSV opens right in Excel: UTF-8 with a byte order mark, and no cell that runs as a formula or is too long. A cell
that begins like a formula can make a spreadsheet run what a clinic's page says (CSV injection, OWASP); Excel in
Japanese reads full-width signs as well. `raw` writes every cell as it is, without a byte order mark, for programs.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from columnarchive.errors import ExchangeError
from columnarchive.exchange import atomic_files
from columnarchive.text import harmless as harmless
from columnarchive.text import json_line

Kind = Literal["text", "number", "words"]
Cell = str | int | tuple[str, ...]
Row = tuple[Cell, ...]

CELL_LIMIT = 32_767  # UTF-16 units, "Excel specifications and limits"; a longer cell spills into other rows
CUT = "…（表計算ソフトの上限のため、以下省略）"
DIGEST = "columnarchive"  # the key under which a file of a dataset holds the digest of its rows
ROW_GROUP = 2_000  # Parquet rows in memory at once, and characters
ROW_GROUP_CHARACTERS = 8_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and whether its cells are text, whole numbers or lists of words."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table to write; `rows` can be read once and need not fit into memory."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]


@dataclass(frozen=True, slots=True)
class Written:
    """The number of rows written, and of cells cut to what Excel can hold."""

    rows: int
    cut: int = 0


def write_jsonl(path: Path, table: Table) -> Written:
    """Write one JSON object a line, keys in the order of the columns."""
    names = [column.name for column in table.columns]
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in table.rows:
            file.write(json_line(dict(zip(names, row, strict=True))) + "\n")
            count += 1
    return Written(count)


def write_csv(path: Path, table: Table, *, raw: bool = False) -> Written:
    """Write CSV with a line of column names; lists of words are joined with commas."""
    rows = cut = 0
    with path.open("w", encoding="utf-8" if raw else "utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(column.name for column in table.columns)
        for row in table.rows:
            cells = [", ".join(cell) if isinstance(cell, tuple) else str(cell) for cell in row]
            if not raw:
                cells = [fitting(harmless(cell)) for cell in cells]
                cut += sum(cell.endswith(CUT) for cell in cells)
            out.writerow(cells)
            rows += 1
    return Written(rows, cut)


def fitting(cell: str) -> str:
    """Return a cell cut to what Excel holds, with a note that says so."""
    if len(cell) <= CELL_LIMIT // 2 or _utf16_units(cell) <= CELL_LIMIT:
        return cell
    limit = (CELL_LIMIT - _utf16_units(CUT)) * 2
    return cell.encode("utf-16-le")[:limit].decode("utf-16-le", "ignore") + CUT


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def write_parquet(path: Path, table: Table, digest: str = "") -> Written:
    """Write Parquet in row groups, for DuckDB, pandas, polars and Spark; ExchangeError when pyarrow is missing."""
    arrow, parquet = _pyarrow()
    types: dict[Kind, Any] = {"text": arrow.string(), "number": arrow.int64(), "words": arrow.list_(arrow.string())}
    schema = arrow.schema([(column.name, types[column.kind]) for column in table.columns])
    schema = schema.with_metadata({DIGEST: digest}) if digest else schema
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as out:
        for rows in _batches(iter(table.rows)):
            cells = {column.name: [_plain(row[place]) for row in rows] for place, column in enumerate(table.columns)}
            out.write_table(arrow.Table.from_pydict(cells, schema=schema))
            count += len(rows)
    return Written(count)


def update_parquet(path: Path, table: Table) -> bool:
    """Write a table to a file unless the file holds just these rows; return whether it was written."""
    rows = list(table.rows)
    digest = hashlib.sha256(
        json_line({"columns": [column.name for column in table.columns], "rows": rows}).encode()
    ).hexdigest()
    _, parquet = _pyarrow()
    with contextlib.suppress(OSError, ValueError):  # no such file, or no Parquet
        if (parquet.read_schema(path).metadata or {}).get(DIGEST.encode()) == digest.encode():
            return False
    with atomic_files() as claim:
        write_parquet(claim(path), Table(table.name, table.columns, rows), digest)
    return True


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ExchangeError("needs_pyarrow") from error


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists of bounded size, by number and by characters: revisions of long articles come together."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += sum(len(cell) for cell in row if isinstance(cell, str))
        if len(batch) == ROW_GROUP or characters >= ROW_GROUP_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _plain(cell: Cell) -> object:
    return list(cell) if isinstance(cell, tuple) else cell


@dataclass(frozen=True, slots=True)
class TableFormat:
    """A format for tables: the ending of its files and the function that writes one."""

    suffix: str
    write: Callable[[Path, Table], Written]


TABLE_FORMATS = {
    "jsonl": TableFormat(".jsonl", write_jsonl),
    "csv": TableFormat(".csv", write_csv),
    "parquet": TableFormat(".parquet", write_parquet),
}
"""Every format for tables by its name; a new one is a function and a line here."""


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
    write_csv(path, Table("observations", tuple(map(Column, (*_FIXED, *sheet.kinds))), rows))


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """What a person says of a column as it was read at a moment: the kinds that it states, and those it does not."""

    url: str
    read_at: str
    codes: Mapping[str, bool]


def write_sample(path: Path, kinds: Sequence[str], rows: Iterable[tuple[str, ...]]) -> None:
    """Write columns to be coded by hand: url, site, title, time and text, and an empty cell for each kind."""
    empty = ("",) * len(kinds)
    names = tuple(map(Column, (*_FIXED, "read_at", "text", *kinds)))
    write_csv(path, Table("sample", names, ((*row, *empty) for row in rows)))


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
