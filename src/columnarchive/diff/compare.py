"""Two articles to a comparison: pure, deterministic, bounded by counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from columnarchive.diff.align import Alignment, Link, align
from columnarchive.diff.labels import in_order, judge, level_of
from columnarchive.diff.sentences import Sentences, sentences_of
from columnarchive.diff.spans import spans_between
from columnarchive.diff.summary import summary_of
from columnarchive.model import Article, Comparison, Edit, EditOp, Evidence, Span

ENGINE = "1"
"""Version of the rules behind a comparison; it rises whenever the same two articles may compare differently."""

# A text that fell below this share of its length was replaced by a notice.
_NOTICE_SHARE = 0.1
# A text of which less than this share stayed was written anew.
_KEPT_SHARE = 0.3
_REWRITTEN_LENGTH = 200
# Nobody reads more edits of one change; beyond, an edit is just `wording`, and the comparison is `capped`.
_MOST_JUDGED = 600


def compare(old: Article, new: Article, earlier: Sequence[Article] = ()) -> Comparison:
    """How `old` became `new`, sentence by sentence.

    `earlier` are the revisions before `old`: when `new` says what one of them said, the comparison is `restored`.
    Labels of a page's state (`gone`, `returned`) are for the caller to add with `with_labels`.
    """
    before, after = sentences_of(old), sentences_of(new)
    alignment = align(before.texts, after.texts) if before.texts != after.texts else Alignment()
    edits = list(_metadata_edits(old, new))
    edits += [_edit(link, before, after) for link in alignment.links[:_MOST_JUDGED]]
    edits += [_edit(link, before, after, judged=False) for link in alignment.links[_MOST_JUDGED:]]
    labels = {label for edit in edits for label in edit.labels}
    labels.update(_whole_labels(old, new, edits, earlier))
    return Comparison(
        edits=tuple(edits),
        labels=in_order(labels),
        level=level_of(labels),
        added_chars=_count(edits, "insert"),
        removed_chars=_count(edits, "delete"),
        summary=summary_of(edits),
        engine=ENGINE,
        capped=alignment.capped or len(alignment.links) > _MOST_JUDGED,
    )


def with_labels(comparison: Comparison, *labels: str) -> Comparison:
    """The comparison with labels that only its history or its page's state can tell."""
    every = in_order((*comparison.labels, *labels))
    return Comparison(
        edits=comparison.edits,
        labels=every,
        level=level_of(every),
        added_chars=comparison.added_chars,
        removed_chars=comparison.removed_chars,
        summary=comparison.summary,
        engine=comparison.engine,
        capped=comparison.capped,
    )


def _metadata_edits(old: Article, new: Article) -> Iterator[Edit]:
    """Title and persons: they stand outside the sentences, so their positions are -1."""
    if old.title != new.title:
        yield _texts_edit(old.title, new.title)
    for was, now in ((old.author, new.author), (old.supervisor, new.supervisor)):
        if was != now:
            evidence = (Evidence("person", was, now),)
            yield Edit(_op(was, now), was, now, spans_between(was, now), ("person",), 3, evidence=evidence)


def _edit(link: Link, before: Sentences, after: Sentences, judged: bool = True) -> Edit:
    old = before.joined(link.old_from, link.old_to) if link.old_to > link.old_from else ""
    new = after.joined(link.new_from, link.new_to) if link.new_to > link.new_from else ""
    if link.kind == "moved" and old.split() == new.split():
        # Moved as it was: what lies between its sentences may differ, and is no edit.
        return Edit("moved", new, new, (Span("equal", new),), ("moved",), 1, link.old_from, link.new_from)
    extra = ["moved"] if link.kind == "moved" else []
    if link.old_to - link.old_from > 1 or link.new_to - link.new_from > 1:
        extra.append("split_or_merged")
    if not judged:
        labels = in_order((*extra, "wording"))
        return Edit(
            link.kind, old, new, spans_between(old, new), labels, level_of(labels), link.old_from, link.new_from
        )
    return _texts_edit(old, new, link, extra)


def _texts_edit(old: str, new: str, link: Link | None = None, extra: Sequence[str] = ()) -> Edit:
    op = link.kind if link else _op(old, new)
    spans = spans_between(old, new)
    evidence = judge(old, new, spans)
    if "split_or_merged" in extra:
        evidence = tuple(one for one in evidence if one.label != "cosmetic")
    labels = in_order((*extra, *(one.label for one in evidence)))
    old_at, new_at = (link.old_from, link.new_from) if link else (-1, -1)
    return Edit(op, old, new, spans, labels, level_of(labels), old_at, new_at, evidence)


def _op(old: str, new: str) -> EditOp:
    if old and new:
        return "edited"
    return "added" if new else "removed"


def _whole_labels(old: Article, new: Article, edits: Sequence[Edit], earlier: Sequence[Article]) -> Iterator[str]:
    if not edits:
        return
    was, now = len(old.text), len(new.text)
    if now < was * _NOTICE_SHARE:
        yield "replaced"
    elif was >= _REWRITTEN_LENGTH and was - _count(edits, "delete") < was * _KEPT_SHARE:
        yield "rewritten"
    if earlier and any(new.fingerprint == article.fingerprint for article in earlier):
        yield "restored"


def _count(edits: Sequence[Edit], op: str) -> int:
    return sum(len(span.text) for edit in edits for span in edit.spans if span.op == op)
