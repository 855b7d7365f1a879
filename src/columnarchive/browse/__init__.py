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
    from columnarchive import reader

    if reader.shown.is_archive(conn):
        for name, arguments, function in reader.FUNCTIONS:
            conn.create_function(name, arguments, function, deterministic=True)


@hook
def register_routes() -> list[tuple[str, Any]]:
    """Our pages under /-/archive."""
    from columnarchive.browse.answering import routes
    from columnarchive.browse.routing import ROUTES

    return routes(ROUTES)


@hook
def startup(datasette: Any) -> Callable[[], Any]:
    """Find the archives; tell Datasette 1.0 about their tables, which 0.65 asks for by `get_metadata`."""
    from columnarchive.browse import access, stock

    async def find() -> None:
        stock.remember(datasette, await access.archives(datasette))
        if hasattr(datasette, "set_resource_metadata"):
            await stock.tell(datasette)

    return find


@hook
def get_metadata(datasette: Any, key: str | None) -> dict[str, Any]:
    """Descriptions of tables and columns, facets, hidden tables (Datasette 0.65)."""
    from columnarchive.browse import stock

    return stock.metadata(datasette, key)


@hook
def canned_queries(datasette: Any, database: str) -> dict[str, dict[str, str]]:
    """The saved queries (Datasette 0.65)."""
    from columnarchive.browse import stock

    return stock.queries() if database in stock.known(datasette) else {}


@hook
def render_cell(row: Any, value: Any, column: str, table: str | None, database: str, datasette: Any) -> Any:
    """Cells that link articles, revisions, changes and labels to our pages."""
    from columnarchive.browse import stock

    return stock.cell(datasette, row, value, column, table) if database in stock.known(datasette) else None


@hook
def extra_css_urls(database: str | None, datasette: Any) -> list[str]:
    """Wider columns for long Japanese text on Datasette's own pages of an archive."""
    from columnarchive.browse import stock

    known = stock.known(datasette)
    return [datasette.urls.static_plugins("columnarchive", "tables.css")] if database in known else []


@hook
def extra_template_vars(datasette: Any) -> dict[str, Any]:
    """Whether Datasette's front page should point to ours."""
    from columnarchive.browse import stock
    from columnarchive.browse.asking import ROOT

    return {"columnarchive_home": datasette.urls.path(ROOT) if stock.known(datasette) else ""}


@hook
def menu_links(datasette: Any) -> list[dict[str, str]]:
    """Our home in Datasette's menu."""
    return _links(datasette, stock_label=False)


@hook
def database_actions(datasette: Any, database: str) -> list[dict[str, str]]:
    """Our home among the actions of an archive."""
    from columnarchive.browse import stock

    return _links(datasette, stock_label=True) if database in stock.known(datasette) else []


def _links(datasette: Any, *, stock_label: bool) -> list[dict[str, str]]:
    from columnarchive.browse import stock
    from columnarchive.browse.asking import ROOT

    label = "最近の変更を読む · Read recent changes" if stock_label else "コラム・アーカイブ · Column archive"
    return [{"href": datasette.urls.path(ROOT), "label": label}] if stock.known(datasette) else []


@hook
def asgi_wrapper(datasette: Any) -> Callable[[Any], Any]:
    """With `archive serve`, the bare address leads to our home rather than to Datasette's list of databases."""
    from columnarchive.browse.front import fronted

    return fronted(datasette)
