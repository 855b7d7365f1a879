"""Parquet, for DuckDB, pandas, polars and Spark; needs pyarrow, which the extra `formats` brings."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from columnarchive.errors import ExchangeError
from columnarchive.exchange.tables import Cell, Kind, Table

SUFFIX = ".parquet"
GROUP = 2_000  # rows held in memory at once; a row group of some MB of text


def write(path: Path, table: Table) -> int:
    """Write a table in row groups as its rows come; the number of rows. ExchangeError when pyarrow is missing."""
    arrow, parquet = _library()
    types: dict[Kind, Any] = {"text": arrow.string(), "number": arrow.int64(), "words": arrow.list_(arrow.string())}
    schema = arrow.schema([(column.name, types[column.kind]) for column in table.columns])
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as out:
        for rows in _batches(iter(table.rows)):
            cells = {column.name: [_plain(row[place]) for row in rows] for place, column in enumerate(table.columns)}
            out.write_table(arrow.Table.from_pydict(cells, schema=schema))
            count += len(rows)
    return count


def _library() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ExchangeError("Parquet needs pyarrow; `pip install 'columnarchive[formats]'` brings it.") from error


def _batches(rows: Iterator[tuple[Cell, ...]]) -> Iterator[list[tuple[Cell, ...]]]:
    while batch := list(islice(rows, GROUP)):
        yield batch


def _plain(cell: Cell) -> object:
    return list(cell) if isinstance(cell, tuple) else cell
