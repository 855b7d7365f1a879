"""The evidence sheet as a download."""

from __future__ import annotations

from columnarchive import evidence_report, reader
from columnarchive.browse.answers import SHEET, Sent
from columnarchive.browse.asking import Ask


def sheet(conn: reader.Connection, ask: Ask) -> Sent:
    """The sheet of two revisions, as a file to keep."""
    made = evidence_report.sheet(conn, ask.get("url"), ask.get("from"), ask.get("to"))
    return Sent(
        made.html.encode("utf-8", "replace"),
        "text/html; charset=utf-8",
        {
            "Content-Disposition": f'attachment; filename="{made.name}"',
            "Content-Security-Policy": SHEET,
            "X-Content-Type-Options": "nosniff",
        },
    )
