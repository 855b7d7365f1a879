"""Read from a sentence the facts behind labels of level 3: prices, titles, risks, disclosures, testimonials, claims.

The labels `person` and `credential`: who answers for a page or a clinic, and with what titles.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from columnarchive.diff.normalization import canonical_values, nfkc_no_space
from columnarchive.observations import Kind, statements
from columnarchive.observations.lexicon import pattern
from columnarchive.observations.risks import on_illness
from columnarchive.records import Evidence, Span
from columnarchive.text import nfkc

_PRICE = re.compile(
    r"値[上下]げ|据え置|(?<!\d)\d+(?:\.\d+)?(?:円(?!玉|硬貨|形|札|周|盤|滑)|ドル|ユーロ|元(?!気|の|に|通|ど))|無料|有料(?!老人|道路|職業)|無償|半額|税[込別抜引]|(?<!\d)\d+(?:%|割|パーセント)(?:OFF|オフ|引き?|割引|還元)"
    r"|(?:送料|税|手数料|診察料|初診料|再診料|麻酔[料代]|薬代|検査[料代]|材料費)(?:等|など)?(?:は|も|が)?"
    r"(?:込み?|別途|別(?=[)、。・]|$|です|と|で)|抜き?|無料|サービス)"
)
# No price is without one of these; what has none need not be brought into one form. Here and below, alternatives that
# begin with a sign of their own, not a class, are found some five times as fast.
_PAID = re.compile(r"円|値|据|元|込|別|含|負担|実費|¥|\\|%|割|ドル|ユーロ|パーセント|無料|有料|無償|半額|税[込別抜引]")
_BORNE = re.compile(
    r"実費|別途|含(?:ま|み)|(?:当院|クリニック|自身|患者さ[まん]|患者様|ご家族)[^。、]{0,4}負担|負担(?:は|が)?(?:あり|ござい)ません"
)
_THRESHOLD = re.compile(r"(?<!\d)\d+円(?:を超え|以[上下](?!です|かか|(?:を)?いただ|と?なり|ほど)|未満|までは)")
# What an amount pays for, where it stands beside one.
_PER = re.compile(r"[両片](?=眼|目|側|顎|あご|脚|足|腕|膝|ひざ|耳|頬)|月(?=々|額)|年額|円(?=から(?!、)|[〜~])")
_SHARE = re.compile(r"(?<!\d)\d+(?:\.\d+)?(?:%|割)")
_PRICED = re.compile(r"料(?!理)|割引|値引|オフ|OFF|[^自]費|金利|価格|手数料|代金|値引|ローン")
_DEFINES = re.compile(
    r"とは、?[^。]{0,160}(?:いいます|言います|指し|呼び|呼ば|意味し|(?:こと|もの|状態|病気|治療|医療|細胞|物質|方法)(?:です|をい|を指|である))"
)
_QUOTED = re.compile(r"[「『“][^「」『』“”]{1,24}[」』”](?=と|という|の(?:よう|文字|言葉|表現))")
_RATE = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)(割|%|倍|年|か月|ヶ月|週間|日|人|名|例)")
_NEVER_DENIES = re.compile(r"欠かせ(?:ない|ません)|少なく(?:ない|ありません)|だけで(?:は|も)?なく")
_IF_NOT = re.compile(r"(?:ない|ません|難しい|困難な)(?:場合|とき|時|際|なら)")
_EVEN_IF = re.compile(r"(?<![^。、])[^。、]*[てで]も、")
_ELSEWHERE = re.compile(r"(?:他院|(?:他|ほか|別)の(?:クリニック|医院|病院|施設))(?:で)?(?:は|だと)")
_ASKS = re.compile(r"(?:か|かな)[。?!]*$|\?$|(?:どう|なぜ|何|いつ|どこ|どれ|どんな)[^。]{1,40}(?:でしょう|のか)。?$")
_DIGIT = re.compile(r"\d|半年|数")
_SEVERAL = re.compile(r"数(?=[回日週年]|か月|ヶ月)")
# Lengths of time in one unit, so that 半年 and 1年 compare.
_LASTS = {"年": ("日", 365), "か月": ("日", 30), "ヶ月": ("日", 30), "週間": ("日", 7)}
_RATED = re.compile(
    r"改善率|有効率|成功率|奏効率|満足度|満足率|生存率|治癒率|効果[^。]{0,12}(?:持続|続)|持続|人中|"
    + "|".join(
        rf"{share}(?:以上|近く|ほど)?の(?:方|人|患者|症例)|"
        rf"{share}(?:以上|近く|ほど|程度|前後)?(?:が|に|で)[^。]{{0,10}}(?:改善|効果|有効|回復|軽快|実感|満足|治)"
        for share in "割%"
    )
)
_SOON = re.compile(r"(?<!\d)(\d{1,3})(回|日|週間|か月|ヶ月|年)間?(?:ほど|程度|くらい)?で(?!す|し|も|は)")
_OWN_RATE = re.compile(r"効果|改善率|有効率|成功率|満足|持続|当院")
_LIST_HEAD = re.compile(
    r"^((?:主な|おもな|考えられる)?(?:副作用|副反応|合併症|リスク|デメリット)(?:[・/／][^\s]{1,8})?)\s+"
)
_PENDING = re.compile(r"[^。、]{0,6}(?:申請|出願|審査|準備|予定|待ち|検討|見込)")
_WEAK_DENIAL = re.compile(r"少な|ほとんど|ほぼ|にく[いく]|低[いく]|軽|抑え|最小|まず")
_GROUP = re.compile(r"[^、。・や]{1,30}?(?:方|人|患者さ[んま]|お子さ[んま])(?=[、・やはに]|また|および)")


@dataclass(frozen=True, slots=True)
class Claim:
    """The certainty of a sentence: `modality` 0 is denied or asked, 1 hedged, 2 plain; `weight` adds absolute words."""

    modality: int
    weight: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one side of an edit states, except claims, as the words that state it."""

    prices: tuple[str, ...] = ()
    qualifications: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    harms: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    disclosures: tuple[tuple[str, str], ...] = ()
    testimonials: tuple[str, ...] = ()


# Where a sentence names what it speaks of.
_TOPIC_REACH = 12
# How far from an act of an authority its object or the authority stands.
_NEAR = 30


DISCLOSED: tuple[Kind, ...] = (
    "self_pay", "unapproved", "import_source", "approved_alternative", "safety_abroad", "relief_excluded",
    "plan_number", "cost", "course",
)  # fmt: skip
"""Kinds of statement whose coming or going is a disclosure."""

_READ = frozenset((*DISCLOSED, "risks", "risk_denial", "effect_hedge", "testimonial", "before_after"))
_COUNTED = re.compile(r"[回度]$")
# The guideline asks for the usual period and number of visits; other times and numbers are none of these.
_COURSE = re.compile(r"(?<!短)期間|回数|頻度|間隔|通院|通って|来院|入院|クール|コース")
# A hedge that takes a claim back is no notice of a risk, unless it says that not everybody sees the effect.
_TAKEN_BACK = re.compile(
    r"^(?![^。]*(?:保証|約束)).*(?:わけ|もので|とは|こと[はが]|難し|困難|で(?:は|も)(?:あり|な)|病気は|(?<!約束)(?:でき|あり|おり|い|し)ません$|期待|見込|可能性が示)"
)
_NOT_FOR_ALL = re.compile(r"とは限|わけで|(?:すべて|全て|全員|誰|皆|どなた)[^。]*ません")


@lru_cache(maxsize=2048)
def facts_of(sentence: str) -> Facts:
    """Return the facts that a sentence states, in any width."""
    text = nfkc_no_space(sentence)
    stated: dict[str, tuple[str, ...]] = {}
    for one in statements(_LIST_HEAD.sub(r"\1:", nfkc(sentence)), kinds=_READ):
        stated[one.kind] = stated.get(one.kind, ()) + tuple(map(nfkc_no_space, one.words))
    risks = stated.get("risks", ())
    harms = tuple(
        words for words in risks if _has("harm", words) or (not _has("excluded", words) and not _is_group(words))
    )
    of_treatment = _EFFECT_NAMED.search(text) or (_has("treatment", text) and not on_illness(text))
    hedges = stated.get("effect_hedge", ()) if of_treatment else ()
    return Facts(
        prices=_prices(canonical_values(sentence)) if _PAID.search(text) else (),
        qualifications=_all("qualification", text),
        approvals=_approvals(text),
        harms=harms,
        excluded=tuple(words for words in risks if words not in harms),
        groups=tuple(_GROUP.findall(text)) if len(harms) < len(risks) else (),
        notices=tuple(words for words in hedges if not _TAKEN_BACK.search(words)) + _all("safety_unknown", text),
        limits=tuple(filter(_NOT_FOR_ALL.search, hedges)) + _all("asks_first", text),
        denials=stated.get("risk_denial", ()),
        disclosures=tuple(_disclosures(text, stated)),
        testimonials=stated.get("testimonial", ())
        + stated.get("before_after", ())
        + (() if "広告" in text or _has("not_pictured", text) or _has("ban", text) else _all("voices_announced", text)),
    )


_EFFECT_NAMED = re.compile(r"効[果きくい能]|結果|変化|実感|仕上が|満足|成績|持続|個人差|方法|当院")


def _is_group(words: str) -> bool:
    return pattern("excluded_group").fullmatch(words) is not None


def _disclosures(text: str, stated: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for kind in DISCLOSED:
        if kind == "course" and not _COURSE.search(text):
            continue
        for words in stated.get(kind, ()):
            yield ("visits" if kind == "course" and _COUNTED.search(words) else kind), words
    for group in ("plan_named", "sponsor"):
        if found := pattern(group).search(text):
            yield group, found[0]


def _all(group: str, text: str) -> tuple[str, ...]:
    return tuple([found[0] for found in pattern(group).finditer(text)])


def _approvals(text: str) -> tuple[str, ...]:
    """Return the acts of authorities on a treatment or its means, those that are only applied for as such."""
    acts = []
    for found in pattern("approval").finditer(text):
        around = text[max(0, found.start() - _NEAR) : found.end() + _NEAR]
        if pattern("approval_context").search(around) and not pattern("approval_of_others").search(around):
            acts.append(found[0] + ("申請中" if _PENDING.match(text, found.end()) else ""))
    return tuple(acts)


def _prices(text: str) -> tuple[str, ...]:
    """Return amounts and tax, and shares where something is paid: 治療費の30%."""
    if pattern("other_payment").search(text) or _ELSEWHERE.search(text):
        return ()
    found = _PRICE.findall(_THRESHOLD.sub("", text))
    if "円" in text:
        found += _PER.findall(text)
    return tuple(found + _SHARE.findall(text) + _BORNE.findall(text) if _PRICED.search(text) else found)


def lost(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of `old` that `new` lacks, each as often as it is missing."""
    if not old or old == new:
        return ()
    if not new:
        return old
    return tuple((Counter(old) - Counter(new)).elements())


@lru_cache(maxsize=2048)
def claim_of(sentence: str) -> Claim:
    """Return the certainty with which a sentence asserts, leaving out quotations."""
    own = _own_words(sentence)
    plain = _NEVER_DENIES.sub("", _IF_NOT.sub("", own))
    emphatic, hedges, denied = (_all(group, plain) for group in ("emphatic", "hedge", "no_claim"))
    absolute = _all("absolute", plain)
    absolute += tuple(word for word in _all("unreserved", plain) if not any(word in other for other in absolute))
    modality = 0 if denied or _ASKS.search(own) else 1 if hedges else 2
    weight = 2 * len(set(absolute)) + len(set(emphatic))
    return Claim(modality, weight, tuple(dict.fromkeys([*absolute, *emphatic, *hedges, *denied[:1]])))


@lru_cache(maxsize=2048)
def topic_of(sentence: str) -> tuple[bool, bool]:
    """Return whether a sentence is about the effect of a treatment, and whether it is about a treatment."""
    own = _own_words(sentence)
    treated, affects = _has("treatment", own), any(_has(group, own) for group in ("effect", "weak_effect"))
    if (treated or affects) and (_has("not_about_effect", own) or _has("ban", own) or _DEFINES.search(own)):
        return False, False
    of_illness = _has("illness_course", _EVEN_IF.sub("", own) if "も、" in own else own) or on_illness(own)
    return affects and (treated or not of_illness), treated


def is_of_other_field(sentence: str) -> bool:
    """Return whether a sentence is about law, money, work or software, and about no treatment."""
    text = nfkc_no_space(sentence)
    return _has("other_field", text[:_TOPIC_REACH]) or (_has("other_field", text) and not _has("treatment", text))


def explains(sentence: str) -> bool:
    """Return whether a sentence explains a ban or a rule, or quotes what others claim."""
    return _has("ban", nfkc_no_space(sentence))


def _own_words(sentence: str) -> str:
    """Return the normalized sentence without quotations."""
    text = nfkc_no_space(sentence)
    return _QUOTED.sub("", text) if "」" in text or "』" in text or "”" in text else text


def _has(group: str, text: str) -> bool:
    return pattern(group).search(text) is not None


def rates(sentence: str) -> dict[str, float]:
    """Return numbers that tell how far, how long or how soon a treatment works, by their unit; larger claims more."""
    if not _DIGIT.search(sentence):
        return {}
    plain = nfkc_no_space(_SEVERAL.sub("5", sentence.replace("半年", "0.5年")))
    found = {"soon " + unit: -float(number) for number, unit in _SOON.findall(plain)}
    if _RATED.search(plain) and (_OWN_RATE.search(plain) or pattern("treatment").search(plain)):
        for number, unit in _RATE.findall(canonical_values(plain)):
            name, size = _LASTS.get(unit, (unit, 1))
            found[name] = float(number) * size
    return found


def degree(sentence: str) -> int:
    """Return 2 for an effect stated as complete, 1 for a partial one, 0 for neither or both."""
    text = nfkc_no_space(sentence)
    strong, weak = _has("strong_effect", text), _has("weak_effect", text)
    return 0 if strong == weak else 2 if strong else 1


def is_flat_denial(words: str) -> bool:
    """Return whether a harm is denied without reserve: 痛みがない, not 痛みが少ない."""
    return _WEAK_DENIAL.search(words) is None


def limiters(sentence: str) -> int:
    """Return how many words narrow the complaints or people that a sentence speaks of."""
    return len(pattern("limiter").findall(nfkc_no_space(sentence)))


_NAME = re.compile(
    r"[ァ-ヺー]{2,10}(?:[・\s][ァ-ヺー]{2,10})+|[一-鿿々𠮷ァ-ヺー]{1,4}(?:[\s・]?[一-鿿々ぁ-ゖァ-ヺー]{1,6})?"
)
_TITLE = re.compile(r"(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長|センター長)$")
_AFTER_NAME = re.compile(
    r"\s?(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長|が(?:監修|執筆|担当|診察|お答え|解説|就任)|の監修|の執筆|[（(](?:医師|院長|[一-鿿]*医|監修))"
)
_BEFORE_NAME = re.compile(
    r"(?:Dr\.|文[:：/／]|医|者|院長|理事長|所長|センター長|文責|監修|執筆|ドクター紹介|書いた人|担当|[一-鿿][士師]|務める|教授)(?:の|は|が|:|：|・|/|\s)*$"
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
_NO_NAME = re.compile(r"[をがはへ]|[てにで]$")
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
    names = [{name for _, name in one} for one in credited]
    stays = not all(credited) and all(name in text for text in (old, new) for name in names[0] | names[1])
    if credited[0] != credited[1] and not stays:
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
        rf"|(?P<named>{surname}) ?(?P<as>医師|先生|院長)(?=[がは][^。]{{0,12}}(?:担当|診察|診療|執刀|就任|着任|退任))"
    )


def credits_of(text: str) -> tuple[tuple[str, str], ...]:
    """Return each role with the name that stands beside it.

    >>> credits_of("監修：清水 真帆　文：村上 恵")
    (('監修', '清水真帆'), ('文', '村上恵'))
    """
    plain = _SPACE.sub(" ", nfkc(text))
    found = ((match[1] or match["as"], match[2] or match["named"]) for match in _credit().finditer(plain))
    return tuple(
        (role, _TITLE.sub("", name.replace(" ", "")) or name)
        for role, name in found
        if not pattern("not_a_name").match(name)
    )


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
    if (
        _NO_NAME.search(bare)
        or pattern("not_a_name").match(bare)
        or pattern("role").fullmatch(bare)
        or pattern("qualification").search(bare)
    ):
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
