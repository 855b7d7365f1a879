"""JSON Lines: one object a line, keys in the order of the columns, Japanese as it is."""

from __future__ import annotations

from pathlib import Path

from columnarchive.exchange.tables import Table
from columnarchive.plain_text import json_line

SUFFIX = ".jsonl"


def write(path: Path, table: Table) -> int:
    """Write a table's rows as they come; the number of rows."""
    names = [column.name for column in table.columns]
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in table.rows:
            file.write(json_line(dict(zip(names, row, strict=True))) + "\n")
            count += 1
    return count
