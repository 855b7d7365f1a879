"""Sites and pages as rows: making them known, whoever brings them (a crawl, an import, the user)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from columnarchive.store.database import Database
from columnarchive.store.tombstones import STATE_SQL


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
        f"""insert or ignore into pages(site_id, url, state, found_on, found_by)
            values (:site_id, :url, {STATE_SQL}, :found_on, :found_by)""",
        {"site_id": site_id, "url": url, "found_on": found_on, "found_by": found_by},
    )
    return int(db.conn.execute("select id from pages where url = ?", (url,)).fetchone()[0])


def stale_sites(db: Database, rules: str, only: Sequence[int] = ()) -> list[tuple[int, str]]:
    """Sites whose derived tables are older than their captures or than the rules, as (id, name), by name."""
    rows = db.conn.execute(
        """select id, name, rules, derived_from, (
               select coalesce(max(captures.id), 0) from captures join pages on pages.id = captures.page_id
               where pages.site_id = sites.id) as newest
           from sites order by name"""
    ).fetchall()
    return [
        (site_id, name)
        for site_id, name, had_rules, derived_from, newest in rows
        if newest and (had_rules != rules or derived_from != newest) and (not only or site_id in only)
    ]


def all_sites(db: Database) -> list[tuple[int, str]]:
    """Every site as (id, name), by name."""
    return [(row[0], row[1]) for row in db.conn.execute("select id, name from sites order by name")]


def newest_capture(conn: sqlite3.Connection, site_id: int) -> int:
    """The id of the newest capture of a site, 0 without any: what a derivation started from."""
    row = conn.execute(
        "select coalesce(max(c.id), 0) from captures c join pages p on p.id = c.page_id where p.site_id = ?", (site_id,)
    ).fetchone()
    return int(row[0])


def settings(conn: sqlite3.Connection, site_id: int) -> tuple[str, dict[str, object]]:
    """A site's name and its settings."""
    name, text = conn.execute("select name, settings from sites where id = ?", (site_id,)).fetchone()
    return str(name), json.loads(text)
