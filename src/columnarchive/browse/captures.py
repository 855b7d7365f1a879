"""Captures: what a server sent, with its headers and digests, its page replayed in a closed frame, its bytes.

Replayed pages have their stored pictures inside: nothing is loaded, whatever a page asks for.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections.abc import Callable
from urllib.parse import urljoin

from columnarchive.browse.rendering import REPLAY_POLICY, SHEET_POLICY, FileResponse, Page, PageRequest
from columnarchive.errors import NotFound, UsageError
from columnarchive.reader import Reader, Stored, Tombstone
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


# For what a page of a site may hold: it can run nothing, and is found by no search engine.
_CLOSED = {
    "Content-Security-Policy": REPLAY_POLICY, "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow", "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip


def picture(archive: Reader, request: PageRequest) -> FileResponse:
    """The stored bytes of a picture, for the pages that show it; a drawing can run nothing."""
    body, kind = archive.picture(request.get("sha256"))
    return FileResponse(body, kind, _CLOSED)


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


_PAGE_TYPES = ("text/html", "application/xhtml+xml")


def tombstones(archive: Reader, request: PageRequest, url: str) -> list[Tombstone]:
    """What was withdrawn at an address; nothing for a reader who may not see the table of withdrawals."""
    with contextlib.suppress(UsageError):
        return archive.tombstones(url) if request.sees_withdrawals else []
    return []


def captures(archive: Reader, request: PageRequest) -> Page:
    """Every capture of a page with its outcome, newest first."""
    url = request.get("url")
    rows = archive.captures(url)
    row = None
    with contextlib.suppress(NotFound):
        row = archive.article(url)
    stones = tombstones(archive, request, url)
    context = {"url": url, "row": row, "captures": list(reversed(rows)), "stones": stones}
    return Page("captures.html", context)


def capture(archive: Reader, request: PageRequest) -> Page:
    """One capture of a page: that of a time, the last one before it, or the newest."""
    url, at = request.get("url"), request.get("at")
    stored = archive.capture(url, at)
    stones = tombstones(archive, request, url)
    if stored.withdrawn:
        return Page("withdrawn.html", {"url": url, "stones": stones}, status=410)
    kind = _content_type(stored)
    return Page(
        "capture.html", {"stored": stored, "is_page": bool(stored.body_sha256) and _is_page(kind), "stones": stones}
    )


def replay(archive: Reader, request: PageRequest) -> FileResponse:
    """The stored page itself, under headers that let it do nothing but draw itself."""
    stored, body = _body(archive, request)
    kind = _content_type(stored)
    if not _is_page(kind):
        raise NotFound("not_a_page")
    at = stored.fetched_at
    address = stored.final_url or stored.url
    document = with_pictures(body, address, lambda url: archive.inline_resource(url, at))
    document = with_style_sheets(document, address, at, archive)
    # The charset is the page's own business, as it was then: its header, or else its <meta>.
    return FileResponse(document, kind, {**_CLOSED, "Referrer-Policy": "no-referrer"})


def download(archive: Reader, request: PageRequest) -> FileResponse:
    """The stored bytes as a file, never as a page."""
    stored, body = _body(archive, request)
    name = f"{stored.fetched_at.replace(':', '')}-{stored.body_sha256[:12]}.bin"
    return FileResponse(
        body, "application/octet-stream",
        {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff",
         "Content-Security-Policy": REPLAY_POLICY, "X-Body-Sha256": hashlib.sha256(body).hexdigest()},
    )  # fmt: skip


def evidence(archive: Reader, request: PageRequest) -> FileResponse:
    """The evidence sheet of two revisions: it opens in the browser, which can keep it."""
    sheet = archive.evidence_sheet(request.get("url"), request.get("from"), request.get("to"))
    headers = {
        "Content-Disposition": f'inline; filename="{sheet.name}"',
        "Content-Security-Policy": SHEET_POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    return FileResponse(sheet.html.encode("utf-8", "replace"), "text/html; charset=utf-8", headers)


def _body(archive: Reader, request: PageRequest) -> tuple[Stored, bytes]:
    stored = archive.capture(request.get("url"), request.get("at"))
    if stored.withdrawn or not stored.body_sha256:
        raise NotFound("capture_without_body")
    return stored, archive.body(stored.body_sha256)


def _content_type(stored: Stored) -> str:
    """The type the server named, if it can be passed on as a header line; a 304 names none and means the page's."""
    named = next((value for name, value in stored.headers if name.lower() == "content-type"), "text/html")
    return named if re.fullmatch(r"[\w.+-]+/[\w.+-]+(?:\s*;\s*[\w-]+=\"?[\w.:-]+\"?)*;?", named) else "text/html"


def _is_page(content_type: str) -> bool:
    return content_type.split(";")[0].strip().lower() in _PAGE_TYPES
