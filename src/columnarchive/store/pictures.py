"""Rows of pictures: those of an article with the span of time in which each stood, and what their bytes are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter

from columnarchive.records import picture_key

PICTURE_COLUMNS = "url, alt, caption, heading, position, width, height, sha256"


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A picture of an article as `archive pictures` lists it; of one that stands, `until_at` is empty."""

    url: str
    alt: str
    caption: str
    heading: str
    position: int
    width: int
    height: int
    sha256: str
    text: str
    since_at: str
    until_at: str
    stands: bool


def of_article(conn: sqlite3.Connection, article_id: int) -> list[PictureRow]:
    """Return the pictures that an article has, in their order, then those that it had, the last to go first."""
    rows = conn.execute(
        """select url, alt, caption, heading, position, pictures.width, pictures.height, sha256,
                  coalesce(picture_files.text, ''), since_at, until_at, until_revision = 0
           from pictures left join picture_files using (sha256) where article_id = ?
           order by until_revision > 0, until_at desc, pictures.id""",
        (article_id,),
    )
    return [PictureRow(*(*fields, bool(stands))) for *fields, stands in rows]


def wanted(conn: sqlite3.Connection, site: str, limit: int) -> list[str]:
    """Return the addresses of the pictures that a site's articles have now, of each article at most `limit`."""
    rows = conn.execute(
        """select article_id, pictures.url from pictures join articles on articles.id = article_id
           where site = ? and until_revision = 0 and articles.state <> 'gone' order by article_id, pictures.id""",
        (site,),
    )
    found = [url for _, own in groupby(rows, itemgetter(0)) for _, url in list(own)[:limit]]
    return list(dict.fromkeys(found))


_CAPTURES = """from captures join pages on pages.id = page_id
    where pages.kind = 'resource' and found_by = 'picture' and withdrawal_id is null and captures.body_sha256 <> ''
      and outcome in ('ok', 'unchanged', 'redirected')"""


def unexamined(conn: sqlite3.Connection) -> list[str]:
    """Return the digests of pictures that nobody has opened yet."""
    rows = conn.execute(
        f"""select distinct captures.body_sha256 {_CAPTURES}
            and captures.body_sha256 not in (select sha256 from picture_files)"""
    )
    return [row[0] for row in rows]


def uncompared(conn: sqlite3.Connection, engine: str) -> list[tuple[str, str]]:
    """Return pictures that followed each other under one address and were not compared by this engine."""
    captured: dict[str, list[str]] = {}
    for url, sha256 in conn.execute(
        f"select pages.url, captures.body_sha256 {_CAPTURES} order by fetched_at, captures.id"
    ):
        captured.setdefault(picture_key(url), []).append(sha256)
    pairs = {pair for own in captured.values() for pair in pairwise(own) if pair[0] != pair[1]}
    known = set(conn.execute("select old_sha256, new_sha256 from picture_pairs where engine = ?", (engine,)))
    return sorted(pairs - known)


def add_file(conn: sqlite3.Connection, sha256: str, outcome: str, format: str, size: tuple[int, int]) -> None:
    """Keep what the bytes of a picture are."""
    conn.execute(
        "insert or replace into picture_files(sha256, outcome, format, width, height) values (?, ?, ?, ?, ?)",
        (sha256, outcome, format, *size),
    )


def add_pair(conn: sqlite3.Connection, pair: tuple[str, str], reencoded: bool, engine: str) -> None:
    """Keep whether the second of two pictures only compresses the first anew."""
    conn.execute("insert or replace into picture_pairs values (?, ?, ?, ?)", (*pair, reencoded, engine))


def are_ok(conn: sqlite3.Connection, digests: Iterable[str]) -> bool:
    """Whether all of these pictures can be decoded."""
    query = "select outcome = 'ok' from picture_files where sha256 = ?"
    return all((conn.execute(query, (one,)).fetchone() or (0,))[0] for one in digests)


def reencoded(conn: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Return the pairs of pictures of which the second only compresses the first anew."""
    return frozenset(conn.execute("select old_sha256, new_sha256 from picture_pairs where reencoded"))


def only_of(conn: sqlite3.Connection, pages: Sequence[int]) -> dict[int, str]:
    """Return the fetched pictures of the article on these pages that no other article has, by address or by bytes."""
    rows = conn.execute(
        """with own as (
               select pictures.* from pictures join pages on pages.article_id = pictures.article_id
               where pages.id in (select value from json_each(?))
           )
           select pages.id, pages.url from pages where kind = 'resource' and url in (select url from own)
             and not exists (select 1 from pictures as other where other.article_id not in (select article_id from own)
               and (other.url = pages.url
                 or other.sha256 in (select sha256 from own where own.url = pages.url and sha256 <> '')))""",
        (json.dumps(pages),),
    )
    return dict(rows.fetchall())


def forget(conn: sqlite3.Connection, digests: Sequence[str]) -> None:
    """Forget what was found in pictures that were erased."""
    for table, column in (
        ("picture_files", "sha256"),
        ("picture_pairs", "old_sha256"),
        ("picture_pairs", "new_sha256"),
    ):
        conn.executemany(f"delete from {table} where {column} = ?", ((one,) for one in digests))


def unread(conn: sqlite3.Connection, engine: str) -> list[str]:
    """Return the digests of pictures whose text this engine has not read."""
    rows = conn.execute("select sha256 from picture_files where outcome = 'ok' and engine <> ?", (engine,))
    return [row[0] for row in rows]


def add_text(conn: sqlite3.Connection, sha256: str, text: str, boxes: str, engine: str) -> None:
    """Keep what a machine read in a picture."""
    conn.execute(
        "update picture_files set text = ?, boxes = ?, engine = ? where sha256 = ?", (text, boxes, engine, sha256)
    )


def texts(conn: sqlite3.Connection, site_id: int) -> dict[str, str]:
    """Return what a machine read in the pictures of a site, by digest."""
    return dict(
        conn.execute(
            """select distinct sha256, text from picture_files join captures on captures.body_sha256 = sha256
               join pages on pages.id = page_id where site_id = ? and kind = 'resource' and text <> ''""",
            (site_id,),
        ).fetchall()
    )


def texts_of(conn: sqlite3.Connection, article_id: int) -> dict[str, str]:
    """Return what a machine read in the pictures of an article, by digest."""
    query = "select sha256, text from pictures join picture_files using (sha256) where article_id = ? and text <> ''"
    return dict(conn.execute(query, (article_id,)).fetchall())


def is_in_article(conn: sqlite3.Connection, sha256: str) -> bool:
    """Whether a body is that of a picture of an article."""
    found = conn.execute("select 1 from pictures where sha256 = ? limit 1", (sha256,)).fetchone()
    return bool(sha256) and found is not None


def resource_at(conn: sqlite3.Connection, url: str, at: str) -> str:
    """Return the digest of a resource as last seen by a time, or else as first seen; empty without one."""
    row = conn.execute(
        """select captures.body_sha256 from pages join captures on page_id = pages.id
           where pages.url = :url and kind = 'resource' and withdrawal_id is null and captures.body_sha256 <> ''
             and outcome in ('ok', 'unchanged', 'redirected')
           order by fetched_at <= :at desc, iif(fetched_at <= :at, fetched_at, '') desc, fetched_at limit 1""",
        {"url": url, "at": at},
    ).fetchone()
    return str(row[0]) if row else ""


def article_pages(conn: sqlite3.Connection, site_id: int) -> list[tuple[str, str]]:
    """Return the pages of a site's articles with the digest of what each showed last."""
    return conn.execute(
        "select url, body_sha256 from pages where site_id = ? and kind = 'article' and body_sha256 <> '' order by id",
        (site_id,),
    ).fetchall()


def style_sheets(conn: sqlite3.Connection, urls: Sequence[str]) -> list[tuple[str, str]]:
    """Return those of these resources that are style sheets, with the digest of each."""
    return conn.execute(
        """select pages.url, body_sha256 from pages join json_each(?) on value = pages.url
           where kind = 'resource' and body_sha256 <> '' and lower(pages.url) glob '*.css*'""",
        (json.dumps(urls),),
    ).fetchall()
