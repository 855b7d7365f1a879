"""The chain: each committed group of captures is a link over the one before, so that nothing can be changed unseen
by whoever keeps a copy of the head elsewhere. Chains of archives that were merged into this one are stored as they
were, and verified like our own.

A capture's digest is the sha256 of a JSON array of its evidence; a group's content is the sha256 of its digests, sorted
and joined by newlines; a link is the sha256 of five lines: the link before, time, kind, number of entries, content.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from columnarchive.store.schema import Problem, problem

_EVIDENCE = """
select pages.url, fetched_at, status, final_url, headers,
       case when outcome = 'unchanged' and status <> 304 then 'ok' else outcome end,
       error, lines, hops, peer, tls, seconds, wire_length, wire_sha256, source, captures.body_sha256
from captures join pages on pages.id = page_id join sent_headers on capture_id = captures.id where captures.id = ?
"""


def capture_digest(conn: sqlite3.Connection, capture_id: int) -> str:
    """What one capture adds to its link. `unchanged` counts as `ok`: it says something of the neighbours only."""
    return sha256_of(capture_evidence(conn, capture_id))


def capture_evidence(conn: sqlite3.Connection, capture_id: int) -> str:
    """The JSON array whose sha256 is a capture's digest."""
    return json.dumps(conn.execute(_EVIDENCE, (capture_id,)).fetchone(), separators=(",", ":"))


def seal(conn: sqlite3.Connection, at: str, kind: str, capture_ids: Iterable[int]) -> str:
    """Add the link over captures that are committed together, within the caller's transaction; return the head.

    `kind` is crawl or import. Without captures nothing is added.
    """
    return seal_digests(conn, at, kind, [(capture_id, capture_digest(conn, capture_id)) for capture_id in capture_ids])


def seal_digests(conn: sqlite3.Connection, at: str, kind: str, members: Sequence[tuple[int, str]]) -> str:
    """Add the link over captures with known digests, such as withdrawn ones of a merged archive; return the head."""
    if not members:
        return head(conn)
    link_id, link = _append(conn, at, kind, len(members), content_of(digest for _, digest in members))
    conn.executemany("update captures set link_id = ? where id = ?", [(link_id, capture) for capture, _ in members])
    return link


def seal_withdrawal(conn: sqlite3.Connection, withdrawal_id: int, at: str) -> str:
    """Add the link over a tombstone, within the caller's transaction; return the head."""
    link_id, link = _append(conn, at, "withdrawal", 1, sha256_of(tombstone_evidence(conn, withdrawal_id)))
    conn.execute("update withdrawals set link_id = ? where id = ?", (link_id, withdrawal_id))
    return link


def head(conn: sqlite3.Connection) -> str:
    """The newest link, to be kept elsewhere; empty when nothing was captured yet."""
    row = conn.execute("select link_sha256 from chain order by id desc limit 1").fetchone()
    return row[0] if row else ""


def holds(conn: sqlite3.Connection, link: str) -> bool:
    """Return whether a head kept elsewhere is a link of this chain or of one that was merged into this archive."""
    query = """select 1 from chain where link_sha256 = :link
               union all select 1 from merged_links where link_sha256 = :link"""
    return conn.execute(query, {"link": link.lower()}).fetchone() is not None


def link_id_of(conn: sqlite3.Connection, capture_id: int) -> int:
    """Return the number of the link that covers a capture."""
    return int(conn.execute("select link_id from captures where id = ?", (capture_id,)).fetchone()[0])


def counts(conn: sqlite3.Connection) -> tuple[int, int, int]:
    """Return the numbers of captures, of links (merged chains included), and of timestamps."""
    captures, links, stamps = conn.execute(
        """select (select count(*) from captures),
                  (select count(*) from chain) + (select count(*) from merged_links),
                  (select count(*) from timestamps)"""
    ).fetchone()
    return captures, links, stamps


def verify(conn: sqlite3.Connection) -> list[Problem]:
    """Check every link of the archive's own chain and of merged ones against what it covers."""
    problems = [found for chain in chains_of(conn) for found in _verify_chain(chain)]
    for link_id, count in conn.execute(
        """select link_id, count(*) from (select link_id from captures union all select link_id from withdrawals)
           where link_id is null or link_id not in (select id from chain) group by link_id order by link_id"""
    ):
        if link_id is None:
            problems.append(problem("chain", "entries_unlinked", count=count))
        else:
            problems.append(problem(f"chain link {link_id}", "link_missing", link=link_id, count=count))
    return problems


def _verify_chain(chain: Chain) -> Iterator[Problem]:
    before = ""
    for link, entries in zip(chain.links, chain.entries(0), strict=True):
        where = f"{chain.name} link {link.number}"
        values = {"link": link.number, "kind": link.kind, "at": link.at}
        if len(entries) != link.entries:
            yield problem(where, "link_miscounts", None, count=len(entries), entries=link.entries, **values)
        elif any(one.found != one.digest for one in entries) or link.content != _content(link.kind, entries):
            yield problem(where, "link_altered", None, **values)
        if link_of(before, link.at, link.kind, link.entries, link.content) != link.link:
            yield problem(where, "link_detached", link=link.number)
        before = link.link


def _content(kind: str, entries: Sequence[ChainEntry]) -> str:
    """What a link over these entries states: the digest of a tombstone, or that of the captures' digests."""
    return entries[0].digest if kind == "withdrawal" and entries else content_of(one.digest for one in entries)


def withdrawn_digests(conn: sqlite3.Connection) -> dict[int, str]:
    """The digests of withdrawn captures by their ids, as their tombstones have them."""
    return {
        entry["capture"]: entry["digest"]
        for (text,) in conn.execute("select digests from withdrawals")
        for entry in json.loads(text)
        if "capture" in entry
    }


def tombstone_evidence(conn: sqlite3.Connection, withdrawal_id: int) -> str:
    """The JSON array whose sha256 is a tombstone's content."""
    row = conn.execute(
        "select url, at, captured_at, reason, digests from withdrawals where id = ?", (withdrawal_id,)
    ).fetchone()
    return json.dumps(row, separators=(",", ":"))


def _append(conn: sqlite3.Connection, at: str, kind: str, entries: int, content: str) -> tuple[int, str]:
    link = link_of(head(conn), at, kind, entries, content)
    cursor = conn.execute(
        "insert into chain(at, kind, entries, content_sha256, link_sha256) values (?, ?, ?, ?, ?)",
        (at, kind, entries, content, link),
    )
    return int(cursor.lastrowid or 0), link


def content_of(digests: Iterable[str]) -> str:
    return sha256_of("\n".join(sorted(digests)))


def link_of(before: str, at: str, kind: str, entries: int, content: str) -> str:
    return sha256_of(f"{before}\n{at}\n{kind}\n{entries}\n{content}")


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An authority's response for a link of the chain; `certificates` is PEM, empty for the system's roots."""

    link_sha256: str
    authority: str
    requested_at: str
    stamped_at: str
    token: bytes
    certificates: str = ""


def add_timestamp(conn: sqlite3.Connection, one: Timestamp) -> None:
    """Store a timestamp within the caller's transaction."""
    conn.execute(
        """insert into timestamps(link_sha256, authority, requested_at, stamped_at, token, certificates)
           values (?, ?, ?, ?, ?, ?)""",
        (one.link_sha256, one.authority, one.requested_at, one.stamped_at, one.token, one.certificates),
    )


def all_timestamps(conn: sqlite3.Connection, link: str = "") -> list[Timestamp]:
    """Return all timestamps, or those of one link, oldest first."""
    rows = conn.execute(
        """select link_sha256, authority, requested_at, stamped_at, token, certificates from timestamps
           where ? in ('', link_sha256) order by stamped_at, id""",
        (link,),
    )
    return [Timestamp(*row) for row in rows]


def newest_timestamp(conn: sqlite3.Connection) -> str:
    """Return the time of the newest timestamp; empty without any."""
    return str(conn.execute("select coalesce(max(stamped_at), '') from timestamps").fetchone()[0])


NaturalKey = tuple[str, str, int, str]  # address, time, status, body


class Link(NamedTuple):
    """A link: its number, when and why it was made, how much it covers, the digest of that, and its own."""

    number: int
    at: str
    kind: str
    entries: int
    content: str
    link: str


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """What a link covers: a digest, the capture that it is of, and the evidence, empty for what was withdrawn.

    `found` is the digest of what the archive holds now; it differs where that was altered.
    """

    digest: str
    capture: NaturalKey | None
    evidence: str
    found: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A stored chain: its links in order, and a function that yields what each covers, beginning with a position."""

    name: str
    links: tuple[Link, ...]
    entries: Callable[[int], Iterator[list[ChainEntry]]]


def chains_of(conn: sqlite3.Connection) -> Iterator[Chain]:
    """Yield the archive's own chain and those of the archives that were merged into it."""
    yield own_chain(conn)
    for (chain_id,) in conn.execute("select id from merged_chains order by id").fetchall():
        yield _merged_chain(conn, chain_id)


def store_chain(conn: sqlite3.Connection, chain: Chain, at: str) -> None:
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
    withdrawn = withdrawn_digests(conn)
    for link, entries in zip(chain.links[known:], chain.entries(known), strict=True):
        cursor = conn.execute(
            """insert into merged_links(chain_id, number, at, kind, entries, content_sha256, link_sha256)
               values (?, ?, ?, ?, ?, ?, ?)""",
            (chain_id, *link),
        )
        for entry in entries:
            capture_id = _find_capture(conn, entry.capture)
            is_withdrawn_here = entry.capture is not None and capture_id is None  # merged, and bound by a tombstone
            if capture_id is not None and _stored_entry(conn, capture_id, withdrawn).digest != entry.digest:
                capture_id = None  # the same response, which this archive has in another form
            evidence = "" if capture_id is not None or is_withdrawn_here else entry.evidence
            conn.execute(
                "insert into merged_entries(link_id, digest, capture_id, url, evidence) values (?, ?, ?, ?, ?)",
                (cursor.lastrowid, entry.digest, capture_id, entry.capture[0] if entry.capture else "", evidence),
            )


def forget_evidence(conn: sqlite3.Connection, urls: Sequence[str]) -> None:
    """Erase the evidence of withdrawn pages, within the caller's transaction; the digests stay."""
    conn.executemany("update merged_entries set evidence = '' where url = ? and evidence <> ''", [(u,) for u in urls])


def own_chain(conn: sqlite3.Connection) -> Chain:
    """Return the archive's own chain."""
    links = conn.execute("select id, at, kind, entries, content_sha256, link_sha256 from chain order by id").fetchall()
    withdrawn = withdrawn_digests(conn)

    def entries(position: int) -> Iterator[list[ChainEntry]]:
        rows = conn.execute(
            """select chain.id, captures.id, withdrawals.id from chain
               left join captures on captures.link_id = chain.id left join withdrawals on withdrawals.link_id = chain.id
               where chain.id >= ? order by chain.id, captures.id""",
            (links[position][0] if links else 0,),
        )
        for _, members in groupby(rows, key=itemgetter(0)):
            found = []
            for _, capture_id, withdrawal_id in members:
                if capture_id is not None:
                    found.append(_stored_entry(conn, capture_id, withdrawn))
                elif withdrawal_id is not None:
                    found.append(_entry_of(tombstone_evidence(conn, withdrawal_id)))
            yield found

    return Chain("chain", tuple(map(Link._make, links)), entries)


def _merged_chain(conn: sqlite3.Connection, chain_id: int) -> Chain:
    rows = conn.execute(
        """select id, number, at, kind, entries, content_sha256, link_sha256 from merged_links
           where chain_id = ? order by number""",
        (chain_id,),
    ).fetchall()
    withdrawn = withdrawn_digests(conn)

    def entries(position: int) -> Iterator[list[ChainEntry]]:
        query = "select digest, capture_id, evidence from merged_entries where link_id = ? order by id"
        for link_id, *_ in rows[position:]:
            found = []
            for digest, capture_id, evidence in conn.execute(query, (link_id,)):
                if capture_id is not None:
                    found.append(replace(_stored_entry(conn, capture_id, withdrawn), digest=digest))
                else:
                    found.append(replace(_entry_of(evidence), digest=digest) if evidence else _erased_entry(digest))
            yield found

    return Chain(f"merged chain {chain_id}", tuple(Link._make(row[1:]) for row in rows), entries)


def _stored_entry(conn: sqlite3.Connection, capture_id: int, withdrawn: Mapping[int, str]) -> ChainEntry:
    """Return the entry of a capture of this archive."""
    entry = _entry_of(capture_evidence(conn, capture_id))
    return replace(_erased_entry(withdrawn[capture_id]), capture=entry.capture) if capture_id in withdrawn else entry


def _entry_of(evidence: str) -> ChainEntry:
    """Return the entry with this evidence."""
    digest = sha256_of(evidence)
    return ChainEntry(digest, _key(evidence), evidence, digest)


def _erased_entry(digest: str) -> ChainEntry:
    """Return the entry of what was withdrawn: nothing tells what it was, and nothing of it can be altered."""
    return ChainEntry(digest, None, "", digest)


def _key(evidence: str) -> NaturalKey | None:
    """Return the natural key of a capture by its evidence; None for a tombstone."""
    values = json.loads(evidence)
    return (values[0], values[1], values[2], values[-1]) if len(values) > 5 else None


def _known(conn: sqlite3.Connection, chain: Chain) -> tuple[int | None, int]:
    """The stored chain that this one continues and the number of its links; all links where nothing is new."""
    links = [one.link for one in chain.links]
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


def _find_capture(conn: sqlite3.Connection, key: NaturalKey | None) -> int | None:
    query = """select captures.id from captures join pages on pages.id = page_id
               where pages.url = ? and fetched_at = ? and status = ? and captures.body_sha256 = ?"""
    row = conn.execute(query, key).fetchone() if key else None
    return int(row[0]) if row else None
