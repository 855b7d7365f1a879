"""The lines of a comparison as HTML. A long column has hundreds, so they are joined here and not by template macros."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from markupsafe import Markup

from columnarchive import locale
from columnarchive.locale import Language
from columnarchive.reader import Paragraph, spans_to_html
from columnarchive.records import Edit


class EditRenderer:
    """Renders lines in one language, in one column or with the two texts side by side. All text is escaped here."""

    def __init__(self, lang: Language, edits: Sequence[Edit], cite: str, *, side: bool) -> None:
        self._cite = cite
        self._numbers = {id(edit): number for number, edit in enumerate(edits, 1)}
        self._lang = lang
        self._side = side
        self._why = f'<span class="sr">{escape(locale.text(lang, "page.why"))}: </span>'
        self._ops = {
            op: f'<span class="sr" lang="{lang}">{escape(locale.text(lang, f"page.op_{op}"))}: </span>'
            for op in ("added", "removed", "edited", "moved")
        }

    def meta(self, edit: Edit) -> Markup:
        """Return an edit of the title or of a person."""
        return Markup(self._pair("meta", edit, "") if self._side else self._block("meta", self._inline(edit)))

    def paragraphs(self, many: Iterable[Paragraph]) -> Markup:
        """Return paragraphs in their order."""
        return Markup("\n".join([self._paragraph(one) for one in many]))

    def _paragraph(self, paragraph: Paragraph) -> str:
        if self._side:
            return "\n".join([self._pair(paragraph.kind, line.edit, line.text) for line in paragraph.lines])
        lines = "".join(
            [self._inline(line.edit) if line.edit else f"<span>{escape(line.text)}</span>" for line in paragraph.lines]
        )
        return self._block(paragraph.kind, lines)

    @staticmethod
    def _block(kind: str, html: str) -> str:
        return f'<div class="para {escape(kind)}">{html}</div>'

    def _inline(self, edit: Edit) -> str:
        words = f'<span class="words">{spans_to_html(edit.spans)}</span>'
        start = f'<div class="edit {edit.op}" id="{self._anchor(edit)}">'
        return f"{start}{self._ops[edit.op]}{words}{self._labels(edit)}</div>"

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
            f'<div class="pair {kind} edit {edit.op}" id="{self._anchor(edit)}"><div class="old">{left}{old}</div>'
            f'<div class="new">{right}{new}{self._labels(edit)}</div></div>'
        )

    def _anchor(self, edit: Edit) -> str:
        """The name of an edit within the page, by its place among the edits of the change."""
        return f"edit-{self._numbers[id(edit)]}"

    def _labels(self, edit: Edit) -> str:
        """The labels of an edit and the words that they are based on."""
        parts = [f'<span class="tag">{escape(locale.name(self._lang, "label", name))}</span>' for name in edit.labels]
        for one in edit.evidence:
            words = [f'<q lang="ja">{escape(word)}</q>' for word in (one.old, one.new) if word]
            if words:
                parts.append(f'<span class="evidence">{self._why}{" → ".join(words)}</span>')
        return f'<aside class="why" lang="{self._lang}">{"".join(parts)}{self._tools(edit)}</aside>'

    def _tools(self, edit: Edit) -> str:
        """Links to the edit itself, to the one before and after, and to how it is cited."""
        number, last = self._numbers[id(edit)], len(self._numbers)
        links = [f'<a href="#edit-{number}">#{number}</a>']
        for other, key, sign in ((number - 1, "previous_edit", "↑"), (number + 1, "next_edit", "↓")):
            if 0 < other <= last:
                name = escape(locale.text(self._lang, f"page.{key}"))
                links.append(f'<a href="#edit-{other}" title="{name}" aria-label="{name}">{sign}</a>')
        name = escape(locale.text(self._lang, "page.cite"))
        links.append(f'<a href="{escape(self._cite)}&amp;edit={number}">{name}</a>')
        return f'<span class="edit-tools">{" ".join(links)}</span>'
