"""What a crawl is to do: which sites, from where, with which options, and what it would fetch now."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from columnarchive.config import Settings, SitePlan, SiteSettings
from columnarchive.crawl import transport
from columnarchive.crawl.client import ClientOptions
from columnarchive.crawl.limits import Timer
from columnarchive.crawl.robots import Rules
from columnarchive.errors import NotFound, UsageError
from columnarchive.store import frontier, sites
from columnarchive.store.database import Database
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import address, host_of

SITES_AT_ONCE = 64
Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Target:
    """A site to be crawled: its settings and start pages. One that was named is visited whole, due or not."""

    settings: SiteSettings
    start: tuple[str, ...]
    named: bool = True


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """What the user decides: how much, how fast, what may be reached, who is asking, and the clock of the visits."""

    max_pages: int = 0
    delay: float | None = None
    all: bool = False
    allow_private: bool = False
    contact: str = ""
    proxy: str = ""
    clock: Clock = system_clock
    timer: Timer = field(default_factory=Timer)
    sites_at_once: int = SITES_AT_ONCE
    client: ClientOptions = field(default_factory=ClientOptions)

    def client_options(self) -> ClientOptions:
        """The options as the client takes them."""
        delay = self.client.delay if self.delay is None else self.delay
        return replace(self.client, contact=self.contact, proxy=self.proxy, delay=delay)


@dataclass(frozen=True, slots=True)
class Planned:
    """A page that would be fetched, and why."""

    site: str
    url: str
    reason: str
    found_on: str


def targets(db: Database, names: Sequence[str], known: Settings) -> list[Target]:
    """The sites that were asked for, by name or address; all that are followed when none is named.

    Raises UsageError for what is neither, NotFound for a name that nothing is known of.
    """
    if names:
        found: dict[str, Target] = {}
        for name in names:
            target = _named(db, name, known)
            before = found.get(target.settings.name)
            start = tuple(dict.fromkeys((*(before.start if before else ()), *target.start)))
            found[target.settings.name] = Target(target.settings, start)
        return list(found.values())
    chosen = {site.name: Target(site, site.start, named=False) for site in known.sites if site.enabled}
    disabled = {site.name for site in known.sites if not site.enabled}
    for name, url in frontier.followed_sites(db.conn):
        if name not in chosen and name not in disabled:
            chosen[name] = Target(SiteSettings(name), (url,), named=False)
    return list(chosen.values())


def _named(db: Database, name: str, known: Settings) -> Target:
    if "://" in name:
        settings = known.of_url(name)
        return Target(settings, (settings.canonical(name),))
    settings_of = known.named(name)
    if settings_of is not None:
        return Target(settings_of, settings_of.start)
    start = dict(frontier.followed_sites(db.conn)).get(name)
    if start:
        return Target(SiteSettings(name), (start,))
    if "." in name or "/" in name:
        raise UsageError("neither_site_nor_address", name=name)
    raise NotFound("unknown_site", name=name)


def shard(chosen: Sequence[Target], number: int, of: int, resolve: Resolve = transport.resolve) -> list[Target]:
    """Return one of several shards of the sites, the same on every machine.

    Sites that share a host or an address of the network stay together, so that one machine alone keeps the pauses that
    a server is owed. A host that cannot be resolved counts by its name alone.
    """
    hosts = {one.settings.name: {host_of(url).partition(":")[0] for url in one.start} for one in chosen}
    found = asyncio.run(_addresses(sorted(set().union(*hosts.values())), resolve))
    names: dict[str, set[str]] = {}  # of the sites of a group, by each of its members
    holder: dict[str, str] = {}
    for site in sorted(hosts):
        names[site] = {site}
        for key in hosts[site] | set().union(*(found[host] for host in hosts[site])):
            first = holder.setdefault(key, site)
            if names[first] is not names[site]:
                names[first] |= names[site]
                for member in names[site]:
                    names[member] = names[first]
    return [
        one
        for one in chosen
        if int(hashlib.sha256(min(names[one.settings.name]).encode()).hexdigest(), 16) % of == number - 1
    ]


async def _addresses(hosts: Sequence[str], resolve: Resolve) -> dict[str, list[str]]:
    turn = asyncio.Semaphore(50)

    async def found(host: str) -> list[str]:
        async with turn:
            try:
                return await resolve(host, 443)
            except transport.ResolutionError:
                return []

    return dict(zip(hosts, await asyncio.gather(*map(found, hosts)), strict=True))


def plan(target: Target, options: CrawlOptions, start: Sequence[str]) -> SitePlan:
    """How a target is crawled; `start` are the start pages that the archive knows already."""
    settings = target.settings
    hosts = tuple(dict.fromkeys((*settings.hosts, *map(host_of, (*target.start, *start)))))
    delay = options.delay if options.delay is not None else settings.delay
    return SitePlan(
        settings.name, hosts, tuple(dict.fromkeys((*target.start, *start))),
        delay=options.client.delay if delay is None else delay,
        max_pages=settings.max_pages, under=settings.under, render=settings.render,
        canonical=settings.canonical, kind_of=settings.kind_of, title=settings.title,
    )  # fmt: skip


def planned(db: Database, chosen: Sequence[Target], options: CrawlOptions) -> tuple[Planned, ...]:
    """What would be fetched now, as far as is known without fetching or writing anything."""
    found: list[Planned] = []
    now = to_text(options.clock())
    for target in chosen:
        site_id = sites.id_of(db.conn, target.settings.name)
        due = frontier.Due(sys.maxsize, now, options.all or target.named)
        pages = frontier.due_pages(db.conn, site_id, due) if site_id else []
        found += [Planned(target.settings.name, page.url, page.reason, page.found_on) for page in pages]
        urls = {page.url for page in pages}
        if not site_id or target.named:
            found += [Planned(target.settings.name, url, "start", "") for url in target.start if url not in urls]
    asked: dict[str, bool | Rules] = {}
    found = [one for one in found if _may_be_asked(db, one.url, asked, options)]
    return tuple(found[: options.max_pages] if options.max_pages else found)


def _may_be_asked(db: Database, url: str, asked: dict[str, bool | Rules], options: CrawlOptions) -> bool:
    """Whether nothing known speaks against a request: no rest of the host, no rule of a robots.txt that is still valid.

    `asked` remembers each host's answer.
    """
    origin = address(url).origin
    if origin not in asked:
        until, _ = frontier.rest_of(db.conn, origin)
        stored = frontier.robots_of(db.conn, origin)
        rules = Rules.parse(stored) if stored else None
        asked[origin] = until <= to_text(options.clock())
        if asked[origin] and rules is not None and rules.is_fresh(options.clock()):
            asked[origin] = rules
    known = asked[origin]
    return known if isinstance(known, bool) else known.allows(url)
