"""The error tree: each error is one sentence that says what is wrong and, where it helps, what to do.

ArchiveError
├── UsageError          what the user asked for cannot be understood (a URL, a query, a date, a setting)
├── NotFound            a URL, site or revision the archive does not hold
├── StoreError          the database: not one, a newer one, locked, full, damaged
├── FetchError          nothing could be fetched at all
├── ExtractError        bytes that are no page
└── ExchangeError       a file in a foreign format that cannot be read or written

Any other exception while a page is read stays a fault of that page: `Containment` is the boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from columnarchive import locale

if TYPE_CHECKING:
    from columnarchive.records import FaultStep, PageFault


class ArchiveError(Exception):
    """Base of everything this package raises on purpose.

    An error has a code and parameters, and its text is looked up in the locale catalogue:
    `NotFound("unknown_page", url=url)`. A parameter may be another error, of which the sentence is shown.
    """

    def __init__(self, code: str, /, **parameters: object) -> None:
        super().__init__(code)  # not the parameters: errors of workers are pickled, and made again from these
        self.code = code
        self.parameters = parameters

    def sentence(self, lang: locale.Language) -> str:
        """Return what went wrong in one sentence, without the hint for the command line."""
        return locale.text(lang, f"error.{self.code}", **self.parameters)

    def message(self, lang: locale.Language) -> str:
        """Return the sentence, followed by what to do about it on the command line."""
        sentence = self.sentence(lang)
        if self.code not in locale.catalogue(lang)["hint"]:
            return sentence
        hint = locale.text(lang, f"hint.{self.code}", **self.parameters)
        return f"{sentence.removesuffix('.')}; {hint}" if lang == "en" else sentence + hint

    def __str__(self) -> str:
        return self.message("en")


class UsageError(ArchiveError):
    """A URL, query, date, option or setting that cannot be understood."""


class NotFound(ArchiveError):
    """A URL, site or revision that the archive does not hold."""


class StoreError(ArchiveError):
    """The database is not one of ours, is newer, locked, full or damaged."""


class FetchError(ArchiveError):
    """Nothing could be fetched, so there is nothing to archive."""


class ExtractError(ArchiveError):
    """Bytes that cannot be read as a page."""


class ExchangeError(ArchiveError):
    """A file in a foreign format that cannot be read or written."""


def describe(fault: BaseException) -> str:
    """Return an unexpected exception as one short line, for the record of what could not be read."""
    text = " ".join(str(fault).split())[:200]
    name = type(fault).__name__
    return (f"{name}: {text}" if text else name).encode("utf-8", "replace").decode()


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
        from columnarchive.records import PageFault  # when it is needed: starting a command loads no records

        self.faults.append(PageFault(sha256, step, reason))
