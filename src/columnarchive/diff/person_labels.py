"""Who answers for a page or a clinic, and with what titles: the labels `person` and `credential`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from columnarchive.diff.facts import Facts, lost
from columnarchive.diff.normalization import nfkc_no_space
from columnarchive.observations.lexicon import pattern
from columnarchive.records import Evidence, Span
from columnarchive.text import nfkc

_NAME = re.compile(
    r"[ァ-ヺー]{2,10}(?:[・\s][ァ-ヺー]{2,10})+|[一-鿿々𠮷ァ-ヺー]{1,4}(?:[\s・]?[一-鿿々ぁ-ゖァ-ヺー]{1,6})?"
)
_TITLE = re.compile(r"(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長|センター長)$")
_AFTER_NAME = re.compile(
    r"\s?(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長|が(?:監修|執筆|担当|診察|お答え|解説|就任)|の監修|の執筆|[（(](?:医師|院長|[一-鿿]*医|監修))"
)
_BEFORE_NAME = re.compile(
    r"(?:Dr\.|文[:：/／]|医|者|院長|理事長|所長|センター長|文責|監修|執筆|ドクター紹介|書いた人|担当|技師|薬剤師|看護師|務める|教授)(?:の|は|が|:|：|・|/|\s)*$"
)
_STAND_IN = re.compile(r"[^\s、。]{0,8}(?:編集部|事務局|広報部?|スタッフ|チーム|編集室|委員会)")
_IN_BRACKETS = re.compile(r"[（(][^（()）]*[)）]$")
_ROLES_ONLY = re.compile(r"(?:副|総|名誉|分)?院長|理事長|所長|センター長|医長|部長|代表|顧問")
_NAMED = re.compile(r"(?:の|・|:|：|\s|は|、){0,4}[一-鿿々]{1,4}")
_SPACE = re.compile(r"\s+")
_AUTHORS = "監修|執筆|文責|編集|取材|構成|協力|回答|解説|(?<![一-鿿々])(?:文|著|記)"
_TITLES = (
    "(?:副|総|名誉|新|前|分)?院長|理事長|副?所長|センター長|主治医|担当医|部長|医長|技師長|看護師長|医師|歯科医師|薬剤師"
    "|培養士|顧問|(?:歯科衛生|理学療法|作業療法|言語聴覚|臨床心理|管理栄養|診療放射線技|臨床検査技|鍼灸|柔道整復|看護|助産|保健)[士師]"
)
_CREDITED_TITLE = re.compile(rf"(?:{_AUTHORS})[者医]?師?[ :/・]+([一-鿿]{{1,8}}[医士師長])(?= )")
_ACTS = "(?=です|が(?:書|執筆|監修|担当|診|お答え|解説|説明|執刀|まとめ)|先生|医師|ドクター)"
_IN_PLACE = re.compile(r"^(?:です|が|は|、|。|$|に|先生|[（(])")
_KANJI_NAME = re.compile(r"[一-鿿々]{2,3}")
_NOT_NAME_END = re.compile(r"[医的性科院学法術者員部所室]$")


def person(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    """Yield a change of the person who answers for the page or the clinic."""
    if not pattern("role").search(nfkc_no_space(old + new)):
        return
    credited = credits_of(old), credits_of(new)
    titles = [tuple(_CREDITED_TITLE.findall(_SPACE.sub(" ", nfkc(text)))) for text in (old, new)]
    if credited[0] == credited[1] and credited[0] and titles[0] != titles[1]:
        yield Evidence("credential", *(" ".join(one) for one in titles))
        return
    if credited[0] != credited[1]:
        names = [{name for _, name in one} for one in credited]
        is_title = names[0] == names[1] and all(re.fullmatch(_TITLES, role) for one in credited for role, _ in one)
        words = [" ".join(f"{role} {name}" for role, name in one) for one in credited]
        yield Evidence("credential" if is_title else "person", *words)
        return
    if not old or not new or credited[0]:
        return
    for at, span in enumerate(spans):
        if span.op == "equal" or (span.op == "insert" and at and spans[at - 1].op == "delete"):
            continue
        put = spans[at + 1].text if span.op == "delete" and at + 1 < len(spans) and spans[at + 1].op == "insert" else ""
        before = spans[at - 1].text if at else ""
        next_at = at + 2 if put else at + 1
        after = spans[next_at].text if next_at < len(spans) else ""
        if put and _ROLES_ONLY.fullmatch(span.text) and _ROLES_ONLY.fullmatch(put) and _NAMED.match(after):
            yield Evidence("person", span.text, put)
            return
        if put and (_STAND_IN.fullmatch(span.text) is None) != (_STAND_IN.fullmatch(put) is None):
            named = _is_name(put if _STAND_IN.fullmatch(span.text) else span.text, before, after)
        else:
            named = _is_name(span.text, before, after) and (not put or _is_name(put, before, after))
            named = named or (bool(put) and _are_surnames(span.text, put))
        if named:
            yield Evidence("person", *((span.text, put) if span.op == "delete" else ("", span.text)))
            return


@lru_cache(maxsize=1)
def _credit() -> re.Pattern[str]:
    surname = rf"(?:{pattern('surnames').pattern})"
    given = "[一-鿿々ぁ-ゖァ-ヺー]{1,4}"
    name = rf"(?:[一-鿿々]{{1,4}} {given}|{surname} ?{given}|{surname}|[一-鿿々]{{2,4}}{_ACTS})"
    end = r"(?=$|[ (。、/・\t]|医師|先生|氏|さん|[がはをでのに])"
    role = rf"({_AUTHORS}|{_TITLES})[者医]?師?(?:・[一-鿿]{{1,3}}(?=[:/]))?"
    return re.compile(
        rf"{role}(?:[ :/・]|は|が|、|に|として|の(?!監修|執筆))*(?:[一-鿿ァ-ヺー]{{2,10}} )?({name}){end}"
    )


def credits_of(text: str) -> tuple[tuple[str, str], ...]:
    """Return each role with the name that stands beside it.

    >>> credits_of("監修：清水 真帆　文：村上 恵")
    (('監修', '清水真帆'), ('文', '村上恵'))
    """
    plain = _SPACE.sub(" ", nfkc(text))
    found = (match for match in _credit().finditer(plain) if not pattern("not_a_name").match(match[2]))
    return tuple((match[1], match[2].replace(" ", "")) for match in found)


def _are_surnames(old: str, new: str) -> bool:
    """Return whether a known family name was put for another name, or the reverse."""
    known = [pattern("surnames").fullmatch(text) is not None for text in (old, new)]
    return any(known) and all(
        is_known
        or (_KANJI_NAME.fullmatch(text) and not pattern("not_a_name").match(text) and not _NOT_NAME_END.search(text))
        for text, is_known in zip((old, new), known, strict=True)
    )


def _is_name(text: str, before: str, after: str) -> bool:
    """Return whether a text is a person's name: a known family name beside a role, or shaped and placed like a name."""
    bare = _TITLE.sub("", _IN_BRACKETS.sub("", text.strip())).strip()
    if not _NAME.fullmatch(bare) or (_NOT_NAME_END.search(bare) and not pattern("surnames").fullmatch(bare)):
        return False
    if pattern("not_a_name").match(bare) or pattern("role").fullmatch(bare) or pattern("qualification").search(bare):
        return False
    titled = bare != text.strip() or _AFTER_NAME.match(after) is not None
    placed = _BEFORE_NAME.search(before) is not None
    if pattern("surnames").match(bare):
        return titled or placed or pattern("role").search(before[-10:]) is not None
    return titled or (
        placed and (any(sign.isspace() or sign == "・" for sign in bare) or _IN_PLACE.match(after) is not None)
    )


def credential(before: Facts, after: Facts, stated: Sequence[Evidence]) -> Iterator[Evidence]:
    went, came = lost(before.qualifications, after.qualifications), lost(after.qualifications, before.qualifications)
    if any(not (stated and word.startswith("第")) for word in (*went, *came)):  # the class of a plan is part of it
        yield Evidence("credential", " ".join(went), " ".join(came))
        return
    went, came = lost(before.approvals, after.approvals), lost(after.approvals, before.approvals)
    if (went or came) and not stated:
        unapproved = "unapproved"
        if any(kind == unapproved for kind, _ in before.disclosures) == any(
            kind == unapproved for kind, _ in after.disclosures
        ):
            yield Evidence("credential", " ".join(went), " ".join(came))
