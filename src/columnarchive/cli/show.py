"""Commands that show what is archived: show, history, blame, captures, status."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    MOST,
    WITHOUT_COLUMN,
    AsJson,
    Db,
    Url,
    Zone,
    choose,
    console,
    json_lines,
    table,
    visible,
)
from columnarchive.locale import source_name
from columnarchive.plain_text import count
from columnarchive.times import DEFAULT_ZONE, day, interval, typed

if TYPE_CHECKING:
    from columnarchive.reader import CaptureRow
    from columnarchive.records import Article, Revision


def show(
    url: Url,
    revision: Annotated[int, typer.Option("--revision", "-r", min=0, max=MOST, help="This revision.")] = 0,
    at: Annotated[str, typer.Option("--at", help="The text at the end of this day, or at this time.")] = "",
    format: Annotated[
        str, typer.Option("--format", "-f", help="text, markdown, json or html (the stored page).")
    ] = "text",
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Print the current text of a column, or an earlier one.

    Example: archive show https://clinic.example/column/nanbyo/ --at 2025-12-31
    """
    from columnarchive.reader import Pick, Reader

    choose("--format", format, ("text", "markdown", "json", "html"))
    with Reader.open(db) as archive:
        row = archive.article(url)
        pick = Pick(revision, typed(at, tz, end=True) if at else "")
        if format == "html":
            sys.stdout.buffer.write(archive.page_body(row, pick))
            return
        found = archive.revision(row, pick)
    if format == "json":
        json_lines([_revision_json(found)])
    else:
        typer.echo(visible(_markdown(found.article) if format == "markdown" else _plain(found)))


def _revision_json(found: Revision) -> dict[str, Any]:
    article = found.article
    return {
        "url": article.url,
        "title": article.title,
        "published_on": article.published_on,
        "modified_on": article.modified_on,
        "author": article.author,
        "supervisor": article.supervisor,
        "revision": found.number,
        "first_seen_at": found.first_seen_at,
        "last_seen_at": found.last_seen_at,
        "fingerprint": article.fingerprint,
        "body_sha256": found.body_sha256,
        "text": article.text,
        "blocks": [{"kind": block.kind, "text": block.text, "level": block.level} for block in article.blocks],
    }


def _facts(article: Article) -> list[tuple[str, str]]:
    facts = (
        ("published", article.published_on),
        ("modified", article.modified_on),
        ("author", article.author),
        ("supervisor", article.supervisor),
        ("source", article.url),
    )
    return [(name, value) for name, value in facts if value]


def _plain(found: Revision) -> str:
    article = found.article
    lines = [article.title, *(f"{name}: {value}" for name, value in _facts(article))]
    lines.append(f"revision {found.number}, seen {day(found.first_seen_at)} to {day(found.last_seen_at)}")
    for block in article.blocks:
        if block.kind in ("heading", "question", "paragraph"):
            lines.append("")
        lines.append({"item": "・", "heading": "■ "}.get(block.kind, "") + block.text)
    return "\n".join(lines)


def _markdown(article: Article) -> str:
    from columnarchive.exchange import markdown

    facts = "\n".join(f"- {name}: {markdown.inline(value)}" for name, value in _facts(article))
    return f"# {markdown.inline(article.title)}\n\n{facts}\n\n{markdown.body(article.blocks)}"


def history(url: Url, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """List the revisions of a column: when each was first and last seen, and what changed.

    Example: archive history https://clinic.example/column/nanbyo/
    """
    from columnarchive.reader import ChangeFilter, Reader

    with Reader.open(db) as archive:
        row = archive.article(url)
        revisions = archive.revisions(row)
        changes = archive.changes(ChangeFilter(url=row.url))
    if as_json:
        json_lines(map(asdict, revisions))
        return
    out = console()
    out.print(visible(row.title), style="bold", markup=False)
    entries = [(one.first_seen_at, one.number, 0, _revision_line(one, tz)) for one in revisions]
    for change in changes:
        when = interval(change.after_at, change.seen_at, "en", tz)
        line = f"{'':12}{when}: {', '.join(change.labels)}: {change.summary}"
        if set(change.labels) & {"gone", "returned"}:
            line = f"{day(change.seen_at, tz)}  {change.summary} ({when})"
        entries.append((change.seen_at, change.to_number, 1, line))
    for *_, line in sorted(entries):
        out.print(visible(line), markup=False)
    out.print(f"last seen {day(row.last_seen_at, tz)}, {row.state}", style="dim")


def _revision_line(one: Any, tz: str) -> str:
    seen = f"seen until {day(one.last_seen_at, tz)}"
    source = "" if one.source in ("", "crawl") else f", captured by {source_name('en', one.source)}"
    return f"{day(one.first_seen_at, tz)}  revision {one.number}  {one.characters} characters, {seen}{source}"


def blame(url: Url, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """Show each sentence of a column with the day since which it has read so, and the removed sentences.

    Example: archive blame https://clinic.example/column/nanbyo/
    """
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        row = archive.article(url)
        sentences = archive.sentences(row)
        removed = archive.removed_sentences(row)
    if as_json:
        json_lines(asdict(sentence) for sentence in [*sentences, *removed])
        return
    out = console()
    for sentence in sentences:
        style = "" if sentence.since_revision == 1 else "yellow"
        out.print(f"{day(sentence.since_at, tz)}  {visible(sentence.text)}", style=style, markup=False)
        if sentence.before_text:
            out.print(f"{'':12}before: {visible(sentence.before_text)}", style="dim", markup=False)
    replaced = {sentence.before_text for sentence in sentences}
    for sentence in removed:
        if sentence.text not in replaced:
            span = f"{day(sentence.since_at, tz)} – {day(sentence.until_at, tz)}"
            out.print(f"removed     {visible(sentence.text)} ({span})", style="red", markup=False)


def pictures(url: Url, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """List the pictures of a column with what the page says of each, and the pictures that it had.

    Example: archive pictures https://clinic.example/column/nanbyo/
    """
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        found = archive.pictures(archive.article(url))
    if as_json:
        json_lines(asdict(one) for one in found)
        return
    out = console()
    for one in found:
        span = f"since {day(one.since_at, tz)}" + ("" if one.stands else f", until {day(one.until_at, tz)}")
        out.print(
            f"{visible(one.alt or one.caption or '–')}  ({span})", style="" if one.stands else "red", markup=False
        )
        out.print(f"    {visible(one.url)}  {one.sha256[:16]}", style="dim", markup=False)
    out.print(f"{count(len(found), 'picture')}.")


def captures(url: Url, as_json: AsJson = False, db: Db = DEFAULT_DATABASE) -> None:
    """List every capture of a page with its outcome.

    Example: archive captures https://clinic.example/column/nanbyo/
    """
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        rows = archive.captures(url)
        faults = [f"{fault.step}: {fault.reason}" for fault in archive.page_faults(rows[-1].url)]
        why = " ".join(filter(None, [WITHOUT_COLUMN.get(archive.unread_outcome(rows[-1].url), ""), *faults]))
    if as_json:
        json_lines(asdict(row) for row in rows)
        return
    newest = next((row.body_sha256 for row in reversed(rows) if row.body_sha256), "")
    table(
        ("fetched at (UTC)", "status", "outcome", "body sha256", "note"),
        (
            (
                row.fetched_at,
                row.status or "",
                row.outcome,
                row.body_sha256[:16],
                _note(row, url, why if row.body_sha256 == newest else ""),
            )
            for row in rows
        ),
    )


def _note(row: CaptureRow, url: str, why: str) -> str:
    if row.withdrawn:
        return f"withdrawn at {row.withdrawn_at}: {row.withdrawn_reason}"
    moved = f"→ {row.final_url}" if row.final_url and row.final_url not in (row.url, url) else ""
    source = "" if row.source == "crawl" else f"captured by {source_name('en', row.source)}"
    return "  ".join(part for part in (row.error or moved, source, why, row.robots and f"robots: {row.robots}") if part)


def status(as_json: AsJson = False, db: Db = DEFAULT_DATABASE) -> None:
    """Show what the archive holds, how the last visits ended, and how many are due.

    Example: archive status
    """
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        state = archive.status()
    size = db.stat().st_size
    if as_json:
        json_lines([{"database": str(db), "bytes": size, **asdict(state)}])
        return
    totals = state.totals
    lines = [
        f"{db}  {size / 1e6:.1f} MB" + ("  (a demo: fictional pages)" if state.is_demo else ""),
        f"sites {totals.sites}  pages {totals.pages}  articles {totals.articles} (gone {totals.gone})  "
        f"revisions {totals.revisions}  changes {totals.changes}",
        f"captures {totals.captures} from {totals.first_at} to {totals.last_at}",
        f"bodies {totals.bodies}: {totals.body_bytes / 1e6:.1f} MB stored in {totals.stored_bytes / 1e6:.1f} MB",
        f"due now {state.due}",
    ]
    if totals.withdrawn:
        lines.append(f"withdrawn {totals.withdrawn}")
    if state.outcomes:
        lines.append("last visits: " + ", ".join(f"{name} {number}" for name, number in state.outcomes.items()))
    lines += [f"unreadable ({page.step})  {page.url}  {page.reason}" for page in state.unreadable]
    if state.head:
        lines.append(f"chain head {state.head}")
    if state.stamped_at:
        lines.append(f"last stamped {state.stamped_at}")
    typer.echo("\n".join(visible(line) for line in lines))
