"""Queries of links in the encoding of their page, as the WHATWG standard has it: old programs understand no other."""

from __future__ import annotations

import re

# A link's address. It is taken whole, so that no markup is looked at twice; a wide space is a sign like any other.
LINK = re.compile(r"\bhref\s*=\s*[\"']?([^ \t\r\n\f\"'<>]+)", re.I)
FOREIGN = re.compile(r"[^\x00-\x7f]+")
UNICODE = frozenset({"utf-8", "utf-16-le", "utf-16-be"})
MINUS = str.maketrans({"\u2212": "\uff0d"})  # the one sign that the standard encodes as another one


def in_own_encoding(html: str, encoding: str) -> str:
    """A page whose links have their queries written out as bytes of the page's encoding, as Python names it.

    >>> in_own_encoding('<a href="/blog.cgi?c=\\u819d">', "cp932")
    '<a href="/blog.cgi?c=%95G">'
    """
    if encoding in UNICODE or html.isascii():
        return html
    return LINK.sub(lambda found: found[0] if found[0].isascii() else _with_query(found, encoding), html)


def _with_query(found: re.Match[str], encoding: str) -> str:
    """The markup of a link with its query written out; what stands before that goes as UTF-8 from any page."""
    rest, hash_mark, fragment = found[0].partition("#")
    path, mark, query = rest.partition("?")
    return path + mark + FOREIGN.sub(lambda run: _escaped(run[0], encoding), query) + hash_mark + fragment


def _escaped(run: str, encoding: str) -> str:
    """Characters as bytes of an encoding, escaped but for letters and the like; those that it lacks as references."""
    raw = run.translate(MINUS).encode(encoding, "xmlcharrefreplace")
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte not in b"\"#'<>&;" else f"%{byte:02X}" for byte in raw)
