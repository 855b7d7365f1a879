"""Lay out a comparison for reading, and render it as one self-contained HTML page, inline or side by side.

The sentences of both sides stand in order, edits in their place, in paragraphs; `<ins>` and `<del>` mark the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Literal, NamedTuple

from columnarchive.diff.sentences import sentences_of
from columnarchive.records import Article, Comparison, Edit, Span, SpanOp

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
    lines = list(_laid_out_lines(comparison, old, new))
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


def _laid_out_lines(comparison: Comparison, old: Article, new: Article) -> Iterator[Line]:
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


View = Literal["inline", "side", "both"]

_TAGS: dict[SpanOp, str] = {"delete": "del", "insert": "ins"}


def to_html(
    comparison: Comparison, old: Article, new: Article, view: View = "both", captions: tuple[str, str] = ("", "")
) -> str:
    """Return a whole page.

    Args:
        captions: the names of the two sides (times, files).
        view: one of the two views, or `both` with a choice that prints as chosen.
    """
    lines = _lines(comparison, old, new)
    parts: list[str] = []
    if view == "both":
        parts.append('<input type="radio" name="view" id="inline" checked><label for="inline">Inline</label>')
        parts.append('<input type="radio" name="view" id="side"><label for="side">Side by side</label>')
    if view != "side":
        parts.append(f'<section class="inline">{"".join(map(_inline, lines))}</section>')
    if view != "inline":
        parts.append(_table(lines, captions))
    title = escape(new.title or old.title or new.url)
    style = files("columnarchive.diff").joinpath("page.css").read_text("utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(new.language or "ja")}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{style}</style></head><body><main><h1>{title}</h1>"
        f"{_heading(comparison, new.url, captions)}{''.join(parts)}</main></body></html>\n"
    )


def spans_to_html(spans: Iterable[Span], without: SpanOp | None = None) -> str:
    """Return spans as escaped text with `<del>` and `<ins>`; line ends become `<br>`."""
    return "".join(_span(span) for span in spans if span.op != without)


def _lines(comparison: Comparison, old: Article, new: Article) -> list[Line]:
    layout = lay_out(comparison, old, new, only_changes=False)
    lines = [Line("", edit, -1, "meta") for edit in layout.meta]
    for part in layout.parts:
        lines += part.lines if not isinstance(part, Fold) else ()
    return lines


def _heading(comparison: Comparison, url: str, captions: tuple[str, str]) -> str:
    between = f"<p>{escape(captions[0])} → {escape(captions[1])}</p>" if any(captions) else ""
    labels = "".join(f"<li>{escape(label)}</li>" for label in comparison.labels)
    counts = f"+{comparison.added_chars} −{comparison.removed_chars} characters" if comparison.edits else "no change"
    return (
        f'<p class="url">{escape(url)}</p>{between}<p>level {comparison.level} · {counts}</p>'
        f'<ul class="labels">{labels}</ul>'
    )


def _inline(line: Line) -> str:
    if line.edit is None:
        return f'<p class="{_unchanged_class(line)}">{escape(line.text)}</p>'
    return f'<p class="edit {line.edit.op}">{_labels(line.edit)}{spans_to_html(line.edit.spans)}</p>'


def _table(lines: Iterable[Line], captions: tuple[str, str]) -> str:
    heads = "".join(f"<th>{escape(caption)}</th>" for caption in captions)
    body = "".join(map(_table_row, lines))
    return f'<table class="side"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _table_row(line: Line) -> str:
    edit = line.edit
    if edit is None:
        text = escape(line.text)
        return f'<tr class="{_unchanged_class(line)}"><td>{text}</td><td>{text}</td></tr>'
    left = "" if edit.op == "moved" and len(edit.spans) == 1 else spans_to_html(edit.spans, without="insert")
    right = spans_to_html(edit.spans, without="delete")
    return f'<tr class="edit {edit.op}"><td>{left}</td><td>{_labels(edit)}{right}</td></tr>'


def _unchanged_class(line: Line) -> str:
    return "same heading" if line.kind == "heading" else "same"


def _labels(edit: Edit) -> str:
    return f"<small>{escape(', '.join(edit.labels))}</small> "


def _span(span: Span) -> str:
    text = escape(span.text).replace("\n", "<br>")
    tag = _TAGS.get(span.op)
    return f"<{tag}>{text}</{tag}>" if tag else text
