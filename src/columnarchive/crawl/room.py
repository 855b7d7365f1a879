"""Memory that all bodies in flight share: hundreds of hosts that send large pages at once must not add up."""

from __future__ import annotations

import asyncio
import ctypes
import sys
from dataclasses import dataclass, field

ROOM = 4_000_000
M_MMAP_THRESHOLD = -3  # malloc.h of the GNU C library
LARGE = 131_072


def give_back_at_once() -> None:
    """Let memory of large bodies go back to the system as soon as it is free, where that can be asked for (Linux).

    The C library would soon take them from its heap, where small things that stay keep all before them in memory: after
    some dozen bodies of 10 MB a crawl held 40 MB more than it used.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGE)


@dataclass(slots=True)
class Room:
    """Bytes that bodies may hold together while they are read.

    When it is full, one body at a time goes on to its own bound, so that none waits for another that waits as well;
    the rest are not read any further until there is room, and their servers wait with them.
    """

    size: int = ROOM
    used: int = 0
    beyond: Share | None = None
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    def share(self) -> Share:
        """One body's part of it, to be given back."""
        return Share(self)


@dataclass(slots=True, eq=False)
class Share:
    """What one body holds of the room."""

    room: Room
    held: int = 0

    async def grow(self, size: int) -> None:
        """Take so many bytes more, when there is room for them."""
        room = self.room
        while room.used + size > room.size and room.beyond not in (None, self):
            room.freed.clear()
            await room.freed.wait()
        if room.used + size > room.size:
            room.beyond = self
        room.used += size
        self.held += size

    def release(self) -> None:
        """Give all of it back."""
        self.room.used -= self.held
        self.held = 0
        if self.room.beyond is self:
            self.room.beyond = None
        self.room.freed.set()
