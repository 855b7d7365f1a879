"""The diff page: any two revisions, in one column or two, only what changed or the whole text.

A long column has hundreds of lines, so they are joined here and not by template loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from markupsafe import Markup

from columnarchive import locale
from columnarchive.browse.home import REPLACED, clipped
from columnarchive.browse.rendering import FileResponse, Page, PageRequest
from columnarchive.errors import UsageError
from columnarchive.locale import Language, source_name
from columnarchive.reader import Paragraph, Pick, Reader, RevisionComparison, lay_out, priority, spans_to_html
from columnarchive.records import Edit
from columnarchive.times import day_name, interval


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


ZONE = "Asia/Tokyo"
IMPORTANT = 8  # edits that head the page when all of it was replaced


def diff(archive: Reader, request: PageRequest) -> Page:
    """Two revisions compared, named by the times at which they were first seen; the last two by default."""
    row = archive.article(request.get("url"))
    revisions = archive.revisions(row)
    if len(revisions) < 2:
        return Page("single.html", {"row": row})
    picks = [Pick.parse(text, ZONE) if text else None for text in (request.get("from"), request.get("to"))]
    found = archive.compare_revisions(row, *picks)
    view = _one_of(request.get("view") or "inline", ("inline", "side"))
    show = _one_of(request.get("show") or "changes", ("changes", "all"))
    times = {revision.number: revision.first_seen_at for revision in revisions}
    older, newer = found.old.number, found.new.number
    ends = (older, newer)
    step = next((one for one in archive.article_changes(row.id) if (one.from_number, one.to_number) == ends), None)
    reviews = archive.reviews().values() if request.can_review and step else ()
    return Page(
        "diff.html",
        {
            "row": row,
            "found": found,
            "step": step,
            "review": next((one for one in reviews if step and one.names(row.url, step.after_at, step.seen_at)), None),
            "important": _important(found),
            "layout": lay_out(found.comparison, found.old.article, found.new.article, only_changes=show == "changes"),
            "edits": EditRenderer(request.lang, found.comparison.edits, _cite_url(found, request), side=view == "side"),
            "between": _interval(found, request) if older + 1 == newer else "",
            "sources": {
                one.number: "" if one.source == "crawl" else source_name(request.lang, one.source) for one in revisions
            },
            "pictures": archive.changed_pictures(found),
            "view": view,
            "show": show,
            "choices": [
                (
                    one.number,
                    one.first_seen_at,
                    f"{request.text('revision', n=one.number)} · {day_name(one.first_seen_at, request.lang)}",
                )
                for one in revisions
            ],
            "previous": (times[older - 1], times[older]) if older > 1 and older < newer else None,
            "following": (times[newer], times[newer + 1]) if newer < row.revisions and older < newer else None,
        },
    )


def _important(found: RevisionComparison) -> list[tuple[int, Markup]]:
    """The weighty edits of a page that was rewritten or replaced, with their numbers: they head the page."""
    if not set(REPLACED) & set(found.comparison.labels):
        return []
    weighty = [(number, edit) for number, edit in enumerate(found.comparison.edits, 1) if edit.level == 3]
    weighty.sort(key=lambda item: -priority(item[1].labels))
    return [(number, Markup(spans_to_html(clipped(edit.spans)))) for number, edit in weighty[:IMPORTANT]]


def _interval(found: RevisionComparison, request: PageRequest) -> str:
    """Between which captures the old text became the new one."""
    old, new = found.old, found.new
    after = old.last_seen_at if old.last_seen_at < new.first_seen_at else old.first_seen_at
    return interval(after, new.first_seen_at, request.lang)


def _cite_url(found: RevisionComparison, request: PageRequest) -> str:
    ends = (found.old.first_seen_at, found.new.first_seen_at)
    return request.link("cite", url=found.article.url, from_=ends[0], to=ends[1])


def cite(archive: Reader, request: PageRequest) -> Page:
    """An edit as it is cited, in both languages, to be copied."""
    number = request.number("edit", 100_000) or 1
    found = archive.citation(request.get("url"), number, request.get("from"), request.get("to"))
    base = request.absolute(request.path(""))
    texts = [(lang, found.text(lang, base.rstrip("/"))) for lang in ("ja", "en")]
    return Page("cite.html", {"citation": found, "texts": texts, "back": request.path(found.link)})


def change(archive: Reader, request: PageRequest) -> FileResponse:
    """A change by its row, as Datasette's tables link it: on to its permanent address."""
    step = archive.change(request.number("id", 2**31))
    is_event = step.old_at == step.new_at
    where = (
        request.link("article", url=step.url)
        if is_event
        else request.link("diff", url=step.url, from_=step.old_at, to=step.new_at)
    )
    return FileResponse(b"", "text/plain", {"Location": where}, 302)


def _one_of(text: str, known: tuple[str, str]) -> str:
    if text not in known:
        raise UsageError("not_a_choice", text=text[:40], choices=", ".join(known))
    return text
