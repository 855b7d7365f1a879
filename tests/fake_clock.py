"""A clock for tests: time passes only when somebody waits, and waiting takes none."""

from __future__ import annotations

import asyncio

from columnarchive.crawl.limits import Timer


class FakeClock:
    """Seconds that pass only by waiting."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def seconds(self) -> float:
        """Return the seconds waited so far."""
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Let the others run, then count the seconds as passed."""
        self.elapsed += max(0.0, seconds)
        await asyncio.sleep(0)

    def timer(self) -> Timer:
        """Return this clock as a `Timer`."""
        return Timer(self.seconds, self.sleep)
