"""Captures: what a server sent, with its headers and digests, its page replayed in a closed frame, its bytes."""

from __future__ import annotations

import contextlib
import hashlib
import re

from columnarchive.browse.rendering import REPLAY_POLICY, SHEET_POLICY, FileResponse, Page
from columnarchive.browse.replay import with_pictures, with_style_sheets
from columnarchive.browse.request import PageRequest
from columnarchive.errors import NotFound, UsageError
from columnarchive.reader import Reader, Stored, Tombstone

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
    return FileResponse(
        document, kind, {"Content-Security-Policy": REPLAY_POLICY, "X-Content-Type-Options": "nosniff",
                     "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow",
                     "Cross-Origin-Resource-Policy": "same-origin"},
    )  # fmt: skip


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
