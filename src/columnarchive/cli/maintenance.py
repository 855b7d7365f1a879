"""Commands that maintain the archive: rebuild, check, withdraw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, AsJson, Bar, Db, json_lines, visible
from columnarchive.errors import UsageError
from columnarchive.plain_text import count

DEFAULT_SETTINGS = Path("data/sites.toml")


def rebuild(site: Annotated[str, typer.Option(help="Only this site.")] = "", db: Db = DEFAULT_DATABASE) -> None:
    """Derive articles, revisions, changes and the index again from the captures.

    Example: archive rebuild
    """
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive, Bar("rebuild") as bar:
        done = archive.rebuild(site, bar.update)
    for one in done:
        if one.error:
            typer.echo(f"archive: {visible(one.error)}", err=True)
    articles = sum(one.written.articles for one in done)
    differing = sum(one.written.added + one.written.rewritten + one.written.dropped for one in done)
    sites = f"{count(len(done), 'site')} and {count(articles, 'article')}"
    typer.echo(f"{sites} derived again; {differing} differ from before.")
    if any(one.error for one in done):
        raise typer.Exit(1)


def check(
    head: Annotated[str, typer.Option(help="Compare the chain with a head that you stored elsewhere.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Derive every site again, not only a sample.")] = False,
    ca: Annotated[
        Path | None, typer.Option(help="Verify timestamps with the roots in this PEM file instead of the stored ones.")
    ] = None,
    as_json: AsJson = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Verify every stored byte, the hash chain, its timestamps, the index and the derived tables.

    Example: archive check --head 3f2a…
    """
    from columnarchive.archive import Archive

    with Bar("check") as bar:
        problems = Archive.check(db, head, full, bar.update, ca)
    if as_json:
        json_lines({"where": one.where, "what": one.what, "mend": one.mend} for one in problems)
    else:
        if unchecked := Archive.unchecked(db):
            typer.echo(visible(unchecked))
        if checked := Archive.checked(db):
            typer.echo(checked)
        for one in problems:
            typer.echo(visible(f"{one.where}: {one.what}" + (f" ({one.mend})" if one.mend else "")))
        typer.echo("No problem found." if not problems else f"{count(len(problems), 'problem')} found.")
    if problems:
        raise typer.Exit(1)


def stamp(
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also ask authorities in private networks.")
    ] = False,
    settings: Annotated[Path, typer.Option("--sites", help="The file of monitored sites.")] = DEFAULT_SETTINGS,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Have the head of the hash chain stamped by the authorities of sites.toml (RFC 3161).

    Example: archive stamp
    """
    from columnarchive.archive import Archive, load_settings

    authorities = load_settings(settings).timestamps
    if not authorities:
        raise UsageError("no_authority", path=settings)
    with Archive.open(db, create=False) as archive:
        done = archive.stamp(authorities, allow_private=allow_private)
    for one in done:
        typer.echo(visible(one.sentence), err=bool(one.error))
    if not done:
        typer.echo("The head of the chain has been stamped by every authority.")
    if any(one.error for one in done):
        raise typer.Exit(1)


def withdraw(
    url: Annotated[str, typer.Argument(help="The page to erase for good.", metavar="URL")],
    reason: Annotated[str, typer.Option(help="Why; the reason stays in the archive.")],
    at: Annotated[str, typer.Option(help="Only the capture of this time (UTC).")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Erase a page for good (personal data, a court order); a tombstone with the reason stays.

    Example: archive withdraw https://clinic.example/column/voice/ --reason "request of the person named"
    """
    from columnarchive.archive import Archive

    if not yes:
        typer.confirm(f"Erase everything stored of {visible(url)}? This cannot be undone.", abort=True)
    with Archive.open(db, create=False) as archive:
        done = archive.withdraw(url, reason, at)
    typer.echo(visible(done.sentence))
