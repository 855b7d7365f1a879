"""Render a comparison for the terminal, as plain text and as JSON; `render_html` makes pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from columnarchive.diff.sentences import Sentences, sentences_of
from columnarchive.locale import Language, label_names, text
from columnarchive.records import Article, Comparison, Edit, Span
from columnarchive.text import visible

Style = Literal["plain", "ansi", "rich"]
Paint = Callable[[str, str], str]

_ANSI = {"delete": "\x1b[31m", "insert": "\x1b[32m", "dim": "\x1b[2m", "head": "\x1b[1m"}
_RICH = {"delete": "red", "insert": "green", "dim": "dim", "head": "bold"}
_SIGNS = {"added": "+", "removed": "-", "edited": "~", "moved": ">"}


class _Sides(NamedTuple):
    """The sentences of both texts, and where each text first occurs among the new ones."""

    before: Sentences
    after: Sentences
    first_at: dict[str, int]

    @classmethod
    def of(cls, old: Article, new: Article) -> _Sides:
        after = sentences_of(new)
        first_at = {text: at for at, text in reversed(list(enumerate(after.texts)))}
        return cls(sentences_of(old), after, first_at)


def to_json(comparison: Comparison, old: int | str, new: int | str) -> dict[str, Any]:
    """Return what `diff --json` prints; `old` and `new` name what was compared (revision numbers, times or files)."""
    return {
        "from": old,
        "to": new,
        "level": comparison.level,
        "labels": list(comparison.labels),
        "edits": [
            {
                "op": edit.op,
                "old": edit.old,
                "new": edit.new,
                "spans": [{"op": span.op, "text": span.text} for span in edit.spans],
                "labels": list(edit.labels),
                "level": edit.level,
            }
            for edit in comparison.edits
        ],
    }


def to_text(comparison: Comparison, old: Article, new: Article) -> str:
    """Return plain text: each edit with a sentence of context, `[-taken out-]` and `{+put in+}`."""
    return to_terminal(comparison, old, new, "plain")


def to_terminal(
    comparison: Comparison, old: Article, new: Article, style: Style = "plain", lang: Language = "en"
) -> str:
    """Return the same with colour, as ANSI codes or rich markup. The marks remain, so that colour is not needed."""
    paint = _painter(style)
    sides = _Sides.of(old, new)
    after = sides.after
    lines = [paint("head", _headline(comparison, lang))]
    last_context = -1
    for run in _runs(comparison.edits, sides):
        context, following = _around(run[0], sides)[0], max(_around(edit, sides)[1] for edit in run)
        lines.append("")
        if context > last_context:
            lines.append(paint("dim", f"    {after.texts[context]}"))
        head = ""
        for edit in run:
            header = paint("head", f"  {_SIGNS[edit.op]} ") + paint("dim", _about(edit, old, new, lang))
            # What came or went in a row is read in a row.
            if header != head or edit.op not in ("added", "removed"):
                lines.append(header)
            head = header
            lines.extend(f"    {line}" for line in _marked(edit, paint).split("\n"))
        if 0 <= following < len(after.texts):
            lines.append(paint("dim", f"    {after.texts[following]}"))
            last_context = following
    return "\n".join(lines) + "\n"


def _runs(edits: Sequence[Edit], sides: _Sides) -> Iterator[list[Edit]]:
    """Yield runs of edits with no unchanged sentence between them."""
    run: list[Edit] = []
    for edit in edits:
        if run and not _adjoin(run[-1], edit, sides):
            yield run
            run = []
        run.append(edit)
    if run:
        yield run


def _adjoin(one: Edit, other: Edit, sides: _Sides) -> bool:
    if one.new_at >= 0 and other.new_at >= 0:
        return other.new_at == sides.after.reach(one.new_at, one.new)
    if one.old_at >= 0 and other.old_at >= 0:
        return other.old_at == sides.before.reach(one.old_at, one.old)
    if one.new_at >= 0:
        return other.old_at >= 0 and _around(other, sides)[0] == one.new_at - 1
    return one.old_at >= 0 and _around(one, sides)[1] == other.new_at


def _about(edit: Edit, old: Article, new: Article, lang: Language) -> str:
    """Return the labels of an edit and, if it is none of the text, the name of the changed field."""
    labels = label_names(edit.labels, lang)
    if edit.old_at >= 0 or edit.new_at >= 0:
        return labels
    both = (edit.old, edit.new)
    where = next((name for name in ("title", "author", "supervisor") if both == _each(name, old, new)), "")
    return f"{labels} ({text(lang, f'cli.{where}')})" if where else labels


def _each(name: str, old: Article, new: Article) -> tuple[str, str]:
    return getattr(old, name), getattr(new, name)


def _headline(comparison: Comparison, lang: Language) -> str:
    if not comparison.edits:
        return text(lang, "cli.same_text")
    return text(
        lang,
        "cli.diff_coarse" if comparison.capped else "cli.diff",
        level=comparison.level,
        labels=label_names(comparison.labels, lang),
        added=comparison.added_chars,
        removed=comparison.removed_chars,
    )


def _around(edit: Edit, sides: _Sides) -> tuple[int, int]:
    """Return the positions of the new sentences before and after an edit, -1 if there is none."""
    if edit.new_at >= 0:
        return edit.new_at - 1, sides.after.reach(edit.new_at, edit.new)
    if edit.old_at <= 0:
        return -1, 0 if edit.old_at == 0 else -1
    at = sides.first_at.get(sides.before.texts[edit.old_at - 1], -1)
    return at, at + 1 if at >= 0 else -1


def _marked(edit: Edit, paint: Paint) -> str:
    if edit.op == "moved" and len(edit.spans) == 1:
        return "{>" + paint("plain", edit.new) + "<}"
    return "".join(_span(span, paint) for span in edit.spans)


def _span(span: Span, paint: Paint) -> str:
    if span.op == "delete":
        return paint("delete", f"[-{span.text}-]")
    if span.op == "insert":
        return paint("insert", f"{{+{span.text}+}}")
    return paint("plain", span.text)


def _painter(style: Style) -> Paint:
    if style == "ansi":
        return lambda role, text: f"{_ANSI[role]}{visible(text)}\x1b[0m" if role in _ANSI else visible(text)
    if style == "rich":
        return lambda role, text: f"[{_RICH[role]}]{_escaped(text)}[/]" if role in _RICH else _escaped(text)
    return lambda _, text: visible(text)


def _escaped(text: str) -> str:
    """Escape brackets, which rich reads as a style."""
    return visible(text).replace("\\", "\\\\").replace("[", "\\[")


def marked_lines(comparison: Comparison) -> Iterator[str]:
    """Yield each edit as one line with its marks and without context."""
    paint = _painter("plain")
    for edit in comparison.edits:
        yield _marked(edit, paint).replace("\n", " ")
