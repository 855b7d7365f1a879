"""What an answer amounts to: its named outcome, judged from status, headers and first bytes; and errors as outcomes."""

from __future__ import annotations

import email.utils
import ssl
from datetime import UTC, datetime

import httpcore
import httpx

from columnarchive.crawl.address_guard import PrivateAddress, Unknown, Unresolved
from columnarchive.crawl.stream import TLSError
from columnarchive.records import Headers, Outcome

REDIRECTS = frozenset({301, 302, 303, 307, 308})
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
# A request that met its deadline is not repeated: what hangs once would hold up its site again.
RETRIED: frozenset[Outcome] = frozenset({"unreachable", "truncated"})
PROXY_AUTHENTICATION = 407
PROXY_REFUSES = "The proxy asks for a name and a password; give them as http://NAME:PASSWORD@HOST:PORT."
# Types that are certainly no page; anything else is judged by its bytes.
NOT_PAGES = ("image/", "audio/", "video/", "font/", "multipart/", "application/pdf", "application/zip",
             "application/msword", "application/vnd.", "application/javascript", "application/json", "text/css",
             "text/javascript", "text/csv", "text/calendar", "application/x-shockwave")  # fmt: skip
MAGIC = (b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"RIFF", b"\x1f\x8b", b"BZh", b"Rar!",
         b"\xd0\xcf\x11\xe0", b"7z\xbc\xaf", b"\x7fELF", b"MZ\x90", b"ID3", b"OggS", b"\x00\x00\x00", b"wOF",
         b"SQLite format 3")  # fmt: skip


# What reading a page takes in memory, measured on pages of nothing but text and of nothing but links.
PER_BYTE = 6
PER_TAG = 600
MAX_MEMORY = 70_000_000

CONTROL = bytes((*range(9), *range(14, 27)))  # but for escape, which begins ISO-2022-JP


def by_status(status: int) -> Outcome:
    """The outcome that a final status alone gives."""
    if 200 <= status < 300 and status not in (204, 205, 206):
        return "ok"
    return {304: "unchanged", 404: "missing", 410: "gone"}.get(status, "http_error")  # type: ignore[return-value]


def is_page_type(content_type: str) -> bool:
    """Whether a Content-Type may be a page; an unknown or missing one may."""
    return not content_type.strip().lower().startswith(NOT_PAGES)


def looks_binary(body: bytes) -> bool:
    """Whether the first bytes are those of no text: a known magic number, or zero bytes outside UTF-16 and UTF-32."""
    head = body[:1024]
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return False
    if head.startswith(MAGIC):
        return True
    zeros = head.count(0)
    if zeros and 0.3 < zeros / len(head) < 0.6:  # UTF-16 without its mark: every other byte
        return False
    control = len(head) - len(head.translate(None, CONTROL))
    return zeros > 4 or control > len(head) // 10


def takes_too_much(body: bytes) -> bool:
    """Whether reading a page would take more memory than any real one does; a few bytes make an element."""
    tags = body.count(b"<") - body.count(b"</")
    return len(body) * PER_BYTE + tags * PER_TAG > MAX_MEMORY


def of_error(error: BaseException) -> tuple[Outcome, str]:
    """A failed request as outcome and sentence."""
    said = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, PrivateAddress):
        return "private_address", f"{said}, so nothing was sent to it."
    if isinstance(error, (TLSError, ssl.SSLError)):
        return "tls_error", f"The secure connection failed: {said}."
    if isinstance(error, Unresolved):
        return "unresolved" if isinstance(error, Unknown) else "unreachable", f"{said[:1].upper()}{said[1:]}."
    if isinstance(error, (TimeoutError, httpcore.TimeoutException, httpx.TimeoutException)):
        return "timeout", f"No complete answer in time{f' ({said})' if said != type(error).__name__ else ''}."
    if isinstance(error, (httpcore.ConnectError, httpx.ConnectError, httpx.ProxyError, httpcore.ProxyError)):
        return "unreachable", f"No connection: {said}."
    if isinstance(error, (httpcore.RemoteProtocolError, httpx.RemoteProtocolError)):
        return _of_protocol_error(said)
    if isinstance(error, (httpcore.ReadError, httpcore.WriteError, httpx.NetworkError)):
        return "unreachable", f"The connection broke: {said}."
    return "protocol_error", f"The answer is not HTTP: {said}."


def _of_protocol_error(said: str) -> tuple[Outcome, str]:
    if "without sending complete message body" in said or "incomplete chunked read" in said:
        return "truncated", f"The body ends before its announced length: {said}."
    if "disconnected without sending" in said:
        return "unreachable", "The server closed the connection without an answer."
    if "buffer too long" in said.lower() or "too large" in said.lower():
        return "too_large", "The header lines, or what comes before them, are larger than 100 kB."
    return "protocol_error", f"The answer is not HTTP: {said}."


def retry_after(headers: Headers, now: datetime) -> float:
    """Seconds that a Retry-After line asks to wait, whether given as a number or a date; 0 without one."""
    value = next((value.strip() for name, value in headers if name.lower() == "retry-after"), "")
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), 30 * 86_400))
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), 30 * 86_400.0)
