"""The hash chains of archives that were merged into this one: stored as they were, and verified like our own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from columnarchive.store import hash_chain
from columnarchive.store.schema import Problem, problem

Link = tuple[str, str, int, str, str]  # at, kind, entries, content, link
NaturalKey = tuple[str, str, int, str]  # address, time, status, body


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """What a link covers: a digest, the capture that it is of, and the evidence, empty for what was withdrawn."""

    digest: str
    capture: NaturalKey | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain to be stored: its links in order, and a function that returns the entries of one by its number."""

    links: tuple[Link, ...]
    entries: Callable[[int], list[ChainEntry]]


def chains_of(conn: sqlite3.Connection) -> Iterator[Chain]:
    """Yield the archive's own chain and those of the archives that were merged into it."""
    yield _own(conn)
    for (chain_id,) in conn.execute("select id from merged_chains order by id").fetchall():
        yield _merged(conn, chain_id)


def store(conn: sqlite3.Connection, chain: Chain, at: str) -> None:
    """Store a chain of another archive within the caller's transaction, or what is new in one that is stored.

    Its captures must have been merged before.
    """
    if not chain.links:
        return
    chain_id, known = _known(conn, chain)
    if known == len(chain.links):
        return
    if chain_id is None:
        chain_id = int(conn.execute("insert into merged_chains(merged_at) values (?)", (at,)).lastrowid or 0)
        known = 0
    withdrawn = hash_chain.withdrawn_digests(conn)
    for number, link in enumerate(chain.links[known:], known + 1):
        cursor = conn.execute(
            """insert into merged_links(chain_id, number, at, kind, entries, content_sha256, link_sha256)
               values (?, ?, ?, ?, ?, ?, ?)""",
            (chain_id, number, *link),
        )
        for entry in chain.entries(number):
            capture_id = _find(conn, entry.capture)
            if capture_id is not None and _digest(conn, capture_id, withdrawn) != entry.digest:
                capture_id = None  # the same response, which this archive has in another form
            evidence = "" if capture_id is not None or _is_withdrawn_here(conn, entry.capture) else entry.evidence
            conn.execute(
                "insert into merged_entries(link_id, digest, capture_id, url, evidence) values (?, ?, ?, ?, ?)",
                (cursor.lastrowid, entry.digest, capture_id, entry.capture[0] if entry.capture else "", evidence),
            )


def forget(conn: sqlite3.Connection, urls: Sequence[str]) -> None:
    """Erase the evidence of withdrawn pages, within the caller's transaction; the digests stay."""
    conn.executemany("update merged_entries set evidence = '' where url = ? and evidence <> ''", [(u,) for u in urls])


def verify(conn: sqlite3.Connection) -> list[Problem]:
    """Check every merged link against the captures and the evidence that it covers."""
    problems = []
    withdrawn = hash_chain.withdrawn_digests(conn)
    before: dict[int, str] = {}
    for link_id, chain_id, number, at, kind, entries, content, link in conn.execute(
        """select id, chain_id, number, at, kind, entries, content_sha256, link_sha256 from merged_links
           order by chain_id, number"""
    ):
        where = f"merged chain {chain_id} link {number}"
        digests = []
        for digest, capture_id, evidence in conn.execute(
            "select digest, capture_id, evidence from merged_entries where link_id = ?", (link_id,)
        ):
            digests.append(digest)
            found = hash_chain.sha256_of(evidence) if evidence else digest
            if capture_id is not None:
                found = _digest(conn, capture_id, withdrawn)
            if found != digest:
                problems.append(problem(where, "link_altered", link=number, kind=kind, at=at))
        expected = digests[0] if kind == "withdrawal" and len(digests) == 1 else hash_chain.content_of(digests)
        if (len(digests), expected) != (entries, content):
            problems.append(problem(where, "link_miscounts", link=number, kind=kind, at=at))
        if hash_chain.link_of(before.get(chain_id, ""), at, kind, entries, content) != link:
            problems.append(problem(where, "link_detached", link=number))
        before[chain_id] = link
    return problems


def holds(conn: sqlite3.Connection, link: str) -> bool:
    """Return whether a head that someone noted is a link of a merged chain."""
    found = conn.execute("select 1 from merged_links where link_sha256 = ?", (link.lower(),)).fetchone()
    return found is not None


def _own(conn: sqlite3.Connection) -> Chain:
    rows = conn.execute("select id, at, kind, entries, content_sha256, link_sha256 from chain order by id").fetchall()
    withdrawn = hash_chain.withdrawn_digests(conn)

    def entries(number: int) -> list[ChainEntry]:
        link_id, _, kind, *_ = rows[number - 1]
        if kind == "withdrawal":
            (withdrawal_id,) = conn.execute("select id from withdrawals where link_id = ?", (link_id,)).fetchone()
            evidence = hash_chain.tombstone_evidence(conn, withdrawal_id)
            return [ChainEntry(hash_chain.sha256_of(evidence), None, evidence)]
        members = conn.execute(
            """select captures.id, pages.url, fetched_at, status, captures.body_sha256, withdrawal_id
               from captures join pages on pages.id = page_id where link_id = ? order by captures.id""",
            (link_id,),
        ).fetchall()
        found = []
        for capture_id, url, at, status, sha256, withdrawal_id in members:
            evidence = "" if withdrawal_id else hash_chain.evidence(conn, capture_id)
            digest = hash_chain.sha256_of(evidence) if evidence else withdrawn[capture_id]
            found.append(ChainEntry(digest, (url, at, status, sha256), evidence))
        return found

    return Chain(tuple(row[1:] for row in rows), entries)


def _merged(conn: sqlite3.Connection, chain_id: int) -> Chain:
    rows = conn.execute(
        """select id, at, kind, entries, content_sha256, link_sha256 from merged_links
           where chain_id = ? order by number""",
        (chain_id,),
    ).fetchall()

    def entries(number: int) -> list[ChainEntry]:
        members = conn.execute(
            """select digest, capture_id, evidence, pages.url, fetched_at, status, captures.body_sha256, withdrawal_id
               from merged_entries left join captures on captures.id = capture_id
               left join pages on pages.id = captures.page_id
               where merged_entries.link_id = ? order by merged_entries.id""",
            (rows[number - 1][0],),
        ).fetchall()
        found = []
        for digest, capture_id, evidence, url, at, status, sha256, withdrawal_id in members:
            if capture_id is None:
                found.append(ChainEntry(digest, _key(evidence), evidence))
            else:
                stored = "" if withdrawal_id else hash_chain.evidence(conn, capture_id)
                found.append(ChainEntry(digest, (url, at, status, sha256), stored))
        return found

    return Chain(tuple(row[1:] for row in rows), entries)


def _key(evidence: str) -> NaturalKey | None:
    """The natural key of a capture by its evidence; None for a tombstone, and for what was withdrawn."""
    values = json.loads(evidence) if evidence else []
    return (values[0], values[1], values[2], values[-1]) if len(values) > 5 else None


def _known(conn: sqlite3.Connection, chain: Chain) -> tuple[int | None, int]:
    """The stored chain that this one continues and the number of its links; all links where nothing is new."""
    links = [link[-1] for link in chain.links]
    own = [row[0] for row in conn.execute("select link_sha256 from chain order by id limit ?", (len(links),))]
    if own == links:
        return None, len(links)
    for (chain_id,) in conn.execute("select id from merged_chains order by id").fetchall():
        query = "select link_sha256 from merged_links where chain_id = ? order by number"
        stored = [row[0] for row in conn.execute(query, (chain_id,))]
        if stored[: len(links)] == links:
            return chain_id, len(links)
        if links[: len(stored)] == stored:
            return chain_id, len(stored)
    return None, 0


def _find(conn: sqlite3.Connection, key: NaturalKey | None) -> int | None:
    row = (
        key
        and conn.execute(
            """select captures.id from captures join pages on pages.id = page_id
           where pages.url = ? and fetched_at = ? and status = ? and captures.body_sha256 = ?""",
            key,
        ).fetchone()
    )
    return int(row[0]) if row else None


def _digest(conn: sqlite3.Connection, capture_id: int, withdrawn: dict[int, str]) -> str:
    return withdrawn.get(capture_id) or hash_chain.digest(conn, capture_id)


def _is_withdrawn_here(conn: sqlite3.Connection, key: NaturalKey | None) -> bool:
    """Whether a capture is not stored although it was merged: then a tombstone of this archive binds it."""
    return key is not None and _find(conn, key) is None
