"""Politeness: one request in flight and a pause per host and per IP address, longer when the server is slow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from columnarchive.crawl.timer import Timer

SLOW = 1.0  # seconds an answer may take before the pause follows it
MAX_PAUSE = 60.0


@dataclass(slots=True)
class _Lane:
    """One host's or one address's turn: who is on it, when it is free again, how long its answers take."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    usual: float = 0.0
    users: int = 0


class Pace:
    """Hands out turns.

    >>> async with pace.turn(["clinic.example", "203.0.113.5"], delay=2.0):
    ...     ...  # one request
    """

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.lanes: dict[str, _Lane] = {}

    @contextlib.asynccontextmanager
    async def turn(self, keys: Iterable[str], delay: float) -> AsyncIterator[None]:
        """Wait until all of `keys` are free and rested, hold them, and let them rest `delay` seconds afterwards."""
        lanes = [self.lanes.setdefault(key, _Lane()) for key in sorted(set(keys))]
        held: list[_Lane] = []
        for lane in lanes:
            lane.users += 1
        try:
            for lane in lanes:  # always in the same order, so that two turns cannot hold each other up
                await lane.lock.acquire()
                held.append(lane)
            while (wait := max((lane.free_at for lane in lanes), default=0.0) - self.timer.seconds()) > 0:
                await self.timer.sleep(wait)
            started = self.timer.seconds()
            try:
                yield
            finally:
                self._rest(lanes, delay, started)
        finally:
            for lane in held:
                lane.lock.release()
            for lane in lanes:
                lane.users -= 1
            self._tidy()

    def _rest(self, lanes: list[_Lane], delay: float, started: float) -> None:
        ended = self.timer.seconds()
        took = ended - started
        for lane in lanes:
            lane.usual = took if not lane.usual else 0.7 * lane.usual + 0.3 * took
            pause = max(delay, lane.usual) if lane.usual > SLOW else delay
            lane.free_at = ended + min(pause, max(delay, MAX_PAUSE))

    def _tidy(self) -> None:
        """Forget lanes that are idle and rested, so that memory does not grow with the number of hosts seen."""
        if len(self.lanes) > 2000:
            now = self.timer.seconds()
            for key in [key for key, lane in self.lanes.items() if not lane.users and lane.free_at < now]:
                del self.lanes[key]
