"""Read from a sentence the facts behind labels of level 3: prices, titles, risks, disclosures, testimonials, claims."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from columnarchive.diff.lexicon import members, pattern
from columnarchive.diff.normalization import canonical_values, nfkc_no_space

_PRICE = re.compile(
    r"値[上下]げ|据え置|(?<!\d)\d+(?:\.\d+)?(?:円(?!玉|硬貨|形|札|周|盤|滑)|ドル|ユーロ|元(?!気|の|に|通|ど))|無料|有料(?!老人|道路|職業)|無償|半額|税[込別抜引]|(?<!\d)\d+(?:%|割|パーセント)(?:OFF|オフ|引き?|割引|還元)"
    r"|(?:送料|税|手数料|診察料|初診料|再診料|麻酔[料代]|薬代|検査[料代]|材料費)(?:等|など)?(?:は|も|が)?"
    r"(?:込み?|別途|別(?=[)、。・]|$|です|と|で)|抜き?|無料|サービス)"
)
# No price is without one of these; what has none need not be brought into one form. Here and below, alternatives that
# begin with a sign of their own, not a class, are found some five times as fast.
_PAID = re.compile(r"円|値|据|元|込|別|¥|\\|%|割|ドル|ユーロ|パーセント|無料|有料|無償|半額|税[込別抜引]")
_SHARE = re.compile(r"(?<!\d)\d+(?:\.\d+)?(?:%|割)")
_PRICED = re.compile(r"料(?!理)|割引|値引|オフ|OFF|[^自]費|金利|価格|手数料|代金|値引|ローン")
_DEFINES = re.compile(
    r"とは、?[^。]{0,160}(?:いいます|言います|指し|呼び|呼ば|意味し|(?:こと|もの|状態|病気|治療|医療|細胞|物質|方法)(?:です|をい|を指|である))"
)
_QUOTED = re.compile(r"[「『“][^「」『』“”]{1,24}[」』”](?=と|という|の(?:よう|文字|言葉|表現))")
_RATE = re.compile(r"(?<!\d)(\d+(?:\.\d+)?)(割|%|倍|年|か月|ヶ月|週間|日|人|名|例)")
_NEVER_DENIES = re.compile(r"欠かせ(?:ない|ません)|少なく(?:ない|ありません)|だけで(?:は|も)?なく")
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
_MASKED = re.compile(
    r"効果[^。、]{0,10}ない(?:場合|とき|際)(?:は|に|には)[^。]{0,20}(?:返金|返却|相談|連絡|受診|変更|中止|追加|検討)|諸外国における安全性(?:等)?(?:に係る|に関する|の)?情報|(?:医薬品)?副作用被害救済(?:制度)?|(?:副作用|健康被害|被害)[^。]{0,24}救済"
)
_IN_ITS_COURSE = re.compile(r"後|際|のあと|一時的|まれに|稀に")
_LISTED = re.compile(r"(?:副作用|副反応|有害事象|合併症|リスク|デメリット)(?:として|に)?(?:は|には|[:])[^。]*$")
# Illnesses and their traces are harms where a treatment brings them about, and not where it takes them away.
_AILMENT = re.compile(r"後遺症|麻痺|色素沈着|不整脈|感染症|アレルギー|神経(?:障害|損傷)|[肝腎]障害|失明|瘢痕|拒絶反応")
_COMPLAINS = re.compile(r"[^。、]{0,8}(?:方|人|かた|患者さ[んま])(?:は|へ|に(?!よ)|の)")
_SELDOM = re.compile(r"(?:まれ|稀)に[^。]{2,30}(?:こと|場合|方)(?:が|も)(?:あ|ござ|い)")
_MAY_OCCUR = re.compile(r"(?:など|等)?(?:が|を|の|は)?[^。、]{0,8}(?:こと|場合|おそれ|恐れ|可能性)(?:が|も)(?:あ|ござ)")
_REMAINS = re.compile(
    r"[^。]{0,40}(?:残[るりっ]|続[くきい]|長引|悪化|ぶり返)[^。、]{0,4}(?:場合|こと|方|人|おそれ|恐れ|ケース)"
)
_HARM_LIST = re.compile(
    r"(?:副作用|副反応|有害事象|合併症|リスク|デメリット|注意点)(?:等|など|・[^:。]{1,8})?(?:は|として|には)?[:]([^。]{1,200})"
)
# Symptoms with which people should see a doctor are no risks of a treatment.
_SUCH_AS = re.compile(
    r"([^。]{2,80}?)(?:といった|などの|などといった)(?:症状|合併症|副作用|副反応|変化|トラブル)(?:が|も|を|は)"
)
_REFERS = re.compile(r"(?:場合|とき|時|方)は[^。後]{0,30}(?:医療機関|受診|病院|救急|[内外]科(?:など)?[へに])")
_SERVICE = re.compile(r"料金|説明|丁寧|予約|スタッフ|相談|案内|お越し|通訳|サポート")
_OF_TREATMENT = re.compile(r"副作用|副反応|合併症|リスク|安全|痛み|装置|機器|術|院|薬|接種|検査")
_LIST_HEAD = re.compile(
    r"^((?:主な|おもな|考えられる)?(?:副作用|副反応|合併症|リスク|デメリット)(?:[・/／][^\s]{1,8})?)\s+"
)
_LIST_ITEM = re.compile(r"[^、,・/]{2,30}")
_AMONG = re.compile(r"[、,・/]|や(?!け|せ|わ|に)")
_PENDING = re.compile(r"[^。、]{0,6}(?:申請|出願|審査|準備|予定|待ち|検討|見込)")
_NONE_LISTED = re.compile(r"(?:特に|ほぼ|ほとんど)?(?:な[しい]|無し|ゼロ|[あご](?:り|ざい)ません)")
_WEAK_DENIAL = re.compile(r"少な|ほとんど|ほぼ|にく[いく]|低[いく]|軽|抑え|最小|まず")
_OTHER_INSURANCE = re.compile(
    r"(?:雇用|生命|損害|自動車|火災|旅行|学資|介護|年金|失業|傷害|がん|民間(?:医療)?の?)保険[^。、]{0,20}"
)
_RECOVERS = re.compile(
    r"^(?:など|等)?(?:の|が|も|を|に)[^。、]{0,6}(?:改善|緩和|和ら|やわら|治[りるすしまっ療]|回復|悩|お困り|苦し)"
)
_AND = re.compile(r"(?:など|等)?(?:や|、|・|と|および|及び|または|も|,|の|な)")
_FEELS_NO_HARM = re.compile(r"(?:の|が|は)?(?:出|起き)?な[くい][^。]{0,4}(?:歩|動|過ご|生活|眠|暮ら|範囲|程度)")


_OF_ILLNESS = re.compile(
    r"[^。、]{0,14}(?:病|症(?!状)|炎|がん|癌|腫|瘤|梗塞|卒中|骨折|症候群|不全|むし歯|虫歯|結石|中毒|喘息|ぜんそく|かぜ|風邪|インフルエンザ|捻挫|ヘルニア|疱疹|ウイルス)"
    r"(?:では|には|になると|にかかると|が(?:進|悪化|ひど|続|広)[^。、]{0,6}と|の(?:主な|代表的な)?(?:合併症|症状|後遺症|サイン|初期)[^。、]{0,6}(?:は|には|として|で))"
)
"""A subject that is an illness: what it brings is no risk of a treatment."""
_GROUP = re.compile(r"[^、。・や]{1,30}?(?:方|人|患者さ[んま]|お子さ[んま])(?=[、・やはに]|また|および)")
_EXCLUDES = re.compile(
    r"(?:方|人|患者さ[んま]|お子さ[んま])[^。]{0,30}(?:遠慮|お断り|対象外|控え|禁忌|適応外|慎重|(?:受けられ|受けいただけ|受けになれ|使え|使用でき|行え|でき)(?:ま)?(?:せん|ない))"
)
_UNFIT = re.compile(
    r"妊娠|授乳|病|症|薬|アレルギ|治療|手術|ペースメーカー|金属|体質|既往|中の|未満|歳|がん|炎|障害|高血圧|糖尿|血|心臓|腎|肝|感染|発熱|てんかん|ケロイド"
)
"""People named one after another, as in a list of who is not treated."""


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
    notices: tuple[str, ...] = ()
    notices_by_denial: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    contraindications: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    disclosures: tuple[tuple[str, str], ...] = ()
    testimonials: tuple[str, ...] = ()


# How far from a harm words may stand that say how it happens.
_REACH = 120
# How far from an act of an authority its object or the authority stands.
_NEAR = 30
_MODAL = ("absolute", "emphatic", "hedge", "no_claim")


@lru_cache(maxsize=2048)
def facts_of(sentence: str) -> Facts:
    """Return the facts that a sentence states, in any width."""
    text = nfkc_no_space(_LIST_HEAD.sub(r"\1:", sentence))
    unmasked = _MASKED.sub("", text) if "救済" in text or "諸外国" in text or "効果" in text else text
    harms, denials = _harms(unmasked)
    groups = tuple(_GROUP.findall(text)) if _EXCLUDES.search(text) and is_medical(text) else ()
    return Facts(
        prices=_prices(canonical_values(sentence)) if _PAID.search(text) else (),
        qualifications=_all("qualification", text),
        approvals=_approvals(text),
        harms=harms,
        notices=_all("risk_notice", unmasked),
        notices_by_denial=_all("risk_notice_by_denial", text),
        denials=denials,
        contraindications=_all("contraindication", text),
        groups=groups,
        unfit=tuple(filter(_UNFIT.search, groups)),
        disclosures=_disclosures(text),
        testimonials=_all("testimonial", text),
    )


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
    if pattern("other_payment").search(text):
        return ()
    found = _PRICE.findall(text)
    return tuple(found + _SHARE.findall(text) if _PRICED.search(text) else found)


def lost(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of `old` that `new` lacks, each as often as it is missing."""
    if not old or old == new:
        return ()
    if not new:
        return old
    return tuple((Counter(old) - Counter(new)).elements())


@lru_cache(maxsize=1)
def _any_harm() -> re.Pattern[str]:
    return re.compile(f"{pattern('harm').pattern}|{pattern('harm_by_context').pattern}")


def _harm_chains(text: str) -> list[tuple[int, int]]:
    """Return the positions of harms, those named together as one: 痛みや腫れ."""
    chains: list[tuple[int, int]] = []
    for found in _any_harm().finditer(text):
        start, end = found.span()
        if chains and _AND.fullmatch(text, chains[-1][1], start):
            start = chains.pop()[0]
        chains.append((start, end))
    return chains


def _harms(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the harms stated, and those denied."""
    listed = _HARM_LIST.search(text) if ":" in text else None
    if listed:
        if _NONE_LISTED.match(listed[1]):
            return (), (listed[0],)
        return tuple(_LIST_ITEM.findall(listed[1])), _denials(text)
    if (such := _SUCH_AS.search(text)) and (_has("treatment", text) or _IN_ITS_COURSE.search(text)):
        return tuple(_AMONG.split(such[1].rpartition("は")[2])), _denials(text)
    chains, verbs = _harm_chains(text), pattern("harm_verb").findall(text)
    if not (chains or verbs or "まれに" in text or "稀に" in text):
        return (), _denials(text)
    if _ASKS.search(text) or _REFERS.search(text):
        return (), ()
    harms: list[str] = []
    denials: list[str] = []
    by_treatment = _has("treatment", text) or _IN_ITS_COURSE.search(text) is not None
    is_illness = not by_treatment and (_has("illness_course", text) or _OF_ILLNESS.match(text) is not None)
    for start, end in chains:
        strong = pattern("harm").findall(text, start, end)
        if _is_treated(text, end, strong) or (not by_treatment and _COMPLAINS.match(text, end)):
            continue
        denial = pattern("none_of_it").match(text, end)
        if denial and not _feels_no_harm(text, end, strong):
            if _holds(text, denial.end()):
                denials.append(text[start : denial.end()])
            elif strong:
                harms += strong
        elif not is_illness and (
            pattern("occurs").search(text, end, end + _REACH) or _LISTED.search(text, max(0, start - _REACH), start)
        ):
            weak = pattern("harm_by_context").findall(text, start, end)
            harms += strong
            # Two symptoms in a row are a list of what may happen; one alone may be what is treated.
            may_occur = any(one.match(text, end) for one in (_MAY_OCCUR, _REMAINS))
            harms += weak if by_treatment or strong or harms or len(weak) > 1 or may_occur else []
    if by_treatment and not is_illness and not harms:
        # A verb of harm says itself that it happens, and what a treatment seldom does is a risk whatever it is.
        harms += verbs or (_SELDOM.findall(text) if _has("treatment", text) else [])
    return tuple(harms), (*denials, *_denials(text))


def _is_treated(text: str, end: int, strong: list[str]) -> bool:
    """Return whether the harm that ends at `end` is what a treatment takes away, and does not remain."""
    rest = text[end : end + 16]
    if not strong and pattern("treated").search(rest) and not _REMAINS.match(text, end):
        return True
    if strong and _RECOVERS.match(rest) and all(map(_AILMENT.fullmatch, strong)):
        return True
    return pattern("held_down").search(rest) is not None


def _denials(text: str) -> tuple[str, ...]:
    found = [words for words in pattern("risk_denial").finditer(text) if _holds(text, words.end())]
    if not found or _ASKS.search(text):
        return ()
    about_service = _SERVICE.search(text) is not None
    return tuple([words[0] for words in found if not (about_service and "安心" in words[0])])


def _feels_no_harm(text: str, at: int, strong: list[str]) -> bool:
    """Return whether a denied symptom is an effect rather than a denial of harm: 痛みなく歩ける."""
    return not strong and _FEELS_NO_HARM.match(text, at) is not None


def _holds(text: str, end: int) -> bool:
    """Return whether what follows a denial does not take it back, as in 安全とは言えません."""
    rest = text[end : end + 16]
    found = re.match(r"[^。、]{0,12}", rest)
    return pattern("not_denied").search(found[0] if found else "") is None


def _disclosures(text: str) -> tuple[tuple[str, str], ...]:
    if "保険" in text:
        text = _OTHER_INSURANCE.sub("", text)
    searched = [(kind, pattern(f"disclosure.{kind}").search(text)) for kind in members("disclosure")]
    found = [(kind, words[0]) for kind, words in searched if words]
    if not (_has("approval_context", text) or _has("treatment", text)):
        found = [(kind, words) for kind, words in found if kind not in ("unapproved", "source")]
    return tuple(found)


@lru_cache(maxsize=2048)
def claim_of(sentence: str) -> Claim:
    """Return the certainty with which a sentence asserts, leaving out quotations."""
    own = _own_words(sentence)
    plain = _NEVER_DENIES.sub("", own)
    absolute, emphatic, hedges, denied = (_all(group, plain) for group in _MODAL)
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
    return affects and (treated or not _has("illness_course", own)), treated


def _own_words(sentence: str) -> str:
    """Return the normalized sentence without quotations."""
    text = nfkc_no_space(sentence)
    return _QUOTED.sub("", text) if "」" in text or "』" in text or "”" in text else text


def _has(group: str, text: str) -> bool:
    return pattern(group).search(text) is not None


def is_statement(sentence: str) -> bool:
    """Return whether a sentence states something about other than the service: no question."""
    text = nfkc_no_space(sentence)
    return bool(text) and not (_ASKS.search(text) or _SERVICE.search(text))


def is_medical(sentence: str) -> bool:
    """Return whether a sentence speaks of a treatment, its course or its approval."""
    text = nfkc_no_space(sentence)
    return (
        _IN_ITS_COURSE.search(text) is not None
        or _OF_TREATMENT.search(text) is not None
        or _has("treatment", text)
        or _has("approval_context", text)
    )


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
