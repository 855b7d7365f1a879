"""The error tree: each error is one sentence that says what is wrong and, where it helps, what to do.

ArchiveError
├── UsageError          what the user asked for cannot be understood (a URL, a query, a date, a setting)
├── NotFound            a URL, site or revision the archive does not hold
├── StoreError          the database: not one, a newer one, locked, full, damaged
├── FetchError          nothing could be fetched at all
├── ExtractError        bytes that are no page
└── ExchangeError       a file in a foreign format that cannot be read or written
"""

from columnarchive import locale


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
