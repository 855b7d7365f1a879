"""Copied passages as records: which passages several articles have, and who had each first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from columnarchive.errors import NotFound
from columnarchive.store.articles import Connection
from columnarchive.times import day


class Standing(NamedTuple):
    """A passage in an article: when it was first seen there, and the date that the page gives itself."""

    url: str
    title: str
    site: str
    text: str
    first_at: str
    published_on: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A passage of an article, and one of another article that says the same or nearly.

    `…first_at` is when each was first seen, `…published_on` the date that each page gives itself. `first` is the
    address of the article that had it first, empty where neither time tells.
    """

    url: str
    title: str
    site: str
    text: str
    other_url: str
    other_title: str
    other_site: str
    other_text: str
    similarity: float
    first_at: str
    other_first_at: str
    published_on: str
    other_published_on: str
    first: str


@dataclass(frozen=True, slots=True)
class Copied:
    """A passage with all the articles that have it, the oldest on top, and its copies two by two."""

    standing: tuple[Standing, ...]
    copies: tuple[Copy, ...]
    first: str


_SIDE = """{0}.text, {0}.first_revision, {1}.url, {1}.title, {1}.site, {1}.published_on,
    (select first_seen_at from revisions where article_id = {1}.id and number = {0}.first_revision)"""


def copies(conn: Connection, article_id: int = 0, site: str = "") -> list[Copy]:
    """Every two passages that are copies, each pair once; of an article, or of those with a side in `site`.

    Told first is the passage of the article asked for, or else the one that stood first.
    """
    chosen = "mine.article_id = :article" if article_id else "here.url < there.url"
    rows = conn.execute(
        f"""select similarity, {_SIDE.format("mine", "here")}, {_SIDE.format("theirs", "there")}
            from copies join passages as mine on mine.id = passage_id join articles as here on here.id = mine.article_id
            join passages as theirs on theirs.id = other_passage_id
            join articles as there on there.id = theirs.article_id
            where {chosen} and :site in ('', here.site, there.site)
            order by here.url, there.url, mine.first_revision, mine.id, theirs.first_revision, theirs.id""",
        {"article": article_id, "site": site},
    )
    found: dict[tuple[str, str, str, str], Copy] = {}
    for similarity, *sides in rows:
        (one, since), (two, other_since) = _side(*sides[:7]), _side(*sides[7:])
        first = "" if since == other_since else one.url if since < other_since else two.url
        if not article_id and first == two.url:
            one, two = two, one
        copy = Copy(*one[:4], *two[:4], similarity, one[4], two[4], one[5], two[5], first)
        # A passage may stand twice in an article, under two headings.
        found.setdefault((one.url, one.text, two.url, two.text), copy)
    return list(found.values())


def together(found: Iterable[Copy]) -> list[Copied]:
    """Copies of one passage as one, those of most sites and articles first, longer ones before shorter."""
    standing: dict[tuple[str, str], Standing] = {}
    groups: dict[tuple[str, str], list[Copy]] = {}
    for copy in found:
        one, two = (copy.url, copy.text), (copy.other_url, copy.other_text)
        standing[one] = Standing(copy.url, copy.title, copy.site, copy.text, copy.first_at, copy.published_on)
        standing[two] = Standing(
            copy.other_url,
            copy.other_title,
            copy.other_site,
            copy.other_text,
            copy.other_first_at,
            copy.other_published_on,
        )
        merged, other = groups.setdefault(one, []), groups.setdefault(two, [])
        merged.append(copy)
        if merged is not other:
            merged += other
            for joined in other:
                groups[joined.url, joined.text] = groups[joined.other_url, joined.other_text] = merged
            groups[two] = merged
    distinct = {id(group): group for group in groups.values()}
    return sorted((_group(group, standing) for group in distinct.values()), key=_rank)


def _side(
    text: str, revision: int, url: str, title: str, site: str, published_on: str, first_at: str
) -> tuple[Standing, str]:
    """A passage in an article, and since which day it stood there as far as is known."""
    seen = day(first_at)
    # The page's own date is about what the page said from the start, not about what came in later.
    since = min(published_on, seen) if published_on and revision == 1 else seen
    return Standing(url, title, site, text, first_at, published_on), since


def _group(group: list[Copy], standing: dict[tuple[str, str], Standing]) -> Copied:
    ahead = Counter(copy.first for copy in group if copy.first)
    keys = {key for copy in group for key in ((copy.url, copy.text), (copy.other_url, copy.other_text))}
    ordered = sorted(
        (standing[key] for key in keys), key=lambda one: (-ahead[one.url], one.first_at, one.url, one.text)
    )
    top = ordered[0].url
    sure = all(copy.first == top for copy in group if top in (copy.url, copy.other_url))
    return Copied(tuple(ordered), tuple(group), top if sure else "")


def _rank(one: Copied) -> tuple[int, int, int, str, str]:
    sites, urls = {each.site for each in one.standing}, {each.url for each in one.standing}
    top = one.standing[0]
    return -len(sites), -len(urls), -len(top.text), top.url, top.text


@dataclass(frozen=True, slots=True)
class ArticleCopy:
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


_SINCE = "(select first_seen_at from revisions where article_id = {0}.article_id and number = {0}.first_revision)"
_UNTIL = "(select last_seen_at from revisions where article_id = {0}.article_id and number = {0}.last_revision)"


def copies_of(conn: Connection, article_id: int, limit: int) -> list[ArticleCopy]:
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
    return [ArticleCopy(*row) for row in rows]


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
