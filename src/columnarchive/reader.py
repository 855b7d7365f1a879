"""Reading an archive: search, articles, revisions, changes and captures.

A Reader imports no crawler and no parser, so that the Datasette plugin stays light. It takes any connection to an
archive's file; `Reader.open` makes one for a path.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from columnarchive import load_on_use
from columnarchive.diff import priority
from columnarchive.errors import NotFound, UsageError
from columnarchive.records import Article, Comparison, Picture, Revision, Sentence
from columnarchive.search import Query, Scope, parse
from columnarchive.search.fold import FOLDS, Fold
from columnarchive.search.snippets import FUNCTIONS
from columnarchive.store import (
    articles,
    blobs,
    captures,
    changes,
    disclosures,
    hash_chain,
    passage_copies,
    pictures,
    saved_searches,
    search,
    sites,
)
from columnarchive.store.articles import ArticleRow, Connection, RevisionRow
from columnarchive.store.captures import CaptureRow, Stored, Tombstone, UnreadablePage, Witness
from columnarchive.store.changes import MARKS, ChangeDetail, ChangeFilter, ChangeRow, Ends, Review, Tally
from columnarchive.store.database import Database, keep_pages
from columnarchive.store.disclosures import Disclosure, KindCount, LedgerColumn, LedgerFilter, SampledColumn, Span
from columnarchive.store.passage_copies import Copied, CopiedPassage, Copy, Holder, together
from columnarchive.store.pictures import PictureRow
from columnarchive.store.search import SearchResult
from columnarchive.store.sites import CalendarDay, Counts, Month, SiteCard, SitePage, SiteRow, Totals, Trouble
from columnarchive.times import DEFAULT_ZONE, system_clock, to_text, typed
from columnarchive.urls import canonical, lookup_forms

if TYPE_CHECKING:
    from columnarchive.diff.render_html import Paragraph, lay_out, spans_to_html, to_html
    from columnarchive.diff.render_text import to_json, to_terminal
    from columnarchive.diff.sentences import sentences_of
    from columnarchive.evidence_report import Citation, Sheet
    from columnarchive.observations import Agreement

__getattr__ = load_on_use(
    __name__,
    {
        "diff.render_html": ("Paragraph", "lay_out", "spans_to_html", "to_html"),
        "diff.render_text": ("to_json", "to_terminal"),
        "diff.sentences": ("sentences_of",),
    },
)
SAVED_QUERIES = saved_searches.SAVED


def store_review(conn: Connection, review: Review) -> None:
    """Store a review over a connection that can write, or forget it when its mark is `none`."""
    with conn:
        if review.mark in MARKS:
            changes.save_reviews(conn, [review])
        else:
            changes.delete_review(conn, review.url, review.after_at, review.seen_at)


@dataclass(frozen=True, slots=True)
class Pick:
    """Which revision of an article: by number, by a moment, or the newest when neither is given."""

    number: int = 0
    at: str = ""

    @classmethod
    def parse(cls, text: str, tz: str) -> Pick:
        """Read a revision as a person names it: a number, or a day or time; a day means its end."""
        if text.isdecimal() and len(text) < 8:
            return cls(number=int(text))
        return cls(at=typed(text, tz, end=True))


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What narrows a search; `since` and `until` are stored dates, empty for any."""

    scope: Scope = "all"
    site: str = ""
    since: str = ""
    until: str = ""
    limit: int = 20
    offset: int = 0
    folds: tuple[Fold, ...] = ()


@dataclass(frozen=True, slots=True)
class RevisionComparison:
    """Two revisions of an article and how the one became the other."""

    article: ArticleRow
    old: Revision
    new: Revision
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """The same edit on several pages of a site on one day: the newest of them, and the others."""

    change: ChangeRow
    others: tuple[ChangeRow, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What the archive holds, how its pages' last visits ended, how many are due, and the head of its chain.

    `stamped_at` is when an authority last stamped the chain, `troubles` what could not be seen of the sites.
    """

    totals: Totals
    outcomes: dict[str, int]
    due: int
    head: str
    is_demo: bool
    unreadable: tuple[UnreadablePage, ...] = ()
    stamped_at: str = ""
    troubles: tuple[Trouble, ...] = ()


def group_changes(changes: Iterable[ChangeRow]) -> list[ChangeGroup]:
    """Group changes that are the same edit on several pages of a site, seen on one day."""
    found: dict[tuple[object, ...], list[ChangeRow]] = {}
    for change in changes:
        key = (
            *(change.site, change.seen_at[:10], change.labels),
            *(change.added_chars, change.removed_chars, change.summary),
        )
        found.setdefault(key, []).append(change)
    return [ChangeGroup(same[0], tuple(same[1:])) for same in found.values()]


class Reader:
    """Read-only access to an archive.

    >>> with Reader.open("data/demo.db") as archive:
    ...     for hit in archive.search("難病").hits:
    ...         print(hit.title, hit.url)
    """

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._stack = contextlib.ExitStack()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the archive at `path`; raise StoreError when there is none."""
        db = Database.open(Path(path), create=False, write=False)
        reader = cls(db.conn)
        reader._stack.enter_context(db)
        return reader

    def close(self) -> None:
        """Close the connection, if `open` made it."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    # Articles

    def article(self, url: str) -> ArticleRow:
        """Return the article at a URL in any spelling; raise NotFound, with the reason, when there is none."""
        return articles.article_row(self.conn, self._known_url(url))

    def _known_url(self, url: str) -> str:
        """Return the address under which the archive knows a page, for one that a person typed or copied."""
        known = (form for form in lookup_forms(url) if articles.is_known(self.conn, form))
        return next(known, "") or canonical(url)

    def resolve(self, text: str) -> str:
        """Return the address that a person means: in full, without https://, by a number, or by a part of it.

        A number is one that `archive search` shows. A part of an address or a title counts when one column has it.
        """
        if "://" in text or any(articles.is_known(self.conn, form) for form in lookup_forms(text)):
            return text
        for scheme in ("https://", "http://"):
            if "." in text and any(articles.is_known(self.conn, form) for form in lookup_forms(scheme + text)):
                return scheme + text
        found = articles.urls_like(self.conn, text)
        if len(found) > 1:
            raise UsageError("several_columns", text=text[:40], urls="\n  ".join(["", *found[:8]]))
        return found[0] if found else text

    def articles(self, site: str = "") -> list[ArticleRow]:
        """Return the articles of a site, or of all sites, newest first."""
        return articles.article_rows(self.conn, site)

    def current_article(self, row: ArticleRow) -> Article:
        """Return the newest revision's text."""
        return articles.revision(self.conn, row.id, row.revisions).article

    def revisions(self, row: ArticleRow) -> list[RevisionRow]:
        """Return the revisions of an article, oldest first, without their texts."""
        return articles.revision_rows(self.conn, row.id)

    def text_revisions(self, row: ArticleRow) -> list[RevisionRow]:
        """Return the revisions of an article without those that differ from the one before in pictures only."""
        found: list[RevisionRow] = []
        for one in self.revisions(row):
            if found and found[-1].fingerprint == one.fingerprint and self._state_the_same(row, found[-1], one):
                found[-1] = replace(found[-1], last_seen_at=one.last_seen_at)
            else:
                found.append(one)
        return found

    def _state_the_same(self, row: ArticleRow, *revisions: RevisionRow) -> bool:
        """Return whether revisions agree in their texts and in what they say of author and supervisor."""
        return len({articles.revision(self.conn, row.id, one.number).article.stated for one in revisions}) == 1

    def revision(self, row: ArticleRow, pick: Pick = Pick()) -> Revision:
        """Return a revision of an article with its text; the newest by default."""
        number = articles.number_at(self.conn, row.id, pick.at) if pick.at else pick.number
        return articles.revision(self.conn, row.id, number or row.revisions)

    def compare_revisions(
        self, row: ArticleRow, first: Pick | None = None, second: Pick | None = None
    ) -> RevisionComparison:
        """Compare two revisions, the last two by default; with one given, compare it with the newest.

        Raise NotFound for an article with one revision.
        """
        # Loaded when needed: it reads a lexicon, which a search should not wait for.
        from columnarchive.diff.compare import compare
        from columnarchive.diff.pictures import PictureReadings

        if row.revisions < 2 and first is None:
            raise NotFound("one_revision", url=row.url, at=row.first_seen_at)
        new = self.revision(row, second or Pick(row.revisions))
        old = self.revision(row, first or Pick(max(1, new.number - 1)))
        known = PictureReadings(pictures.reencoded(self.conn), pictures.texts_of(self.conn, row.id))
        earlier = articles.fingerprints(self.conn, row.id, old.number) if old.number < new.number else ()
        return RevisionComparison(row, old, new, compare(old.article, new.article, earlier, known))

    def changed_pictures(self, found: RevisionComparison) -> list[tuple[Picture | None, Picture | None]]:
        """Return the pictures that differ between two revisions, each as it was and as it is."""
        from columnarchive.diff.pictures import changed_pairs

        return changed_pairs(found.old.article.pictures, found.new.article.pictures)

    def picture(self, sha256: str) -> tuple[bytes, str]:
        """Return the bytes of a picture of an article and their media type; raise NotFound for any other body."""
        from columnarchive.evidence_report import picture_type

        if not pictures.is_in_article(self.conn, sha256):
            raise NotFound("no_body", sha256=sha256[:64])
        body = self.body(sha256)
        return body, picture_type(body)

    def resource(self, url: str, at: str) -> bytes | None:
        """Return a resource of a page, as it was when the page was captured or else first; None without one."""
        sha256 = pictures.resource_at(self.conn, url, at)
        return self.body(sha256) if sha256 else None

    def inline_resource(self, url: str, at: str) -> str:
        """Return a resource of a page, as it was when the page was captured or else first, as a data address."""
        from columnarchive.evidence_report import data_address

        body = self.resource(url, at)
        return data_address(body) if body is not None else ""

    @staticmethod
    def observation_kinds() -> tuple[str, ...]:
        """Return what columns may state, by name."""
        from columnarchive.observations import KINDS

        return KINDS

    def evidence_sheet(self, url: str, first: str = "", second: str = "") -> Sheet:
        """Return the evidence sheet for two revisions, named by number, day or time; by default the last two.

        An article with one revision gets a sheet of that one.
        """
        from columnarchive.evidence_report import sheet

        row = self.article(url)
        if row.revisions < 2:
            return sheet(self, row, [self.revision(row)], None)
        found = self._compare_named(row, first, second)
        return sheet(self, row, (found.old, found.new), found.comparison)

    def citation(self, url: str, number: int = 1, first: str = "", second: str = "") -> Citation:
        """Return the citation of an edit between two revisions, by its number within the page of the difference."""
        from columnarchive.evidence_report import cite

        row = self.article(url)
        found = self._compare_named(row, first, second)
        return cite(row, found.old, found.new, found.comparison, number)

    def _compare_named(self, row: ArticleRow, first: str, second: str) -> RevisionComparison:
        picks = [Pick.parse(text, DEFAULT_ZONE) if text else None for text in (first, second)]
        return self.compare_revisions(row, *picks)

    def sentences(self, row: ArticleRow) -> list[Sentence]:
        """Return the sentences of the newest revision, each with since when and what it replaced."""
        return articles.sentences(self.conn, row.id)

    def newer_sentences(self, row: ArticleRow) -> list[Sentence]:
        """Return those sentences that came after the article was first seen."""
        return articles.sentences(self.conn, row.id, after=row.first_seen_at)

    def removed_sentences(self, row: ArticleRow) -> list[Sentence]:
        """Return the sentences of earlier revisions that the newest one lacks."""
        return articles.sentences(self.conn, row.id, present=False)

    def pictures(self, row: ArticleRow) -> list[PictureRow]:
        """Return the pictures that an article has or had, each with the span of time in which it stood."""
        return pictures.of_article(self.conn, row.id)

    # Changes

    def reviews(self) -> dict[int, Review]:
        """Return what people noted of changes, by the change's row."""
        return changes.reviews_by_change(self.conn)

    def change_details(self, ids: Sequence[int], most: int = 1) -> dict[int, ChangeDetail]:
        """Return the titles and the weightiest edits of changes, by id."""
        return changes.change_details(self.conn, ids, priority, most) if ids else {}

    def changes(self, chosen: ChangeFilter, limit: int = -1) -> list[ChangeRow]:
        """Return changes over the archive, newest first; raise NotFound for an unknown URL."""
        if chosen.url:
            chosen = replace(chosen, url=self.article(chosen.url).url)
        return changes.change_rows(self.conn, chosen, limit)

    def article_changes(self, article_id: int) -> list[ChangeRow]:
        """Return the changes of one article."""
        return changes.steps(self.conn, article_id)

    def change(self, change_id: int) -> Ends:
        """Return one change with its two ends."""
        return changes.step(self.conn, change_id)

    def tally(self) -> Tally:
        """Return how many changes there are by kind."""
        return changes.tally(self.conn)

    # Search

    def search(self, query: str, options: SearchOptions = SearchOptions()) -> SearchResult:
        """Return ranked hits; raise UsageError for an empty query and NotFound for an unknown site."""
        return search.search(
            self.conn,
            self._parsed(query, options),
            scope=options.scope,
            limit=options.limit,
            offset=options.offset,
            site=options.site,
            since=options.since,
            until=options.until,
        )

    def count(self, query: str, options: SearchOptions = SearchOptions()) -> int:
        """Return exactly how many articles a query matches."""
        parsed = self._parsed(query, options)
        return search.count(self.conn, parsed, options.scope, options.site, options.since, options.until)

    def _parsed(self, query: str, options: SearchOptions) -> Query:
        parsed = _parsed(query, options)
        for name in (*parsed.sites, *parsed.excluded_sites):
            self.require_site(name, or_host=True)
        return parsed

    # Copied passages

    def copies(self, url: str = "", site: str = "") -> list[Copy]:
        """Return passages that two articles share: all, those of an article, or those of a site."""
        return passage_copies.copies(self.conn, self.article(url).id if url else 0, site)

    def copies_of(self, article_id: int, limit: int) -> list[passage_copies.ArticleCopy]:
        """Return the passages of an article that other articles have, in the order of the text."""
        return passage_copies.copies_of(self.conn, article_id, limit)

    def copied_passages(self, site: str, limit: int, offset: int) -> list[CopiedPassage]:
        """Return passages that several articles have, the most copied first."""
        return passage_copies.copied_passages(self.conn, site, limit, offset)

    def passage_holders(self, key: str) -> list[Holder]:
        """Return the articles that hold a passage."""
        return passage_copies.holders(self.conn, key)

    # Ledger

    def disclosures(self, chosen: LedgerFilter) -> list[Disclosure]:
        """Return what columns state or stated: a record for each column and kind, with its sentences.

        With `chosen.lacking`, the columns that offer a treatment and do not state `chosen.kind` in their text; `where`
        says whether the rest of the captured page does.
        """
        return list(disclosures.disclosures(self.conn, chosen))

    def ledger_columns(self, chosen: LedgerFilter) -> list[LedgerColumn]:
        """Return the columns of which a ledger is kept."""
        return disclosures.columns(self.conn, chosen)

    def kind_counts(self, sites: Sequence[str]) -> list[KindCount]:
        """Return how many columns of each site state each kind now."""
        return disclosures.kind_counts(self.conn, sites)

    def ledger_spans(self, site: str, kind: str) -> list[Span]:
        """Return the spans of time in which the columns of a site stated a kind, the newest first."""
        return disclosures.spans(self.conn, site, kind)

    def stated_elsewhere(self, article_id: int) -> dict[str, str]:
        """Map kinds that an article's page states outside its text to where: template or picture."""
        return disclosures.elsewhere(self.conn, article_id)

    def sample(self, count: int, seed: int) -> list[SampledColumn]:
        """Draw columns to be coded by hand: the same ones for the same seed, however the archive was filled."""
        urls = [column.url for column in disclosures.columns(self.conn, LedgerFilter())]
        sample = sorted(urls, key=lambda url: hashlib.sha256(f"{seed} {url}".encode()).digest())[:count]
        return disclosures.sampled(self.conn, sample)

    def agreement(self, coded: Iterable[tuple[str, str, Mapping[str, bool]]]) -> list[Agreement]:
        """Compare codes by kind of columns, each as it was read at a moment, with what the software finds in them."""
        from columnarchive.observations import agreements  # its lexicon is read only when it is needed

        codes: list[tuple[str, bool, bool]] = []
        for url, read_at, of_kind in coded:
            chosen = LedgerFilter(urls=(self.article(url).url,), at=read_at)
            found = {one.kind for one in disclosures.disclosures(self.conn, chosen) if one.stands}
            codes += [(kind, code, kind in found) for kind, code in of_kind.items()]
        return agreements(codes)

    # Captures

    def captures(self, url: str) -> list[CaptureRow]:
        """Return every capture of a page with its outcome, oldest first; raise NotFound for an unknown URL."""
        rows = captures.of_page(self.conn, self._known_url(url))
        if not rows:  # the address of an article that is none of its pages
            row = self.article(url)  # raises with the reason
            rows = [one for page in articles.page_urls(self.conn, row.id) for one in captures.of_page(self.conn, page)]
        return sorted(rows, key=lambda one: one.fetched_at)

    def witnesses(self, row: ArticleRow) -> list[Witness]:
        """Return the captures of an article that a third party made, and whether they agree with our own."""
        return captures.witnesses(self.conn, row.id)

    def compare_witness(self, row: ArticleRow, one: Witness) -> RevisionComparison:
        """Return how a third party's capture differs from our own."""
        return self.compare_revisions(row, Pick(one.own_revision), Pick(one.revision))

    def capture(self, url: str, at: str = "") -> Stored:
        """Return the capture of a page at a moment with its body; raise NotFound without one."""
        return captures.stored(self.conn, self._known_url(url), at)

    def body(self, sha256: str) -> bytes:
        """Return a stored body, verified against its digest."""
        return blobs.read(self.conn, sha256)

    def page_body(self, row: ArticleRow, pick: Pick = Pick()) -> bytes:
        """Return the stored page of an article: the one captured last by a moment, or the first one of a revision."""
        if pick.at:
            seen = [one for one in self.captures(row.url) if one.body_sha256 and one.fetched_at <= pick.at]
            if seen:
                return self.body(seen[-1].body_sha256)
        return self.body(self.revision(row, pick).body_sha256)

    def tombstones(self, url: str) -> list[Tombstone]:
        """Return what was withdrawn of a page, under whichever form of its address it was."""
        return captures.withdrawals_at(self.conn, self._known_url(url))

    def page_faults(self, url: str) -> list[UnreadablePage]:
        """Return which steps failed for the newest body of a page, and why."""
        return captures.unreadable_pages(self.conn, url)

    def unread_outcome(self, url: str) -> str:
        """Return the outcome that says why a page shows no column; empty when it shows one."""
        return sites.unread_as(self.conn, url)

    # Sites

    def sites(self) -> list[SiteRow]:
        """Return every site with counts."""
        return sites.site_rows(self.conn)

    def site_names(self) -> list[str]:
        """Return the names of all sites."""
        return sites.site_names(self.conn)

    def require_site(self, name: str, *, or_host: bool = False) -> None:
        """Raise NotFound for a site that the archive does not follow, by its name or, with `or_host`, its host."""
        known = search.is_site(self.conn, name) if or_host else name in self.site_names()
        if not known:
            raise NotFound("unknown_site", name=name)

    def site_cards(self, limit: int, offset: int) -> list[SiteCard]:
        """Return a page of the list of sites."""
        return sites.site_cards(self.conn, limit, offset)

    def site_page(self, name: str) -> SitePage:
        """Return what a site's page shows."""
        return sites.site_page(self.conn, name)

    def site_articles(self, site: str, limit: int, offset: int) -> list[ArticleRow]:
        """Return a page of the list of a site's articles."""
        return articles.last_published(self.conn, site, limit, offset)

    def troubles(self, site: str = "", since: str = "") -> list[Trouble]:
        """Return what could not be seen of a site, or of all: pages that failed, or show no column, and gaps."""
        return sites.troubles(self.conn, site, since)

    def site_titles(self) -> dict[str, str]:
        """Return the sites' own names, by the names they are followed under."""
        return sites.titles(self.conn)

    def calendar(self, site: str = "", article_id: int = 0) -> list[CalendarDay]:
        """Return the days of the last year with captures and changes of a site or of an article."""
        return sites.calendar(self.conn, site, article_id)

    def months(self, site: str) -> list[Month]:
        """Return how many changes of each level a site saw, by month."""
        return sites.months(self.conn, site)

    # The archive

    def status(self, now: str = "") -> Status:
        """Return the state of the archive at a moment, by default now."""
        return Status(
            sites.totals(self.conn),
            sites.outcomes(self.conn),
            sites.due(self.conn, now or to_text(system_clock())),
            hash_chain.head(self.conn),
            self.is_demo,
            tuple(captures.unreadable_pages(self.conn)),
            hash_chain.newest_timestamp(self.conn),
            tuple(self.troubles()),
        )

    @property
    def is_demo(self) -> bool:
        """Whether the archive was made by `archive demo`."""
        return sites.meta(self.conn, "demo") != ""

    def prepare(self) -> None:
        """Prepare a connection that Datasette opened: our functions for its search, and room for the pages in use."""
        keep_pages(self.conn)
        for name, arguments, function in FUNCTIONS:
            self.conn.create_function(name, arguments, function, deterministic=True)

    @property
    def is_archive(self) -> bool:
        """Whether the file is an archive at all."""
        return sites.is_archive(self.conn)

    @property
    def totals(self) -> Totals:
        """Counts over the whole archive."""
        return sites.totals(self.conn)

    @property
    def counts(self) -> Counts:
        """The few counts of the front page, which are cheap."""
        return sites.counts(self.conn)

    @property
    def chain_head(self) -> str:
        """The head of the hash chain."""
        return hash_chain.head(self.conn)

    def newest_articles(self, limit: int) -> list[ArticleRow]:
        """Return the articles that were first seen last."""
        return articles.newest(self.conn, limit)

    def gone_articles(self, limit: int) -> list[ArticleRow]:
        """Return the articles that went last."""
        return articles.gone(self.conn, limit)


def _parsed(query: str, options: SearchOptions) -> Query:
    parsed = parse(query, options.folds)
    if parsed.is_empty:
        raise UsageError("empty_query")
    return parsed
