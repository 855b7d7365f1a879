"""Tables as JSON Lines, CSV and Parquet: named columns of three kinds, rows that come one by one.

The CSV opens right in Excel: UTF-8 with a byte order mark, and no cell that runs as a formula or is too long. A cell
that begins like a formula can make a spreadsheet run what a clinic's page says (CSV injection, OWASP); Excel in
Japanese reads full-width signs as well. `raw` writes every cell as it is, without a byte order mark, for programs.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from columnarchive.errors import ExchangeError
from columnarchive.exchange.atomic_files import atomic_files
from columnarchive.plain_text import harmless as harmless
from columnarchive.plain_text import json_line

Kind = Literal["text", "number", "words"]
Cell = str | int | tuple[str, ...]
Row = tuple[Cell, ...]

CELL_LIMIT = 32_767  # UTF-16 units, "Excel specifications and limits"; a longer cell spills into other rows
CUT = "…（表計算ソフトの上限のため、以下省略）"
DIGEST = "columnarchive"  # the key under which a file of a dataset holds the digest of its rows
ROW_GROUP = 2_000  # Parquet rows in memory at once: some MB of text


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


def columns(names: str, numbers: str = "", words: str = "") -> tuple[Column, ...]:
    """Return columns by their names in order, of which some hold numbers and some lists of words."""
    numeric, listed = set(numbers.split()), set(words.split())
    return tuple(
        Column(name, "number" if name in numeric else "words" if name in listed else "text") for name in names.split()
    )


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
    while batch := list(islice(rows, ROW_GROUP)):
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
