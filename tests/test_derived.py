"""Derived rows: written whole, left alone when nothing differs, and always in step with the index."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from columnarchive.errors import NotFound, StoreError
from columnarchive.history.article_identity import versions
from columnarchive.history.revisions import assemble
from columnarchive.records import Article, Block, DerivedSite, PageReadings, PageVisits, Reading, Visit
from columnarchive.store import articles, changes, fulltext, site_writer, sites
from columnarchive.store.database import Database

URL = "https://clinic.example/column/{}/"


def site_with(texts: dict[int, list[list[str]]]) -> DerivedSite:
    """A site whose page n showed each of the texts on successive days."""
    pages, readings = [], {}
    for number, runs in texts.items():
        url = URL.format(number)
        visits = tuple(
            Visit(f"2026-01-{at + 1:02}T00:00:00Z", "ok", 200, f"{number}-{at}", "text/html", url)
            for at in range(len(runs))
        )
        page = PageVisits(number, url, visits)
        found = tuple(
            Reading(
                version,
                "article",
                "ok",
                Article(url, f"コラム{number}", tuple(Block("paragraph", line) for line in runs[at])),
                at == 0 or runs[at] != runs[at - 1],
            )
            for at, version in enumerate(versions(page).versions)
        )
        pages.append(page)
        readings[url] = PageReadings(url, found)
    verdicts, histories = assemble(pages, readings, "rules")
    return DerivedSite("clinic.example", "rules", 1, verdicts, histories)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    opened = Database.open(tmp_path / "a.db")
    with opened.transaction():
        site = sites.ensure_site(opened, "clinic.example", "2026-01-01T00:00:00Z")
        for number in range(1, 5):
            sites.ensure_page(opened, site, URL.format(number))
    return opened


def write(db: Database, derived_site: DerivedSite) -> site_writer.Written:
    with db.transaction():
        written = site_writer.write_site(db, 1, derived_site, "2026-02-01T00:00:00Z")
    assert list(fulltext.verify(db.conn)) == []
    return written


def found(db: Database, word: str) -> list[str]:
    from columnarchive import reader

    return [hit.url for hit in reader.Reader(db.conn).search(word).hits]


def test_what_is_written_is_read_back(db: Database) -> None:
    whole = site_with({1: [["免疫の話。", "費用は98,000円。"], ["免疫の話。"]], 2: [["再生医療。"]]})
    assert write(db, whole) == site_writer.Written(2, 2, 0, 0, 0)
    row = articles.article_row(db.conn, URL.format(1))
    assert row.revisions == 2
    assert [one.article for one in (articles.revision(db.conn, row.id, n) for n in (1, 2))] == [
        revision.article for revision in whole.histories[0].revisions
    ]
    assert found(db, "費用") == [URL.format(1)]
    (change,) = changes.change_rows(db.conn, changes.ChangeFilter())
    assert [edit.old for edit in changes.edits(db.conn, change.id)] == ["費用は98,000円。"]


def test_the_same_again_writes_nothing_but_the_newest_visit(db: Database) -> None:
    whole = site_with({1: [["免疫の話。"]], 2: [["再生医療。"]]})
    write(db, whole)
    later = replace(
        whole,
        histories=tuple(
            replace(
                one,
                last_seen_at="2026-03-01T00:00:00Z",
                revisions=(replace(one.revisions[0], last_seen_at="2026-03-01T00:00:00Z"),),
            )
            for one in whole.histories
        ),
    )
    assert write(db, later) == site_writer.Written(2, 0, 0, 0, 0)
    assert articles.article_row(db.conn, URL.format(1)).last_seen_at == "2026-03-01T00:00:00Z"


def test_a_changed_history_keeps_the_article_and_moves_the_index(db: Database) -> None:
    write(db, site_with({1: [["旧い文。"]], 2: [["再生医療。"]]}))
    before = articles.article_row(db.conn, URL.format(1)).id
    assert write(db, site_with({1: [["旧い文。"], ["新しい文。"]]})) == site_writer.Written(1, 0, 1, 1, 1)
    assert articles.article_row(db.conn, URL.format(1)).id == before
    assert found(db, "新しい") == [URL.format(1)]
    assert found(db, "旧い") == [URL.format(1)]  # in removed text
    assert found(db, "再生") == []
    with pytest.raises(NotFound):
        articles.article_row(db.conn, URL.format(2))


def test_an_interrupted_write_leaves_the_state_before(db: Database) -> None:
    write(db, site_with({1: [["免疫の話。"]]}))
    after = site_with({1: [["別の話。"]], 2: [["再生医療。"]]})

    def interrupted() -> None:
        with db.transaction():
            site_writer.write_site(db, 1, after, "2026-02-01T00:00:00Z")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert found(db, "免疫") == [URL.format(1)]
    assert list(fulltext.verify(db.conn)) == []


def _foreign(path: Path) -> None:
    import sqlite3

    conn = sqlite3.connect(path)
    conn.execute("create table t(a)")
    conn.close()


def _newer(path: Path) -> None:
    with Database.open(path) as db:
        db.conn.execute(
            "insert into _sqlite_migrations(migration_set, name, applied_at) values ('columnarchive', '9999_later', '')"
        )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"no database at all, but long enough to look" * 40), "is not a database"),
        (lambda path: path.mkdir(), "is a folder"),
        (_foreign, "not an archive"),
        (_newer, "newer columnarchive"),
    ],
)
def test_what_is_no_archive_is_refused_in_a_sentence(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "x.db"
    make(path)  # type: ignore[operator]
    with pytest.raises(StoreError, match=said):
        Database.open(path)


def test_changes_are_chosen_by_any_filters_together(db: Database) -> None:
    prices = [
        ["費用は98,000円。"],
        ["費用は128,000円。"],
        ["費用は128,000円です。", "リスクはありません。"],
        ["リスクはありません。"],
    ]
    write(db, site_with({1: prices, 2: prices[1:], 3: prices[:2]}))
    every = changes.change_rows(db.conn, changes.ChangeFilter())
    assert len(every) == 6
    assert every == sorted(every, key=lambda one: one.seen_at, reverse=True)
    labels = {label for one in every for label in one.labels}
    for label, level, url, site in itertools.product(
        ["", "no such", *labels], range(4), ["", URL.format(1), "no such"], ["", "clinic.example", "other.example"]
    ):
        chosen = changes.ChangeFilter(site, level, label, url, "2026-01-02T00:00:00Z", "2026-01-03T12:00:00Z")
        assert changes.change_rows(db.conn, chosen) == [
            one for one in every
            if (not site or one.site == site) and one.level >= level and (not label or label in one.labels)
            and (not url or one.url == url) and "2026-01-02" <= one.seen_at[:10] <= "2026-01-03"
        ]  # fmt: skip
    write(db, site_with({1: prices[:1]}))
    assert db.conn.execute("select count(*) from change_marks").fetchone() == (0,)
