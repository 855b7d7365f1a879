"""Read from a sentence the facts behind labels of level 3: prices, titles, risks, disclosures, testimonials, claims."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from columnarchive.diff.normalization import canonical_values, nfkc_no_space
from columnarchive.observations import Kind, statements
from columnarchive.observations.lexicon import pattern
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
    r"実費|別途|含(?:ま|み)|(?:当院|クリニック|自己|自身|患者さ[まん]|患者様|ご家族)[^。、]{0,4}負担|負担(?:は|が)?(?:あり|ござい)ません"
)
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
_WARNS = re.compile(
    r"と(?:いう|いった|する|の|うたう)[^。]{0,16}(?:注意(?:が|を|し|です|。|$)|禁止|禁じ|用心|気をつけ|疑[いっわ]|誤り|誤解|違反)"
)
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


# How far from an act of an authority its object or the authority stands.
_NEAR = 30


DISCLOSED: tuple[Kind, ...] = (
    "self_pay", "unapproved", "import_source", "approved_alternative", "safety_abroad", "relief_excluded",
    "plan_number", "cost", "course",
)  # fmt: skip
"""Kinds of statement whose coming or going is a disclosure."""

_READ = frozenset((*DISCLOSED, "risks", "risk_denial", "effect_hedge", "testimonial", "before_after"))
_COUNTED = re.compile(r"[回度]$")
# A hedge that takes a claim back is no notice of a risk, unless it says that not everybody sees the effect.
_TAKEN_BACK = re.compile(
    r"^(?![^。]*(?:保証|約束)).*(?:わけ|もので|とは|こと[はが]|難し|困難|で(?:は|も)(?:あり|な)|病気は|(?<!約束)(?:でき|あり|おり|い|し)ません$|期待|見込)"
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
    hedges = stated.get("effect_hedge", ())
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
        + (() if _has("not_pictured", text) else _all("voices_announced", text)),
    )


def _is_group(words: str) -> bool:
    return pattern("excluded_group").fullmatch(words) is not None


def _disclosures(text: str, stated: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for kind in DISCLOSED:
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
    found = _PRICE.findall(text)
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
    absolute = _all("absolute", plain) + _all("unreserved", plain)
    modality = 0 if denied or _ASKS.search(own) or _WARNS.search(own) else 1 if hedges else 2
    weight = 2 * len(set(absolute)) + len(set(emphatic))
    return Claim(modality, weight, tuple(dict.fromkeys([*absolute, *emphatic, *hedges, *denied[:1]])))


@lru_cache(maxsize=2048)
def topic_of(sentence: str) -> tuple[bool, bool]:
    """Return whether a sentence is about the effect of a treatment, and whether it is about a treatment."""
    own = _own_words(sentence)
    treated, affects = _has("treatment", own), _has("effect", own)
    if (treated or affects) and (_has("not_about_effect", own) or _DEFINES.search(own)):
        return False, False
    return affects and (treated or not _has("illness_course", _EVEN_IF.sub("", own) if "も、" in own else own)), treated


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
