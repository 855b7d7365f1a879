"""An archive of clinic columns: captures as evidence, articles and revisions derived from them.

>>> from columnarchive import Archive
>>> Archive.open("data/demo.db").search("難病")

`Archive` and `Reader` are the entry points; both are loaded when first used, so that a program which only reads loads
no crawler and no parser.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from columnarchive.archive import Archive as Archive
    from columnarchive.archive import CrawlOptions as CrawlOptions
    from columnarchive.archive import ExportRequest as ExportRequest
    from columnarchive.archive import extract_articles as extract_articles
    from columnarchive.diff.compare import compare as compare
    from columnarchive.errors import ArchiveError as ArchiveError
    from columnarchive.errors import ExchangeError as ExchangeError
    from columnarchive.errors import ExtractError as ExtractError
    from columnarchive.errors import FetchError as FetchError
    from columnarchive.errors import NotFound as NotFound
    from columnarchive.errors import StoreError as StoreError
    from columnarchive.errors import UsageError as UsageError
    from columnarchive.reader import ChangeFilter as ChangeFilter
    from columnarchive.reader import Pick as Pick
    from columnarchive.reader import Reader as Reader
    from columnarchive.reader import SearchOptions as SearchOptions
    from columnarchive.records import Article as Article
    from columnarchive.records import Block as Block
    from columnarchive.records import Capture as Capture
    from columnarchive.records import Comparison as Comparison
    from columnarchive.records import Edit as Edit
    from columnarchive.records import Evidence as Evidence
    from columnarchive.records import Failure as Failure
    from columnarchive.records import Hit as Hit
    from columnarchive.records import Revision as Revision
    from columnarchive.records import Sentence as Sentence
    from columnarchive.records import Span as Span


def load_on_use(owner: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """Return a `__getattr__` for the module `owner` that loads names, given by their modules, when first used."""
    module_of = {name: module for module, names in modules.items() for name in names}

    def load(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {owner!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"columnarchive.{module_of[name]}"), name)

    return load


_MODULES = {
    "archive": ("Archive", "CrawlOptions", "ExportRequest", "extract_articles"),
    "reader": ("ChangeFilter", "Pick", "Reader", "SearchOptions"),
    "diff.compare": ("compare",),
    "errors": (
        "ArchiveError", "ExchangeError", "ExtractError", "FetchError", "NotFound", "StoreError", "UsageError",
    ),
    "records": (
        "Article", "Block", "Capture", "Comparison", "Edit", "Evidence", "Failure", "Hit", "Revision", "Sentence",
        "Span",
    ),
}  # fmt: skip
__all__ = sorted(name for names in _MODULES.values() for name in names)  # noqa: PLE0605 - pinned by a test
__getattr__ = load_on_use(__name__, _MODULES)
