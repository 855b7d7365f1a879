"""Which of the served databases are archives, and whether this reader may see their tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datasette import Forbidden

from columnarchive import reading


async def archives(datasette: Any) -> list[str]:
    """The names of the databases that are archives, found by their tables."""
    return [
        name
        for name, db in datasette.databases.items()
        if name not in ("_internal", "_memory") and await db.execute_fn(reading.shown.is_archive)
    ]


async def ensure_visible(datasette: Any, actor: Any, database: str, tables: Iterable[str]) -> None:
    """Raise Forbidden unless the reader may see every one of these tables, as Datasette itself would decide."""
    for table in tables:
        if not await may_see(datasette, actor, database, table):
            raise Forbidden("view-table")


async def may_see(datasette: Any, actor: Any, database: str, table: str) -> bool:
    """Whether the reader may see a table. Datasette 1.0 asks with resources, 0.65 from the table up to the instance."""
    if hasattr(datasette, "ensure_permissions"):
        asked = [("view-table", (database, table)), ("view-database", database), "view-instance"]
        try:
            await datasette.ensure_permissions(actor, asked)
        except Forbidden:
            return False
        return True
    from datasette.resources import TableResource

    return bool(await datasette.allowed(action="view-table", resource=TableResource(database, table), actor=actor))
