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

    from columnarchive.reader import Reader

    if (archive := Reader(conn)).is_archive:
        archive.prepare()


@hook
def register_routes() -> list[tuple[str, Any]]:
    """Our pages under /-/archive."""
    from columnarchive.browse.views import routes

    return routes()


@hook
def startup(datasette: Any) -> Callable[[], Any]:
    """Find the archives; tell Datasette 1.0 about their tables, which 0.65 asks for by `get_metadata`."""
    from columnarchive.browse import datasette_tables

    async def find() -> None:
        datasette_tables.set_archives(datasette, await datasette_tables.served_archives(datasette))
        if hasattr(datasette, "set_resource_metadata"):
            await datasette_tables.register(datasette)

    return find


@hook
def get_metadata(datasette: Any, key: str | None) -> dict[str, Any]:
    """Descriptions of tables and columns, facets, hidden tables (Datasette 0.65)."""
    from columnarchive.browse import datasette_tables

    return datasette_tables.metadata(datasette, key)


@hook
def canned_queries(datasette: Any, database: str) -> dict[str, dict[str, str]]:
    """The saved queries (Datasette 0.65)."""
    from columnarchive.browse import datasette_tables

    return datasette_tables.queries() if database in datasette_tables.archives(datasette) else {}


@hook
def render_cell(row: Any, value: Any, column: str, table: str | None, database: str, datasette: Any) -> Any:
    """Cells that link articles, revisions, changes and labels to our pages."""
    from columnarchive.browse import datasette_tables

    return (
        datasette_tables.cell(datasette, row, value, column, table)
        if database in datasette_tables.archives(datasette)
        else None
    )


@hook
def extra_css_urls(database: str | None, datasette: Any) -> list[str]:
    """Wider columns for long Japanese text on Datasette's own pages of an archive."""
    from columnarchive.browse import datasette_tables

    is_ours = database in datasette_tables.archives(datasette)
    return [datasette.urls.static_plugins("columnarchive", "tables.css")] if is_ours else []


@hook
def extra_template_vars(datasette: Any) -> dict[str, Any]:
    """Whether Datasette's front page should point to ours."""
    from columnarchive.browse import datasette_tables
    from columnarchive.browse.rendering import ROOT

    return {"columnarchive_home": datasette.urls.path(ROOT) if datasette_tables.archives(datasette) else ""}


@hook
def menu_links(datasette: Any) -> list[dict[str, str]]:
    """Our home in Datasette's menu."""
    return _links(datasette, "コラム・アーカイブ · Column archive")


@hook
def database_actions(datasette: Any, database: str) -> list[dict[str, str]]:
    """Our home among the actions of an archive."""
    from columnarchive.browse import datasette_tables

    is_ours = database in datasette_tables.archives(datasette)
    return _links(datasette, "最近の変更を読む · Read recent changes") if is_ours else []


def _links(datasette: Any, label: str) -> list[dict[str, str]]:
    from columnarchive.browse import datasette_tables
    from columnarchive.browse.rendering import ROOT

    return [{"href": datasette.urls.path(ROOT), "label": label}] if datasette_tables.archives(datasette) else []


@hook
def asgi_wrapper(datasette: Any) -> Callable[[Any], Any]:
    """With `archive serve`, redirect the bare address to our home rather than show Datasette's list of databases."""
    from columnarchive.browse.rendering import ROOT

    def wrap(app: Any) -> Any:
        async def redirect(scope: Any, receive: Any, send: Any) -> None:
            root = datasette.urls.path("/")
            is_bare = (
                scope["type"] == "http" and scope["path"] in (root, root.rstrip("/")) and not scope["query_string"]
            )
            if not (is_bare and (datasette.plugin_config("columnarchive") or {}).get("front")):
                await app(scope, receive, send)
                return
            headers = [(b"location", datasette.urls.path(ROOT).encode()), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 302, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

        return redirect

    return wrap
