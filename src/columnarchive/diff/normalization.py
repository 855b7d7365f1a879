"""Normalize width, white space, punctuation and the notation of values, so that only differences in content remain."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise

from columnarchive.text import nfkc


def _bounds(signs: str) -> list[int]:
    """The code points of signs in order, between those before and after all kanji."""
    return [0x4DFF, *sorted(ord(sign) for sign in signs if sign >= "一"), 0xA000]


_POWERS = {"十": 1, "百": 2, "千": 3, "万": 4, "億": 8, "兆": 12}
_SCALED = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)([十百千]?[万億兆]|[百千])")
_CHAIN = re.compile(r"(?<!\d)(?:\d+(?:\.\d+)?(?:[十百千]?[万億兆]|[百千]))+\d*")
_KANJI_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")}
_DIGIT = re.compile(r"\d")
_KANJI_DIGIT = re.compile(r"[一二三四五六七八九十百千万億]")
_KANJI_COUNT = re.compile(
    r"(?<![一-鿿\d])([一二三四五六七八九])(?=[回つ名人年日週本個枚度割倍点例件歳]|[かヶカヵケ]月|時間|種類)"
)
_KANJI_AMOUNT = re.compile(
    r"(?<![一二三四五六七八九十百千万億\d])(?=[一二三四五六七八九十百千万億]*[十百千万億])([一二三四五六七八九十百千万億]+)(?=円)"
    r"|(?<![一-鿿\d])(?=[一二三四五六七八九十百千万億]*[十百千万億])([一二三四五六七八九十百千万億]+)(?=円|[回名人年日割倍例件歳]|[かヶカヵケ]月|時間|週間)"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_YEN = re.compile(r"[¥\\](\d[\d.]*)")
_DATE = re.compile(r"(?<![\d/.-])((?:19|20)\d\d)([/.-])(\d{1,2})\2(\d{1,2})(?![\d/.-])")
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):(\d\d)(?![\d:])")
_POWER = re.compile(r"[百千万億兆]")
_DASH = re.compile(r"[~〜‐‑–—―−ー-]")
_DASHES = re.compile(r"(?<=[\d円時分日月年歳%])[~〜‐‑–—―−ー-](?=\d)")
_SIGNS = re.escape(",.、。・!?:;'\"()[]{}<>「」『』【】〔〕〈〉《》“”‘’…‥-‐‑–—―~〜/_*※★☆◆◇■□●○◎▲△▼▽♪→⇒|#&@•")
_PUNCTUATION = re.compile(rf"[{_SIGNS}]+")
# Kana and kanji that stay what they are however a text is set: without numerals and the units of `canonical_values`.
_SETTING = "一七万三九二五億八六円分四年日時月百千十兆〇"
_LETTERS = re.compile(
    "[ぁ-ゖ" + "".join(f"{chr(a + 1)}-{chr(b - 1)}" for a, b in pairwise(_bounds(_SETTING)) if b - a > 1) + "]+"
)
# The same and letters of any script, where the width is one already.
_LETTER_RUNS = re.compile(rf"[^\W\d_{_SETTING}{_SIGNS}]+")
# What becomes kana or kanji in one width, such as ㈱, ゟ and 🈚, and the voicing marks that join the kana before them.
_COMPATIBLE = re.compile(
    r"[\u3038-\u303a\u3099\u309a\u309f\u3190-\u319f\u3200-\u33ff\u2e80-\u2fdf\uf900-\ufaff\uff9e\uff9f\U0001f200-\U0001f2ff\U0002f800-\U0002fa1f]"
)
# White space, and what no reader sees: joiners, direction marks, soft hyphens, selectors of a glyph.
_INVISIBLE = re.compile(
    r"[\s\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+"
)
_SELECTOR = re.compile(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


@lru_cache(maxsize=4096)
def nfkc_no_space(text: str) -> str:
    """Return the text in NFKC without white space and invisible characters: what word lists are matched against."""
    folded = text if unicodedata.is_normalized("NFKC", text) else nfkc(text)
    # Every kind of space but the plain one counts as not printable.
    if folded.isprintable() and " " not in folded and not _SELECTOR.search(folded):
        return folded
    return _INVISIBLE.sub("", folded)


@lru_cache(maxsize=4096)
def canonical_values(text: str) -> str:
    """Return `nfkc_no_space` with each value in one form: 9.8万円 → 98000円, 2025/10/8 → 2025年10月8日."""
    folded = nfkc_no_space(text)
    if _KANJI_DIGIT.search(folded):
        folded = _KANJI_COUNT.sub(lambda found: str(_KANJI_DIGITS[found[1]]), folded)
        folded = _KANJI_AMOUNT.sub(lambda found: str(_amount(found[0])), folded)
    if not _DIGIT.search(folded):
        return folded
    # Most sentences have none of these signs, and looking for one costs far less than a substitution.
    if "," in folded:
        folded = _THOUSANDS.sub("", folded)
    if _POWER.search(folded):
        folded = _CHAIN.sub(_plain, folded)
    if "¥" in folded or "\\" in folded:
        folded = _YEN.sub(r"\1円", folded)
    if "/" in folded or "-" in folded or "." in folded:
        folded = _DATE.sub(lambda found: f"{found[1]}年{int(found[3])}月{int(found[4])}日", folded)
    if ":" in folded:
        folded = _CLOCK.sub(lambda found: f"{int(found[1])}時" + ("" if found[2] == "00" else f"{found[2]}分"), folded)
    return _DASHES.sub("~", folded) if _DASH.search(folded) else folded


@lru_cache(maxsize=4096)
def comparison_key(text: str) -> str:
    """Return `canonical_values` without punctuation but for signs between digits: what no typography changes.

    >>> comparison_key("費用は、９８，０００円。") == comparison_key("費用は9.8万円")
    True
    """
    folded = canonical_values(text)
    return _PUNCTUATION.sub(_between_digits if _DIGIT.search(folded) else "", folded)


def letters_only(text: str) -> str:
    """Return the letters of a text in one width, without numerals and units: what no typography changes.

    >>> letters_only("費用は、９８，０００円。") == letters_only("費用は9.8万円")
    True
    """
    return "".join(_LETTER_RUNS.findall(nfkc(text)))


def values_without_punctuation(text: str) -> str:
    """Return `canonical_values` without any punctuation."""
    return _PUNCTUATION.sub("", canonical_values(text))


@lru_cache(maxsize=2048)
def differs_in_letters(old: str, new: str) -> bool:
    """Whether two texts surely have different skeletons, told without making them: their kana and kanji differ."""
    one, other = "".join(_LETTERS.findall(old)), "".join(_LETTERS.findall(new))
    return one != other and _COMPATIBLE.search(old) is None and _COMPATIBLE.search(new) is None


def _between_digits(found: re.Match[str]) -> str:
    text, start, end = found.string, found.start(), found.end()
    stays = start and end < len(text) and text[start - 1].isdecimal() and text[end].isdecimal()
    return found[0] if stays else ""


def _amount(kanji: str) -> int:
    """一万五千 → 15000."""
    total = thousands = digit = 0
    for sign in kanji:
        power = _POWERS.get(sign)
        if power is None:
            digit = _KANJI_DIGITS[sign]
        elif power < 4:
            thousands, digit = thousands + (digit or 1) * 10**power, 0
        else:
            total, thousands, digit = total + (thousands + digit or 1) * 10**power, 0, 0
    return total + thousands + digit


def _plain(found: re.Match[str]) -> str:
    """9万8千 → 98000, 1.5億 → 150000000; as it stands when it is no number."""
    total = Decimal(0)
    rest = _SCALED.sub("", found[0])
    try:
        for number, powers in _SCALED.findall(found[0]):
            total += Decimal(number) * 10 ** sum(_POWERS[power] for power in powers)
        total += Decimal(rest) if rest else 0
    except InvalidOperation:
        return found[0]
    return f"{total.normalize():f}"
