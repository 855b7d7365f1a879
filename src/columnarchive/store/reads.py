"""Reading derived rows as records. Takes plain connections, so that the Datasette plugin can use its own."""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from columnarchive.errors import NotFound
from columnarchive.records import Article, Block, Edit, Evidence, Picture, Revision, Sentence, Span
from columnarchive.store.pictures import PICTURE_COLUMNS

Connection = sqlite3.Connection


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """An article as it stands, without its text."""

    id: int
    site: str
    url: str
    title: str
    published_on: str
    modified_on: str
    author: str
    supervisor: str
    author_about: str
    supervisor_about: str
    language: str
    revisions: int
    first_seen_at: str
    last_seen_at: str
    changed_at: str
    state: str


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A revision as `archive history` lists it."""

    number: int
    first_seen_at: str
    last_seen_at: str
    title: str
    characters: int
    fingerprint: str
    rules: str
    body_sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change as `archive changes` lists it."""

    id: int
    url: str
    site: str
    title: str
    from_number: int
    to_number: int
    seen_at: str
    level: int
    labels: tuple[str, ...]
    added_chars: int
    removed_chars: int
    summary: str
    after_at: str = ""


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which changes to list: a site, a least level, a label, a URL, a span of time; empty means any."""

    site: str = ""
    level: int = 0
    label: str = ""
    url: str = ""
    since: str = ""
    until: str = ""
    text: str = ""


_ARTICLE_COLUMNS = (
    "id, site, url, title, published_on, modified_on, author, supervisor, author_about, supervisor_about, "
    "language, revisions, first_seen_at, last_seen_at, changed_at, state"
)


def is_known(conn: Connection, url: str) -> bool:
    """Whether a page or an article has exactly this address."""
    sql = "select 1 from pages where url = :url union all select 1 from articles where url = :url limit 1"
    return conn.execute(sql, {"url": url}).fetchone() is not None


def article_row(conn: Connection, url: str) -> ArticleRow:
    """The article at an address, or the one that a page at this address became; NotFound otherwise."""
    row = conn.execute(f"select {_ARTICLE_COLUMNS} from articles where url = ?", (url,)).fetchone()
    if row is None:
        columns = ", ".join(f"articles.{name.strip()}" for name in _ARTICLE_COLUMNS.split(","))
        row = conn.execute(
            f"select {columns} from pages join articles on articles.id = pages.article_id where pages.url = ?", (url,)
        ).fetchone()
    if row is None:
        raise _absence(conn, url)
    return ArticleRow(*row)


def _absence(conn: Connection, url: str) -> NotFound:
    """Why there is no article at an address."""
    page = conn.execute("select kind, state, last_outcome from pages where url = ?", (url,)).fetchone()
    if page is None:
        return NotFound("unknown_page", url=url)
    kind, state, outcome = page
    if state == "withdrawn":
        return NotFound("withdrawn", url=url)
    if kind == "listing":
        return NotFound("is_listing", url=url)
    if state == "queued":
        return NotFound("not_fetched", url=url)
    return NotFound("no_article", url=url, outcome=outcome or state)


def urls_like(conn: Connection, text: str) -> list[str]:
    """Return the addresses of the article with this number, else of those with this text in address or title."""
    if text.isdecimal() and len(text) < 10:
        return [row[0] for row in conn.execute("select url from articles where id = ?", (int(text),))]
    query = "select url from articles where instr(url, :text) or instr(title, :text) order by url limit 9"
    return [row[0] for row in conn.execute(query, {"text": text})] if text.strip() else []


def page_urls(conn: Connection, article_id: int) -> list[str]:
    """Return the addresses of the pages that an article is on."""
    return [row[0] for row in conn.execute("select url from pages where article_id = ? order by url", (article_id,))]


def articles(conn: Connection, site: str = "") -> list[ArticleRow]:
    """All articles, or those of a site, newest first."""
    rows = conn.execute(
        f"""select {_ARTICLE_COLUMNS} from articles where (:site = '' or site = :site)
            order by case when published_on <> '' then published_on else first_seen_at end desc, url""",
        {"site": site},
    )
    return [ArticleRow(*row) for row in rows]


# Who made the capture that showed a revision first; our own where both we and a third party did at that second.
SOURCE_SQL = """coalesce((select source from pages join captures on captures.page_id = pages.id
    where pages.article_id = revisions.article_id and captures.fetched_at = revisions.first_seen_at
      and captures.body_sha256 = revisions.body_sha256 order by source <> 'crawl', source limit 1), '')"""


def revision_rows(conn: Connection, article_id: int) -> list[RevisionRow]:
    """The revisions of an article, oldest first."""
    rows = conn.execute(
        f"""select number, first_seen_at, last_seen_at, title, characters, fingerprint, rules, body_sha256, {SOURCE_SQL}
            from revisions where article_id = ? order by number""",
        (article_id,),
    )
    return [RevisionRow(*row) for row in rows]


def revision(conn: Connection, article_id: int, number: int) -> Revision:
    """A revision with its whole article; NotFound when the article has no such number."""
    row = conn.execute(
        """select revisions.id, number, revisions.first_seen_at, revisions.last_seen_at, rules, body_sha256,
                  articles.url, revisions.title, revisions.published_on, revisions.modified_on, revisions.author,
                  revisions.supervisor, revisions.author_about, revisions.supervisor_about, articles.language
           from revisions join articles on articles.id = article_id where article_id = ? and number = ?""",
        (article_id, number),
    ).fetchone()
    if row is None:
        raise NotFound("no_revision", number=number)
    revision_id, number, first_seen_at, last_seen_at, rules, body, url, title, published, modified, *people = row
    blocks = tuple(
        Block(kind, text, level)
        for kind, text, level in conn.execute(
            """select kind, text, level from revision_passages join passages on passages.id = passage_id
               where revision_id = ? order by position""",
            (revision_id,),
        )
    )
    pictures = tuple(
        Picture(*fields)
        for fields in conn.execute(
            f"""select {PICTURE_COLUMNS} from pictures
               where article_id = ? and since_revision <= ? and (until_revision = 0 or until_revision >= ?)
               order by id""",
            (article_id, number, number),
        )
    )
    article = Article(url, title, blocks, published, modified, *(*people, pictures))
    return Revision(number, first_seen_at, last_seen_at, article, rules, body)


def fingerprints(conn: Connection, article_id: int, before: int) -> frozenset[str]:
    """The fingerprints of the revisions of an article before one."""
    rows = conn.execute("select fingerprint from revisions where article_id = ? and number < ?", (article_id, before))
    return frozenset(row[0] for row in rows)


def number_at(conn: Connection, article_id: int, moment: str) -> int:
    """The number of the revision that stood at a time; NotFound before the first."""
    row = conn.execute(
        "select max(number) from revisions where article_id = ? and first_seen_at <= ?", (article_id, moment)
    ).fetchone()
    if row[0] is None:
        first = conn.execute("select min(first_seen_at) from revisions where article_id = ?", (article_id,)).fetchone()
        raise NotFound("before_first_capture", at=first[0])
    return int(row[0])


def sentences(conn: Connection, article_id: int, *, present: bool = True, after: str = "") -> list[Sentence]:
    """The sentences that stand in order of place, or those that stand no more in the order they went.

    With `after`, only those first said later than that.
    """
    rows = conn.execute(
        """select position, text, since_at, since_revision, before_text, until_at, until_revision
           from sentences where article_id = ? and is_present = ? and since_at > ? order by position""",
        (article_id, present, after),
    )
    return [Sentence(*row) for row in rows]


def changes(conn: Connection, chosen: ChangeFilter, limit: int = -1) -> list[ChangeRow]:
    """Changes over the archive, newest first."""
    named = (("label", chosen.label), ("site", chosen.site), ("level", chosen.level))
    marks = sorted((f"{kind} {value}" for kind, value in named if value), key=lambda mark: _marked(conn, mark))
    source, own, at, where = "changes", "changes.id", "changes.seen_at", []
    if chosen.url:  # an article has few
        where.append("article_id = (select id from articles where url = :url)")
    elif marks:
        # The rarest mark is read in order of time; which have the others is looked up.
        source = "change_marks as listed cross join changes on changes.id = listed.change_id"
        own, at, where = "listed.change_id", "listed.seen_at", ["listed.mark = :mark0"]
    where += [
        f"exists (select 1 from change_marks where change_id = {own} and mark = :mark{number})"
        for number in range(0 if chosen.url else 1, len(marks))
    ]
    where += [
        f"""exists (select 1 from edits where change_id = {own}
                    and (instr(old_text, :text) or instr(new_text, :text)))"""
    ] * bool(chosen.text)
    where += [f"{at} >= :since"] * bool(chosen.since) + [f"{at} <= :until"] * bool(chosen.until)
    rows = conn.execute(
        f"""select changes.id, articles.url, articles.site, articles.title, from_number, to_number, changes.seen_at,
                   changes.level, labels, added_chars, removed_chars, summary, after_at
            from {source} join articles on articles.id = article_id where {" and ".join(where) or "1"}
            order by {at} desc, articles.url, to_number desc limit :limit""",
        {
            "url": chosen.url,
            "since": chosen.since,
            "until": chosen.until,
            "text": chosen.text,
            "limit": limit,
            **{f"mark{number}": mark for number, mark in enumerate(marks)},
        },
    )
    return [change_row(row) for row in rows]


def _marked(conn: Connection, mark: str) -> int:
    """How many changes have a mark, as far as that is worth counting."""
    row = conn.execute("select count(*) from (select 1 from change_marks where mark = ? limit 10000)", (mark,))
    return int(row.fetchone()[0])


def change_row(row: Sequence[Any]) -> ChangeRow:
    """A row of the columns of ChangeRow, in their order, as its record."""
    cells = list(row)
    cells[8] = tuple(json.loads(cells[8]))  # labels
    return ChangeRow(*cells)


def edits(conn: Connection, change_id: int) -> Iterator[Edit]:
    """The edits of a change in order."""
    query = """select labels, op, old_text, new_text, spans, level, evidence from edits where change_id = ?
               order by position"""
    for row in conn.execute(query, (change_id,)):
        yield _edit(*row)


@dataclass(frozen=True, slots=True)
class ChangeDetail:
    """The titles on both sides of a change, and its weightiest edits."""

    old_title: str
    new_title: str
    edits: tuple[Edit, ...]


def change_details(
    conn: Connection, ids: Sequence[int], weight: Callable[[Sequence[str]], float], most: int
) -> dict[int, ChangeDetail]:
    """Return details of changes by id, with at most so many edits each, the heaviest by their labels first."""
    marks = ", ".join("?" * len(ids))
    titles = conn.execute(
        f"""select changes.id, older.title, newer.title from changes
            join revisions as older on older.article_id = changes.article_id and older.number = from_number
            join revisions as newer on newer.article_id = changes.article_id and newer.number = to_number
            where changes.id in ({marks})""",
        ids,
    )
    found: dict[int, list[tuple[float, int, Any]]] = {}
    query = f"""select change_id, position, labels, op, old_text, new_text, spans, level, evidence
                from edits where change_id in ({marks})"""
    for change_id, position, labels, *rest in conn.execute(query, ids):
        weighed = (-weight(json.loads(labels)), position, (labels, *rest))
        found.setdefault(change_id, []).append(weighed)
    return {
        change_id: ChangeDetail(
            old_title, new_title, tuple(_edit(*row) for *_, row in heapq.nsmallest(most, found.get(change_id, [])))
        )
        for change_id, old_title, new_title in titles
    }


def _edit(labels: str, op: Any, old: str, new: str, spans: str, level: int, evidence: str) -> Edit:
    return Edit(
        op,
        old,
        new,
        tuple(Span(**span) for span in json.loads(spans)),
        tuple(json.loads(labels)),
        level,
        evidence=tuple(Evidence(**item) for item in json.loads(evidence)),
    )


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site as `archive sites` lists it."""

    name: str
    title: str
    start_url: str
    articles: int
    pages: int
    captures: int
    changes: int
    last_crawl_at: str
    next_visit_at: str
    failures: int


def site_rows(conn: Connection) -> list[SiteRow]:
    """Every site with its counts."""
    rows = conn.execute(
        """select sites.name, sites.title, sites.start_url,
             (select count(*) from articles where site = sites.name),
             (select count(*) from pages where site_id = sites.id),
             (select count(*) from captures join pages on pages.id = page_id where site_id = sites.id),
             (select count(*) from changes join articles on articles.id = article_id where site = sites.name),
             sites.last_crawl_at,
             (select coalesce(min(next_visit_at), '') from pages where site_id = sites.id and next_visit_at <> ''
                and state not in ('withdrawn', 'refused')),
             (select count(*) from pages where site_id = sites.id and state in ('failed', 'suspect', 'refused'))
           from sites order by sites.name"""
    )
    return [SiteRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the whole archive, and the span of time it covers."""

    sites: int
    pages: int
    articles: int
    gone: int
    revisions: int
    changes: int
    captures: int
    bodies: int
    body_bytes: int
    stored_bytes: int
    first_at: str
    last_at: str
    withdrawn: int


def totals(conn: Connection) -> Totals:
    """Counts over the whole archive."""
    row = conn.execute(
        """select (select count(*) from sites), (select count(*) from pages), (select count(*) from articles),
             (select count(*) from articles where state = 'gone'), (select count(*) from revisions),
             (select count(*) from changes), (select count(*) from captures), (select count(*) from bodies),
             (select coalesce(sum(raw_size), 0) from bodies), (select coalesce(sum(length(data)), 0) from bodies),
             (select coalesce(min(fetched_at), '') from captures), (select coalesce(max(fetched_at), '') from captures),
             (select count(*) from withdrawals)"""
    ).fetchone()
    return Totals(*row)


def outcomes(conn: Connection) -> dict[str, int]:
    """How many pages ended their last visit with each outcome."""
    return dict(
        conn.execute("select last_outcome, count(*) from pages where last_outcome <> '' group by 1 order by 2 desc, 1")
    )


def meta(conn: Connection, key: str) -> str:
    """A remembered value of the file, or an empty string."""
    row = conn.execute("select value from meta where key = ?", (key,)).fetchone()
    return row[0] if row else ""


def due(conn: Connection, now: str) -> int:
    """How many pages are to be visited at a time."""
    (number,) = conn.execute(
        "select count(*) from pages where next_visit_at <= ? and state not in ('withdrawn')", (now,)
    ).fetchone()
    return int(number)
