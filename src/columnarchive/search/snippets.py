"""Where a query stands in a text: exact spans of the original, and the passage that shows it best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from columnarchive.search.fold import fold, fold_with_offsets
from columnarchive.search.query import Query, parse, to_fts

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
    return tuple(_spans(text, needles(query, title)))


def _spans(text: str, wanted: Iterable[str]) -> list[Span]:
    """Spans of a text on which one of the folded strings stands, also across line breaks; overlapping ones joined."""
    folded = fold_with_offsets(text)
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
    """Return the passage of `text` that shows the query best; the beginning of the text when nothing matches.

    The best passage is of the line with the most different terms, the earliest of equal ones. A match that goes on in
    the next line is shown whole, in one line as it is read.
    """
    wanted = needles(query)
    spans = _spans(text, wanted)
    if not spans:
        return _cut(next((line for line in text.split("\n") if line.strip()), ""), [], width)
    first, last = _best_line(text, spans, wanted)
    inside = [(start - first, end - first) for start, end in spans if first <= start and end <= last]
    return _cut(*_one_line(text[first:last], inside), width)


def _one_line(lines: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Join lines as a reader does: with a space between ASCII signs, or else with nothing."""
    pieces = [lines[:1]]
    places = [0]  # of each sign, and of the end
    length = len(pieces[0])
    for before, sign, after in zip(lines, lines[1:], [*lines[2:], ""], strict=False):
        places.append(length)
        pieces.append(sign if sign != "\n" else " " if f"{before}{after}".isascii() else "")
        length += len(pieces[-1])
    places.append(length)
    return "".join(pieces), [(places[start], places[end]) for start, end in spans]


def _best_line(text: str, spans: Sequence[Span], wanted: Sequence[str]) -> Span:
    """Return the line, or the lines joined by a match, in which most of the strings stand."""
    groups: list[Span] = []
    for start, end in spans:
        past = _line_end(text, end - 1)
        if groups and start < groups[-1][1]:
            groups[-1] = groups[-1][0], max(past, groups[-1][1])
        else:
            groups.append((text.rfind("\n", 0, start) + 1, past))
    best, most = groups[0], 0
    for first, past in groups:
        folded = fold(text[first:past])
        count = sum(1 for needle in wanted if needle in folded)
        if count > most:
            best, most = (first, past), count
        if most == len(wanted):
            break
    return best


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _cut(line: str, spans: list[Span], width: int) -> Snippet:
    """Return some `width` characters of a line around its first spans, each whole, with … for what is left out."""
    if len(line) <= width:
        return Snippet(line, tuple(spans))
    start = _start(line, spans[0] if spans else (0, 0), width)
    end = max(min(len(line), start + width), spans[0][1] if spans else 0)
    # A match that goes beyond the end is left out with what follows it.
    end = next((begin for begin, past in spans[1:] if begin < end < past), end)
    before = _OMITTED if start else ""
    after = _OMITTED if end < len(line) else ""
    shift = len(before) - start
    inside = tuple((a + shift, b + shift) for a, b in spans if start <= a and b <= end)
    return Snippet(before + line[start:end] + after, inside)


def _start(line: str, span: Span, width: int) -> int:
    """Where to begin so that the span has room on both sides; after the end of a sentence if one is near."""
    earliest = max(0, min(span[0] - width // 3, len(line) - width))
    for position in range(span[0], earliest, -1):
        if line[position - 1] in _STOPS:
            return position
    return min(earliest, span[0])


MAX_TEXT = 200_000  # characters of a text that are searched: a query may hand in any, and Python cannot be interrupted
_NOTHING = '""'
_parse = lru_cache(maxsize=64)(parse)  # one statement calls these with the same query for every row


def ja_query(q: str | None) -> str:
    """The FTS5 expression for a query; where there is nothing to find, the empty phrase `""`, which matches nothing."""
    return to_fts(_query(q)) or _NOTHING  # an empty expression would be a syntax error


def escape_fts(q: str | None) -> str:
    """The same under the name that Datasette's own search box calls."""
    return ja_query(q)


def ja_highlight(text: str | None, q: str | None, before: str = "【", after: str = "】") -> str:
    """A text with the query's terms between marks, the text itself unchanged."""
    text = _text(text)
    pieces: list[str] = []
    position = 0
    for start, end in highlights(text[:MAX_TEXT], _query(q)):
        pieces += text[position:start], before, text[start:end], after
        position = end
    return "".join([*pieces, text[position:]])


def ja_snippet(text: str | None, q: str | None, before: str = "【", after: str = "】") -> str:
    """The passage of a text that shows the query best, with its terms between marks."""
    passage = snippet(_text(text)[:MAX_TEXT], _query(q))
    return ja_highlight(passage.text, q, before, after)


FUNCTIONS = (
    ("ja_query", 1, ja_query),
    ("escape_fts", 1, escape_fts),
    ("ja_highlight", -1, ja_highlight),
    ("ja_snippet", -1, ja_snippet),
)
"""Name, number of arguments, function; all are deterministic: `conn.create_function(*entry, deterministic=True)`."""


def _query(q: str | None) -> Query:
    return _parse(_text(q))


def _text(value: object) -> str:
    """SQL passes NULL and numbers too."""
    return "" if value is None else str(value)
