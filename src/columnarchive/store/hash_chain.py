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
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

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
    link_id, link = _append(conn, at, "withdrawal", 1, _tombstone(conn, withdrawal_id))
    conn.execute("update withdrawals set link_id = ? where id = ?", (link_id, withdrawal_id))
    return link


def head(conn: sqlite3.Connection) -> str:
    """The newest link, to be kept elsewhere; empty when nothing was captured yet."""
    row = conn.execute("select link_sha256 from chain order by id desc limit 1").fetchone()
    return row[0] if row else ""


def holds(conn: sqlite3.Connection, link: str) -> bool:
    """Whether a head kept elsewhere is a link of this chain."""
    return conn.execute("select 1 from chain where link_sha256 = ?", (link.lower(),)).fetchone() is not None


@dataclass(frozen=True, slots=True)
class ChainLink:
    """A link of the chain with the digests that it covers; a tombstone's link covers its content alone."""

    id: int
    at: str
    kind: str
    entries: int
    content: str
    link: str
    digests: tuple[str, ...]


def link_id_of(conn: sqlite3.Connection, capture_id: int) -> int:
    """Return the number of the link that covers a capture."""
    return int(conn.execute("select link_id from captures where id = ?", (capture_id,)).fetchone()[0])


def links_from(conn: sqlite3.Connection, first_id: int, with_digests: Collection[int]) -> Iterator[ChainLink]:
    """Yield the links from a number on, with the digests of those named."""
    withdrawn = withdrawn_digests(conn)
    rows = conn.execute(
        "select id, at, kind, entries, content_sha256, link_sha256 from chain where id >= ? order by id", (first_id,)
    ).fetchall()
    for row in rows:
        ids = conn.execute("select id from captures where link_id = ? order by id", (row[0],)).fetchall()
        digests = (
            (withdrawn.get(each) or capture_digest(conn, each) for (each,) in ids) if row[0] in with_digests else ()
        )
        link_id, at, kind, entries, content, link = row
        yield ChainLink(link_id, at, kind, entries, content, link, tuple(digests))


def link_before(conn: sqlite3.Connection, link_id: int) -> str:
    """Return the link before a number; empty before the first."""
    row = conn.execute("select link_sha256 from chain where id < ? order by id desc limit 1", (link_id,)).fetchone()
    return row[0] if row else ""


def counts(conn: sqlite3.Connection) -> tuple[int, int, int]:
    """Return the numbers of captures, of links (merged chains included), and of timestamps."""
    captures, links, stamps = conn.execute(
        """select (select count(*) from captures),
                  (select count(*) from chain) + (select count(*) from merged_links),
                  (select count(*) from timestamps)"""
    ).fetchone()
    return captures, links, stamps


def verify(conn: sqlite3.Connection) -> list[Problem]:
    """Every link against the captures and tombstones it covers."""
    problems = []
    covered = dict(_captures_by_link(conn)) | dict(_tombstones_by_link(conn))
    before = ""
    for link_id, at, kind, entries, content, link in conn.execute(
        "select id, at, kind, entries, content_sha256, link_sha256 from chain order by id"
    ):
        count, found = covered.pop(link_id, (0, ""))
        if (count, found) != (entries, content):
            code = "link_miscounts" if count != entries else "link_altered"
            values = {"link": link_id, "kind": kind, "at": at, "count": count, "entries": entries}
            problems.append(problem(f"chain link {link_id}", code, **values))
        if link_of(before, at, kind, entries, content) != link:
            problems.append(problem(f"chain link {link_id}", "link_detached", link=link_id))
        before = link
    problems += [
        problem(f"chain link {link_id}", "link_missing", link=link_id, count=count)
        for link_id, (count, _) in covered.items()
        if link_id is not None
    ]
    if None in covered:
        problems.append(problem("chain", "entries_unlinked", count=covered[None][0]))
    return problems


def _captures_by_link(conn: sqlite3.Connection) -> Iterator[tuple[int | None, tuple[int, str]]]:
    withdrawn = withdrawn_digests(conn)
    # Only the ids are sorted: the rows of a large archive would not fit into memory.
    rows = conn.execute("select link_id, id from captures order by link_id, id")
    for link_id, members in groupby(rows, key=lambda row: row[0]):
        digests = [withdrawn.get(capture_id) or capture_digest(conn, capture_id) for _, capture_id in members]
        yield link_id, (len(digests), content_of(digests))


def withdrawn_digests(conn: sqlite3.Connection) -> dict[int, str]:
    """The digests of withdrawn captures by their ids, as their tombstones have them."""
    return {
        entry["capture"]: entry["digest"]
        for (text,) in conn.execute("select digests from withdrawals")
        for entry in json.loads(text)
        if "capture" in entry
    }


def _tombstones_by_link(conn: sqlite3.Connection) -> Iterator[tuple[int | None, tuple[int, str]]]:
    for withdrawal_id, link_id in conn.execute("select id, link_id from withdrawals").fetchall():
        yield link_id, (1, _tombstone(conn, withdrawal_id))


def _tombstone(conn: sqlite3.Connection, withdrawal_id: int) -> str:
    return sha256_of(tombstone_evidence(conn, withdrawal_id))


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
    yield _own_chain(conn)
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
        known = 0
    withdrawn = withdrawn_digests(conn)
    for number, link in enumerate(chain.links[known:], known + 1):
        cursor = conn.execute(
            """insert into merged_links(chain_id, number, at, kind, entries, content_sha256, link_sha256)
               values (?, ?, ?, ?, ?, ?, ?)""",
            (chain_id, number, *link),
        )
        for entry in chain.entries(number):
            capture_id = _find_capture(conn, entry.capture)
            if capture_id is not None and _stored_digest(conn, capture_id, withdrawn) != entry.digest:
                capture_id = None  # the same response, which this archive has in another form
            evidence = "" if capture_id is not None or _is_withdrawn_here(conn, entry.capture) else entry.evidence
            conn.execute(
                "insert into merged_entries(link_id, digest, capture_id, url, evidence) values (?, ?, ?, ?, ?)",
                (cursor.lastrowid, entry.digest, capture_id, entry.capture[0] if entry.capture else "", evidence),
            )


def forget_evidence(conn: sqlite3.Connection, urls: Sequence[str]) -> None:
    """Erase the evidence of withdrawn pages, within the caller's transaction; the digests stay."""
    conn.executemany("update merged_entries set evidence = '' where url = ? and evidence <> ''", [(u,) for u in urls])


def verify_merged(conn: sqlite3.Connection) -> list[Problem]:
    """Check every merged link against the captures and the evidence that it covers."""
    problems = []
    withdrawn = withdrawn_digests(conn)
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
            found = sha256_of(evidence) if evidence else digest
            if capture_id is not None:
                found = _stored_digest(conn, capture_id, withdrawn)
            if found != digest:
                problems.append(problem(where, "link_altered", link=number, kind=kind, at=at))
        expected = digests[0] if kind == "withdrawal" and len(digests) == 1 else content_of(digests)
        if (len(digests), expected) != (entries, content):
            problems.append(problem(where, "link_miscounts", link=number, kind=kind, at=at))
        if link_of(before.get(chain_id, ""), at, kind, entries, content) != link:
            problems.append(problem(where, "link_detached", link=number))
        before[chain_id] = link
    return problems


def merged_holds(conn: sqlite3.Connection, link: str) -> bool:
    """Return whether a head that someone noted is a link of a merged chain."""
    found = conn.execute("select 1 from merged_links where link_sha256 = ?", (link.lower(),)).fetchone()
    return found is not None


def _own_chain(conn: sqlite3.Connection) -> Chain:
    rows = conn.execute("select id, at, kind, entries, content_sha256, link_sha256 from chain order by id").fetchall()
    withdrawn = withdrawn_digests(conn)

    def entries(number: int) -> list[ChainEntry]:
        link_id, _, kind, *_ = rows[number - 1]
        if kind == "withdrawal":
            (withdrawal_id,) = conn.execute("select id from withdrawals where link_id = ?", (link_id,)).fetchone()
            evidence = tombstone_evidence(conn, withdrawal_id)
            return [ChainEntry(sha256_of(evidence), None, evidence)]
        members = conn.execute(
            """select captures.id, pages.url, fetched_at, status, captures.body_sha256, withdrawal_id
               from captures join pages on pages.id = page_id where link_id = ? order by captures.id""",
            (link_id,),
        ).fetchall()
        found = []
        for capture_id, url, at, status, sha256, withdrawal_id in members:
            evidence = "" if withdrawal_id else capture_evidence(conn, capture_id)
            digest = sha256_of(evidence) if evidence else withdrawn[capture_id]
            found.append(ChainEntry(digest, (url, at, status, sha256), evidence))
        return found

    return Chain(tuple(row[1:] for row in rows), entries)


def _merged_chain(conn: sqlite3.Connection, chain_id: int) -> Chain:
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
                stored = "" if withdrawal_id else capture_evidence(conn, capture_id)
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


def _find_capture(conn: sqlite3.Connection, key: NaturalKey | None) -> int | None:
    row = (
        key
        and conn.execute(
            """select captures.id from captures join pages on pages.id = page_id
           where pages.url = ? and fetched_at = ? and status = ? and captures.body_sha256 = ?""",
            key,
        ).fetchone()
    )
    return int(row[0]) if row else None


def _stored_digest(conn: sqlite3.Connection, capture_id: int, withdrawn: dict[int, str]) -> str:
    return withdrawn.get(capture_id) or capture_digest(conn, capture_id)


def _is_withdrawn_here(conn: sqlite3.Connection, key: NaturalKey | None) -> bool:
    """Whether a capture is not stored although it was merged: then a tombstone of this archive binds it."""
    return key is not None and _find_capture(conn, key) is None
