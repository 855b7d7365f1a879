"""`archive serve`: Datasette with our pages, on this machine unless told otherwise."""

from __future__ import annotations

import contextlib
import errno
import gc
import ipaddress
import os
import re
import socket
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from columnarchive import reader
from columnarchive.errors import StoreError, UsageError

SETTINGS = {
    "suggest_facets": False,  # a large archive would spend half a second a page on suggestions
    "sql_time_limit_ms": 3000,
    "num_sql_threads": 4,
}


def serve(path: Path, host: str, port: int, open_browser: bool, names: Sequence[str] = ()) -> None:
    """Serve the archive at `path` until Ctrl-C; UsageError when the server cannot listen on the address.

    Only requests for this host, or for one of the further `names`, are answered.
    """
    with reader.opened(path) as conn:
        if not reader.shown.is_archive(conn):
            raise StoreError(f"{path} is an SQLite database, but not an archive.")
    listening = _listen(host, port)
    with contextlib.closing(listening):
        _run(path, listening, open_browser, _Hosts(host, names))


def address(listening: socket.socket) -> str:
    """The address for a browser on this machine."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _listen(host: str, port: int) -> socket.socket:
    """A socket bound before anything else starts, so that a port in use is a sentence and not a traceback."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(
            f"{host[:100]}:{port} is not an address to listen on; try --host 127.0.0.1 --port 8001."
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # on Windows it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"Port {port} is in use; choose another, like `archive serve --port {port + 1}`."
            ) from error
        raise UsageError(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    return listening


def prepared(path: Path) -> Any:
    """A Datasette that serves the archive at `path` with our settings."""
    from datasette.app import Datasette

    datasette = Datasette([str(path)], settings=SETTINGS, metadata={"plugins": {"columnarchive": {"front": True}}})
    # What was loaded stays; looking through all of it for cycles again and again would be a tenth of the work.
    gc.collect()
    gc.freeze()
    return datasette


class _Hosts:
    """The host names that a server answers for.

    Another name in a request means that a web page elsewhere had its own name resolve to this machine, to read the
    archive with the visitor's browser (DNS rebinding). Addresses in digits cannot be used for that.
    """

    def __init__(self, host: str, names: Sequence[str]) -> None:
        self._is_any = host in ("", "0.0.0.0", "::")
        own = {host, *names}
        if self._is_any:
            machine = socket.gethostname()
            own |= {machine, f"{machine}.local", socket.getfqdn()}
        if self._is_any or host == "localhost" or _is_loopback(host):
            own |= {"localhost", "127.0.0.1", "::1"}
        self._own = {name.lower().strip("[].") for name in own}

    def include(self, authority: str) -> bool:
        """Whether a request's Host header names this server; its port does not count, as tunnels change it."""
        host = re.sub(r":\d*$", "", authority.strip()).lower().strip("[].")
        return host in self._own or (self._is_any and _address(host) is not None)

    def guard(self, app: Any) -> Any:
        """The ASGI application behind this check."""

        async def guarded(scope: Any, receive: Any, send: Any) -> None:
            named = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
            if scope["type"] == "lifespan" or (len(named) == 1 and self.include(named[0])):
                await app(scope, receive, send)
            elif scope["type"] == "http":
                headers = [(b"content-type", b"text/plain; charset=utf-8")]
                await send({"type": "http.response.start", "status": 421, "headers": headers})
                await send({"type": "http.response.body", "body": _MISDIRECTED})

        return guarded


_MISDIRECTED = b"This server does not answer for that host name. `archive serve --allow-host NAME` adds one.\n"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_loopback


def _run(path: Path, listening: socket.socket, open_browser: bool, hosts: _Hosts) -> None:
    import uvicorn

    datasette = prepared(path)
    url = address(listening)
    typer.echo(f"The archive is at {url} (Ctrl-C stops).")
    if not listening.getsockname()[0].startswith(("127.", "::1")):
        typer.echo("Everybody who can reach this address can read all of it.", err=True)
    if open_browser:
        # The socket already listens, so a browser that comes early waits for its answer.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    server = uvicorn.Server(
        uvicorn.Config(hosts.guard(datasette.app()), log_level="warning", timeout_graceful_shutdown=3)
    )
    server.run(sockets=[listening])
