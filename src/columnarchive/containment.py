"""The boundary at which a fault of one page stays a fault of that page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from columnarchive.errors import ArchiveError, describe
from columnarchive.records import FaultStep, PageFault

T = TypeVar("T")


def ignore(_key: str) -> None:
    """Announce nothing."""


class Containment:
    """Run steps on single bodies so that a fault of one costs only what that step would have given.

    Args:
        begin: is called with the name of the step and body at hand before each step, to set limits for it.
        known: reasons of faults met before, by body and step; these steps are not tried again.
    """

    def __init__(
        self, begin: Callable[[str], None] = ignore, known: Mapping[tuple[str, FaultStep], str] | None = None
    ) -> None:
        self.faults: list[PageFault] = []
        self._begin = begin
        self._known = dict(known or {})
        self._at = ""

    def run(self, step: FaultStep, sha256: str, call: Callable[[], T], fallback: Callable[[], T]) -> T:
        """Return `call()`, or `fallback()` if the step fails for this body or has failed before.

        Errors of the archive itself, such as a full disk, are raised: they say nothing about the page.
        """
        if (sha256, step) in self._known:
            return fallback()
        outer, self._at = self._at, f"{step} {sha256}"
        self._begin(self._at)
        try:
            return call()
        except ArchiveError:
            raise
        except Exception as fault:  # noqa: BLE001 - the containment boundary of derivation
            self.record(step, sha256, describe(fault))
            return fallback()
        finally:
            self._at = outer
            if outer:
                self._begin(outer)

    def record(self, step: FaultStep, sha256: str, reason: str) -> None:
        """Remember a fault."""
        self._known[sha256, step] = reason
        self.faults.append(PageFault(sha256, step, reason))
