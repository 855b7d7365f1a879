"""Bodies at rest: any order reads back the same, few bytes, short lines of bases."""

from __future__ import annotations

import contextlib
import gzip
import random
from pathlib import Path

import pytest
from deriving import import_files, spread
from evidence import archive, at, capture, page, patchwork
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnarchive.errors import StoreError
from columnarchive.exchange import warc_writer
from columnarchive.store import blobs, integrity
from columnarchive.store.database import Database

SHORT = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=40)


def digests(db: Database) -> list[str]:
    """All bodies of an archive."""
    return [row[0] for row in db.conn.execute("select sha256 from bodies order by sha256")]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(order=SHORT)
def test_any_order_of_arrival_reads_back(
    tmp_path_factory: pytest.TempPathFactory, order: list[tuple[int, int]]
) -> None:
    with Database.open(tmp_path_factory.mktemp("any") / "a.db") as db:
        last: dict[int, str] = {}
        for number, version in order:
            last[number] = blobs.write(db, page(number, version), 1, last.get(number, ""))
            assert blobs.read(db, last[number]) == page(number, version)
        (deepest,) = db.conn.execute("select max(depth) from bodies").fetchone()
        assert deepest <= blobs.MAX_DEPTH


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_a_frame_gives_its_body_back(body: bytes, base: bytes) -> None:
    for chosen in (None, base):
        assert blobs.decompress(blobs.compress(body, chosen), len(body), chosen) == body


PIECES = st.binary(max_size=40) | st.integers(0, 300_000).map(lambda length: random.Random(length).randbytes(length))
KINDS = st.sampled_from(("zstd", "zstd-base", "zstd-line"))


@settings(max_examples=60)
@given(st.lists(st.tuples(PIECES, KINDS), min_size=1, max_size=8))
def test_a_line_of_frames_gives_its_bodies_back(line: list[tuple[bytes, str]]) -> None:
    frames: list[blobs.Frame] = []
    raw: list[bytes] = []
    for body, wanted in line:
        kind = wanted if raw else "zstd"
        frames.append((blobs.compress(body, blobs.dictionary(kind, raw), 3), len(body), kind))
        raw.append(body)
        assert blobs.decompress_all(frames) == raw


@settings(max_examples=60)
@given(PIECES, st.lists(PIECES, min_size=1, max_size=3))
def test_a_dictionary_made_ready_gives_frames_like_any_other(content: bytes, pages: list[bytes]) -> None:
    ready = blobs.Dictionary(content)
    assert ready.content == content
    for body in (*pages, content, content[:-3] + b"<p>"):
        assert blobs.decompress(ready.compress(body), len(body), content) == body


@given(st.binary(max_size=300), st.integers(0, 3000))
def test_garbage_is_refused_in_a_sentence(data: bytes, size: int) -> None:
    with pytest.raises(StoreError, match="damaged"):
        blobs.decompress(data, size)


def test_a_long_history_stays_shallow_and_small(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        before, raw = "", 0
        for version in range(60):
            body = page(1, version)
            raw += len(gzip.compress(body))
            before = blobs.write(db, body, 1, before)
        stored, deepest = db.conn.execute("select sum(length(data)), max(depth) from bodies").fetchone()
        assert deepest <= blobs.MAX_DEPTH
        assert raw / stored > 14


def test_first_captures_of_one_template_cost_a_third_of_gzip(tmp_path: Path) -> None:
    with archive(tmp_path, pages=30, versions=1) as db:
        (stored,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        assert sum(len(gzip.compress(page(number))) for number in range(30)) / stored >= 3


def decoded(db: Database) -> float:
    """Bytes that reading a body decodes on average, its own and those below it; `storage.py reads` tells the time."""
    sizes = dict(db.conn.execute("select sha256, raw_size from bodies"))
    lines = [[name for name, _ in db.conn.execute(blobs.ANCESTORS, (sha256,))] for sha256 in sizes]
    return sum(sizes[name] for line in lines for name in line) / len(lines)


@pytest.mark.parametrize("site", ["fukui-law-saimuseiri", "nishifuna-seitai.jp", "pa-ra.com"])
def test_real_first_captures_are_three_times_smaller_than_warc(tmp_path: Path, shared: Path, site: str) -> None:
    files = sorted(path for path in (shared / "corpus/sites" / site).rglob("*") if path.suffix in (".html", ".htm"))
    random.Random(1).shuffle(files)
    pages = [capture(f"http://{site}/{path.name}/{n}", at(0, n), path.read_bytes()) for n, path in enumerate(files)]
    warc = tmp_path / "site.warc.gz"
    warc_writer.write(warc, [warc_writer.WarcEntry(one, one.body_sha256) for one in pages], "test")
    with Database.open(tmp_path / "a.db") as db:
        import_files(db, [warc], None, lambda *_: None)
        (stored,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        assert warc.stat().st_size / stored >= 3
        assert decoded(db) <= 320_000


@pytest.mark.parametrize("seed", spread(range(4), 2))
def test_bodies_erased_leave_the_others_as_they_were(tmp_path: Path, seed: int) -> None:
    with archive(tmp_path, pages=6, versions=20) as db:
        rng = random.Random(seed)
        last = [blobs.write(db, patchwork(number), 1) for number in range(16)]
        for number in range(4, 10):
            blobs.write(db, patchwork(number) + b"<p>One more.", 1, last[number])
        assert db.conn.execute("select count(distinct codec) from bodies").fetchone() == (3,)
        kept = set(digests(db))
        roots = [row[0] for row in db.conn.execute("select sha256 from bodies where depth < 3 order by sha256")]
        for _ in range(3):
            going = {*rng.sample(sorted(kept), 10), *rng.sample(roots, 1)} & kept
            blobs.erase(db.conn, going)
            kept -= going
            assert set(digests(db)) == kept
            for sha256 in kept:
                blobs.read(db, sha256)
        wrong = db.conn.execute(
            """select count(*) from bodies one left join bodies base on base.sha256 = one.base_sha256
               where one.depth <> coalesce(base.depth + 1, 0) or one.depth > ?""",
            (blobs.MAX_DEPTH,),
        ).fetchone()
        assert wrong == (0,)
        assert integrity.all_bodies(db.conn, lambda *_: None) == []


def test_real_histories_are_fourteen_times_smaller_than_warc(tmp_path: Path, shared: Path) -> None:
    files = sorted((shared / "corpus/revisions").glob("*.warc.gz"))
    with Database.open(tmp_path / "a.db") as db:
        import_files(db, files, None, lambda *_: None)
        (stored,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        assert sum(path.stat().st_size for path in files) / stored >= 14
        assert decoded(db) <= 500_000


def test_dictionaries_are_held_within_bounds_and_forgotten(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        for site in range(blobs.CACHED_SITES + 9):
            for number in range(3):
                blobs.write(db, page(number, host=f"{site}.example"), site)
            assert len(db.dictionaries) <= blobs.CACHED_SITES
        assert len(db.dictionaries) == blobs.CACHED_SITES
        db.dictionaries.clear()
        assert not db.dictionaries


def test_a_redesigned_site_gets_another_dictionary(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        for number in range(12):
            blobs.write(db, page(number), 1)
        sizes = []
        for number in range(12):
            sha256 = blobs.write(db, random.Random("style").randbytes(9000) + page(number, host="new.example"), 1)
            sizes += db.conn.execute("select length(data) from bodies where sha256 = ?", (sha256,)).fetchone()
        assert max(sizes[4:]) < sizes[0] / 2
        assert all_read(db) == 24


def written(db: Database, numbers: range, site_id: int = 1) -> list[str]:
    """Patchwork pages stored in one transaction."""
    with db.transaction():
        return [blobs.write(db, patchwork(number), site_id) for number in numbers]


def all_read(db: Database) -> int:
    """How many bodies there are, each of which reads back."""
    found = digests(db)
    for sha256 in found:
        blobs.read(db, sha256)
    return len(found)


def test_what_was_rolled_back_is_not_built_on(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        written(db, range(3))
        with contextlib.suppress(KeyboardInterrupt), db.transaction():
            for number in range(3, 8):
                blobs.write(db, patchwork(number), 1)
            raise KeyboardInterrupt
        assert len(digests(db)) == 3
        # The same bodies come again in another order, so that what each is coded against is another.
        written(db, range(7, 2, -1))
        written(db, range(8, 14))
        assert all_read(db) == 14


def test_what_another_erased_or_coded_anew_is_not_built_on(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db, Database.open(tmp_path / "a.db") as other:
        first = written(db, range(8))
        with other.transaction() as conn:
            blobs.erase(conn, first[:2])
        written(db, range(8, 16))
        assert all_read(db) == 14
        assert integrity.all_bodies(db.conn, lambda *_: None) == []


def test_a_writer_that_begins_anew_builds_on_what_is_there(tmp_path: Path) -> None:
    sizes = []
    for again in (False, True):
        with Database.open(tmp_path / f"{again}.db") as db:
            written(db, range(20))
            if again:
                db.dictionaries.clear()
            new = written(db, range(20, 30))
            marks = ", ".join("?" * len(new))
            row = db.conn.execute(f"select sum(length(data)) from bodies where sha256 in ({marks})", new).fetchone()
            sizes.append(row[0])
            assert all_read(db) == 30
    assert sizes[1] < 1.15 * sizes[0]


def test_large_pages_stand_beside_each_other_without_a_long_line(tmp_path: Path) -> None:
    rng = random.Random(1)
    shared, sizes = rng.randbytes(400_000), []
    with Database.open(tmp_path / "a.db") as db:
        for _ in range(4):
            sha256 = blobs.write(db, shared + rng.randbytes(9_000), 1)
            assert blobs.read(db, sha256).startswith(shared)
            sizes += db.conn.execute("select length(data), codec from bodies where sha256 = ?", (sha256,)).fetchall()
        assert [kind for _, kind in sizes] == ["zstd", "zstd-base", "zstd-base", "zstd-base"]
        assert max(size for size, _ in sizes[1:]) < 12_000
