"""Folding: what counts as the same character when people search, and where each folded character came from.

The index holds one fold only, NFKC and case: ｲﾝｽﾘﾝ is インスリン, ＩＬ－１０ is il-10; punctuation stays significant.
The optional folds (`variants`) widen a query and never touch the index.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from columnarchive.text import fold as fold

# Characters that fold to exactly one character whatever stands beside them: the fast way of `fold_with_offsets`.
_ONE_TO_ONE = re.compile("[\x00-\x7f\u3000-\u3029\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uff01-\uff5e]*")
_HANGUL_JOINS = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text; character `i` came from `[starts[i], ends[i])` of the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original behind the folded span `[start, end)`, whole original characters only."""
        return self.starts[start], self.ends[end - 1]


def fold_with_offsets(s: str) -> Folded:
    """`fold(s)` with the original span of every folded character; lone marks belong to what they stand on."""
    if _ONE_TO_ONE.fullmatch(s):
        return Folded(fold(s), range(len(s)), range(1, len(s) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in clusters(s):
        piece = _fold_cluster(s[start:end])
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    return Folded("".join(pieces), starts, ends)


def clusters(s: str) -> Iterable[tuple[int, int]]:
    """Spans of `s` that fold independently of each other: a character and the marks that may join it."""
    start = 0
    for position in range(1, len(s)):
        if not _joins(s[position]):
            yield start, position
            start = position
    if s:
        yield start, len(s)


@lru_cache(maxsize=8192)
def _fold_cluster(cluster: str) -> str:
    return fold(cluster)


@lru_cache(maxsize=8192)
def _joins(character: str) -> bool:
    """Whether normalising may join this character to the one before it: marks, ﾞ and ﾟ, later Hangul jamo."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first).startswith("M") or _HANGUL_JOINS.match(first) is not None
