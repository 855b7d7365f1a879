"""Where a query stands in a text: exact spans of the original, and the passage that shows it best."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from columnarchive.search.fold import fold, fold_with_offsets
from columnarchive.search.query import Query

Span = tuple[int, int]

MAX_MARKED = 2000
"""Occurrences of one string that are marked in a line; a reader needs no more."""

WIDTH = 120
"""Characters of a snippet, not counting the marks of omission."""

_OMITTED = "…"
_STOPS = "。．！？!?」』）)"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage of a text, one line; `highlights` are (start, end) offsets into it."""

    text: str
    highlights: tuple[Span, ...]


def needles(query: Query, title: bool = False) -> tuple[str, ...]:
    """The folded strings to mark for a query, in a title or in a text."""
    return tuple(dict.fromkeys(s for term in query.terms if title or not term.in_title for s in term.spellings))


def highlights(text: str, query: Query, title: bool = False) -> tuple[Span, ...]:
    """Spans of `text` on which the query's terms stand, in order, overlapping ones joined."""
    wanted = needles(query, title)
    spans: list[Span] = []
    position = 0
    for line in text.split("\n"):
        spans += ((position + start, position + end) for start, end in line_spans(line, wanted))
        position += len(line) + 1
    return tuple(spans)


def line_spans(line: str, wanted: Iterable[str]) -> list[Span]:
    """Spans of one line on which one of the folded strings stands, overlapping ones joined."""
    folded = fold_with_offsets(line)
    found = sorted(
        folded.original(at, at + len(needle))
        for needle in wanted
        for at in islice(occurrences(folded.text, needle), MAX_MARKED)
    )
    joined: list[Span] = []
    for start, end in found:
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def occurrences(text: str, needle: str) -> Iterable[int]:
    """Every position at which a string stands in a text, overlapping ones too."""
    at = text.find(needle) if needle else -1
    while at >= 0:
        yield at
        at = text.find(needle, at + 1)


def snippet(text: str, query: Query, width: int = WIDTH) -> Snippet:
    """The passage of `text` that shows the query best; the beginning of the text when it does not stand there.

    The best passage is of the line with the most different terms, the earliest of equal ones.
    """
    wanted = needles(query)
    lines = text.split("\n")
    best, most = -1, 0
    for number, line in enumerate(fold(text).split("\n")):
        count = sum(1 for needle in wanted if needle in line)
        if count > most:
            best, most = number, count
            if count == len(wanted):
                break
    if best < 0:
        return _cut(next((line for line in lines if line.strip()), ""), [], width)
    return _cut(lines[best], line_spans(lines[best], wanted), width)


def _cut(line: str, spans: list[Span], width: int) -> Snippet:
    """At most `width` characters of a line around its first spans, with … where something was left out."""
    if len(line) <= width:
        return Snippet(line, tuple(spans))
    start = _start(line, spans[0] if spans else (0, 0), width)
    end = max(min(len(line), start + width), spans[0][1] if spans else 0)
    before = _OMITTED if start else ""
    after = _OMITTED if end < len(line) else ""
    shift = len(before) - start
    inside = tuple((max(a, start) + shift, min(b, end) + shift) for a, b in spans if a < end and b > start)
    return Snippet(before + line[start:end] + after, inside)


def _start(line: str, span: Span, width: int) -> int:
    """Where to begin so that the span has room on both sides; after the end of a sentence if one is near."""
    earliest = max(0, min(span[0] - width // 3, len(line) - width))
    for position in range(span[0], earliest, -1):
        if line[position - 1] in _STOPS:
            return position
    return min(earliest, span[0])
