"""The archive as other programs, the command line and tests use it: everything that a Reader does, and what writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from columnarchive import config, load_on_use, pipeline
from columnarchive.config import Settings, SiteSettings, TimestampAuthority, WitnessSettings
from columnarchive.errors import NotFound
from columnarchive.locale import Message
from columnarchive.reader import ChangeRow, Reader
from columnarchive.records import Article, Comparison, Failure
from columnarchive.store import changes, frontier, sites
from columnarchive.store import saved_searches as searches
from columnarchive.store.changes import Interest, Mark, Review
from columnarchive.store.database import Database, writer_lock
from columnarchive.store.saved_searches import Watch as SavedSearch
from columnarchive.store.schema import Problem
from columnarchive.times import Clock, system_clock, to_text

if TYPE_CHECKING:
    from columnarchive.pipeline.crawl import CrawlSummary, Progress
    from columnarchive.pipeline.crawl_plan import CrawlOptions, Planned, Target
    from columnarchive.pipeline.demo import START, Clinic, dated_sites, demo_settings
    from columnarchive.pipeline.derive import SiteDerived
    from columnarchive.pipeline.export import (
        EvidenceFiles,
        ExportRequest,
        coder_agreement,
        write_coding_sheet,
        write_sample,
    )
    from columnarchive.pipeline.import_warc import ImportSummary
    from columnarchive.pipeline.integrity import Stamped
    from columnarchive.pipeline.notifications import Digest, Finding, Hook, load_hooks
    from columnarchive.pipeline.saved_pages import Result
    from columnarchive.pipeline.site_preview import SitePreview, enable_site, follow_site
    from columnarchive.pipeline.web_archives import Backfilled, WebArchiveSpan, WitnessCalls
    from columnarchive.pipeline.withdrawal import Withdrawal
    from columnarchive.pipeline.worker_pool import WorkerPool

__getattr__ = load_on_use(
    __name__,
    {
        "pipeline.crawl": ("CrawlSummary", "Progress"),
        "pipeline.crawl_plan": ("CrawlOptions", "Planned", "Target"),
        "pipeline.demo": ("START", "Clinic", "dated_sites", "demo_settings"),
        "pipeline.export": ("ExportRequest", "coder_agreement", "write_coding_sheet", "write_sample"),
        "pipeline.notifications": ("Hook", "load_hooks"),
        "pipeline.site_preview": ("SitePreview", "enable_site", "follow_site"),
        "pipeline.web_archives": ("WebArchiveSpan",),
    },
)
load_settings = config.load
CrawlReport = Callable[["Progress"], None]
StepReport = Callable[[int, int | None, str], None]
"""Called with how much is done, how much there is (None where that is unknown), and what is at hand."""


def silent(_done: int, _total: int | None, _note: str) -> None:
    """Report nothing."""


class Archive(Reader):
    """An archive that can be written to.

    >>> with Archive.open("data/archive.db") as archive:
    ...     archive.crawl(["https://clinic.example/column/"], CrawlOptions(contact="me@example.org"))
    """

    def __init__(self, db: Database, clock: Clock = system_clock) -> None:
        super().__init__(db.conn)
        self._db = db
        self._clock = clock

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True, write: bool = True, clock: Clock = system_clock) -> Self:
        """Open the archive at `path`, and make one where there is none unless `create` is False.

        With `write` False nothing can be changed, as in a copy on a read-only disk; exports need no more.
        """
        db = Database.open(Path(path), create=create and write, write=write)
        archive = cls(db, clock)
        archive._stack.enter_context(db)
        return archive

    # Fetching

    def targets(self, names: Sequence[str] = (), settings: Settings = Settings()) -> list[Target]:  # noqa: B008
        """Return the sites to crawl: those named, by name or address, or all that are followed."""
        return pipeline.crawl_plan.targets(self._db, names, settings)

    def shard(self, settings: Settings, number: int, of: int) -> list[Target]:
        """Return the sites of one of several shards that are crawled on machines of their own."""
        return pipeline.crawl_plan.shard(self.targets((), settings), number, of)

    def plan_crawl(self, targets: Sequence[Target], options: CrawlOptions) -> tuple[Planned, ...]:
        """Return what a crawl would fetch now, without fetching anything."""
        return pipeline.crawl_plan.planned(self._db, targets, options)

    def crawl(
        self,
        targets: Sequence[Target | str],
        options: CrawlOptions,
        hooks: Sequence[Hook] = (),
        report: CrawlReport = lambda _: None,
    ) -> CrawlSummary:
        """Fetch sites, derive what is new, and notify webhooks of changes."""
        named = [one for one in targets if isinstance(one, str)]
        chosen = [one for one in targets if not isinstance(one, str)] + (self.targets(named) if named else [])
        with pipeline.derive.workers() as pool:
            return pipeline.crawl.crawl(self._db, chosen, options, report, pool=pool, hooks=hooks)

    @staticmethod
    def preview_site(url: str, options: CrawlOptions, report: CrawlReport = lambda _: None) -> SitePreview:
        """Fetch a few pages of a site and return what would be followed, without keeping anything."""
        return pipeline.site_preview.probe(url, options, report)

    def site_samples(self, site: str) -> tuple[Article, ...]:
        """Return a few articles of a site; raise UsageError when it has none yet."""
        return pipeline.site_preview.samples(self._db, site)

    @property
    def contact(self) -> str:
        """How sites can reach whoever runs the crawl, as remembered in the file."""
        return self._db.get_meta("contact")

    @contact.setter
    def contact(self, text: str) -> None:
        with self._db.transaction():
            self._db.set_meta("contact", text)

    def unfollow_site(self, name: str) -> None:
        """Stop following a site; what is stored of it stays. Raise NotFound for a name that is not known."""
        self.require_site(name)
        with writer_lock(self._db.path, "sites remove"), self._db.transaction():
            frontier.unfollow(self.conn, sites.id_of(self.conn, name))

    def mark_as_demo(self) -> None:
        """Mark the file as made by `archive demo`, which may replace it."""
        with self._db.transaction():
            self._db.set_meta("demo", "1")

    def import_warc(
        self, paths: Sequence[Path], site: str = "", report: StepReport = silent, workers: str = ""
    ) -> ImportSummary:
        """Add the pages of WARC files as captures and derive their sites, by so many `workers` or a Dask cluster."""
        with pipeline.derive.workers(workers) as pool:
            summary = pipeline.import_warc.import_files(
                self._db, paths, site or None, lambda done, note: report(done, None, note), self._clock, pool.idle
            )
            self._derive((), report, pool=pool)
        return summary

    def backfill(
        self,
        target: Target,
        span: WebArchiveSpan,
        options: CrawlOptions,
        report: StepReport = silent,
        *,
        dry_run: bool = False,
    ) -> Backfilled:
        """Take over the captures that a web archive has of a site, and derive it; with `dry_run` only count them."""
        done = pipeline.web_archives.backfill(self._db, target, span, options, report, dry_run=dry_run)
        if not dry_run:
            with pipeline.notifications.as_history(self._db, target.settings.name, clock=self._clock):
                pipeline.derive.derive(
                    self._db, report=lambda one, done, todo: report(done, todo, one.site), clock=self._clock
                )
        return done

    def take_over_around(self, url: str, base: str, options: CrawlOptions) -> Backfilled:
        """Take over what a web archive has of an article's pages from the time of our own captures."""
        own = [one for one in self.captures(url) if one.source == "crawl"]
        site, pages = self.article(url).site, tuple(dict.fromkeys(one.url for one in own))
        if not own:
            raise NotFound("no_own_capture", url=url)
        span = pipeline.web_archives.WebArchiveSpan(base, own[0].fetched_at, own[-1].fetched_at, exact=True)
        return self.backfill(pipeline.crawl_plan.Target(SiteSettings(site, pages), pages), span, options)

    # Deriving and checking

    def rebuild(self, site: str = "", report: StepReport = silent, workers: str = "") -> list[SiteDerived]:
        """Derive a site, or all sites, again from the captures, by so many `workers` or a Dask cluster."""
        with writer_lock(self._db.path, "rebuild"), pipeline.derive.workers(workers) as pool:
            chosen = [site_id for site_id, name in sites.all_sites(self._db) if name == site or not site]
            if site and not chosen:
                raise NotFound("unknown_site", name=site)
            return self._derive(chosen, report, force=True, pool=pool)

    def _derive(
        self, chosen: Sequence[int], report: StepReport, *, force: bool = False, pool: WorkerPool | None = None
    ) -> list[SiteDerived]:
        return pipeline.derive.derive(
            self._db,
            chosen,
            force=force,
            report=lambda one, done, todo: report(done, todo, one.site),
            clock=self._clock,
            pool=pool,
        )

    @staticmethod
    def check(
        path: str | Path, head: str = "", full: bool = False, report: StepReport = silent, ca: Path | None = None
    ) -> list[Problem]:
        """Verify the archive at `path`, which may be too damaged to open; return what is wrong."""
        return pipeline.integrity.check_file(
            Path(path), head or None, full, report, pipeline.integrity.read_certificates(ca) if ca else ""
        )

    @staticmethod
    def checked(path: str | Path) -> list[Message]:
        """Return what a check of this file leaves out, and how much of the chain it verifies."""
        return pipeline.integrity.checked(Path(path))

    def stamp(self, authorities: Sequence[TimestampAuthority], *, allow_private: bool = False) -> list[Stamped]:
        """Have the chain's head stamped by every authority that has not done so yet."""
        return pipeline.integrity.stamp(self._db, authorities, allow_private=allow_private, clock=self._clock)

    def call_witness(self, settings: WitnessSettings, options: CrawlOptions) -> WitnessCalls:
        """Ask a web archive to capture the pages that changed weightily of late, if the settings say so."""
        return pipeline.web_archives.call_witness(self._db, settings, options)

    def withdraw(self, url: str, reason: str, at: str = "") -> Withdrawal:
        """Erase a page, or the capture `at` a time, for good; a tombstone with the reason stays."""
        return pipeline.withdrawal.withdraw(
            self._db,
            url,
            at,
            reason,
            lambda site_id: pipeline.derive.derive(self._db, [site_id], force=True),
            self._clock,
        )

    # Output

    def export(self, request: ExportRequest, report: StepReport = silent) -> Message:
        """Write the archive in a free format; return what was written."""
        if request.format in ("warc", "wacz"):
            write = pipeline.export.export_warc if request.format == "warc" else pipeline.export.export_wacz
            records = write(self._db, request.out, request.site or None, lambda done: report(done, None, "captures"))
            return Message("cli.exported_records", {"records": records, "out": request.out})
        return pipeline.export.export(self.conn, request, lambda done, note: report(done, None, note))

    def write_evidence(self, url: str, first: str = "", second: str = "", folder: Path = Path()) -> EvidenceFiles:
        """Write an evidence sheet and the WARC records of its captures to a folder."""
        return pipeline.export.write_evidence(self._db, url, (first, second), folder)

    def write_evidence_zip(self, url: str, out: Path, first: str = "", second: str = "") -> None:
        """Write an evidence sheet with everything that verifies it, `verify.py` included, to one zip file."""
        pipeline.export.write_evidence_zip(self._db, url, (first, second), out)

    def changes_since_last(
        self,
        interest: Interest = Interest(),  # noqa: B008
        limit: int = -1,
    ) -> AbstractContextManager[list[ChangeRow]]:
        """Yield changes that no earlier call yielded; they count as delivered when the block ends without an error."""
        return pipeline.notifications.since_last(self._db, interest, limit=limit, clock=self._clock)

    def send_digests(self, settings: Settings, failures: Sequence[Failure] = ()) -> list[Digest]:
        """Send each digest of the settings the changes it has not had, and what failed, in one message."""
        return pipeline.notifications.send_digests(self._db, settings.digests, failures, clock=self._clock)

    # Reviews

    def review(self, change: ChangeRow, mark: Mark | None, note: str = "", initials: str = "") -> None:
        """Note what somebody thought of a change; without a mark, forget what was noted."""
        with self._db.transaction() as conn:
            if mark is None:
                changes.delete_review(conn, change.url, change.after_at, change.seen_at)
            else:
                review = Review(
                    change.url, change.after_at, change.seen_at, mark, note, initials, to_text(self._clock())
                )
                changes.save_reviews(conn, [review])

    # Saved searches

    def saved_searches(self) -> list[SavedSearch]:
        """Return all saved searches."""
        return searches.all_watches(self.conn)

    def save_search(self, name: str, query: str) -> int:
        """Save a search; return how many articles it finds now, which count as known."""
        return pipeline.notifications.save_search(self._db, name, query, to_text(self._clock()))

    def remove_search(self, name: str) -> None:
        """Forget a saved search."""
        with self._db.transaction():
            searches.remove(self.conn, name)

    def run_searches(self, name: str = "", *, keep: bool = False) -> list[Finding]:
        """Return what is new for saved searches since the last run; with `keep`, it stays new."""
        return pipeline.notifications.new_findings(self._db, to_text(self._clock()), name, keep=keep)


def extract_articles(files: Sequence[Path], site_dir: Path | None = None, url: str = "") -> Iterator[Result]:
    """Yield each saved page with its article, or the ExtractError that says why it has none."""
    return pipeline.saved_pages.articles(files, site_dir, url)


def to_markdown(article: Article, facts: Sequence[tuple[str, str]]) -> str:
    """Return an article as Markdown, with facts such as dates below the title."""
    from columnarchive.exchange import markdown

    lines = "\n".join(f"- {name}: {markdown.inline(value)}" for name, value in facts)
    return f"# {markdown.inline(article.title)}\n\n{lines}\n\n{markdown.body(article.blocks)}"


def compare_files(old: Path, new: Path) -> tuple[Comparison, Article, Article]:
    """Compare two saved pages or text files; return the comparison and both articles."""
    from columnarchive.diff.compare import compare

    before, after = pipeline.saved_pages.article(old), pipeline.saved_pages.article(new)
    return compare(before, after), before, after
