"""Politeness: one request in flight and a pause per host and per IP address, longer when the server is slow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from columnarchive.crawl.clock import Timer

SLOW = 1.0  # seconds an answer may take before the pause follows it
MAX_PAUSE = 10.0
MAX_DELAYS = 5  # times the delay that the pause after a slow answer may take


@dataclass(slots=True)
class _Lane:
    """One host's or one address's turn: who is on it, when it is free again, how long its answers take."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0
    usual: float = 0.0
    users: int = 0


@dataclass(slots=True)
class Turn:
    """A turn that was given; clear `counts` when how long it took says nothing of how long the host takes."""

    counts: bool = True


class Pace:
    """Hands out turns.

    >>> async with pace.turn(["clinic.example", "203.0.113.5"], delay=2.0):
    ...     ...  # one request
    """

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.lanes: dict[str, _Lane] = {}

    @contextlib.asynccontextmanager
    async def turn(self, keys: Iterable[str], delay: float) -> AsyncIterator[Turn]:
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
            turn = Turn()
            try:
                yield turn
            finally:
                self._rest(lanes, delay, started, turn)
        finally:
            for lane in held:
                lane.lock.release()
            for lane in lanes:
                lane.users -= 1
            self._tidy()

    def _rest(self, lanes: list[_Lane], delay: float, started: float, turn: Turn) -> None:
        ended = self.timer.seconds()
        took = ended - started
        for lane in lanes:
            if turn.counts:
                lane.usual = took if not lane.usual else 0.7 * lane.usual + 0.3 * took
            slow = min(lane.usual, MAX_DELAYS * delay, MAX_PAUSE) if lane.usual > SLOW else 0.0
            lane.free_at = ended + max(delay, slow)

    def _tidy(self) -> None:
        """Forget lanes that are idle and rested, so that memory does not grow with the number of hosts seen."""
        if len(self.lanes) > 2000:
            now = self.timer.seconds()
            for key in [key for key, lane in self.lanes.items() if not lane.users and lane.free_at < now]:
                del self.lanes[key]
