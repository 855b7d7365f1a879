"""Changes and edits as records, which of them a channel has had, and what people noted of them."""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from columnarchive import locale
from columnarchive.errors import NotFound
from columnarchive.locale import Language
from columnarchive.records import Edit, Evidence, Span
from columnarchive.store.articles import Connection


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

    def summary_in(self, lang: Language) -> str:
        """Return the summary; of a page that was gone or came back, a sentence in a language."""
        event = next((label for label in self.labels if label in ("gone", "returned")), "")
        return locale.text(lang, f"cli.page_{event}") if event else self.summary


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


def change_rows(conn: Connection, chosen: ChangeFilter, limit: int = -1) -> list[ChangeRow]:
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
    return _changes(
        conn,
        f"where {' and '.join(where) or '1'} order by {at} desc, articles.url, to_number desc limit :limit",
        {
            "url": chosen.url,
            "since": chosen.since,
            "until": chosen.until,
            "text": chosen.text,
            "limit": limit,
            **{f"mark{number}": mark for number, mark in enumerate(marks)},
        },
        source,
    )


def _marked(conn: Connection, mark: str) -> int:
    """How many changes have a mark, as far as that is worth counting."""
    row = conn.execute("select count(*) from (select 1 from change_marks where mark = ? limit 10000)", (mark,))
    return int(row.fetchone()[0])


CHANGE_COLUMNS = """changes.id, articles.url, articles.site, articles.title, from_number, to_number, changes.seen_at,
    changes.level, labels, added_chars, removed_chars, summary, changes.after_at"""


def _changes(
    conn: Connection, condition: str, values: Mapping[str, object], source: str = "changes"
) -> list[ChangeRow]:
    query = f"select {CHANGE_COLUMNS} from {source} join articles on articles.id = article_id {condition}"
    return [change_row(row) for row in conn.execute(query, values)]


def change_row(row: Sequence[Any]) -> ChangeRow:
    """Return the record of a row of CHANGE_COLUMNS."""
    cells = list(row)
    cells[8] = _labels(cells[8])
    return ChangeRow(*cells)


@lru_cache(maxsize=4096)  # few sets of labels are on many changes
def _labels(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


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


RECENT = 500
"""How many of the newest changes the counts by level and label cover."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the newest changes have each level and each label, and how many were counted."""

    levels: dict[int, int]
    labels: dict[str, int]
    counted: int


@dataclass(frozen=True, slots=True)
class Ends:
    """The article and the times that a change's permanent address is made of."""

    url: str
    old_at: str
    new_at: str


def tally(conn: Connection) -> Tally:
    """Counts by level and label over the newest changes."""
    levels: dict[int, int] = {}
    labels: dict[str, int] = {}
    counted = 0
    for level, names in conn.execute("select level, labels from changes order by seen_at desc limit ?", (RECENT,)):
        counted += 1
        levels[level] = levels.get(level, 0) + 1
        for name in json.loads(names):
            labels[name] = labels.get(name, 0) + 1
    return Tally(levels, labels, counted)


def steps(conn: Connection, article_id: int) -> list[ChangeRow]:
    """The changes of an article, oldest first."""
    return _changes(
        conn, "where article_id = :article order by changes.seen_at, to_number, from_number", {"article": article_id}
    )


def step(conn: Connection, change_id: int) -> Ends:
    """What a row of `changes` compares."""
    row = conn.execute(
        """select articles.url, older.first_seen_at, newer.first_seen_at
           from changes join articles on articles.id = changes.article_id
           join revisions as older on older.article_id = articles.id and older.number = from_number
           join revisions as newer on newer.article_id = articles.id and newer.number = to_number
           where changes.id = ?""",
        (change_id,),
    ).fetchone()
    if row is None:
        raise NotFound("no_change")
    return Ends(*row)


_KIND = "case when from_number <> to_number then 'edit' else coalesce(json_extract(labels, '$[0]'), 'edit') end"


@dataclass(frozen=True, slots=True)
class Interest:
    """Which changes a channel wants: at least this level, any of these labels, these sites, seen since; empty: all."""

    level: int = 0
    labels: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    since: str = ""


def pending(conn: sqlite3.Connection, channel: str, interest: Interest, limit: int = -1) -> list[ChangeRow]:
    """Changes that a channel wants and was not told of, oldest first."""
    return _changes(
        conn,
        f"""where level >= :level and (:since = '' or changes.seen_at >= :since)
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


def channels(conn: sqlite3.Connection) -> list[str]:
    """Return the channels that were told of a change before."""
    return [row[0] for row in conn.execute("select distinct channel from told order by 1")]


def mark_sent(conn: sqlite3.Connection, channel: str, changes: Iterable[ChangeRow], at: str) -> None:
    """Remember, in the caller's transaction, that a channel was told of these changes."""
    conn.executemany(
        "insert or ignore into told(channel, article_url, seen_at, kind, at) values (?, ?, ?, ?, ?)",
        ((channel, change.url, change.seen_at, kind_of(change), at) for change in changes),
    )


def kind_of(change: ChangeRow) -> str:
    """What sort of change it is: `edit`, or the `gone` and `returned` of an article whose text stayed the same."""
    return "edit" if change.from_number != change.to_number else next(iter(change.labels), "edit")


Mark = Literal["reviewed", "follow_up", "not_relevant"]
MARKS: tuple[Mark, ...] = get_args(Mark)
_REVIEW_COLUMNS = "article_url, after_at, seen_at, mark, note, initials, at"


@dataclass(frozen=True, slots=True)
class Review:
    """A mark of one change, with a note and the initials of who made it `at` a time."""

    url: str
    after_at: str
    seen_at: str
    mark: Mark
    note: str
    initials: str
    at: str

    def names(self, url: str, after_at: str, seen_at: str) -> bool:
        """Return whether it is the review of this change."""
        return (self.url, self.after_at, self.seen_at) == (url, after_at, seen_at)


def all_reviews(conn: Connection) -> list[Review]:
    """Return all reviews, oldest first."""
    if not conn.execute("select 1 from sqlite_master where name = 'reviews'").fetchone():
        return []  # an archive of an earlier schema that Datasette serves as it is
    return [Review(*row) for row in conn.execute(f"select {_REVIEW_COLUMNS} from reviews order by at, article_url")]


def reviews_by_change(conn: Connection) -> dict[int, Review]:
    """Return the reviews of changes that the archive has, by the change's row; a moved article keeps its reviews."""
    if not all_reviews(conn):
        return {}
    rows = conn.execute(
        """select changes.id, article_url, reviews.after_at, reviews.seen_at, mark, note, initials, at
            from reviews join changes on (changes.seen_at, changes.after_at) = (reviews.seen_at, reviews.after_at)
            join articles on articles.id = changes.article_id
            where articles.url = article_url or article_url in (
                select pages.url from pages where pages.article_id = articles.id)"""
    )
    return {row[0]: Review(*row[1:]) for row in rows}


def save_reviews(conn: sqlite3.Connection, reviews: Iterable[Review]) -> int:
    """Store reviews, in the caller's transaction, unless a newer one is there; return how many were stored."""
    cursor = conn.executemany(
        f"""insert into reviews({_REVIEW_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?) on conflict do update set
              mark = excluded.mark, note = excluded.note, initials = excluded.initials, at = excluded.at
            where excluded.at >= reviews.at""",
        map(astuple, reviews),
    )
    return cursor.rowcount


def delete_review(conn: sqlite3.Connection, url: str, after_at: str, seen_at: str) -> None:
    """Delete the review of a change, in the caller's transaction."""
    key = (url, after_at, seen_at)
    conn.execute("delete from reviews where (article_url, after_at, seen_at) = (?, ?, ?)", key)


def erase_reviews(conn: sqlite3.Connection, urls: Iterable[str]) -> None:
    """Delete the reviews of withdrawn pages, in the caller's transaction."""
    conn.executemany("delete from reviews where article_url = ?", ((url,) for url in urls))
