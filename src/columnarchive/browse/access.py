"""Which of the served databases are archives, and whether this reader may see their tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from datasette import Forbidden

from columnarchive.reader import Reader


async def archives(datasette: Any) -> list[str]:
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
