"""Folding: what counts as the same character when people search, and where each folded character came from.

The index holds one fold only. Widths and cases are one (NFKC): ｲﾝｽﾘﾝ is インスリン, ＩＬ－１０ is il-10; punctuation
stays significant. What a reader does not see plays no part: zero-width characters, variation selectors, soft hyphens,
and line breaks, except that one between two ASCII signs is a space. All hyphens and minus signs are one, and so are a
kanji and its radical form. The optional folds (`spelling_variants`) widen a query and never touch the index.

Index tokens are every two neighbouring characters of a folded line, and its last character alone.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import islice
from typing import Literal

from columnarchive import text as plain

_HYPHENS = "\u2010\u2011\u2012\u2212"
_VANISHING = re.compile(
    "[\xad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+"
)
# Radical forms that NFKC leaves as they are, which PDF files and fonts use for the kanji (Unicode,
# EquivalentUnifiedIdeograph.txt).
_RADICALS = "⺃⺄⺇⺈⺉⺒⺓⺔⺗⺜⺝⺠⺧⺩⺪⺫⺬⺮⺶⺷⺻⺽⻁⻃⻄⻆⻑⻗⻘⻝⻣⻤⻨⻩⻫⻭⻯⻲"
_KANJI = "乚乙几刀刂巳幺彑心日月民牛王疋目示竹羊羊聿臼虎覀西角長雨青食骨鬼麦黄斉歯竜亀"
_SAME = str.maketrans({**dict(zip(_RADICALS, _KANJI, strict=True)), **dict.fromkeys(_HYPHENS, "-")})
_OTHER_FORM = re.compile(f"[{_HYPHENS}{_RADICALS}]")
_BREAKS = re.compile(r"\n+")
# Characters that fold to exactly one character whatever stands beside them: the fast way of `fold_with_offsets`.
_ONE_TO_ONE = re.compile("[\x00-\x09\x0b-\x7f\u3000-\u3029\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uff01-\uff5e]+")
_HANGUL_JOINS = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")


def fold(text: str) -> str:
    """Return a text as it is searched.

    >>> fold("ＩＬ\u201110 再生\\n医\u200b療")
    'il-10 再生医療'
    """
    folded = _fold_signs(text)
    return _BREAKS.sub(_break, folded) if "\n" in folded else folded


def _fold_signs(text: str) -> str:
    """Fold all but line breaks."""
    if text.isascii():
        return plain.fold(text)
    folded = plain.fold(_VANISHING.sub("", text))
    return folded.translate(_SAME) if _OTHER_FORM.search(folded) else folded


def _break(match: re.Match[str]) -> str:
    """Return what line breaks count as: a space between two ASCII signs, or else nothing."""
    text, (start, end) = match.string, match.span()
    around = text[start - 1 : start] + text[end : end + 1]
    return " " if len(around) == 2 and around.isascii() and " " not in around else ""


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
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def add(piece: str, origins: Iterable[int], ending: Iterable[int]) -> None:
        pieces.append(piece)
        starts.extend(origins)
        ends.extend(ending)

    def add_clusters(first: int, last: int) -> None:
        for start, end in clusters(s[first:last]):
            piece = _fold_cluster(s[first + start : first + end])
            add(piece, [first + start] * len(piece), [first + end] * len(piece))

    position = 0
    for run in _ONE_TO_ONE.finditer(s):
        start, end = run.span()
        if end < len(s) and _joins(s[end]):
            end -= 1  # its last character folds with the one after it
        add_clusters(position, start)
        add(_fold_signs(s[start:end]), range(start, end), range(start + 1, end + 1))
        position = end
    add_clusters(position, len(s))
    return _without_breaks("".join(pieces), starts, ends)


def _without_breaks(text: str, starts: list[int], ends: list[int]) -> Folded:
    pieces: list[str] = []
    places: list[int] = []
    position = 0
    for match in _BREAKS.finditer(text):
        joint = _break(match)
        pieces += text[position : match.start()], joint
        places += range(position, match.start() + len(joint))
        position = match.end()
    if not position:
        return Folded(text, starts, ends)
    places += range(position, len(text))
    folded = "".join([*pieces, text[position:]])
    return Folded(folded, [starts[place] for place in places], [ends[place] for place in places])


def clusters(s: str) -> Iterable[tuple[int, int]]:
    """Spans of `s` that fold independently of each other: a character and the marks that may join it."""
    start = 0
    for position in range(1, len(s)):
        if not _joins(s[position]) or s[position - 1] == "\n":
            yield start, position
            start = position
    if s:
        yield start, len(s)


@lru_cache(maxsize=8192)
def _fold_cluster(cluster: str) -> str:
    return _fold_signs(cluster)


@lru_cache(maxsize=8192)
def _joins(character: str) -> bool:
    """Whether a character belongs to the one before it: marks, ﾞ and ﾟ, later Hangul jamo, and what is not seen."""
    first = unicodedata.normalize("NFKD", character)[0]
    return (
        unicodedata.category(first).startswith("M")
        or _HANGUL_JOINS.match(first) is not None
        or _VANISHING.match(character) is not None
    )


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


TOKENS = "pairs-2"
"""Version of the tokens in the index: an index with another one must be rebuilt whole."""

_SIGNS = [chr(code) for code in range(0x20, 0x7F) if not chr(code).isalnum()]
_CONTROLS = [chr(code) for code in range(0x80) if code < 0x20 or code == 0x7F]
# 66 noncharacters for 66 ASCII signs and controls; the 32 short ones (three bytes) for what texts are full of.
_NONCHARACTERS = [
    chr(code)
    for code in (*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)))
]
_CODES = dict(zip([*_SIGNS, *_CONTROLS], _NONCHARACTERS, strict=True))
_LINE_BREAK = _CODES.pop("\n")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_OF_LINE = re.compile(r"\n[^ ] ")


def index_tokens(text: str) -> str:
    """The tokens of a text for an FTS column, in order, separated by white space.

    >>> index_tokens("再生医療").split()
    ['再生', '生医', '医療', '療']
    """
    encoded = _encoded(fold(text))
    if not encoded:
        return ""
    # Every character, the one after it and a space, written by three slices: ten times as fast as joining pairs. The
    # tokenizer breaks at a line break too, so a pair that ends with one is the last character alone, as it should be,
    # and a pair that begins with one has to go.
    characters = array("I", _utf32(encoded))
    pairs = array("I", _utf32(" " * (3 * len(characters))))
    pairs[::3] = characters
    pairs[1:-3:3] = characters[1:]
    return _FIRST_OF_LINE.sub("", pairs.tobytes().decode("utf-32-le"))


def phrase(folded: str) -> str:
    """A folded text as an FTS5 phrase that matches exactly where it stands within one line; empty for an empty text.

    >>> phrase("再生医療"), phrase("癌")
    ('"再生 生医 医療"', '"癌" *')
    """
    encoded = _encoded(folded).replace("\n", _LINE_BREAK)  # stands in no token, so it finds nothing
    if len(encoded) < 2:
        return f'"{encoded}" *' if encoded else ""
    return '"' + " ".join(map(str.__add__, encoded, encoded[1:])) + '"'


def _encoded(folded: str) -> str:
    """The text with every ASCII sign and control but the line break as a noncharacter."""
    # Most texts have few of these; looking for each in turn is far faster than `str.translate`.
    for character in _NONCHARACTERS:
        if character in folded:
            folded = folded.replace(character, _UNKNOWN)
    for sign, code in _CODES.items():
        if sign in folded:
            folded = folded.replace(sign, code)
    return folded if folded.isascii() else _SURROGATE.sub(_UNKNOWN, folded)


def _utf32(text: str) -> bytes:
    return text.encode("utf-32-le")
