"""Whether a site's derived rows are those that its captures give: derived again into a scratch file and compared.

Rows are compared by natural keys (address, revision number, position, text, times), never by ids.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from pathlib import Path

from columnarchive.records import DerivedSite
from columnarchive.store import copies
from columnarchive.store import site_writer as rows
from columnarchive.store.database import Database
from columnarchive.store.problems import REBUILD, Problem

# Each derived table with the tables that lead from it to the article; what these add to the key is in `_key`.
_JOINS = {
    "articles": "",
    "revisions": "join articles on articles.id = revisions.article_id",
    "passages": "join articles on articles.id = passages.article_id",
    "sentences": "join articles on articles.id = sentences.article_id",
    "observations": "join articles on articles.id = observations.article_id",
    "pictures": "join articles on articles.id = pictures.article_id",
    "page_observations": "join articles on articles.id = page_observations.article_id",
    "changes": "join articles on articles.id = changes.article_id",
    "edits": "join changes on changes.id = edits.change_id join articles on articles.id = changes.article_id",
    "revision_passages": """join revisions on revisions.id = revision_passages.revision_id
        join articles on articles.id = revisions.article_id
        join passages on passages.id = revision_passages.passage_id""",
}
_KEYS = {
    "edits": ("changes.from_number", "changes.to_number"),
    "revision_passages": ("revisions.number", "passages.kind", "passages.heading", "passages.text"),
}
_IDS = ("id", "article_id", "revision_id", "passage_id", "change_id")


def differences(conn: sqlite3.Connection, site_id: int, derived: DerivedSite) -> list[Problem]:
    """One problem for each article and table in which the stored rows of a site are not those of `derived`."""
    with tempfile.TemporaryDirectory() as folder, Database.open(Path(folder) / "scratch.db") as scratch:
        _fill(scratch, conn, site_id, derived)
        found = []
        for table in _JOINS:
            stored, expected = _rows(conn, table, derived.site), _rows(scratch.conn, table, derived.site)
            for url in sorted({str(row[0]) for row in (stored - expected) + (expected - stored)}):
                found.append(Problem(f"{table} of {url}", "The rows are not those that its captures give.", REBUILD))
        stored_pages, expected_pages = _pages(conn, site_id), _pages(scratch.conn, site_id)
        for url, _, _ in sorted(stored_pages ^ expected_pages):
            found.append(Problem(f"page {url}", "Its kind or article is not what its captures give.", REBUILD))
    return list(dict.fromkeys(found))


def copied(conn: sqlite3.Connection, site: str, reader: copies.Reader) -> list[Problem]:
    """One problem for each article of a site whose copies are not those that the stored passages give."""
    wrong = copies.wrong(conn, reader, site)
    return [Problem(f"copies of {url}", "The rows are not those that its passages give.", REBUILD) for url in wrong]


def _fill(scratch: Database, conn: sqlite3.Connection, site_id: int, derived: DerivedSite) -> None:
    """The derivation as it would be written into an archive that has only this site's pages."""
    with scratch.transaction():
        scratch.conn.execute("insert into sites(id, name) values (?, ?)", (site_id, derived.site))
        scratch.conn.executemany(
            "insert into pages(id, site_id, url, kind) values (?, ?, ?, ?)",
            conn.execute("select id, site_id, url, kind from pages where site_id = ?", (site_id,)),
        )
        rows.write_site(scratch, site_id, derived, "")


def _rows(conn: sqlite3.Connection, table: str, site: str) -> Counter[tuple[object, ...]]:
    columns = [name for _, name, *_ in conn.execute(f"pragma table_info({table})") if name not in _IDS]
    wanted = ["articles.url", *(f"{table}.{name}" for name in columns), *_KEYS.get(table, ())]
    query = f"select {', '.join(wanted)} from {table} {_JOINS[table]} where articles.site = ?"
    return Counter(conn.execute(query, (site,)))


def _pages(conn: sqlite3.Connection, site_id: int) -> set[tuple[str, str, str]]:
    return set(
        conn.execute(
            """select pages.url, kind, coalesce(articles.url, '') from pages
               left join articles on articles.id = article_id where site_id = ?""",
            (site_id,),
        )
    )
