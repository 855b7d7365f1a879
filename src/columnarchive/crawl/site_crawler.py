"""One site's crawl: page after page from its queue, as robots.txt, pace and the host's health allow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from columnarchive.crawl.client import CIRCUIT, MAX_HOPS, Ask, Client
from columnarchive.crawl.column_discovery import FRONT, Section
from columnarchive.crawl.discovered_url import LISTINGS, Found
from columnarchive.crawl.frontier import Frontier, SitePlan, Visit
from columnarchive.crawl.link_statistics import SAMPLE
from columnarchive.crawl.robots import Rules, fetch_rules
from columnarchive.crawl.sitemap_discovery import Expansion
from columnarchive.crawl.url_variants import Spellings
from columnarchive.errors import ArchiveError, UsageError
from columnarchive.records import Capture, Outcome
from columnarchive.times import to_text
from columnarchive.urls import PageLinks, address, in_scope, trap

T = TypeVar("T")
MAX_DEPTH = 400
TOO_MANY = 429
BUSY = (TOO_MANY, 503)  # statuses that ask for fewer requests
# Outcomes of a robots.txt that say why no page could be had either.
HOST_PROBLEMS: tuple[Outcome, ...] = ("unreachable", "unresolved", "tls_error", "private_address", "timeout")
HEARD_WITHIN = 10.0  # seconds in which another site of the run must answer for an unknown name to be believed


class Interrupted(Exception):
    """The user asked the crawl to stop."""


class LinkReader(Protocol):
    """Reads the links of a captured page outside the event loop, which never parses HTML."""

    async def __call__(self, capture: Capture, *, skim: bool = False) -> PageLinks | None:
        """Return the links of a page, or None when it has no body.

        With `skim`, `links` may be left empty and only the head and `targets` be read, which is much cheaper.
        """


@dataclass(slots=True)
class SiteCrawl:
    """Crawls one site.

    `report` is called after each visit, `wanted` says before each one whether another page may be fetched; `alone`
    tells that no other site is crawled in this run. After `run`, `ended` is empty or one sentence that tells why the
    site was left before its end.
    """

    client: Client
    plan: SitePlan
    frontier: Frontier
    read_links: LinkReader
    report: Callable[[Capture, Visit], None]
    wanted: Callable[[], bool]
    alone: bool = False
    ended: str = ""
    visits: int = 0
    rules: dict[str, Rules] = field(default_factory=dict)
    problems: dict[str, Capture] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)  # by origin, the last page that it sent
    steps: dict[str, int] = field(default_factory=dict)  # refreshes and canonical links that led to an address
    section: Section = field(init=False)
    expansion: Expansion = field(init=False)

    def __post_init__(self) -> None:
        self.plan = replace(self.plan, canonical=Spellings(self.plan.canonical))
        self.section = Section(self.plan.hosts, self.plan.start)
        self.expansion = Expansion(
            self.client, self.plan, self.section, self.frontier, self._rules_for, self._check_hop, self._judge_host
        )

    async def run(self) -> None:
        """Visit what is to be visited; returns when nothing is left or nothing more may be fetched."""
        known = self.frontier.known()
        for url, _ in known:
            if "%" in url:
                self.plan.canonical(url)  # the spellings that are known come first
        self.section.remember(known)
        for capture, reason in self.frontier.sample(SAMPLE):
            await self._contained(self._recall(capture, reason))
        if self.section.known.shapes and await self._may_begin():
            await self.expansion.run()
        while not self.ended:
            visit = self.frontier.next()
            if visit is None:
                if not await self.expansion.run():
                    break
                continue
            if not self.wanted() or self.visits >= self.plan.max_pages:
                self.ended = "the number of pages asked for is reached"
                break
            await self._visit(visit)
        if not self.ended:
            self.frontier.close()

    async def _recall(self, capture: Capture, reason: str) -> None:
        page = await self._links(capture)
        if page is not None and not page.too_deep:
            self.section.recall(page, reason)
            self.expansion.offer(page)  # a listing that has not changed is not sent again, its feed may have

    async def _may_begin(self) -> bool:
        origin = address(self.plan.start[0]).origin if self.plan.start else ""
        return bool(origin) and not self.frontier.resting(origin) and (await self._rules_for(origin)).readable

    async def _visit(self, visit: Visit) -> None:
        if self.frontier.is_withdrawn([visit.url]):
            self._record(visit, self._unasked(visit.url, "gone", "The page was withdrawn and is not fetched."), [])
            return
        origin = address(visit.url).origin
        if until := self.frontier.resting(origin):
            why = f"{origin} failed several times in a row and is left alone until {until}"
            if self._is_main(origin):
                self.ended = why
            else:
                self._record(visit, self._unasked(visit.url, "unreachable", f"{why}."), [])
            return
        refused = await self._refused(visit.url)
        if refused is not None:
            outcome, why = await self._believed(*refused)
            self._record(visit, self._unasked(visit.url, outcome, why), [])
            # A name that is gone is told of each of its pages; other faults of a host say nothing of them.
            if not self.rules[origin].readable and self._is_main(origin) and outcome != "unresolved":
                self.ended = why.rstrip(".")
                self.frontier.put_back(visit)
            return
        delay = max(self.plan.delay, self.rules[origin].delay)
        capture = await self.client.fetch(
            Ask(visit.url, visit.etag, visit.last_modified, delay=delay, check=self._check_hop)
        )
        outcome, error = await self._believed(capture.outcome, capture.error)
        capture = replace(capture, outcome=outcome, error=error)
        read, fault = await self._contained(self._read(capture, visit))
        capture, found = read or (replace(capture, error=fault), [])
        self._record(visit, capture, found)
        await self._judge_host(capture)

    async def _believed(self, outcome: Outcome, error: str) -> tuple[Outcome, str]:
        """What an outcome comes to: a machine that is offline may know no name at all, so others must have answered."""
        heard = self.client.heard
        if outcome == "unresolved" and not heard.is_set():
            if not self.alone:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), HEARD_WITHIN)
            outcome = outcome if heard.is_set() else "unreachable"
        return outcome, error

    def _is_main(self, origin: str) -> bool:
        """Whether the site stands or falls with this host."""
        return any(address(url).origin == origin for url in self.plan.start)

    def _record(self, visit: Visit, capture: Capture, found: list[Found]) -> None:
        captures = [capture]
        if capture.outcome == "redirected" and capture.body is not None:
            captures.append(replace(capture, url=capture.final_url, outcome="ok", wire=replace(capture.wire, hops=())))
        self.frontier.record(visit, captures, found)
        self.visits += 1
        self.report(capture, visit)

    async def _read(self, capture: Capture, visit: Visit) -> tuple[Capture, list[Found]]:
        """What a page leads to, and the capture with what only its reading shows."""
        if capture.outcome not in ("ok", "redirected"):
            return capture, []
        page = await self._links(capture, skim=self.section.may_skim(visit.reason))
        if page is None:
            return capture, []
        addresses = (capture.final_url, *(hop.url for hop in capture.wire.hops), page.canonical, page.refresh)
        if self.frontier.is_withdrawn(addresses, capture.body):
            return self._unasked(visit.url, "redirected", "It shows a page that was withdrawn; nothing is stored."), []
        if page.too_deep:
            return replace(capture, outcome="too_deep", error="The page nests more elements than any real one."), []
        self.expansion.offer(page)
        capture = replace(capture, robots=", ".join(sorted(page.robots)))
        return capture, self._found(page, capture, visit)

    async def _links(self, capture: Capture, *, skim: bool = False) -> PageLinks | None:
        """The links of a page; skimmed first, if that may be enough."""
        if capture.body is None:
            return None
        page = await self.read_links(capture, skim=skim)
        if page is not None and page.targets and not page.links and self.section.leads_on(page.targets):
            whole = await self.read_links(capture)
            page = replace(whole, targets=page.targets) if whole is not None else None
        return page

    async def _contained(self, reading: Coroutine[None, None, T]) -> tuple[T | None, str]:
        """Containment boundary: one odd page must not end the crawl of hundreds of sites; the fault as a sentence."""
        try:
            return await reading, ""
        except ArchiveError:
            raise
        except Exception as fault:  # noqa: BLE001
            why = f"{type(fault).__name__}: {fault}"
            return None, f"Its links could not be read ({why}), by a fault of this program."

    def _found(self, page: PageLinks, capture: Capture, visit: Visit) -> list[Found]:
        reason = visit.reason
        if visit.depth >= MAX_DEPTH or self.frontier.is_copy(capture):
            return []
        found = []
        canonical = _own_address(page)
        for url in (page.refresh, canonical):
            if url and url != page.url and in_scope(url, self.plan.hosts) and self._leads(page.url, url):
                found.append(Found(url, reason if reason != "start" else "section", page.url))  # type: ignore[arg-type]
        elsewhere = canonical not in ("", page.url) and in_scope(canonical, self.plan.hosts)
        if elsewhere and "?" in page.url and reason not in LISTINGS:
            # One more view of a page with an address of its own. Of a listing it may be the second page: all of them
            # often name the first one, and no other shows their columns.
            return self._allowed(found)
        return self._allowed([*found, *self.section.discover(page, reason)])

    def _leads(self, url: str, target: str) -> bool:
        """Whether to go on to what a page gives as its next or own address; many in a row are followed no further."""
        steps = self.steps.get(url, 0) + 1
        self.steps.setdefault(target, steps)
        return steps <= MAX_HOPS

    def _allowed(self, found: list[Found]) -> list[Found]:
        """What settings and traps leave of the addresses found."""
        kept: dict[str, Found] = {}
        for one in found:
            try:
                url = self.plan.canonical(one.url)
            except UsageError:
                continue
            if trap(url) or not in_scope(url, self.plan.hosts, self.plan.under) or self.plan.kind_of(url) == "other":
                continue
            kept.setdefault(url, replace(one, url=url))
        return list(kept.values())

    async def _rules_for(self, origin: str) -> Rules:
        """The host's robots.txt: from this run, from the last day, or fetched now."""
        found = self.rules.get(origin)
        if found is None or (found.readable and not found.is_fresh(self.client.clock())):
            kept = self.frontier.robots(origin)
            found = Rules.of(kept) if kept else None
            if found is None or not found.is_fresh(self.client.clock()):
                found, answer = await fetch_rules(self.client, origin, self.plan.delay)
                self.problems[origin] = answer
                self.frontier.keep_robots(found.file)
                health = self.client.health.get(address(origin).authority)
                if answer.status == TOO_MANY or (health and health.rest > self.client.options.longest_wait):
                    self.frontier.rest(origin, health.rest if health else 0.0)
            self.rules[origin] = found
        return found

    async def _refused(self, url: str) -> tuple[Outcome, str] | None:
        origin = address(url).origin
        rules = await self._rules_for(origin)
        if rules.allows(url):
            return None
        if rules.readable:
            return "refused_by_robots", "The site's robots.txt asks that this page is not fetched."
        answer = self.problems.get(origin)
        if answer is not None and answer.outcome in HOST_PROBLEMS:
            return answer.outcome, answer.error
        why = f"status {answer.status}" if answer is not None and answer.status else "no usable answer"
        return "refused_by_robots", f"robots.txt of {origin} could not be read ({why}), so nothing may be fetched."

    async def _check_hop(self, url: str) -> tuple[Outcome, str] | None:
        if not in_scope(url, self.plan.hosts):
            return "redirected", f"The page has moved to another site, {url}, which is not followed."
        if self.frontier.is_withdrawn([url]):
            return "redirected", "The page has moved to one that was withdrawn, which is not fetched."
        if until := self.frontier.resting(address(url).origin):
            return "unreachable", f"The page has moved to {url}, whose host is left alone until {until}."
        return await self._refused(url)

    def _unasked(self, url: str, outcome: Outcome, error: str) -> Capture:
        return Capture(url, url, to_text(self.client.clock()), 0, (), None, outcome, error)

    async def _judge_host(self, capture: Capture) -> None:
        """Leave a host alone that asks for it or fails again and again."""
        place = address(capture.final_url)
        health = self.client.health.get(place.authority)
        if health is None:
            return
        if health.failures == 0:
            self.frontier.well(place.origin)
            if capture.outcome in ("ok", "unchanged", "redirected"):
                self.answered[place.origin] = capture.final_url
            return
        asked = health.rest if health.rest > self.client.options.longest_wait else 0.0
        if not asked and (health.failures < CIRCUIT or await self._still_answers(place.origin, capture)):
            return
        until = self.frontier.rest(place.origin, asked)
        why = "asks for a pause" if asked else "fails again and again"
        if self._is_main(place.origin):
            self.ended = f"{place.origin} {why} and is left alone until {until}"

    async def _still_answers(self, origin: str, failed: Capture) -> bool:
        """Whether it is the pages that fail and not their host: it still sends one that it sent before in this run."""
        known = self.answered.pop(origin, "")
        if not known or failed.status in BUSY:
            return False
        delay = max(self.plan.delay, self.rules[origin].delay)
        ask = Ask(known, delay=delay, check=self._check_hop, keep_head=1, pages_only=False)
        capture = await self.client.fetch(ask)
        if capture.outcome in ("ok", "redirected") and capture.body is not None:
            self.answered[origin] = known
            return True
        return False


def _own_address(page: PageLinks) -> str:
    """The address that a page says is its own. Where all pages of a site name the front page, none of them is meant."""
    there, here = urlsplit(page.canonical), urlsplit(page.url)
    at_front = FRONT.fullmatch(there.path) and not there.query
    return "" if at_front and not FRONT.fullmatch(here.path) else page.canonical
