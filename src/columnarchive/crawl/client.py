"""URL to capture: redirects hop by hop, retries, pace and politeness; never an exception for what the web does."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import httpx
import tenacity

from columnarchive import __version__
from columnarchive.crawl import outcomes
from columnarchive.crawl import redirects as hops_to
from columnarchive.crawl.address_guard import Network, PrivateAddress, Unresolved
from columnarchive.crawl.clock import Timer
from columnarchive.crawl.content_encoding import ACCEPTED, Caps
from columnarchive.crawl.memory_budget import Room
from columnarchive.crawl.rate_limiter import Pace
from columnarchive.crawl.request import Answer, Bounds, attempt
from columnarchive.crawl.transport import OriginTransport, tls_context
from columnarchive.errors import UsageError
from columnarchive.records import Capture, Headers, Hop, Outcome, Wire
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import Address, address, proxy_address

MAX_HOPS = 10
RETRIES = 10.0
WON_BACK = 0.5  # of a retry, with each good answer
SHORTEST_DEADLINE = 10.0
HopCheck = Callable[[str], Awaitable[tuple[Outcome, str] | None]]


async def any_hop(url: str) -> tuple[Outcome, str] | None:  # noqa: ARG001
    """A hop check that lets every address pass."""
    return None


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How the client behaves: who it says it is, what it may reach, how long it waits and how often it tries."""

    contact: str = ""
    allow_private: bool = False
    proxy: str = ""
    delay: float = 2.0
    deadline: float = 60.0
    head: float = 20.0  # seconds until the answer's head is there, connecting included
    attempts: int = 3
    backoff: float = 2.0
    longest_wait: float = 60.0  # a server that asks for more is left alone until then instead of being waited for
    caps: Caps = field(default_factory=Caps)

    def __post_init__(self) -> None:
        if self.proxy:
            proxy_address(self.proxy)

    @property
    def user_agent(self) -> str:
        """The honest name: product, version, and how to reach the person who runs it."""
        contact = self.contact.encode("ascii", "ignore").decode()
        return f"columnarchive/{__version__}" + (f" (+{contact})" if contact else "")


@dataclass(frozen=True, slots=True)
class Ask:
    """What to fetch: conditional on what is stored, at which pace, and only pages or any file."""

    url: str
    etag: str = ""
    last_modified: str = ""
    delay: float | None = None
    pages_only: bool = True
    check: HopCheck = any_hop
    caps: Caps | None = None
    hops: int = MAX_HOPS
    into: Callable[[str], Callable[[bytes], None]] | None = None  # who takes the body of an address as it comes
    keep_head: int = 0  # stop reading after so many decoded bytes and keep them, instead of calling it too large


@dataclass(slots=True)
class Health:
    """How a host has been answering in this run.

    `failures` counts failed requests in a row, `rest` is the seconds it asked to be left alone, `missed` counts the
    deadlines it missed, and `retries` is how often it may be asked again: good answers win some of that back.
    """

    failures: int = 0
    rest: float = 0.0
    missed: int = 0
    retries: float = RETRIES

    def deadline(self, longest: float) -> float:
        """Return the seconds for the next request: half as many for each deadline that was missed."""
        return max(longest * 0.5**self.missed, min(longest, SHORTEST_DEADLINE))


FAILING: frozenset[Outcome] = frozenset({"timeout", "unreachable", "truncated", "tls_error", "protocol_error"})
CIRCUIT = 5
# New objects after which Python looks for cyclic garbage. Hundreds of requests in flight are none, and looking through
# them again and again costs a tenth of fetching. Nothing large is left for it: `test_links` and `test_crawl_memory`.
IN_FLIGHT = 20_000
_parsed = lru_cache(maxsize=1000)(httpx.URL)


class Client:
    """Fetches.

    >>> async with Client(ClientOptions(contact="me@example.org")) as client:
    ...     capture = await client.fetch(Ask("https://clinic.example/column/"))
    """

    def __init__(self, options: ClientOptions, clock: Clock = system_clock, timer: Timer | None = None) -> None:
        self.options = options
        self.clock = clock
        self.timer = timer or Timer()
        self.pace = Pace(self.timer)
        self.network = Network(options.allow_private)
        self.room = Room()
        self.tls = tls_context()
        self.transports: dict[str, httpx.AsyncBaseTransport] = {}
        self.health: dict[str, Health] = {}
        self.requests = 0
        self.heard = asyncio.Event()
        """Set once any host has answered: this machine is not offline."""
        self.jitter = random.Random()
        self.fixed: Headers = (
            ("User-Agent", options.user_agent),
            ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5"),
            ("Accept-Language", "ja,en;q=0.5"),
            ("Accept-Encoding", ACCEPTED),
        )

    async def __aenter__(self) -> Client:
        self.thresholds = gc.get_threshold()
        gc.set_threshold(max(IN_FLIGHT, self.thresholds[0]), *self.thresholds[1:])
        return self

    async def __aexit__(self, *_: object) -> None:
        gc.set_threshold(*self.thresholds)
        for transport in self.transports.values():
            await transport.aclose()
        self.transports.clear()

    async def release(self, hosts: tuple[str, ...]) -> None:
        """Close the connections to these hosts and forget how they answered."""
        for origin in [origin for origin in self.transports if origin.partition("://")[2] in hosts]:
            await self.transports.pop(origin).aclose()
        for host in hosts:
            self.health.pop(host, None)

    async def fetch(self, ask: Ask) -> Capture:
        """The capture of an address: always one, with its named outcome."""
        started = self.timer.seconds()
        at = to_text(self.clock())
        hops: list[Hop] = []
        url = ask.url
        seen = {url}
        sent: Headers = ()
        while True:
            problem = await ask.check(url) if hops else None
            if problem:
                answer = Answer(problem[0], error=problem[1])
                break
            answer, sent = await self._tried(url, ask, conditional=not hops)
            if answer.status not in outcomes.REDIRECTS or not answer.header("location"):
                break
            hops.append(Hop(url, answer.status, answer.headers))
            target, trouble = hops_to.target(answer.header("location"), url, seen, len(hops) > ask.hops)
            if trouble:
                answer = replace(answer, outcome=trouble[0], error=trouble[1], body=None)
                url = target or url
                break
            seen.add(target)
            url = target
        if answer.outcome == "unchanged" and not (ask.etag or ask.last_modified):
            answer = replace(answer, outcome="http_error", error="The server says `not modified` without being asked.")
        outcome: Outcome = "redirected" if hops and answer.outcome == "ok" else answer.outcome
        wire = Wire(sent, tuple(hops), answer.peer, answer.tls, round(self.timer.seconds() - started, 3),
                    answer.length, answer.sha256)  # fmt: skip
        return Capture(ask.url, url, at, answer.status, answer.headers, answer.body, outcome, answer.error, wire)

    async def _tried(self, url: str, ask: Ask, conditional: bool) -> tuple[Answer, Headers]:
        """One hop, tried again while that is worth it."""
        try:
            place = address(url)
        except UsageError as error:
            return Answer("protocol_error", error=str(error)), ()
        headers = self._headers(place, ask, conditional)
        health = self.health.setdefault(place.authority, Health())
        answer = await self._once(place, headers, ask, health)
        if self._is_worth_another(answer, health):
            answer = await self._retried(answer, lambda: self._once(place, headers, ask, health), health)
        return answer, headers

    def _is_worth_another(self, answer: Answer, health: Health) -> bool:
        worth = answer.outcome in outcomes.RETRIED or answer.status in outcomes.RETRIED_STATUS
        affordable = health.failures < CIRCUIT and health.retries >= 1
        return worth and affordable and health.rest <= self.options.longest_wait

    async def _retried(self, first: Answer, once: Callable[[], Awaitable[Answer]], health: Health) -> Answer:
        """The answer after further tries; the first one, which needs none of this, counts as tried."""
        early = [first]

        async def tried() -> Answer:
            if early:
                return early.pop()
            health.retries -= 1
            return await once()

        def wait(state: tenacity.RetryCallState) -> float:
            longest: float = self.options.backoff * 2 ** (state.attempt_number - 1)
            return max(health.rest, longest * self.jitter.uniform(0.5, 1.0))

        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.options.attempts),
            retry=tenacity.retry_if_result(lambda answer: self._is_worth_another(answer, health)),
            wait=wait,
            sleep=self.timer.sleep,
            retry_error_callback=_last_answer,
        )
        return await retrying(tried)

    async def _once(self, place: Address, headers: Headers, ask: Ask, health: Health) -> Answer:
        """One request at its turn, noted in the host's health."""
        keys = [place.authority]
        try:
            found = self.network.remembered(place.host, place.port)
            if not found:
                async with asyncio.timeout(self.options.head):
                    found = await self.network.judged(place.host, place.port)
            keys.append(found[0])
        except (PrivateAddress, Unresolved, TimeoutError) as error:
            if not (self.options.proxy and isinstance(error, Unresolved)):  # a proxy resolves names by itself
                return self._noted(health, Answer(*outcomes.of_error(error)))
        async with self.pace.turn(keys, self.options.delay if ask.delay is None else ask.delay) as turn:
            self.requests += 1
            deadline = health.deadline(self.options.deadline)
            head = min(self.options.head, deadline)
            # A proxy is told the whole address, but for TLS, which it only tunnels.
            whole = place.origin if self.options.proxy and place.scheme == "http" else ""
            request = httpx.Request(
                "GET", _parsed(place.origin),
                headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in headers],
                extensions={"target": (whole + place.target).encode("ascii"), "connect": head},
            )  # fmt: skip
            caps = ask.caps or self.options.caps
            into = ask.into(place.origin + place.target) if ask.into else None
            bounds = Bounds(deadline, head, caps, self.room, ask.pages_only, ask.keep_head, into)
            answer = await attempt(self._transport(place), request, bounds)
            if answer.status == outcomes.PROXY_AUTHENTICATION and self.options.proxy:
                answer = Answer("unreachable", error=outcomes.PROXY_REFUSES)
            turn.counts = answer.outcome != "timeout"  # how long we waited says nothing of how long it takes
            return self._noted(health, answer)

    def _headers(self, place: Address, ask: Ask, conditional: bool) -> Headers:
        lines = (("Host", place.authority), *self.fixed)
        if conditional and ask.etag:
            lines += (("If-None-Match", ask.etag),)
        if conditional and ask.last_modified:
            lines += (("If-Modified-Since", ask.last_modified),)
        return lines

    def _transport(self, place: Address) -> httpx.AsyncBaseTransport:
        found = self.transports.get(place.origin)
        if found is None:
            if self.options.proxy:
                proxy = proxy_address(self.options.proxy)
                found = httpx.AsyncHTTPTransport(verify=self.tls, trust_env=False, proxy=proxy)
            else:
                found = OriginTransport(place, self.tls, self.network)
            self.transports[place.origin] = found
        return found

    def _noted(self, health: Health, answer: Answer) -> Answer:
        failing = answer.outcome in FAILING or answer.status in outcomes.RETRIED_STATUS
        health.failures = health.failures + 1 if failing else 0
        health.missed += answer.outcome == "timeout"
        health.retries = health.retries if failing else min(RETRIES, health.retries + WON_BACK)
        if answer.status:
            self.heard.set()
        health.rest = outcomes.retry_after(answer.headers, self.clock()) if failing else 0.0
        return answer


def _last_answer(state: tenacity.RetryCallState) -> Answer:
    assert state.outcome is not None
    answer: Answer = state.outcome.result()
    return answer
