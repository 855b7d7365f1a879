"""Columns out of WARC files on many machines: the archive as a library inside Dask, Parquet out.

    pip install 'columnarchive[dask]'
    python examples/dask_warc.py out/ crawl-1.warc.gz crawl-2.warc.gz --workers 2

A site is the unit: its template is learned from all its pages, so each host is one task, which imports the host's pages
into an archive of its own and writes their revisions as one Parquet file. With `--workers 0` the same functions run in
this process alone and write the same. For a cluster, give `--scheduler tcp://…`; every machine must see the files and
the folder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow
from pyarrow import parquet
from warcio.archiveiterator import ArchiveIterator

from columnarchive import Archive, Pick


def hosts_of(path: str) -> set[str]:
    """The hosts that a WARC file has answers of: the first step, a task for each file."""
    with open(path, "rb") as file:
        records = (one for one in ArchiveIterator(file) if one.rec_type in ("response", "revisit"))
        return {urlsplit(one.rec_headers.get_header("WARC-Target-URI")).hostname or "" for one in records}


def write_site(out: str, host: str, paths: Sequence[str]) -> int:
    """Read a host's pages under the template they share and write its revisions: the second step, a task a host."""
    with tempfile.TemporaryDirectory() as folder, Archive.open(Path(folder) / "archive.db") as archive:
        archive.import_warc([Path(path) for path in paths], host)
        rows = [
            {
                "url": article.url,
                "number": revision.number,
                "first_seen_at": revision.first_seen_at,
                "last_seen_at": revision.last_seen_at,
                "title": revision.title,
                "published_on": archive.revision(article, Pick(number=revision.number)).article.published_on,
                "text": archive.revision(article, Pick(number=revision.number)).article.text,
            }
            for article in sorted(archive.articles(), key=lambda one: one.url)
            for revision in archive.revisions(article)
        ]
    if rows:
        parquet.write_table(pyarrow.Table.from_pylist(rows), Path(out) / f"{host}.parquet")
    return len(rows)


def merged(found: Iterable[set[str]]) -> list[str]:
    """Every host in any of the files."""
    return sorted(set().union(*found) - {""})


def alone(out: str, paths: list[str]) -> int:
    """Everything in this process."""
    return sum(write_site(out, host, paths) for host in merged(map(hosts_of, paths)))


def together(out: str, paths: list[str], client: Any) -> int:
    """The same as tasks of a Dask cluster."""
    hosts = merged(client.gather(client.map(hosts_of, paths)))
    return sum(client.gather([client.submit(write_site, out, host, paths) for host in hosts]))


@contextmanager
def cluster(workers: int, scheduler: str) -> Iterator[Any]:
    """A client of a running cluster, or of one on this machine."""
    from dask.distributed import Client, LocalCluster

    if scheduler:
        with Client(scheduler) as client:
            yield client
    else:
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local,
            Client(local) as client,
        ):
            yield client


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Columns of WARC files as Parquet, one file a host.")
    parser.add_argument("out")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scheduler", default="")
    given = parser.parse_args()
    Path(given.out).mkdir(parents=True, exist_ok=True)
    if given.workers or given.scheduler:
        with cluster(given.workers, given.scheduler) as client:
            count = together(given.out, given.files, client)
    else:
        count = alone(given.out, given.files)
    print(f"{count} revisions written to {given.out}.")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
