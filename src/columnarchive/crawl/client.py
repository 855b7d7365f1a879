"""URL to capture: redirects hop by hop, retries, rate limits; never an exception for what the web does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass, field, replace

import httpcore
import tenacity

from columnarchive import __version__
from columnarchive.content_encoding import ACCEPTED, SizeLimits
from columnarchive.crawl import responses
from columnarchive.crawl.limits import MemoryBudget, RateLimiter, Timer
from columnarchive.crawl.responses import RequestLimits, Response, send_request
from columnarchive.crawl.transport import (
    AddressGuard,
    OriginTransport,
    PrivateAddress,
    ResolutionError,
    create_tls_context,
)
from columnarchive.errors import UsageError
from columnarchive.locale import fault
from columnarchive.records import Capture, Headers, Hop, Outcome, Wire
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import MAX_LENGTH, Address, address, canonical, proxy_address

MAX_HOPS = 10
CIRCUIT = 5  # failures in a row after which a host is in doubt
RETRIES = 10.0  # of a host in one run
RETRY_REFUND = 0.5  # for each good response
SHORTEST_DEADLINE = 10.0
FAILING: frozenset[Outcome] = frozenset({"timeout", "unreachable", "truncated", "tls_error", "protocol_error"})
RedirectCheck = Callable[[str], Awaitable[tuple[Outcome, str] | None]]


async def allow_any_redirect(url: str) -> tuple[Outcome, str] | None:  # noqa: ARG001
    """Let every redirect be followed."""
    return None


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How the client behaves: who it says it is, what it may reach, how long it waits and how often it tries."""

    contact: str = ""
    allow_private: bool = False
    proxy: str = ""
    delay: float = 2.0
    deadline: float = 60.0
    head_deadline: float = 20.0  # seconds until the response begins, connecting included
    attempts: int = 3
    backoff: float = 2.0
    longest_wait: float = 60.0  # a server that asks for more is left alone until then instead of being waited for
    sizes: SizeLimits = field(default_factory=SizeLimits)

    def __post_init__(self) -> None:
        if self.proxy:
            proxy_address(self.proxy)

    @property
    def user_agent(self) -> str:
        """The honest name: product, version, and how to reach the person who runs it."""
        contact = self.contact.encode("ascii", "ignore").decode()
        return f"columnarchive/{__version__}" + (f" (+{contact})" if contact else "")


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What to fetch.

    Attributes:
        etag, last_modified: validators of what is stored, which make the request conditional.
        delay: seconds between requests to the host; None for the client's own.
        pages_only: whether a response that is no page is refused.
        check: called with each address, the first one too; an outcome it returns ends the fetch.
        sizes: None for the client's own limits.
        sink: called with the address of each hop; returns what takes its body as it comes.
        enough: stop reading after so many decoded bytes and keep them, instead of calling the body too large.
    """

    url: str
    etag: str = ""
    last_modified: str = ""
    delay: float | None = None
    pages_only: bool = True
    check: RedirectCheck = allow_any_redirect
    sizes: SizeLimits | None = None
    max_hops: int = MAX_HOPS
    sink: Callable[[str], Callable[[bytes], object]] | None = None
    enough: int = 0


@dataclass(slots=True)
class HostHealth:
    """How a host has been answering in this run.

    Attributes:
        failures: failed requests in a row.
        retry_after: seconds that it asked to be left alone.
        timeouts: deadlines it missed.
        retries: how often it may be asked again; good responses win some of that back.
    """

    failures: int = 0
    retry_after: float = 0.0
    timeouts: int = 0
    retries: float = RETRIES

    def deadline(self, longest: float) -> float:
        """Return the seconds for the next request: half as many for each deadline that was missed."""
        return max(longest * 0.5**self.timeouts, min(longest, SHORTEST_DEADLINE))

    def record(self, response: Response, retry_after: float) -> None:
        """Take in a response."""
        failing = response.outcome in FAILING or response.status in responses.RETRIED_STATUS
        self.failures = self.failures + 1 if failing else 0
        self.retry_after = retry_after if failing else 0.0
        self.timeouts += response.outcome == "timeout"
        if not failing:
            self.retries = min(RETRIES, self.retries + RETRY_REFUND)


class Client:
    """Fetches pages.

    >>> async with Client(ClientOptions(contact="me@example.org")) as client:
    ...     capture = await client.fetch(FetchRequest("https://clinic.example/column/"))
    """

    def __init__(self, options: ClientOptions, clock: Clock = system_clock, timer: Timer | None = None) -> None:
        self.options = options
        self.clock = clock
        self.timer = timer or Timer()
        self.guard = AddressGuard(options.allow_private)
        self.tls = create_tls_context()
        self.health: dict[str, HostHealth] = {}
        self.requests = 0
        self.any_host_answered = asyncio.Event()
        """Set once any host has answered: this machine is not offline."""
        self._backend: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend() if options.proxy else self.guard
        self._limiter = RateLimiter(self.timer)
        self._budget = MemoryBudget()
        self._transports: dict[str, OriginTransport] = {}
        self._jitter = random.Random()
        self._headers: Headers = (
            ("User-Agent", options.user_agent),
            ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5"),
            ("Accept-Language", "ja,en;q=0.5"),
            ("Accept-Encoding", ACCEPTED),
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def release(self, hosts: tuple[str, ...]) -> None:
        """Close the connections to these hosts and forget how they answered."""
        for origin in [origin for origin in self._transports if origin.partition("://")[2] in hosts]:
            await self._transports.pop(origin).aclose()
        for host in hosts:
            self.health.pop(host, None)

    async def fetch(self, request: FetchRequest) -> Capture:
        """Return the capture of an address: always one, with its named outcome."""
        started = self.timer.seconds()
        at = to_text(self.clock())
        hops: list[Hop] = []
        url = request.url
        seen = {url}
        sent: Headers = ()
        while True:
            problem = await request.check(url) if hops else None
            if problem:
                response = Response(problem[0], error=problem[1])
                break
            response, sent = await self._send_with_retries(url, request, conditional=not hops)
            if response.status not in responses.REDIRECTS or not response.header("location"):
                break
            hops.append(Hop(url, response.status, response.headers))
            too_many = len(hops) > request.max_hops
            target, trouble = resolve_redirect(response.header("location"), url, seen, too_many)
            if trouble:
                response = replace(response, outcome=trouble[0], error=trouble[1], body=None)
                url = target or url
                break
            seen.add(target)
            url = target
        if response.outcome == "unchanged" and not (request.etag or request.last_modified):
            response = replace(response, outcome="http_error", error=fault("unasked_304"))
        outcome: Outcome = "redirected" if hops and response.outcome == "ok" else response.outcome
        seconds = round(self.timer.seconds() - started, 3)
        wire = Wire(sent, tuple(hops), response.peer, response.tls, seconds, response.length, response.sha256)
        return Capture(
            request.url, url, at, response.status, response.headers, response.body, outcome, response.error, wire
        )

    async def _send_with_retries(self, url: str, request: FetchRequest, conditional: bool) -> tuple[Response, Headers]:
        """Send the request of one hop, again while that is worth it."""
        try:
            place = address(url)
        except UsageError as error:
            return Response("protocol_error", error=str(error)), ()
        headers = self._headers_for(place, request, conditional)
        health = self.health.setdefault(place.authority, HostHealth())

        async def send() -> Response:
            return await self._send(place, headers, request, health)

        response = await send()
        if self._is_worth_a_retry(response, health):
            response = await self._retry(response, send, health)
        return response, headers

    def _is_worth_a_retry(self, response: Response, health: HostHealth) -> bool:
        worth = response.outcome in responses.RETRIED or response.status in responses.RETRIED_STATUS
        affordable = health.failures < CIRCUIT and health.retries >= 1
        return worth and affordable and health.retry_after <= self.options.longest_wait

    async def _retry(self, first: Response, send: Callable[[], Awaitable[Response]], health: HostHealth) -> Response:
        """Return the response after further attempts; the first one, which has failed, counts as an attempt."""
        pending = [first]

        async def attempt() -> Response:
            if pending:
                return pending.pop()
            health.retries -= 1
            return await send()

        def wait(state: tenacity.RetryCallState) -> float:
            longest: float = self.options.backoff * 2 ** (state.attempt_number - 1)
            return max(health.retry_after, longest * self._jitter.uniform(0.5, 1.0))

        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.options.attempts),
            retry=tenacity.retry_if_result(lambda response: self._is_worth_a_retry(response, health)),
            wait=wait,
            sleep=self.timer.sleep,
            retry_error_callback=_last_response,
        )
        return await retrying(attempt)

    async def _send(self, place: Address, headers: Headers, request: FetchRequest, health: HostHealth) -> Response:
        """Send one request when its host may be asked, and record how that went."""
        keys = [place.authority]
        try:
            found = self.guard.cached(place.host, place.port)
            if not found:
                async with asyncio.timeout(self.options.head_deadline):
                    found = await self.guard.resolve_public(place.host, place.port)
            keys.append(found[0])
        except (PrivateAddress, ResolutionError, TimeoutError) as error:
            if not (self.options.proxy and isinstance(error, ResolutionError)):  # a proxy resolves names by itself
                return self._record(health, Response(*responses.classify_error(error)))
        async with self._limiter.slot(keys, self.options.delay if request.delay is None else request.delay) as turn:
            self.requests += 1
            limits = self._limits(place, request, health)
            response = await send_request(self._transport(place), place, headers, limits)
            if response.status == responses.PROXY_AUTHENTICATION and self.options.proxy:
                response = Response("unreachable", error=fault("proxy_refusal"))
            turn.counts = response.outcome != "timeout"  # our own deadline says nothing about the host's speed
            return self._record(health, response)

    def _limits(self, place: Address, request: FetchRequest, health: HostHealth) -> RequestLimits:
        deadline = health.deadline(self.options.deadline)
        sink = request.sink(place.origin + place.target) if request.sink else None
        return RequestLimits(
            deadline,
            min(self.options.head_deadline, deadline),
            request.sizes or self.options.sizes,
            self._budget,
            request.pages_only,
            request.enough,
            sink,
        )

    def _headers_for(self, place: Address, request: FetchRequest, conditional: bool) -> Headers:
        lines = (("Host", place.authority), *self._headers)
        if conditional and request.etag:
            lines += (("If-None-Match", request.etag),)
        if conditional and request.last_modified:
            lines += (("If-Modified-Since", request.last_modified),)
        return lines

    def _transport(self, place: Address) -> OriginTransport:
        found = self._transports.get(place.origin)
        if found is None:
            proxy = proxy_address(self.options.proxy) if self.options.proxy else ""
            found = self._transports[place.origin] = OriginTransport(self.tls, self._backend, proxy)
        return found

    def _record(self, health: HostHealth, response: Response) -> Response:
        if response.status:
            self.any_host_answered.set()
        health.record(response, responses.parse_retry_after(response.headers, self.clock()))
        return response


def resolve_redirect(location: str, url: str, seen: Set[str], too_many: bool) -> tuple[str, tuple[Outcome, str] | None]:
    """Return where a Location line at `url` leads, and the outcome and sentence that keep it from being followed.

    Args:
        location: the value as it came, each character a byte.
        url: the address that sent it.
        seen: the addresses of the hops before.
        too_many: whether there have been enough hops.
    """
    # Servers write Japanese addresses as they store them, in UTF-8 or Shift_JIS; escaped, each byte stays what it is.
    escaped = "".join(sign if sign.isascii() else f"%{ord(sign):02X}" for sign in location)
    try:
        target = canonical(escaped, url)
    except UsageError:
        return "", ("http_error", fault("redirect_no_address", location=repr(location[:200])))
    if len(target) > MAX_LENGTH:
        return "", ("http_error", fault("redirect_too_long", target=target[:200]))
    if target in seen:
        return target, ("redirect_loop", fault("redirect_loop", target=target))
    if too_many:
        return target, ("redirect_loop", fault("many_redirects"))
    return target, None


def _last_response(state: tenacity.RetryCallState) -> Response:
    assert state.outcome is not None
    response: Response = state.outcome.result()
    return response
