"""Commands that show what is archived: show, history, blame, captures, status."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive import locale
from columnarchive.cli.maintenance import article_facts
from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    MOST,
    AsJson,
    Db,
    Url,
    Zone,
    choose,
    console,
    counted,
    dated_lines,
    json_lines,
    lang,
    outcome_name,
    picked,
    report_lines,
    say,
    t,
    table,
    visible,
)
from columnarchive.records import Failure
from columnarchive.times import DEFAULT_ZONE, day, interval, typed

if TYPE_CHECKING:
    from columnarchive.reader import CaptureRow
    from columnarchive.records import Article, Revision


NAMED = 3  # pages of one outcome of a site that `status` names


def show(
    url: Url,
    revision: Annotated[int, typer.Option("--revision", "-r", min=0, max=MOST)] = 0,
    at: str = "",
    format: Annotated[str, typer.Option("--format", "-f")] = "text",
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Print the current text of a column, or an earlier one."""
    from columnarchive.reader import Pick, Reader

    choose("--format", format, ("text", "markdown", "json", "html"))
    with Reader.open(db) as archive:
        row = archive.article(archive.resolve(url))
        pick = Pick(revision, typed(at, tz, end=True) if at else "")
        if format == "html":
            sys.stdout.buffer.write(archive.page_body(row, pick))
            return
        found = archive.revision(row, pick)
    if format == "json":
        json_lines([_revision_json(found)])
    else:
        typer.echo(visible(_markdown(found.article) if format == "markdown" else _plain(found, tz)))


def _revision_json(found: Revision) -> dict[str, Any]:
    article = found.article
    return {
        **picked(article, "url", "title", "published_on", "modified_on", "author", "supervisor"),
        "revision": found.number,
        **picked(found, "first_seen_at", "last_seen_at"),
        "fingerprint": article.fingerprint,
        "body_sha256": found.body_sha256,
        "text": article.text,
        "blocks": [asdict(block) for block in article.blocks],
    }


def _facts(article: Article) -> list[tuple[str, str]]:
    return [*article_facts(article), ("source", article.url)]


def _plain(found: Revision, tz: str) -> str:
    article = found.article
    lines = [article.title, *(f"{t(name)}: {value}" for name, value in _facts(article))]
    lines.append(
        t("revision_seen", n=found.number, first=day(found.first_seen_at, tz), last=day(found.last_seen_at, tz))
    )
    for block in article.blocks:
        if block.kind in ("heading", "question", "paragraph"):
            lines.append("")
        lines.append({"item": "・", "heading": "■ "}.get(block.kind, "") + block.text)
    return "\n".join(lines)


def _markdown(article: Article) -> str:
    from columnarchive.archive import to_markdown

    return to_markdown(article, [(t(name), value) for name, value in _facts(article)])


def history(
    url: Url,
    pictures: Annotated[bool, typer.Option("--pictures")] = False,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """List the revisions of a column: when each was first and last seen, and what changed."""
    from columnarchive.reader import ChangeFilter, Reader

    with Reader.open(db) as archive:
        row = archive.article(archive.resolve(url))
        revisions = archive.revisions(row) if pictures else archive.text_revisions(row)
        changes = archive.changes(ChangeFilter(url=row.url))
    if as_json:
        json_lines(map(asdict, revisions))
        return
    console().print(visible(row.title), style="bold", markup=False)
    lines = []
    for one in revisions:
        source = locale.source_name(lang(), one.source) if one.source not in ("", "crawl") else ""
        seen = t(
            "revision_line",
            n=one.number,
            characters=one.characters,
            last=day(one.last_seen_at, tz),
            source=t("captured_by", source=source) if source else "",
        )
        lines.append((one.first_seen_at, one.number, 0, day(one.first_seen_at, tz), seen))
    for change in changes:
        when = interval(change.after_at, change.seen_at, lang(), tz)
        is_event = bool(set(change.labels) & {"gone", "returned"})
        summary = change.summary_in(lang())
        line = f"{when}: {locale.label_names(change.labels, lang())}: {summary}"
        if is_event:
            line = f"{summary} ({when})"
        start = day(change.seen_at, tz) if is_event else ""
        lines.append((change.seen_at, change.to_number, 1, start, line))
    dated_lines((start, line, "") for *_, start, line in sorted(lines))
    state = locale.name(lang(), "state", row.state)
    console().print(t("last_seen", day=day(row.last_seen_at, tz), state=state), style="dim")


def blame(url: Url, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """Show each sentence of a column with the day since which it has read so, and the removed sentences."""
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        row = archive.article(archive.resolve(url))
        sentences = archive.sentences(row)
        removed = archive.removed_sentences(row)
    if as_json:
        json_lines(asdict(sentence) for sentence in [*sentences, *removed])
        return
    lines = []
    for sentence in sentences:
        style = "" if sentence.since_revision == 1 else "yellow"
        lines.append((day(sentence.since_at, tz), sentence.text, style))
        if sentence.before_text:
            lines.append(("", t("before", text=sentence.before_text), "dim"))
    replaced = {sentence.before_text for sentence in sentences}
    for sentence in removed:
        if sentence.text not in replaced:
            span = f"{day(sentence.since_at, tz)} – {day(sentence.until_at, tz)}"
            lines.append((t("removed_line"), f"{sentence.text} ({span})", "red"))
    dated_lines(lines)


def pictures(url: Url, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """List the pictures of a column with what the page says of each, and the pictures that it had."""
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        found = archive.pictures(archive.article(archive.resolve(url)))
    if as_json:
        json_lines(asdict(one) for one in found)
        return
    out = console()
    for one in found:
        key = "picture_since" if one.stands else "picture_span"
        span = t(key, first=day(one.since_at, tz), last=day(one.until_at, tz))
        out.print(
            f"{visible(one.alt or one.caption or '–')}  ({span})", style="" if one.stands else "red", markup=False
        )
        out.print(f"    {visible(one.url)}  {one.sha256[:16]}", style="dim", markup=False)
    say("pictures_found", number=len(found))


def captures(url: Url, as_json: AsJson = False, db: Db = DEFAULT_DATABASE) -> None:
    """List every capture of a page with its outcome."""
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        rows = archive.captures(archive.resolve(url))
        faults = [f"{fault.step}: {fault.reason}" for fault in archive.page_faults(rows[-1].url)]
        outcome = archive.unread_outcome(rows[-1].url)
        why = locale.name(lang(), "unread", outcome) if outcome in UNREAD else ""
        why = " ".join(filter(None, [why, *faults]))
    if as_json:
        json_lines(asdict(row) for row in rows)
        return
    newest = next((row.body_sha256 for row in reversed(rows) if row.body_sha256), "")
    table(
        ("fetched_at", "status_code", "outcome", "body", "note"),
        (
            (
                row.fetched_at,
                row.status or "",
                outcome_name(row.outcome),
                row.body_sha256[:16],
                _note(row, url, why if row.body_sha256 == newest else ""),
            )
            for row in rows
        ),
    )


UNREAD = ("suspect", "needs_javascript", "no_article", "unreadable", "bad_encoding", "too_deep")
"""Outcomes of pages that answered and have no column."""


def _note(row: CaptureRow, url: str, why: str) -> str:
    if row.withdrawn:
        return t("withdrawn_at", at=row.withdrawn_at, reason=row.withdrawn_reason)
    moved = f"→ {row.final_url}" if row.final_url and row.final_url not in (row.url, url) else ""
    source = "" if row.source == "crawl" else t("captured_by_note", source=locale.source_name(lang(), row.source))
    return "  ".join(
        part
        for part in (locale.translated(lang(), row.error) or moved, source, why, row.robots and f"robots: {row.robots}")
        if part
    )


def status(as_json: AsJson = False, db: Db = DEFAULT_DATABASE) -> None:
    """Show what the archive holds, how the last visits ended, and how many are due."""
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        state = archive.status()
    size = db.stat().st_size
    if as_json:
        json_lines([{"database": str(db), "bytes": size, **asdict(state)}])
        return
    totals = asdict(state.totals)
    stored = {"raw": state.totals.body_bytes / 1e6, "stored": state.totals.stored_bytes / 1e6}
    lines = [
        t("status_file", path=db, size=size / 1e6, demo=t("status_demo") if state.is_demo else ""),
        t("status_articles", **totals),
        t("status_captures", **totals),
        t("status_bodies", bodies=state.totals.bodies, **stored),
        t("status_due", number=state.due),
    ]
    if state.totals.withdrawn:
        lines.append(t("status_withdrawn", number=state.totals.withdrawn))
    if state.outcomes:
        lines.append(t("status_visits", outcomes=counted(state.outcomes.items())))
    lines += [t("status_unreadable", step=page.step, url=page.url, reason=page.reason) for page in state.unreadable]
    unseen = [Failure(one.url, one.outcome, one.error, one.site) for one in state.troubles]
    lines += [visible(line) for line in report_lines(unseen, NAMED)]
    if state.head:
        lines.append(t("status_head", head=state.head))
    if state.stamped_at:
        lines.append(t("status_stamped", at=state.stamped_at))
    typer.echo("\n".join(lines))
