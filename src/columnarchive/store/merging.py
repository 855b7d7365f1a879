"""Merge another archive into this one: its tombstones first, then its captures with their sources, then its chain.

Tombstones of either archive bind the captures of both. The same response is stored once. Everything derived follows
when the sites are derived again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from columnarchive.errors import StoreError
from columnarchive.store import blobs, captures, changes, hash_chain, sites, snapshot, tombstones, withdrawal
from columnarchive.store.database import Database

GROUP = 200  # captures a commit
Report = Callable[[int], None]


@dataclass(slots=True)
class Merged:
    """What a merge did: captures added, and those known or withdrawn; the sites that got new ones or lost some."""

    added: int = 0
    known: int = 0
    sites: set[str] = field(default_factory=set)
    withdrawn: set[int] = field(default_factory=set)


def merge(db: Database, other: Database, at: str, report: Report = lambda _: None) -> Merged:
    """Merge the archive `other`, which is only read, into `db` at the time `at`.

    A merge that was interrupted is completed by the next. Raises StoreError when the other archive's hash chain does
    not verify, or when it is a copy without bodies.
    """
    if snapshot.is_without_bodies(other.conn):
        raise StoreError("merge_without_bodies", path=other.path)
    if hash_chain.verify(other.conn):
        raise StoreError("merge_chain_broken", path=other.path)
    merged = Merged()
    for tombstone in _rows(other, "select id, url, at, captured_at, reason, digests from withdrawals order by id"):
        _merge_tombstone(db, other, tombstone, at, merged)
    _merge_pages(db, other)
    done = 0
    ids = list(captures.ids(other))
    for start in range(0, len(ids), GROUP):
        group = ids[start : start + GROUP]
        with db.transaction() as conn:
            hash_chain.seal(conn, at, "import", _merge_captures(db, other, group, merged))
        done += len(group)
        report(done)
    with db.transaction() as conn:
        for chain in hash_chain.chains_of(other.conn):
            hash_chain.store_chain(conn, chain, at)
        changes.save_reviews(conn, (one for one in changes.all_reviews(other.conn) if not _is_withdrawn(db, one.url)))
    return merged


def _is_withdrawn(db: Database, url: str) -> bool:
    query = """select 1 from pages where url = :url and state = 'withdrawn'
               union all select 1 from withdrawn_addresses where url = :url limit 1"""
    return db.conn.execute(query, {"url": url}).fetchone() is not None


def _merge_tombstone(db: Database, other: Database, row: Sequence[Any], at: str, merged: Merged) -> None:
    """Withdraw here what was withdrawn there, and store the tombstone with what it binds."""
    withdrawal_id, url, withdrawn_at, captured_at, reason, digests = row
    key = (url, withdrawn_at, captured_at, reason)
    query = "select 1 from withdrawals where (url, at, captured_at, reason) = (?, ?, ?, ?)"
    if db.conn.execute(query, key).fetchone():
        return
    bound = _column(other, "select url from withdrawn_addresses where withdrawal_id = ?", withdrawal_id)
    entries = {entry["capture"]: entry for entry in json.loads(digests) if "capture" in entry}
    if not captured_at:
        for address in _pages_here(db, [url, *bound]):
            done = withdrawal.erase(db, withdrawal.Request(address, "", reason, at))
            merged.withdrawn.update(done.site_ids)
    _erase_bodies(db, {entry["body_sha256"] for entry in entries.values()} - {""}, reason, at, merged)
    shingles = _column(other, "select shingle from withdrawn_shingles where withdrawal_id = ?", withdrawal_id)
    with db.transaction() as conn:
        new_id = int(
            conn.execute("insert into withdrawals(url, at, captured_at, reason) values (?, ?, ?, ?)", key).lastrowid
            or 0
        )
        tombstones.bind(conn, new_id, bound, shingles)
        blanked = _merge_withdrawn_captures(db, other, withdrawal_id, new_id, entries)
        conn.execute("update withdrawals set digests = ? where id = ?", (captures.as_json(blanked), new_id))
        hash_chain.seal_digests(conn, at, "import", [(entry["capture"], entry["digest"]) for entry in blanked])
        hash_chain.seal_withdrawal(conn, new_id, at)
    if shingles:
        _erase_bodies(db, _bodies_with_withdrawn_text(db, url), reason, at, merged)


def _erase_bodies(db: Database, bodies: set[str], reason: str, at: str, merged: Merged) -> None:
    for sha256 in sorted(bodies):
        while found := _showing(db, sha256):
            done = withdrawal.erase(db, withdrawal.Request(*found, reason, at))
            merged.withdrawn.update(done.site_ids)


def _bodies_with_withdrawn_text(db: Database, url: str) -> set[str]:
    """The bodies of the site of a withdrawn page that hold its text, under any address."""
    query = """select distinct captures.body_sha256 from captures join pages on pages.id = page_id
               where withdrawal_id is null and captures.body_sha256 <> '' and site_id in (
                   select site_id from pages where url = ?)"""
    return {
        sha256 for sha256 in _column(db, query, url) if tombstones.is_withdrawn(db.conn, (), blobs.read(db, sha256))
    }


def _merge_withdrawn_captures(
    db: Database, other: Database, old_id: int, new_id: int, entries: dict[int, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Store the time, digest and status of withdrawn captures, which is all that is left of them."""
    blanked = []
    for capture_id, url, state, site, added_at, fetched_at, status, sha256, outcome, source in _rows(
        other,
        """select captures.id, pages.url, state, sites.name, added_at, fetched_at, status, captures.body_sha256,
                  outcome, source
           from captures join pages on pages.id = page_id join sites on sites.id = site_id
           where withdrawal_id = ? order by captures.id""",
        old_id,
    ):
        page_id = sites.ensure_page(db, sites.ensure_site(db, site, added_at), url, found_by="import")
        if state == "withdrawn":
            db.conn.execute("update pages set state = 'withdrawn' where id = ?", (page_id,))
        known = db.conn.execute(
            "select 1 from captures where page_id = ? and fetched_at = ? and status = ? and body_sha256 = ?",
            (page_id, fetched_at, status, sha256),
        ).fetchone()
        if known or capture_id not in entries:
            continue
        cursor = db.conn.execute(
            """insert into captures(page_id, fetched_at, status, final_url, headers, body_sha256, outcome, source,
                 withdrawal_id) values (?, ?, ?, '', '[]', ?, ?, ?, ?)""",
            (page_id, fetched_at, status, sha256, outcome, source, new_id),
        )
        blanked.append({**entries[capture_id], "capture": int(cursor.lastrowid or 0)})
    return blanked


def _pages_here(db: Database, addresses: Sequence[str]) -> list[str]:
    """The pages of this archive at one of these addresses, under any scheme, that are not withdrawn yet."""
    forms = {form for url in addresses for form in (url, tombstones.address_key(url))}
    forms |= {form.replace("https://", "http://", 1) for form in forms}
    return _column(
        db,
        "select url from pages where state <> 'withdrawn' and url in (select value from json_each(?)) order by url",
        json.dumps(sorted(forms)),
    )


def _showing(db: Database, sha256: str) -> tuple[str, str] | None:
    """The address and time of a capture here that shows a body; None when there is none."""
    row = db.conn.execute(
        """select pages.url, fetched_at from captures join pages on pages.id = page_id
           where captures.body_sha256 = ? and withdrawal_id is null""",
        (sha256,),
    ).fetchone()
    return (row[0], row[1]) if row else None


def _merge_pages(db: Database, other: Database) -> None:
    """Make every site and page of the other archive known, also those that wait for their first visit."""
    with db.transaction() as conn:
        for name, added_at, start_url, title, settings in _rows(
            other, "select name, added_at, start_url, title, settings from sites order by id"
        ):
            site_id = sites.ensure_site(db, name, added_at, start_url, title)
            conn.execute("update sites set settings = ? where id = ? and settings = '{}'", (settings, site_id))
        for name, url, found_on, found_by in _rows(
            other,
            """select sites.name, url, found_on, found_by from pages join sites on sites.id = site_id
               where state <> 'withdrawn' order by pages.id""",
        ):
            sites.ensure_page(db, sites.ensure_site(db, name, ""), url, found_on, found_by)


def _merge_captures(db: Database, other: Database, group: Sequence[int], merged: Merged) -> list[int]:
    """Add captures of the other archive with their sources; return the ids of those that are new."""
    added = []
    for capture_id in group:
        capture = captures.load(other, capture_id)
        sha256 = captures.body_of(other.conn, capture_id)
        ((source, site),) = _rows(
            other,
            """select source, sites.name from captures join pages on pages.id = page_id
               join sites on sites.id = site_id where captures.id = ?""",
            capture_id,
        )
        page_id = sites.ensure_page(db, sites.ensure_site(db, site, ""), capture.url)
        new_id = None
        if capture.body is not None or not sha256 or captures.knows_body(db.conn, sha256):
            new_id = captures.add(db, page_id, capture, source, sha256)
        if new_id is None:
            merged.known += 1
        else:
            added.append(new_id)
            merged.added += 1
            merged.sites.add(site)
    return added


def _rows(db: Database, query: str, *values: object) -> list[tuple[Any, ...]]:
    return db.conn.execute(query, values).fetchall()


def _column(db: Database, query: str, *values: object) -> list[Any]:
    return [row[0] for row in db.conn.execute(query, values)]
