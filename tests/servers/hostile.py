"""A server that plays everything the web does to crawlers: one behaviour a host, healthy pages beside it.

Every behaviour has an address of its own in 127/8, so that hosts do not wait for each other. `/column/` lists the
healthy pages and the bad one; what is asked for, and when, is kept in `requests`.
"""
# ruff: noqa: ARG001 - behaviours share one signature and use what they need of it

from __future__ import annotations

import asyncio
import functools
import gzip
import ssl
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard

PEM = Path(__file__).with_name("selfsigned.pem")
TEXT = "この施術では、ひざの痛みがやわらぐまでの期間に個人差があります。費用は税込で一回あたりの料金です。" * 8


@dataclass
class Request:
    """What was asked, of which host, when, and with which header lines."""

    host: str
    path: str
    at: float
    headers: dict[str, str]
    number: int


Behaviour = Callable[["Host", Request, asyncio.StreamWriter], Awaitable[None]]
BEHAVIOURS: dict[str, tuple[str, Behaviour]] = {}


def plays(outcome: str, name: str = "") -> Callable[[Behaviour], Behaviour]:
    """Register a behaviour of `/column/bad.html` and the outcome it must end in."""

    def register(function: Behaviour) -> Behaviour:
        BEHAVIOURS[name or function.__name__] = (outcome, function)
        return function

    return register


def page(title: str, body: str = TEXT, head: str = "") -> bytes:
    """A small healthy page."""
    text = f"<!doctype html><html lang=ja><head><meta charset=utf-8><title>{title}</title>{head}</head><body>"
    return (text + f"<main><h1>{title}</h1><p>{body}</p></main></body></html>").encode()


def listing(names: list[str]) -> bytes:
    """A column listing of these pages."""
    cards = "".join(
        f'<li><span>2025年10月{number + 1}日</span><h2><a href="{name}">膝の痛みと再生医療の話{number}</a></h2></li>'
        for number, name in enumerate(names)
    )
    return page("コラム一覧", f"<ul class=list>{cards}</ul>")


def answer(body: bytes, status: str = "200 OK", kind: str = "text/html; charset=utf-8", *lines: str) -> bytes:
    """A well-formed answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Host:
    """One host of the server: its behaviour, and its own answers to the common paths."""

    def __init__(self, name: str, address: str, port: int) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.origin = f"{'https' if name == 'tls_selfsigned' else 'http'}://{address}:{port}"
        self.outcome, self.behaviour = BEHAVIOURS[name]
        self.asked: dict[str, int] = defaultdict(int)

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        path = request.path.partition("?")[0]
        self.asked[path] += 1
        special = SPECIAL.get((self.name, path)) or SPECIAL.get((self.name, "*"))
        if special is not None and path != "/column/bad.html":
            await special(self, request, writer)
        elif path == "/column/bad.html":
            await self.behaviour(self, request, writer)
        elif path == "/column/":
            bad = (
                f"https://{self.address}:{self.port}/column/bad.html"
                if self.name == "tls_on_a_plain_port"
                else "bad.html"
            )
            writer.write(answer(listing(["one.html", bad, "two.html"])))
        elif path in ("/column/one.html", "/column/two.html"):
            writer.write(answer(page(path)))
        else:
            writer.write(answer(page("404 見つかりません"), "404 Not Found"))


SPECIAL: dict[tuple[str, str], Behaviour] = {}


def also(name: str, path: str) -> Callable[[Behaviour], Behaviour]:
    """Register what the host of a behaviour answers at another path; `*` for all."""

    def register(function: Behaviour) -> Behaviour:
        SPECIAL[name, path] = function
        return function

    return register


class Hostile:
    """The server: as a context manager it listens, in a thread of its own, on one address a behaviour."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = names or sorted(BEHAVIOURS)
        self.requests: list[Request] = []
        self.hosts: dict[str, Host] = {}
        self._started = threading.Event()

    def __enter__(self) -> Hostile:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda *_: None)
        self._stop = asyncio.Event()
        servers = []
        port = 0
        for number, name in enumerate(self.names):
            address = f"127.0.{1 + number // 200}.{1 + number % 200}"
            context = None
            if name == "tls_selfsigned":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(PEM)
            server = await asyncio.start_server(self._serve_one, address, port, ssl=context)
            port = port or server.sockets[0].getsockname()[1]
            servers.append(server)
            self.hosts[address] = Host(name, address, port)
        self._started.set()
        await self._stop.wait()
        for server in servers:
            server.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = self.hosts[writer.get_extra_info("sockname")[0]]
        try:
            number = 0
            while head := await reader.readuntil(b"\r\n\r\n" if host.name != "tls_on_a_plain_port" else b"\n"):
                if not head.startswith(b"GET "):
                    return
                if not head.endswith(b"\r\n\r\n"):
                    head += await reader.readuntil(b"\r\n\r\n")
                number += 1
                lines = head.decode("latin-1").split("\r\n")
                said = dict(line.partition(": ")[::2] for line in lines[1:] if line)
                request = Request(host.name, lines[0].split()[1], time.monotonic(), said, number)
                self.requests.append(request)
                await host.reply(request, writer)
                await writer.drain()
                if writer.transport.is_closing():
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError):
            pass
        finally:
            writer.close()

    def of(self, name: str) -> list[Request]:
        """The requests that the host of a behaviour received."""
        return [request for request in self.requests if request.host == name]

    def host(self, name: str) -> Host:
        """The host that plays a behaviour."""
        return next(host for host in self.hosts.values() if host.name == name)


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
def _gzip_bomb(layers: int = 1) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packer.compress(bytes(1_000_000)) for _ in range(30)) + packer.flush()
    return gzip.compress(data) if layers > 1 else data


@plays("too_large")
async def gzip_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(_gzip_bomb(), "200 OK", "text/html", "Content-Encoding: gzip"))


@plays("too_large")
async def gzip_bomb_twice(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(_gzip_bomb(2), "200 OK", "text/html", "Content-Encoding: gzip, gzip"))


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


def _to(location: str | bytes, status: str = "302 Found") -> bytes:
    raw = location if isinstance(location, bytes) else location.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nLocation: ".encode() + raw + b"\r\n\r\n"


@plays("redirect_loop")
async def redirects_to_itself(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/column/bad.html"))


@plays("redirect_loop")
async def redirects_for_ever(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to(f"/on/{len(request.path)}"))


@also("redirects_for_ever", "*")
async def _on(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if request.path.startswith("/on/"):
        writer.write(_to(f"/on/{int(request.path.split('/')[-1]) + 1}"))
    elif request.path == "/column/":
        writer.write(answer(listing(["one.html", "bad.html", "two.html"])))
    else:
        missing = request.path == "/robots.txt" or "sitemap" in request.path
        writer.write(answer(page(request.path), "404 Not Found" if missing else "200 OK"))


@plays("redirected")
async def redirects_off_site(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://other.example/"))


@plays("redirected")
async def redirects_to_metadata(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://169.254.169.254/latest/meta-data/"))


@plays("redirected")
async def redirects_to_short_private(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://192.168.257/"))


@plays("http_error")
async def redirects_nowhere(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("http://[:::/"))


@plays("http_error")
async def redirects_to_a_file(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("file:///etc/passwd"))


@plays("redirected")
async def redirects_in_utf_8(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/column/ひざ.html".encode(), "301 Moved Permanently"))


@also("redirects_in_utf_8", "/column/%E3%81%B2%E3%81%96.html")
async def _moved(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("ひざ")))


@plays("too_deep")
async def nested_divs(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"<html><body>" + b"<div>" * 100_000 + b"x" + b"</div>" * 100_000))


@plays("ok")
async def wrong_charset(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x").decode().replace("charset=utf-8", "charset=euc-jp").encode("cp932", "replace")
    writer.write(answer(body, "200 OK", "text/html; charset=utf-8"))


@plays("ok")
async def no_charset(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = page("x").decode().replace("<meta charset=utf-8>", "").encode("euc_jp")
    writer.write(answer(body, "200 OK", "text/html"))


@plays("not_html")
async def binary_called_html(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40))


@plays("not_html")
async def a_pdf(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"%PDF-1.7 " + b"x" * 500, "200 OK", "application/pdf"))


@plays("tls_error")
async def tls_on_a_plain_port(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("never seen")))


@plays("tls_error")
async def tls_selfsigned(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("never seen")))


@plays("ok")
async def stale_keep_alive(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if request.number > 1:  # the connection was kept open, and closes when it is used again
        writer.transport.abort()
    else:
        writer.write(answer(page("x")))


@plays("ok")
async def busy_for_a_second(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if host.asked["/column/bad.html"] == 1:
        writer.write(answer(page("busy"), "429 Too Many Requests", "text/html", "Retry-After: 1"))
    else:
        writer.write(answer(page("x")))


@plays("ok")
async def fails_once(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    status = "503 Unavailable" if host.asked["/column/bad.html"] == 1 else "200 OK"
    writer.write(answer(page("x"), status))


@plays("http_error")
async def busy_for_an_hour(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("busy"), "503 Unavailable", "text/html", "Retry-After: 3600"))


async def _plain(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x")))


plays("refused_by_robots", "robots_forbids")(_plain)


@also("robots_forbids", "/robots.txt")
async def _forbids(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"User-agent: *\nDisallow: /column/bad\n", "200 OK", "text/plain"))


plays("refused_by_robots", "robots_with_bom")(_plain)


@also("robots_with_bom", "/robots.txt")
async def _bom(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"\xef\xbb\xbfUser-agent: *\nDisallow: /column/bad\n", "200 OK", "text/plain"))


plays("refused_by_robots", "robots_redirects")(_plain)


@also("robots_redirects", "/robots.txt")
async def _redirects(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(_to("/robots-1.txt", "301 Moved"))


for _step in range(1, 5):

    @also("robots_redirects", f"/robots-{_step}.txt")
    async def _more(host: Host, request: Request, writer: asyncio.StreamWriter, step: int = _step) -> None:
        if step < 4:
            writer.write(_to(f"/robots-{step + 1}.txt", "301 Moved"))
        else:
            writer.write(answer(b"User-agent: columnarchive\nDisallow: /column/bad\n", "200 OK", "text/plain"))


plays("refused_by_robots", "robots_huge")(_plain)


@also("robots_huge", "/robots.txt")
async def _huge(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    rules = b"User-agent: *\nDisallow: /column/bad\n" + b"Disallow: /nothing/of/this\n" * 200_000
    writer.write(answer(rules + b"Disallow: /\n", "200 OK", "text/plain"))


plays("ok", "robots_missing")(_plain)


@also("robots_missing", "/robots.txt")
async def _forbidden(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"no", "403 Forbidden", "text/plain"))


plays("never", "robots_503")(_plain)


@also("robots_503", "/robots.txt")
async def _unavailable(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", "503 Unavailable", "text/plain"))


plays("never", "robots_429")(_plain)


@also("robots_429", "/robots.txt")
async def _too_many(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", "429 Too Many Requests", "text/plain"))


plays("never", "robots_silent")(_plain)


@also("robots_silent", "/robots.txt")
async def _silent(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@plays("ok")
async def calendar_trap(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x", TEXT + '<div class=calendar><a href="/column/?m=202510">2025年10月</a></div>')))


@also("calendar_trap", "/column/")
async def _calendar(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    if "m=" not in request.path:
        writer.write(answer(listing(["one.html", "bad.html", "two.html"])))
        return
    month = int(request.path.partition("m=")[2])
    after = month + 1 if month % 100 < 12 else month + 89
    before = month - 1 if month % 100 > 1 else month - 89
    links = "".join(f'<li><a href="/column/?m={one}">{one // 100}年{one % 100}月</a></li>' for one in (before, after))
    writer.write(answer(page("カレンダー", f"<ul class=calendar>{links}</ul>")))


@plays("ok")
async def session_trap(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x")))


@also("session_trap", "/column/")
async def _sessions(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    sid = f"{len(host.asked) + host.asked['/column/']:032x}"
    names = [f"{name}?PHPSESSID={sid}" for name in ("one.html", "bad.html", "two.html")]
    writer.write(answer(listing([*names, f"/column/?PHPSESSID={sid}"])))


@plays("ok")
async def growing_path(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("x", '<a href="more/bad.html">続きを読む</a>')))


@also("growing_path", "*")
async def _growing(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    path = request.path
    if path == "/robots.txt" or "sitemap" in path:
        writer.write(answer(b"", "404 Not Found"))
    elif path == "/column/":
        writer.write(answer(listing(["one.html", "bad.html", "two.html"])))
    else:
        writer.write(answer(listing(["more/one.html", "more/bad.html", "more/two.html"])))


@plays("ok")
async def soft_404(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("お探しのページは見つかりませんでした")))


plays("ok", "sitemap_bomb")(_plain)


@also("sitemap_bomb", "/sitemap.xml")
async def _sitemap_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    entities = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    writer.write(answer((entities + "]><urlset><url><loc>&j;</loc></url></urlset>").encode(), "200 OK", "text/xml"))


plays("ok", "sitemap_gzip_bomb")(_plain)


@also("sitemap_gzip_bomb", "/sitemap.xml")
async def _sitemap_gzip_bomb(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(_gzip_bomb(), "200 OK", "application/gzip"))


plays("ok", "sitemap_loop")(_plain)


@also("sitemap_loop", "/sitemap.xml")
async def _sitemap_loop(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    files = "".join(f"<sitemap><loc>{host.origin}/{name}</loc></sitemap>" for name in ("sitemap.xml", "sitemap2.xml"))
    writer.write(answer(f"<sitemapindex>{files}</sitemapindex>".encode(), "200 OK", "text/xml"))


@also("sitemap_loop", "/sitemap2.xml")
async def _sitemap_loop_2(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    more = f"<sitemapindex><sitemap><loc>{host.origin}/sitemap.xml</loc></sitemap></sitemapindex>"
    writer.write(answer(more.encode(), "200 OK", "text/xml"))


plays("ok", "feed_cut_off")(_plain)


@also("feed_cut_off", "/column/")
async def _names_a_feed(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    body = listing(["one.html", "bad.html", "two.html"])
    link = b'<link rel=alternate type="application/rss+xml" href="/feed.xml">'
    writer.write(answer(body.replace(b"</head>", link + b"</head>")))


@also("feed_cut_off", "/feed.xml")
async def _feed(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    feed = f"<rss><channel><item><link>{host.origin}/column/three.html</link></item><item><link>http://"
    writer.write(answer(feed.encode(), "200 OK", "application/rss+xml"))


@also("feed_cut_off", "/column/three.html")
async def _three(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("three")))


plays("ok", "meta_refresh_loop")(_plain)


@also("meta_refresh_loop", "/column/one.html")
async def _refresh(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("one", head='<meta http-equiv=refresh content="0;url=two.html">')))


@also("meta_refresh_loop", "/column/two.html")
async def _refresh_back(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("two", head='<meta http-equiv=refresh content="0;url=one.html">')))


__all__ = ["BEHAVIOURS", "Host", "Hostile", "Request"]
