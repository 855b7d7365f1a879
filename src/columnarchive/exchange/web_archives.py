"""Web archives: which captures one has, by its CDX API, and a capture as it was, replayed under an `id_` address.

Both forms of the API are read: pywb writes a JSON object a line, the Wayback Machine and OpenWayback arrays in pages.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import IO, Any
from urllib.parse import urlencode, urljoin, urlsplit

from columnarchive.errors import ExchangeError, UsageError
from columnarchive.exchange.warc_http import header_value
from columnarchive.exchange.warc_reader import HTML_TYPES, NOT_A_PAGE, UNCLEAR_TYPES, Skipped, page_capture, parse_date
from columnarchive.records import Capture, Headers
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical

WAYBACK_MACHINE = "https://web.archive.org/web"
PAGE = 5000  # lines of one page of the Wayback Machine's list
LONGEST_LIST = 1_000_000  # lines asked of an API without pages
MARK = re.compile(rb"WAYBACK TOOLBAR INSERT|FILE ARCHIVED ON|wombat\.js|wbinfo\.", re.IGNORECASE)
"""What web archives write into the pages that they rewrite for replay."""
# Addresses under which web archives (Wayback Machine, pywb, OpenWayback) replay a capture; `id_` gives it unchanged.
_REPLAY = re.compile(r"https?://([^/]+)/(?:[\w-]+/){0,2}(\d{14})([a-z]{2}_)?/(https?:/.+)", re.IGNORECASE)
_ORIGINAL = "x-archive-orig-"
_UNCLEAR = (*UNCLEAR_TYPES, "unk", "-", "warc/revisit", "unknown")


@dataclass(frozen=True, slots=True)
class ListedCapture:
    """A capture that a web archive lists; `key` is the address without scheme and www, `status` 0 where not listed."""

    key: str
    url: str
    at: str
    status: int
    media_type: str
    digest: str

    @property
    def timestamp(self) -> str:
        """The time as replay addresses write it."""
        return "".join(filter(str.isdigit, self.at))

    @property
    def may_be_page(self) -> bool:
        """Whether it may be an HTML page, a redirect to one, or the absence of one."""
        if NOT_A_PAGE.search(urlsplit(self.url).path) or not self.url.lower().startswith(("http://", "https://")):
            return False
        if 300 <= self.status < 400 or self.status in (404, 410):
            return True
        return self.status in (0, 200) and self.media_type in (*HTML_TYPES, *_UNCLEAR)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which captures to list: those of an address (`exact`), below it (`prefix`) or of a host, in a span of time."""

    url: str
    match: str
    since: str = ""
    until: str = ""

    def address(self, index: str, resume_key: str = "") -> str:
        """Return the address of the list, or of the page of it that begins at a key."""
        terms = {"url": self.url, "matchType": self.match, "output": "json"}
        terms |= {"from": _digits(self.since)} if self.since else {}
        terms |= {"to": _digits(self.until)} if self.until else {}
        if is_paged(index):
            terms |= {"fl": "urlkey,timestamp,original,mimetype,statuscode,digest", "limit": str(PAGE)}
            terms |= {"showResumeKey": "true"} | ({"resumeKey": resume_key} if resume_key else {})
        else:
            terms |= {"limit": str(LONGEST_LIST)}
        return f"{index}?{urlencode(terms)}"


def index_addresses(base: str) -> tuple[str, str]:
    """Return where the CDX API of a web archive may be, the likeliest first; `base` comes before times in replays."""
    base = base.rstrip("/")
    parts = urlsplit(base)
    found = (f"{base}/cdx", f"{parts.scheme}://{parts.netloc}/cdx/search/cdx")
    return found if parts.path not in ("", "/web") else (found[1], found[0])


def is_paged(index: str) -> bool:
    """Return whether this API gives its list in pages, each with the key of the next."""
    return index.endswith("/search/cdx")


def read_list(file: IO[bytes], take: Callable[[ListedCapture], None]) -> str:
    """Pass the captures of a list to `take`; return the key of its next page, empty at the end.

    Raises ExchangeError for what is no list.
    """
    resume_key = ""
    try:
        if file.read(1) == b"[":
            file.seek(0)
            names, *rows = json.load(file) or [[]]
            if len(rows) > 1 and not rows[-2]:
                resume_key = str(rows[-1][0])
                rows = rows[:-2]
            for row in rows:
                take(_listed(dict(zip(names, row, strict=True))))
            return resume_key
        file.seek(0)
        for line in file:
            if line.strip():
                take(_listed(json.loads(line)))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ExchangeError("capture_list_unreadable") from error
    return ""


def _listed(entry: dict[str, Any]) -> ListedCapture:
    status, timestamp = str(entry.get("statuscode", entry.get("status", ""))), str(entry["timestamp"])
    moment = datetime.strptime(timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    media_type = str(entry.get("mimetype", entry.get("mime", ""))).split(";")[0].lower()
    return ListedCapture(
        str(entry.get("urlkey", "")), str(entry["original"] if "original" in entry else entry["url"]), to_text(moment),
        int(status) if status.isascii() and status.isdigit() else 0, media_type, str(entry.get("digest", "")),
    )  # fmt: skip


def replay_address(base: str, listed: ListedCapture) -> str:
    """Return the address under which a capture is replayed unchanged."""
    return f"{base.rstrip('/')}/{listed.timestamp}id_/{listed.url}"


def replayed(listed: ListedCapture, url: str, answer: Capture) -> Capture | Skipped:
    """Return the capture that a web archive replayed, as a capture of the page `url` with the page's own headers.

    It has no headers where only the list tells of it. Raises ExchangeError when the answer is another capture than this
    or was changed.
    """
    stated = header_value(answer.headers, "memento-datetime")
    try:
        moment = to_text(email.utils.parsedate_to_datetime(stated)) if stated else ""
    except ValueError:
        moment = ""
    if moment and moment != listed.at and 300 <= listed.status < 400:
        # Of a redirect of a page to itself, as from http to https, replay shows where it leads.
        return Capture(url, url, listed.at, listed.status, (), None, "redirected")
    if not moment:
        raise ExchangeError("not_replayed", reason=answer.error.rstrip(".") or answer.status)
    if moment != listed.at:
        raise ExchangeError("replayed_another", at=moment)
    if answer.body and MARK.search(answer.body):
        raise ExchangeError("replayed_rewritten")
    headers = _own_headers(answer.headers, answer.url)
    wire = replace(answer.wire, hops=())
    return page_capture(url, listed.at, answer.status, headers, answer.body or b"", wire)


def _own_headers(headers: Headers, replay: str) -> Headers:
    """The header lines of the page itself, by which it is judged; its coding only where that is undone yet."""
    own = [(name[len(_ORIGINAL) :], value) for name, value in headers if name.lower().startswith(_ORIGINAL)]
    own += [(name, value) for name, value in headers if not name.lower().startswith(_ORIGINAL)]
    found = []
    for name, value in own:
        place = _REPLAY.fullmatch(urljoin(replay, value)) if name.lower() == "location" else None
        if name.lower() == "transfer-encoding" or (name.lower() == "content-encoding" and "gzip" not in value.lower()):
            continue
        found.append((name, _full(place[4]) if place else value))
    return tuple(found)


def original(capture: Capture, clock: Clock = system_clock) -> tuple[Capture, str] | Skipped:
    """Return a capture under its own address and date, and the web archive that it was replayed from, if any.

    A replay under an `id_` address is the page as captured; under any other it was rewritten by the web archive.
    """
    found = _REPLAY.fullmatch(capture.url)
    if not found:
        return capture, ""
    host, timestamp, kind, url = found.groups()
    if kind != "id_":
        return Skipped("a page that a web archive rewrote for replay")
    if capture.outcome == "redirected":
        return Skipped("a redirect of a web archive")
    url = canonical(_full(url))
    at = parse_date(timestamp, clock() + timedelta(days=1))
    return replace(capture, url=url, final_url=url, fetched_at=at), source_of(host)


def source_of(host: str) -> str:
    """Return the source with which captures of a web archive are stored."""
    return f"wayback:{host}"


def check_base(base: str) -> str:
    """Return the address of a web archive; UsageError for what is none."""
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise UsageError("not_a_web_archive", url=base[:200])
    return base.rstrip("/")


def _full(url: str) -> str:
    return re.sub(r"^(https?:/)(?!/)", r"\1/", url)


def _digits(at: str) -> str:
    return "".join(filter(str.isdigit, at))
