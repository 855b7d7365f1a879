"""One site's crawl: page after page from its frontier, as robots.txt, rate limits and the host's health allow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from columnarchive.config import SitePlan
from columnarchive.content_encoding import SizeLimits
from columnarchive.crawl.client import CIRCUIT, MAX_HOPS, Client, FetchRequest
from columnarchive.crawl.column_discovery import ColumnDiscovery
from columnarchive.crawl.frontier import Frontier, LinkReader, UrlDeduplicator
from columnarchive.crawl.link_scoring import SAMPLE, is_section_url
from columnarchive.crawl.renderer import Renderer, is_library_host, is_shell
from columnarchive.crawl.responses import looks_like_picture
from columnarchive.crawl.robots import Rules, fetch_rules
from columnarchive.crawl.sitemap_discovery import SitemapDiscovery
from columnarchive.errors import ArchiveError, UsageError
from columnarchive.locale import fault
from columnarchive.records import COLUMNS, LISTINGS, Capture, DiscoveredUrl, Gap, Outcome, QueuedUrl
from columnarchive.times import to_text
from columnarchive.urls import PageLinks, address, canonical, host_of, in_scope, is_below, is_front_page

T = TypeVar("T")
MAX_DEPTH = 400
PICTURE_SIZES = SizeLimits(wire=5_000_000, decoded=5_000_000)
TOO_MANY = 429
BUSY = (TOO_MANY, 503)  # statuses that ask for fewer requests
# Outcomes of a robots.txt that say why no page could be fetched either.
HOST_PROBLEMS: tuple[Outcome, ...] = ("unreachable", "unresolved", "tls_error", "private_address", "timeout")
DNS_PATIENCE = 10.0  # seconds in which another site of the run must answer for an unknown name to be believed


class Interrupted(Exception):
    """The user asked the crawl to stop."""


@dataclass(slots=True)
class SiteCrawler:
    """Crawls one site.

    Attributes:
        report: called after each visit.
        may_continue: called before each visit; whether another page may be fetched.
        renderer: draws pages that a script draws; None where that is not installed.
        is_only_site: whether no other site is crawled in this run.
        gaps: addresses beyond which the crawl could not see, those of earlier runs too, each with what they are.
        ended: after `run`, empty or one sentence that says why the site was left before its end.
    """

    client: Client
    plan: SitePlan
    frontier: Frontier
    read_links: LinkReader
    report: Callable[[Capture, QueuedUrl], None]
    may_continue: Callable[[], bool]
    is_only_site: bool = False
    renderer: Renderer | None = None
    gaps: dict[str, Gap] = field(default_factory=dict)
    ended: str = ""
    visits: int = 0
    discovery: ColumnDiscovery = field(init=False)
    sitemaps: SitemapDiscovery = field(init=False)
    _rules: dict[str, Rules] = field(default_factory=dict)
    _robots_captures: dict[str, Capture] = field(default_factory=dict)
    _last_good: dict[str, str] = field(default_factory=dict)  # by origin, the last page that it sent
    _steps: dict[str, int] = field(default_factory=dict)  # refreshes and canonical links that led to an address

    def __post_init__(self) -> None:
        self.plan = replace(self.plan, canonical=UrlDeduplicator(self.plan.canonical))
        self.discovery = ColumnDiscovery(self.plan.hosts, self.plan.start)
        self.sitemaps = SitemapDiscovery(
            self.client,
            self.plan,
            self.discovery,
            self.frontier,
            self._rules_for,
            self._check_hop,
            self._update_backoff,
            self.gaps,
        )

    async def run(self) -> None:
        """Visit what is to be visited; return when nothing is left or nothing more may be fetched."""
        await self._learn_from_visited()
        if self.discovery.statistics.shapes and await self._may_begin():
            await self.sitemaps.run()
        while not self.ended:
            visit = self.frontier.next()
            if visit is None:
                if not await self.sitemaps.run():
                    break
                continue
            if not self.may_continue() or self.visits >= self.plan.max_pages:
                self.ended = fault("max_pages")
                break
            await self._visit(visit)
        if not self.ended:
            self.frontier.close()
        if not any(reason in COLUMNS for _, reason in self.frontier.known_urls()):
            for url in self.discovery.barren_starts:
                self.gaps.setdefault(url, "no_columns")

    async def _learn_from_visited(self) -> None:
        """Take in what earlier runs found."""
        known = self.frontier.known_urls()
        for url in (*self.plan.start, *(url for url, _ in known)):
            self.plan.canonical(url)  # the spellings that are known come first
        self.discovery.add_known_urls(known)
        for capture, reason in self.frontier.sample(SAMPLE):
            await self._contained(self._learn_from(capture, reason))

    async def _learn_from(self, capture: Capture, reason: str) -> None:
        page = await self._links(capture)
        if page is not None and not page.too_deep:
            self.discovery.learn_from_visited(page, reason)
            self.sitemaps.add_feeds(page)  # a listing that has not changed is not sent again, its feed may have

    async def _may_begin(self) -> bool:
        origin = address(self.plan.start[0]).origin if self.plan.start else ""
        return bool(origin) and not self.frontier.backed_off_until(origin) and (await self._rules_for(origin)).readable

    async def _visit(self, visit: QueuedUrl) -> None:
        refusal = await self._refusal_before_fetch(visit)
        if self.ended:
            return
        if refusal is not None:
            self._record(visit, self._synthetic_capture(visit.url, *refusal), [])
            return
        origin = address(visit.url).origin
        delay = max(self.plan.delay, self._rules[origin].delay)
        request = FetchRequest(visit.url, visit.etag, visit.last_modified, delay=delay, check=self._check_hop)
        capture = await self.client.fetch(request)
        outcome, error = await self._confirm_dns_failure(capture.outcome, capture.error)
        capture = replace(capture, outcome=outcome, error=error)
        read, problem = await self._contained(self._read(capture, visit))
        capture, found = read or (replace(capture, error=problem), [])
        rendered = await self._rendered(capture, visit, found)
        self._record(visit, capture, found, rendered)
        await self._update_backoff(capture)

    async def _refusal_before_fetch(self, visit: QueuedUrl) -> tuple[Outcome, str] | None:
        """Return why a page is not fetched; where that holds for all of its site, end the crawl."""
        if self.frontier.is_withdrawn([visit.url]):
            return "gone", fault("withdrawn")
        origin = address(visit.url).origin
        if until := self.frontier.backed_off_until(origin):
            why = fault("backed_off", origin=origin, until=until)
            if self._is_main(origin):
                self.ended = why
            return "unreachable", why
        refusal = await self._robots_refusal(visit.url)
        if refusal is None:
            return None
        outcome, why = await self._confirm_dns_failure(*refusal)
        # A name that is gone is reported for each of its pages; other faults of a host say nothing about them.
        if not self._rules[origin].readable and self._is_main(origin) and outcome != "unresolved":
            self._record(visit, self._synthetic_capture(visit.url, outcome, why), [])
            self.ended = why
            self.frontier.requeue(visit)
        return outcome, why

    async def _confirm_dns_failure(self, outcome: Outcome, error: str) -> tuple[Outcome, str]:
        """Downgrade `unresolved` unless another host has answered: a machine that is offline may know no name."""
        answered = self.client.any_host_answered
        if outcome == "unresolved" and not answered.is_set():
            if not self.is_only_site:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(answered.wait(), DNS_PATIENCE)
            outcome = outcome if answered.is_set() else "unreachable"
        return outcome, error

    def _is_main(self, origin: str) -> bool:
        """Return whether one of the start pages is at this origin."""
        return any(address(url).origin == origin for url in self.plan.start)

    def _record(
        self, visit: QueuedUrl, capture: Capture, found: list[DiscoveredUrl], rendered: Sequence[Capture] = ()
    ) -> None:
        captures = [capture]
        if capture.outcome == "redirected" and capture.body is not None:
            captures.append(replace(capture, url=capture.final_url, outcome="ok", wire=replace(capture.wire, hops=())))
        self.frontier.record(visit, [*captures, *rendered], found)
        self.visits += 1
        self.report(capture, visit)

    async def _read(self, capture: Capture, visit: QueuedUrl) -> tuple[Capture, list[DiscoveredUrl]]:
        """Return what a page leads to, and the capture with what only its reading shows."""
        if capture.outcome not in ("ok", "redirected"):
            return capture, []
        page = await self._links(capture, skim=self.discovery.may_skim(visit.reason))
        if page is None:
            return capture, []
        addresses = (capture.final_url, *(hop.url for hop in capture.wire.hops), page.canonical, page.refresh)
        if self.frontier.is_withdrawn(addresses, capture.body):
            error = fault("shows_withdrawn")
            return self._synthetic_capture(visit.url, "redirected", error), []
        if page.too_deep:
            return replace(capture, outcome="too_deep", error=fault("too_deep")), []
        self.gaps.pop(visit.url, None)
        self.sitemaps.add_feeds(page)
        capture = replace(capture, robots=", ".join(sorted(page.robots)))
        return capture, self._discover(page, capture, visit)

    async def _rendered(self, capture: Capture, visit: QueuedUrl, found: list[DiscoveredUrl]) -> list[Capture]:
        """Return the page as a browser draws it, where that is needed, and add to `found` what it leads to then."""
        if capture.outcome not in ("ok", "redirected") or capture.body is None:
            return []

        def leads_nowhere() -> bool:
            names_none = visit.reason in LISTINGS and all(one.found_on != capture.final_url for one in found)
            return names_none or visit.url in self.discovery.barren_starts

        is_empty = leads_nowhere() and not self.discovery.statistics.shapes and b"<script" in capture.body
        by_script = is_empty or is_shell(capture.body)
        rendered = await self._render(capture, visit, found) if by_script or self.plan.render else []
        if leads_nowhere() and (by_script or (visit.reason == "section" and is_section_url(visit.url))):
            self.gaps[visit.url] = "script_only" if by_script else "empty_listing"
        return rendered

    async def _render(self, capture: Capture, visit: QueuedUrl, found: list[DiscoveredUrl]) -> list[Capture]:
        if self.renderer is None:
            return []
        pause = max(self.plan.delay, self._rules[address(visit.url).origin].delay)
        rendered, fetched = await self.renderer.render(capture, self._fetch_for_browser, pause)
        for one in fetched:
            if one.status and self.frontier.resources([one.url]):
                self.frontier.record(QueuedUrl(one.url, "resource"), [one], [])
        if rendered is None:
            return []
        read, _ = await self._contained(self._read(rendered, visit))
        if read is not None:
            known = {one.url for one in found}
            found += [one for one in read[1] if one.url not in known]
            if found and visit.url in self.discovery.barren_starts:
                self.discovery.barren_starts.remove(visit.url)
        return [rendered]

    async def _fetch_for_browser(self, url: str, is_script: bool) -> Capture:
        """Fetch what a script asks for, as every page is fetched; outside the site, libraries alone."""
        check = partial(self._check_hop, may_follow=_is_of_library) if is_script else self._check_hop
        try:
            refusal = await check(canonical(url))
        except UsageError:
            refusal = "protocol_error", fault("no_web_address", url=url)
        if refusal is not None:
            return self._synthetic_capture(url, *refusal)
        delay = max(self.plan.delay, self._rules[address(url).origin].delay)
        capture = await self.client.fetch(FetchRequest(url, delay=delay, check=check, pages_only=False))
        await self._update_backoff(capture)
        return capture

    async def _links(self, capture: Capture, *, skim: bool = False) -> PageLinks | None:
        """Return the links of a page; skimmed first, if that may be enough."""
        if capture.body is None:
            return None
        page = await self.read_links(capture, skim=skim)
        if page is not None and page.targets and not page.links and self.discovery.has_new_targets(page.targets):
            complete = await self.read_links(capture)
            page = replace(complete, targets=page.targets) if complete is not None else None
        return page

    async def _contained(self, reading: Coroutine[None, None, T]) -> tuple[T | None, str]:
        """Containment boundary: one odd page must not end the crawl of many sites. Return the fault as a sentence."""
        try:
            return await reading, ""
        except ArchiveError:
            raise
        except Exception as error:  # noqa: BLE001
            return None, fault("links_unread", reason=f"{type(error).__name__}: {error}")

    def _discover(self, page: PageLinks, capture: Capture, visit: QueuedUrl) -> list[DiscoveredUrl]:
        reason = visit.reason
        if visit.depth >= MAX_DEPTH or self.frontier.is_duplicate(capture):
            return []
        found = []
        own = _canonical_of(page)
        for url in (page.refresh, own):
            if url and url != page.url and in_scope(url, self.plan.hosts) and self._may_step(page.url, url):
                why = "section" if reason == "start" else reason
                found.append(DiscoveredUrl(url, why, page.url))  # type: ignore[arg-type]
        elsewhere = own not in ("", page.url) and in_scope(own, self.plan.hosts)
        if elsewhere and "?" in page.url and reason not in LISTINGS:
            # One more view of a page with an address of its own. Of a listing it may be the second page: all of them
            # often name the first one, and no other shows their columns.
            return self.plan.accepted(found)
        return self.plan.accepted([*found, *self.discovery.discover(page, reason)])

    def _may_step(self, url: str, target: str) -> bool:
        """Return whether to go on to what a page gives as its next or own address; many in a row are not followed."""
        steps = self._steps.get(url, 0) + 1
        self._steps.setdefault(target, steps)
        return steps <= MAX_HOPS

    async def _rules_for(self, origin: str) -> Rules:
        """Return the host's robots.txt: from this run, from the last day, or fetched now."""
        rules = self._rules.get(origin)
        if rules is None or (rules.readable and not rules.is_fresh(self.client.clock())):
            stored = self.frontier.robots(origin)
            rules = Rules.parse(stored) if stored else None
            if rules is None or not rules.is_fresh(self.client.clock()):
                rules, capture = await fetch_rules(self.client, origin, self.plan.delay)
                self._robots_captures[origin] = capture
                self.frontier.save_robots(rules.file)
                health = self.client.health.get(address(origin).authority)
                asked = health.retry_after if health else 0.0
                if capture.status == TOO_MANY or asked > self.client.options.longest_wait:
                    self.frontier.back_off(origin, asked)
            self._rules[origin] = rules
        return rules

    async def _robots_refusal(self, url: str) -> tuple[Outcome, str] | None:
        origin = address(url).origin
        rules = await self._rules_for(origin)
        if rules.allows(url):
            return None
        if rules.readable:
            return "refused_by_robots", fault("robots")
        capture = self._robots_captures.get(origin)
        if capture is not None and capture.outcome in HOST_PROBLEMS:
            return capture.outcome, capture.error
        if capture is not None and capture.status:
            return "refused_by_robots", fault("robots_status", origin=origin, status=capture.status)
        return "refused_by_robots", fault("robots_unread", origin=origin)

    async def fetch_resource(
        self, visit: QueuedUrl, hosts: tuple[str, ...], accepts: Callable[[bytes], bool] = looks_like_picture
    ) -> Capture | None:
        """Fetch and record a resource of a page from one of these hosts; None when the site may not be asked now.

        What does not pass for a picture, or by `accepts`, is not stored.
        """
        refusal = await self._refusal_before_fetch(visit)
        if self.ended:
            return None
        if refusal is None:
            delay = max(self.plan.delay, self._rules[address(visit.url).origin].delay)
            check = partial(self._check_hop, may_follow=partial(is_below, hosts=hosts))
            request = FetchRequest(visit.url, visit.etag, visit.last_modified, delay=delay, check=check)
            capture = await self.client.fetch(replace(request, pages_only=False, sizes=PICTURE_SIZES))
            if capture.body is not None and capture.outcome in ("ok", "redirected") and not accepts(capture.body):
                capture = replace(capture, outcome="not_picture", body=None, error=fault("no_picture"))
            await self._update_backoff(capture)
        else:
            capture = self._synthetic_capture(visit.url, *refusal)
        self.frontier.record(visit, [capture], [])
        return capture

    async def _check_hop(self, url: str, may_follow: Callable[[str], bool] | None = None) -> tuple[Outcome, str] | None:
        if not (may_follow(url) if may_follow else in_scope(url, self.plan.hosts)):
            return "redirected", fault("moved_away", url=url)
        if self.frontier.is_withdrawn([url]):
            return "redirected", fault("moved_to_withdrawn")
        if until := self.frontier.backed_off_until(address(url).origin):
            return "unreachable", fault("moved_to_backed_off", url=url, until=until)
        return await self._robots_refusal(url)

    def _synthetic_capture(self, url: str, outcome: Outcome, error: str) -> Capture:
        """Return the capture of a page that was not asked for, or of which nothing is stored."""
        return Capture(url, url, to_text(self.client.clock()), 0, (), None, outcome, error)

    async def _update_backoff(self, capture: Capture) -> None:
        """Leave a host alone that asks for it or fails again and again."""
        place = address(capture.final_url)
        health = self.client.health.get(place.authority)
        if health is None:
            return
        if health.failures == 0:
            self.frontier.mark_healthy(place.origin)
            if capture.outcome in ("ok", "unchanged", "redirected"):
                self._last_good[place.origin] = capture.final_url
            return
        asked = health.retry_after if health.retry_after > self.client.options.longest_wait else 0.0
        if not asked and (health.failures < CIRCUIT or await self._still_answers(place.origin, capture)):
            return
        until = self.frontier.back_off(place.origin, asked)
        if self._is_main(place.origin):
            self.ended = fault("asks_for_pause" if asked else "keeps_failing", origin=place.origin, until=until)

    async def _still_answers(self, origin: str, failed: Capture) -> bool:
        """Return whether the pages fail and not their host: it still sends one that it sent before in this run."""
        known = self._last_good.pop(origin, "")
        if not known or failed.status in BUSY:
            return False
        delay = max(self.plan.delay, self._rules[origin].delay)
        request = FetchRequest(known, delay=delay, check=self._check_hop, enough=1, pages_only=False)
        capture = await self.client.fetch(request)
        if capture.outcome in ("ok", "redirected") and capture.body is not None:
            self._last_good[origin] = known
            return True
        return False


def _is_of_library(url: str) -> bool:
    return is_library_host(host_of(url))


def _canonical_of(page: PageLinks) -> str:
    """Return the address that a page gives as its own; not the front page, which all pages of some sites name."""
    at_front = page.canonical and is_front_page(page.canonical) and not is_front_page(page.url)
    return "" if at_front else page.canonical
