"""The diff page: any two revisions, in one column or two, only what changed or the whole text."""

from __future__ import annotations

from columnarchive import reader
from columnarchive.browse.answers import Page, Sent
from columnarchive.browse.asking import Ask
from columnarchive.browse.dates import day
from columnarchive.browse.drawn import Lines
from columnarchive.browse.words import say
from columnarchive.diff.layout import lay_out
from columnarchive.errors import UsageError

ZONE = "Asia/Tokyo"


def diff(conn: reader.Connection, ask: Ask) -> Page:
    """Two revisions compared, named by the times at which they were first seen; the last two by default."""
    row = reader.article(conn, ask.get("url"))
    revisions = reader.history(conn, row)
    if len(revisions) < 2:
        return Page("single.html", {"row": row})
    picks = [reader.picked(text, ZONE) if text else None for text in (ask.get("from"), ask.get("to"))]
    found = reader.compared(conn, row, *picks)
    view = _one_of(ask.get("view") or "inline", ("inline", "side"))
    show = _one_of(ask.get("show") or "changes", ("changes", "all"))
    times = {revision.number: revision.first_seen_at for revision in revisions}
    older, newer = found.old.number, found.new.number
    return Page(
        "diff.html",
        {
            "row": row,
            "found": found,
            "laid": lay_out(found.comparison, found.old.article, found.new.article, only_changes=show == "changes"),
            "lines": Lines(ask.lang, side=view == "side"),
            "view": view,
            "show": show,
            "choices": [
                (
                    one.number,
                    one.first_seen_at,
                    f"{say(ask.lang, 'revision', n=one.number)} · {day(one.first_seen_at, ask.lang)}",
                )
                for one in revisions
            ],
            "previous": (times[older - 1], times[older]) if older > 1 and older < newer else None,
            "following": (times[newer], times[newer + 1]) if newer < row.revisions and older < newer else None,
        },
    )


def change(conn: reader.Connection, ask: Ask) -> Sent:
    """A change by its row, as Datasette's tables link it: on to its permanent address."""
    step = reader.shown.step(conn, ask.number("id", 2**31))
    is_event = step.old_at == step.new_at
    where = (
        ask.link("article", url=step.url)
        if is_event
        else ask.link("diff", url=step.url, from_=step.old_at, to=step.new_at)
    )
    return Sent(b"", "text/plain", {"Location": where}, 302)


def _one_of(text: str, known: tuple[str, str]) -> str:
    if text not in known:
        raise UsageError(f"{text[:40]!r} is unknown here; it is one of {' and '.join(known)}.")
    return text
