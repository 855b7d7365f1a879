"""A server that plays everything the web does to crawlers: one behaviour a host, healthy pages beside it.

Every behaviour has an address of its own in 127/8, so that hosts do not wait for each other. `/column/` lists the
healthy pages and the bad one; what is asked for, and when, is kept in `requests`.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

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
            bad = f"https://{self.address}:{self.port}/column/bad.html" if self.name in SHAKEN else "bad.html"
            writer.write(answer(listing(["one.html", bad, "two.html"])))
        elif path in ("/column/one.html", "/column/two.html"):
            writer.write(answer(page(path)))
        else:
            writer.write(answer(page("404 見つかりません"), "404 Not Found"))


SPECIAL: dict[tuple[str, str], Behaviour] = {}
Shake = Callable[[Host, asyncio.StreamWriter], Awaitable[None]]
SHAKEN: dict[str, Shake] = {}


def shakes(name: str) -> Callable[[Shake], Shake]:
    """Register what the host of a behaviour does when a secure connection begins on its plain port."""

    def register(function: Shake) -> Shake:
        SHAKEN[name] = function
        return function

    return register


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
            self.hosts[address] = self.make_host(name, address, port)
        self._started.set()
        await self._stop.wait()
        for server in servers:
            server.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = self.hosts[writer.get_extra_info("sockname")[0]]
        try:
            number = 0
            while first := await reader.read(1):
                if first == b"\x16" and host.name in SHAKEN:
                    await SHAKEN[host.name](host, writer)
                    return
                head = first + await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"GET "):
                    return
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

    def make_host(self, name: str, address: str, port: int) -> Host:
        """The host that answers at an address."""
        return Host(name, address, port)

    def of(self, name: str) -> list[Request]:
        """The requests that the host of a behaviour received."""
        return [request for request in self.requests if request.host == name]

    def host(self, name: str) -> Host:
        """The host that plays a behaviour."""
        return next(host for host in self.hosts.values() if host.name == name)


from servers import broken, misleading, odd  # noqa: E402, F401 - importing them registers their behaviours
