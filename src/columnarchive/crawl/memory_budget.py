"""Memory that all bodies in flight share: many hosts that send large pages at once must not add up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

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
