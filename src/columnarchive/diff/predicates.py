"""Predicates on (old, new): each yields the labels of level 3 that an edit earns, with the words that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from columnarchive.diff.facts import Facts, facts_of, lost, rates
from columnarchive.diff.folding import wide
from columnarchive.diff.lexicon import pattern
from columnarchive.model import Evidence, Span

_AMOUNTS = ("cost", "course")
_NAME = re.compile(r"[一-鿿々𠮷ァ-ヺー]{1,4}(?:[\s・]?[一-鿿々ぁ-ゖァ-ヺー]{1,6})?")
_TITLE = re.compile(r"(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長|センター長)$")
_AFTER_NAME = re.compile(
    r"\s?(?:さん|氏|先生|医師|院長|副院長|博士|教授|理事長|が(?:監修|執筆|担当|診察|お答え|解説|就任)|の監修|の執筆|[（(](?:医師|院長|[一-鿿]*医|監修))"
)
_BEFORE_NAME = re.compile(r"(?:医|者|院長|理事長|所長|センター長|文責|監修|執筆|ドクター紹介|書いた人|担当|技師|薬剤師|看護師|務める|教授)(?:の|は|が|:|：|・|/|\s)*$")
_ROLES_ONLY = re.compile(r"(?:副|総|名誉|分)?院長|理事長|所長|センター長|医長|部長|代表|顧問")
_NAMED = re.compile(r"(?:の|・|:|：|\s|は|、)*[一-鿿々]{1,4}")
_CREDIT = re.compile(r"(?:監修|執筆|著|文責|編集|院長|担当医|書いた人)者?\s*(?:[:：/はの]|医師|\s)+([一-鿿々]{1,4}\s?[一-鿿々ぁ-ゖ]{1,4})(?=$|[（(。、]|医師|先生|が|です)")
_IN_PLACE = re.compile(r"^(?:です|が|は|、|。|$|に|先生|[（(])")
_NOT_NAME_END = re.compile(r"[医的性科院学法術者員部所室]$")
_PERMITS = re.compile(r"可能|でき|出来|られ|対応|可|OK|必要|対象|適[用応]|受け付|実施|推奨|勧め|すすめ|構い|かまい|問題|大丈夫|いただけ|使え|続け|継続|再開|開始|飲め|入れ|選べ|行え|戻れ|差し支え")
_NO_OBSTACLE = re.compile(r"(?:問題|支障|心配|制限|差し支え)(?:は|も|が)?(?:ありません|ございません|ない)|(?:構|かま)い(?:ま)?せん|差し支え(?:あり)?ません")
_PREDICATES = re.compile(r"です$|ます$|である$|行[いうっ]|受け")
_ENDINGS = re.compile(r"(?:ません|ます|です|ない|でした|ました|いません|います|おりません|おります|ている|ていない)+[。、]?$")
_INSERTED_CLAUSE = 8


def weighty(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    """The evidence for labels of level 3, in no particular order; nothing for an edit that earns none."""
    before, after = facts_of(old), facts_of(new)
    turned = list(_polarity(spans)) if old and new else []
    found = [*_testimonial(before, after)]
    told = bool(found)
    whole = not old or not new or bool(_one_sided(spans))
    disclosures = [] if turned or told else list(_disclosure(before, after, whole, _one_sided(spans)))
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
    found += _credential(old, new, before, after, [*turned, *disclosures])
    yield from found


def _testimonial(before: Facts, after: Facts) -> Iterator[Evidence]:
    if after.testimonials and not before.testimonials:
        yield Evidence("testimonial_added", "", after.testimonials[0])
    elif before.testimonials and not after.testimonials:
        yield Evidence("testimonial_removed", before.testimonials[0], "")


def _disclosure(before: Facts, after: Facts, whole: bool, only: str) -> Iterator[Evidence]:
    """What is now told, or no more. A cost or a course put for another is a price or a number, not a disclosure."""
    for label, one, other, impossible in (
        ("disclosure_added", after, before, "delete"),
        ("disclosure_removed", before, after, "insert"),
    ):
        if only == impossible:
            continue
        kinds = [kind for kind in one.disclosures if kind not in other.disclosures and (whole or kind not in _AMOUNTS)]
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
    about = before.about_effect or after.about_effect
    if not about and before.modality != after.modality:
        about = before.treats and after.treats
    if not about or before.modality == after.modality == 0:
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
    """A predicate turned round: the same words, or words of leave and ability, negated on one side only."""
    for out, put in pairwise(spans):
        if (out.op, put.op) != ("delete", "insert"):
            continue
        old, new = (_NO_OBSTACLE.sub("構わず可", wide(span.text)) for span in (out, put))
        old_is_not, new_is_not = (pattern("negation").search(text.replace("構わず", "")) for text in (old, new))
        if (old_is_not is None) == (new_is_not is None):
            continue
        if pattern("no_claim_phrase").search(old + new):
            continue
        granted = new if old_is_not else old
        if _same_stem(old, new) or _PERMITS.search(granted) or (_PREDICATES.search(old) and _PREDICATES.search(new)):
            yield Evidence("polarity", out.text, put.text)


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


def _person(old: str, new: str, spans: Sequence[Span]) -> Iterator[Evidence]:
    """A name put for another, or put in, beside a word for who answers for the page or the clinic."""
    if not pattern("role").search(old + new):
        return
    if not old or not new:
        credit = _CREDIT.search(old + new)
        if credit and _is_name(credit[1], "監修", ""):
            yield Evidence("person", *((credit[0], "") if old else ("", credit[0])))
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
        if _is_name(span.text, before, after) and (not put or _is_name(put, before, after)):
            yield Evidence("person", *((span.text, put) if span.op == "delete" else ("", span.text)))
            return


def _is_name(text: str, before: str, after: str) -> bool:
    """A known family name beside a role, or what is shaped and placed as only a name is."""
    bare = _TITLE.sub("", text.strip()).strip()
    if not _NAME.fullmatch(bare) or pattern("not_a_name").match(bare) or _NOT_NAME_END.search(bare):
        return False
    titled = bare != text.strip() or _AFTER_NAME.match(after) is not None
    placed = _BEFORE_NAME.search(before) is not None
    if pattern("surnames").match(bare):
        return titled or placed or pattern("role").search(before[-10:]) is not None
    return titled or (placed and (any(sign.isspace() for sign in bare) or _IN_PLACE.match(after) is not None))


def _credential(old: str, new: str, before: Facts, after: Facts, told: Sequence[Evidence]) -> Iterator[Evidence]:
    went, came = lost(before.qualifications, after.qualifications), lost(after.qualifications, before.qualifications)
    if went or came:
        yield Evidence("credential", " ".join(went), " ".join(came))
        return
    went, came = lost(before.approvals, after.approvals), lost(after.approvals, before.approvals)
    if (went or came) and not told and pattern("approval_context").search(wide(old + new)):
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
