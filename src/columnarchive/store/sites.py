"""Sites and pages as rows: making them known, whoever brings them (a crawl, an import, the user)."""

from __future__ import annotations

from columnarchive.store.database import Database


def ensure_site(db: Database, name: str, at: str, start_url: str = "", title: str = "") -> int:
    """The id of the site called `name`, made at time `at` if new; a known site keeps what it already has."""
    db.conn.execute(
        """insert into sites(name, title, start_url, added_at) values (?, ?, ?, ?)
           on conflict(name) do update set
             title = case when excluded.title <> '' then excluded.title else title end,
             start_url = case when start_url = '' then excluded.start_url else start_url end""",
        (name, title, start_url, at),
    )
    return int(db.conn.execute("select id from sites where name = ?", (name,)).fetchone()[0])


def ensure_page(db: Database, site_id: int, url: str, found_on: str = "", found_by: str = "") -> int:
    """The id of the page at `url`, queued if new. A URL belongs to the site that knew it first."""
    db.conn.execute(
        "insert or ignore into pages(site_id, url, found_on, found_by) values (?, ?, ?, ?)",
        (site_id, url, found_on, found_by),
    )
    return int(db.conn.execute("select id from pages where url = ?", (url,)).fetchone()[0])
