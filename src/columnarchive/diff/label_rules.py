"""Predicates on (old, new): each yields the labels of level 3 that an edit earns, with the words that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from columnarchive.diff.facts import Facts, claim_of, facts_of, lost, rates, topic_of
from columnarchive.diff.lexicon import pattern
from columnarchive.diff.normalization import wide
from columnarchive.diff.person_labels import credential, person
from columnarchive.records import Evidence, Span

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


def weighty(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
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
    return len(pattern("superlative").findall(wide(text)))


def _claim_beside_risks(old: str, new: str) -> Iterator[Evidence]:
    """The claim in what is left without the clauses that state or deny a risk, whose hedges are not the claim's."""
    one, other = ("".join(part for part in _CLAUSES.split(wide(text)) if not _is_risk(part)) for text in (old, new))
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
    said = wide(text)
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
