"""The file where things go wrong: a full disk, no right to write, another writer, damage; and what opening reads."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import deriving
import pytest
from deriving import spread
from evidence import archive, at, capture, fill, page, site
from reading import opened
from servers.site import Site
from test_crawl_runs import a_site

from columnarchive import reader
from columnarchive.errors import StoreError
from columnarchive.pipeline import export, import_warc, withdrawal
from columnarchive.records import Capture
from columnarchive.store import captures
from columnarchive.store.database import Database, writer_lock
from columnarchive.store.frontier import Group
from columnarchive.store.schema import Problem

PAGES = "https://clinic.example/column/"
SOURCE = Path(__file__).resolve().parents[1] / "src"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="mounts and limits of Linux")


def run(path: Path, *arguments: object, largest: int = 0) -> subprocess.CompletedProcess[str]:
    """The command as a process, with a limit to the size of files if given."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    command = [sys.executable, "-m", "columnarchive", "--db", str(path), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limit if largest else None,
    )  # fmt: skip


def sentence(done: subprocess.CompletedProcess[str], said: str) -> None:
    """The command failed in one sentence."""
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("archive: ")
    assert said in done.stderr


def check(path: Path) -> list[Problem]:
    """All problems of an archive."""
    return deriving.check_file(path)


def kept(path: Path) -> int:
    """How many captures an archive has, each of them read whole."""
    with Database.open(path, write=False) as db:
        return len([captures.load(db, capture_id) for capture_id in captures.ids(db)])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A derived archive; only to be read."""
    folder = tmp_path_factory.mktemp("whole")
    with archive(folder, pages=12, versions=2) as db:
        deriving.derive(db)
        db.conn.execute("pragma wal_checkpoint(truncate)")
    return folder / "archive.db"


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WARC file of 20 captures with little in them that compresses: 0.9 MB."""
    folder = tmp_path_factory.mktemp("more")
    with Database.open(folder / "more.db") as db:
        many = [grown(each) for each in site(20, 1, "other.example")]
        fill(db, many, "other.example")
        export.export_warc(db, folder / "more.warc.gz", None, lambda *_: None)
    return folder / "more.warc.gz"


def noise(seed: str) -> str:
    """40 kB that hardly compress."""
    return base64.b64encode(random.Random(seed).randbytes(30_000)).decode()


def grown(one: Capture) -> Capture:
    """A capture with much beside its text."""
    body = (one.body or b"").replace(b"</head>", f"<script>'{noise(one.url)}'</script></head>".encode())
    return replace(one, body=body)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with room for 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if not IS_ROOT or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(folder: Path, room: int) -> None:
    """Leave only so many bytes on the disk."""
    free = shutil.disk_usage(folder).free
    (folder / "ballast").write_bytes(bytes(max(0, free - room)))


@ON_LINUX
@pytest.mark.parametrize(
    ("work", "room"),
    [("import", 100_000), ("import", 400_000), ("crawl", 400_000), ("rebuild", 100_000), ("withdraw", 100_000)],
)
@pytest.mark.slow
def test_a_full_disk_ends_in_a_sentence_and_loses_nothing(
    small_disk: Path, whole: Path, more: Path, work: str, room: int
) -> None:
    path = Path(shutil.copy(whole, small_disk / "archive.db"))
    if work == "rebuild":
        with Database.open(path) as db, db.transaction() as conn:
            conn.execute("delete from articles")
            conn.execute("insert into articles_fts(articles_fts) values ('delete-all')")
    fill_up(small_disk, room)
    with Site(a_site(16)) as served:
        for name, body in served.pages.items():
            if isinstance(body, str):
                served.pages[name] = body.replace("<title>", f"<script>'{noise(name)}'</script><title>")
        arguments: dict[str, tuple[object, ...]] = {
            "import": ("import", more),
            "crawl": ("crawl", f"{served.url}/column/", "--delay", 0, "--allow-private"),
            "rebuild": ("rebuild",),
            "withdraw": ("withdraw", f"{PAGES}3/", "--reason", "x", "--yes"),
        }
        sentence(run(path, *arguments[work]), "is full; what was committed is safe.")
        assert [one for one in check(path) if not one.mend] == []
        assert kept(path) >= (22 if work == "withdraw" else 24)
        (small_disk / "ballast").unlink()
        roomy = Path(shutil.copytree(small_disk, small_disk.parent / "roomy")) / "archive.db"
        done = run(roomy, *arguments[work])
        assert done.returncode == 0, done.stderr
        assert check(roomy) == []


@ON_LINUX
@pytest.mark.parametrize("largest", spread([700_000, 1_200_000], 1))
def test_files_that_may_not_grow_end_in_a_sentence(whole: Path, more: Path, tmp_path: Path, largest: int) -> None:
    path = Path(shutil.copy(whole, tmp_path / "archive.db"))
    sentence(run(path, "import", more, largest=largest), "what was committed is safe.")
    assert check(path) == []
    assert kept(path) in (24, 44)


@ON_LINUX
def test_a_disk_full_from_the_start(small_disk: Path) -> None:
    fill_up(small_disk, 0)
    done = run(small_disk / "archive.db", "crawl", "http://127.0.0.1:9/column/")
    sentence(done, "")
    assert "full" in done.stderr or "cannot be" in done.stderr


@pytest.mark.slow
@ON_LINUX
def test_checking_and_reading_need_no_room(small_disk: Path, whole: Path) -> None:
    path = Path(shutil.copy(whole, small_disk / "archive.db"))
    run(path, "status")
    fill_up(small_disk, 0)
    for arguments in (("check",), ("search", "肩こり"), ("status",)):
        done = run(path, *arguments)
        assert done.returncode == 0 or (done.stderr.count("\n") == 1 and "full" in done.stderr), done.stderr
    sentence(run(path, "export", "warc", small_disk / "out.warc.gz"), "cannot be written")
    assert sorted(each.name for each in small_disk.iterdir() if "out" in each.name) == []


def test_errors_leave_a_database_as_sentences(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(whole, tmp_path / "archive.db"))

    def full(db: Database) -> None:
        (pages,) = db.conn.execute("pragma page_count").fetchone()
        db.conn.execute(f"pragma max_page_count = {pages}")
        db.conn.execute("insert into meta values ('x', hex(zeroblob(4000000)))")

    with pytest.raises(StoreError, match=r"is full.*safe\.$"), Database.open(path) as db:
        full(db)
    with pytest.raises(StoreError, match="is full"), Database.open(path) as db:
        raise_in_group(full, db)
    with pytest.raises(StoreError, match="cannot be written to"), opened(path) as conn:
        conn.execute("delete from meta")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), Database.open(path) as db:
        db.conn.execute("select * from nowhere")
    with Database.open(path) as db:
        assert db.get_meta("x") == ""


def raise_in_group(work: Callable[[Database], None], db: Database) -> None:
    """As tasks that run at once do."""
    try:
        work(db)
    except sqlite3.Error as error:
        raise ExceptionGroup("tasks", [ValueError("another"), ExceptionGroup("inner", [error])]) from None


def refer_to_nothing(db: Database) -> None:
    """A transaction that only its commit refuses."""
    with db.transaction() as conn:
        conn.execute("pragma defer_foreign_keys = on")
        conn.execute("update captures set page_id = 999")


def test_a_commit_that_fails_is_rolled_back(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(whole, tmp_path / "archive.db"))
    with Database.open(path) as db:
        with pytest.raises(sqlite3.IntegrityError):
            refer_to_nothing(db)
        assert not db.conn.in_transaction
        with db.transaction() as conn:
            conn.execute("insert into meta values ('x', 'y')")
    assert check(path) == []


@contextlib.contextmanager
def read_only(place: Path) -> Iterator[None]:
    """A file or folder that nobody may write to: mounted so, or for lack of that right by its mode."""
    if not IS_ROOT:
        mode = place.stat().st_mode
        place.chmod(mode & 0o555)
        yield
        place.chmod(mode)
        return
    if subprocess.run(["mount", "--bind", str(place), str(place)], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(place)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.slow
@ON_LINUX
def test_a_folder_that_may_not_be_written_to(whole: Path, more: Path, tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir()
    path = Path(shutil.copy(whole, tmp_path / "shut/archive.db"))
    with read_only(path.parent):
        assert run(path, "status").returncode == 0
        with opened(path) as conn:
            assert reader.Reader(conn).search("肩こり").total > 0
        assert check(path) == []
        assert kept(path) == 24
        for arguments in (
            ("import", more), ("withdraw", f"{PAGES}3/", "--reason", "x", "--yes"),
        ):  # fmt: skip
            sentence(run(path, *arguments), "cannot be")
        for other, said in ((path.with_name("new.db"), "cannot be opened"), (path.parent / "a/b.db", "Cannot make")):
            with pytest.raises(StoreError, match=said):
                Database.open(other)


@ON_LINUX
def test_a_file_that_may_not_be_written_to(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(whole, tmp_path / "archive.db"))
    with read_only(path):
        done = run(path, "search", "肩こり")
        assert done.returncode == 0, done.stderr
        sentence(run(path, "rebuild"), "cannot be")


@ON_LINUX
def test_a_log_that_cannot_be_read_is_not_passed_over(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir()
    path = Path(shutil.copy(whole, tmp_path / "archive.db"))
    with Database.open(path) as db:
        fill(db, [capture("https://clinic.example/new/", at(9), page(99))])
        for end in ("-wal", ""):
            shutil.copy(f"{path}{end}", tmp_path / f"shut/archive.db{end}")
    with read_only(tmp_path / "shut"):
        sentence(run(tmp_path / "shut/archive.db", "status"), "copy both, archive.db and archive.db-wal")


@pytest.mark.parametrize("work", spread(["import", "rebuild", "withdraw", "crawl"], 1))
def test_a_second_writer_is_told_who_the_first_is(whole: Path, more: Path, tmp_path: Path, work: str) -> None:
    path = Path(shutil.copy(whole, tmp_path / "archive.db"))
    arguments: dict[str, tuple[object, ...]] = {
        "import": ("import", more),
        "rebuild": ("rebuild",),
        "withdraw": ("withdraw", f"{PAGES}3/", "--reason", "x", "--yes"),
        "crawl": ("crawl", "http://127.0.0.1:9/column/"),
    }
    with writer_lock(path, "crawl"):
        sentence(run(path, *arguments[work]), f"Another crawl of {path} is running; wait for it or stop it first.")
        if work == "import":
            with Database.open(path) as db, pytest.raises(StoreError, match="Another crawl"):
                withdrawal.withdraw(db, f"{PAGES}3/", "", "x", lambda _: None)
            assert run(path, "status").returncode == 0
    assert kept(path) == 24
    with Database.open(path) as db:
        assert import_warc.import_files(db, [more], None, lambda *_: None).added == 20


def hurt_beginning(data: bytearray) -> None:
    data[:64] = b"x" * 64


def hurt_schema(data: bytearray) -> None:
    data[100:4096] = bytes(3996)


def hurt_definition(data: bytearray) -> None:
    place = data.index(b"CREATE TABLE passages" if b"CREATE TABLE passages" in data else b"create table passages")
    data[place : place + 12] = b"create tabel"


def cut_off(data: bytearray) -> None:
    del data[5000:]


@pytest.mark.parametrize("hurt", spread([hurt_beginning, hurt_schema, hurt_definition, cut_off], 2))
def test_a_file_too_damaged_to_open_is_checked(whole: Path, tmp_path: Path, hurt: Callable[[bytearray], None]) -> None:
    path = Path(shutil.copy(whole, tmp_path / "archive.db"))
    copy = Path(shutil.copy(whole, tmp_path / "archive.db.before-upgrade-0001"))
    data = bytearray(path.read_bytes())
    hurt(data)
    path.write_bytes(data)
    problems = check(path)
    assert problems
    assert all(one.where == "file" and one.what.startswith("SQLite") for one in problems), problems
    assert str(copy) in problems[0].mend
    done = run(path, "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert "problems found." in done.stdout or "problem found." in done.stdout
    sentence(run(path, "status"), "damaged")
    if sys.platform == "linux":
        assert path.read_bytes() == bytes(data)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="reads what the system counts")
def test_opening_reads_the_same_of_a_large_file(whole: Path, tmp_path: Path) -> None:
    def read_by_opening(path: Path, *, write: bool) -> int:
        begun = _read_so_far()
        Database.open(path, write=write).close()
        return _read_so_far() - begun

    small, large = (Path(shutil.copy(whole, tmp_path / name)) for name in ("small.db", "large.db"))
    with Database.open(large) as db, db.transaction() as conn:
        for table in ("bodies", "captures"):
            columns = [row[1] for row in conn.execute(f"pragma table_info({table})") if row[1] not in ("id", "sha256")]
            sha256 = ", sha256" if table == "bodies" else ""
            values = ", hex(randomblob(32))" if table == "bodies" else ""
            names = ", ".join(columns)
            for _ in range(9):
                conn.execute(f"insert into {table}({names}{sha256}) select {names}{values} from {table}")
    assert large.stat().st_size > 10 * small.stat().st_size
    for write in (False, True):
        assert read_by_opening(large, write=write) <= read_by_opening(small, write=write) + 8192


def _read_so_far() -> int:
    return int(Path("/proc/self/io").read_text("ascii").split()[1])


def test_threads_write_in_the_order_in_which_they_asked(tmp_path: Path) -> None:
    """A crawl's fetching writes on and on; a derivation beside it gets its turn when the open transaction ends."""
    with Database.open(tmp_path / "archive.db") as db, db.beside() as other:

        def write() -> None:
            with other.transaction():
                other.set_meta("turn", "taken")

        group = Group(db, lambda: datetime(2026, 5, 1, tzinfo=UTC))
        group.begin()
        group.tick()
        assert group.open, "nobody waits, and it is neither full nor old"
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        ends = time.monotonic() + 20
        while not db.is_awaited() and time.monotonic() < ends:
            time.sleep(0.001)
        assert db.is_awaited()
        group.tick()
        group.begin()
        assert db.get_meta("turn") == "taken"
        group.commit()
        thread.join()
