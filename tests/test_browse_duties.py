"""What every page owes its server: nothing heavy loaded, nothing written, no work in the event loop, links under the
base address, and a bounded list of copies."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browser import sample
from datasette.app import Datasette
from reading import opened

from columnarchive import reader
from columnarchive.browse import views
from columnarchive.browse.views import ROUTES

HOME = "/-/archive"
GIVEN = f"url={quote(sample.NANBYO)}&name={sample.SITE}&q={quote('難病')}&id=1"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.copy(tmp_path_factory, "whatever.db")


def paths(archive: Path) -> list[str]:
    """An address for each of our routes that it answers with something."""
    with sqlite3.connect(archive) as conn:
        (key,) = conn.execute("select text_key from copies join passages on id = passage_id limit 1").fetchone()
    routes = [route.page for route in ROUTES if route.page != "picture"]  # this archive has none
    return [f"{HOME}/{page}?{GIVEN}&key={key}".replace("/?", "?") for page in routes]


def ask(archive: Path, wanted: list[str], **options: Any) -> list[Any]:
    async def run() -> list[Any]:
        datasette = Datasette([str(archive)], **options)
        await datasette.invoke_startup()
        return [await datasette.client.get(path) for path in wanted]

    return asyncio.run(run())


def test_a_server_that_showed_every_page_has_loaded_neither_a_crawler_nor_a_parser(archive: Path) -> None:
    # Datasette itself loads httpx, so our own rooms and what only they import are looked for.
    code = (
        "import asyncio, sys\n"
        "from datasette.app import Datasette\n"
        "async def run():\n"
        "    datasette = Datasette([sys.argv[1]])\n"
        "    await datasette.invoke_startup()\n"
        "    for path in sys.argv[2:]:\n"
        "        answer = await datasette.client.get(path)\n"
        "        assert answer.status_code in (200, 302), (path, answer.status_code)\n"
        "asyncio.run(run())\n"
        "bad = [n for n in sys.modules if n.startswith(('columnarchive.crawl', 'columnarchive.extract', "
        "'columnarchive.pipeline', 'selectolax', 'tenacity', 'h2.'))]\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code, str(archive), *paths(archive)], check=True)


def test_nothing_is_written(archive: Path) -> None:
    async def run() -> None:
        datasette = Datasette([str(archive)])
        await datasette.invoke_startup()
        for path in paths(archive):
            assert (await datasette.client.get(path)).status_code in (200, 302), path

        def tries(conn: sqlite3.Connection) -> int:
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                conn.execute("delete from sites")
            return conn.total_changes

        assert await datasette.get_database("whatever").execute_fn(tries) == 0

    before = hashlib.sha256(archive.read_bytes()).digest()
    asyncio.run(run())
    log = archive.with_name(f"{archive.name}-wal")
    assert hashlib.sha256(archive.read_bytes()).digest() == before
    assert not log.exists() or log.stat().st_size == 0


def test_reading_comparing_and_drawing_stay_out_of_the_event_loop(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, set[int]] = {"viewed": set(), "rendered": set()}

    def noted(name: str, function: Any) -> Any:
        def call(*given: Any) -> Any:
            threads[name].add(threading.get_ident())
            return function(*given)

        return call

    monkeypatch.setattr(views, "_viewed", noted("viewed", views._viewed))
    monkeypatch.setattr(views, "render", noted("rendered", views.render))
    ask(archive, paths(archive))
    for name, found in threads.items():
        assert found, name
        assert threading.get_ident() not in found, name  # where asyncio.run had its loop


def test_every_link_of_every_page_is_under_the_base_address(archive: Path) -> None:
    wanted = [*paths(archive), f"{HOME}/article?url=https://clinic.example/nothing/"]
    for path, response in zip(wanted, ask(archive, wanted, settings={"base_url": "/deep/er/"}), strict=True):
        if "location" in response.headers:
            assert response.headers["location"].startswith("/deep/er/"), path
        if not response.headers["content-type"].startswith(("text/html", "application/atom")) or "/replay?" in path:
            continue
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', response.text)
        assert all(link.startswith("/deep/er/") for link in links), path
        own = re.findall(r"[\"'>](?:https?://localhost)?(/[^\"'<]*?-/archive[^\"'<]*)", response.text)
        assert all(link.startswith("/deep/er/") for link in own), path
        assert links or own or "/evidence?" in path, path


def test_copies_are_listed_once_widest_first_and_by_pages(archive: Path, tmp_path: Path) -> None:
    many = tmp_path / "many.db"
    shutil.copy(archive, many)
    with sqlite3.connect(many) as conn:
        conn.execute("delete from copies")
        found = conn.execute("select id, article_id, text from passages where length(text) > 20 order by id").fetchall()
        by_article: dict[int, list[int]] = {}
        for passage, article, _ in found:
            by_article.setdefault(article, []).append(passage)
        columns = [own for own in by_article.values() if len(own) >= 3][:4]
        assert len(columns) == 4
        groups = [
            tuple(own[0] for own in columns),
            tuple(own[1] for own in columns[:3]),
            (columns[2][2], columns[0][2]),
        ]
        pairs = [(a, b, 0.9) for group in groups for a in group for b in group if a != b]
        conn.executemany("insert into copies values (?, ?, ?)", pairs)
    with opened(many) as conn:
        whole = reader.passage_copies.copied_passages(conn, "", 10, 0)
        assert [one.articles for one in whole] == [4, 3, 2]
        assert [reader.passage_copies.copied_passages(conn, "", 1, start)[:1] for start in (0, 1, 2, 3)] == [
            *[[one] for one in whole], [],
        ]  # fmt: skip
        assert reader.passage_copies.copied_passages(conn, sample.SITE, 10, 0) == whole
        assert reader.passage_copies.copied_passages(conn, "other.example", 10, 0) == []
        assert {len(reader.passage_copies.holders(conn, one.key)) for one in whole} == {4, 3, 2}
        plan = " ".join(
            row[3]
            for row in conn.execute(f"explain query plan {reader.passage_copies.WIDEST} order by others desc limit 9")
        )
    assert "passages" not in plan  # the pairs are counted without a look at what they say
    (shown,) = ask(many, [f"{HOME}/copies"])
    assert shown.text.count("/-/archive/passage?key=") == 3
