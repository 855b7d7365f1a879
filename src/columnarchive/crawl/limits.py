"""What all downloads share: the pace of requests to a host and to an IP address, and the memory for bodies in flight.

One request at a time goes to a host and to an address, with a pause after it that is longer when the host is slow. Many
hosts that send large pages at once must not add up.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field

SLOW = 1.0  # seconds that a response may take before the pause grows with it
MAX_PAUSE = 10.0
MAX_DELAYS = 5  # times the delay that the pause after a slow response may take
SMOOTHING = 0.3  # weight of the newest response in the average
MAX_SLOTS = 2000  # before idle ones are evicted


@dataclass(frozen=True, slots=True)
class Timer:
    """Seconds on a steady counter, and waiting for some of them; handed in so that tests need not wait."""

    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _HostSlot:
    """The slot of one host or IP address: who holds it, when it is free again, how long its responses take."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    average: float = 0.0
    users: int = 0


@dataclass(slots=True)
class Turn:
    """Permission to send one request. Clear `counts` when its duration says nothing about the speed of the host."""

    counts: bool = True


class RateLimiter:
    """Spaces out requests.

    >>> async with limiter.slot(["clinic.example", "203.0.113.5"], delay=2.0):
    ...     ...  # one request
    """

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._slots: dict[str, _HostSlot] = {}

    @contextlib.asynccontextmanager
    async def slot(self, keys: Iterable[str], delay: float) -> AsyncIterator[Turn]:
        """Wait until all of `keys` are free, hold them, and keep them closed for `delay` seconds afterwards."""
        slots = [self._slots.setdefault(key, _HostSlot()) for key in sorted(set(keys))]
        held: list[_HostSlot] = []
        for slot in slots:
            slot.users += 1
        try:
            for slot in slots:  # always in the same order, so that no two requests wait for each other
                await slot.lock.acquire()
                held.append(slot)
            while (wait := max((slot.free_at for slot in slots), default=0.0) - self._timer.seconds()) > 0:
                await self._timer.sleep(wait)
            started = self._timer.seconds()
            turn = Turn()
            try:
                yield turn
            finally:
                self._pause(slots, delay, started, turn)
        finally:
            for slot in held:
                slot.lock.release()
            for slot in slots:
                slot.users -= 1
            self._evict_idle()

    def _pause(self, slots: list[_HostSlot], delay: float, started: float, turn: Turn) -> None:
        ended = self._timer.seconds()
        for slot in slots:
            if turn.counts:
                weight = SMOOTHING if slot.average else 1.0
                slot.average += weight * (ended - started - slot.average)
            slow = min(slot.average, MAX_DELAYS * delay, MAX_PAUSE) if slot.average > SLOW else 0.0
            slot.free_at = ended + max(delay, slow)

    def _evict_idle(self) -> None:
        """Forget idle slots, so that memory does not grow with the number of hosts."""
        if len(self._slots) > MAX_SLOTS:
            now = self._timer.seconds()
            for key in [key for key, slot in self._slots.items() if not slot.users and slot.free_at < now]:
                del self._slots[key]


LIMIT = 8_000_000
FREE = 100_000  # of each body: all of most pages
MAX_WAIT = 3.0  # seconds after which the largest body is aborted for those that wait


@dataclass(slots=True)
class MemoryBudget:
    """Caps the bytes buffered by concurrent downloads at `limit`; the first 100 kB of each are exempt.

    When the cap is reached, one download may exceed it, and the others stop reading: TCP makes their servers wait. If
    one has waited for MAX_WAIT seconds, the largest is aborted and reported as `timeout`.
    """

    limit: int = LIMIT
    used: int = 0
    overdraft_holder: Reservation | None = None
    reservations: set[Reservation] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def reserve(self, timeout: asyncio.Timeout) -> Reservation:
        """Return a reservation, still empty, for one body; `timeout` is what aborts its request."""
        return Reservation(self, timeout)

    def abort_largest(self) -> None:
        """Abort the request whose body holds most."""
        largest = max(self.reservations, key=lambda one: one.held, default=None)
        if largest is not None and not largest.timeout.expired():
            largest.timeout.reschedule(asyncio.get_running_loop().time())


@dataclass(slots=True, eq=False)
class Reservation:
    """The size of one body, and how many of its bytes count."""

    budget: MemoryBudget
    timeout: asyncio.Timeout
    size: int = 0
    held: int = 0

    async def grow(self, size: int) -> None:
        """Reserve so many bytes more; wait until the budget has them."""
        budget = self.budget
        self.size += size
        more = max(0, self.size - FREE) - self.held
        if more <= 0:
            return
        while budget.used + more > budget.limit and budget.overdraft_holder not in (None, self):
            budget.released.clear()
            try:
                async with asyncio.timeout(MAX_WAIT):
                    await budget.released.wait()
            except TimeoutError:
                budget.abort_largest()
        if budget.used + more > budget.limit:
            budget.overdraft_holder = self
        budget.used += more
        self.held += more
        budget.reservations.add(self)

    def release(self) -> None:
        """Return all of it."""
        self.budget.used -= self.held
        self.held = 0
        self.budget.reservations.discard(self)
        if self.budget.overdraft_holder is self:
            self.budget.overdraft_holder = None
        self.budget.released.set()
