"""Visits that find nothing new are noted without reading a page, and give the rows that a derivation gives."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import clinic
import clinic_archive
import evidence
import pytest
from deriving import spread

from columnarchive.pipeline.derive import DERIVATION, derive
from columnarchive.records import Capture
from columnarchive.store import captures, hash_chain, site_writer, sites
from columnarchive.store.database import Database

LATER = "2026-06-01T00:00:00Z"


def confirmed(captured: Capture, at: str, status: int = 304) -> Capture:
    """The visit that finds a page as it was."""
    if status == 304:
        return replace(captured, fetched_at=at, status=304, body=None, outcome="unchanged", headers=(("ETag", '"x"'),))
    return replace(captured, fetched_at=at, outcome="unchanged")


def shown(db: Database) -> tuple[str, list[tuple[object, ...]]]:
    """All that is derived, by natural keys, and what is known of each page."""
    pages = db.conn.execute(
        """select pages.url, kind, pages.state, last_outcome, articles.url, pages.first_seen_at, pages.last_seen_at,
                  pages.body_sha256
           from pages left join articles on articles.id = article_id order by pages.url"""
    ).fetchall()
    ends = db.conn.execute(
        "select url, first_seen_at, last_seen_at, changed_at, state, digest from articles order by url"
    ).fetchall()
    return clinic.as_text(clinic.state(db)), [*pages, *ends]


def add(db: Database, found: list[Capture], site: str) -> None:
    with db.transaction() as conn:
        site_id = sites.ensure_site(db, site, "")
        ids = [captures.add(db, sites.ensure_page(db, site_id, one.url), one) for one in found]
        hash_chain.seal(conn, LATER, "crawl", [one for one in ids if one is not None])


def newest(db: Database, url: str) -> Capture | None:
    row = db.conn.execute(
        """select captures.id from captures join pages on pages.id = page_id where url = ? and status = 200
           order by fetched_at desc limit 1""",
        (url,),
    ).fetchone()
    return captures.load(db, row[0]) if row else None


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clinic_archive.path(tmp_path_factory)


def is_quiet(db: Database) -> bool:
    """Whether no site needs a derivation; what is noted is given up."""
    ids = [row[0] for row in sites.stale_sites(db, DERIVATION)]
    with db.transaction() as conn:
        conn.execute("savepoint tried")
        found = all(site_writer.confirm_site(conn, one, DERIVATION, LATER) for one in ids)
        conn.execute("rollback to tried")
    return found


def ready(path: Path, folder: Path) -> Database:
    db = Database.open(clinic_archive.copied(path, folder / "a.db"))
    add(
        db,
        [evidence.capture("https://clinic.example/column/1/", "2026-03-01T00:00:00Z", evidence.page(1))],
        "clinic.example",
    )
    clinic_archive.derive_here(db)
    with db.transaction() as conn:
        conn.execute("update sites set rules = ?", (DERIVATION,))
    return db


def urls(db: Database) -> list[str]:
    return [row[0] for row in db.conn.execute("select url from pages where state <> 'withdrawn' order by url")]


@pytest.mark.parametrize("status", [304, 200])
def test_a_crawl_that_finds_nothing_new_reads_no_page(path: Path, tmp_path: Path, status: int) -> None:
    with ready(path, tmp_path) as db:
        known = [one for url in urls(db) if (one := newest(db, url))]
        live = [
            one
            for one in known
            if db.conn.execute("select state from pages where url = ?", (one.url,)).fetchone()[0] == "live"
        ]
        assert len(live) > 5
        for at in ("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z"):
            add(db, [confirmed(one, at, status) for one in live], clinic.SITE)
            assert is_quiet(db)
            assert all(not one.error for one in derive(db))
            noted = shown(db)
            clinic_archive.derive_here(db)
            assert shown(db) == noted


@pytest.mark.parametrize("seed", spread(range(25), 3))
def test_whatever_visits_find_the_rows_are_those_of_a_derivation(path: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    kinds = ["quiet"] * 3 + ["mixed"]
    with ready(path, tmp_path) as db:
        for day in range(1, 4):
            kind, found = chance.choice(kinds), []
            for number, url in enumerate(urls(db)):
                before = newest(db, url)
                if before is None or chance.random() < 0.2:
                    continue
                at = f"2026-06-{day:02}T00:00:{number:02}Z"
                what = chance.random() if kind == "mixed" else 0.0
                if what < 0.7:
                    found.append(confirmed(before, at, chance.choice((200, 304))))
                elif what < 0.8:
                    found.append(replace(before, fetched_at=at, status=404, body=b"", outcome="missing"))
                elif what < 0.9:
                    body = (before.body or b"").replace("。".encode(), "です。".encode(), 1)
                    found.append(replace(before, fetched_at=at, body=body, outcome="ok"))
                else:
                    found.append(confirmed(before, f"2026-02-{day:02}T00:00:{number:02}Z"))
            add(db, found, clinic.SITE)
            derived = derive(db, pool=None) if is_quiet(db) else None
            noted = shown(db)
            clinic_archive.derive_here(db)
            if derived is not None:
                assert shown(db) == noted
            with db.transaction() as conn:
                conn.execute("update sites set rules = ?", (DERIVATION,))
