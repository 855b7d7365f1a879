"""The ledger of a column: what its revisions state, each statement with the span of time in which it stood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from columnarchive.observations.engine import observe
from columnarchive.observations.lexicon import pattern
from columnarchive.observations.pictures import before_after_sections
from columnarchive.observations.records import Line
from columnarchive.records import Article, LedgerEntry, Revision

_Key = tuple[str, str]


@dataclass(slots=True)
class _Run:
    """An unbroken run of revisions that hold a statement."""

    first: Revision
    last: Revision
    words: tuple[str, ...]
    position: int


def lines_of(article: Article) -> list[Line]:
    """Return the lines of an article, each with the kind of its block."""
    return [Line(text, block.kind) for block in article.blocks for text in block.text.split("\n")]


def ledger_entries(revisions: Sequence[Revision]) -> tuple[LedgerEntry, ...]:
    """Return every statement of an article's revisions: the present ones, then the ended ones, each in order.

    A statement is known by its kind and its sentence. One that comes back after a revision without it is a new entry.
    """
    open_runs: dict[_Key, _Run] = {}
    ended: list[tuple[_Key, _Run]] = []
    for revision in revisions:
        now = dict(_statements(revision.article))
        ended += [(key, open_runs.pop(key)) for key in [*open_runs] if key not in now]
        for key, (words, position) in now.items():
            first = open_runs[key].first if key in open_runs else revision
            open_runs[key] = _Run(first, revision, words, position)
    present = [_entry(key, run) for key, run in open_runs.items()]
    past = [_entry(key, run, run.last) for key, run in ended]
    return tuple(sorted(present, key=_order) + sorted(past, key=_order))


def _order(entry: LedgerEntry) -> tuple[int, int, str, str]:
    return entry.until_revision, entry.position, entry.kind, entry.text


def _statements(article: Article) -> Iterator[tuple[_Key, tuple[tuple[str, ...], int]]]:
    """Yield the statements of an article by kind and sentence; of equal sentences the first counts."""
    seen: set[_Key] = set()
    lines = lines_of(article)
    stated = observe(lines, article.title)
    for found in stated:
        key: _Key = (found.kind, found.text)
        if key not in seen:
            seen.add(key)
            yield key, (found.words, found.line)
    for section in before_after_sections(article, stated):
        yield ("before_after", section.text), (section.words, section.line)
    for outside in article.elsewhere:
        if outside.place == "container" and (outside.kind, outside.text) not in seen:
            yield (outside.kind, outside.text), (outside.words, outside.position)
    if not any(kind == "supervisor" for kind, _ in seen) and (name := _physician(article)):
        yield ("supervisor", name), ((name,), len(lines))


def _physician(article: Article) -> str:
    """Return the physician whom the page's own box names as supervisor or author; extraction takes it out of the text."""
    for name, about in ((article.supervisor, article.supervisor_about), (article.author, article.author_about)):
        if name and pattern("physician").search(f"{about} {name}"):
            return name
    untitled = article.supervisor and not article.supervisor_about
    return article.supervisor if untitled and not pattern("not_physician").search(article.supervisor) else ""


def _entry(key: _Key, run: _Run, until: Revision | None = None) -> LedgerEntry:
    kind, text = key
    end = (until.last_seen_at, until.number) if until else ("", 0)
    return LedgerEntry(kind, text, run.words, run.position, run.first.first_seen_at, run.first.number, *end)
