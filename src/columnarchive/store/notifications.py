"""Which changes a channel has not been told of yet; remembered in the archive itself, so a copy of it knows as well."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from columnarchive.store.reads import ChangeRow, change_row

_KIND = "case when from_number <> to_number then 'edit' else coalesce(json_extract(labels, '$[0]'), 'edit') end"


@dataclass(frozen=True, slots=True)
class Interest:
    """Which changes a channel wants: at least this level, any of these labels, these sites, seen since; empty: all."""

    level: int = 0
    labels: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    since: str = ""


def untold(conn: sqlite3.Connection, channel: str, interest: Interest, limit: int = -1) -> list[ChangeRow]:
    """Changes that a channel wants and was not told of, oldest first."""
    rows = conn.execute(
        f"""select changes.id, articles.url, articles.site, articles.title, from_number, to_number, changes.seen_at,
                   level, labels, added_chars, removed_chars, summary, after_at
            from changes join articles on articles.id = article_id
            where level >= :level and (:since = '' or changes.seen_at >= :since)
              and (:sites = '[]' or articles.site in (select value from json_each(:sites)))
              and (:labels = '[]' or exists (
                  select 1 from json_each(changes.labels) as has join json_each(:labels) as wanted
                  on has.value = wanted.value))
              and not exists (
                  select 1 from told where channel = :channel and told.seen_at = changes.seen_at
                    and told.kind = {_KIND} and (article_url = articles.url
                      -- An article that moved was told under the address of its page before.
                      or article_url in (select pages.url from pages where pages.article_id = articles.id)))
            order by changes.seen_at, articles.url, to_number limit :limit""",
        {
            "channel": channel,
            "level": interest.level,
            "labels": json.dumps(interest.labels),
            "sites": json.dumps(interest.sites),
            "since": interest.since,
            "limit": limit,
        },
    )
    return [change_row(row) for row in rows]


def tell(conn: sqlite3.Connection, channel: str, changes: Iterable[ChangeRow], at: str) -> None:
    """Remember, in the caller's transaction, that a channel was told of these changes."""
    conn.executemany(
        "insert or ignore into told(channel, article_url, seen_at, kind, at) values (?, ?, ?, ?, ?)",
        ((channel, change.url, change.seen_at, kind_of(change), at) for change in changes),
    )


def kind_of(change: ChangeRow) -> str:
    """What sort of change it is: `edit`, or the `gone` and `returned` of an article whose text stayed the same."""
    return "edit" if change.from_number != change.to_number else next(iter(change.labels), "edit")
