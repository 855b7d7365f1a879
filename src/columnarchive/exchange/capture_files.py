"""Read captures from a file of any format: WARC, ARC, WACZ, MHTML, and pages saved with SingleFile.

The format is told by the file's first bytes, not by its name.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Literal

from columnarchive.errors import ExchangeError, UsageError
from columnarchive.exchange import warc_reader, web_archives
from columnarchive.exchange.warc_http import MAX_BODY
from columnarchive.exchange.warc_reader import LOOKS_HTML, Item, Skipped, parse_date
from columnarchive.records import Capture, Failure
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical

Format = Literal["warc", "wacz", "mhtml", "html", "sqlite"]
_SNIFFED = 8192
_WACZ_MEMBER = re.compile(r"archive/[^/]+\.(?:warc|arc)(?:\.gz)?", re.IGNORECASE)
_SINGLE_FILE = re.compile(
    r"<!--\s*Page saved with SingleFile\s*\n\s*url:\s*(\S+)\s*\n\s*saved date:\s*([^\n]+?)\s*\n", re.IGNORECASE
)
_SAVED_DATE = re.compile(r"\w{3} (\w{3} \d\d \d{4} \d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d{4})?")


@dataclass(frozen=True, slots=True)
class CaptureFormat:
    """A format: the captures in a file of it, and the source that they are stored with."""

    read: Callable[[Path, Clock], Iterator[Item]]
    source: str


def read_captures(path: Path, clock: Clock = system_clock) -> Iterator[Item]:
    """Read the captures in a file; raise ExchangeError when it holds none that can be read."""
    return FORMATS[format_of(path)].read(path, clock)


def source_of(path: Path) -> str:
    """Return the source that captures from this file are stored with."""
    return FORMATS[format_of(path)].source


def format_of(path: Path) -> Format:
    """Return the format of a file, by its first bytes; what is unknown is read as WARC."""
    head = _head(path)
    if head.startswith(b"PK\x03\x04"):
        return "wacz"
    if head.startswith(b"SQLite format 3\0"):
        return "sqlite"
    if LOOKS_HTML.match(head):
        return "html"
    if re.match(rb"[A-Za-z-]+: ", head) and re.search(rb"(?mi)^mime-version:", head):
        return "mhtml"
    return "warc"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SNIFFED)
    except OSError as error:
        raise ExchangeError("unreadable_file", path=path, reason=error.strerror) from error


def _read_wacz(path: Path, clock: Clock) -> Iterator[Item]:
    """The captures in every WARC file of a WACZ; members may be stored or deflated."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info.filename for info in archive.infolist() if _WACZ_MEMBER.fullmatch(info.filename)]
            if not members:
                raise ExchangeError("zip_without_warc", path=path)
            for member in members:
                try:
                    with archive.open(member) as file:
                        yield from warc_reader.read_stream(file, f"{path.name}/{member}", clock)
                except (ExchangeError, *_ZIP_ERRORS) as error:
                    reason = str(error) if isinstance(error, ExchangeError) else "This member of the zip is damaged."
                    yield Failure(f"{path.name}/{member}", "protocol_error", reason)
    except (OSError, *_ZIP_ERRORS) as error:
        raise ExchangeError("not_zip", path=path) from error


_ZIP_ERRORS = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError)


def _read_mhtml(path: Path, clock: Clock) -> Iterator[Item]:
    """The page that a browser saved as MHTML; its images and styles are skipped."""
    try:
        message = email.message_from_bytes(_content(path), policy=email.policy.compat32)
        parts = [part for part in message.walk() if not part.is_multipart()]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ExchangeError("not_mhtml", path=path) from error
    pages = [part for part in parts if part.get_content_type() in warc_reader.HTML_TYPES]
    url = _field(message, "Snapshot-Content-Location")
    page = next((part for part in pages if _field(part, "Content-Location") == url), pages[0] if pages else None)
    if page is None:
        raise ExchangeError("mhtml_without_page", path=path)
    for part in parts:
        if part is not page:
            yield Skipped(f"not the saved page ({part.get_content_type()[:60]})")
    try:
        at = email.utils.parsedate_to_datetime(_field(message, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise ExchangeError("mhtml_without_date", path=path) from error
    body = page.get_payload(decode=True)
    if not isinstance(body, bytes):
        raise ExchangeError("not_mhtml", path=path)
    yield _saved_page(
        path, url or _field(page, "Content-Location"), at, page["Content-Type"] or "text/html", body, clock
    )


def _field(message: Message, name: str) -> str:
    return " ".join(str(message.get(name) or "").split())


def _read_html(path: Path, clock: Clock) -> Iterator[Item]:
    """A page saved with SingleFile, which records address and time in a comment."""
    body = _content(path)
    head = body[:_SNIFFED].decode("utf-8", "replace")
    found = _SINGLE_FILE.search(head)
    if found:
        date = _SAVED_DATE.match(found[2])
        try:
            at = datetime.strptime(f"{date[1]} {date[2] or '+0000'}" if date else "", "%b %d %Y %H:%M:%S %z")
        except ValueError as error:
            raise ExchangeError("page_without_time", path=path) from error
        yield _saved_page(path, found[1], at, "text/html; charset=utf-8", body, clock)
        return
    if web_archives.MARK.search(body):
        raise ExchangeError("rewritten_by_archive", path=path)
    raise ExchangeError("page_without_origin", path=path)


def _saved_page(path: Path, url: str, at: datetime, content_type: str, body: bytes, clock: Clock) -> Capture:
    """A saved page as a capture; raise ExchangeError for an address or a time that cannot be."""
    try:
        address = canonical(url)
    except UsageError as error:
        raise ExchangeError("page_without_address", path=path) from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        fetched_at = parse_date(at.isoformat(), clock() + timedelta(days=1))
    except ExchangeError as error:
        raise ExchangeError("implausible_time", path=path, at=to_text(at)) from error
    headers = (("Content-Type", " ".join(content_type.split())),)
    return Capture(address, address, fetched_at, 200, headers, body, "ok")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BODY + 1)
    except OSError as error:
        raise ExchangeError("unreadable_file", path=path, reason=error.strerror) from error
    if len(data) > MAX_BODY:
        raise ExchangeError("file_too_large", path=path, size=MAX_BODY >> 20)
    return data


def _refuse_database(path: Path, _clock: Clock) -> Iterator[Item]:
    raise ExchangeError("file_is_database", path=path)


FORMATS: dict[Format, CaptureFormat] = {
    "warc": CaptureFormat(warc_reader.read, "import"),
    "wacz": CaptureFormat(_read_wacz, "import"),
    "mhtml": CaptureFormat(_read_mhtml, "mhtml"),
    "html": CaptureFormat(_read_html, "singlefile"),
    "sqlite": CaptureFormat(_refuse_database, "import"),
}
"""Every format by its name; a new one is a reader, a line here and a line in `format_of`."""
