"""The lines of a comparison as HTML. A long column has hundreds, so they are joined here and not by template macros."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from markupsafe import Markup

from columnarchive.browse import labels
from columnarchive.browse.asking import Language
from columnarchive.browse.words import say
from columnarchive.diff.layout import Line, Paragraph
from columnarchive.diff.render_html import spans_to_html
from columnarchive.records import Edit

_OPS = {"added": "added", "removed": "removed_op", "edited": "edited", "moved": "moved_op"}


class Lines:
    """Draws lines in one language, in one column or with the two texts side by side. All text is escaped here."""

    def __init__(self, lang: Language, *, side: bool) -> None:
        self._lang = lang
        self._side = side
        self._why = f'<span class="sr">{escape(say(lang, "why"))}: </span>'
        self._ops = {
            op: f'<span class="sr" lang="{lang}">{escape(say(lang, key))}: </span>' for op, key in _OPS.items()
        }

    def meta(self, edit: Edit) -> Markup:
        """An edit of the title or of a person."""
        return Markup(self._pair("meta", edit, "") if self._side else self._para("meta", self._edit(edit)))

    def paragraphs(self, many: Iterable[Paragraph]) -> Markup:
        """Paragraphs in their order."""
        drawn = self._beside if self._side else self._below
        return Markup("\n".join([drawn(one.kind, one.lines) for one in many]))

    def _below(self, kind: str, lines: Iterable[Line]) -> str:
        return self._para(kind, "".join(
            [self._edit(line.edit) if line.edit else f"<span>{escape(line.text)}</span>" for line in lines]
        ))  # fmt: skip

    def _beside(self, kind: str, lines: Iterable[Line]) -> str:
        return "\n".join([self._pair(kind, line.edit, line.text) for line in lines])

    @staticmethod
    def _para(kind: str, drawn: str) -> str:
        return f'<div class="para {escape(kind)}">{drawn}</div>'

    def _edit(self, edit: Edit) -> str:
        words = f'<span class="words">{spans_to_html(edit.spans)}</span>'
        return f'<div class="edit {edit.op}">{self._ops[edit.op]}{words}{self._told(edit)}</div>'

    def _pair(self, kind: str, edit: Edit | None, text: str) -> str:
        kind = escape(kind)
        if edit is None:
            old = new = escape(text)
            return f'<div class="pair {kind}"><div class="old">{old}</div><div class="new">{new}</div></div>'
        old = "" if edit.op == "moved" else spans_to_html(edit.spans, without="insert")
        new = spans_to_html(edit.spans, without="delete")
        op = self._ops[edit.op]
        left, right = (op, "") if edit.op in ("removed", "edited") else ("", op)
        return (
            f'<div class="pair {kind} edit {edit.op}"><div class="old">{left}{old}</div>'
            f'<div class="new">{right}{new}{self._told(edit)}</div></div>'
        )

    def _told(self, edit: Edit) -> str:
        """The labels of an edit and the words they were seen in."""
        marks = [
            f'<span class="tag">{escape(labels.name(labels.LABELS, name, self._lang))}</span>' for name in edit.labels
        ]
        for one in edit.evidence:
            words = [f'<q lang="ja">{escape(said)}</q>' for said in (one.old, one.new) if said]
            if words:
                marks.append(f'<span class="evidence">{self._why}{" → ".join(words)}</span>')
        return f'<aside class="why" lang="{self._lang}">{"".join(marks)}</aside>'
