"""Other spellings of a folded term: optional folds that widen a query by alternatives and never touch the index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Fold = Literal["kana", "long_vowels", "kanji"]


def variants(term: str, folds: tuple[Fold, ...]) -> tuple[str, ...]:
    """Spellings of a folded term that count as the same under these folds, without the term itself."""
    spellings = {term: None}
    for name in folds:
        for spelling in list(spellings):
            spellings.update(dict.fromkeys(_FOLDS[name](spelling)))
    return tuple(spelling for spelling in spellings if spelling and spelling != term)


def kana(term: str) -> tuple[str, ...]:
    """The term all in hiragana and all in katakana."""
    return term.translate(_TO_HIRAGANA), term.translate(_TO_KATAKANA)


_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_FOLDS: dict[Fold, Callable[[str], tuple[str, ...]]] = {
    "kana": kana,
    "long_vowels": lambda term: (term,),
    "kanji": lambda term: (term,),
}
