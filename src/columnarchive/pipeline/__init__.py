"""Operations that combine packages: crawl, derive, import, export, check, withdraw, notify.

A module is loaded when it is first used: a command needs few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from columnarchive.pipeline import crawl as crawl
    from columnarchive.pipeline import crawl_plan as crawl_plan
    from columnarchive.pipeline import demo as demo
    from columnarchive.pipeline import derive as derive
    from columnarchive.pipeline import export as export
    from columnarchive.pipeline import import_warc as import_warc
    from columnarchive.pipeline import integrity as integrity
    from columnarchive.pipeline import notifications as notifications
    from columnarchive.pipeline import saved_pages as saved_pages
    from columnarchive.pipeline import site_preview as site_preview
    from columnarchive.pipeline import web_archives as web_archives
    from columnarchive.pipeline import withdrawal as withdrawal


def __getattr__(name: str) -> object:
    module = f"{__name__}.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
