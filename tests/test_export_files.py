"""Exports whole or not at all: kills and full disks; a copy to hand over; nothing withdrawn in any format."""

from __future__ import annotations

import gzip
import importlib.util
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import clinic_archive
import pytest
from command import archive, forked
from reading import opened

from columnarchive import reader
from columnarchive.errors import ExchangeError
from columnarchive.pipeline import withdrawal
from columnarchive.pipeline.export import FORMATS, ExportRequest
from columnarchive.pipeline.export import export as publish
from columnarchive.store import fulltext
from columnarchive.store.database import Database

PARQUET = importlib.util.find_spec("pyarrow") is not None
TABULAR = ("jsonl", "csv", "parquet") if PARQUET else ("jsonl", "csv")
MADE = tuple(name for name in FORMATS if PARQUET or name != "parquet")
SCRIPT = """
import os, resource, signal, sys
from pathlib import Path
from columnarchive import reader
from columnarchive.pipeline.export import ExportRequest, export as publish
from columnarchive.errors import ArchiveError
def report(done, note):
    if sys.argv[4] == "kill" and done == 8 and note == "revisions":
        os.kill(os.getpid(), signal.SIGKILL)
with reader.Reader.open(Path(sys.argv[1])) as archive:
    conn = archive.conn
    if sys.argv[4] == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
    try:
        publish(conn, ExportRequest(sys.argv[2], Path(sys.argv[3])), report)
    except ArchiveError as error:
        print(error)
        sys.exit(1)
"""


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clinic_archive.path(tmp_path_factory)


def export(db: Path, format: str, out: Path, **wanted: object) -> str:
    with opened(db) as conn:
        return str(publish(conn, ExportRequest(format, out, **wanted)))  # type: ignore[arg-type]


def articles(db: Path) -> int:
    """How many articles there are."""
    (count,) = sqlite3.connect(db).execute("select count(*) from articles").fetchone()
    return int(count)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder by its name, without what git keeps for itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


@pytest.mark.parametrize("format", TABULAR)
def test_a_kill_leaves_the_export_before_it(db: Path, tmp_path: Path, format: str) -> None:
    """Killed while the second table is written: the tables of the export before stand, none is new or half."""
    out = tmp_path / "out"
    clinic_archive.written(tmp_path / "small.db", {"/a/": ["一。", "二。"]})
    export(tmp_path / "small.db", format, out)
    before = contents(out)
    assert forked(SCRIPT, db, format, out, "kill").returncode == -signal.SIGKILL
    assert {name: data for name, data in contents(out).items() if not name.endswith(".partial")} == before
    assert f"{articles(db)} articles" in export(db, format, out)
    assert not list(out.glob("*.partial"))


# Dies where it hurts most: when files are half written, and when one is whole but not yet renamed.
KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from columnarchive import reader
from columnarchive.pipeline.export import ExportRequest, export as publish
from columnarchive.store import snapshot
def die():
    os.kill(os.getpid(), signal.SIGKILL)
format, out, moment = sys.argv[2], Path(sys.argv[3]), sys.argv[4]
replaced = []
def replace(source, target, replace=os.replace):
    if len(replaced) == (7 if format == "markdown" else 0):
        die()
    replaced.append(replace(source, target))
def step():
    if out.with_name(out.name + ".partial").exists():
        die()
    return 0
class Dying(sqlite3.Connection):
    def execute(self, sql, *rest):
        if sql == "commit":
            die()
        return super().execute(sql, *rest)
with reader.Reader.open(Path(sys.argv[1])) as archive:
    conn = archive.conn
    if moment == "whole":
        os.replace = replace
    elif moment == "half":
        conn.set_progress_handler(step, 50)
    else:
        snapshot.sqlite3.connect = lambda *a, connect=sqlite3.connect, **k: connect(*a, factory=Dying, **k)
    publish(conn, ExportRequest(format, out, without_bodies=moment == "uncommitted without bodies"))
"""


@pytest.mark.parametrize(
    ("format", "moment"),
    [
        ("markdown", "whole"),
        *[("atom", moment) for moment in ("half", "whole")],
        *[("sqlite", moment) for moment in ("half", "whole", "uncommitted", "uncommitted without bodies")],
    ],
)
def test_a_kill_leaves_no_half_file_and_the_next_run_completes(
    db: Path, tmp_path: Path, format: str, moment: str
) -> None:
    source, out, whole = clinic_archive.copied(db, tmp_path / "a.db"), tmp_path / "new" / "out", tmp_path / "whole"
    with Database.open(source) as opened:  # so that the copy has something to leave out
        opened.conn.execute("insert into told values ('webhook x', 'https://clinic.example/', '', 'edit', '')")
    without_bodies = moment.endswith("without bodies")
    export(source, format, whole, without_bodies=without_bodies)
    out.parent.mkdir()
    if format == "atom":
        out.write_text("the feed before")

    assert forked(KILLED, source, format, out, moment).returncode == -signal.SIGKILL
    left = [path for path in out.parent.rglob("*") if path.is_file()]
    assert [path for path in left if ".partial" in path.name], "it was killed before it wrote anything"
    standing = [path for path in left if ".partial" not in path.name]
    if format == "markdown":
        assert len(standing) == 7
        assert all(path.read_bytes() == (whole / path.relative_to(out)).read_bytes() for path in standing)
    else:
        assert [path.read_text() for path in standing] == (["the feed before"] if format == "atom" else [])

    export(source, format, out, without_bodies=without_bodies)
    assert not list(out.parent.rglob("*.partial*"))
    if format == "markdown":
        assert contents(out) == contents(whole)
    elif format == "atom":
        assert out.read_bytes() == whole.read_bytes()
    else:
        assert sqlite3.connect(out).execute("pragma integrity_check").fetchone() == ("ok",)
        assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("format", MADE)
def test_a_full_disk_leaves_the_export_before_it_and_is_said_in_a_sentence(
    db: Path, tmp_path: Path, format: str
) -> None:
    """A limit on the size of files stands for a full disk: writing fails in the middle."""
    out = tmp_path / "out"
    clinic_archive.written(tmp_path / "small.db", {"/a/": ["一。", "二。"]})
    if format != "sqlite":
        export(tmp_path / "small.db", format, out)
    before = contents(tmp_path)

    done = forked(SCRIPT, db, format, out, "full")
    said = done.stdout.decode()
    assert done.returncode == 1, done.stderr.decode()
    assert said.count("\n") == 1
    assert said.endswith(".\n")
    after = contents(tmp_path)
    if format == "markdown":
        assert before.items() <= {**after, **{name: before[name] for name in before if "-" in name}}.items()
        assert all(data.endswith(b"\n") for name, data in after.items() if name.endswith(".md"))
        assert not [name for name in after if name.endswith(".partial")]
    else:
        assert after == before


@pytest.mark.parametrize("how", ["kill", "full"])
def test_a_warc_file_is_whole_or_the_one_before_it(db: Path, tmp_path: Path, how: str) -> None:
    script = """
import os, resource, signal, sys
from pathlib import Path
from columnarchive.pipeline.export import export_warc
from columnarchive.errors import ArchiveError
from columnarchive.store.database import Database
def report(done):
    if sys.argv[3] == "kill" and done == 20:
        os.kill(os.getpid(), signal.SIGKILL)
with Database.open(Path(sys.argv[1]), write=False) as db:
    if sys.argv[3] == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        export_warc(db, Path(sys.argv[2]), None, report)
    except ArchiveError as error:
        print(error)
        sys.exit(1)
"""
    out = tmp_path / "new" / "columns.warc.gz"
    out.parent.mkdir()
    out.write_bytes(b"the one before")
    done = forked(script, db, out, how)
    assert done.returncode == (-signal.SIGKILL if how == "kill" else 1), done.stderr.decode()
    assert out.read_bytes() == b"the one before"
    if how == "full":
        assert done.stdout.decode().count("cannot be written") == 1
        assert [path.name for path in out.parent.iterdir()] == [out.name]
    again = forked(script, db, out, "well")
    assert again.returncode == 0, again.stderr.decode()
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    with gzip.open(out) as file:
        assert file.read().count(b"WARC-Type: response") > 20


def _texts(path: Path) -> Iterator[bytes]:
    """All bytes of an export; of git, its objects unpacked."""
    for name in [path, *path.rglob("*")] if path.is_dir() else [path]:
        if name.is_file():
            yield name.read_bytes()
    if (path / ".git").is_dir():
        command = ["git", "-C", str(path), "cat-file", "--batch", "--batch-all-objects"]
        yield subprocess.run(command, capture_output=True, check=True).stdout
    if path.suffix == ".parquet" or (path / "articles.parquet").exists():
        import pyarrow.parquet

        for each in path.glob("*.parquet"):
            yield str(pyarrow.parquet.read_table(each).to_pylist()).encode()


@pytest.mark.parametrize("format", MADE)
@pytest.mark.parametrize("derived", [True, False])
def test_what_was_withdrawn_is_in_no_export(db: Path, tmp_path: Path, format: str, derived: bool) -> None:
    """Also when the process died between the withdrawal and the derivation, and over an export made before."""
    path = clinic_archive.copied(db, tmp_path / "a.db")
    with Database.open(path) as opened:
        row = opened.conn.execute(
            "select title, text from articles where url = ?", (clinic_archive.WITHDRAWN,)
        ).fetchone()
    secrets = [row[0].encode(), max(row[1].split("\n"), key=len).encode()]
    out = tmp_path / "out"
    export(path, format, out)
    assert secrets[0] in b"".join(_texts(out))
    with Database.open(path) as opened:
        withdrawal.withdraw(
            opened,
            clinic_archive.WITHDRAWN,
            "",
            "a test",
            lambda _: clinic_archive.derive_here(opened) if derived else None,
        )
    if format == "sqlite":
        out = tmp_path / "later.db"
    export(path, format, out)
    found = b"".join(_texts(out))
    assert len(found) > 10_000
    assert not [secret for secret in secrets if secret in found]


@pytest.mark.parametrize("without_bodies", [False, True])
def test_a_copy_stands_on_its_own(db: Path, tmp_path: Path, without_bodies: bool) -> None:
    """Opened by us for search and by plain sqlite3, equal to the archive in every table but the bodies left out."""
    out = tmp_path / "copy.db"
    export(db, "sqlite", out, without_bodies=without_bodies)
    ours, copy = sqlite3.connect(db), sqlite3.connect(out)
    assert copy.execute("pragma integrity_check").fetchone() == ("ok",)
    schema = "select type, name, sql from sqlite_master where name not like 'sqlite_%' order by type, name"
    assert copy.execute(schema).fetchall() == ours.execute(schema).fetchall()
    for kind, name, sql in ours.execute(schema).fetchall():
        if kind != "table" or "virtual" in sql.lower() or (without_bodies and name in ("bodies", "meta")):
            continue
        query = f'select * from "{name}"'
        assert copy.execute(query).fetchall() == ours.execute(query).fetchall(), name
    (bodies,) = copy.execute("select count(*) from bodies").fetchone()
    assert (bodies == 0) is without_bodies
    with opened(out) as conn, opened(db) as source:
        assert fulltext.verify(conn) == []
        hits = reader.Reader(conn).search("難病").hits
        assert hits == reader.Reader(source).search("難病").hits
        assert hits
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))) == ["copy.db"]
    with pytest.raises(ExchangeError, match="exists already"):
        export(db, "sqlite", out)


def test_the_command_writes_each_format(db: Path, tmp_path: Path) -> None:
    for format in ("jsonl", "sqlite"):
        done = archive("export", format, tmp_path / format, db=db)
        assert done.stdout.startswith(f"{articles(db)} articles")
        assert (done.returncode, done.stderr) == (0, "")
    wrong = archive("export", "pdf", tmp_path / "x", db=db)
    assert wrong.returncode == 1
    assert "choose from warc, wacz, jsonl, csv" in wrong.stderr
