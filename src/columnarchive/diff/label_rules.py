"""Decide which labels an edit earns by its words, each with the words that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from operator import add

from rapidfuzz.distance import Indel, Postfix, Prefix

from columnarchive.diff.facts import (  # fmt: skip
    Facts,
    claim_of,
    credential,
    degree,
    explains,
    facts_of,
    is_flat_denial,
    is_of_other_field,
    limiters,
    lost,
    person,
    rates,
    topic_of,
)
from columnarchive.diff.normalization import canonical_values, comparison_key, differs_in_letters, nfkc_no_space
from columnarchive.diff.sentences import LONGEST, standing
from columnarchive.diff.spans import spans_between
from columnarchive.observations.lexicon import literal_pairs, pattern
from columnarchive.records import Evidence, Span

_LINK = re.compile(r"https?://[!-~]*[A-Za-z0-9/_=#-]|www\.[!-~]*[A-Za-z0-9/_=#-]")
_CONTACT = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|0\d{1,4}-\d{1,4}-\d{3,4}|0\d{9,10}|〒?\d{3}-\d{4}"
    r"|[^\s、。]{1,8}[都道府県][^\s、。]{1,10}[市区町村郡][^、。]{0,30}|(?<!\d)\d+-\d+(?:-\d+)?|@[\w_]{3,}"
)
_CONTACT_PLACE = re.compile(
    r"電話|TEL|Tel|FAX|Fax|メール|mail|住所|所在地|〒|連絡先|問い?合わ?せ|LINE|アクセス|ビル|丁目|番地"
)
_HOURS_PLACE = re.compile(
    r"診療|受付|営業|外来|休診|休業|開院時間|予約|電話|開いて|対応時間|休み|定休|午前|午後|月曜|火曜|水曜|木曜|金曜|土曜|日曜|平日|土日|祝"
)
_CLOCK = re.compile(
    r"\d{1,2}時(?:\d{1,2}分|半)?(?!間)|\d{1,2}:\d\d|[月火水木金土日]曜日?|平日|祝日|土日祝?|年中無休|休診"
)
_DATE = re.compile(
    r"(?:明治|大正|昭和|平成|令和)(?:\d+|元)年|(?:19|20)\d\d年(?:\d{1,2}月)?(?:\d{1,2}日)?|\d{1,2}月\d{1,2}日|\d{1,2}月(?!間)"
    r"|(?<!\d)\d{1,2}日(?=\([月火水木金土日]|から|まで|に|開|$)|[月火水木金土日]曜日?"
)
_VALUE = re.compile(r"[!-~！-～]+|.曜|平日|祝日|休診|年中無休|元年|[一-鿿]{1,8}[都道府県市区町村]")
# What has none of these has no value but digits and Latin signs, no time and no date: stated at one look each.
_NAMED = re.compile(r"[曜都道府県市区町村平祝休元]")
_TIMED = re.compile(r"[時:曜平祝土休]")
_DATED = re.compile(r"[\d元][年月日]|曜")
_PLAIN_VALUE = re.compile(r"[!-~！-～]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


# Forms and the plain word for each: politeness, and other ways to write or say the same.
_SAME = tuple(
    (re.compile(forms), plain)
    for forms, plain in (
        ("ございま", "ありま"), ("いたしま", "しま"), ("おりま", "いま"), ("である。", "です。"),
        ("はない。", "はありません。"), ("可能です|(?:する)?ことができます", "できます"), ("場合", "こと"),
        ("いただくできます", "いただけます"), ("るできます", "られます"), ("となり", "になり"),
        ("お受け(?:いただけ|になれ|でき)ま", "受けられま"), ("下さい", "ください"), ("患者(?:様|さん)", "患者さま"),
        ("ほぼ", "ほとんど"), ("ほど", "程度"), ("およそ", "約"), ("ドクター", "医師"), ("おそれ|恐れ", "可能性"),
        ("当クリニック", "当院"), ("おこな", "行"), ("料金", "費用"), ("全て", "すべて"),
    )
)  # fmt: skip
_ANY_FORM = re.compile("|".join(forms.pattern for forms, _ in _SAME))


# Of longer texts only the changed part, with some text around it, is judged, and of that no more than this.
_LONGEST_JUDGED = 2 * LONGEST
_AROUND = 200


def judge(old: str, new: str, spans: Sequence[Span]) -> tuple[Evidence, ...]:
    """Return the labels that an edit earns by its words, each with its evidence.

    Labels of lower levels are left out beside one of level 3: a price is a number too.
    """
    if "~~" in old or "~~" in new:  # what is struck out is shown, and states nothing any more
        old, new = standing(old), standing(new)
        if old == new:
            return (Evidence("wording"),)
        spans = spans_between(old, new)
    if max(len(old), len(new)) > _LONGEST_JUDGED:
        old, new = _changed_part(old, new)
        spans = spans_between(old, new)
    if not differs_in_letters(old, new) and comparison_key(old) == comparison_key(new):
        return (Evidence("cosmetic"),)
    found = () if old and new and _plain(old) == _plain(new) else tuple(level3_evidence(old, new, spans))
    if found or (old and new):
        return found or tuple(_level2_evidence(old, new)) or (Evidence("wording"),)
    hours = tuple(one for one in _level2_evidence(old, new) if one.label in ("hours", "contact"))
    return (Evidence("sentence_added" if new else "sentence_removed", old, new), *hours)


def _plain(sentence: str) -> str:
    """Return a sentence without differences of politeness and of ways to write and say the same."""
    text = nfkc_no_space(sentence)
    if _ANY_FORM.search(text):
        for forms, plain in _SAME:
            text = forms.sub(plain, text)
    return text


def _changed_part(old: str, new: str) -> tuple[str, str]:
    head = max(0, Prefix.similarity(old, new) - _AROUND)
    tail = min(max(0, Postfix.similarity(old, new) - _AROUND), len(old) - head, len(new) - head)
    most = head + _LONGEST_JUDGED
    return old[head : min(len(old) - tail, most)], new[head : min(len(new) - tail, most)]


def _level2_evidence(old: str, new: str) -> Iterator[Evidence]:
    """Links, ways to reach the clinic, its hours, dates and other numbers; each fact counts once."""
    value = _VALUE if _NAMED.search(old) or _NAMED.search(new) else _PLAIN_VALUE
    if value.findall(old) == value.findall(new):
        return
    before, after = nfkc_no_space(old), nfkc_no_space(new)
    yield from _differing("link", _LINK, before, after)
    before, after = _LINK.sub("", before), _LINK.sub("", after)
    both = before + after
    if _CONTACT_PLACE.search(both) or "@" in both:
        contact = tuple(_differing("contact", _CONTACT, before, after))
        yield from contact
        if contact:
            return
    before, after = canonical_values(before), canonical_values(after)
    both = before + after
    if _TIMED.search(both) and _HOURS_PLACE.search(both):
        hours = tuple(_differing("hours", _CLOCK, before, after))
        yield from hours
        if hours:
            return
    dates = tuple(_differing("date", _DATE, before, after)) if _DATED.search(both) else ()
    yield from dates
    if not dates:
        yield from _differing("number", _NUMBER, before, after)


def _differing(label: str, kind: re.Pattern[str], old: str, new: str) -> Iterator[Evidence]:
    before, after = tuple(kind.findall(old)), tuple(kind.findall(new))
    went, came = lost(before, after), lost(after, before)
    if went or came:
        yield Evidence(label, " ".join(went), " ".join(came))


_AMOUNTS = ("cost", "course", "visits")
_ENDINGS = re.compile(
    r"(?:(?:する)?こと[はもが](?:あり(?:ません|ます)|な?い)|ません|ます|です|ない|でした|ました|いません|います|おりません|おります|ている|ていない)+[。、]?$"
)
_STANCES = (("must", "must", True), ("need_not", "must", False), ("may", "may", True), ("may_not", "may", False))
_POTENTIAL = re.compile(r"(?<![らけ])[えけせてねめれげべ](?:ます|ません)。?$")
_DIGITS = re.compile(r"\d+")
_LAST_WORD = re.compile(r"([一-鿿々]+)[ぁ-ゖ]{0,5}$")
_LAST_CLAUSE = re.compile(r"[^、。]*[。]?$")
_TURNS_OTHERWISE = re.compile(r"しか|だけ|のみ|ばかり|ください|下さい|ましょう|難し|困難|にくい|[か?]。?$")
_ALIKE = 0.6
_CLINIC = re.compile(
    r"当院|クリニック|医院|病院|施設|症例|実績|技術|医師|装置|機器|設備|術式|手法|[^効確比]率(?=は|が|\d)"
)
_NOT_SO = re.compile(r"わけで(?:は|も)(?:ありません|ない)")
_ILLNESS_OR_QUESTION = re.compile(
    r"か。?$|[か。]?\?$|(?:病気|疾患|病|症|状態|原因|がん)(?:です|である|とされ|といわれ|と言われ)?[。]?$|(?:ない|難しい|困難な|にくい)(?:病気|疾患|病|症|体質)"
)
_LIMITS = re.compile(r"だけで|すべて|全て|完全|限界|万能|代わり|誰|どなた")
_VOICE = re.compile(r"声|感想|体験談|口コミ|クチコミ|レビュー|手紙|写真|画像|アンケート")
_INSERTED_CLAUSE = 8
# The weight of one absolute word.
_ABSOLUTE = 2
# A negation farther from the end belongs to another word: 歩けなかった方も歩ける.
_PREDICATE = 14
# What ends two sentences alike beyond this is a predicate that both have.
_ENDING = 4
# Nor does a leave or duty that stands farther from the end.
_STANCE_REACH = 8


# Groups of words on which a label of level 3 depends; what is treated, where and with what effect is not among them.
_DECIDING = (
    "harm", "occurs", "excluded", "excluded_group", "denial", "denial_undone", "relieved", "superlative",
    "comparison", "absolute", "unreserved", "emphatic", "hedge", "no_claim", "limited", "varies", "limiter",
    "qualification", "approval", "voices_announced", "says", "good_effect", "speaker", "unapproved",
    "self_pay", "not_paid", "insurance", "relief", "relief_denied", "abroad", "own_import", "origin",
    "plan_number", "plan_named", "sponsor", "safety_unknown", "asks_first", "before_after", "negative_ending",
    "must", "need_not", "may", "may_not", "role", "ban", "other", "research", "strong_effect", "weak_effect",
    "disease_course", "illness_course", "exists",
)  # fmt: skip
_DECIDING_SIGNS = frozenset("半同倍一二三四五六七八九十百千万億%円料税額割無有不未非可否必要ずか?!「」『』“”:~")
_PRICE_WORDS = "税込 税別 税抜 値上 値下 据え 別途 込み 抜き サービス"


@cache
def _deciding_pairs() -> frozenset[str]:
    return frozenset((*literal_pairs(_DECIDING), *(a + b for word in _PRICE_WORDS.split() for a, b in pairwise(word))))


def _differ_in_deciding_words(old: str, new: str) -> bool:
    """Return whether two sentences may differ in a word on which a label of level 3 depends.

    Most edits put one noun for another; to read both sentences for them takes ten times as long as a comparison.
    """
    before, after = nfkc_no_space(old), nfkc_no_space(new)
    if not _DECIDING_SIGNS.isdisjoint({*before} ^ {*after}) or _DIGITS.findall(before) != _DIGITS.findall(after):
        return True
    if pattern("vague_harm").search(before):  # what a list of side effects names is a harm, whatever it is
        return True
    head = max(0, Prefix.similarity(before, after) - 1)
    tail = min(max(0, Postfix.similarity(before, after) - 1), len(before) - head, len(after) - head)
    changed = (text[head : len(text) - tail] for text in (before, after))
    pairs = {pair for text in changed for pair in map(add, text, text[1:])}
    return any((pair in before) != (pair in after) for pair in _deciding_pairs() & pairs)


def level3_evidence(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    """Yield the evidence for labels of level 3, in no particular order."""
    if old and new and not _differ_in_deciding_words(old, new):
        yield from person(old, new, spans)
        return
    before, after = facts_of(old), facts_of(new)
    only = _one_sided(spans)
    is_clause = not old or not new or (only != "" and _longest_change(spans) >= _INSERTED_CLAUSE)
    turned = (
        ()
        if only or explains(old + new)
        else tuple(_polarity(spans)) or (tuple(_turned_clause(old, new)) if old and new else ())
    )
    if is_of_other_field(old + new):
        yield from (*_price(before, after, ()), *person(old, new, spans))
        return
    if (
        turned
        and abs(claim_of(new).weight - claim_of(old).weight) >= _ABSOLUTE
        and topic_of(new)[0]
        and topic_of(old)[0]
    ):
        turned = ()  # an absolute claim for a denial, or the reverse, is more than a turn
    # What is claimed or warned of inside a patient's words is part of these, and gets no label of its own.
    testimonials = () if _voices(old) & _voices(new) else tuple(_testimonial(before, after))
    disclosures = () if turned or testimonials else tuple(_disclosure(before, after, only))
    prices = tuple(_price(before, after, disclosures))
    found = [*testimonials, *disclosures, *prices]
    if not testimonials:
        others = disclosures if _NOT_SO.search(old + new) else (*turned, *disclosures)
        claims_and_risks = tuple(_claims_and_risks(old, new, only, is_clause=is_clause, others=others))
        found += claims_and_risks
        if turned and not prices and all(one.label.startswith("claim") for one in claims_and_risks):
            found += turned
    found += person(old, new, spans)
    found += credential(before, after, [*turned, *disclosures])
    yield from found


def _claims_and_risks(
    old: str, new: str, only: str, *, is_clause: bool, others: Sequence[Evidence]
) -> Iterator[Evidence]:
    before, after = facts_of(old), facts_of(new)
    if old and new and before.harms == after.harms and before.denials == after.denials and _claims(old, new):
        # That effects vary, said within a claim, hedges the claim.
        yield from _claim(old, new)
        return
    risks = tuple(_risk(before, after, is_clause))
    yield from risks
    if not (risks or others):
        yield from (_claim_of_clause(old, new, only) if is_clause else _claim(old, new))


def _claims(old: str, new: str) -> bool:
    """Return whether both texts assert the effect of a treatment."""
    return all(topic_of(text)[0] and claim_of(text).modality for text in (old, new))


def _voices(text: str) -> set[str]:
    """Return the nouns for patients' voices and pictures: where one stays, it is told of in other words."""
    wide = nfkc_no_space(text)
    return set() if pattern("not_pictured").search(wide) else set(_VOICE.findall(wide))


def _testimonial(before: Facts, after: Facts) -> Iterator[Evidence]:
    if after.testimonials and not before.testimonials:
        yield Evidence("testimonial_added", "", after.testimonials[0])
    elif before.testimonials and not after.testimonials:
        yield Evidence("testimonial_removed", before.testimonials[0], "")


def _disclosure(before: Facts, after: Facts, only: str) -> Iterator[Evidence]:
    """What is now stated, or no more. A cost or a course put for another is a price or a number, not a disclosure."""
    for label, one, other, impossible in (
        ("disclosure_added", after, before, "delete"),
        ("disclosure_removed", before, after, "insert"),
    ):
        if only == impossible:
            continue
        stated = {kind for kind, _ in other.disclosures}
        if other.prices:
            stated.add("cost")
        new_words = [words for kind, words in one.disclosures if kind not in stated and (only or kind not in _AMOUNTS)]
        if new_words:
            words = " / ".join(new_words)
            yield Evidence(label, *(("", words) if label == "disclosure_added" else (words, "")))


def _risk(before: Facts, after: Facts, is_clause: bool) -> Iterator[Evidence]:
    """Yield risks and their denials that came or went.

    `is_clause` says that a sentence or clause came or went, rather than one put for another.
    """
    came, went = lost(after.harms, before.harms), lost(before.harms, after.harms)
    old_notices, new_notices = before.notices, after.notices
    if is_clause:
        old_notices += before.excluded + before.limits
        new_notices += after.excluded + after.limits
    if len(new_notices) > len(old_notices):
        came += new_notices
    elif len(old_notices) > len(new_notices):
        went += old_notices
    if before.groups and after.groups:
        came += lost(after.groups, before.groups)
        went += lost(before.groups, after.groups)
    if len(came) > len(went):
        yield Evidence("risk_added", "", " ".join(came))
    elif len(went) > len(came):
        yield Evidence("risk_removed", " ".join(went), "")
    weights = [sum(1 + is_flat_denial(words) for words in facts.denials) for facts in (before, after)]
    if weights[1] > weights[0]:
        yield Evidence("risk_denial_added", "", " ".join(after.denials))
    elif weights[0] > weights[1]:
        yield Evidence("risk_denial_removed", " ".join(before.denials), "")


def _claim(old: str, new: str) -> Iterator[Evidence]:
    """Yield whether a claim was softened or strengthened, if both texts make one on effect or treatment."""
    (old_effect, old_treats), (new_effect, new_treats) = topic_of(old), topic_of(new)
    is_treatment = old_treats and new_treats
    is_effect = (old_effect and new_effect) or (is_treatment and (old_effect or new_effect))
    if not (is_effect or is_treatment or all(_CLINIC.search(text) for text in (old, new))):
        return
    before, after = claim_of(old), claim_of(new)
    if before.modality == after.modality == 0:
        return
    certainty = after.modality - before.modality
    ranks = _superlatives(new) - _superlatives(old)
    step = certainty or after.weight - before.weight or _rate_step(old, new) or ranks
    step = step or limiters(old) - limiters(new) or _degree_step(old, new)
    # Without an effect, a hedge alone says nothing of how a treatment works.
    is_marked = _varies(old) != _varies(new) if certainty and after.weight == before.weight else certainty != 0
    is_marked = is_marked or (abs(after.weight - before.weight) >= _ABSOLUTE and _assert_effects(old, new))
    if step and (is_effect or ranks or (is_treatment and is_marked)):
        yield Evidence("claim_strengthened" if step > 0 else "claim_softened", *_words(old, new))


def _assert_effects(*texts: str) -> bool:
    wide = [nfkc_no_space(text) for text in texts]
    return all(pattern("effect_or_safety").search(text) and not pattern("not_absolute").search(text) for text in wide)


def _varies(text: str) -> bool:
    """Return whether a text says that what comes of a treatment differs."""
    return pattern("varies").search(nfkc_no_space(text)) is not None


def _degree_step(old: str, new: str) -> int:
    before, after = degree(old), degree(new)
    return after - before if before and after else 0


def _superlatives(text: str) -> int:
    """Return how many words rank a treatment or a clinic above others."""
    wide = nfkc_no_space(text)
    return sum(len(pattern(group).findall(wide)) for group in ("superlative", "comparison"))


def _claim_of_clause(old: str, new: str, only: str) -> Iterator[Evidence]:
    """Yield the claim of a sentence or clause that came or went, if it is an absolute one or takes one back."""
    before, after = claim_of(old), claim_of(new)
    text, side = (new, after) if only == "insert" else (old, before)
    is_effect, is_treatment = topic_of(text)
    if side.modality == 0:
        about = is_effect or (is_treatment and _LIMITS.search(text) is not None)
        if about and before.modality != after.modality and _takes_back(text):
            yield Evidence("claim_softened" if only == "insert" else "claim_strengthened", *_words(old, new))
        return
    grew = after.weight - before.weight
    ranks = _superlatives(new) - _superlatives(old)
    ranked = is_treatment or is_effect or _CLINIC.search(text) is not None
    if side.modality == 2 and ((abs(grew) >= _ABSOLUTE and is_effect) or (ranks and ranked)):
        yield Evidence("claim_strengthened" if (grew or ranks) > 0 else "claim_softened", *_words(old, new))


def _takes_back(text: str) -> bool:
    """Return whether a sentence denies an effect, rather than asks for it or tells of an illness."""
    wide = nfkc_no_space(text)
    return pattern("no_claim").search(wide) is not None and not _ILLNESS_OR_QUESTION.search(wide) and "返金" not in wide


def _words(old: str, new: str) -> tuple[str, str]:
    return (
        " ".join(claim_of(old).words) if old else "",
        " ".join(claim_of(new).words) if new else "",
    )


def _rate_step(old: str, new: str) -> float:
    before, after = rates(old), rates(new)
    return sum(after[unit] - before[unit] for unit in before if unit in after)


def _polarity(spans: Sequence[Span]) -> Iterator[Evidence]:
    """Yield predicates turned round: a leave, a duty or a statement that is negated on one side only."""
    for out, put in pairwise(spans):
        if (out.op, put.op) != ("delete", "insert"):
            continue
        old, new = nfkc_no_space(out.text), nfkc_no_space(put.text)
        if "しか" in old + new:
            continue
        if pattern("no_claim_phrase").search(_NOT_SO.sub("", old + new)) or _DIGITS.findall(old) != _DIGITS.findall(
            new
        ):
            continue
        if _is_turned(old, new):
            yield Evidence("polarity", out.text, put.text)


def _turned_clause(old: str, new: str) -> Iterator[Evidence]:
    """Yield the last clauses of two sentences that differ in little else than that one is negated."""
    one, other = (nfkc_no_space(_LAST_CLAUSE.search(text)[0]) for text in (old, new))  # type: ignore[index]
    if one == other or _TURNS_OTHERWISE.search(one + other):
        return
    shared = Postfix.similarity(one, other)  # a negation within what is said of a noun: 治らない病気です
    if shared > _ENDING:
        one, other = one[:-shared], other[:-shared]
    if pattern("no_claim_phrase").search(_NOT_SO.sub("", one + other)) or _DIGITS.findall(one) != _DIGITS.findall(
        other
    ):
        return
    if Indel.normalized_similarity(one, other) >= _ALIKE and _is_turned(one, other):
        yield Evidence("polarity", one, other)


def _is_turned(old: str, new: str) -> bool:
    old, new = (_NOT_SO.sub("ません", text) for text in (old, new))
    stances = _stance(old), _stance(new)
    if all(map(_POTENTIAL.search, (old, new))) and not _same_stem(old, new):
        return False  # two verbs, not one that is negated: 保たれます and 崩れません
    if stances[0] and stances[1]:
        (kind, holds), (other_kind, other_holds) = stances[0], stances[1]
        return kind == other_kind and holds != other_holds
    if _same_stem(old[-_PREDICATE:], new[-_PREDICATE:]):
        return _negations(_LAST_CLAUSE.search(old)[0]) % 2 != _negations(_LAST_CLAUSE.search(new)[0]) % 2  # type: ignore[index]
    return False


def _stance(text: str) -> tuple[str, bool] | None:
    """Return whether the last predicate of a text sets a duty or gives leave, and whether it does or does not."""
    last = ("", True, -1)
    for group, kind, holds in _STANCES:
        for found in pattern(group).finditer(text):
            if found.end() >= last[2]:
                last = (kind, holds, found.end())
    if last[2] < len(text) - _STANCE_REACH:
        return None
    kind, holds, _ = last
    return (kind, holds) if kind else None


def _negations(text: str) -> int:
    return len(pattern("negative_ending").findall(pattern("negation_idiom").sub("", text)))


def _same_stem(old: str, new: str) -> bool:
    """Return whether two predicates are one word but for their endings: 使えます and 使えません."""
    one, other = (_ENDINGS.sub("", text) for text in (old, new))
    if one == other:
        return True
    words = [_LAST_WORD.search(text) for text in (one, other)]
    if all(words):
        return len({word[1][-1] for word in words if word}) == 1
    return bool(one and other) and one[-2:] == other[-2:]


def _price(before: Facts, after: Facts, disclosures: Sequence[Evidence]) -> Iterator[Evidence]:
    went, came = lost(before.prices, after.prices), lost(after.prices, before.prices)
    if not (went or came):
        return
    if disclosures and not (before.prices and after.prices):
        return  # the cost itself was disclosed, or is no more
    if all(word in ("無料", "有料", "無償") for word in (*went, *came)) and not (went and came):
        return
    yield Evidence("price", " ".join(went), " ".join(came))


def _one_sided(spans: Sequence[Span]) -> str:
    """Return the operation if text was only inserted or only deleted, otherwise an empty string."""
    ops = {span.op for span in spans} - {"equal"}
    return ops.pop() if len(ops) == 1 else ""


def _longest_change(spans: Sequence[Span]) -> int:
    return max(len(span.text) for span in spans if span.op != "equal")
