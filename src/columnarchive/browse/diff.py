"""The diff page: any two revisions, in one column or two, only what changed or the whole text."""

from __future__ import annotations

from markupsafe import Markup

from columnarchive.browse.diff_html import EditRenderer
from columnarchive.browse.home import REPLACED, clipped
from columnarchive.browse.rendering import FileResponse, Page
from columnarchive.browse.request import PageRequest
from columnarchive.errors import UsageError
from columnarchive.locale import source_name
from columnarchive.reader import Pick, Reader, RevisionComparison, lay_out, priority, spans_to_html
from columnarchive.times import day_name, interval

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
