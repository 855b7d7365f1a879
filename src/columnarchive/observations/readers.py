"""The grammar around a word, and readers of amounts, durations, counts, telephone numbers and addresses in NFKC text.

Grammar is negation, modality, bans that are explained, and whose treatment a sentence is about. All take linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from columnarchive.observations.lexicon import find_words, pattern
from columnarchive.observations.sentences import Sentence

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
    r"(?=[^。、]{0,12}(?:通|来院|施術|治療|注射|接種|点滴|投与|服用|飲|検診|検査|メンテ|クリーニング|[1一]回|受け|$))"
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


_NEGATED = re.compile(
    r"^[^。、!?]{0,16}?(?:ません(?!か)|(?<![すく少危])ない(?!か(?:と|も)|で(?:くだ|下さ|お願))|なく(?!な[るりっ])|な(?:し|かった)|(?<=[あかさたなはまらわえけせてねめれいきしちみりば])ず(?:、|に|$)"
    r"|禁|不要|お?断り|で(?:は|も)?(?:あり|ござい)ません|に(?:は)?あたら|対象外)"
)
# Others that a sentence only compares its own with, or whose patients it invites.
_COMPARED = re.compile(
    r"[^。、]{0,12}?(?:に比べ|と比べ|より|と違|とは違|と異な|とは異な|に対し|のように|のような|で(?:は)?(?:断|満足|治ら|改善しな|あきらめ|うまく|得られな))"
    r"|[^。、]{0,10}(?:方(?:に|へ|こそ)|にはない|にない|では(?:受けられ|真似|できない|難し|得られ))"
)
_TREATMENT_FEE = re.compile(r"治療(?:費|料)|初診料|診察料|施術料")
_TITLE_PARTS = re.compile(r"[|｜]")
_SHORTEST_NAME = 3
_THINGS_OF_OTHERS = re.compile(r"(?:購入|入手|買)(?:した|する|って)(?:お?薬|もの|製品)|海外で(?:受け|手術|施術)")


def negated(text: str, end: int) -> bool:
    """Whether the predicate after position `end` is denied within its clause.

    >>> negated("当院では未承認薬を扱っていません。", 9), negated("未承認の薬です。", 3)
    (True, False)
    """
    return _NEGATED.match(text[end : end + 24]) is not None


def explains_ban(s: Sentence) -> bool:
    """Whether a sentence explains a ban, a rule or a warning, or quotes what others claim."""
    return s.has("ban")


def about_others(s: Sentence) -> bool:
    """Whether a sentence speaks of other clinics, other treatments or products that people buy, and not of its own."""
    if not s.has("other") and not _THINGS_OF_OTHERS.search(s.text):
        return False
    others = [found for found in pattern("other").finditer(s.text) if not _COMPARED.match(s.text, found.end())]
    if not others:
        return _THINGS_OF_OTHERS.search(s.text) is not None
    own = pattern("own").search(s.text)
    return own is None or others[0].start() < own.start()


def named_clinic(s: Sentence) -> Span | None:
    """Find the clinic by the name that the title gives it, as the subject of a sentence or the owner of what it offers."""
    for name in clinic_names(s.title):
        at = s.text.find(name)
        if at >= 0 and s.text[at + len(name) :].startswith(("は", "で", "の", "が")):
            return at, at + len(name)
    return None


@lru_cache(maxsize=64)
def clinic_names(title: str) -> tuple[str, ...]:
    """Return the names that the later parts of a title may give the clinic.

    >>> clinic_names("糸リフト|みほん美容外科 丸山院")
    ('みほん美容外科 丸山院', 'みほん美容外科', '丸山院')
    """
    parts = [name for part in _TITLE_PARTS.split(title)[1:] for name in (part.strip(), *part.split())]
    return tuple(dict.fromkeys(name for name in parts if len(name) >= _SHORTEST_NAME))


def speaks_as_clinic(s: Sentence) -> bool:
    """Whether the clinic itself is the subject of a sentence."""
    return (s.has("own") or named_clinic(s) is not None) and not re.search(
        r"当院(?:で(?:は|も))?[^。]{0,30}(?:行って|扱って|実施して)(?:い|お)(?:ません|りません)", s.text
    )


def on_jobs(s: Sentence) -> bool:
    """Whether a sentence stands in a section or on a page on jobs, parking, closing days or events."""
    return ("elsewhere" in s.topics or "staff" in s.topics) and not _TREATMENT_FEE.search(s.text)


@lru_cache(maxsize=64)
def on_disease(text: str) -> bool:
    """Whether a text tells what an illness or a habit does; a harm by itself is no illness."""
    harms = [found.span() for found in pattern("harm").finditer(text)]
    return any(
        not any(start < found.end() and found.start() < end for start, end in harms)
        for found in find_words("disease_course", text)
    )
