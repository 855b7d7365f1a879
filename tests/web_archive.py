"""A web archive on loopback: a real pywb with a collection of made-up pages, and a front that counts and delays.

The front passes requests on as they are, or speaks as the Wayback Machine does: lists as arrays in pages, the header
lines of the page under `x-archive-orig-`, redirects to its own addresses.
"""

from __future__ import annotations

import http.client
import http.server
import io
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

ROWS = 70  # of one page of the front's list


@dataclass(frozen=True)
class Kept:
    """A capture in the collection."""

    url: str
    at: str
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html; charset=utf-8"),)
    body: bytes = b""
    revisit_of: str = ""


def write_warc(path: Path, captures: list[Kept]) -> None:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        digests: dict[str, str] = {}
        for one in captures:
            http_headers = StatusAndHeaders(one.status, list(one.headers), protocol="HTTP/1.1")
            date = {"WARC-Date": one.at}
            if one.revisit_of:
                record = writer.create_revisit_record(
                    one.url, digests[one.revisit_of], one.url, one.revisit_of, http_headers, date
                )
            else:
                record = writer.create_warc_record(
                    one.url, "response", io.BytesIO(one.body), http_headers=http_headers, warc_headers_dict=date
                )
            writer.write_record(record)
            digests[one.at] = record.rec_headers.get_header("WARC-Payload-Digest")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def pywb(folder: Path, captures: list[Kept]) -> Iterator[int]:
    """The port of a pywb with one collection, `ours`."""
    wayback, manager = shutil.which("wayback"), shutil.which("wb-manager")
    if not wayback or not manager:
        pytest.skip("needs pywb's wayback and wb-manager on the PATH: pip install 'columnarchive[replay]'")
    write_warc(folder / "kept.warc.gz", captures)
    subprocess.run([manager, "init", "ours"], cwd=folder, check=True, capture_output=True)
    subprocess.run([manager, "add", "ours", "kept.warc.gz"], cwd=folder, check=True, capture_output=True)
    port = free_port()
    command = [wayback, "-b", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                except OSError:
                    time.sleep(0.1)
                else:
                    break
            yield port
        finally:
            server.terminate()


@dataclass
class Front:
    """A server before pywb. `on_replay` is called with the number of each replay; what it returns is sent instead."""

    port: int
    as_wayback: bool = False
    on_replay: Callable[[int], tuple[int, dict[str, str]] | None] = lambda _: None
    replays: Counter[str] = field(default_factory=Counter)
    lists: int = 0
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        front = self
        turn = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with turn:
                    front.at_once += 1
                    front.most_at_once = max(front.most_at_once, front.at_once)
                status, headers, body = front.answer(self.path)
                with turn:
                    front.at_once -= 1
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.base = f"{self.origin}/{'web' if self.as_wayback else 'ours'}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        if re.match(r"/(?:ours|web)/\d{14}id_/", path):
            self.replays[path.partition("/")[2].partition("/")[2]] += 1
            instead = self.on_replay(self.replays.total())
            if instead:
                return instead[0], list(instead[1].items()), b"<html>busy</html>"
            status, headers, body = self.passed_on(path.replace("/web/", "/ours/", 1))
            return (status, self.renamed(headers, path), body) if self.as_wayback else (status, headers, body)
        self.lists += "cdx" in path
        if self.as_wayback and path.startswith("/cdx/search/cdx?"):
            return 200, [("Content-Type", "application/json")], self.page_of_list(path)
        if self.as_wayback:
            return 404, [("Content-Type", "text/html")], b"<html>no such page</html>"
        return self.passed_on(path)

    def passed_on(self, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        hop = ("transfer-encoding", "content-length", "connection", "date", "server")
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in hop]
        return answer.status, headers, body

    def renamed(self, headers: list[tuple[str, str]], path: str) -> list[tuple[str, str]]:
        stamp = path.split("/")[2]
        found = []
        for name, value in headers:
            if name.lower() in ("memento-datetime", "content-type", "link") or name.lower().startswith("x-archive"):
                found.append((name, value))
            else:
                found.append((f"x-archive-orig-{name}", value))
            if name.lower() == "location":
                found.append((name, f"/web/{stamp}/{value}"))
        return found

    def page_of_list(self, path: str) -> bytes:
        terms = dict(parse_qsl(urlsplit(path).query))
        start = int(terms.pop("resumeKey", "0"))
        kept = {key: value for key, value in terms.items() if key in ("url", "matchType", "from", "to", "output")}
        _, _, lines = self.passed_on(f"/ours/cdx?{urlencode(kept)}")
        rows = []
        for entry in map(json.loads, lines.splitlines()):
            names = ("urlkey", "timestamp", "url", "mime", "status", "digest")
            rows.append([entry.get(name, "-") for name in names])
        if not rows:
            return b"[]\n"
        head = ["urlkey", "timestamp", "original", "mimetype", "statuscode", "digest"]
        end = start + min(ROWS, int(terms["limit"]))
        more = [[], [str(end)]] if end < len(rows) else []
        return ("[" + ",\n".join(map(json.dumps, [head, *rows[start:end], *more])) + "]\n").encode()
