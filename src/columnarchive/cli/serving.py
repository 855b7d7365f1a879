"""`archive serve`: Datasette with our pages, on this machine unless told otherwise."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import socket
import threading
import webbrowser
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


def serve(path: Path, host: str, port: int, open_browser: bool) -> None:
    """Serve the archive at `path` until Ctrl-C; UsageError when the address cannot be had."""
    with reader.opened(path) as conn:
        if not reader.shown.is_archive(conn):
            raise StoreError(f"{path} is an SQLite database, but not an archive.")
    listening = _listen(host, port)
    with contextlib.closing(listening):
        _run(path, listening, open_browser)


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
    except (OSError, OverflowError) as error:
        raise UsageError(f"{host}:{port} is no address to listen on; try --host 127.0.0.1 --port 8001.") from error
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


def _run(path: Path, listening: socket.socket, open_browser: bool) -> None:
    import uvicorn

    datasette = prepared(path)
    url = address(listening)
    typer.echo(f"The archive is at {url} (Ctrl-C stops).")
    if not listening.getsockname()[0].startswith(("127.", "::1")):
        typer.echo("Everybody who can reach this address can read all of it.", err=True)
    if open_browser:
        # The socket already listens, so a browser that comes early waits for its answer.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    server = uvicorn.Server(uvicorn.Config(datasette.app(), log_level="warning", timeout_graceful_shutdown=3))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    typer.echo("Stopped.")
