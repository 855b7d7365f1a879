"""Decide which labels an edit earns by its words, each with the words that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rapidfuzz.distance import Postfix, Prefix

from columnarchive.diff.facts import Facts, claim_of, facts_of, lost, rates, topic_of
from columnarchive.diff.lexicon import pattern
from columnarchive.diff.normalization import canonical_values, comparison_key, differs_in_letters, nfkc_no_space
from columnarchive.diff.person_labels import credential, person
from columnarchive.diff.sentences import LONGEST
from columnarchive.diff.spans import spans_between
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
# What has none of these has no value but digits and Latin signs, no time and no date: told at one look each.
_NAMED = re.compile(r"[曜都道府県市区町村平祝休元]")
_TIMED = re.compile(r"[時:曜平祝土休]")
_DATED = re.compile(r"[\d元][年月日]|曜")
_PLAIN_VALUE = re.compile(r"[!-~！-～]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


# Of longer texts only the changed part, with some text around it, is judged, and of that no more than this.
_LONGEST_JUDGED = 2 * LONGEST
_AROUND = 200


def judge(old: str, new: str, spans: Sequence[Span]) -> tuple[Evidence, ...]:
    """The labels an edit earns by its words, each with its evidence.

    Where one of level 3 stands, the lesser ones that only say the same again (a price is a number too) are left out.
    """
    if max(len(old), len(new)) > _LONGEST_JUDGED:
        old, new = _changed_part(old, new)
        spans = spans_between(old, new)
    if not differs_in_letters(old, new) and comparison_key(old) == comparison_key(new):
        return (Evidence("cosmetic"),)
    found = tuple(level3_evidence(old, new, spans)) or tuple(_level2_evidence(old, new))
    return found or (Evidence("wording"),)


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


_CLAUSES = re.compile(r"(?<=[、。])")
_AMOUNTS = ("cost", "course")
_PERMITS = re.compile(
    r"可能|でき|出来|られ|対応|可|OK|必要|対象|適[用応]|受け付|実施|推奨|勧め|すすめ|構い|かまい|問題|大丈夫|いただけ|使え|続け|継続|再開|開始|飲め|[よ良い]いです|ください|入れ|選べ|行え|戻れ|差し支え"
)
_NO_OBSTACLE = re.compile(
    r"(?:問題|支障|心配|制限|差し支え)(?:は|も|が)?(?:ありません|ございません|ない)|(?:構|かま)い(?:ま)?せん|差し支え(?:あり)?ません"
)
_PREDICATES = re.compile(r"です$|ます$|である$|ません$|ない$|行[いうっ]|受け")
_ENDINGS = re.compile(
    r"(?:ません|ます|です|ない|でした|ました|いません|います|おりません|おります|ている|ていない)+[。、]?$"
)
_INSERTED_CLAUSE = 8
# A negation farther from the end belongs to another word: 歩けなかった方も歩ける.
_PREDICATE = 14


def level3_evidence(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    """The evidence for labels of level 3, in no particular order; nothing for an edit that earns none."""
    before, after = facts_of(old), facts_of(new)
    only = _one_sided(spans)
    whole = not old or not new or (only != "" and _longest_change(spans) >= _INSERTED_CLAUSE)
    turned = () if only else tuple(_polarity(spans))
    # What is claimed or warned of inside a patient's words is part of these, and gets no label of its own.
    found = [*_testimonial(before, after)]
    told = bool(found)
    disclosures = () if turned or told else tuple(_disclosure(before, after, only))
    found += disclosures
    if not told:
        risks = tuple(_risk(before, after, whole))
        found += risks
        if risks and not whole:
            found += _claim_beside_risks(old, new)
        elif not (risks or turned or (disclosures and only)):
            found += _whole_claim(old, new, only) if whole else _claim(old, new)
    prices = tuple(_price(before, after, disclosures))
    found += prices
    if turned and not told and not risks and not prices:
        found += turned
    found += person(old, new, spans)
    found += credential(old, new, before, after, [*turned, *disclosures])
    yield from found


def _testimonial(before: Facts, after: Facts) -> Iterator[Evidence]:
    if after.testimonials and not before.testimonials:
        yield Evidence("testimonial_added", "", after.testimonials[0])
    elif before.testimonials and not after.testimonials:
        yield Evidence("testimonial_removed", before.testimonials[0], "")


def _disclosure(before: Facts, after: Facts, only: str) -> Iterator[Evidence]:
    """What is now told, or no more. A cost or a course put for another is a price or a number, not a disclosure."""
    for label, one, other, impossible in (
        ("disclosure_added", after, before, "delete"),
        ("disclosure_removed", before, after, "insert"),
    ):
        if only == impossible:
            continue
        told = {kind for kind, _ in other.disclosures}
        new_words = [words for kind, words in one.disclosures if kind not in told and (only or kind not in _AMOUNTS)]
        if new_words:
            words = " / ".join(new_words)
            yield Evidence(label, *(("", words) if label == "disclosure_added" else (words, "")))


def _risk(before: Facts, after: Facts, whole: bool) -> Iterator[Evidence]:
    """`whole` says that a sentence or clause came or went, rather than one put for another."""
    came, went = lost(after.harms, before.harms), lost(before.harms, after.harms)
    old_notices = before.notices + (before.notices_by_denial if whole else ())
    new_notices = after.notices + (after.notices_by_denial if whole else ())
    if len(new_notices) > len(old_notices):
        came += new_notices
    elif len(old_notices) > len(new_notices):
        went += old_notices
    if len(came) > len(went):
        yield Evidence("risk_added", "", " ".join(came))
    elif len(went) > len(came):
        yield Evidence("risk_removed", " ".join(went), "")
    if len(after.denials) > len(before.denials):
        yield Evidence("risk_denial_added", "", " ".join(after.denials))
    elif len(before.denials) > len(after.denials):
        yield Evidence("risk_denial_removed", " ".join(before.denials), "")


def _claim(old: str, new: str) -> Iterator[Evidence]:
    before, after = claim_of(old), claim_of(new)
    if before.modality == after.modality == 0:
        return
    step = after.modality - before.modality or after.weight - before.weight or _rate_step(old, new)
    step = step or _superlatives(new) - _superlatives(old)
    if not step:
        return
    (old_effect, old_treats), (new_effect, new_treats) = topic_of(old), topic_of(new)
    compares = before.modality != after.modality or _superlatives(old) != _superlatives(new)
    if old_effect or new_effect or (compares and old_treats and new_treats):
        yield Evidence("claim_strengthened" if step > 0 else "claim_softened", *_words(old, new))


def _superlatives(text: str) -> int:
    """Words that set a treatment, or who gives it, above others; they claim without naming an effect."""
    return len(pattern("superlative").findall(nfkc_no_space(text)))


def _claim_beside_risks(old: str, new: str) -> Iterator[Evidence]:
    """The claim in what is left without the clauses that state or deny a risk, whose hedges are not the claim's."""
    one, other = (
        "".join(part for part in _CLAUSES.split(nfkc_no_space(text)) if not _is_risk(part)) for text in (old, new)
    )
    if topic_of(one)[0] and topic_of(other)[0]:
        yield from _claim(one, other)


def _is_risk(clause: str) -> bool:
    facts = facts_of(clause)
    return bool(facts.harms or facts.notices or facts.denials)


def _whole_claim(old: str, new: str, only: str) -> Iterator[Evidence]:
    """A sentence or clause that came or went is a claim of its own only when it is an absolute one."""
    before, after = claim_of(old), claim_of(new)
    side = after if only == "insert" else before
    grew = after.weight - before.weight
    if side.modality == 2 and abs(grew) >= 2 and topic_of(new if only == "insert" else old)[0]:
        yield Evidence("claim_strengthened" if grew > 0 else "claim_softened", *_words(old, new))


def _words(old: str, new: str) -> tuple[str, str]:
    return (
        " ".join(claim_of(old).words) if old else "",
        " ".join(claim_of(new).words) if new else "",
    )


def _rate_step(old: str, new: str) -> float:
    before, after = rates(old), rates(new)
    return sum(after[unit] - before[unit] for unit in before if unit in after)


def _polarity(spans: Sequence[Span]) -> Iterator[Evidence]:
    """A predicate turned round: the same words, or words of leave and ability, negated on one side only."""
    for out, put in pairwise(spans):
        if (out.op, put.op) != ("delete", "insert"):
            continue
        old, new = _granted(out.text), _granted(put.text)
        old_is_not, new_is_not = (
            pattern("negation").search(text.replace("構わず", "")[-_PREDICATE:]) for text in (old, new)
        )
        if (old_is_not is None) == (new_is_not is None):
            continue
        if pattern("no_claim_phrase").search(old + new):
            continue
        granted = new if old_is_not else old
        if _same_stem(old, new) or _PERMITS.search(granted) or (_PREDICATES.search(old) and _PREDICATES.search(new)):
            yield Evidence("polarity", out.text, put.text)


def _granted(text: str) -> str:
    """The text in one width, with what only says that nothing stands in the way turned into a leave given."""
    said = nfkc_no_space(text)
    return _NO_OBSTACLE.sub("構わず可", said) if "せん" in said or "ない" in said else said


def _same_stem(old: str, new: str) -> bool:
    """Whether two predicates are one word but for their endings: いただけます, いただけません."""
    one, other = _ENDINGS.sub("", old), _ENDINGS.sub("", new)
    if one == other:
        return True
    return any(one[at : at + 2] in other for at in range(len(one) - 1)) or bool(set(one) & set(other) & _kanji(one))


def _kanji(text: str) -> set[str]:
    return {sign for sign in text if "一" <= sign <= "鿿"}


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
    """The one operation when text only came or only went; empty otherwise."""
    ops = {span.op for span in spans} - {"equal"}
    return ops.pop() if len(ops) == 1 else ""


def _longest_change(spans: Sequence[Span]) -> int:
    return max(len(span.text) for span in spans if span.op != "equal")
