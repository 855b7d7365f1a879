"""What withdrawals bind: the addresses and the text that are never fetched, imported or stored again.

A text is recognised by shingles: digests of a sample of its 12-character pieces, read without markup and white space.
A body that holds half of a tombstone's shingles is the withdrawn text, whatever its address and template.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable

from columnarchive.errors import UsageError
from columnarchive.urls import canonical

MIN_SHINGLES = 4  # of a text that is recognised at all: some 30 characters
MAX_SHINGLES = 256  # kept of one text
SAME_TEXT = 0.5  # share of a tombstone's shingles by which its text is recognised
# State of a new page row at the address `:url`: one that a tombstone binds is never queued.
STATE_SQL = """case when exists (select 1 from withdrawn_addresses
                                where withdrawn_addresses.url = replace(:url, 'http://', 'https://'))
                     then 'withdrawn' else 'queued' end"""
_LENGTH = 12
_ONE_IN = 4
_MAX_CHARACTERS = 2_000_000
_ENCODINGS = ("utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16")
_TAG = re.compile(r"<[^<>]*>")


def is_withdrawn(conn: sqlite3.Connection, urls: Iterable[str], body: bytes | None = None) -> bool:
    """Return whether a tombstone binds one of these addresses or the text of this body.

    Args:
        urls: every address of an exchange: asked, hops, final; empty ones are passed over.
        body: the body as stored, in any charset; None to ask about addresses alone.
    """
    forms = [form for url in urls if url for form in {url, address_key(url)}]
    bound = conn.execute(
        """select 1 from json_each(?) asked where exists (
               select 1 from withdrawn_addresses where url = asked.value
               union all select 1 from pages where url = asked.value and state = 'withdrawn')""",
        (json.dumps(forms),),
    ).fetchone()
    if bound or not body:
        return bound is not None
    if conn.execute("select 1 from withdrawn_shingles limit 1").fetchone() is None:
        return False
    return any(_is_bound(conn, shingles(text)) for text in readings(body))


def bind(conn: sqlite3.Connection, withdrawal_id: int, urls: Iterable[str], text_shingles: Iterable[int]) -> None:
    """Bind addresses and a sample of a text's shingles to a tombstone."""
    conn.executemany(
        "insert or ignore into withdrawn_addresses(url, withdrawal_id) values (?, ?)",
        [(address_key(url), withdrawal_id) for url in urls if url],
    )
    sample = sorted(set(text_shingles))[:MAX_SHINGLES]
    if len(sample) >= MIN_SHINGLES:
        conn.executemany(
            "insert or ignore into withdrawn_shingles(shingle, withdrawal_id) values (?, ?)",
            [(shingle, withdrawal_id) for shingle in sample],
        )


def address_key(url: str) -> str:
    """Return an address as tombstones hold it: canonical, its scheme https; as given if it is none.

    >>> address_key("HTTP://Clinic.example/a?utm_source=feed")
    'https://clinic.example/a'
    """
    try:
        url = canonical(url)
    except UsageError:
        return url.encode("utf-8", "replace").decode()
    return url.replace("http://", "https://", 1)


def body_shingles(body: bytes) -> set[int]:
    """Return the shingles of a body in every charset it may be in."""
    return set().union(*(shingles(text) for text in readings(body)))


def readings(body: bytes) -> list[str]:
    """Return a body's text without markup in each charset it may be in: crude, the same for every page, linear."""
    return [html.unescape(_TAG.sub(" ", markup[:_MAX_CHARACTERS])) for markup in markups(body)]


def markups(body: bytes) -> list[str]:
    """Return a body decoded from each charset that clinics use; the right one is among them."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return [body.decode(encoding, "replace") for encoding in _ENCODINGS]
    return [text, body.decode("iso2022_jp", "replace")] if b"\x1b" in body else [text]


def shingles(text: str) -> set[int]:
    """Return digests of a text's 12-character pieces, of those that begin with one character in four."""
    text = "".join(unicodedata.normalize("NFKC", text).split())
    pieces = {
        text[start : start + _LENGTH] for start in range(len(text) - _LENGTH + 1) if ord(text[start]) % _ONE_IN == 0
    }
    return {_digest(piece) for piece in pieces}


def _digest(piece: str) -> int:
    found = hashlib.blake2b(piece.encode("utf-8", "replace"), digest_size=8, person=b"columnarchive").digest()
    return int.from_bytes(found, "big", signed=True)


def _is_bound(conn: sqlite3.Connection, found: set[int]) -> bool:
    row = conn.execute(
        """select 1 from withdrawn_shingles where shingle in (select value from json_each(:found))
           group by withdrawal_id
           having count(*) >= :share * (
               select count(*) from withdrawn_shingles as whole
               where whole.withdrawal_id = withdrawn_shingles.withdrawal_id)
           limit 1""",
        {"found": json.dumps(sorted(found)), "share": SAME_TEXT},
    ).fetchone()
    return row is not None
