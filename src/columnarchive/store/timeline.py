"""What depends on a capture's neighbours in time: the body before it, `unchanged`, a page's state, span and last body.

All of it is a function of the page's captures, settled again at each insertion, so that the order of arrival plays no
part.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Literal

from columnarchive.records import Outcome, PageState

# Outcomes in which the server showed the page: the line of bodies that `unchanged` and a 304 refer to.
LIVE: tuple[Outcome, ...] = ("ok", "unchanged", "redirected", "no_article", "needs_javascript")
# What the newest of these says is a page's state; other outcomes are passing faults.
STATES: dict[Outcome, PageState] = {
    **dict.fromkeys(LIVE, "live"),
    "gone": "gone",
    "missing": "gone",
    "unresolved": "gone",
    "suspect": "suspect",
    "refused_by_robots": "refused",
    "private_address": "refused",
    "not_html": "refused",
    "not_picture": "refused",
}
LIVE_SQL = "outcome in (" + ", ".join(f"'{outcome}'" for outcome in LIVE) + ")"
NOT_MODIFIED = 304
FOUND = json.dumps(
    ["no_article", "needs_javascript", "suspect", "unreadable"]
)  # by derivation, of a page that is shown
AFTER_ALL_TIME = "~"
# Captures of one page in order of time. Within a second, a 304 comes first: what it confirms was there before any
# new body. Ties beyond that are by digest, so that arrival plays no part.
IN_TIME = f"fetched_at, status <> {NOT_MODIFIED}, captures.body_sha256"
_NEWEST_FIRST = IN_TIME.replace(",", " desc,") + " desc"


def settle(conn: sqlite3.Connection, page_id: int, since: str = "") -> None:
    """Bring a page's row, and the `unchanged` of its captures from `since` on, in line with its captures."""
    before = body_before(conn, page_id, since)
    rows = conn.execute(
        f"""select id, status, outcome, body_sha256 from captures
            where page_id = ? and fetched_at >= ? and withdrawal_id is null and body_sha256 <> '' and {LIVE_SQL}
            order by {IN_TIME} limit ?""",
        # Only a capture added, others of its second and the one after them can read differently.
        (page_id, since, 8 if since else -1),
    ).fetchall()
    for capture_id, status, outcome, sha256 in rows:
        if outcome in ("ok", "unchanged") and status != NOT_MODIFIED:
            settled = "unchanged" if sha256 == before else "ok"
            if settled != outcome:
                conn.execute("update captures set outcome = ? where id = ?", (settled, capture_id))
        before = sha256
    _settle_page(conn, page_id)


def body_before(conn: sqlite3.Connection, page_id: int, at: str, status: int = NOT_MODIFIED, sha256: str = "") -> str:
    """The body that the page's last showing before a capture (or, without one, before a time) had; empty without."""
    row = conn.execute(
        f"""select body_sha256 from captures
            where page_id = ? and ({IN_TIME}) < (?, ?, ?) and fetched_at <= ?
              and withdrawal_id is null and body_sha256 <> '' and {LIVE_SQL}
            order by {_NEWEST_FIRST} limit 1""",
        (page_id, at, status != NOT_MODIFIED, sha256, at),
    ).fetchone()
    return row[0] if row else ""


def body_after(conn: sqlite3.Connection, page_id: int, at: str) -> str:
    """The body of the page's next showing: what a capture that came late is coded against."""
    row = conn.execute(
        f"""select body_sha256 from captures where page_id = ? and fetched_at >= ?
              and withdrawal_id is null and body_sha256 <> '' and {LIVE_SQL} order by fetched_at limit 1""",
        (page_id, at),
    ).fetchone()
    return row[0] if row else ""


def _settle_page(conn: sqlite3.Connection, page_id: int) -> None:
    """Span, last body and state of a page, all of them functions of its captures."""
    rows = conn.execute(
        f"""select fetched_at, outcome, body_sha256 from captures where page_id = ? and withdrawal_id is null
            order by {_NEWEST_FIRST}""",
        (page_id,),
    )
    newest: tuple[str, Outcome, str] | None = None
    state: PageState = "failed"
    for newest_or_older in rows:
        newest = newest or newest_or_older
        if newest_or_older[1] in STATES:
            state = STATES[newest_or_older[1]]
            break
    if newest is None:
        return
    first, last = _live_edge(conn, page_id, "asc"), _live_edge(conn, page_id, "desc")
    body = body_before(conn, page_id, AFTER_ALL_TIME)
    # What derivation found the page to be holds as long as it shows the same body.
    conn.execute(
        """update pages set first_seen_at = :first, last_seen_at = :last,
             state = case when :outcome = 'unchanged' and last_outcome in (select value from json_each(:found))
                          and body_sha256 = :body then state else :state end,
             last_outcome = case when :outcome = 'unchanged' and last_outcome in (select value from json_each(:found))
                                 and body_sha256 = :body then last_outcome else :outcome end,
             body_sha256 = :body
           where id = :id""",
        {"first": first, "last": last, "body": body, "state": state, "outcome": newest[1], "id": page_id,
         "found": FOUND},
    )  # fmt: skip


def _live_edge(conn: sqlite3.Connection, page_id: int, order: Literal["asc", "desc"]) -> str:
    """When the page was first or last shown; empty when it never was."""
    row = conn.execute(
        f"""select fetched_at from captures where page_id = ? and withdrawal_id is null and {LIVE_SQL}
            order by fetched_at {order} limit 1""",
        (page_id,),
    ).fetchone()
    return row[0] if row else ""
