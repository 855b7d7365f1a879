"""The demo's clinic: a bundled fictional site in dated versions, served on loopback as if it were live."""

from __future__ import annotations

import email.utils
import hashlib
import http.server
import mimetypes
import threading
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from columnarchive.config import Settings, SiteSettings
from columnarchive.errors import ArchiveError
from columnarchive.times import Clock
from columnarchive.urls import host_of

START = "column/"


@dataclass(frozen=True, slots=True)
class DatedSite:
    """The clinic's site as it stood on a day: a folder of pages."""

    day: str
    folder: Path

    @property
    def clock(self) -> Clock:
        """Ten in the morning in Japan on that day, for a crawl that takes place then."""
        moment = datetime.combine(datetime.strptime(self.day, "%Y-%m-%d").date(), time(1), UTC)
        return lambda: moment


def dated_sites() -> tuple[DatedSite, ...]:
    """The versions of the bundled clinic in order of time: from the package, or from a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "fixtures" / "clinic", package.parents[1] / "fixtures" / "clinic"):
        if folder.is_dir():
            return tuple(DatedSite(one.name, one) for one in sorted(folder.iterdir()) if one.is_dir())
    raise ArchiveError("no_demo_pages")


def demo_settings(start: str) -> Settings:
    """Return the settings of the clinic's site, which has a name of its own."""
    return Settings((SiteSettings(host_of(start), (start,), title="あおぞら再生クリニック"),))


class Clinic:
    """A real server on a free port of 127.0.0.1 that shows one version of the site at a time.

    >>> with Clinic() as clinic:
    ...     clinic.show(dated_sites()[0])
    ...     print(clinic.url)
    """

    def __init__(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def show(self, site: DatedSite) -> None:
        """Answer with the pages of this version, and with the time of its day, from now on."""
        self._server.folder, self._server.clock = site.folder.resolve(), site.clock  # type: ignore[attr-defined]

    def __enter__(self) -> Clinic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Pages(http.server.BaseHTTPRequestHandler):
    """Files of a folder, with validators; a folder answers with its index.html."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        folder: Path = self.server.folder  # type: ignore[attr-defined]
        path = folder / urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        if folder not in path.resolve().parents or not path.is_file():
            page = "<!doctype html><html lang=ja><title>404</title><p>お探しのページは見つかりませんでした。"
            return self._answer(404, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
        body = path.read_bytes().replace(b"{{origin}}", f"http://{self.headers['Host']}".encode())
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        head = {
            "Content-Type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "ETag": tag,
            "Last-Modified": self.date_time_string(),
        }
        if self.headers.get("If-None-Match") == tag:
            return self._answer(304, b"", head)
        return self._answer(200, body, head)

    def _answer(self, status: int, body: bytes, head: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in head.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002
        """Return the time of the day that is played, for the header lines."""
        return email.utils.format_datetime(self.server.clock(), usegmt=True)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the crawl reports what it fetches."""
