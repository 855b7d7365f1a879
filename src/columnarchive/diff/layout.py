"""Lay out a comparison for reading: the sentences of both sides in order, edits in their place, in paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from columnarchive.diff.sentences import sentences_of
from columnarchive.records import Article, Comparison, Edit

CONTEXT = 1  # unchanged sentences on either side of an edit when only changes are displayed


class Line(NamedTuple):
    """A sentence or an edit. `block` is the index of its block on the newer side."""

    text: str
    edit: Edit | None
    block: int
    kind: str
    glue: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """The lines of one block; `kind` as in `Block`."""

    kind: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """A run of paragraphs without a change, hidden until asked for."""

    sentences: int
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class DiffLayout:
    """`meta` are edits of title and people; `parts` the text in paragraphs, unchanged runs folded if asked."""

    meta: tuple[Edit, ...]
    parts: tuple[Paragraph | Fold, ...]


def lay_out(comparison: Comparison, old: Article, new: Article, *, only_changes: bool) -> DiffLayout:
    """Return both texts as one sequence of lines; `only_changes` folds what did not change, except next to edits."""
    meta = tuple(edit for edit in comparison.edits if edit.old_at < 0 and edit.new_at < 0)
    lines = list(_lines(comparison, old, new))
    if not only_changes:
        return DiffLayout(meta, tuple(_paragraphs(lines)))
    parts: list[Paragraph | Fold] = []
    for is_near, run in groupby(zip(lines, _near(lines), strict=True), key=lambda pair: pair[1]):
        paragraphs = tuple(_paragraphs([line for line, _ in run]))
        if is_near:
            parts += paragraphs
        else:
            parts.append(Fold(sum(len(one.lines) for one in paragraphs), paragraphs))
    return DiffLayout(meta, tuple(parts))


def _near(lines: list[Line]) -> list[bool]:
    """Return for each line whether it is an edit or next to one."""
    edits = [at for at, line in enumerate(lines) if line.edit]
    near = {at + step for at in edits for step in range(-CONTEXT, CONTEXT + 1)}
    return [at in near for at in range(len(lines))]


def _paragraphs(lines: list[Line]) -> Iterator[Paragraph]:
    for (_, kind), run in groupby(lines, key=lambda line: (line.block, line.kind)):
        yield Paragraph(kind, tuple(run))


def _lines(comparison: Comparison, old: Article, new: Article) -> Iterator[Line]:
    before, after = sentences_of(old), sentences_of(new)
    edits = [edit for edit in comparison.edits if edit.old_at >= 0 or edit.new_at >= 0]
    at_old = {edit.old_at: edit for edit in edits if edit.old_at >= 0}
    at_new = {edit.new_at: edit for edit in edits if edit.new_at >= 0}
    i = j = 0
    while i < len(before.texts) or j < len(after.texts):
        leaving = at_old.get(i) if i < len(before.texts) else None
        coming = at_new.get(j) if j < len(after.texts) else None
        block = min(j, len(after.blocks) - 1)
        place = after.blocks[block] if block >= 0 else -1
        if leaving and leaving.op == "moved":
            i = _past(before.reach(i, leaving.old), i)
        elif leaving and leaving.op == "removed":
            # A removed sentence takes the shape of the block it stood in, not that of the one that follows.
            yield Line(leaving.old, leaving, place, old.blocks[before.blocks[i]].kind, before.glues[i])
            i = _past(before.reach(i, leaving.old), i)
        elif coming and (coming.op in ("added", "moved") or coming is leaving or j >= len(after.texts)):
            yield Line(coming.new, coming, place, new.blocks[place].kind, after.glues[j])
            j = _past(after.reach(j, coming.new), j)
            i = _past(before.reach(i, coming.old), i) if coming is leaving else i
        elif j < len(after.texts):
            yield Line(after.texts[j], coming, place, new.blocks[place].kind, after.glues[j])
            i, j = i + 1, j + 1
        else:
            i += 1


def _past(reached: int, start: int) -> int:
    return max(reached, start + 1)
