#!/usr/bin/env python3
"""Ask many archives at once: `archive export parquet LAKE --partitioned`, then SQL or data frames over the folder.

    python examples/lake.py LAKE [duckdb|polars|dask]

Prints two tables as CSV: changes by month and label over all clinics, and sentences that several clinics added. Each of
the three engines gives the same lines; take the one that your team has.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

Rows = Iterable[tuple[object, ...]]


def with_duckdb(lake: Path) -> tuple[Rows, Rows]:
    """DuckDB reads the folder in place; a site or month named in `where` is all that it opens."""
    import duckdb

    def read(table: str) -> str:
        return f"read_parquet('{lake}/{table}/*/*/*.parquet', hive_partitioning = true, hive_types_autocast = false)"

    labels = duckdb.sql(f"""
        select month, label, count(*) from (select month, unnest(labels) as label from {read("changes")})
        group by all order by all""").fetchall()
    copies = duckdb.sql(f"""
        select new, count(distinct site) as sites from {read("edits")} where op = 'added'
        group by new having sites > 1 order by all""").fetchall()
    return labels, copies


def with_polars(lake: Path) -> tuple[Rows, Rows]:
    """polars scans lazily; what a query does not need is not read."""
    import polars as pl

    def read(table: str) -> pl.LazyFrame:
        schema = {"site": pl.String, "month": pl.String}
        return pl.scan_parquet(f"{lake}/{table}/**/*.parquet", hive_partitioning=True, hive_schema=schema)

    changes = read("changes").select("month", pl.col("labels").alias("label")).explode("label").drop_nulls()
    labels = changes.group_by("month", "label").len().sort("month", "label")
    added = read("edits").filter(pl.col("op") == "added").group_by("new").agg(pl.col("site").n_unique().alias("sites"))
    copies = added.filter(pl.col("sites") > 1).sort("new", "sites")
    return labels.collect().rows(), copies.collect().rows()


def with_dask(lake: Path) -> tuple[Rows, Rows]:
    """Dask reads a partition a task, on as many machines as its cluster has (`distributed.Client(...)`)."""
    import dask.dataframe as dd

    changes = dd.read_parquet(lake / "changes", columns=["labels", "month"])
    exploded = changes.astype({"month": str}).explode("labels").dropna()
    labels = exploded.groupby(["month", "labels"]).size().compute().sort_index()
    edits = dd.read_parquet(lake / "edits", columns=["op", "new", "site"])
    added = edits[edits.op == "added"][["new", "site"]].astype({"site": str}).drop_duplicates()
    sites = added.groupby("new").size().compute().sort_index()
    return [(*key, int(size)) for key, size in labels.items()], list(sites[sites > 1].items())


ENGINES = {"duckdb": with_duckdb, "polars": with_polars, "dask": with_dask}


def main() -> None:
    """Print both tables."""
    lake, engine = Path(sys.argv[1]), (sys.argv[2:] or ["duckdb"])[0]
    out = csv.writer(sys.stdout, lineterminator="\n")
    for head, rows in zip((("month", "label", "changes"), ("added", "sites")), ENGINES[engine](lake), strict=True):
        out.writerow(head)
        out.writerows(rows)


if __name__ == "__main__":
    main()
