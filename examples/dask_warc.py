"""Columns out of WARC files on many machines: extraction as a library inside Dask, Parquet out.

    pip install 'columnarchive[dask]'
    python examples/dask_warc.py out/ crawl-1.warc.gz crawl-2.warc.gz --workers 2

A site is the unit: its template is learned from all its pages, so pages are brought together by host before they are
read. Each host gives one Parquet file of revisions. With `--workers 0` the same functions run in this process alone and
write the same. For a cluster, give `--scheduler tcp://…`; every machine must see the files and the folder.

Answers that repeat a body of another file are counted when the file names its sha256, as WARC files of ours do.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from columnarchive.exchange.warc_reader import Revisit, read
from columnarchive.extract.rules import RULES
from columnarchive.extract.site_reader import read_site
from columnarchive.history.article_identity import versions
from columnarchive.history.revisions import assemble
from columnarchive.records import Capture, PageVisits, Visit
from columnarchive.urls import host_of

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A visit to a page, and the body it brought, if any."""

    url: str
    visit: Visit
    body: bytes | None


def answers(path: str) -> dict[str, list[Answer]]:
    """The answers in a WARC file by host: the first step, a task for each file."""
    found: dict[str, list[Answer]] = {}
    for item in read(Path(path)):
        capture = item.capture if isinstance(item, Revisit) else item
        if not isinstance(capture, Capture):
            continue  # a record that cannot be read
        digest = item.body_sha256 if isinstance(item, Revisit) else capture.body_sha256
        visit = Visit(
            capture.fetched_at,
            capture.outcome,
            capture.status,
            digest,
            capture.header("content-type"),
            capture.final_url,
        )
        found.setdefault(host_of(capture.url), []).append(Answer(capture.url, visit, capture.body))
    return found


def hosts(parts: Iterable[dict[str, list[Answer]]]) -> list[str]:
    """Every host in any of the files."""
    return sorted({host for part in parts for host in part})


def names(part: dict[str, list[Answer]]) -> dict[str, list[Answer]]:
    """The hosts of a part without their answers, which are too much to send around only to be counted."""
    return {host: [] for host in part}


def of_host(part: dict[str, list[Answer]], host: str) -> list[Answer]:
    """One host's share of a file."""
    return part.get(host, [])


def write_site(out: str, host: str, shares: Iterable[list[Answer]]) -> int:
    """Read a host's pages under the template they share and write its revisions: the second step, a task a host."""
    together = [answer for share in shares for answer in share]
    bodies = {answer.visit.body_sha256: answer.body for answer in together if answer.body is not None}
    by_page: dict[str, list[Visit]] = {}
    for answer in together:
        if answer.visit.body_sha256 in bodies or not answer.visit.body_sha256:
            by_page.setdefault(answer.url, []).append(answer.visit)
    pages = [
        PageVisits(number, url, tuple(sorted(visits, key=lambda visit: (visit.at, visit.body_sha256))))
        for number, (url, visits) in enumerate(sorted(by_page.items()))
    ]
    readings = {one.url: one for one in read_site([versions(page) for page in pages], bodies.__getitem__, {})}
    readable = [page for page in pages if page.url in readings]
    _, histories = assemble(readable, readings, RULES)
    rows = [
        {
            "url": history.article.url,
            "number": revision.number,
            "first_seen_at": revision.first_seen_at,
            "last_seen_at": revision.last_seen_at,
            "title": revision.article.title,
            "published_on": revision.article.published_on,
            "text": revision.article.text,
        }
        for history in histories
        for revision in history.revisions
    ]
    if rows:
        parquet.write_table(pyarrow.Table.from_pylist(rows), Path(out) / f"{host}.parquet")
    return len(rows)


def alone(out: str, paths: list[str]) -> int:
    """Everything in this process."""
    parts = [answers(path) for path in paths]
    return sum(write_site(out, host, [of_host(part, host) for part in parts]) for host in hosts(parts))


def together(out: str, paths: list[str], client: Any) -> int:
    """The same as tasks of a Dask cluster; bodies travel between workers only, never through this process."""
    parts = client.map(answers, paths)
    found = hosts(client.gather(client.map(names, parts)))
    written = [
        client.submit(write_site, out, host, [client.submit(of_host, part, host) for part in parts]) for host in found
    ]
    return sum(client.gather(written))


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
