"""Answers that HTTP allows and nobody asked for, and connections that break while they are made: hostile behaviours."""
# ruff: noqa: ARG001 - behaviours share one signature and use what they need of it

from __future__ import annotations

import asyncio
import gzip
import socket
import struct

from servers.broken import HEAD
from servers.hostile import Host, Request, also, answer, listing, page, plays, shakes
from servers.misleading import _plain, _to

SENT: dict[str, int] = {}
"""Bytes that the host of a behaviour could send before it was left, where that is counted."""


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off so that the other side is told of it as an error."""
    kind = socket.SOL_SOCKET, socket.SO_LINGER
    writer.get_extra_info("socket").setsockopt(*kind, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _pour(name: str, writer: asyncio.StreamWriter, piece: bytes, most: int) -> None:
    while not writer.transport.is_closing() and SENT.setdefault(name, 0) < most:
        writer.write(piece)
        SENT[name] += len(piece)
        await writer.drain()
        await asyncio.sleep(0)


plays("tls_error", "tls_reset")(_plain)


@shakes("tls_reset")
async def _reset_in_handshake(host: Host, writer: asyncio.StreamWriter) -> None:
    _reset(writer)


plays("tls_error", "tls_cut")(_plain)


@shakes("tls_cut")
async def _cut_in_handshake(host: Host, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76")  # the beginning of a ServerHello
    await writer.drain()
    await asyncio.sleep(0.05)
    _reset(writer)


plays("timeout", "tls_silent")(_plain)


@shakes("tls_silent")
async def _silent_in_handshake(host: Host, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@plays("http_error")
async def redirects_without_a_place(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("moved"), "302 Found"))


@plays("http_error")
async def redirects_to_no_name(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to(""))


@plays("http_error")
async def redirects_to_a_script(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("javascript:alert(1)"))


@plays("http_error")
async def redirects_to_90_kb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/column/" + "a" * 90_000))


@plays("redirected")
async def redirects_in_shift_jis(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/column/コラム.html".encode("cp932"), "301 Moved Permanently"))


@also("redirects_in_shift_jis", "/column/%83R%83%89%83%80.html")
async def _in_shift_jis(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("コラム")))


@plays("redirect_loop")
async def wall_of_cookies_elsewhere(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", "302 Found", "text/html", "Location: /check?to=/column/bad.html"))


@also("wall_of_cookies_elsewhere", "/check")
async def _check(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    cookie = f"Set-Cookie: pass={host.asked['/check']}; Path=/; HttpOnly"
    writer.write(answer(b"", "302 Found", "text/html", cookie, "Location: /column/bad.html"))


@plays("http_error")
async def unasked_206(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x")[:200]
    writer.write(answer(body, "206 Partial Content", "text/html", "Content-Range: bytes 0-199/900"))


@plays("http_error")
async def status_204_with_a_body(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x"), "204 No Content"))


@plays("http_error")
async def status_205(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")


@plays("http_error")
async def status_205_with_a_body(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x"), "205 Reset Content"))


@plays("ok")
async def no_content_type(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@plays("not_html")
async def multipart(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = b"--x\r\nContent-Type: text/html\r\n\r\n" + page("x") + b"\r\n--x--\r\n"
    writer.write(answer(body, "200 OK", "multipart/mixed; boundary=x"))


@plays("not_html")
async def gzip_file_called_html(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip.compress(page("x"))))


@plays("ok")
async def canonical_on_another_host(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x"), "200 OK", "text/html", 'Link: <http://other.example/>; rel="canonical"'))


@plays("ok")
async def refresh_in_a_header(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x"), "200 OK", "text/html", "Refresh: 0; url=bad.html"))


@plays("ok")
async def headers_twice(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x")
    twice = ("Content-Type: text/html", f"Content-Length: {len(body)}", 'ETag: "a"', "Content-Encoding: identity")
    writer.write(answer(body, "200 OK", "text/html", *twice, *twice, 'ETag: "b"'))


@plays("protocol_error")
async def chunked_twice(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\nok\r\n0\r\n\r\n")


@plays("too_large")
async def chunks_of_one_byte(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await _pour("chunks_of_one_byte", writer, b"1;" + b"x" * 10_000 + b"\r\na\r\n", 1_000_000_000)


RULES = b"User-agent: *\nDisallow: /column/bad\n"

plays("refused_by_robots", "robots_of_100_mb")(_plain)


@also("robots_of_100_mb", "/robots.txt")
async def _of_100_mb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000000\r\n\r\n" + RULES)
    await _pour("robots_of_100_mb", writer, b"Disallow: /nothing/of/this\n" * 2000, 100_000_000)


plays("refused_by_robots", "robots_in_gzip")(_plain)


@also("robots_in_gzip", "/robots.txt")
async def _in_gzip(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip.compress(RULES), "200 OK", "text/plain", "Content-Encoding: gzip"))


plays("refused_by_robots", "robots_huge_in_gzip")(_plain)


@also("robots_huge_in_gzip", "/robots.txt")
async def _huge_in_gzip(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    rules = RULES + b"Disallow: /nothing/of/this\n" * 200_000
    writer.write(answer(gzip.compress(rules), "200 OK", "text/plain", "Content-Encoding: gzip"))


plays("refused_by_robots", "robots_that_is_a_gzip_file")(_plain)


@also("robots_that_is_a_gzip_file", "/robots.txt")
async def _a_gzip_file(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(gzip.compress(RULES), "200 OK", "application/gzip"))


plays("ok", "refresh_in_headers_for_ever")(_plain)


@also("refresh_in_headers_for_ever", "*")
async def _refresh_for_ever(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if request.path == "/robots.txt" or "sitemap" in request.path:
        writer.write(answer(b"", "404 Not Found"))
    elif request.path == "/column/":
        writer.write(answer(listing(["one.html", "bad.html", "two.html"])))
    else:
        number = int(request.path.rpartition("=")[2]) if "=" in request.path else 0
        after = f"Refresh: 0; url=/column/one.html?n={number + 1}"
        writer.write(answer(page(request.path), "200 OK", "text/html", after))
