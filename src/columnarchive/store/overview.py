"""Sites and copied passages as the browser's pages show them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from columnarchive.errors import NotFound
from columnarchive.model import SiteTemplate
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
        raise NotFound(f"The archive follows no site {name}.")
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


_SINCE = "(select first_seen_at from revisions where article_id = {0}.article_id and number = {0}.first_revision)"
_UNTIL = "(select last_seen_at from revisions where article_id = {0}.article_id and number = {0}.last_revision)"


def copies_of(conn: Connection, article_id: int, limit: int) -> list[Copy]:
    """Passages of an article as it stands that other articles have, in order of place."""
    pairs = """select passage_id as own, other_passage_id as other, similarity from copies
               union select other_passage_id, passage_id, similarity from copies"""
    rows = conn.execute(
        f"""select mine.text_key, mine.text, {_SINCE.format("mine")}, articles.url, articles.title, articles.site,
                   {_SINCE.format("theirs")}, max(similarity)
            from passages as mine join ({pairs}) on own = mine.id join passages as theirs on theirs.id = other
            join articles on articles.id = theirs.article_id
            where mine.article_id = ? and mine.is_present = 1 and theirs.article_id <> mine.article_id
            group by mine.id, articles.id order by mine.id, articles.url limit ?""",
        (article_id, limit),
    )
    return [Copy(*row) for row in rows]


def copied_passages(conn: Connection, site: str, limit: int, offset: int) -> list[CopiedPassage]:
    """Passages that several articles have, in most articles first; of one site when it is named."""
    # The older of a pair stands for both, so that each is listed once.
    rows = conn.execute(
        f"""with pairs as (
              select a.id as a, b.id as b, a.article_id as a_article, b.article_id as b_article,
                     {_SINCE.format("a")} > {_SINCE.format("b")} as b_first
              from copies join passages as a on a.id = passage_id join passages as b on b.id = other_passage_id),
            ordered as (
              select case when b_first then b else a end as first,
                     case when b_first then a_article else b_article end as other from pairs)
            select passages.text_key, passages.text, count(distinct other) + 1,
                   count(distinct theirs.site) + (max(theirs.site <> mine.site) and min(theirs.site <> mine.site))
            from ordered join passages on passages.id = first join articles as mine on mine.id = passages.article_id
            join articles as theirs on theirs.id = other
            where ? in ('', mine.site, theirs.site)
            group by passages.text_key order by 3 desc, length(passages.text) desc, 1 limit ? offset ?""",
        (site, limit, offset),
    )
    return [CopiedPassage(*row) for row in rows]


def holders(conn: Connection, key: str) -> list[Holder]:
    """Every article that has a passage, the same or nearly, who was seen with it first on top."""
    rows = conn.execute(
        f"""with same(id) as (select id from passages where text_key = :key),
            near(id, similarity) as (
              select id, 1.0 from same
              union all select other_passage_id, similarity from copies where passage_id in (select id from same)
              union all select passage_id, similarity from copies where other_passage_id in (select id from same))
            select articles.url, articles.title, articles.site, passages.text, min({_SINCE.format("passages")}),
                   max({_UNTIL.format("passages")}), max(is_present), max(similarity)
            from near join passages on passages.id = near.id join articles on articles.id = passages.article_id
            group by articles.id order by 5, articles.url""",
        {"key": key},
    ).fetchall()
    if not rows:
        raise NotFound("The archive holds no such passage; it may have been withdrawn.")
    return [Holder(*row) for row in rows]
