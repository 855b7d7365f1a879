"""A second witness: a web archive is asked to capture a page that has changed weightily, at most once a change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from columnarchive import locale
from columnarchive.config import WitnessSettings
from columnarchive.crawl.client import Client, FetchRequest
from columnarchive.pipeline.crawl_plan import CrawlOptions
from columnarchive.store import changes
from columnarchive.store.changes import ChangeRow, Interest
from columnarchive.store.database import Database
from columnarchive.times import to_text
from columnarchive.urls import host_of

CHANNEL = "witness"
LEVEL = 3
RECENT = timedelta(days=2)  # an older change shows nothing of its time any more
AT_MOST = 30  # requests after one crawl; the rest follow after the next
DELAY, DEADLINE = 10.0, 180.0  # seconds between requests, and for one: saving a page takes its time


@dataclass(frozen=True, slots=True)
class WitnessCalls:
    """What came of asking a web archive to capture pages: those it took, those left for later, and why."""

    host: str
    saved: tuple[str, ...] = ()
    left: int = 0
    error: str = ""

    def sentence(self, lang: locale.Language) -> str:
        """Return the calls for people."""
        why = self.error.rstrip(".") if self.left else ""
        return locale.text(
            lang, "cli.witness_asked", host=self.host, pages=len(self.saved), left=self.left or "", why=why
        )


def call_witness(db: Database, settings: WitnessSettings, options: CrawlOptions) -> WitnessCalls:
    """Ask for a capture of each page with a change of level 3 in the last days that was not asked for yet."""
    since = to_text(options.clock() - RECENT)
    found = changes.pending(db.conn, CHANNEL, Interest(LEVEL, since=since))
    rows = [row for row in found if "gone" not in row.labels] if settings.save else []
    return asyncio.run(_call(db, settings, options, rows)) if rows else WitnessCalls(host_of(settings.url))


async def _call(
    db: Database, settings: WitnessSettings, options: CrawlOptions, rows: Sequence[ChangeRow]
) -> WitnessCalls:
    urls = list(dict.fromkeys(row.url for row in rows))
    delay = DELAY if options.delay is None else options.delay
    saved: list[str] = []
    error = ""
    client_options = replace(options.client_options(), delay=delay, deadline=DEADLINE, head_deadline=DEADLINE)
    async with Client(client_options, options.clock, options.timer) as client:
        if options.allow_private:
            client.guard.trust(settings.url)
        for url in urls[:AT_MOST]:
            answer = await client.fetch(FetchRequest(settings.url + url, pages_only=False, max_hops=0))
            if not 200 <= answer.status < 400:
                error = answer.error or f"status {answer.status}"
                break
            saved.append(url)
            with db.transaction() as conn:
                own = [row for row in rows if row.url == url]
                changes.mark_sent(conn, CHANNEL, own, to_text(options.clock()))
    return WitnessCalls(host_of(settings.url), tuple(saved), len(urls) - len(saved), error)
