"""Whole words without a dictionary: a match is whole when the run of one script it stands in begins and ends with it.

京都 is whole in 京都の, begins a longer run in 京都府 and is only a part of 東京都; art is a part of smart, and 98,000
of 198,000. Hiragana has no such runs, so a side that is hiragana is always open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from columnarchive.search.fold import fold
from columnarchive.search.query import Query, Scope

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
