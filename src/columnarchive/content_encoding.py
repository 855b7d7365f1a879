"""Content-Encoding, decoded piece by piece and within bounds: no bomb, no endless stack, no cut-off body as whole."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import brotlicffi  # its module collides with no other binding of brotli
import zstandard

CHUNK = 65_536
ZSTD_STEP = 256  # bytes of zstd fed at once: at worst they unfold to 8 MB
MAX_CODINGS = 2
ACCEPTED = "gzip, deflate, br, zstd"  # what is decoded here, within bounds
MAX_WINDOW = 8 * 1024 * 1024  # RFC 9659: the largest zstd window a server may ask for


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Bounds of one body: bytes on the wire, bytes decoded, and how many times larger decoding may make it."""

    wire: int = 12_000_000
    decoded: int = 12_000_000
    expansion: int = 200
    free: int = 1_000_000  # below this many decoded bytes the ratio is not checked


class InvalidEncoding(Exception):
    """The body is not what its Content-Encoding says."""


class TooLarge(Exception):
    """The body passes a bound."""


class Truncated(Exception):
    """The body ends before its own end mark."""


class _Decompressor(Protocol):
    """Decodes one coding."""

    def feed(self, data: bytes, max_output: int) -> bytes:
        """Return the next decoded bytes; raise TooLarge when there are more than `max_output`."""

    def close(self) -> None:
        """Raise Truncated unless the end mark has come."""


class _Zlib:
    """gzip (with several members) and deflate (zlib-wrapped, or raw as some servers send it)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.stream: zlib._Decompress | None = None
        self.head = b""
        self.plain = False

    def _begin(self, data: bytes) -> None:
        if self.kind == "gzip":
            # Pages that say gzip and are not stay readable, as in a browser.
            self.plain = not data.startswith(b"\x1f\x8b")
            self.stream = zlib.decompressobj(31)
        else:
            wrapped = len(data) > 1 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self.stream = zlib.decompressobj(15 if wrapped else -15)

    def feed(self, data: bytes, max_output: int) -> bytes:
        """Decode, with several members of gzip."""
        if self.stream is None:
            self.head += data
            if len(self.head) < 2:
                return b""
            data, self.head = self.head, b""
            self._begin(data)
        if self.plain:
            return data
        out = bytearray()
        while data:
            assert self.stream is not None
            if self.stream.eof:
                if self.kind != "gzip" or not data.startswith(b"\x1f\x8b"):
                    break  # padding after the end is ignored, as browsers do
                self.stream = zlib.decompressobj(31)
            try:
                out += self.stream.decompress(data, max_output - len(out) + 1)
            except zlib.error as error:
                raise InvalidEncoding(f"the body is not valid {self.kind}") from error
            if len(out) > max_output:
                raise TooLarge
            data = self.stream.unused_data if self.stream.eof else self.stream.unconsumed_tail
        return bytes(out)

    def close(self) -> None:
        """Check the end mark, unless there was nothing at all."""
        if self.stream is not None and not self.plain and not self.stream.eof:
            raise Truncated


class _Zstd:
    def __init__(self) -> None:
        self.stream = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        self.fed = False

    def feed(self, data: bytes, max_output: int) -> bytes:
        """Decode in small pieces, since this decoder cannot be told to stop."""
        out = bytearray()
        self.fed = self.fed or bool(data)
        for start in range(0, len(data), ZSTD_STEP):
            if self.stream.eof:
                break
            try:
                out += self.stream.decompress(data[start : start + ZSTD_STEP])
            except zstandard.ZstdError as error:
                raise InvalidEncoding("the body is not valid zstd") from error
            if len(out) > max_output:
                raise TooLarge
        return bytes(out)

    def close(self) -> None:
        """Check the end of the frame."""
        if self.fed and not self.stream.eof:
            raise Truncated


class _Brotli:
    def __init__(self) -> None:
        self.stream = brotlicffi.Decompressor()
        self.fed = False

    def feed(self, data: bytes, max_output: int) -> bytes:
        """Decode with limited output per call, so that a bomb is met in small steps."""
        out = bytearray()
        self.fed = self.fed or bool(data)
        try:
            out += self.stream.process(data, output_buffer_limit=CHUNK)
            while not self.stream.can_accept_more_data():
                if len(out) > max_output:
                    raise TooLarge
                out += self.stream.process(b"", output_buffer_limit=CHUNK)
        except brotlicffi.error as error:
            raise InvalidEncoding("the body is not valid br") from error
        if len(out) > max_output:
            raise TooLarge
        return bytes(out)

    def close(self) -> None:
        """Check the end of the stream."""
        if self.fed and not self.stream.is_finished():
            raise Truncated


class ContentDecoder:
    """Decodes one body as it arrives.

    Raises InvalidEncoding, TooLarge or Truncated; `wire` counts the bytes before decoding, `size` those after.
    """

    def __init__(self, codings: tuple[str, ...], limits: SizeLimits) -> None:
        if len(codings) > MAX_CODINGS:
            raise InvalidEncoding(f"{len(codings)} content codings one over the other")
        self._decompressors = [_decompressor(name) for name in reversed(codings)]
        self._limits = limits
        self.wire = 0
        self.size = 0

    def feed(self, data: bytes) -> bytes:
        """Return the next decoded bytes."""
        limits = self._limits
        self.wire += len(data)
        if self.wire > limits.wire:
            raise TooLarge
        if self._decompressors:
            allowed = min(limits.decoded, max(limits.free, self.wire * limits.expansion))
            for decompressor in self._decompressors:
                data = decompressor.feed(data, allowed - self.size)
        self.size += len(data)
        if self.size > limits.decoded:
            raise TooLarge
        return data

    def close(self) -> None:
        """Check that every coding has come to its end."""
        for decompressor in self._decompressors:
            decompressor.close()


def _decompressor(name: str) -> _Decompressor:
    if name in ("gzip", "x-gzip"):
        return _Zlib("gzip")
    if name == "deflate":
        return _Zlib("deflate")
    if name == "zstd":
        return _Zstd()
    if name == "br":
        return _Brotli()
    raise InvalidEncoding(f"the content coding {name!r} is not supported")


def parse_content_encoding(values: list[str]) -> tuple[str, ...]:
    """Return the codings that Content-Encoding lines name, in the order they were applied; `identity` is none."""
    names = (name.strip().lower() for value in values for name in value.split(","))
    return tuple(name for name in names if name and name not in ("identity", "none", "utf-8"))
