"""Whose captures an archive shows, whether a third party's agree with its own, and asking a web archive for more."""

from __future__ import annotations

import asyncio
import gzip
import html
import http.server
import json
import re
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import clinic_archive
import evidence
import pytest
from datasette.app import Datasette
from fake_clock import FakeClock
from typer.testing import CliRunner

from columnarchive import config
from columnarchive.archive import Archive, CrawlOptions, ExportRequest
from columnarchive.cli.app import app
from columnarchive.config import WitnessSettings
from columnarchive.errors import UsageError
from columnarchive.pipeline import notifications
from columnarchive.pipeline.web_archives import SAVE_DELAY, call_witness
from columnarchive.store import captures, changes, hash_chain, sites
from columnarchive.store.changes import Interest
from columnarchive.store.database import Database

URL, OWN = "https://clinic.example/column/1/", "https://clinic.example/column/2/"
THIRD = "wayback:web.archive.org"


def add(db: Database, url: str, at: str, body: bytes, source: str) -> None:
    with db.transaction() as conn:
        page = sites.ensure_page(db, sites.ensure_site(db, "clinic.example", ""), url)
        new = captures.add(db, page, evidence.capture(url, at, body), source)
        hash_chain.seal(conn, at, "import", [new or 0])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two columns: one whose first two revisions a web archive captured, one of our own."""
    path = tmp_path_factory.mktemp("sources") / "archive.db"
    with Database.open(path) as db:
        for year, version, source in ((2019, 0, THIRD), (2021, 1, THIRD), (2026, 2, "crawl")):
            add(db, URL, f"{year}-05-01T00:00:00Z", evidence.page(1, version), source)
            add(db, OWN, f"{year}-05-01T00:00:00Z", evidence.page(2, version), "crawl")
        clinic_archive.derive_here(db)
    return path


def pages(path: Path, *wanted: str) -> list[str]:
    async def run() -> list[str]:
        datasette = Datasette([str(path)])
        await datasette.invoke_startup()
        return [(await datasette.client.get(f"/-/archive/{one}")).text for one in wanted]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("lang", "name"), [("en", "web.archive.org, a web archive"), ("ja", "ウェブアーカイブ web.archive.org")]
)
def test_pages_name_the_third_party_that_captured(path: Path, lang: str, name: str) -> None:
    at = "&at=2019-05-01T00:00:00Z"
    found = pages(path, *(f"{page}?lang={lang}&url={quote(URL)}" for page in ("article", "captures", "diff")))
    assert [one.count(name) for one in found] == [2, 2, 1]
    (capture,) = pages(path, f"capture?lang={lang}&url={quote(URL)}{at}")
    assert name in capture
    for page in pages(path, *(f"{page}?lang={lang}&url={quote(OWN)}" for page in ("article", "captures", "diff"))):
        assert "web.archive.org" not in page


def test_sheets_and_exports_name_it(path: Path, tmp_path: Path) -> None:
    with Archive.open(path, write=False) as archive:
        sheet = archive.write_evidence(URL, "1", "3", tmp_path).sheet.read_text()
        archive.export(ExportRequest("jsonl", tmp_path / "r.jsonl", table="revisions"))
        archive.export(ExportRequest("warc", tmp_path / "all.warc.gz"))
    assert sheet.count("web.archive.org, a web archive") == 1
    assert sheet.count("このアーカイブ · This archive") == 1
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows if row["url"] == URL] == [THIRD, THIRD, "crawl"]
    assert gzip.decompress((tmp_path / "all.warc.gz").read_bytes()).count(THIRD.encode()) == 2


def test_commands_name_it(path: Path) -> None:
    def said(*arguments: str) -> str:
        return CliRunner().invoke(app, ["--db", str(path), *arguments]).output

    assert said("history", URL).count("captured by web.archive.org") == 2
    assert said("captures", URL).count("captured by web.archive.org") == 2
    assert [json.loads(line)["source"] for line in said("history", URL, "--json").splitlines()] == [
        THIRD,
        THIRD,
        "crawl",
    ]
    assert "captured by" not in said("history", OWN) + said("captures", OWN)


def at(hour: int, day: int = 1) -> str:
    return f"2026-05-{day:02}T{hour:02}:00:00Z"


WITNESSED = {
    "agrees": ([(at(1), 0, "crawl"), (at(3), 0, THIRD), (at(5), 0, "crawl")], ["agrees"]),
    "differs between two of ours": ([(at(1), 0, "crawl"), (at(3), 1, THIRD), (at(5), 0, "crawl")], ["differs"]),
    "differs within the hour": ([(at(1), 0, "crawl"), ("2026-05-01T01:20:00Z", 1, THIRD)], ["differs"]),
    "seen by the third party alone": ([(at(1), 0, "crawl"), (at(1, 9), 1, THIRD), (at(1, 20), 2, "crawl")], ["alone"]),
    "before our time": ([(at(1), 0, THIRD), (at(1, 9), 1, "crawl")], ["alone"]),
    "as it was before the change": ([(at(1), 0, "crawl"), (at(1, 9), 0, THIRD), (at(1, 20), 2, "crawl")], ["agrees"]),
    "as it was after the change": ([(at(1), 0, "crawl"), (at(1, 9), 2, THIRD), (at(1, 20), 2, "crawl")], ["agrees"]),
    "two third parties": (
        [(at(1), 0, "crawl"), (at(2), 1, THIRD), (at(3), 0, "wayback:b.example"), (at(5), 0, "crawl")],
        ["differs", "agrees"],
    ),
    "nobody else": ([(at(1), 0, "crawl")], []),
}


@pytest.mark.parametrize("name", WITNESSED)
def test_a_third_partys_capture_is_judged_beside_ours_of_its_time(tmp_path: Path, name: str) -> None:
    seen, verdicts = WITNESSED[name]
    with Database.open(tmp_path / "a.db") as db:
        for when, version, source in seen:
            add(db, URL, when, evidence.page(1, version), source)
            add(db, OWN, when, evidence.page(2, 0), "crawl")
        clinic_archive.derive_here(db)
    with Archive.open(tmp_path / "a.db", write=False) as archive:
        assert [one.verdict for one in archive.witnesses(archive.article(URL))] == verdicts
    done = CliRunner().invoke(app, ["--db", str(tmp_path / "a.db"), "witness", URL])
    assert done.exit_code == 0, done.output
    assert ("No capture of it by a third party" in done.output) == (not verdicts)
    assert done.output.count(": differs, beside ours of") == verdicts.count("differs")
    assert done.output.count("+") >= verdicts.count("differs"), "the difference is shown"
    (page,) = pages(tmp_path / "a.db", f"article?lang=en&url={quote(URL)}")
    assert page.count("another text than ours") == verdicts.count("differs")
    assert ("with ours of the same time" in page) == ("agrees" in verdicts)
    if "differs" in verdicts:
        link = re.search(r'href="([^"]+)">[^<]+another text than ours', page)
        assert link
        (diff,) = pages(tmp_path / "a.db", html.unescape(link[1]).partition("/-/archive/")[2])
        assert "web.archive.org" in diff


class SavePageNow:
    """A server on loopback that records what it is asked to capture."""

    def __init__(self, refuse_from: int = 1000) -> None:
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers["User-Agent"]))
                self.send_response(429 if len(outer.asked) >= refuse_from else 302)
                self.send_header("Location", "/web/20260501000000/x")
                self.send_header("Retry-After", "3600")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.settings = WitnessSettings(True, f"http://127.0.0.1:{self.server.server_port}/save/")


def changed(path: Path, columns: int) -> Database:
    """An archive in which a risk was removed from some columns today, and a harmless sentence added to another."""
    db = Database.open(path)
    risk = "<p>この治療には腫れや出血などの副作用のおそれがあります。費用は自由診療で330,000円です。</p>"
    for number in range(columns + 1):
        url = f"https://clinic.example/column/{number}/"
        body = evidence.page(number).decode().replace("</article>", f"{risk}</article>")
        later = body.replace(risk, "" if number else f"{risk}<p>駅から歩いて五分のところにあります。</p>")
        add(db, url, at(1), body.encode(), "crawl")
        add(db, url, at(3), later.encode(), "crawl")
    clinic_archive.derive_here(db)
    return db


def options(*, day: int = 1, delay: float | None = 0.0) -> CrawlOptions:
    now = datetime(2026, 5, day, 4, tzinfo=UTC)
    return CrawlOptions(allow_private=True, delay=delay, contact="me@example.org", clock=lambda: now)


def test_a_web_archive_is_asked_once_for_each_weighty_change(tmp_path: Path) -> None:
    server = SavePageNow()
    with changed(tmp_path / "a.db", 3) as db:
        done = call_witness(db, server.settings, options())
        wanted = [f"https://clinic.example/column/{number}/" for number in (1, 2, 3)]
        assert list(done.saved) == wanted
        assert [path for path, _ in server.asked] == [f"/save/{url}" for url in wanted]
        assert all("me@example.org" in agent for _, agent in server.asked)
        assert "3 changed pages" in done.sentence("en")
        assert call_witness(db, server.settings, options()).saved == ()
        assert call_witness(db, WitnessSettings(url=server.settings.url), options()).saved == ()
    assert len(server.asked) == 3


def test_a_refusal_ends_it_and_the_rest_follows_later(tmp_path: Path) -> None:
    server = SavePageNow(refuse_from=3)
    with changed(tmp_path / "a.db", 4) as db:
        done = call_witness(db, server.settings, options())
        assert (len(done.saved), done.left) == (2, 2)
        assert "429" in done.error
        again = SavePageNow()
        assert len(call_witness(db, again.settings, options()).saved) == 2
    with changed(tmp_path / "old.db", 1) as db:
        assert call_witness(db, again.settings, options(day=9)).saved == (), "too late"


def test_requests_are_spaced_out(tmp_path: Path) -> None:
    server, clock = SavePageNow(), FakeClock()
    with changed(tmp_path / "a.db", 3) as db:
        call_witness(db, server.settings, replace(options(delay=None), timer=clock.timer()))
    assert clock.elapsed >= 2 * SAVE_DELAY


@pytest.mark.parametrize("text", ["save = 3", "safe = true", 'url = "nowhere"'])
def test_settings(tmp_path: Path, text: str) -> None:
    assert config.parse("[witness]\nsave = true\n").witness == WitnessSettings(save=True)
    assert not config.parse("").witness.save
    with pytest.raises(UsageError, match=r"sites\.toml"):
        config.parse(f"[witness]\n{text}\n", tmp_path / "sites.toml")


def test_a_zip_with_third_party_captures_verifies(path: Path, tmp_path: Path) -> None:
    with Archive.open(path, write=False) as archive:
        archive.write_evidence_zip(URL, tmp_path / "out.zip", "1", "3")
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        packed.extractall(tmp_path / "out")
    done = subprocess.run(
        [sys.executable, "verify.py"], cwd=tmp_path / "out", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "web.archive.org" in (tmp_path / "out" / "evidence.html").read_text()


def test_history_is_no_news_to_webhooks_that_follow_already(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        for when, version in ((at(1, 10), 3), (at(1, 12), 4)):
            add(db, URL, when, evidence.page(1, version), "crawl")
        clinic_archive.derive_here(db)
        with db.transaction() as conn:
            changes.mark_sent(conn, "webhook a", changes.pending(conn, "webhook a", Interest()), at(1, 12))
        with notifications.as_history(db, "clinic.example"):
            for year, version in ((2019, 0), (2021, 1)):
                add(db, URL, f"{year}-05-01T00:00:00Z", evidence.page(1, version), THIRD)
            clinic_archive.derive_here(db)
        assert db.conn.execute("select count(*) from changes").fetchone() == (3,)
        assert changes.pending(db.conn, "webhook a", Interest()) == []
        assert len(changes.pending(db.conn, notifications.CHANGES, Interest())) == 3
        add(db, URL, at(1, 20), evidence.page(1, 5), "crawl")
        clinic_archive.derive_here(db)
        assert [row.seen_at for row in changes.pending(db.conn, "webhook a", Interest())] == [at(1, 20)]
