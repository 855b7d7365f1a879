"""Tables on their way out: named columns of three kinds, and rows that come one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "words"]
Cell = str | int | tuple[str, ...]
Row = tuple[Cell, ...]


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


def columns(names: str, numbers: str = "", words: str = "") -> tuple[Column, ...]:
    """Columns by their names in order, of which some hold numbers and some lists of words."""
    numeric, listed = set(numbers.split()), set(words.split())
    return tuple(
        Column(name, "number" if name in numeric else "words" if name in listed else "text") for name in names.split()
    )
