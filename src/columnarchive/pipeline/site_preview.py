"""A first look at a site before it is followed: what its rules say, how its columns are found, and how they read."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from columnarchive.config import SiteSettings, load, parse
from columnarchive.errors import FetchError, NotFound, UsageError
from columnarchive.exchange import atomic_files
from columnarchive.pipeline import crawl, derive
from columnarchive.reader import Reader
from columnarchive.records import Article
from columnarchive.store import frontier, sites
from columnarchive.store.database import Database
from columnarchive.urls import canonical, host_of

SAMPLE = 5  # articles that are shown


@dataclass(frozen=True, slots=True)
class SitePreview:
    """What a first look at a site found: pages by the way they were found, what came of visits, a few articles."""

    settings: SiteSettings
    robots: str
    found_by: dict[str, int]
    outcomes: dict[str, int]
    articles: tuple[Article, ...]

    @property
    def only_the_start(self) -> bool:
        """Whether nothing reads as a column but the page that was named."""
        return len(self.articles) == 1 and self.articles[0].url in self.settings.start


def probe(url: str, options: crawl.CrawlOptions, report: Callable[[crawl.Progress], None]) -> SitePreview:
    """Fetch a few pages of a site into an archive that is thrown away; FetchError when its start cannot be fetched."""
    start = canonical(url)
    settings = SiteSettings(host_of(start), (start,))
    with tempfile.TemporaryDirectory(prefix="columnarchive-") as folder, Database.open(Path(folder) / "probe.db") as db:
        summary = crawl.crawl(db, [crawl.Target(settings, (start,))], options, report)
        if summary.interrupted:
            raise KeyboardInterrupt
        if not summary.outcomes.keys() & {"ok", "redirected"}:
            reason = summary.failures[0].reason if summary.failures else FetchError("nothing_answered")
            raise FetchError("cannot_follow", url=start, reason=reason)
        derive.derive(db)
        site_id = sites.id_of(db.conn, settings.name)
        found_by = Counter(reason for _, reason in frontier.known_pages(db.conn, site_id))
        return SitePreview(
            settings, _robots(db, start), dict(found_by), _counted(summary), _articles(db, settings.name)
        )


def samples(db: Database, site: str) -> tuple[Article, ...]:
    """A few articles of a site as they stand; UsageError when it has none yet."""
    found = _articles(db, site)
    if not found:
        raise UsageError("no_article_of_site", site=site)
    return found


def follow_site(path: Path, settings: SiteSettings, contact: str = "") -> None:
    """Add a site to the settings file, and a contact if it has none; UsageError when the site is there already."""
    if load(path).named(settings.name):
        raise UsageError("site_exists", path=path, name=settings.name)
    before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    # JSON's strings and lists of strings are TOML's too, as long as no sign is written as two surrogates.
    name, start = (json.dumps(value, ensure_ascii=False) for value in (settings.name, settings.start))
    text = before.rstrip("\n") + ("\n\n" if before.strip() else "") + f"[[site]]\nname = {name}\nstart = {start}\n"
    if settings.delay is not None:
        text += f"delay = {settings.delay}\n"
    if contact and not load(path).contact:
        text = f"contact = {json.dumps(contact, ensure_ascii=False)}\n\n{text}"
    parse(text, path)
    with atomic_files() as claim:
        claim(path).write_text(text, encoding="utf-8")


def enable_site(path: Path, name: str, enabled: bool) -> None:
    """Set `enabled` in the table of a site, leaving all else of the file as it is; NotFound if it has no such site."""
    known = load(path)
    if known.named(name) is None:
        raise NotFound("site_not_in_settings", path=path, name=name)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    starts = [at for at, line in enumerate(lines) if line.replace(" ", "").startswith("[[site]]")]
    if len(starts) != len(known.sites):  # such as a single [site]
        raise UsageError("settings_not_edited", path=path, name=name)
    start = starts[[site.name for site in known.sites].index(name)]
    end = next((at for at in range(start + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
    others = [line for line in lines[start + 1 : end] if line.partition("=")[0].strip() != "enabled"]
    lines[start + 1 : end] = [f"enabled = {str(enabled).lower()}", *others]
    text = "\n".join(lines) + "\n"
    wanted = tuple(replace(site, enabled=enabled) if site.name == name else site for site in known.sites)
    if parse(text, path).sites != wanted:
        raise UsageError("settings_not_edited", path=path, name=name)
    with atomic_files() as claim:
        claim(path).write_text(text, encoding="utf-8")


def _counted(summary: crawl.CrawlSummary) -> dict[str, int]:
    return {str(outcome): count for outcome, count in summary.outcomes.items()}


def _robots(db: Database, start: str) -> str:
    origin = "/".join(start.split("/")[:3])
    stored = frontier.robots_of(db.conn, origin)
    if stored is None or stored.status == 0:
        return "not known"
    if stored.status != 200:
        return "there is none, so nothing is forbidden"
    forbidden = sum(line.strip().lower().startswith("disallow:") for line in stored.body.splitlines())
    return f"allows this address (lines that forbid something: {forbidden})"


def _articles(db: Database, site: str) -> tuple[Article, ...]:
    archive = Reader(db.conn)
    return tuple(archive.current_article(row) for row in archive.articles(site)[:SAMPLE])
