"""Where a query stands in a text: whole words, exact spans of the original, and the passage that shows it best.

Whole words need no dictionary: a match is whole when the run of one script it stands in begins and ends with it.
京都 is whole in 京都の, begins a longer run in 京都府 and is only a part of 東京都; art is a part of smart, and 98,000
of 198,000. Hiragana has no such runs, so a side that is hiragana is always open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

from columnarchive.search import Query, Scope, parse, to_fts
from columnarchive.search.fold import fold, fold_with_offsets

Wholeness = Literal[0, 1, 2]
"""2: a whole run; 1: the beginning of a longer run; 0: inside one or its end, or not there at all."""
_DIGIT = "0-9０-９"
_RUNS = (
    # The compatibility ones are escaped: an editor that composes signs would turn \uf900 into the kanji it stands for.
    "々〆〇㐀-䶿一-鿿\uf900-\ufaff𠀀-\U000323af",  # kanji
    "ァ-ヺーｦ-ﾟ",
    "A-Za-zÀ-ÖØ-öø-ɏͰ-ԯＡ-Ｚａ-ｚ",
    _DIGIT,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A folded string, ready to be looked for as a word."""

    text: str
    complete: re.Pattern[str]
    begins: re.Pattern[str]
    part: re.Pattern[str]

    def wholeness(self, text: str) -> Wholeness:
        """How whole the best occurrence in a text is, as the text stands; fold it first where that matters."""
        return 2 if self.complete.search(text) else 1 if self.begins.search(text) else 0

    def longer(self, texts: Iterable[str]) -> Counter[str]:
        """The beginnings of longer runs that have the word inside, by the number of texts: 東京都 for 京都.

        Each is the character before the word and the word's first two, which is enough to tell and cheap to look up.
        """
        return Counter(found for text in texts for found in set(self.part.findall(text)))


def word(folded: str) -> Word:
    """Make a folded, non-empty string ready."""
    literal = re.escape(folded)
    first, last = _run(folded[0]), _run(folded[-1])
    before = f"(?<![{first}])" if first else ""
    after = f"(?![{last}])" if last else ""
    if first == _DIGIT:
        before += f"(?<![{_DIGIT}][,.，．])"
    if last == _DIGIT:
        after += f"(?![,.，．][{_DIGIT}])"
    in_one_run = first and all(re.match(f"[{first}]", character) for character in folded)
    part = f"[{first}]{re.escape(folded[:2])}(?={re.escape(folded[2:])})" if in_one_run else "(?!)"
    return Word(folded, re.compile(before + literal + after), re.compile(before + literal), re.compile(part))


def _run(character: str) -> str:
    """The class of characters that this one forms a run with; empty for none."""
    return next((run for run in _RUNS if re.match(f"[{run}]", character)), "")


_TITLE_WEIGHT = 10
_SATURATION = 1.2
_COMPLETE_BOOST = 1.3


@dataclass(frozen=True, slots=True)
class Relevance:
    """Where a query stands in an article, the least whole of its words, and a score that grows with their number.

    `opening` is 2 where the title is the query and nothing else, 1 where it begins with it.
    """

    where: Literal["title", "text", "removed"]
    wholeness: Wholeness
    score: float
    opening: Literal[0, 1, 2] = 0

    @property
    def tier(self) -> int:
        """0 title, 1 text, 2 only parts of longer runs; 3 and 4 the same for what stands only in removed text."""
        if self.where == "removed":
            return 3 if self.wholeness else 4
        return (0 if self.where == "title" else 1) if self.wholeness else 2

    @property
    def boost(self) -> float:
        """What a score is multiplied by for whole runs."""
        return _COMPLETE_BOOST if self.wholeness == 2 else 1.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    word: Word
    in_title: bool


@dataclass(frozen=True, slots=True)
class Criteria:
    """A query made ready to judge many articles."""

    groups: tuple[tuple[_Wanted, ...], ...]
    excluded: tuple[_Wanted, ...]

    def judge(self, title: str, text: str, removed_text: str, scope: Scope = "all") -> Relevance | None:
        """The relevance of an article; None where it does not match in this scope."""
        current = (_Field(title), _Field(text))
        fields = (*current, _Field(removed_text))
        in_current = all(_finds(group, current) for group in self.groups) and not _finds(self.excluded, current)
        if scope != "current":
            found = in_current or all(_finds(group, fields) for group in self.groups)
            if not found or _finds(self.excluded, fields) or (scope == "removed" and in_current):
                return None
        elif not in_current:
            return None
        if not in_current:
            return Relevance("removed", self._wholeness(fields), self._score(*fields))
        in_title = all(_finds(group, current[:1]) for group in self.groups)
        looked_at = current[:1] if in_title else current
        opening = self._opening(title) if in_title else 0
        return Relevance("title" if in_title else "text", self._wholeness(looked_at), self._score(*current), opening)

    def is_in_title(self, title: str) -> bool:
        """Whether all that has to be found stands in a title."""
        return all(_finds(group, (_Field(title),)) for group in self.groups)

    def longer(self, texts: Iterable[str]) -> dict[str, Counter[str]]:
        """For each word to find, the longer runs that end with it in these texts, by the number of texts."""
        texts = list(texts)
        return {wanted.word.text: wanted.word.longer(texts) for group in self.groups for wanted in group}

    def _opening(self, title: str) -> Literal[0, 1, 2]:
        folded = fold(title).strip()
        begins = [wanted for wanted in self.groups[0] if folded.startswith(wanted.word.text)]
        if len(self.groups) == 1 and any(wanted.word.text == folded for wanted in begins):
            return 2
        return 1 if begins else 0

    def _wholeness(self, fields: tuple[_Field, ...]) -> Wholeness:
        def best(wanted: _Wanted) -> Wholeness:
            return max((field.wholeness(wanted.word) for field in _open_to(wanted, fields)), default=0)

        return min((max(map(best, group)) for group in self.groups), default=0)

    def _score(self, title: _Field, *others: _Field) -> float:
        total = 0.0
        for group in self.groups:
            count = 0
            for wanted in group:
                count += _TITLE_WEIGHT * title.count(wanted.word)
                count += 0 if wanted.in_title else sum(field.count(wanted.word) for field in others)
            total += count / (count + _SATURATION)
        return total


class _Field:
    """One text of an article, folded only when a word does not stand in it as it is."""

    __slots__ = ("folded", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = ""

    def fold(self) -> str:
        self.folded = self.folded or fold(self.text)
        return self.folded

    def has(self, sought: Word) -> bool:
        return sought.text in self.text or sought.text in self.fold()

    def count(self, sought: Word) -> int:
        return self.text.count(sought.text) or self.fold().count(sought.text)

    def wholeness(self, sought: Word) -> Wholeness:
        return sought.wholeness(self.text if sought.text in self.text else self.fold())


def criteria(query: Query) -> Criteria:
    """Make a query ready to judge articles by."""
    groups = tuple(
        tuple(_Wanted(word(spelling), term.in_title) for term in group for spelling in term.spellings)
        for group in query.groups
    )
    excluded = tuple(_Wanted(word(spelling), term.in_title) for term in query.excluded for spelling in term.spellings)
    return Criteria(groups, excluded)


def _finds(group: tuple[_Wanted, ...], fields: tuple[_Field, ...]) -> bool:
    return any(field.has(wanted.word) for wanted in group for field in _open_to(wanted, fields))


def _open_to(wanted: _Wanted, fields: tuple[_Field, ...]) -> tuple[_Field, ...]:
    """The fields a word may stand in; the title is the first."""
    return fields[:1] if wanted.in_title else fields


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
