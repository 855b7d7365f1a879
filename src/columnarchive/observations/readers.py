"""Readers of amounts, durations, counts, telephone numbers and addresses in NFKC text. All take linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,3}|\d{1,9})(?:\.\d{1,2})?"
_KANJI = "一二三四五六七八九十百千"
_NUMBER = rf"(?:{_DIGITS}|[{_KANJI}数]{{1,5}})"
MONEY = re.compile(
    rf"(?:¥\s?{_DIGITS}(?:万|千)?(?:\s?[〜~\-ー]\s?¥?{_DIGITS})?"
    rf"|(?<![\d.,])(?:{_DIGITS}|[{_KANJI}数]{{1,5}})(?:\s?(?:万|千|百)\s?){{0,2}}(?:{_DIGITS})?(?:千|百)?\s?(?:円|JPY))"
)
_ZERO = re.compile(r"^¥?\s?0+\s?円?$")

_UNIT = "日間?|週間?|か月間?|ヶ月間?|ケ月間?|カ月間?|ヵ月間?|箇月間?|年間?|周期|泊|クール"
_MANY = r"(?:\d{1,3}|[一二三四五六七八九十半数]{1,2})"
DURATION = re.compile(
    rf"(?<![\d.,/年第令成和歴前])(?:{_MANY}\s?(?:[〜~\-ー・、]|から|または)\s?)?{_MANY}\s?(?:{_UNIT})(?![\d月歳生度目])"
    r"|半年|日帰り|翌(?:月|週|々日|日(?=[^。、]{0,6}(?:退院|診察|検診|来院|受診|消毒)))|(?<![一-龯])(?:毎週|毎月|隔週|隔月)"
)
COUNT = re.compile(
    rf"(?:週|月|年|日|か月|ヶ月|カ月|ヵ月|週間|年間|周期)(?:に|間に)?\s?(?:{_MANY}\s?[〜~\-ー・、]\s?)?{_MANY}\s?(?:回|度)"
    rf"|(?:計|全|合計|まず|初め|はじめ|最初|標準|平均|およそ|約|目安|総)(?:は|で|の|に)?\s?(?:{_MANY}\s?[〜~\-ー・]\s?)?{_MANY}\s?回"
    rf"|(?:{_MANY}\s?[〜~\-ー・、]\s?)?{_MANY}\s?回"
)

PHONE = re.compile(
    r"(?<![\d\-_/])(?:\+81[\s\-]?\d{1,4}|\(?0\d{1,4}\)?)[\s\-‐‑–—−ー()]{1,2}\d{1,4}[\s\-‐‑–—−ー)]{1,2}\d{3,4}(?![\d\-])"
    r"|(?<!\d)(?:0120|0570|0800)[\s\-]?\d{3}[\s\-]?\d{3}(?!\d)"
    r"|(?i:TEL|電話|☎|📞)[\s:：]{0,3}0\d{9,10}(?!\d)"
)
MAIL = re.compile(r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}[@＠](?:[A-Za-z0-9\-]{1,63}\.){1,6}[A-Za-z]{2,10}")
LINE_ID = re.compile(
    r"(?i:LINE)\s?(?:公式)?(?:アカウント|@)?\s?(?:ID|アイディー)[\s:：は「(]{0,3}@?[A-Za-z0-9._\-]{3,30}"
    r"|(?i:LINE)[^。]{0,12}@[A-Za-z0-9._\-]{3,30}"
)
_POSTCODE = r"〒\s?\d{3}[\-‐ー−]\d{4}"
ADDRESS = re.compile(
    rf"{_POSTCODE}"
    r"|[一-龯ヶケノぁ-んァ-ー]{1,10}(?:市|区|町|村|郡)[一-龯ヶケノぁ-んァ-ー]{0,14}"
    r"(?:\d{1,4}|[一二三四五六七八九十]{1,3})(?:丁目|番地?|[\-‐ー−の]\d{1,4}|条)"
)


def amounts(text: str) -> Iterator[Span]:
    """Yield the spans of amounts of money above zero.

    >>> [("片膝16万5千円、初診料0円")[a:b] for a, b in amounts("片膝16万5千円、初診料0円")]
    ['16万5千円']
    """
    for found in MONEY.finditer(text):
        if not _ZERO.match(found[0]):
            yield found.span()


def phones(text: str) -> Iterator[Span]:
    """Yield the spans of telephone numbers.

    >>> list(phones("TEL 000-246-1187"))
    [(4, 16)]
    """
    for found in PHONE.finditer(text):
        if 9 <= sum(map(str.isdigit, found[0])) <= 12:
            yield found.span()


def addresses(text: str) -> Iterator[Span]:
    """Yield the spans of street addresses, of mail addresses and of LINE IDs."""
    for reader in (MAIL, LINE_ID, ADDRESS):
        yield from (found.span() for found in reader.finditer(text))
