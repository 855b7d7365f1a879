"""Derivation is a function of the captures: order of arrival, kills and rebuilds play no part."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import clinic
import clinic_archive
import deriving
import pytest
from deriving import import_files, spread

from columnarchive.exchange import warc_reader, warc_writer
from columnarchive.records import Capture
from columnarchive.store import fulltext
from columnarchive.store.database import Database

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def found() -> list[Capture]:
    return list(clinic.captured())


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = clinic_archive.copy(tmp_path_factory)
    with Database.open(path) as db:
        return path, clinic.as_text(clinic.state(db))


def test_day_by_day_is_the_same_as_all_at_once(found: list[Capture], at_once: tuple[Path, str], tmp_path: Path) -> None:
    """The site is redesigned on its last day."""
    with Database.open(tmp_path / "a.db") as db:
        for _, group in itertools.groupby(found, key=lambda one: one.fetched_at[:10]):
            clinic.add(db, list(group))
            deriving.derive(db)
        assert clinic.as_text(clinic.state(db)) == at_once[1]
        assert list(fulltext.verify(db.conn)) == []


@pytest.mark.parametrize("order", spread(["backwards", 1, 2], 1))
def test_the_order_of_arrival_plays_no_part(
    found: list[Capture], at_once: tuple[Path, str], tmp_path: Path, order: str | int
) -> None:
    mixed = found[::-1] if order == "backwards" else clinic.shuffled(found, int(order))
    with Database.open(tmp_path / "a.db") as db:
        for start in range(0, len(mixed), 40):
            clinic.add(db, mixed[start : start + 40])
            if start == 40:
                deriving.derive(db)  # half of the captures make another template, which must leave no trace
        deriving.derive(db)
        assert clinic.as_text(clinic.state(db)) == at_once[1]


@pytest.mark.slow
def test_real_histories_give_the_same_in_any_order_and_twice(shared: Path, tmp_path: Path) -> None:
    """Each month of each site is a file, as a crawler would have made it: in order, shuffled, and all of them twice."""
    months: dict[tuple[str, str], list[Capture]] = {}
    for history in sorted((shared / "corpus/revisions").glob("*.warc.gz")):
        for one in warc_reader.read(history):
            if isinstance(one, Capture):
                months.setdefault((one.fetched_at[:7], history.name), []).append(one)
    if not months:
        pytest.skip("needs the histories in ../shared/corpus/revisions")
    files = []
    for number, (_, group) in enumerate(sorted(months.items())):
        files.append(tmp_path / f"{number:04d}.warc.gz")
        warc_writer.write(files[-1], [warc_writer.WarcEntry(one, one.body_sha256) for one in group], "test")
    shuffled = random.Random(9).sample(files, len(files))
    found = []
    for name, rounds in (("in order", [files]), ("shuffled", [shuffled]), ("twice", [shuffled[::-1], files])):
        with Database.open(tmp_path / f"{name}.db") as db:
            added = []
            for many in rounds:
                added.append(import_files(db, many, None, lambda *_: None).added)
                deriving.derive(db)
            assert added[1:] in ([], [0])
            found.append(clinic.as_text(clinic.state(db)))
            (revisions,) = db.conn.execute("select count(*) from revisions").fetchone()
            assert revisions > len(files)
    assert found[0] == found[1]
    assert found[0] == found[2]


def test_rebuild_changes_nothing(at_once: tuple[Path, str]) -> None:
    with Database.open(at_once[0]) as db:
        done = deriving.derive(db, force=True)
        assert [(one.written.added, one.written.rewritten, one.written.dropped) for one in done] == [(0, 0, 0)]
        assert clinic.as_text(clinic.state(db)) == at_once[1]


@pytest.mark.slow
def test_a_kill_between_captures_and_derivation_loses_nothing(
    found: list[Capture], at_once: tuple[Path, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    with Database.open(path) as db:
        clinic.add(db, found[:30])
        deriving.derive(db)
        clinic.add(db, found[30:])
    script = f"""
import sys, os
from pathlib import Path
from columnarchive.store.database import Database
from columnarchive.store import site_writer
from columnarchive.pipeline import derive, import_warc
from columnarchive.exchange import warc_reader, warc_writer
if __name__ == "__main__":
    write = site_writer.write_site
    def killed(*arguments, **more):
        write(*arguments, **more)
        os.kill(os.getpid(), {int(signal.SIGKILL)})
    site_writer.write_site = killed
    with Database.open(Path({json.dumps(str(path))})) as db:
        derive.derive(db)
"""
    file = tmp_path / "killed.py"
    file.write_text(script, encoding="utf-8")
    died = subprocess.run([sys.executable, str(file)], cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    with Database.open(path) as db:
        (before,) = db.conn.execute("select count(*) from captures").fetchone()
        assert before == len(found)
        assert list(fulltext.verify(db.conn)) == []
        deriving.derive(db)
        assert clinic.as_text(clinic.state(db)) == at_once[1]


def test_the_clinic_reads_as_its_golden_files_say(at_once: tuple[Path, str]) -> None:
    """Revisions, goings and returns of every column as fixtures/golden/changes.json has them."""
    golden = json.loads((ROOT / "fixtures/golden/changes.json").read_text(encoding="utf-8"))
    with Database.open(at_once[0], write=False) as db:
        for column in golden:
            url = clinic.HOST + column["path"]
            row = db.conn.execute("select id, revisions from articles where url = ?", (url,)).fetchone()
            assert row, url
            assert row[1] == column["revisions"], url
            steps = db.conn.execute(
                "select substr(seen_at, 1, 10), labels, id from changes where article_id = ? order by seen_at",
                (row[0],),
            ).fetchall()
            told = {(day, label) for day, labels, _ in steps for label in json.loads(labels)}
            for label in ("gone", "returned"):
                assert {day for day, said in told if said == label} == set(column[label]), (url, label)
            for change in column["changes"]:
                change_id = next(one for day, labels, one in steps if day == change["to_date"] and "gone" not in labels)
                old, new = db.conn.execute(
                    "select group_concat(old_text, ' '), group_concat(new_text, ' ') from edits where change_id = ?",
                    (change_id,),
                ).fetchone()
                assert all(words in old for words in change["removed"]), url
                assert all(words in new for words in change["added"]), url
                labels = {label for day, label in told if day == change["to_date"]}
                assert set(change["labels"]) <= labels, (url, labels)


def test_the_users_word_on_what_a_page_is_holds(found: list[Capture], tmp_path: Path) -> None:
    """`kinds` of sites.toml: patterns on the path."""
    with Database.open(tmp_path / "a.db") as db:
        clinic.add(db, found)
        with db.transaction():
            settings = json.dumps({"kinds": {"/fee/": "other", "/column/h*/": "other"}})
            db.conn.execute("update sites set settings = ?", (settings,))
        deriving.derive(db)
        urls = {url for (url,) in db.conn.execute("select url from articles")}
    assert clinic.HOST + "/column/nanbyo-kansaibou/" in urls
    assert not {clinic.HOST + path for path in ("/fee/", "/column/hiza-saisei/", "/column/hada-saisei/")} & urls


@pytest.mark.parametrize("alone", [True, False])
def test_pages_that_never_answered_with_a_page_are_no_obstacle(
    found: list[Capture], tmp_path: Path, alone: bool
) -> None:
    """Not there, forbidden by robots.txt, out of reach: beside other pages, or the only ones."""
    at = "2026-06-01T00:00:00Z"
    never = [
        Capture(f"{clinic.HOST}/column/404/", "", at, 404, (), None, "missing"),
        Capture(f"{clinic.HOST}/column/forbidden/", "", at, 0, (), None, "refused_by_robots"),
        Capture(f"{clinic.HOST}/column/silent/", "", at, 0, (), None, "timeout"),
    ]
    with Database.open(tmp_path / "a.db") as db:
        clinic.add(db, never if alone else [*found, *never])
        (done,) = deriving.derive(db)
        assert done.error is None
        states = dict(
            db.conn.execute("select url, state from pages where url in (?, ?, ?)", [one.url for one in never])
        )
        assert [states[one.url] for one in never] == ["gone", "refused", "failed"]
        (articles,) = db.conn.execute("select count(*) from articles").fetchone()
        assert (articles == 0) is alone
