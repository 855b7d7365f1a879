"""Articles and revisions as records. Takes plain connections, so that the Datasette plugin can use its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from columnarchive.errors import NotFound
from columnarchive.records import Article, Block, Picture, Revision, Sentence
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
    found = _articles(conn, "where url = ?", url) or _articles(
        conn, "where id = (select article_id from pages where url = ?)", url
    )
    if not found:
        raise _absence(conn, url)
    return found[0]


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


def article_rows(conn: Connection, site: str = "") -> list[ArticleRow]:
    """All articles, or those of a site, newest first."""
    order = "case when published_on <> '' then published_on else first_seen_at end desc, url"
    return _articles(conn, f"where ? in ('', site) order by {order}", site)


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


def newest(conn: Connection, limit: int) -> list[ArticleRow]:
    """The articles that the archive saw last for the first time, newest first."""
    return _articles(conn, "order by first_seen_at desc, url limit ?", limit)


def gone(conn: Connection, limit: int) -> list[ArticleRow]:
    """The articles that are no longer there, last seen first."""
    return _articles(conn, "where state = 'gone' order by last_seen_at desc, url limit ?", limit)


def last_published(conn: Connection, site: str, limit: int, offset: int) -> list[ArticleRow]:
    """Articles of a site, or of all when it is empty, last published first."""
    where, values = ("where site = ?", [site]) if site else ("", [])
    # Which they are is told by an index alone; the rows are long.
    chosen = f"select id from articles {where} order by published_on desc, url limit ? offset ?"
    return _articles(conn, f"where id in ({chosen}) order by published_on desc, url", *values, limit, offset)


def _articles(conn: Connection, condition: str, *values: object) -> list[ArticleRow]:
    return [ArticleRow(*row) for row in conn.execute(f"select {_ARTICLE_COLUMNS} from articles {condition}", values)]
