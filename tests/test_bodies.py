"""Bodies at rest: any order reads back the same, few bytes, short lines of bases."""

from __future__ import annotations

import gzip
import random
import time
from pathlib import Path

import pytest
from evidence import archive, page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnarchive.archive import importing
from columnarchive.errors import StoreError
from columnarchive.store import bodies, codec
from columnarchive.store.database import Database

SHORT = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=40)


def digests(db: Database) -> list[str]:
    """All bodies of an archive."""
    return [row[0] for row in db.conn.execute("select sha256 from bodies order by sha256")]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=SHORT)
def test_any_order_of_arrival_reads_back(
    tmp_path_factory: pytest.TempPathFactory, order: list[tuple[int, int]]
) -> None:
    with Database.open(tmp_path_factory.mktemp("any") / "a.db") as db:
        last: dict[int, str] = {}
        for number, version in order:
            last[number] = bodies.write(db.conn, page(number, version), 1, last.get(number, ""))
            assert bodies.read(db, last[number]) == page(number, version)
        (deepest,) = db.conn.execute("select max(depth) from bodies").fetchone()
        assert deepest <= bodies.MAX_DEPTH


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_a_frame_gives_its_body_back(body: bytes, base: bytes) -> None:
    for chosen in (None, base):
        assert codec.decompress(codec.compress(body, chosen), len(body), chosen) == body


@given(st.binary(max_size=300), st.integers(0, 3000))
def test_garbage_is_refused_in_a_sentence(data: bytes, size: int) -> None:
    with pytest.raises(StoreError, match="damaged"):
        codec.decompress(data, size)


def test_a_long_history_stays_shallow_and_small(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        before, raw = "", 0
        for version in range(60):
            body = page(1, version)
            raw += len(gzip.compress(body))
            before = bodies.write(db.conn, body, 1, before)
        stored, deepest = db.conn.execute("select sum(length(data)), max(depth) from bodies").fetchone()
        assert deepest <= bodies.MAX_DEPTH
        assert raw / stored > 14


def test_first_captures_of_one_template_cost_a_third_of_gzip(tmp_path: Path) -> None:
    with archive(tmp_path, pages=30, versions=1) as db:
        (stored,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        assert sum(len(gzip.compress(page(number))) for number in range(30)) / stored >= 2


def test_bodies_coded_anew_read_the_same(tmp_path: Path) -> None:
    with archive(tmp_path, pages=6, versions=20) as db:
        kept = digests(db)
        rng = random.Random(5)
        for sha256 in rng.sample(kept, 20):
            bodies.reencode(db.conn, sha256, frozenset(rng.sample(kept, 30)))
        for sha256 in kept:
            bodies.read(db, sha256)
        wrong = db.conn.execute(
            """select count(*) from bodies one left join bodies base on base.sha256 = one.base_sha256
               where one.depth <> coalesce(base.depth + 1, 0)"""
        ).fetchone()
        assert wrong == (0,)


def test_real_histories_are_fourteen_times_smaller_than_warc(tmp_path: Path, shared: Path) -> None:
    files = sorted((shared / "corpus/revisions").glob("*.warc.gz"))
    with Database.open(tmp_path / "a.db") as db:
        importing.import_files(db, files, None, lambda *_: None)
        (stored,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        assert sum(path.stat().st_size for path in files) / stored >= 14
        kept = digests(db)
        random.Random(1).shuffle(kept)
        begun = time.process_time()
        for sha256 in kept[:300]:
            bodies.read(db, sha256)
        assert (time.process_time() - begun) / 300 <= 0.0005
