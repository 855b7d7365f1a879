"""A small site from a dict of pages, on loopback: validators, redirects, errors, and what was asked when."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Reply:
    """An answer that is not simply a page."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """Serves `pages` (path to HTML, bytes or Reply); `{origin}` in a text becomes the site's own address.

    >>> with Site({"/column/": "<a href=1.html>…"}) as site:
    ...     site.url + "/column/"
    """

    def __init__(self, pages: dict[str, str | bytes | Reply], address: str = "127.0.0.1") -> None:
        self.pages = pages
        self.asked: list[tuple[str, float, dict[str, str]]] = []
        kind = _SixServer if ":" in address else http.server.ThreadingHTTPServer
        self._server = kind((address, 0), _Handler)
        self._server.daemon_threads = True
        self._server.site = self  # type: ignore[attr-defined]
        host = f"[{address}]" if ":" in address else address
        self.url = f"http://{host}:{self._server.server_port}"

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for path, _, _ in self.asked]

    def times(self) -> list[float]:
        """When each request came."""
        return [at for _, at, _ in self.asked]

    def __enter__(self) -> Site:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _SixServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.asked.append((self.path, time.monotonic(), dict(self.headers.items())))
        found = site.pages.get(self.path)
        if found is None:
            found = Reply(404, "<title>404</title>見つかりません".encode())
        if not isinstance(found, Reply):
            body = found if isinstance(found, bytes) else found.replace("{origin}", site.url).encode()
            kind = "text/html; charset=utf-8" if not self.path.endswith((".xml", ".txt", ".json")) else "text/plain"
            tag = f'"{hashlib.sha256(body).hexdigest()[:12]}"'
            if self.headers.get("If-None-Match") == tag:
                return self._send(304, b"", {"ETag": tag})
            return self._send(200, body, {"ETag": tag, "Content-Type": kind})
        headers = {name: value.replace("{origin}", site.url) for name, value in found.headers.items()}
        return self._send(found.status, found.body, {"Content-Type": "text/html; charset=utf-8", **headers})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
