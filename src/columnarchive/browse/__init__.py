"""The Datasette plugin: pages for reading an archive, and what Datasette's own pages need to know about it.

Datasette loads this for every command, so nothing heavy is imported before a database is served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from datasette import hookimpl

_Hook = TypeVar("_Hook", bound=Callable[..., Any])
# Datasette has no types; these names give its decorator some.
hook: Callable[[_Hook], _Hook] = hookimpl
last_hook: Callable[[_Hook], _Hook] = hookimpl(trylast=True)


@last_hook
def prepare_connection(conn: Any) -> None:
    """Make Datasette's own search box find Japanese: it calls `escape_fts`, and ours comes after its own.

    Only in an archive: another database beside it keeps the search it has.
    """
    from columnarchive import reading

    if reading.shown.is_archive(conn):
        for name, arguments, function in reading.FUNCTIONS:
            conn.create_function(name, arguments, function, deterministic=True)


@hook
def register_routes() -> list[tuple[str, Any]]:
    """Our pages under /-/archive."""
    from columnarchive.browse.answering import routes
    from columnarchive.browse.routing import ROUTES

    return routes(ROUTES)
