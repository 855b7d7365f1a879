"""Predicates on (old, new): each yields the labels of level 3 that an edit earns, with the words that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from columnarchive.diff.facts import Facts, facts_of, lost, rates
from columnarchive.diff.folding import wide
from columnarchive.diff.lexicon import pattern
from columnarchive.model import Evidence, Span

_NAME = re.compile(r"[一-鿿々𠮷ァ-ヺー・]{1,4}[\s・]?[一-鿿々ぁ-ゖァ-ヺー]{0,6}")
_AFTER_NAME = re.compile(r"\s?(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長|が(?:監修|執筆|担当|診察|お答え|解説)|の監修|の執筆)")
_ABILITY = re.compile(r"可能|でき|出来|られ|対応|可|OK|です$|ます$|である$|必要|対象|適[用応]|受け|行[いうっ]|実施|推奨|[お]?勧め|お?すすめ")
_SAME_WORDS = re.compile(r"[一-鿿ァ-ヺー]+|[ぁ-ゖ]{2}")
_INSERTED_CLAUSE = 8


def weighty(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    """The evidence for labels of level 3, in no particular order; nothing for an edit that earns none."""
    before, after = facts_of(old), facts_of(new)
    turned = list(_polarity(spans)) if old and new else []
    found = [*_testimonial(before, after)]
    told = bool(found)
    disclosures = [] if turned or told else list(_disclosure(before, after))
    found += disclosures
    if not told:
        risks = list(_risk(before, after, whole=not old or not new or _is_clause(spans)))
        found += risks
        claims = [] if risks or turned or (disclosures and _one_sided(spans)) else list(_claim(old, new, spans))
        found += claims
        if turned and not risks:
            found += turned
    found += _price(before, after, disclosures)
    found += _person(old, new, spans)
    found += _credential(old, new, before, after, turned)
    yield from found


def _testimonial(before: Facts, after: Facts) -> Iterator[Evidence]:
    if after.testimonials and not before.testimonials:
        yield Evidence("testimonial_added", "", after.testimonials[0])
    elif before.testimonials and not after.testimonials:
        yield Evidence("testimonial_removed", before.testimonials[0], "")


def _disclosure(before: Facts, after: Facts) -> Iterator[Evidence]:
    for label, one, other in (("disclosure_added", after, before), ("disclosure_removed", before, after)):
        kinds = [kind for kind in one.disclosures if kind not in other.disclosures]
        if kinds:
            words = " / ".join(one.disclosures[kind] for kind in kinds)
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


def _claim(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    before, after = facts_of(old).claim, facts_of(new).claim
    if not (before.about_effect or after.about_effect) or before.modality == after.modality == 0:
        return
    if not old or not new or _is_clause(spans):
        # A sentence or clause that came or went is a claim of its own only when it is an absolute one.
        side = after if not old or _one_sided(spans) == "insert" else before
        grew = after.weight - before.weight
        if side.modality == 2 and side.about_effect and abs(grew) >= 2:
            yield Evidence("claim_strengthened" if grew > 0 else "claim_softened", *_words(old, new))
        return
    step = after.modality - before.modality or after.weight - before.weight or _rate_step(old, new)
    if step:
        yield Evidence("claim_strengthened" if step > 0 else "claim_softened", *_words(old, new))


def _words(old: str, new: str) -> tuple[str, str]:
    return (
        " ".join(facts_of(old).claim.words) if old else "",
        " ".join(facts_of(new).claim.words) if new else "",
    )


def _rate_step(old: str, new: str) -> float:
    before, after = rates(old), rates(new)
    return sum(after[unit] - before[unit] for unit in before if unit in after)


def _polarity(spans: Sequence[Span]) -> Iterator[Evidence]:
    """A predicate turned round: the same words, or words of ability, negated on one side only."""
    for out, put in pairwise(spans):
        if (out.op, put.op) != ("delete", "insert"):
            continue
        old, new = wide(out.text), wide(put.text)
        if (pattern("negation").search(old) is None) == (pattern("negation").search(new) is None):
            continue
        same = set(_SAME_WORDS.findall(old)[:1]) & set(_SAME_WORDS.findall(new)[:1])
        if same or (_ABILITY.search(old) and _ABILITY.search(new)):
            yield Evidence("polarity", out.text, put.text)


def _price(before: Facts, after: Facts, disclosures: Sequence[Evidence]) -> Iterator[Evidence]:
    went, came = lost(before.prices, after.prices), lost(after.prices, before.prices)
    if not (went or came):
        return
    if disclosures and not (before.prices and after.prices):
        return  # the cost itself was disclosed, or is no more
    if all(word in ("無料", "有料", "無償") for word in (*went, *came)) and not (went and came):
        return
    yield Evidence("price", " ".join(went), " ".join(came))


def _person(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    """A name put for another, beside a word for who answers for the page or the clinic."""
    if not pattern("role").search(old + new):
        return
    for at, span in enumerate(spans):
        if span.op == "equal":
            continue
        follows = spans[at + 1].op if at + 1 < len(spans) else ""
        before = spans[at - 1].text if at and spans[at - 1].op == "equal" else ""
        if at and spans[at - 1].op == "delete":
            before = spans[at - 2].text if at >= 2 else ""
        after_at = at + 2 if (span.op, follows) == ("delete", "insert") else at + 1
        after = spans[after_at].text if after_at < len(spans) and spans[after_at].op == "equal" else ""
        if _is_name(span.text.strip(), before, after):
            yield Evidence("person", span.text if span.op == "delete" else "", span.text if span.op == "insert" else "")
            return


def _is_name(text: str, before: str, after: str) -> bool:
    bare = re.sub(r"(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長)$", "", text).strip()
    if not bare or not _NAME.fullmatch(bare):
        return False
    beside = _AFTER_NAME.match(after) or bare != text or pattern("role").search(before[-10:])
    return bool(beside) and pattern("surnames").match(bare) is not None


def _credential(old: str, new: str, before: Facts, after: Facts, turned: Sequence[Evidence]) -> Iterator[Evidence]:
    went, came = lost(before.qualifications, after.qualifications), lost(after.qualifications, before.qualifications)
    if went or came:
        yield Evidence("credential", " ".join(went), " ".join(came))
        return
    went, came = lost(before.approvals, after.approvals), lost(after.approvals, before.approvals)
    if (went or came) and not turned and pattern("approval_context").search(wide(old + new)):
        unapproved = "unapproved"
        if (unapproved in before.disclosures) == (unapproved in after.disclosures):
            yield Evidence("credential", " ".join(went), " ".join(came))


def _one_sided(spans: Sequence[Span]) -> str:
    """The one operation when text only came or only went; empty otherwise."""
    ops = {span.op for span in spans} - {"equal"}
    return ops.pop() if len(ops) == 1 else ""


def _is_clause(spans: Sequence[Span]) -> bool:
    """Whether something as long as a clause came or went, nothing being put for it."""
    return bool(_one_sided(spans)) and max(len(span.text) for span in spans if span.op != "equal") >= _INSERTED_CLAUSE
