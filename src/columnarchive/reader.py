"""Use cases that only read: what the command line and the browser show.

Each takes a plain read connection, so the Datasette plugin can hand in its own; `opened` makes one for a path.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from columnarchive.diff.sentences import sentences_of as sentences_of
from columnarchive.errors import NotFound, UsageError
from columnarchive.records import Article, Comparison, Revision, Sentence
from columnarchive.search.query import Scope as Scope
from columnarchive.search.query import parse
from columnarchive.search.spelling_variants import Fold
from columnarchive.search.sql_functions import FUNCTIONS as FUNCTIONS
from columnarchive.store import blobs, captures, copied, hash_chain, page_faults, reads
from columnarchive.store import overview as overview
from columnarchive.store import search as find
from columnarchive.store import shown as shown
from columnarchive.store.copied import Copied as Copied
from columnarchive.store.copied import Copy as Copy
from columnarchive.store.copied import together as together
from columnarchive.store.database import Database
from columnarchive.store.page_faults import UnreadablePage as UnreadablePage
from columnarchive.store.reads import ArticleRow as ArticleRow
from columnarchive.store.reads import ChangeFilter as ChangeFilter
from columnarchive.store.reads import ChangeRow, SiteRow, Totals
from columnarchive.store.reads import Connection as Connection
from columnarchive.store.reads import RevisionRow as RevisionRow
from columnarchive.times import typed
from columnarchive.urls import canonical, lookup_forms


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """A read-only connection to the archive at `path`, closed at the end."""
    with Database.open(path, create=False, write=False) as db:
        yield db.conn


@dataclass(frozen=True, slots=True)
class Pick:
    """Which revision of an article: by number, by a moment, or the newest when neither is given."""

    number: int = 0
    at: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two revisions of an article and how the one became the other."""

    article: ArticleRow
    old: Revision
    new: Revision
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Grouped:
    """Changes that are the same edit on several pages of a site at about the same time, as one line of a feed."""

    change: ChangeRow
    others: tuple[ChangeRow, ...]


def known_url(conn: Connection, url: str) -> str:
    """Return the address under which the archive knows a page, for one that a person typed or copied.

    UsageError for what is not a web address.
    """
    known = next((form for form in lookup_forms(url) if reads.is_known(conn, form)), "")
    return known or canonical(url)


def article(conn: Connection, url: str) -> ArticleRow:
    """The article at a URL as a person types it; NotFound tells why there is none."""
    return reads.article_row(conn, known_url(conn, url))


def stored(conn: Connection, url: str, at: str = "") -> shown.Stored:
    """The capture of a page at a time, or the last one before it; the newest one when no time is given."""
    return shown.stored(conn, known_url(conn, url), at)


def tombstones(conn: Connection, url: str) -> list[shown.Tombstone]:
    """What was withdrawn at an address, oldest first."""
    return shown.tombstones(conn, known_url(conn, url))


def site_articles(conn: Connection, site: str) -> list[ArticleRow]:
    """The articles of a site, newest first."""
    return reads.articles(conn, site)


def revision(conn: Connection, row: ArticleRow, pick: Pick) -> Revision:
    """A revision of an article with its blocks."""
    number = pick.number
    if pick.at:
        number = reads.number_at(conn, row.id, pick.at)
    return reads.revision(conn, row.id, number or row.revisions)


def standing(conn: Connection, row: ArticleRow) -> Article:
    """The article as it stands."""
    return reads.revision(conn, row.id, row.revisions).article


def stored_body(conn: Connection, wanted: Revision) -> bytes:
    """The page a revision was first seen on, as the server sent it, checked against its digest."""
    return blobs.read(conn, wanted.body_sha256)


def body(conn: Connection, sha256: str) -> bytes:
    """A stored body, checked against its digest."""
    return blobs.read(conn, sha256)


def history(conn: Connection, row: ArticleRow) -> list[RevisionRow]:
    """The revisions of an article, oldest first."""
    return reads.revision_rows(conn, row.id)


def picked(text: str, tz: str) -> Pick:
    """A revision as a person names it: a number, or a day or time at whose end it stood."""
    if text.isdecimal() and len(text) < 8:
        return Pick(number=int(text))
    return Pick(at=typed(text, tz, end=True))


def compared(conn: Connection, row: ArticleRow, first: Pick | None, second: Pick | None) -> Compared:
    """Two revisions of an article compared: the last two unless told otherwise.

    With one of them given, it is compared with the newest.
    """
    # The engine loads a lexicon; a search should not wait for that.
    from columnarchive.diff.compare import compare

    if row.revisions < 2 and first is None:
        raise NotFound("one_revision", url=row.url, at=row.first_seen_at)
    new = revision(conn, row, second or Pick(row.revisions))
    old = revision(conn, row, first or Pick(max(1, new.number - 1)))
    earlier = reads.fingerprints(conn, row.id, old.number) if old.number < new.number else ()
    return Compared(row, old, new, compare(old.article, new.article, earlier))


def changes(conn: Connection, chosen: ChangeFilter, limit: int = -1) -> list[ChangeRow]:
    """Changes over the archive, newest first."""
    if chosen.url:
        chosen = replace(chosen, url=article(conn, chosen.url).url)
    return reads.changes(conn, chosen, limit)


def grouped(rows: list[ChangeRow]) -> list[Grouped]:
    """The same edit on many pages of a site, seen on one day, as one entry; the newest of them stands for all."""
    found: dict[tuple[object, ...], list[ChangeRow]] = {}
    for row in rows:
        key = (row.site, row.seen_at[:10], row.labels, row.added_chars, row.removed_chars, row.summary)
        found.setdefault(key, []).append(row)
    return [Grouped(same[0], tuple(same[1:])) for same in found.values()]


def blame(conn: Connection, row: ArticleRow) -> list[Sentence]:
    """The sentences of an article as it stands, each with since when and what stood there before."""
    return reads.sentences(conn, row.id)


def younger(conn: Connection, row: ArticleRow) -> list[Sentence]:
    """Those of `blame` that have not stood since the article was first seen."""
    return reads.sentences(conn, row.id, after=row.first_seen_at)


def removed(conn: Connection, row: ArticleRow) -> list[Sentence]:
    """The sentences that stood once and stand no more."""
    return reads.sentences(conn, row.id, present=False)


def copies(conn: Connection, url: str = "", site: str = "") -> list[Copy]:
    """Passages that stand in two articles, the same or nearly: all, those of an article, or those that a site has."""
    return copied.copies(conn, article(conn, url).id if url else 0, site)


def visits(conn: Connection, url: str) -> list[captures.CaptureRow]:
    """Every capture of a page with its outcome, oldest first; NotFound for a URL the archive does not know."""
    rows = captures.of_page(conn, known_url(conn, url))
    if not rows:
        article(conn, url)  # raises, and tells why there is none
    return rows


def sites(conn: Connection) -> list[SiteRow]:
    """Every site followed, with counts."""
    return reads.site_rows(conn)


def need_site(conn: Connection, name: str, *, or_host: bool = False) -> None:
    """NotFound, in a sentence, for a site the archive does not follow, named by its name or, if so said, its host."""
    known = find.is_site(conn, name) if or_host else name in overview.site_names(conn)
    if not known:
        raise NotFound("unknown_site", name=name)


def totals(conn: Connection) -> Totals:
    """Counts over the whole archive."""
    return reads.totals(conn)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search as a person asks for it; `since` and `until` as stored dates, empty for any."""

    query: str
    scope: Scope = "all"
    site: str = ""
    since: str = ""
    until: str = ""
    limit: int = 20
    offset: int = 0
    folds: tuple[Fold, ...] = ()


def search(conn: Connection, wanted: Wanted) -> find.SearchResult:
    """Ranked hits for a query; UsageError when there is nothing to look for."""
    query = parse(wanted.query, wanted.folds)
    if query.is_empty:
        raise UsageError("empty_query")
    return find.search(
        conn,
        query,
        scope=wanted.scope,
        limit=wanted.limit,
        offset=wanted.offset,
        site=wanted.site,
        since=wanted.since,
        until=wanted.until,
    )


@dataclass(frozen=True, slots=True)
class Status:
    """What the archive holds, how its pages' last visits ended, how many are due, and the head of its chain."""

    totals: Totals
    outcomes: dict[str, int]
    due: int
    head: str
    is_demo: bool
    unreadable: tuple[UnreadablePage, ...] = ()


def status(conn: Connection, now: str) -> Status:
    """The state of the archive at the moment `now`."""
    return Status(
        reads.totals(conn),
        reads.outcomes(conn),
        reads.due(conn, now),
        hash_chain.head(conn),
        is_demo(conn),
        tuple(page_faults.unreadable_pages(conn)),
    )


def faults_of(conn: Connection, url: str) -> list[UnreadablePage]:
    """What could not be read of the newest body of a page, and why."""
    return page_faults.unreadable_pages(conn, url)


def is_demo(conn: Connection) -> bool:
    """Whether the archive was made by `archive demo`."""
    return reads.meta(conn, "demo") != ""


def search_count(conn: Connection, wanted: Wanted) -> int:
    """How many articles a query matches, exactly; UsageError when there is nothing to look for."""
    query = parse(wanted.query, wanted.folds)
    if query.is_empty:
        raise UsageError("empty_query")
    return find.count(conn, query, wanted.scope, wanted.site, wanted.since, wanted.until)
