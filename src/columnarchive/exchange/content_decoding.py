"""Undo the transfer and content codings of a stored response, within bounds of size."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any

import brotlicffi
import zstandard
from warcio.bufferedreaders import ChunkedDataReader

from columnarchive.errors import ExchangeError
from columnarchive.records import Headers

MAX_BODY = 64 << 20  # bytes after decoding
MAX_CODINGS = 5


def decode_body(payload: bytes, headers: Headers) -> bytes:
    """Return a payload without transfer and content codings; raise ExchangeError when it cannot be decoded.

    Crawlers often store the body decoded and keep the header lines as received, so a coding that is not there is
    ignored.
    """
    if "chunked" in header_value(headers, "transfer-encoding").lower():
        payload = _read(ChunkedDataReader(io.BytesIO(payload)))
    named = [part.strip() for part in header_value(headers, "content-encoding").lower().split(",")]
    codings = [coding.removeprefix("x-") for coding in named if coding not in ("", "identity", "none", "utf-8")]
    if len(codings) > MAX_CODINGS:
        raise ExchangeError("too_many_codings", number=len(codings), most=MAX_CODINGS)
    for coding in reversed(codings):
        if coding not in _DECODERS:
            raise ExchangeError("unknown_coding", coding=coding[:40])
        payload = _DECODERS[coding](payload)
    return payload


def header_value(headers: Headers, name: str) -> str:
    """Return the first value of a header, by its name in lower case; empty when absent."""
    return next((value for key, value in headers if key.lower() == name), "")


def _read(stream: Any) -> bytes:
    body = bytearray()
    while chunk := stream.read(1 << 16):
        body += chunk
        _check_size(body)
    return bytes(body)


def _decode_gzip(payload: bytes) -> bytes:
    """Decode member by member; what does not begin with gzip is returned as it is."""
    if not payload.startswith(b"\x1f\x8b"):
        return payload
    try:
        return _inflate(payload, 31)
    except zlib.error as error:
        raise ExchangeError("damaged_gzip") from error


def _decode_deflate(payload: bytes) -> bytes:
    """Decode with the zlib wrapper or without; markup is returned as it is."""
    if payload.lstrip().startswith(b"<"):
        return payload
    for bits in (15, -15):
        try:
            return _inflate(payload, bits)
        except zlib.error:
            continue
    raise ExchangeError("damaged_deflate")


def _inflate(payload: bytes, bits: int) -> bytes:
    body = bytearray()
    while True:
        stream = zlib.decompressobj(bits)
        rest = payload
        while rest and not stream.eof:
            body += stream.decompress(rest, 1 << 20)
            _check_size(body)
            rest = stream.unconsumed_tail
        if not stream.eof:
            raise ExchangeError("short_body")
        payload = stream.unused_data
        if bits != 31 or not payload.startswith(b"\x1f\x8b"):
            return bytes(body)


def _decode_zstd(payload: bytes) -> bytes:
    if not payload.startswith(b"\x28\xb5\x2f\xfd"):
        return payload
    try:
        stream = zstandard.ZstdDecompressor(max_window_size=8 << 20)  # RFC 9659
        return _read(stream.stream_reader(io.BytesIO(payload)))
    except zstandard.ZstdError as error:
        raise ExchangeError("damaged_zstd") from error


def _decode_brotli(payload: bytes) -> bytes:
    """Decode; what is not brotli from its start is returned as it is."""
    stream, body = brotlicffi.Decompressor(), bytearray()
    try:
        body += stream.process(payload, output_buffer_limit=1 << 16)
        while not stream.can_accept_more_data():
            body += stream.process(b"", output_buffer_limit=1 << 16)
            _check_size(body)
    except brotlicffi.error as error:
        if not body:
            return payload
        raise ExchangeError("damaged_brotli") from error
    if payload and not stream.is_finished():
        raise ExchangeError("short_brotli")
    return bytes(body)


def _check_size(body: bytearray) -> None:
    if len(body) > MAX_BODY:
        raise ExchangeError("body_too_large", size=MAX_BODY >> 20)


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _decode_gzip, "deflate": _decode_deflate, "br": _decode_brotli, "zstd": _decode_zstd,
}  # fmt: skip
