"""Operations that combine packages: crawl, derive, import, export, check, withdraw, notify.

A module is loaded when it is first used: a command needs few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from columnarchive.pipeline import (
        crawl,
        crawl_plan,
        demo,
        derive,
        export,
        import_warc,
        integrity,
        notifications,
        saved_pages,
        site_preview,
        web_archives,
        withdrawal,
    )


def __getattr__(name: str) -> object:
    module = f"{__name__}.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
