"""What a sentence states that a reader of clinics' columns watches for: prices, titles, risks, disclosures, claims."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from columnarchive.diff.lexicon import members, pattern
from columnarchive.diff.normalization import canonical_values, nfkc_no_space

_PRICE = re.compile(
    r"(?<!\d)\d+(?:\.\d+)?(?:円|ドル|ユーロ|元)|無料|有料|無償|半額|税[込別抜引]|(?<!\d)\d+(?:%|割|パーセント)(?:OFF|オフ|引き?|割引|還元)"
)
# No price is without one of these; what has none need not be brought into one form. Here and below, alternatives that
# begin with a sign of their own, not a class, are found some five times as fast.
_PAID = re.compile(r"円|元|¥|\\|%|割|ドル|ユーロ|パーセント|無料|有料|無償|半額|税[込別抜引]")
_SHARE = re.compile(r"(?<!\d)\d+(?:\.\d+)?(?:%|割)")
_PRICED = re.compile(r"料(?!理)|割引|値引|オフ|OFF|[^自]費|金利|価格|手数料|代金|値引|ローン")
_DEFINES = re.compile(
    r"とは、?[^。]{0,160}(?:いいます|言います|指し|呼び|呼ば|意味し|(?:こと|もの|状態|病気|治療|医療|細胞|物質|方法)(?:です|をい|を指|である))"
)
_QUOTED = re.compile(r"[「『“][^「」『』“”]{1,24}[」』”](?=と|という|の(?:よう|文字|言葉|表現))")
_RATE = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)(割|%|倍|年|か月|ヶ月|週間|日|人|名|例)")
_DIGIT = re.compile(r"\d|半年")
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
_OWN_RATE = re.compile(r"効果|改善率|有効率|成功率|満足|持続|当院")
_MASKED = re.compile(
    r"諸外国における安全性(?:等)?(?:に係る|に関する|の)?情報|(?:医薬品)?副作用被害救済(?:制度)?|(?:副作用|健康被害|被害)[^。]{0,24}救済"
)
_IN_ITS_COURSE = re.compile(r"後|際|のあと|一時的|まれに|稀に")
_LISTED = re.compile(r"(?:副作用|副反応|有害事象|合併症|リスク|デメリット)(?:として|に)?(?:は|には|[:])[^。]*$")
# Illnesses and their traces are harms where a treatment brings them about, and not where it takes them away.
_AILMENT = re.compile(r"後遺症|麻痺|色素沈着|不整脈|感染症|アレルギー|神経(?:障害|損傷)|[肝腎]障害|失明|瘢痕|拒絶反応")
_RECOVERS = re.compile(
    r"^(?:など|等)?(?:の|が|も|を|に)[^。、]{0,6}(?:改善|緩和|和ら|やわら|治[りるすしまっ療]|回復|悩|お困り|苦し)"
)
_AND = re.compile(r"(?:など|等)?(?:や|、|・|と|および|及び|または|も|,|の|な)")
_FEELS_NO_HARM = re.compile(r"(?:の|が|は)?(?:出|起き)?な[くい][^。]{0,4}(?:歩|動|過ご|生活|眠|暮ら|範囲|程度)")


@dataclass(frozen=True, slots=True)
class Claim:
    """How a sentence says what it says: 0 none or denied, 1 hedged, 2 plain; `weight` of its absolute words."""

    modality: int
    weight: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What one side of an edit states but for claims, each as the words that state it."""

    prices: tuple[str, ...] = ()
    qualifications: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    harms: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    notices_by_denial: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    disclosures: tuple[tuple[str, str], ...] = ()
    testimonials: tuple[str, ...] = ()


_NOTHING = Facts()
# How far from a harm words may stand that say how it happens.
_REACH = 120
_MODAL = ("absolute", "emphatic", "hedge", "no_claim")
_PLAIN = Claim(2, 0, ())


@lru_cache(maxsize=2048)
def facts_of(sentence: str) -> Facts:
    """The facts of a sentence in any width; a sentence without any gives empty ones."""
    text = nfkc_no_space(sentence)
    unmasked = _MASKED.sub("", text) if "救済" in text or "諸外国" in text else text
    harms, denials = _harms(unmasked)
    return Facts(
        prices=_prices(canonical_values(sentence)) if _PAID.search(text) else (),
        qualifications=_all("qualification", text),
        approvals=_all("approval", text),
        harms=harms,
        notices=_all("risk_notice", unmasked),
        notices_by_denial=_all("risk_notice_by_denial", text),
        denials=denials,
        disclosures=_disclosures(text),
        testimonials=_all("testimonial", text),
    )


def _all(group: str, text: str) -> tuple[str, ...]:
    return tuple([found[0] for found in pattern(group).finditer(text)])


def _prices(text: str) -> tuple[str, ...]:
    """Amounts and tax, and shares where something is paid: 治療費の30%."""
    found = _PRICE.findall(text)
    return tuple(found + _SHARE.findall(text) if _PRICED.search(text) else found)


def lost(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """The words of `old` that `new` has not, as often as they are missing."""
    if not old or old == new:
        return ()
    if not new:
        return old
    return tuple((Counter(old) - Counter(new)).elements())


@lru_cache(maxsize=1)
def _any_harm() -> re.Pattern[str]:
    return re.compile(f"{pattern('harm').pattern}|{pattern('harm_by_context').pattern}")


def _harm_chains(text: str) -> list[tuple[int, int]]:
    """Where harms stand that are named together: 痛みや腫れ is one."""
    chains: list[tuple[int, int]] = []
    for found in _any_harm().finditer(text):
        start, end = found.span()
        if chains and _AND.fullmatch(text, chains[-1][1], start):
            start = chains.pop()[0]
        chains.append((start, end))
    return chains


def _harms(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The harms stated, and those said not to be."""
    harms: list[str] = []
    denials: list[str] = []
    chains = _harm_chains(text)
    if not chains:
        return (), _denials(text)
    by_treatment = _has("treatment", text) or _IN_ITS_COURSE.search(text) is not None
    is_illness = not by_treatment and _has("illness_course", text)
    for start, end in chains:
        chain, rest = text[start:end], text[end : end + 16]
        strong = pattern("harm").findall(chain)
        if not strong and pattern("treated").search(rest):
            continue
        if strong and _RECOVERS.match(rest) and all(map(_AILMENT.fullmatch, strong)):
            continue
        if pattern("kept_small").search(rest):
            continue
        denial = pattern("none_of_it").match(text, end)
        if denial and not _feels_no_harm(text, end, strong):
            if _stands(text, denial.end()):
                denials.append(chain + denial[0])
            elif strong:
                harms += strong
        elif not is_illness and (
            pattern("occurs").search(text, end, end + _REACH) or _LISTED.search(text, max(0, start - _REACH), start)
        ):
            weak = pattern("harm_by_context").findall(chain)
            harms += strong
            # Two symptoms in a row are a list of what may happen; one alone may be what is treated.
            harms += weak if by_treatment or strong or harms or len(weak) > 1 else []
    return tuple(harms), (*denials, *_denials(text))


def _denials(text: str) -> tuple[str, ...]:
    found = pattern("risk_denial").finditer(text)
    return tuple([words[0] for words in found if _stands(text, words.end())])


def _feels_no_harm(text: str, at: int, strong: list[str]) -> bool:
    """A symptom gone is an effect, no denial of harm: 痛みなく歩ける."""
    return not strong and _FEELS_NO_HARM.match(text, at) is not None


def _stands(text: str, end: int) -> bool:
    """Whether a denial is not itself turned round by what follows: 安全とは言えません."""
    rest = text[end : end + 16]
    found = re.match(r"[^。、]{0,12}", rest)
    return pattern("not_denied").search(found[0] if found else "") is None


def _disclosures(text: str) -> tuple[tuple[str, str], ...]:
    searched = [(kind, pattern(f"disclosure.{kind}").search(text)) for kind in members("disclosure")]
    return tuple([(kind, words[0]) for kind, words in searched if words])


@lru_cache(maxsize=2048)
def claim_of(sentence: str) -> Claim:
    """With what certainty a sentence says what it says, but for what it quotes from others."""
    said = _own_words(sentence)
    absolute, emphatic, hedges, denied = (_all(group, said) for group in _MODAL)
    if not (absolute or emphatic or hedges or denied):
        return _PLAIN
    modality = 0 if denied else 1 if hedges else 2
    weight = 2 * len(set(absolute)) + len(set(emphatic))
    return Claim(modality, weight, tuple(dict.fromkeys([*absolute, *emphatic, *hedges, *denied[:1]])))


@lru_cache(maxsize=2048)
def topic_of(sentence: str) -> tuple[bool, bool]:
    """Whether a sentence is about the effect of a treatment, and whether about a treatment at all."""
    said = _own_words(sentence)
    treated, affects = _has("treatment", said), _has("effect", said)
    if (treated or affects) and (_has("not_about_effect", said) or _DEFINES.search(said)):
        return False, False
    return affects and (treated or not _has("illness_course", said)), treated


def _own_words(sentence: str) -> str:
    """The sentence in one width, without what it quotes from others."""
    text = nfkc_no_space(sentence)
    return _QUOTED.sub("", text) if "」" in text or "』" in text or "”" in text else text


def _has(group: str, text: str) -> bool:
    return pattern(group).search(text) is not None


def rates(sentence: str) -> dict[str, float]:
    """Numbers that tell how far or how long a treatment works, by their unit; none when it is not about that."""
    if not _DIGIT.search(sentence):
        return {}
    if not _RATED.search(nfkc_no_space(sentence)):
        return {}
    text = canonical_values(sentence.replace("半年", "0.5年"))
    if not (_OWN_RATE.search(text) or pattern("treatment").search(text)):
        return {}
    found: dict[str, float] = {}
    for number, unit in _RATE.findall(text):
        name, size = _LASTS.get(unit, (unit, 1))
        found[name] = float(number) * size
    return found
