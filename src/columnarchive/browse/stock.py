"""What Datasette's own pages are told at start, in the way of each of its two versions, and how they show our cells."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from columnarchive.browse import labels
from columnarchive.browse.asking import ROOT, web
from columnarchive.browse.described import TABLES
from columnarchive.store.canned_queries import SAVED

_KNOWN = "columnarchive_databases"
_JAPANESE = ("title", "text", "removed_text", "summary", "old_text", "new_text", "before_text", "heading", "reason")


def remember(datasette: Any, names: list[str]) -> None:
    """Keep which databases are archives where hooks that cannot wait find it."""
    setattr(datasette, _KNOWN, tuple(names))


def known(datasette: Any) -> tuple[str, ...]:
    """The archives found at start."""
    return tuple(getattr(datasette, _KNOWN, ()))


def metadata(datasette: Any, key: str | None) -> dict[str, Any]:
    """Descriptions and settings of our tables for Datasette 0.65, which asks for them; `key` is what it is after.

    It asks, and copies all it gets, a dozen times a page for what we never say (who may see what), so then it gets
    nothing; for "tables" the settings will do.
    """
    if key not in (None, "databases", "tables"):
        return {}
    told: dict[str, Any] = {name: one.settings() for name, one in TABLES.items()}
    if key != "tables":
        for name, one in TABLES.items():
            told[name] |= {"description": one.about, "columns": dict(one.columns)}
    return {"databases": {name: {"tables": dict(told)} for name in known(datasette)}}


async def tell(datasette: Any) -> None:
    """The same for Datasette 1.0, which keeps descriptions and queries in its internal database."""
    for database in known(datasette):
        configured = datasette.config.setdefault("databases", {}).setdefault(database, {}).setdefault("tables", {})
        for name, one in TABLES.items():
            configured[name] = {**one.settings(), **configured.get(name, {})}
            await datasette.set_resource_metadata(database, name, "description", one.about)
            for column, about in one.columns.items():
                await datasette.set_column_metadata(database, name, column, "description", about)
        for query in SAVED:
            await datasette.add_query(
                database, query.name, query.sql, title=query.title, description=query.description, is_trusted=True
            )


def queries() -> dict[str, dict[str, str]]:
    """The saved queries for Datasette 0.65."""
    return {one.name: {"sql": one.sql, "title": one.title, "description": one.description} for one in SAVED}


def cell(datasette: Any, row: Any, value: Any, column: str, table: str | None) -> Markup | None:
    """A cell of our tables as a link to our pages, or as Japanese; None leaves it to Datasette."""
    if column == "labels" and isinstance(value, str):
        return _labels(datasette, value)
    if not value or not isinstance(value, str | int):
        return None
    target = _target(row, column, table)
    shown = Markup('<span lang="ja">{}</span>').format(value) if column in _JAPANESE else escape(str(value))
    if target:
        page, params = target
        return Markup('<a href="{}">{}</a>').format(datasette.urls.path(f"{ROOT}/{page}?{urlencode(params)}"), shown)
    return shown if column in _JAPANESE else None


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
            labels.name(labels.LABELS, str(name), "ja"),
            name,
        )
        for name in names
    )
    return Markup(", ").join(links)
