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
    whole: re.Pattern[str]
    begins: re.Pattern[str]
    part: re.Pattern[str]

    def wholeness(self, text: str) -> Wholeness:
        """How whole the best occurrence in a text is, as the text stands; fold it first where that matters."""
        return 2 if self.whole.search(text) else 1 if self.begins.search(text) else 0

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
