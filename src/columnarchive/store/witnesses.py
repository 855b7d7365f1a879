"""Witnesses: whether what a third party captured says the same as our own captures around that time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple

from columnarchive.store.timeline import LIVE_SQL
from columnarchive.times import from_text

OWN = "crawl"  # the source of our own captures
NEAR = timedelta(hours=1)  # captures this close are of the same time
Verdict = Literal["agrees", "differs", "alone"]


@dataclass(frozen=True, slots=True)
class Witness:
    """A third party's capture of an article.

    `agrees`: one of our captures around it has its text. `differs`: it has another text than ours of the same hour, or
    than ours before and after it, which have one. `alone`: none of ours tells what the text was at the time.
    `own_revision` is ours in the first two cases.
    """

    at: str
    source: str
    verdict: Verdict
    revision: int
    own_revision: int = 0
    own_at: str = ""


class _Seen(NamedTuple):
    at: str
    source: str
    revision: int
    fingerprint: str


def witnesses(conn: sqlite3.Connection, article_id: int) -> list[Witness]:
    """Return the captures of an article that are not our own, oldest first, each beside ours of its time."""
    rows = conn.execute(
        f"""select fetched_at, source, min(number), fingerprint
            from pages join captures on page_id = pages.id
            join revisions on revisions.article_id = pages.article_id
              and fetched_at between revisions.first_seen_at and revisions.last_seen_at
            where pages.article_id = ? and withdrawal_id is null and captures.body_sha256 <> '' and {LIVE_SQL}
            group by captures.id order by fetched_at""",
        (article_id,),
    )
    seen = [_Seen(*row) for row in rows]
    own = [one for one in seen if one.source == OWN]
    return [_judged(one, own) for one in seen if one.source != OWN]


def _judged(one: _Seen, own: Sequence[_Seen]) -> Witness:
    before = next((each for each in reversed(own) if each.at <= one.at), None)
    after = next((each for each in own if each.at >= one.at), None)
    near = [each for each in (before, after) if each and _is_near(each.at, one.at)]
    around = [before, after] if before and after else near
    same = next((each for each in around if each.fingerprint == one.fingerprint), None)
    if same:
        return Witness(one.at, one.source, "agrees", one.revision, same.revision, same.at)
    if before and after and before.fingerprint == after.fingerprint:
        near = near or [before]
    if near:
        return Witness(one.at, one.source, "differs", one.revision, near[0].revision, near[0].at)
    return Witness(one.at, one.source, "alone", one.revision)


def _is_near(one: str, other: str) -> bool:
    return abs(from_text(one) - from_text(other)) <= NEAR
