"""Other spellings of a folded term: optional folds that widen a query by alternatives and never touch the index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from itertools import islice
from typing import Literal

Fold = Literal["kana", "long_vowels", "kanji"]
FOLDS: tuple[Fold, ...] = ("kana", "long_vowels", "kanji")

MOST = 24
"""Spellings of one term at most: each costs a look into the index."""

_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_LONG_ENDING = re.compile(r"(?<=[ァ-ヺー]{2})ー(?![ァ-ヺー])")
_SHORT_ENDING = re.compile(r"(?<=[ァ-ヺー]{2}[ァ-ヺ])(?![ァ-ヺー])")


def variants(term: str, folds: tuple[Fold, ...]) -> tuple[str, ...]:
    """Spellings of a folded term that count as the same under these folds, without the term itself.

    >>> variants("サーバー管理", ("long_vowels",))
    ('サーバ管理',)
    """
    spellings = {term: None}
    for name in folds:
        for spelling in list(spellings):
            spellings.update(dict.fromkeys(islice(_SPELLINGS[name](spelling), MOST)))
    return tuple(islice((spelling for spelling in spellings if spelling and spelling != term), MOST))


def kana(term: str) -> Iterator[str]:
    """The term with its kana all in hiragana and all in katakana: がん, ガン."""
    yield term.translate(_TO_HIRAGANA)
    yield term.translate(_TO_KATAKANA)


def long_vowels(term: str) -> Iterator[str]:
    """Katakana words of three characters and more without their last ー, and with one: サーバー, サーバ."""
    yield _LONG_ENDING.sub("", term)
    yield _SHORT_ENDING.sub("ー", term)


def kanji(term: str) -> Iterator[str]:
    """The term in every mixture of old and new forms of its kanji: 齋藤, 斎藤, 齊藤, 斉藤."""
    spellings = [""]
    for character in term:
        forms = _forms().get(character, (character,))
        spellings = [before + form for before in spellings for form in forms][: MOST + 1]
    yield from spellings


@cache
def _forms() -> dict[str, tuple[str, ...]]:
    """Each kanji of the table with all the forms that count as the same, itself first."""
    table = (resources.files("columnarchive.search") / "kanji_forms.txt").read_text(encoding="utf-8")
    groups = [line for line in table.splitlines() if line and not line.startswith("#")]
    return {one: (one, *(other for other in group if other != one)) for group in groups for one in group}


_SPELLINGS: dict[Fold, Callable[[str], Iterator[str]]] = {"kana": kana, "long_vowels": long_vowels, "kanji": kanji}
