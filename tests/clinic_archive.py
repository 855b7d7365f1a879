"""Archives to export: the bundled clinic, made once in a test run, and sites written down visit by visit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import clinic
import deriving
import pytest

from columnarchive.history.article_identity import versions
from columnarchive.history.revisions import assemble
from columnarchive.pipeline.derive import derive_site
from columnarchive.records import Article, Block, DerivedSite, PageReadings, PageVisits, Reading, Visit
from columnarchive.store import site_writer, sites
from columnarchive.store.database import Database

WITHDRAWN = f"{clinic.HOST}/column/kansetsu-riumachi/"
CHANGED = f"{clinic.HOST}/column/usuge-saisei/"
SITE = "clinic.example"
Seen = str | tuple[str, str]  # what a page said, also after a redirect to another path; empty for a 404


def path(factory: pytest.TempPathFactory) -> Path:
    """Where the clinic's archive is; it is only to be read."""
    return deriving.made_once(factory, "clinic", _make)


def _make(made: Path) -> None:
    with Database.open(made) as db:
        clinic.add(db, list(clinic.captured()))
        deriving.derive(db)


def copied(source: Path, target: Path) -> Path:
    """A copy to write to."""
    shutil.copyfile(source, target)
    return target


def copy(factory: pytest.TempPathFactory) -> Path:
    """A copy of the clinic's archive to write to, in a folder of its own."""
    return copied(path(factory), factory.mktemp("clinic") / "a.db")


def derive_here(db: Database) -> None:
    """Derive every site in this process: starting workers costs more than the clinic's pages."""
    for site_id, _ in sites.all_sites(db):
        found = derive_site(db, site_id)
        with db.transaction():
            site_writer.write_site(db, site_id, found, "2026-05-01T00:00:00Z")


def written(target: Path, pages: Mapping[str, Sequence[Seen]]) -> Path:
    """An archive of one site in which each path was visited day after day and said these texts."""
    with Database.open(target) as db, db.transaction():
        site = sites.ensure_site(db, SITE, "2026-01-01T00:00:00Z")
        ids = {name: sites.ensure_page(db, site, f"https://{SITE}{name}") for name in pages}
        site_writer.write_site(db, site, _derived(pages, ids), "2026-05-01T00:00:00Z")
    return target


def _derived(pages: Mapping[str, Sequence[Seen]], ids: Mapping[str, int]) -> DerivedSite:
    visited, readings = [], {}
    for name, seen in pages.items():
        url = f"https://{SITE}{name}"
        visits, said = [], {}
        for day, each in enumerate(seen, 1):
            text, place = (each, name) if isinstance(each, str) else each
            at, key = f"2026-01-{day:02}T00:00:00Z", f"{text}-{place}"
            found = Visit(at, "ok", 200, key, "text/html", f"https://{SITE}{place}")
            visits.append(found if text else Visit(at, "missing", 404))
            said[key] = text
        page = PageVisits(ids[name], url, tuple(visits))
        texts = [(version, said[version.body_sha256]) for version in versions(page).versions]
        readings[url] = PageReadings(
            url,
            tuple(
                Reading(
                    version,
                    "article",
                    "ok",
                    Article(url, "コラム", tuple(Block("paragraph", line) for line in text.split("\n"))),
                    at == 0 or text != texts[at - 1][1],
                )
                for at, (version, text) in enumerate(texts)
            ),
        )
        visited.append(page)
    verdicts, histories = assemble(visited, readings, "rules")
    return DerivedSite(SITE, "rules", 1, verdicts, histories)
