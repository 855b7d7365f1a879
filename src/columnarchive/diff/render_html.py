"""Render a comparison as one self-contained HTML page, inline or side by side, with `<ins>` and `<del>`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import Literal

from columnarchive.diff.layout import Fold, Line, lay_out
from columnarchive.records import Article, Comparison, Edit, Span, SpanOp

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
