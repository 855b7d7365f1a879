"""Read WARC and ARC files record by record. A broken record costs itself and nothing after it; memory is bounded."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from warcio.archiveiterator import ArchiveIterator
from warcio.bufferedreaders import ChunkedDataException, DecompressingBufferedReader
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParserException

from columnarchive.errors import ExchangeError
from columnarchive.exchange.warc_http import MAX_BODY
from columnarchive.records import Failure

NOT_A_RECORD = (ArchiveLoadFailed, StatusAndHeadersParserException)
# What warcio's parsers raise on damaged or hostile bytes; each means that this record cannot be read.
BROKEN = (
    *NOT_A_RECORD,
    ChunkedDataException,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    MemoryError,
)
GZIP = b"\x1f\x8b\x08"
MAX_PAYLOAD = MAX_BODY  # bytes of one record that are read
MAX_HEAD = 1 << 20  # bytes of one record's header lines
_WINDOW = 1 << 20
_VERSION_LINE = re.compile(rb"WARC/\d\.\d+[ \t]*\r?\n")
_NEXT_VERSION_LINE = re.compile(rb"\n(WARC/\d\.\d+[ \t]*\r?\n)")
_INNER_RECORD = re.compile(rb"\n\r?\nWARC/\d\.\d+\r?\n")
_ARC_LINE = re.compile(rb"(?:filedesc|https?)://.{1,2000} [\d.:a-f]{2,45} \d+ ")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its type, its own headers, the HTTP status and header lines if any, and the payload as stored.

    `is_oversize` records are longer than MAX_PAYLOAD and carry no payload.
    """

    type: str
    fields: StatusAndHeaders
    http: StatusAndHeaders | None
    payload: bytes
    where: str
    is_oversize: bool = False

    def field(self, name: str) -> str:
        """A named field of the record, empty when absent."""
        return str(self.fields.get_header(name) or "")


class _LongHead(ArchiveLoadFailed):  # type: ignore[misc]
    """Header lines longer than MAX_HEAD."""


class _OneMember(Exception):
    """The file was gzipped as a whole."""


class _Misfit(Exception):
    """A record's length disagrees with what follows it."""


class _LineReader(DecompressingBufferedReader):  # type: ignore[misc]
    """warcio's reader with bounded header lines; damaged gzip data raises instead of ending the record silently."""

    decompressor: Any
    head = 0  # bytes of header lines read for the current record

    def readline(self, length: int | None = None) -> bytes:
        line: bytes = super().readline(min(length or MAX_HEAD, MAX_HEAD))
        self.head += len(line)
        if self.head > MAX_HEAD:
            raise _LongHead("header lines too long")
        return line

    def _decompress(self, data: bytes) -> bytes:
        if not self.decompressor or not data:
            return data
        try:
            plain: bytes = self.decompressor.decompress(data)
        except zlib.error:
            if self.num_block_read:
                raise
            self.decompressor = None  # not gzipped
            return data
        return plain


class _Loader(ArcWarcRecordLoader):  # type: ignore[misc]
    """warcio's loader, which takes HTTP:// for an address of HTTP too."""

    def load_http_headers(
        self, rec_type: str | None, uri: str | None, stream: Any, length: int | None
    ) -> StatusAndHeaders | None:
        return super().load_http_headers(rec_type, (uri or "").lower(), stream, length)


class _Walker(ArchiveIterator):  # type: ignore[misc]
    """warcio's iterator, which also notices records that do not end where their length says."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        super().__init__(file, arc2warc=True, check_digests=True)
        self.loader = _Loader(verify_http=False, arc2warc=True)
        self.reader = _LineReader(self.fh)
        self.is_misfit = False

    def _next_record(self, next_line: bytes | None) -> ArcWarcRecord:
        self.reader.head = 0
        self.is_misfit = False
        return super()._next_record(next_line)

    def _consume_blanklines(self) -> tuple[bytes | None, int]:
        empty = 0
        self.reader.head = 0
        while line := self.reader.readline():
            if line.strip():
                # Some writers leave out the blank lines; the next record then begins at once.
                self.is_misfit = not _VERSION_LINE.match(line) and not _ARC_LINE.match(line)
                return line, empty
            empty += len(line)
            self.reader.head = 0
        return None, empty

    def _raise_invalid_gzip_err(self) -> None:
        raise _OneMember


def records(path: Path) -> Iterator[Record | Failure]:
    """Read every record of a WARC or ARC file, gzipped by record, as a whole, or not at all; broken ones are failures.

    Raises ExchangeError when the file cannot be read or holds not one record.
    """
    try:
        with path.open("rb") as file:
            yield from records_of(file, str(path))
    except OSError as error:
        raise ExchangeError("unreadable_file", path=path, reason=error.strerror) from error


def records_of(file: IO[bytes], name: str) -> Iterator[Record | Failure]:
    """Read every record of an open file that can seek."""
    if file.read(1) == b"":
        raise ExchangeError("empty_file", name=name)
    yield from _some(name, _walk(file, name.rpartition("/")[2]))


def _some(name: str, found: Iterator[Record | Failure]) -> Iterator[Record | Failure]:
    """`found`, or ExchangeError when it starts with a failure and never gets to a record."""
    failures: list[Failure] = []
    for item in found:
        if isinstance(item, Record):
            yield from failures
            yield item
            yield from found
            return
        if len(failures) < 1000:
            failures.append(item)
    reason = failures[0].reason if failures else ExchangeError("neither_warc_nor_arc")
    raise ExchangeError("no_readable_record", name=name, reason=reason)


def _walk(file: IO[bytes] | gzip.GzipFile, name: str) -> Iterator[Record | Failure]:
    """Records from the beginning of `file`, going on behind each broken one."""
    start: int | None = 0
    seen = 0
    while start is not None:
        file.seek(start)
        walker = _Walker(file)
        try:
            for record in walker:
                start = walker.offset
                yield _read(record, walker, f"{name} at byte {start}")
                seen += 1
            return
        except _OneMember:
            if isinstance(file, gzip.GzipFile):
                raise ExchangeError("gzipped_twice", name=name) from None
            yield from _one_member(file, name, seen)
            return
        except (_Misfit, *BROKEN) as error:
            place = start if isinstance(error, _Misfit) else max(start, walker.offset)
            yield Failure(f"{name} at byte {place}", "protocol_error", _sentence(error))
            if isinstance(error, _LongHead) and not walker.reader.decompressor:
                # What was read holds no blank line, so no header of another record.
                place = max(place, file.tell() - walker.reader.rem_length() - 2)
            start = _next_start(file, place + 1)


def _one_member(file: IO[bytes], name: str, seen: int) -> Iterator[Record | Failure]:
    """A file that was gzipped as a whole, from its record number `seen` on."""
    file.seek(0)
    with gzip.GzipFile(fileobj=file) as inner:
        for number, item in enumerate(_walk(inner, name)):
            if number >= seen:
                yield item


def _read(record: ArcWarcRecord, walker: _Walker, where: str) -> Record | Failure:
    """The record with its payload; raise _Misfit where its length swallows or cuts something."""
    payload, is_oversize = _payload(record)
    is_short = not is_oversize and getattr(record.raw_stream, "limit", 0) > 0
    is_plain = walker.reader.decompressor is None
    walker.read_to_end()
    if not is_plain:
        # A gzip member bounds its record, unless the whole file is one member.
        if walker.next_line or (is_short and _INNER_RECORD.search(payload)):
            raise _OneMember
    elif (walker.is_misfit or _INNER_RECORD.search(payload)) and not _is_proven(record, payload):
        raise _Misfit
    if is_short and not _has_complete_answer(record.http_headers, payload):
        return Failure(where, "truncated", "The record is shorter than it says.")
    if any(problem.startswith("block digest failed") for problem in record.digest_checker.problems):
        return Failure(where, "protocol_error", "The record does not match its block digest.")
    return Record(record.rec_type or "", record.rec_headers, record.http_headers, payload, where, is_oversize)


def _payload(record: ArcWarcRecord) -> tuple[bytes, bool]:
    """The payload, and whether it was too large to be read."""
    pieces: list[bytes] = []
    size = 0
    while piece := record.raw_stream.read(_WINDOW):
        size += len(piece)
        if size > MAX_PAYLOAD:
            return b"", True
        pieces.append(piece)
    return b"".join(pieces), False


def _is_proven(record: ArcWarcRecord, payload: bytes) -> bool:
    """Whether a digest or the answer's own Content-Length confirms the payload."""
    if record.digest_checker.passed:
        return True
    length = record.http_headers.get_header("content-length") if record.http_headers else None
    return length is not None and length == str(len(payload))


def _has_complete_answer(http: StatusAndHeaders | None, payload: bytes) -> bool:
    """Whether a record that ends early has its complete response: some writers count line breaks they do not write."""
    length = http.get_header("content-length") if http else None
    return length is not None and length.isdecimal() and len(payload) >= int(length)


def _next_start(file: IO[bytes] | gzip.GzipFile, offset: int) -> int | None:
    """Where the next record seems to begin at or after `offset`."""
    overlap = 4096
    while True:
        file.seek(offset)
        window = file.read(_WINDOW + overlap)
        for at in _candidates(window):
            if at < _WINDOW and (window[at : at + 3] != GZIP or _opens_record(window[at : at + overlap])):
                return offset + at
        if len(window) <= _WINDOW:
            return None
        offset += _WINDOW


def _candidates(window: bytes) -> Iterator[int]:
    """Offsets of gzip members and of plain WARC version lines, in order."""
    at = -1
    while True:
        member, line = window.find(GZIP, at + 1), _NEXT_VERSION_LINE.search(window, max(0, at))
        found = [place for place in (member, line.start(1) if line else -1) if place > at]
        if not found:
            return
        at = min(found)
        yield at


def _opens_record(start: bytes) -> bool:
    """Whether what looks like a gzip member decodes to the first line of a record."""
    try:
        text = zlib.decompressobj(wbits=31).decompress(start, 64)
    except zlib.error:
        return False
    return text.startswith((b"WARC/", b"filedesc:", b"http:", b"https:"))


def _sentence(error: BaseException) -> str:
    """Why a record cannot be read, as one sentence without a byte of it."""
    if isinstance(error, _Misfit):
        return "Its length does not agree with what follows it."
    if isinstance(error, _LongHead):
        return "Its header lines are longer than 1 MB."
    if isinstance(error, NOT_A_RECORD):
        return "This is not a WARC or ARC record."
    if isinstance(error, zlib.error):
        return "Its gzip data is damaged."
    return "Its header lines cannot be read."
