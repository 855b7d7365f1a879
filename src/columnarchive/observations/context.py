"""The grammar around a word: negation, modality, bans that are explained, and whose treatment a sentence is about."""

from __future__ import annotations

import re
from functools import lru_cache

from columnarchive.observations.lexicon import find_words, pattern
from columnarchive.observations.readers import Span
from columnarchive.observations.sentences import Sentence

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
_NOT_YET = re.compile(r"(?:予定|検討(?:中|して)|準備中|まだ|今後)")
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


def asserted(s: Sentence, start: int, end: int) -> bool:
    """Whether the words of a span are the column's own assertion: not asked, quoted, explained or about others."""
    return not (s.asks or s.is_navigation or s.is_quoted(start) or explains_ban(s) or about_others(s)) and end <= len(
        s.text
    )


def on_jobs(s: Sentence) -> bool:
    """Whether a sentence stands in a section or on a page on jobs, parking, closing days or events."""
    return ("elsewhere" in s.topics or "staff" in s.topics) and not _TREATMENT_FEE.search(s.text)


def planned(s: Sentence) -> bool:
    """Whether a sentence speaks of plans only."""
    return _NOT_YET.search(s.text) is not None


@lru_cache(maxsize=64)
def on_disease(text: str) -> bool:
    """Whether a text tells what an illness or a habit does; a harm by itself is no illness."""
    harms = [found.span() for found in pattern("harm").finditer(text)]
    return any(
        not any(start < found.end() and found.start() < end for start, end in harms)
        for found in find_words("disease_course", text)
    )
