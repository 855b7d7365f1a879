"""Bodies at rest: any order reads back the same, few bytes, short lines of bases."""

from __future__ import annotations

import gzip
import random
import time
from pathlib import Path

import pytest
from evidence import archive, at, capture, page, patchwork
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnarchive.archive import importing
from columnarchive.errors import StoreError
from columnarchive.exchange import warc_out
from columnarchive.store import bodies, codec, nearness, recoding, verify
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
            last[number] = bodies.write(db, page(number, version), 1, last.get(number, ""))
            assert bodies.read(db, last[number]) == page(number, version)
        (deepest,) = db.conn.execute("select max(depth) from bodies").fetchone()
        assert deepest <= bodies.MAX_DEPTH


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_a_frame_gives_its_body_back(body: bytes, base: bytes) -> None:
    for chosen in (None, base):
        assert codec.decompress(codec.compress(body, chosen), len(body), chosen) == body


PIECES = st.binary(max_size=40) | st.integers(0, 300_000).map(lambda length: random.Random(length).randbytes(length))
KINDS = st.sampled_from(("zstd", "zstd-base", "zstd-line"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PIECES, KINDS), min_size=1, max_size=8))
def test_a_line_of_frames_gives_its_bodies_back(line: list[tuple[bytes, str]]) -> None:
    frames: list[codec.Frame] = []
    raw: list[bytes] = []
    for body, wanted in line:
        kind = wanted if raw else "zstd"
        frames.append((codec.compress(body, codec.dictionary(kind, raw), 3), len(body), kind))
        raw.append(body)
        assert codec.decompress_all(frames) == raw
        assert codec.decompress_last(frames) == raw[-1]


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
            before = bodies.write(db, body, 1, before)
        stored, deepest = db.conn.execute("select sum(length(data)), max(depth) from bodies").fetchone()
        assert deepest <= bodies.MAX_DEPTH
        assert raw / stored > 14


def test_first_captures_of_one_template_cost_a_third_of_gzip(tmp_path: Path) -> None:
    with archive(tmp_path, pages=30, versions=1) as db:
        (stored,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        assert sum(len(gzip.compress(page(number))) for number in range(30)) / stored >= 3


@pytest.mark.parametrize("site", ["fukui-law-saimuseiri", "nishifuna-seitai.jp", "pa-ra.com"])
def test_real_first_captures_are_three_times_smaller_than_warc(tmp_path: Path, shared: Path, site: str) -> None:
    files = sorted(path for path in (shared / "corpus/sites" / site).rglob("*") if path.suffix in (".html", ".htm"))
    random.Random(1).shuffle(files)
    pages = [capture(f"http://{site}/{path.name}/{n}", at(0, n), path.read_bytes()) for n, path in enumerate(files)]
    warc = tmp_path / "site.warc.gz"
    warc_out.write(warc, [warc_out.Kept(one, one.body_sha256) for one in pages], "test")
    with Database.open(tmp_path / "a.db") as db:
        importing.import_files(db, [warc], None, lambda *_: None)
        (stored,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        assert warc.stat().st_size / stored >= 3
        begun = time.process_time()
        for sha256 in digests(db):
            bodies.read(db, sha256)
        assert (time.process_time() - begun) / len(pages) <= 0.0005


@pytest.mark.parametrize("seed", range(4))
def test_bodies_erased_leave_the_others_as_they_were(tmp_path: Path, seed: int) -> None:
    with archive(tmp_path, pages=6, versions=20) as db:
        rng = random.Random(seed)
        last = [bodies.write(db, patchwork(number), 1) for number in range(16)]
        for number in range(4, 10):
            bodies.write(db, patchwork(number) + b"<p>One more.", 1, last[number])
        assert db.conn.execute("select count(distinct codec) from bodies").fetchone() == (3,)
        kept = set(digests(db))
        roots = [row[0] for row in db.conn.execute("select sha256 from bodies where depth < 3 order by sha256")]
        for _ in range(3):
            going = {*rng.sample(sorted(kept), 10), *rng.sample(roots, 1)} & kept
            recoding.erase(db.conn, going)
            kept -= going
            assert set(digests(db)) == kept
            for sha256 in kept:
                bodies.read(db, sha256)
        wrong = db.conn.execute(
            """select count(*) from bodies one left join bodies base on base.sha256 = one.base_sha256
               where one.depth <> coalesce(base.depth + 1, 0) or one.depth > ?""",
            (bodies.MAX_DEPTH,),
        ).fetchone()
        assert wrong == (0,)
        assert verify.all_bodies(db.conn, lambda *_: None) == []


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


def test_what_was_compared_is_held_within_bounds_and_forgotten() -> None:
    lately = nearness.Lately()
    for number in range(nearness.HELD + 9):
        lately.line(str(number), lambda sha256: (sha256.encode() * 8, ""))
    assert len(lately.held) == nearness.HELD
    lately.line("9", lambda _: pytest.fail("is held"))
    lately.forget()
    assert not lately.held
