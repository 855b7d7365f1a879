"""The text of what is withdrawn: what tells it from its site's other pages, and which of them still hold some of it."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from columnarchive.store import blobs, tombstones

COMMON_ON = 2  # other pages that have a piece of text as well: then it is the site's
COMMON_SHARE = 0.2  # the same for teasers, which several listings show
TITLE_LENGTH = 6  # characters of a title that is looked for in other pages
TEASER_LENGTH = 24  # characters of a passage's beginning that are looked for
SAMPLED = 400  # pages of a site that are compared with the withdrawn one


@dataclass(frozen=True, slots=True)
class WithdrawnText:
    """Shingles by which a withdrawn text is recognised; its titles and the beginnings of its passages, squeezed."""

    shingles: frozenset[int] = frozenset()
    titles: frozenset[str] = frozenset()
    teasers: frozenset[str] = frozenset()

    def is_in(self, found: set[int]) -> bool:
        """Return whether a body with these shingles shows the text."""
        if len(self.shingles) < tombstones.MIN_SHINGLES:
            return False
        return len(self.shingles & found) >= tombstones.SAME_TEXT * len(self.shingles)


@dataclass(frozen=True, slots=True)
class Remnant:
    """A stored page that still holds the title or some text of what was withdrawn."""

    url: str
    fetched_at: str
    holds: str


@dataclass(frozen=True, slots=True)
class Site:
    """The site of a page, seen through its other pages' bodies."""

    conn: sqlite3.Connection
    page_id: int

    def other_pages(self, pages: Iterable[int]) -> Iterator[bytes]:
        """Yield the last body of each other page, newest pages first, so many at most."""
        rows = self.conn.execute(
            """select id, body_sha256 from pages where body_sha256 <> ''
                 and site_id = (select site_id from pages where id = ?) order by id desc""",
            (self.page_id,),
        ).fetchall()
        own = set(pages)
        others = [sha256 for page_id, sha256 in rows if page_id not in own]
        for sha256 in others[:SAMPLED]:
            yield blobs.read(self.conn, sha256)

    def stored_bodies(self) -> list[tuple[str, str, str]]:
        """Return (address, first time, digest) of every distinct body of the site."""
        return self.conn.execute(
            """select url, min(fetched_at), captures.body_sha256 from pages join captures on page_id = pages.id
               join bodies on bodies.sha256 = captures.body_sha256
               where withdrawal_id is null and pages.site_id = (select site_id from pages where id = ?)
               group by captures.body_sha256 order by url, min(fetched_at)""",
            (self.page_id,),
        ).fetchall()


def of_pages(site: Site, pages: Sequence[int]) -> WithdrawnText:
    """Return the text of an article, of all its revisions; of its pages' bodies if none was derived."""
    rows = [
        row
        for page_id in pages
        for row in site.conn.execute(
            """select revisions.id, title, coalesce(text, '') from revisions
               left join revision_passages on revision_id = revisions.id
               left join passages on passages.id = passage_id
               where revisions.article_id = (select article_id from pages where id = ?)
               order by revisions.id, revision_passages.position""",
            (page_id,),
        )
    ]
    texts = ["".join(row[2] for row in revision) for _, revision in groupby(rows, key=lambda row: row[0])]
    found = set().union(*map(tombstones.shingles, texts)) if texts else _of_bodies(site, pages)
    titles = {_squeezed(row[1]) for row in rows}
    openings = {_squeezed(row[2])[:TEASER_LENGTH] for row in rows}
    text = WithdrawnText(
        frozenset(found),
        frozenset(title for title in titles if len(title) >= TITLE_LENGTH),
        frozenset(opening for opening in openings if len(opening) == TEASER_LENGTH),
    )
    return _told_apart(site, text, pages)


def of_captures(site: Site, chosen: Sequence[int]) -> WithdrawnText:
    """Return what tells the body of captures from the other bodies of its page; nothing where it has no other.

    Without another version nothing says which part of a page was to be withdrawn; the digest alone is bound then.
    """
    digests = {
        row[0] for capture_id in chosen for row in site.conn.execute(
            "select body_sha256 from captures where id = ? and body_sha256 <> ''", (capture_id,))
    }  # fmt: skip
    rows = site.conn.execute(
        """select distinct captures.body_sha256 from captures join bodies on sha256 = captures.body_sha256
           where page_id = ? and withdrawal_id is null""",
        (site.page_id,),
    )
    remaining = [row[0] for row in rows if row[0] not in digests]
    if not remaining or not digests:
        return WithdrawnText()
    found = set().union(*(tombstones.body_shingles(blobs.read(site.conn, sha256)) for sha256 in digests))
    for sha256 in remaining:
        found -= tombstones.body_shingles(blobs.read(site.conn, sha256))
    return _told_apart(site, WithdrawnText(frozenset(found)), [site.page_id])


def remnants(site: Site, text: WithdrawnText) -> tuple[Remnant, ...]:
    """Return the stored pages of the site that hold a title or a teaser of a text, each distinct body once."""
    found = []
    for url, fetched_at, sha256 in site.stored_bodies() if text.teasers or text.titles else []:
        said = _all_said(blobs.read(site.conn, sha256))
        parts = [name for name, some in (("title", text.titles), ("text", text.teasers)) if any(map(said.count, some))]
        if parts:
            found.append(Remnant(url, fetched_at, " and ".join(parts)))
    return tuple(found)


def _told_apart(site: Site, text: WithdrawnText, pages: Sequence[int]) -> WithdrawnText:
    """Return a text without what the site's other pages have in common with it."""
    shingles: Counter[int] = Counter()
    teasers: Counter[str] = Counter()
    others = 0
    for body in site.other_pages(pages):
        others += 1
        shingles.update(tombstones.body_shingles(body) & text.shingles)
        if text.teasers:
            said = _all_said(body)
            teasers.update(teaser for teaser in text.teasers if teaser in said)
    common = max(COMMON_ON + 1, COMMON_SHARE * others)
    return WithdrawnText(
        frozenset(one for one in text.shingles if shingles[one] < COMMON_ON),
        text.titles,
        frozenset(one for one in text.teasers if teasers[one] <= common),
    )


def _all_said(body: bytes) -> str:
    """Return a body's text in each charset it may be in, with and without its markup, which may hold teasers too."""
    return "\n".join(_squeezed(reading) for reading in (*tombstones.readings(body), *tombstones.markups(body)))


def _of_bodies(site: Site, pages: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for page_id in pages:
        for (sha256,) in site.conn.execute(
            """select distinct captures.body_sha256 from captures join bodies on sha256 = captures.body_sha256
               where page_id = ? and withdrawal_id is null""",
            (page_id,),
        ):
            found |= tombstones.body_shingles(blobs.read(site.conn, sha256))
    return found


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())
