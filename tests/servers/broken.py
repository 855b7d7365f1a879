"""Answers that are broken, endless or not what they say: behaviours of the hostile server."""
# ruff: noqa: ARG001 - behaviours share one signature and use what they need of it

from __future__ import annotations

import asyncio
import functools
import gzip
import zlib

import brotlicffi
import zstandard

from servers.hostile import Host, Request, answer, page, plays


async def _drip(writer: asyncio.StreamWriter, head: bytes, piece: bytes) -> None:
    writer.write(head)
    while not writer.transport.is_closing():
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.1)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


@plays("timeout")
async def drip_header(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    await _drip(writer, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")


@plays("timeout")
async def drip_body(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    await _drip(writer, HEAD + b"\r\n", b"a")


@plays("timeout")
async def silent(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@plays("timeout")
async def continue_for_ever(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    await _drip(writer, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


@plays("too_large")
async def hints_for_ever(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    while not writer.transport.is_closing():
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 100)
        await writer.drain()


@plays("protocol_error")
async def switches_protocols(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")


@plays("protocol_error")
async def http_2(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x00\x12\x04" + bytes(14))


@plays("too_large")
async def chunk_extension_for_ever(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;")
    while not writer.transport.is_closing():
        writer.write(b"a" * 10_000)
        await writer.drain()


@plays("too_large")
async def trailers_for_ever(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
    while not writer.transport.is_closing():
        writer.write(b"X-More: " + b"b" * 10_000 + b"\r\n")
        await writer.drain()


@plays("protocol_error")
async def length_below_zero(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: -5\r\n\r\nhello")


@plays("protocol_error")
async def two_lengths(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")


@plays("too_large")
async def endless_body(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n")
    while not writer.transport.is_closing():
        writer.write(b"<p>" + b"a" * 65_000)
        await writer.drain()


@plays("too_large")
async def endless_chunks(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b"8000\r\n" + b"a" * 0x8000 + b"\r\n")
        await writer.drain()


@plays("too_large")
async def announced_50_mb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 50000000\r\n\r\n" + b"a" * 10_000)


@functools.cache
def gzip_bomb_body(layers: int = 1) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packer.compress(bytes(1_000_000)) for _ in range(30)) + packer.flush()
    return gzip.compress(data) if layers > 1 else data


@plays("too_large")
async def gzip_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip_bomb_body(), "200 OK", "text/html", "Content-Encoding: gzip"))


@plays("too_large")
async def gzip_bomb_twice(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip_bomb_body(2), "200 OK", "text/html", "Content-Encoding: gzip, gzip"))


@functools.cache
def _deflate_bomb() -> bytes:
    return zlib.compress(bytes(30_000_000))


@plays("too_large")
async def deflate_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(_deflate_bomb(), "200 OK", "text/html", "Content-Encoding: deflate"))


@plays("too_large")
async def zstd_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = zstandard.ZstdCompressor().compress(bytes(30_000_000))
    writer.write(answer(body, "200 OK", "text/html", "Content-Encoding: zstd"))


@functools.cache
def _brotli_bomb() -> bytes:
    return brotlicffi.compress(bytes(30_000_000), quality=5)


@plays("too_large")
async def brotli_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(_brotli_bomb(), "200 OK", "text/html", "Content-Encoding: br"))


@plays("too_large")
async def brotli_bomb_in_gzip(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip.compress(_brotli_bomb()), "200 OK", "text/html", "Content-Encoding: br, gzip"))


@plays("ok")
async def brotli_page(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(brotlicffi.compress(page("x")), "200 OK", "text/html", "Content-Encoding: br"))


@plays("ok")
async def brotli_over_gzip(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = brotlicffi.compress(gzip.compress(page("x")))
    writer.write(answer(body, "200 OK", "text/html", "Content-Encoding: gzip, br"))


@plays("truncated")
async def truncated_brotli(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(brotlicffi.compress(page("x"))[:-20], "200 OK", "text/html", "Content-Encoding: br"))


@plays("bad_encoding")
async def broken_brotli(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"\xff" * 200, "200 OK", "text/html", "Content-Encoding: br"))


@plays("truncated")
async def truncated_zstd(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = zstandard.ZstdCompressor().compress(page("x"))[:-20]
    writer.write(answer(body, "200 OK", "text/html", "Content-Encoding: zstd"))


@plays("bad_encoding")
async def stacked_codings(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x")
    for _ in range(20):
        body = gzip.compress(body)
    writer.write(answer(body, "200 OK", "text/html", "Content-Encoding: " + ", ".join(["gzip"] * 20)))


@plays("bad_encoding")
async def unknown_coding(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x"), "200 OK", "text/html", "Content-Encoding: sdch"))


@plays("bad_encoding")
async def broken_gzip(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = bytearray(gzip.compress(page("x")))
    body[20:60] = b"\xff" * 40
    writer.write(answer(bytes(body), "200 OK", "text/html", "Content-Encoding: gzip"))


@plays("ok")
async def plain_called_gzip(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x"), "200 OK", "text/html", "Content-Encoding: gzip"))


@plays("ok")
async def raw_deflate(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(page("x")) + packer.flush()
    writer.write(answer(body, "200 OK", "text/html", "Content-Encoding: deflate"))


@plays("ok")
async def zstd_page(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = zstandard.ZstdCompressor().compress(page("x"))
    writer.write(answer(body, "200 OK", "text/html", "Content-Encoding: zstd"))


@plays("ok")
async def gzip_members(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    whole = page("x")
    body = gzip.compress(whole[:100]) + gzip.compress(whole[100:])
    writer.write(answer(body, "200 OK", "text/html", "Content-Encoding: gzip"))


@plays("truncated")
async def truncated_gzip(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip.compress(page("x"))[:-30], "200 OK", "text/html", "Content-Encoding: gzip"))


@plays("truncated")
async def long_length(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 99999\r\n\r\n" + page("x"))
    await writer.drain()
    writer.close()


@plays("ok")
async def short_length(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 300\r\n\r\n" + page("x"))


@plays("truncated")
async def cut_chunks(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\n" + b"a" * 0x100 + b"\r\n")
    await writer.drain()
    writer.close()


@plays("protocol_error")
async def broken_chunks(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\nhello\r\n0\r\n\r\n")


@plays("truncated")
async def reset_in_body(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 99999\r\n\r\n" + b"a" * 500)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()


@plays("unreachable")
async def closes_at_once(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


@plays("protocol_error")
async def nul_in_header(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"X-Bad: a\x00b\r\nContent-Length: 2\r\n\r\nok")


@plays("too_large")
async def header_of_200_kb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"X-Long: " + b"a" * 200_000 + b"\r\nContent-Length: 2\r\n\r\nok")


@plays("protocol_error")
async def http_0_9(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(page("x") + b"\n\n")
    await writer.drain()
    writer.close()


@plays("protocol_error")
async def no_status(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 abc Fine\r\nContent-Length: 2\r\n\r\nok")


@plays("http_error")
async def status_999(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("denied"), "999 Request denied"))


@plays("http_error")
async def status_204(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@plays("http_error")
async def status_500(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("error"), "500 Oops"))


@plays("http_error")
async def status_403(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("forbidden"), "403 Forbidden"))


@plays("http_error")
async def unasked_304(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")


@plays("missing")
async def status_404(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("404"), "404 Not Found"))


@plays("gone")
async def status_410(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("410"), "410 Gone"))
