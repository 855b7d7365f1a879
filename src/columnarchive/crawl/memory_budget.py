"""Memory that all bodies in flight share: hundreds of hosts that send large pages at once must not add up."""

from __future__ import annotations

import asyncio
import ctypes
import sys
from dataclasses import dataclass, field

ROOM = 8_000_000
FREE = 100_000  # of each body: all of most pages
PATIENCE = 3.0  # seconds that a body waits for room before the one that holds most is given up
M_MMAP_THRESHOLD = -3  # malloc.h of the GNU C library
M_ARENA_MAX = -8
M_TRIM_THRESHOLD = -1
LARGE = 1 << 20  # the compressor's working memory is smaller, and asked for at each page
SPARE = 4 << 20


def give_back_at_once() -> None:
    """Let memory of large bodies go back to the system as soon as it is free, where that can be asked for (Linux).

    The C library would soon take them from its heap, where small things that stay keep all before them in memory: after
    some dozen bodies of 10 MB a crawl held 40 MB more than it used. And threads share one heap: with one each, as is
    usual, what one of them frees is of no use to the others, which was 11 MB of 143.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGE)
        library.mallopt(M_ARENA_MAX, 1)
        library.mallopt(M_TRIM_THRESHOLD, SPARE)


@dataclass(slots=True)
class Room:
    """Bytes that large bodies may hold together while they are read.

    What every page needs is free. When the room is full, one body at a time goes on to its own bound, so that none
    waits for another that waits as well; the rest are not read any further, and their servers wait with them. Who holds
    most while others have waited for long is given up: a server must not be able to keep the room by sending no more.
    """

    size: int = ROOM
    used: int = 0
    beyond: Share | None = None
    shares: set[Share] = field(default_factory=set)
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    def share(self, limit: asyncio.Timeout) -> Share:
        """One body's part of it, to be given back; `limit` ends its request."""
        return Share(self, limit)

    def hurry(self) -> None:
        """End the request whose body holds most."""
        largest = max(self.shares, key=lambda share: share.held, default=None)
        if largest is not None and not largest.limit.expired():
            largest.limit.reschedule(asyncio.get_running_loop().time())


@dataclass(slots=True, eq=False)
class Share:
    """What one body has, and how much of it counts for the room."""

    room: Room
    limit: asyncio.Timeout
    size: int = 0
    held: int = 0

    async def grow(self, size: int) -> None:
        """Take so many bytes more, when there is room for them."""
        room = self.room
        self.size += size
        more = max(0, self.size - FREE) - self.held
        if more <= 0:
            return
        while room.used + more > room.size and room.beyond not in (None, self):
            room.freed.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await room.freed.wait()
            except TimeoutError:
                room.hurry()
        if room.used + more > room.size:
            room.beyond = self
        room.used += more
        self.held += more
        room.shares.add(self)

    def release(self) -> None:
        """Give all of it back."""
        self.room.used -= self.held
        self.held = 0
        self.room.shares.discard(self)
        if self.room.beyond is self:
            self.room.beyond = None
        self.room.freed.set()
