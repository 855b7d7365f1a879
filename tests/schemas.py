"""Makes fixtures/schemas: a small archive as each schema leaves it, from pages of the fictional clinic.

python tests/schemas.py          writes the fixtures that are missing
python tests/schemas.py NAME ... writes those of these migrations again (`all`: every one), while they may still change

A fixture is made once, while its migration is the newest, and kept: later code need not be able to write it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from columnarchive.store import blobs, database

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from evidence import capture, fill  # noqa: E402

from columnarchive.pipeline import derive  # noqa: E402
from columnarchive.store import site_writer  # noqa: E402
from columnarchive.store.database import Database  # noqa: E402

FOLDER = ROOT / "fixtures/schemas"
PAGES = 4
HOST = "clinic.example"
COLUMNS = ("chiryou-nagare", "hiza-saisei", "nanbyo-kansaibou", "tounyou-insulin")
DAYS = ("2025-10-20", "2026-01-15")
AT = "2026-05-01T00:00:00Z"
LATER = (("sites", "template"), ("captures", "robots"), ("changes", "after_at"), ("captures", "shared_headers_id"))
"""Columns that came after the first schema and that today's code writes."""
LATER_TABLES = {
    "withdrawn_addresses": "url text, withdrawal_id integer",
    "withdrawn_shingles": "shingle integer, withdrawal_id integer",
    "observations": "id integer primary key, article_id integer, kind text, text text, words text, position integer, "
    "since_at text, since_revision integer, until_at text, until_revision integer",
    "pictures": "article_id integer, url text, alt text, caption text, heading text, position integer, width integer, "
    "height integer, sha256 text, since_at text, since_revision integer, until_at text, until_revision integer",
    "shared_headers": "id integer primary key, lines text",
    "page_observations": "article_id integer, kind text, place text, text text, words text",
}
"""Tables that came after the first schema and that today's code reads or writes."""
SENT_HEADERS = "create temp view sent_headers as select id as capture_id, request_headers as lines from main.captures"


def make(path: Path, name: str) -> None:
    """Write an archive with the schema up to the migration `name` to `path`."""
    with tempfile.TemporaryDirectory() as text:
        folder, full = Path(text), Path(text) / "full.db"
        for step in database.known_migrations(database.MIGRATIONS):
            if step <= name:
                (folder / f"{step}.sql").write_text((database.MIGRATIONS / f"{step}.sql").read_text("utf-8"), "utf-8")
        with Database.open(path, migrations=folder) as db:
            with _as_now(db.conn):
                _captured(db)
            db.conn.execute("pragma wal_checkpoint(truncate)")
        shutil.copy(path, full)
        with Database.open(full) as db:
            result = derive.derive_site(db, 1)
        with Database.open(path, migrations=folder) as db:
            with db.transaction() as conn:
                with _as_now(conn):
                    site_writer.write_site(db, 1, result, AT)
                conn.execute("update _sqlite_migrations set applied_at = ?", (AT,))
            db.conn.execute("vacuum")
    for rest in path.parent.glob(f"{path.name}[.-]*"):
        rest.unlink()


@contextlib.contextmanager
def _as_now(conn: sqlite3.Connection) -> Iterator[None]:
    """Lend an older schema the columns that today's code writes."""
    lent = [
        (table, column)
        for table, column in LATER
        if column not in [row[1] for row in conn.execute(f"pragma table_info({table})")]
    ]
    for table, column in lent:
        conn.execute(f"alter table {table} add column {column} text default ''")
    had = {name for (name,) in conn.execute("select name from main.sqlite_master where type in ('table', 'view')")}
    missing = [table for table in LATER_TABLES if table not in had]
    for table in missing:
        conn.execute(f"create temp table {table}({LATER_TABLES[table]})")
    if "sent_headers" not in had:
        conn.execute(SENT_HEADERS)
    yield
    conn.execute("drop view if exists temp.sent_headers")
    for table in missing:
        conn.execute(f"drop table temp.{table}")
    for table, column in lent:
        conn.execute(f"alter table {table} drop column {column}")


def fixture(name: str) -> Path:
    """Where the archive that the migration `name` left is kept, packed."""
    return FOLDER / f"{name[:4]}.db.gz"


def unpacked(name: str, path: Path) -> Path:
    """The kept archive, as a file of its own at `path`."""
    path.write_bytes(gzip.decompress(fixture(name).read_bytes()))
    return path


def described(path: Path) -> list[object]:
    """What must not differ between a kept fixture and one made now: schema, migrations, evidence; not derived rows."""
    conn = sqlite3.connect(path)
    try:
        found: list[object] = conn.execute("select type, name, sql from sqlite_master order by name").fetchall()
        found += database.applied_migrations(conn)
        found += conn.execute("select url, fetched_at, status, outcome, captures.body_sha256, headers, wire_sha256 "
                              "from captures join pages on pages.id = page_id order by fetched_at, url")  # fmt: skip
        found += conn.execute("select link_sha256 from chain order by id")
        for (sha256,) in conn.execute("select sha256 from bodies order by sha256").fetchall():
            found.append(hashlib.sha256(blobs.read(conn, sha256)).hexdigest())
        return found
    finally:
        conn.close()


def _captured(db: Database) -> None:
    for day in DAYS:
        many = []
        for column in COLUMNS:
            body = (ROOT / "fixtures/clinic" / day / "column" / column / "index.html").read_bytes()
            many.append(capture(f"https://{HOST}/column/{column}/", f"{day}T01:00:00Z", body))
        fill(db, many, HOST)


def main() -> None:
    """Write the fixtures."""
    FOLDER.mkdir(exist_ok=True)
    names = database.known_migrations(database.MIGRATIONS)
    missing = [one for one in names if not fixture(one).exists()]
    for name in names if sys.argv[1:] == ["all"] else sys.argv[1:] or missing:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "archive.db"
            make(made, name)
            fixture(name).write_bytes(gzip.compress(made.read_bytes(), mtime=0))
        print(f"{fixture(name).relative_to(ROOT)}: {fixture(name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
