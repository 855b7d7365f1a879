"""The time that passes: a steady counter and a way to wait, handed in so that tests and the demo need not wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timer:
    """Seconds on a steady counter, and waiting for some of them."""

    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Simulated:
    """A counter that only moves when somebody waits: waiting takes no time at all."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def seconds(self) -> float:
        """Seconds waited so far."""
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Let the others run, then count the seconds as passed."""
        self.elapsed += max(0.0, seconds)
        await asyncio.sleep(0)

    def timer(self) -> Timer:
        """This counter as a `Timer`."""
        return Timer(self.seconds, self.sleep)
