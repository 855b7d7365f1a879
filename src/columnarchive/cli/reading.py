"""Commands that show what is kept: show, history, captures, blame, status."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive.cli.common import MOST, UNREAD, AsJson, Zone, console, database, json_lines, table, visible
from columnarchive.errors import UsageError
from columnarchive.times import DEFAULT_ZONE, day, system_clock, to_text, typed

if TYPE_CHECKING:
    from columnarchive.records import Article, Revision

Url = Annotated[str, typer.Argument(help="Address of the column.", metavar="URL")]


def show(
    context: typer.Context,
    url: Url,
    revision: Annotated[int | None, typer.Option("--revision", "-r", min=1, max=MOST, help="This revision.")] = None,
    at: Annotated[str, typer.Option("--at", help="As it stood at the end of this day, or at this time.")] = "",
    format: Annotated[
        str, typer.Option("--format", "-f", help="text, markdown, json or html (the stored page).")
    ] = "text",
    tz: Zone = DEFAULT_ZONE,
) -> None:
    """Print a column as it stands, or as it stood.

    Example: archive show https://clinic.example/column/nanbyo/ --at 2025-12-31
    """
    from columnarchive import reader

    if format not in ("text", "markdown", "json", "html"):
        raise UsageError(f"--format {format} is unknown; choose text, markdown, json or html.")
    with reader.opened(database(context)) as conn:
        row = reader.article(conn, url)
        pick = reader.Pick(revision or 0, typed(at, tz, end=True) if at else "")
        found = reader.revision(conn, row, pick)
        if format == "html":
            import sys

            sys.stdout.buffer.write(reader.stored_body(conn, found))
            return
    if format == "json":
        json_lines([_article_json(found)])
    else:
        typer.echo(visible(_markdown(found.article) if format == "markdown" else _plain(found)))


def _article_json(found: Revision) -> dict[str, Any]:
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
        if block.kind in ("heading", "question") or (block.kind == "paragraph"):
            lines.append("")
        lines.append({"item": "・", "heading": "■ "}.get(block.kind, "") + block.text)
    return "\n".join(lines)


def _markdown(article: Article) -> str:
    from columnarchive.exchange import markdown

    facts = "\n".join(f"- {name}: {markdown.inline(value)}" for name, value in _facts(article))
    return f"# {markdown.inline(article.title)}\n\n{facts}\n\n{markdown.body(article.blocks)}"


def history(context: typer.Context, url: Url, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE) -> None:
    """List the revisions of a column: when each was first and last seen.

    Example: archive history https://clinic.example/column/nanbyo/
    """
    from columnarchive import reader

    with reader.opened(database(context)) as conn:
        row = reader.article(conn, url)
        revisions = reader.history(conn, row)
        changes = reader.changes(conn, reader.ChangeFilter(url=row.url))
    if as_json:
        json_lines(
            {
                "number": one.number,
                "first_seen_at": one.first_seen_at,
                "last_seen_at": one.last_seen_at,
                "title": one.title,
                "characters": one.characters,
                "fingerprint": one.fingerprint,
                "rules": one.rules,
                "body_sha256": one.body_sha256,
            }
            for one in revisions
        )
        return
    out = console()
    out.print(visible(row.title), style="bold", markup=False)
    steps = [
        (one.first_seen_at, one.number, f"revision {one.number}  {one.characters} characters", "") for one in revisions
    ]
    steps += [(one.seen_at, one.to_number, "  " + ", ".join(one.labels), one.summary) for one in changes]
    for at, _, what, summary in sorted(steps, key=lambda step: (step[0], step[1], step[3] != "")):
        line = f"{day(at, tz)}  {what}" if not what.startswith("  ") else f"{'':12}{what.strip()}: {summary}"
        if what.strip() in ("gone", "returned"):
            line = f"{day(at, tz)}  {summary}"
        out.print(visible(line), markup=False)
    out.print(f"last seen {day(row.last_seen_at, tz)}, {row.state}", style="dim")


def captures(context: typer.Context, url: Url, as_json: AsJson = False) -> None:
    """List every capture of a page with its outcome.

    Example: archive captures https://clinic.example/column/nanbyo/
    """
    from columnarchive import reader

    with reader.opened(database(context)) as conn:
        rows = reader.visits(conn, url)
        faults = [f"{fault.step}: {fault.reason}" for fault in reader.faults_of(conn, rows[-1].url)]
        why = " ".join(filter(None, [UNREAD.get(reader.overview.unread_as(conn, rows[-1].url), ""), *faults]))
        last = next((row.body_sha256 for row in reversed(rows) if row.body_sha256), "")
    if as_json:
        json_lines(asdict(row) for row in rows)
        return
    table(
        ("fetched at (UTC)", "status", "outcome", "body sha256", "note"),
        (
            (
                row.fetched_at,
                row.status or "",
                row.outcome,
                row.body_sha256[:16],
                _note(row, url, why if row.body_sha256 == last else ""),
            )
            for row in rows
        ),
    )


def _note(row: Any, url: str, why: str) -> str:
    if row.withdrawn:
        return f"withdrawn at {row.withdrawn_at}: {visible(row.withdrawn_reason)}"
    moved = f"→ {row.final_url}" if row.final_url and row.final_url != row.url and row.final_url != url else ""
    return "  ".join(said for said in (row.error or moved, why, row.robots and f"robots: {row.robots}") if said)


def blame(context: typer.Context, url: Url, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE) -> None:
    """Show each sentence of a column with the day since which it has stood so.

    Example: archive blame https://clinic.example/column/nanbyo/
    """
    from columnarchive import reader

    with reader.opened(database(context)) as conn:
        row = reader.article(conn, url)
        sentences = reader.blame(conn, row)
        removed = reader.removed(conn, row)
    if as_json:
        json_lines(asdict(sentence) for sentence in [*sentences, *removed])
        return
    out = console()
    for sentence in sentences:
        style = "" if sentence.since_revision == 1 else "yellow"
        out.print(f"{day(sentence.since_at, tz)}  {visible(sentence.text)}", style=style, markup=False)
        if sentence.before_text:
            out.print(f"{'':12}before: {visible(sentence.before_text)}", style="dim", markup=False)
    told = {sentence.before_text for sentence in sentences}
    for sentence in removed:
        if sentence.text in told:
            continue
        stood = f"{day(sentence.since_at, tz)} – {day(sentence.until_at, tz)}"
        out.print(f"removed     {visible(sentence.text)} ({stood})", style="red", markup=False)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Tell what the archive holds, how its last visits ended, and what is due.

    Example: archive status
    """
    from columnarchive import reader

    path = database(context)
    with reader.opened(path) as conn:
        state = reader.status(conn, to_text(system_clock()))
    if as_json:
        json_lines([{"database": str(path), "bytes": path.stat().st_size, **asdict(state)}])
        return
    totals = state.totals
    lines = [
        f"{path}  {path.stat().st_size / 1e6:.1f} MB" + ("  (a demo: fictional pages)" if state.is_demo else ""),
        f"sites {totals.sites}  pages {totals.pages}  articles {totals.articles} (gone {totals.gone})  "
        f"revisions {totals.revisions}  changes {totals.changes}",
        f"captures {totals.captures} from {totals.first_at} to {totals.last_at}",
        f"bodies {totals.bodies}, {totals.body_bytes / 1e6:.1f} MB kept in {totals.stored_bytes / 1e6:.1f} MB",
        f"due now {state.due}",
    ]
    if totals.withdrawn:
        lines.append(f"withdrawn {totals.withdrawn}")
    if state.outcomes:
        lines.append("last visits: " + ", ".join(f"{name} {number}" for name, number in state.outcomes.items()))
    lines += [visible(f"unreadable ({page.step})  {page.url}  {page.reason}") for page in state.unreadable]
    if state.head:
        lines.append(f"chain head {state.head}")
    typer.echo("\n".join(lines))
