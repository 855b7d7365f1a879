"""Stored pages with their stored pictures inside, and pictures alone: nothing is loaded, whatever a page asks for."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from urllib.parse import urljoin

from columnarchive.browse.rendering import REPLAY_POLICY, FileResponse
from columnarchive.browse.request import PageRequest
from columnarchive.errors import NotFound, UsageError
from columnarchive.reader import Reader
from columnarchive.urls import canonical

MAX_INLINE = 20_000_000
"""Characters of pictures that one page is shown with."""
_IMAGE = re.compile(rb"<img\b[^<>]{0,20000}>", re.I)
_ATTRIBUTE = re.compile(rb"""\s([\w:-]{1,60})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_LINK = re.compile(rb"<link\b[^<>]{0,5000}>", re.I)
_NAMED = re.compile(
    rb"""url\(\s{0,9}(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^'")\s]{1,2000}))\s{0,9}\)|@import\s{1,9}["']([^"']{1,2000})["']""",
    re.I,
)
_MAX_IMPORTS, _MAX_SHEET = 2, 1_000_000
_SOURCES = (b"src", b"data-src", b"data-original", b"data-lazy-src", b"data-lazy", b"data-bg")
_DROPPED = re.compile(
    rb"""\s(?:src|srcset|sizes|loading|data-[\w-]{1,60})\s{0,9}=\s{0,9}(?:"[^"]*"|'[^']*'|[^\s"'>]+)""", re.I
)


def picture(archive: Reader, request: PageRequest) -> FileResponse:
    """The stored bytes of a picture, for the pages that show it; a drawing can run nothing."""
    body, kind = archive.picture(request.get("sha256"))
    return FileResponse(
        body, kind,
        {"Content-Security-Policy": REPLAY_POLICY, "X-Content-Type-Options": "nosniff",
         "X-Robots-Tag": "noindex, nofollow", "Cross-Origin-Resource-Policy": "same-origin"},
    )  # fmt: skip


def with_pictures(page: bytes, url: str, stored: Callable[[str], str]) -> bytes:
    """Put the stored pictures of a page into it, in place of the addresses that it names.

    `stored` returns a picture as a data address, by its canonical address; others stay as they are and show nothing.
    """
    left = MAX_INLINE

    def replace_address(tag: re.Match[bytes]) -> bytes:
        nonlocal left
        named = {name.lower(): b"".join(value) for name, *value in _ATTRIBUTE.findall(tag[0])}
        for source in _SOURCES:
            inline = _found(named.get(source, b""), url, stored)
            if inline and len(inline) <= left:
                left -= len(inline)
                return b'<img src="' + inline.encode() + b'"' + _DROPPED.sub(b"", tag[0][4:-1].rstrip(b"/")) + b">"
        return tag[0]

    return _IMAGE.sub(replace_address, page)


def with_style_sheets(page: bytes, url: str, at: str, archive: Reader) -> bytes:
    """Put the stored style sheets of a page into it, with the fonts and pictures that they name."""

    def replace_address(tag: re.Match[bytes]) -> bytes:
        named = {name.lower(): b"".join(value) for name, *value in _ATTRIBUTE.findall(tag[0])}
        if b"stylesheet" not in named.get(b"rel", b"").lower():
            return tag[0]
        inline = _found(named.get(b"href", b""), url, lambda sheet: _style_sheet(sheet, at, archive, _MAX_IMPORTS))
        return b'<link rel="stylesheet" href="' + inline.encode() + b'">' if inline else tag[0]

    return _LINK.sub(replace_address, page)


def _style_sheet(url: str, at: str, archive: Reader, depth: int) -> str:
    """Return a stored style sheet as a data address, and what it names inside it; empty without one."""
    sheet = archive.resource(url, at)
    if sheet is None or depth < 0 or len(sheet) > _MAX_SHEET:
        return ""

    def named(found: re.Match[bytes]) -> bytes:
        source = next(filter(None, found.groups()), b"")
        is_sheet = source.partition(b"?")[0].lower().endswith(b".css")

        def stored(address: str) -> str:
            return _style_sheet(address, at, archive, depth - 1) if is_sheet else archive.inline_resource(address, at)

        inline = _found(source, url, stored)
        start = b"@import " if found[0].lower().startswith(b"@import") else b""
        return start + b'url("' + inline.encode() + b'")' if inline else found[0]

    return f"data:text/css;base64,{base64.b64encode(_NAMED.sub(named, sheet)).decode()}"


def _found(source: bytes, url: str, stored: Callable[[str], str]) -> str:
    if not source or source.startswith(b"data:"):
        return ""
    try:
        text = source.decode("utf-8", "replace").replace("&amp;", "&").strip()
        return stored(canonical(urljoin(url, text)))
    except (NotFound, UsageError, ValueError):
        return ""
