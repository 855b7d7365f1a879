"""Damaged, crafted and aliased databases: one writer a file, one sentence a fault, all derived rows mended."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import command
import deriving
import pytest
from deriving import spread
from evidence import archive

from columnarchive.errors import StoreError
from columnarchive.store.database import Database, writer_lock


@pytest.mark.parametrize("name", ["link.db", "second.db", "folder/archive.db", "sub/../link.db", "./archive.db"])
def test_the_lock_is_on_the_file_whatever_leads_to_it(tmp_path: Path, name: str) -> None:
    archive(tmp_path, pages=1, versions=1).close()
    (tmp_path / "link.db").symlink_to(tmp_path / "archive.db")
    (tmp_path / "second.db").symlink_to("link.db")
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "sub").mkdir()
    one, other = tmp_path / "archive.db", Path(f"{tmp_path}/{name}")
    for first, second in ((one, other), (other, one)):
        with writer_lock(first, "crawl"), pytest.raises(StoreError, match=r"Another crawl of .* is running"):
            writer_lock(second, "import").__enter__()


@pytest.mark.parametrize("exists", [True, False])
def test_a_lock_that_is_a_symbolic_link_is_not_followed(tmp_path: Path, exists: bool) -> None:
    archive(tmp_path, pages=1, versions=1).close()
    target = tmp_path / "precious.txt"
    if exists:
        target.write_text("precious")
    lock = tmp_path / "archive.db.lock"
    lock.unlink(missing_ok=True)
    lock.symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link"), writer_lock(tmp_path / "archive.db", "crawl"):
        pass
    assert target.exists() == exists
    assert not exists or target.read_text() == "precious"


def test_a_lock_that_is_a_folder_or_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    archive(tmp_path, pages=1, versions=1).close()
    lock = tmp_path / "archive.db.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    with pytest.raises(StoreError, match=r"The lock .* cannot be made") as caught:
        writer_lock(tmp_path / "archive.db", "crawl").__enter__()
    assert "\n" not in str(caught.value)


def test_the_copy_before_an_upgrade_does_not_follow_a_link(tmp_path: Path) -> None:
    import schemas

    path = schemas.unpacked("0003", tmp_path / "archive.db")
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    os.symlink(target, tmp_path / "archive.db.before-upgrade-0003.partial")
    Database.open(path).close()
    assert target.read_text() == "precious"
    assert (tmp_path / "archive.db.before-upgrade-0003").stat().st_size > 10_000


DERIVED = [
    "articles", "revisions", "passages", "revision_passages", "sentences", "copies", "changes", "change_marks", "edits",
    "articles_fts", "passage_keys", "copies_due", "articles_fts_data", "articles_fts_config", "articles_fts_idx",
]  # fmt: skip
EVIDENCE = ["sites", "captures", "bodies", "chain", "withdrawals", "withdrawn_addresses", "hosts", "pages", "meta"]
VIEW = "drop table {0}; create view {0} as select 1 as id, 2 as article_id"
NOT_UTF8 = "update {} set {} = cast(x'e38182ff41' as text)"
CRAFTED = {
    **{f"{name} dropped": f"drop table {name}" for name in DERIVED},
    "a view in place of changes": VIEW.format("changes"),
    "a view in place of passages": VIEW.format("passages"),
    "a view in place of the index": VIEW.format("articles_fts"),
    "a table of other columns": "drop table edits; create table edits(id integer primary key, words text)",
    "the index of an ordinary table": "drop table articles_fts; create table articles_fts(text, title, removed_text)",
    "a foreign trigger on changes": "create trigger t after insert on changes begin delete from articles; end",
    "a foreign trigger on captures": "create trigger t before insert on captures begin delete from captures; end",
    "our trigger turned": "drop trigger changes_marked; create trigger changes_marked after insert on changes "
    "begin delete from changes; end",
    "our trigger gone": "drop trigger changes_marked",
    "indexes gone": "drop index revision_passages_passage; drop index captures_page",
    "text not UTF-8": NOT_UTF8.format("articles", "text"),
    "titles not UTF-8": NOT_UTF8.format("revisions", "title"),
    "sentences not UTF-8": NOT_UTF8.format("sentences", "text"),
    "addresses not UTF-8": "update articles set url = cast(x'e38182ff41' || cast(id as blob) as text)",
    "a blob as text": "update passages set text = zeroblob(9)",
    "no JSON": "update edits set spans = '[{'",
    "JSON of another shape": "update changes set labels = '\"words\"'",
    "nested JSON": "update edits set evidence = replace(hex(zeroblob(20000)), '0', '[')",
    "no time": "update changes set seen_at = 'yesterday'",
    "another time": "update revisions set first_seen_at = '0999-99-99'",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A derived archive with changes."""
    with archive(tmp_path_factory.mktemp("whole"), pages=6, versions=2) as db:
        deriving.derive(db)
        assert db.conn.execute("select count(*) from edits").fetchone()[0]
        return db.path


def crafted(whole: Path, folder: Path, script: str) -> Path:
    """A copy of an archive after a script."""
    path = Path(shutil.copy(whole, folder / "archive.db"))
    conn = sqlite3.connect(path)
    conn.executescript(f"pragma writable_schema = on; {script};")
    conn.close()
    return path


def rows(path: Path) -> list[object]:
    """What a rebuild must bring back."""
    with Database.open(path, write=False) as db:
        found = [tuple(db.conn.execute("select url, title, text, revisions from articles order by url"))]
        found += [tuple(db.conn.execute("select op, old_text, new_text, spans from edits order by 1, 2, 3"))]
        found += [tuple(db.conn.execute("select kind, text, is_present from passages order by 1, 2, 3"))]
        found += [tuple(db.conn.execute("select mark, seen_at from change_marks order by 1, 2"))]
        found += [tuple(db.conn.execute("select rowid from articles_fts where articles_fts match 'zz' limit 1"))]
        return found


@pytest.mark.parametrize("fault", spread(CRAFTED, 5))
def test_what_is_derived_is_named_by_check_and_mended_by_rebuild(whole: Path, tmp_path: Path, fault: str) -> None:
    path = crafted(whole, tmp_path, CRAFTED[fault])
    problems = deriving.check_file(path)
    assert problems
    assert any("rebuild" in one.mend for one in problems)
    with Database.open(path) as db:
        deriving.derive(db, force=True)
    assert deriving.check_file(path) == []
    assert rows(path) == rows(whole)


@pytest.mark.parametrize("table", EVIDENCE)
def test_evidence_that_is_gone_is_named(whole: Path, tmp_path: Path, table: str) -> None:
    path = crafted(whole, tmp_path, f"pragma foreign_keys = off; drop table {table}")
    problems = deriving.check_file(path, full=False)
    assert f"table {table}" in [one.where for one in problems]
    assert "rebuild" not in next(one.mend for one in problems if one.where == f"table {table}")


EVERY_COMMAND = [
    ("search", "難病"), ("changes",), ("status",), ("sites",), ("list",), ("copies",), ("captures", "https://clinic.example/column/1/"),
    ("history", "https://clinic.example/column/1/"), ("diff", "https://clinic.example/column/1/"),
    ("withdraw", "https://clinic.example/column/1/", "--reason", "x", "--yes"), ("check",), ("rebuild",),
]  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        "drop table changes", "drop table captures", VIEW.format("articles"), CRAFTED["text not UTF-8"],
        CRAFTED["no JSON"], "update captures set headers = '{'", "update sites set settings = '[]'",
        "drop table _sqlite_migrations", NOT_UTF8.format("pages", "url") + "|| id",
    ],
)  # fmt: skip
@pytest.mark.slow
def test_every_command_says_one_sentence(whole: Path, tmp_path: Path, script: str) -> None:
    for number, words in enumerate(EVERY_COMMAND):
        (tmp_path / str(number)).mkdir()
        done = command.archive(*words, db=crafted(whole, tmp_path / str(number), script))
        assert "Traceback" not in done.stderr, (words, done.stderr)
        assert done.returncode in (0, 1, 2), words
        if done.returncode == 1 and words[0] not in ("check", "rebuild"):
            assert len(done.stderr.strip().splitlines()) == 1, (words, done.stderr)
