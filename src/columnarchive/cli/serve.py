"""The command `serve`: Datasette with our pages, by default for this machine only."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive import locale
from columnarchive.cli.output import DEFAULT_DATABASE, Db, say, warn
from columnarchive.errors import StoreError, UsageError

if TYPE_CHECKING:
    import socket
    from ipaddress import IPv4Address, IPv6Address

SETTINGS = {
    "suggest_facets": False,  # a large archive would spend half a second a page on suggestions
    "sql_time_limit_ms": 3000,
    "num_sql_threads": 4,
}


def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535)] = 8001,
    open_browser: Annotated[bool, typer.Option("--open")] = False,
    allow_host: Annotated[list[str] | None, typer.Option()] = None,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Open the archive in the browser: Datasette with pages for reading."""
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        if not archive.is_archive:
            raise StoreError("not_ours", path=db)
    hosts = _Hosts(host, allow_host or ())
    with contextlib.closing(_listen(host, port)) as listening:
        _run(db, listening, hosts, open_browser=open_browser)


def address(listening: socket.socket) -> str:
    """Return the address for a browser on this machine."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _listen(host: str, port: int) -> socket.socket:
    """Return a bound socket, before anything else starts: a port in use is a sentence and not a traceback."""
    import socket

    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError("not_listenable", host=host[:100], port=port) from error
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # on Windows it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError("port_in_use", port=port, other=port + 1) from error
        raise UsageError("cannot_listen", host=host, port=port, reason=error.strerror) from error
    return listening


def prepared(path: Path, *, review: bool = True) -> Any:
    """Return a Datasette that serves the archive at `path` with our settings; changes can be reviewed if `review`."""
    from datasette.app import Datasette

    return Datasette(
        [str(path)], settings=SETTINGS, metadata={"plugins": {"columnarchive": {"front": True, "review": review}}}
    )


class _Hosts:
    """The host names that a server answers for.

    Another name in a request means that a web page elsewhere had its own name resolve to this machine, to read the
    archive with the visitor's browser (DNS rebinding). Addresses in digits cannot be used for that.
    """

    def __init__(self, host: str, names: Sequence[str]) -> None:
        import socket

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


def _address(host: str) -> IPv4Address | IPv6Address | None:
    import ipaddress

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_loopback


def _run(path: Path, listening: socket.socket, hosts: _Hosts, *, open_browser: bool) -> None:
    import threading
    import webbrowser

    import uvicorn

    is_local = listening.getsockname()[0].startswith(("127.", "::1"))
    datasette = prepared(path, review=is_local)
    url = address(listening)
    say("serving", url=url)
    if not is_local:
        warn(locale.Message("cli.serving_everyone"))
    if open_browser:
        # The socket already listens, so a browser that connects before the server is ready waits.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    server = uvicorn.Server(
        uvicorn.Config(hosts.guard(datasette.app()), log_level="warning", ws="none", timeout_graceful_shutdown=3)
    )
    server.run(sockets=[listening])
