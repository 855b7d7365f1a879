"""Sites and copied passages as the browser's pages show them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby

from columnarchive.errors import NotFound
from columnarchive.records import SiteTemplate
from columnarchive.store.reads import Connection


@dataclass(frozen=True, slots=True)
class SiteCard:
    """A site in the list of sites."""

    name: str
    title: str
    start_url: str
    articles: int
    last_crawl_at: str


@dataclass(frozen=True, slots=True)
class SitePage:
    """A site with how far its crawl is and under which rules it was read."""

    name: str
    title: str
    start_url: str
    settings: str
    last_crawl_at: str
    next_visit_at: str
    derived_at: str
    rules: str
    articles: int
    gone: int
    pages: int
    queued: int
    template: SiteTemplate | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A page whose last visits did not work out."""

    url: str
    state: str
    outcome: str
    visited_at: str
    failures: int


@dataclass(frozen=True, slots=True)
class Month:
    """How many changes of each level a site saw in a month (`2026-01`)."""

    month: str
    levels: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Copy:
    """A passage of an article that another one has as well; `…_since` is when each was first seen with it."""

    key: str
    text: str
    since: str
    other_url: str
    other_title: str
    other_site: str
    other_since: str
    similarity: float


@dataclass(frozen=True, slots=True)
class CopiedPassage:
    """A passage that stands in several articles."""

    key: str
    text: str
    articles: int
    sites: int


@dataclass(frozen=True, slots=True)
class Holder:
    """An article that has a passage, and between which times it was seen with it."""

    url: str
    title: str
    site: str
    text: str
    since: str
    until: str
    is_present: bool
    similarity: float


def site_cards(conn: Connection) -> list[SiteCard]:
    """Every site, by name."""
    rows = conn.execute(
        """select name, title, start_url, (select count(*) from articles where site = sites.name), last_crawl_at
           from sites order by name"""
    )
    return [SiteCard(*row) for row in rows]


def site_names(conn: Connection) -> list[str]:
    """The names of all sites."""
    return [row[0] for row in conn.execute("select name from sites order by name")]


def site_page(conn: Connection, name: str) -> SitePage:
    """A site by its name; NotFound for another."""
    row = conn.execute(
        """select name, title, start_url, settings, last_crawl_at,
             (select coalesce(min(next_visit_at), '') from pages where site_id = sites.id and next_visit_at <> ''
                and state not in ('withdrawn', 'refused')),
             derived_at, rules,
             (select count(*) from articles where site = sites.name),
             (select count(*) from articles where site = sites.name and state = 'gone'),
             (select count(*) from pages where site_id = sites.id),
             (select count(*) from pages where site_id = sites.id and state = 'queued'), template
           from sites where name = ?""",
        (name,),
    ).fetchone()
    if row is None:
        raise NotFound("unknown_site", name=name)
    cells = list(row)
    cells[-1] = _template(cells[-1])
    return SitePage(*cells)


def _template(text: str) -> SiteTemplate | None:
    if not text:
        return None
    told = json.loads(text)
    return SiteTemplate(**{**told, "common": tuple((line, pages) for line, pages in told["common"])})


def troubles(conn: Connection, name: str, limit: int) -> list[Trouble]:
    """Pages of a site that failed, were refused or looked suspect, last visited first."""
    rows = conn.execute(
        """select url, state, last_outcome, visited_at, pages.failures from pages join sites on sites.id = site_id
           where sites.name = ? and state in ('failed', 'suspect', 'refused')
           order by visited_at desc, url limit ?""",
        (name, limit),
    )
    return [Trouble(*row) for row in rows]


def months(conn: Connection, name: str) -> list[Month]:
    """The months in which a site's articles changed, oldest first."""
    found: dict[str, list[int]] = {}
    for month, level, number in conn.execute(
        """select substr(datetime(seen_at, '+9 hours'), 1, 7), level, count(*)
           from change_marks where mark = ? group by 1, 2 order by 1""",
        (f"site {name}",),
    ):
        found.setdefault(month, [0, 0, 0, 0])[level] = number
    return [Month(month, (n[0], n[1], n[2], n[3])) for month, n in found.items()]


UNREAD = ("suspect", "needs_javascript", "no_article", "unreadable", "bad_encoding", "too_deep")


def unread(conn: Connection, name: str, since: str) -> list[Trouble]:
    """Pages of a site that were visited since then and shown, but not as a column where one was to be expected."""
    rows = conn.execute(
        f"""select url, state, last_outcome, visited_at, pages.failures from pages join sites on sites.id = site_id
           where sites.name = ? and visited_at >= ? and last_outcome in ({", ".join("?" * len(UNREAD))})
             and (state <> 'failed' or last_outcome = 'unreadable')
             and (last_outcome = 'unreadable'
                  or found_by not in ('start', 'pagination', 'archive', 'category', 'section'))
           order by last_outcome, url""",
        (name, since, *UNREAD),
    )
    return [Trouble(*row) for row in rows]


def unread_as(conn: Connection, url: str) -> str:
    """Why the page at an address shows no column as it stands, by the name of that outcome; empty when it shows one."""
    row = conn.execute("select last_outcome from pages where url = ?", (url,)).fetchone()
    return str(row[0]) if row and row[0] in UNREAD else ""


_SINCE = "(select first_seen_at from revisions where article_id = {0}.article_id and number = {0}.first_revision)"
_UNTIL = "(select last_seen_at from revisions where article_id = {0}.article_id and number = {0}.last_revision)"


def copies_of(conn: Connection, article_id: int, limit: int) -> list[Copy]:
    """Passages of an article as it stands that other articles have, in order of place."""
    rows = conn.execute(
        f"""select mine.text_key, mine.text, {_SINCE.format("mine")}, articles.url, articles.title, articles.site,
                   {_SINCE.format("theirs")}, max(similarity)
            from passages as mine join copies on passage_id = mine.id
            join passages as theirs on theirs.id = other_passage_id join articles on articles.id = theirs.article_id
            where mine.article_id = ? and mine.is_present = 1 and theirs.article_id <> mine.article_id
            group by mine.id, articles.id order by mine.id, articles.url limit ?""",
        (article_id, limit),
    )
    return [Copy(*row) for row in rows]


# `copies` has each pair in both directions, so that one range of it is a passage with all its copies; the passage with
# the lowest id stands for them. Only the primary key is read, until the few that are shown are known.
WIDEST = """select passage_id as head, count(*) as others from copies
    group by passage_id having min(other_passage_id) > passage_id"""
WIDEST_OF_SITE = """select head, (select count(*) from copies where passage_id = head) as others from (
      select distinct min(own.id, (select min(other_passage_id) from copies where passage_id = own.id)) as head
      from articles join passages as own on own.article_id = articles.id where site = :site)
    where head is not null"""


def copied_passages(conn: Connection, site: str, limit: int, offset: int) -> list[CopiedPassage]:
    """Passages that several articles have, those with most copies first; of one site when it is named."""
    rows = conn.execute(
        f"""with heads as materialized (
              {WIDEST_OF_SITE if site else WIDEST} order by others desc, head limit :limit offset :offset),
            members(head, id) as (
              select head, head from heads
              union all select head, other_passage_id from heads join copies on passage_id = head)
            select head, text_key, passages.text, article_id, site
            from heads join members using (head) join passages on passages.id = members.id
            join articles on articles.id = article_id
            order by others desc, head, {_SINCE.format("passages")}, passages.id""",
        {"site": site, "limit": limit, "offset": offset},
    ).fetchall()
    found = []
    for _, members in groupby(rows, key=lambda row: row[0]):
        many = list(members)
        _, key, text, *_ = many[0]  # the oldest is shown for all
        found.append(CopiedPassage(key, text, len({row[3] for row in many}), len({row[4] for row in many})))
    return found


def holders(conn: Connection, key: str) -> list[Holder]:
    """Every article that has a passage, the same or nearly, who was seen with it first on top."""
    rows = conn.execute(
        f"""with same(id) as (select id from passages where text_key = :key),
            near(id, similarity) as (
              select id, 1.0 from same
              union all select other_passage_id, similarity from copies where passage_id in (select id from same))
            select articles.url, articles.title, articles.site, passages.text, min({_SINCE.format("passages")}),
                   max({_UNTIL.format("passages")}), max(is_present), max(similarity)
            from near join passages on passages.id = near.id join articles on articles.id = passages.article_id
            group by articles.id order by 5, articles.url""",
        {"key": key},
    ).fetchall()
    if not rows:
        raise NotFound("no_passage")
    return [Holder(*row) for row in rows]
