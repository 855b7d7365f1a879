"""What we export replays in pywb, on loopback: pages, redirects, and visits that found nothing new."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from evidence import archive, at, capture, fill, page

from columnarchive.pipeline import export
from columnarchive.records import Hop, Wire

pytestmark = [pytest.mark.replay, pytest.mark.slow]
URL = "http://clinic.example/column/0/"
OLD = "http://clinic.example/old/"
ASKED = (("User-Agent", "columnarchive"),)
HEADERS = (
    ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"), ("Content-Length", "12"),
    ("Content-Type", "text/html; charset=utf-8"),
)  # fmt: skip


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a pywb that replays an export of ours."""
    wayback, manager = shutil.which("wayback"), shutil.which("wb-manager")
    if not wayback or not manager:
        pytest.skip("needs pywb's wayback and wb-manager on the PATH: pip install 'columnarchive[replay]'")
    folder = tmp_path_factory.mktemp("replay")
    redirect = Wire(ASKED, (Hop(OLD, 301, (("Location", URL),)),))
    with archive(folder, pages=2, versions=2) as db:
        fill(
            db,
            [
                capture(URL, at(1), page(0, 1), headers=HEADERS, wire=Wire(ASKED)),
                capture(URL, at(2), page(0, 1), headers=HEADERS),
                capture(URL, at(3), page(0, 2), headers=HEADERS),
                capture(URL, at(4), None, 304, "unchanged", headers=(("ETag", '"a"'),)),
                capture(OLD, at(5), page(0, 3), final_url=URL, wire=redirect),
                capture("http://clinic.example/gone/", at(6), page(5), 410, "gone"),
            ],
        )
        export.export_warc(db, folder / "out.warc.gz", None, lambda _: None)
    subprocess.run([manager, "init", "ours"], cwd=folder, check=True, capture_output=True)
    subprocess.run([manager, "add", "ours", "out.warc.gz"], cwd=folder, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [wayback, "-b", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}/ours"
        finally:
            server.terminate()


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("pywb did not start")


def fetch(replay: str, when: str, url: str) -> tuple[int, bytes, str]:
    """Status, body as archived and where it leads; `id_` asks pywb for a page without its own additions."""
    parts = urlsplit(replay)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.request("GET", f"{parts.path}/{''.join(filter(str.isdigit, when))}id_/{url}")
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.getheader("Location", "")


@pytest.mark.parametrize(("day", "version"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_each_visit_shows_its_body(replay: str, day: int, version: int) -> None:
    assert fetch(replay, at(day), URL)[:2] == (200, page(0, version))


def test_a_redirect_leads_on(replay: str) -> None:
    assert fetch(replay, at(5), OLD) == (301, b"", URL)
    assert fetch(replay, at(5), URL)[:2] == (200, page(0, 3))


def test_a_page_that_is_gone_is_gone(replay: str) -> None:
    assert fetch(replay, at(6), "http://clinic.example/gone/")[:2] == (410, page(5))
