"""CSV that opens right in Excel: UTF-8 with a byte order mark, no cell that runs as a formula, none that is too long.

A cell that begins like a formula can make a spreadsheet run what a clinic's page says (CSV injection, OWASP); Excel in
Japanese reads full-width signs as well. `raw` writes every cell as it is, without a byte order mark, for programs.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from columnarchive.exchange.tables import Cell, Table

SUFFIX = ".csv"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CELL_LIMIT = 32_767  # UTF-16 units, "Excel specifications and limits"; what is longer spills into other rows
CUT = "…（表計算ソフトの上限のため、以下省略）"


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were written, and how many cells were cut to what Excel can hold."""

    rows: int
    cut: int


def write(path: Path, table: Table, *, raw: bool = False) -> Written:
    """Write a table's rows as they come, with a line of column names; lists of words are joined with commas."""
    rows = cut = 0
    with path.open("w", encoding="utf-8" if raw else "utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(column.name for column in table.columns)
        for row in table.rows:
            cells = [_text(cell) for cell in row]
            if not raw:
                safe = [fitting(harmless(cell)) for cell in cells]
                cut += sum(cell.endswith(CUT) for cell in safe)
                cells = safe
            out.writerow(cells)
            rows += 1
    return Written(rows, cut)


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: with an apostrophe before a sign that begins one."""
    return "'" + cell if cell.startswith(FORMULA_SIGNS) else cell


def fitting(cell: str) -> str:
    """A cell cut to what Excel holds, with a note that says so."""
    if len(cell) <= CELL_LIMIT // 2 or _units(cell) <= CELL_LIMIT:
        return cell
    room = (CELL_LIMIT - _units(CUT)) * 2
    return cell.encode("utf-16-le")[:room].decode("utf-16-le", "ignore") + CUT


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _text(cell: Cell) -> str:
    return ", ".join(cell) if isinstance(cell, tuple) else str(cell)
