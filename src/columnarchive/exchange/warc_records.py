"""WARC and ARC files as whole records, whatever their state: one broken record costs itself and nothing after it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from warcio.archiveiterator import ArchiveIterator
from warcio.bufferedreaders import ChunkedDataException
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParserException

from columnarchive.errors import ExchangeError
from columnarchive.records import Failure

# warcio's parsers stumble in many ways over garbage; each of them means that this record cannot be read.
BROKEN = (
    ArchiveLoadFailed,
    StatusAndHeadersParserException,
    ChunkedDataException,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)
GZIP = b"\x1f\x8b\x08"
_WINDOW = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its type, its own headers, the HTTP status and header lines if any, and the payload as it stands."""

    type: str
    fields: StatusAndHeaders
    http: StatusAndHeaders | None
    payload: bytes
    where: str

    def field(self, name: str) -> str:
        """A named field of the record, empty when absent."""
        return str(self.fields.get_header(name) or "")


def records(path: Path) -> Iterator[Record | Failure]:
    """Every record of a WARC or ARC file, gzipped by record, as a whole, or not at all; broken ones as failures.

    Raises ExchangeError when the file cannot be read or holds not one record.
    """
    try:
        with path.open("rb") as file:
            if file.read(1) == b"":
                raise ExchangeError(f"{path} is empty.")
            yield from _some(path, _walk(file, path.name))
    except OSError as error:
        raise ExchangeError(f"{path} cannot be read: {error.strerror}.") from error


def _some(path: Path, found: Iterator[Record | Failure]) -> Iterator[Record | Failure]:
    """`found`, or ExchangeError when it starts with a failure and never gets to a record."""
    failures: list[Failure] = []
    for item in found:
        if isinstance(item, Record):
            yield from failures
            yield item
            yield from found
            return
        failures.append(item)
    reason = failures[0].reason if failures else "It is neither WARC nor ARC."
    raise ExchangeError(f"{path} holds no record that can be read. {reason}")


def _walk(file: IO[bytes] | gzip.GzipFile, name: str) -> Iterator[Record | Failure]:
    """Records from the beginning of `file`, going on behind each broken one."""
    start: int | None = 0
    seen = 0
    while start is not None:
        file.seek(start)
        walker = ArchiveIterator(file, arc2warc=True, check_digests=True)
        try:
            for record in walker:
                where = f"{name} at byte {walker.offset}"
                yield _whole(record, where)
                seen += 1
            return
        except BROKEN as error:
            if "non-chunked gzip" in str(error) and not isinstance(file, gzip.GzipFile):
                yield from _one_member(file, name, seen)
                return
            yield Failure(f"{name} at byte {walker.offset}", "protocol_error", _sentence(error))
            start = _next_start(file, walker.offset + 1)


def _one_member(file: IO[bytes], name: str, seen: int) -> Iterator[Record | Failure]:
    """A file that was gzipped as a whole, from its record number `seen` on."""
    file.seek(0)
    with gzip.GzipFile(fileobj=file) as inner:
        for number, item in enumerate(_walk(inner, name)):
            if number >= seen:
                yield item


def _whole(record: ArcWarcRecord, where: str) -> Record | Failure:
    payload = b"".join(iter(lambda: record.raw_stream.read(_WINDOW), b""))
    if getattr(record.raw_stream, "limit", 0) > 0 and not _has_whole_answer(record.http_headers, payload):
        return Failure(where, "truncated", "The record is shorter than it says.")
    if any(problem.startswith("block digest failed") for problem in record.digest_checker.problems):
        return Failure(where, "protocol_error", "The record does not match its block digest.")
    return Record(record.rec_type or "", record.rec_headers, record.http_headers, payload, where)


def _has_whole_answer(http: StatusAndHeaders | None, payload: bytes) -> bool:
    """Whether a record that ends early lost none of its answer: some writers count line breaks they do not write."""
    said = http.get_header("content-length") if http else None
    return said is not None and said.isdecimal() and len(payload) >= int(said)


def _next_start(file: IO[bytes] | gzip.GzipFile, offset: int) -> int | None:
    """Where the next record seems to begin at or after `offset`."""
    overlap = 16
    while True:
        file.seek(offset)
        window = file.read(_WINDOW + overlap)
        for at in _candidates(window):
            if window[at : at + 3] != GZIP or _opens_record(window[at : at + 4096]):
                return offset + at
        if len(window) <= overlap:
            return None
        offset += _WINDOW


def _candidates(window: bytes) -> Iterator[int]:
    """Offsets of gzip members and of plain WARC version lines, in order."""
    at = -1
    while True:
        member, line = window.find(GZIP, at + 1), window.find(b"\nWARC/", at + 1)
        found = [place for place in (member, line + 1 if line >= 0 else -1) if place >= 0 and place > at]
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
    """What a foreign library said, as one line."""
    said = " ".join(str(error).split())
    return f"The record cannot be read: {said[:200] or type(error).__name__}."
