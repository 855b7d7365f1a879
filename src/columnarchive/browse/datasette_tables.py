"""What Datasette's own pages show of our tables, and which archives and tables a reader may see.

Our tables have descriptions, saved queries, and cells that link to our pages.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator, Iterable
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from datasette import Forbidden
from markupsafe import Markup, escape

from columnarchive import locale
from columnarchive.browse.rendering import ROOT, web
from columnarchive.reader import SAVED_QUERIES, Reader


async def served_archives(datasette: Any) -> list[str]:
    """The names of the databases that are archives, found by their tables."""
    return [
        name
        for name, db in datasette.databases.items()
        if name not in ("_internal", "_memory") and await db.execute_fn(lambda conn: Reader(conn).is_archive)
    ]


async def ensure_visible(datasette: Any, actor: Any, database: str, tables: Iterable[str]) -> None:
    """Raise Forbidden unless the reader may see every one of these tables, as Datasette itself would decide."""
    asked = _asked_by_steps if hasattr(datasette, "ensure_permissions") else _asked_by_resource
    async for is_visible in asked(datasette, actor, database, tables):
        if not is_visible:
            raise Forbidden("view-table")


async def is_visible(datasette: Any, actor: Any, database: str, table: str) -> bool:
    """Whether the reader may see a table."""
    try:
        await ensure_visible(datasette, actor, database, (table,))
    except Forbidden:
        return False
    return True


async def _asked_by_steps(datasette: Any, actor: Any, database: str, tables: Iterable[str]) -> AsyncIterator[bool]:
    """Datasette 0.65: what is set for the table counts, or else of the database, or else of the instance.

    As its `ensure_permissions` does, but database and instance are asked once for all tables.
    """
    above: bool | None = None
    for table in tables:
        permission = await datasette.permission_allowed(actor, "view-table", (database, table), default=None)
        if permission is None:
            if above is None:
                above = await _asked_above(datasette, actor, database)
            permission = above
        yield bool(permission)


async def _asked_above(datasette: Any, actor: Any, database: str) -> bool:
    for action, resource in (("view-database", database), ("view-instance", None)):
        permission = await datasette.permission_allowed(actor, action, resource, default=None)
        if permission is not None:
            return bool(permission)
    return True


async def _asked_by_resource(datasette: Any, actor: Any, database: str, tables: Iterable[str]) -> AsyncIterator[bool]:
    """Datasette 1.0: all that may be seen in one query, and what is not among it (yet) one by one."""
    from datasette.resources import TableResource

    seen = await datasette.allowed_resources("view-table", actor, parent=database)
    visible = {one.child for one in seen.resources}
    for table in tables:
        resource = TableResource(database, table)
        yield table in visible or await datasette.allowed(action="view-table", resource=resource, actor=actor)


async def can_review(datasette: Any, actor: Any, database: str) -> bool:
    """Whether the reader may note things about changes: by permission, or where `archive serve` serves one machine."""
    default = bool((datasette.plugin_config("columnarchive") or {}).get("review"))
    if not hasattr(datasette, "permission_allowed"):  # Datasette 1.0 knows registered actions only
        return default
    return bool(await datasette.permission_allowed(actor, "columnarchive-review", database, default=default))


_ARCHIVES = "columnarchive_databases"
_JAPANESE = ("title", "text", "removed_text", "summary", "old_text", "new_text", "before_text", "heading", "reason")


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Return our tables in Datasette's words: descriptions of tables and columns, facets, order, hidden ones."""
    return tomllib.loads(files("columnarchive.browse").joinpath("table_metadata.toml").read_text("utf-8"))


def set_archives(datasette: Any, names: list[str]) -> None:
    """Store which databases are archives where hooks that cannot wait find it."""
    setattr(datasette, _ARCHIVES, tuple(names))


def archives(datasette: Any) -> tuple[str, ...]:
    """Return the archives found at start."""
    return tuple(getattr(datasette, _ARCHIVES, ()))


def metadata(datasette: Any, key: str | None) -> dict[str, Any]:
    """Return descriptions and settings of our tables for Datasette 0.65, which asks for the part named `key`.

    It asks a dozen times a page for parts that we do not have, such as permissions, and copies all it gets.
    """
    if key not in (None, "databases", "tables"):
        return {}
    found = tables() if key != "tables" else {name: _settings(table) for name, table in tables().items()}
    return {
        "databases": {
            name: {"tables": {table: dict(one) for table, one in found.items()}} for name in archives(datasette)
        }
    }


async def register(datasette: Any) -> None:
    """Give the same to Datasette 1.0, which keeps descriptions and queries in its internal database."""
    for database in archives(datasette):
        configured = datasette.config.setdefault("databases", {}).setdefault(database, {}).setdefault("tables", {})
        for name, table in tables().items():
            configured[name] = {**_settings(table), **configured.get(name, {})}
            await datasette.set_resource_metadata(database, name, "description", table["description"])
            for column, about in table.get("columns", {}).items():
                await datasette.set_column_metadata(database, name, column, "description", about)
        for query in SAVED_QUERIES:
            await datasette.add_query(
                database, query.name, query.sql, title=query.title, description=query.description, is_trusted=True
            )


def _settings(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in ("description", "columns")}


def queries() -> dict[str, dict[str, str]]:
    """Return the saved queries for Datasette 0.65."""
    return {one.name: {"sql": one.sql, "title": one.title, "description": one.description} for one in SAVED_QUERIES}


def cell(datasette: Any, row: Any, value: Any, column: str, table: str | None) -> Markup | None:
    """A cell of our tables as a link to our pages, or as Japanese; None leaves it to Datasette."""
    if column == "labels" and isinstance(value, str):
        return _labels(datasette, value)
    if not value or not isinstance(value, str | int):
        return None
    target = _target(row, column, table)
    text = Markup('<span lang="ja">{}</span>').format(value) if column in _JAPANESE else escape(str(value))
    if target:
        page, params = target
        return Markup('<a href="{}">{}</a>').format(datasette.urls.path(f"{ROOT}/{page}?{urlencode(params)}"), text)
    return text if column in _JAPANESE else None


def _target(row: Any, column: str, table: str | None) -> tuple[str, dict[str, Any]] | None:
    """Which of our pages a cell leads to."""
    names = row.keys()
    if table == "articles" and column == "title" and "url" in names:
        return "article", {"url": row["url"]}
    if table == "revisions" and column == "number" and "url" in names and row["url"]:
        return "article", {"url": row["url"], "at": row["first_seen_at"]}
    if table == "changes" and column == "summary" and "id" in names:
        return "change", {"id": row["id"]}
    if table is None and column == "change":
        return "change", {"id": row["change"]}
    if table == "sites" and column == "name":
        return "site", {"name": row["name"]}
    if table is None and column in ("url", "other_url") and web(str(row[column])):
        return "article", {"url": row[column]}
    return None


def _labels(datasette: Any, value: str) -> Markup | None:
    try:
        names = json.loads(value)
    except ValueError:
        return None
    if not isinstance(names, list):
        return None
    links = (
        Markup('<a href="{}" title="{}">{}</a>').format(
            datasette.urls.path(f"{ROOT}?{urlencode({'label': name})}"),
            locale.name("ja", "label", str(name)),
            name,
        )
        for name in names
    )
    return Markup(", ").join(links)
