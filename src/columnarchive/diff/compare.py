"""Two articles to a comparison: pure, deterministic, bounded by counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from columnarchive.diff import ENGINE, in_order, level_of
from columnarchive.diff.alignment import Alignment, Link, align
from columnarchive.diff.label_rules import judge
from columnarchive.diff.pictures import NOTHING_READ, PictureReadings, picture_edits
from columnarchive.diff.sentences import Sentences, sentences_of
from columnarchive.diff.spans import spans_between
from columnarchive.records import Article, Block, Comparison, Edit, EditOp, Evidence, Span

# A text that fell below this share of its length was replaced by a notice.
_NOTICE_SHARE = 0.1
# A text of which less than this share stayed was written anew.
_SAME_SHARE = 0.3
# Of a text of several sentences of which less than this share stayed, no claim is left: a notice took its place.
_LEAST_COMMON = 0.2
_REWRITTEN_LENGTH = 200
# Nobody reads more edits of one change; beyond, an edit is just `wording`, and the comparison is `capped`.
_MOST_JUDGED = 500
_UNJUDGED = Evidence("wording")
_PLAIN_LABELS = {"wording", "sentence_added", "sentence_removed"}
_STRUCTURE_LABELS = {"section_added", "section_removed", "faq_added", "faq_removed", "faq_changed"}

_ASKS = re.compile(
    r"\s{0,8}(?:Q|Ｑ|A|Ａ)\s*[0-9０-９]{0,2}\s*[.．:：、)）]|\s{0,8}【?(?:質問|回答)】?[0-9０-９]*\s*[:：.．]"
)
_LONGEST_PIECE = 40
_MOST_EDITS = 2
_SIGNS = {"added": "+", "removed": "−", "moved": "⇄"}


def compare(
    old: Article, new: Article, earlier: Collection[str] = (), known: PictureReadings = NOTHING_READ
) -> Comparison:
    """Return how `old` became `new`, sentence by sentence.

    `earlier` are the fingerprints of the revisions before `old`: when `new` equals one of them, the comparison
    is `restored`. `known` is what is known of the bytes of their pictures.
    Labels of a page's state (`gone`, `returned`) are for the caller to add with `with_labels`.
    """
    before, after = sentences_of(old), sentences_of(new)
    alignment = align(before.texts, after.texts) if before.texts != after.texts else Alignment()
    edits = list(_metadata_edits(old, new))
    if alignment.links:
        was, now = sides(old, new, before, after, alignment.links)
        every = list(_edits(alignment.links, (before, after), was, now))
        of_text = [edit for edit in every if not _is_rewrapped(edit)] or every  # beside others it is none
        size = sum(map(len, before.texts))
        is_gone = len(before.texts) > 1 and size - _count(of_text, "delete") < size * _LEAST_COMMON
        edits += _without_claims(of_text) if is_gone else of_text
    pictures = tuple(picture_edits(old, new, known))
    labels = {label for edit in (*edits, *pictures) for label in edit.labels}
    labels.update(_article_labels(old, new, edits, earlier))
    return Comparison(
        edits=(*edits, *pictures),
        labels=in_order(labels),
        level=max(level_of(labels), *(edit.level for edit in pictures), 0),
        added_chars=_count(edits, "insert"),
        removed_chars=_count(edits, "delete"),
        summary=summary_of((*edits, *pictures)),
        engine=ENGINE,
        capped=alignment.capped or before.capped or after.capped or len(alignment.links) > _MOST_JUDGED,
    )


def with_labels(comparison: Comparison, *labels: str) -> Comparison:
    """Return the comparison with labels that depend on its history or on the state of its page."""
    every = in_order((*comparison.labels, *labels))
    return replace(comparison, labels=every, level=max(comparison.level, level_of(every)))


def _metadata_edits(old: Article, new: Article) -> Iterator[Edit]:
    """Yield edits of title, author and supervisor. They are no sentences of the text, so their positions are -1."""
    if old.title != new.title:
        yield _worded_edit(old.title, new.title)
    for was, now in ((old.author, new.author), (old.supervisor, new.supervisor)):
        if "".join(was.split()) != "".join(now.split()):
            evidence = (Evidence("person", was, now),)
            yield Edit(_op(was, now), was, now, spans_between(was, now), ("person",), 3, evidence=evidence)
    for was, now in ((old.author_about, new.author_about), (old.supervisor_about, new.supervisor_about)):
        lines = [{"".join(line.split()): line for line in text.split("\n")} for text in (was, now)]
        gone, came = ([line for key, line in one.items() if key not in other] for one, other in (lines, lines[::-1]))
        for old_line, new_line in zip_longest(gone, came, fillvalue=""):
            yield _worded_edit(old_line, new_line, named=False)


def _edits(links: Sequence[Link], texts: tuple[Sentences, Sentences], was: Side, now: Side) -> Iterator[Edit]:
    before, after = texts
    for nth, link in enumerate(links):
        old = before.joined(link.old_from, link.old_to) if link.old_to > link.old_from else ""
        new = after.joined(link.new_from, link.new_to) if link.new_to > link.new_from else ""
        at = (link.old_from, link.new_from)
        if link.kind == "moved" and old.split() == new.split():
            # Moved as it was: what lies between its sentences may differ, and is no edit.
            yield Edit("moved", new, new, (Span("equal", new),), ("moved",), 1, *at)
            continue
        placed = structure_labels(link, was, now)
        if link.kind == "moved":
            placed.append("moved")
        if link.old_to - link.old_from > 1 or link.new_to - link.new_from > 1:
            placed.append("split_or_merged")
        spans = spans_between(old, new)
        evidence = judge(old, new, spans) if nth < _MOST_JUDGED else (_UNJUDGED,)
        labels = _combined(placed, evidence)
        yield Edit(link.kind, old, new, spans, labels, level_of(labels), *at, evidence)


def _without_claims(edits: Iterable[Edit]) -> Iterator[Edit]:
    """Yield the edits of a text that is gone: the removal of a limitation strengthens no claim that is left."""
    for edit in edits:
        if edit.op == "removed" and "claim_strengthened" in edit.labels:
            evidence = tuple(one for one in edit.evidence if one.label != "claim_strengthened")
            labels = in_order({*edit.labels} - {"claim_strengthened"}) or ("sentence_removed",)
            yield replace(edit, labels=labels, level=level_of(labels), evidence=evidence or (Evidence(labels[0]),))
        else:
            yield edit


def _is_rewrapped(edit: Edit) -> bool:
    """Return whether an edit only wraps the same words anew."""
    return edit.labels == ("split_or_merged",) and "".join(edit.old.split()) == "".join(edit.new.split())


def _combined(placed: Sequence[str], evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return the labels by place and by words; the wording of a new section or question adds nothing."""
    if not placed and len(evidence) == 1:
        return (evidence[0].label,)
    by_words = {one.label for one in evidence}
    if by_words == {"cosmetic"}:
        return in_order(label for label in placed if label != "faq_changed") or ("cosmetic",)
    return in_order((*placed, *(by_words - _PLAIN_LABELS if set(placed) & _STRUCTURE_LABELS else by_words)))


def _worded_edit(old: str, new: str, *, named: bool = True) -> Edit:
    """Return the edit of a text outside the article; `named` says whether names in it are judged."""
    spans = spans_between(old, new)
    evidence = judge(old, new, spans)
    if not named:
        evidence = tuple(one for one in evidence if one.label != "person") or (Evidence("wording", old, new),)
    labels = in_order(one.label for one in evidence)
    return Edit(_op(old, new), old, new, spans, labels, level_of(labels), evidence=evidence)


def _op(old: str, new: str) -> EditOp:
    if old and new:
        return "edited"
    return "added" if new else "removed"


def _article_labels(old: Article, new: Article, edits: Sequence[Edit], earlier: Collection[str]) -> Iterator[str]:
    if not edits:
        return
    was, now = len(old.text), len(new.text)
    if all(edit.level == 0 for edit in edits):
        pass  # set otherwise throughout, such as in another width: every word stayed
    elif 0 < now < was * _NOTICE_SHARE:
        yield "replaced"
    elif was >= _REWRITTEN_LENGTH and was - _count(edits, "delete") < was * _SAME_SHARE:
        yield "rewritten"
    if earlier and new.fingerprint in earlier:
        yield "restored"


def _count(edits: Sequence[Edit], op: str) -> int:
    return sum(len(span.text) for edit in edits for span in edit.spans if span.op == op)


class Side:
    """A side of a comparison: its blocks, its sentences, and which of these came or went."""

    __slots__ = ("_blocks", "_changed", "_sentences")

    def __init__(self, article: Article, sentences: Sentences, changed: frozenset[int]) -> None:
        self._blocks = article.blocks
        self._sentences = sentences
        self._changed = changed

    def block(self, at: int) -> Block:
        """The block in which a sentence stands."""
        return self._blocks[self._sentences.blocks[at]]

    def heads_a_section(self, at: int) -> bool:
        """Whether a sentence is a heading that came or went together with what stands under it."""
        return self.block(at).kind == "heading" and at + 1 in self._changed and self.block(at + 1).kind != "heading"

    def asks(self, at: int) -> bool:
        """Whether a sentence belongs to a question or its answer."""
        block = self.block(at)
        return block.kind in ("question", "answer") or _ASKS.match(block.text) is not None


def sides(old: Article, new: Article, before: Sentences, after: Sentences, links: Sequence[Link]) -> tuple[Side, Side]:
    """Return both sides of a comparison, from which `structure_labels` reads."""
    went = frozenset(link.old_from for link in links if link.kind == "removed")
    came = frozenset(link.new_from for link in links if link.kind == "added")
    return Side(old, before, went), Side(new, after, came)


def structure_labels(link: Link, was: Side, now: Side) -> list[str]:
    """Return the labels that depend on the place of an edit rather than on its words."""
    if link.kind == "added":
        if now.heads_a_section(link.new_from):
            return ["section_added"]
        return ["faq_added"] if now.asks(link.new_from) else []
    if link.kind == "removed":
        if was.heads_a_section(link.old_from):
            return ["section_removed"]
        return ["faq_removed"] if was.asks(link.old_from) else []
    if link.kind == "edited" and (was.asks(link.old_from) or now.asks(link.new_from)):
        return ["faq_changed"]
    return []


def summary_of(edits: Sequence[Edit]) -> str:
    """Return one line such as `98,000円 → 128,000円 · − 効果には個人差があります。 · (+3)`."""
    if not edits:
        return ""
    weightiest = sorted(range(len(edits)), key=lambda at: (-edits[at].level, at))[:_MOST_EDITS]
    pieces = [_one(edits[at]) for at in sorted(weightiest)]
    if len(edits) > _MOST_EDITS:
        pieces.append(f"(+{len(edits) - _MOST_EDITS})")
    return " · ".join(pieces)


def _one(edit: Edit) -> str:
    if edit.op in _SIGNS:
        return f"{_SIGNS[edit.op]} {_short([edit.new or edit.old])}"
    out = _short(span.text for span in edit.spans if span.op == "delete")
    put = _short(span.text for span in edit.spans if span.op == "insert")
    if out and put:
        return f"{out} → {put}"
    return f"− {out}" if out else f"+ {put}"


def _short(texts: Iterable[str]) -> str:
    line = " ".join(" … ".join(texts).split())
    return line if len(line) <= _LONGEST_PIECE else line[: _LONGEST_PIECE - 1] + "…"
