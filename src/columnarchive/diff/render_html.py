"""A comparison as one self-contained HTML page: inline or side by side, with `<ins>` and `<del>`, fit for print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from typing import Literal, NamedTuple

from columnarchive.diff.sentences import Sentences, sentences_of
from columnarchive.records import Article, Comparison, Edit, Span, SpanOp

Layout = Literal["inline", "side", "both"]

_TAGS: dict[SpanOp, str] = {"delete": "del", "insert": "ins"}


class Row(NamedTuple):
    """One line of the page: a sentence that stayed, or an edit; `text` is empty beside an edit."""

    text: str
    edit: Edit | None
    is_heading: bool = False


def to_html(
    comparison: Comparison, old: Article, new: Article, layout: Layout = "both", captions: tuple[str, str] = ("", "")
) -> str:
    """A whole page. `captions` name the two sides (times, files); `both` offers a choice that prints as chosen."""
    rows = list(_rows(comparison, sentences_of(old), sentences_of(new), new))
    parts: list[str] = []
    if layout == "both":
        parts.append('<input type="radio" name="view" id="inline" checked><label for="inline">Inline</label>')
        parts.append('<input type="radio" name="view" id="side"><label for="side">Side by side</label>')
    if layout != "side":
        parts.append(f'<section class="inline">{"".join(_inline(row) for row in rows)}</section>')
    if layout != "inline":
        parts.append(_table(rows, captions))
    title = new.title or old.title or new.url
    style = files("columnarchive.diff").joinpath("page.css").read_text("utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(new.language or "ja")}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{style}</style></head><body><main><h1>{escape(title)}</h1>"
        f"{_heading(comparison, new.url, captions)}{''.join(parts)}</main></body></html>\n"
    )


def inline_html(spans: Iterable[Span]) -> str:
    """Spans as escaped text with `<del>` and `<ins>`, for use within a page; line ends become `<br>`."""
    return "".join(_span(span) for span in spans)


def _heading(comparison: Comparison, url: str, captions: tuple[str, str]) -> str:
    between = f"<p>{escape(captions[0])} → {escape(captions[1])}</p>" if any(captions) else ""
    labels = "".join(f"<li>{escape(label)}</li>" for label in comparison.labels)
    counts = f"+{comparison.added_chars} −{comparison.removed_chars} characters" if comparison.edits else "no change"
    return (
        f'<p class="url">{escape(url)}</p>{between}<p>level {comparison.level} · {counts}</p>'
        f'<ul class="labels">{labels}</ul>'
    )


def _rows(comparison: Comparison, before: Sentences, after: Sentences, new: Article) -> Iterator[Row]:
    """The new text in order, each edit where a reader meets it."""
    taken: set[int] = set()
    gone: set[int] = set()
    for edit in comparison.edits:
        if edit.new_at >= 0:
            taken.update(range(edit.new_at, after.reach(edit.new_at, edit.new)))
        if edit.old_at >= 0:
            gone.update(range(edit.old_at, before.reach(edit.old_at, edit.old)))
    stayed = [at for at in range(len(after.texts)) if at not in taken]
    # The sentences that stayed are the same on both sides and in the same order, so their places translate.
    old_stayed = [at for at in range(len(before.texts)) if at not in gone]
    at = 0
    for edit in comparison.edits:
        while at < len(stayed) and _comes_before(stayed[at], old_stayed[at], edit):
            yield Row(after.texts[stayed[at]], None, new.blocks[after.blocks[stayed[at]]].kind == "heading")
            at += 1
        yield Row("", edit)
    for place in stayed[at:]:
        yield Row(after.texts[place], None, new.blocks[after.blocks[place]].kind == "heading")


def _comes_before(new_place: int, old_place: int, edit: Edit) -> bool:
    if edit.new_at >= 0:
        return new_place < edit.new_at
    return old_place < edit.old_at


def _inline(row: Row) -> str:
    if row.edit is None:
        return f'<p class="{_stayed(row)}">{escape(row.text)}</p>'
    return f'<p class="edit {row.edit.op}">{_labels(row.edit)}{inline_html(row.edit.spans)}</p>'


def _table(rows: Iterable[Row], captions: tuple[str, str]) -> str:
    heads = "".join(f"<th>{escape(caption)}</th>" for caption in captions)
    body = "".join(_table_row(row) for row in rows)
    return f'<table class="side"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _table_row(row: Row) -> str:
    if row.edit is None:
        text = escape(row.text)
        return f'<tr class="{_stayed(row)}"><td>{text}</td><td>{text}</td></tr>'
    edit = row.edit
    left = inline_html(span for span in edit.spans if span.op != "insert") if edit.old_at >= 0 or edit.old else ""
    right = inline_html(span for span in edit.spans if span.op != "delete")
    if edit.op == "moved" and len(edit.spans) == 1:
        left = ""
    return f'<tr class="edit {edit.op}"><td>{left}</td><td>{_labels(edit)}{right}</td></tr>'


def _stayed(row: Row) -> str:
    return "same heading" if row.is_heading else "same"


def _labels(edit: Edit) -> str:
    return f"<small>{escape(', '.join(edit.labels))}</small> "


def _span(span: Span) -> str:
    text = escape(span.text).replace("\n", "<br>")
    tag = _TAGS.get(span.op)
    return f"<{tag}>{text}</{tag}>" if tag else text
