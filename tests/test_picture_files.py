"""Pictures that are fetched: politely, bounded, compared by their pixels, and each exchange a change with both."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

import httpx
import picture_clinic
import pytest
from datasette.app import Datasette
from deriving import crawl
from fake_clock import FakeClock
from servers.site import Reply, Site
from warcio.archiveiterator import ArchiveIterator

from columnarchive.archive import Archive, ExportRequest
from columnarchive.config import SiteSettings
from columnarchive.pipeline.crawl import CrawlOptions, CrawlSummary, Target
from columnarchive.pipeline.worker_pool import WorkerPool
from columnarchive.reader import ChangeFilter, Reader
from columnarchive.store import hash_chain
from columnarchive.store.database import Database

pytest.importorskip("PIL")
FOUND = "select * from picture_files union all select *, '', '', '', '' from picture_pairs"
START = datetime(2026, 1, 10, 1, tzinfo=UTC)


def served(version: int) -> dict[str, str | bytes | Reply]:
    """The clinic's pages and pictures as they were in a version."""
    links = "".join(f'<li><a href="/column/{name}/">{name}のコラムの題名</a></li>' for name in picture_clinic.COLUMNS)
    pages: dict[str, str | bytes | Reply] = {
        f"/column/{name}/": picture_clinic.page(name, version) for name in picture_clinic.COLUMNS
    }
    pages["/column/"] = f"<meta charset=utf-8><title>コラム一覧</title><ul>{links}</ul>"
    for path, body in picture_clinic.files(version).items():
        pages[path] = Reply(200, body, {"Content-Type": "image/jpeg"})
        if path == "/img/laser.jpg":
            pages[f"{path}?ver={version}"] = pages[path]
    return pages


def visit(db: Database, site: Site, day: int, pool: WorkerPool, **settings: object) -> CrawlSummary:
    """Crawl the clinic on a day."""
    at = START + timedelta(days=day)
    start = (f"{site.url}/column/",)
    chosen = SiteSettings("gazou", start, **{"pictures": True, **settings})  # type: ignore[arg-type]
    options = CrawlOptions(allow_private=True, clock=lambda: at, timer=FakeClock().timer())
    return crawl(db, [Target(chosen, start)], options, pool=pool)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The clinic crawled in each of its versions, and its address."""
    path = tmp_path_factory.mktemp("files") / "archive.db"
    with Site(served(1)) as site, Database.open(path) as db, WorkerPool(1) as pool:
        for version in (1, 2, 3, 4):
            site.pages = served(version)
            visit(db, site, 30 * version, pool)
        assert not hash_chain.verify(db.conn)
        yield path, site.url


def changes(archive: tuple[Path, str], name: str) -> list[tuple[int, int, set[str]]]:
    """Return version, level and labels of each change of a column."""
    path, origin = archive
    with Reader.open(path) as reader:
        found = reader.changes(ChangeFilter(url=f"{origin}/column/{name}/"))[::-1]
    days = [(datetime.fromisoformat(one.seen_at) - START).days // 30 for one in found]
    return [(day, one.level, set(one.labels)) for day, one in zip(days, found, strict=True)]


# Only with the extra `ocr` is the price read that a picture shows.
_PRICE = (3, {"picture_changed", "price"}) if find_spec("rapidocr") else (2, {"picture_changed"})
# What the four versions show, and so what is to be seen: the version that shows it, level and labels. The banner, which
# every page has, is another picture in each version, and no change.
EXCHANGES: dict[str, list[tuple[int, int, set[str]]]] = {
    "hiza": [(3, *_PRICE)],  # another price under the same address
    "shimi": [(2, 0, {"cosmetic"}), (3, 2, {"picture_changed"})],  # only compressed anew; then another alt
    "haisha": [(2, 3, {"section_added", "sentence_added", "picture_added", "disclosure_added", "risk_added"})],
    "megane": [(4, 2, {"picture_removed", "sentence_removed"})],
    "kata": [],  # a picture of another host, which is not asked for
    "kubi": [],  # a gallery that a script loads
    "ashi": [],
    "hari": [(4, *_PRICE)],  # one digit and compressed anew in one step
}


@pytest.mark.parametrize("name", picture_clinic.COLUMNS)
def test_each_exchange_is_the_change_that_it_is(archive: tuple[Path, str], name: str) -> None:
    assert changes(archive, name) == EXCHANGES[name]


def test_a_picture_is_listed_with_its_digest_and_stored_once(archive: tuple[Path, str]) -> None:
    path, origin = archive
    with Reader.open(path) as reader:
        pictures = reader.pictures(reader.article(f"{origin}/column/hiza/"))
        assert [(one.stands, len(one.sha256)) for one in pictures] == [(True, 64), (False, 64)]
        assert reader.body(pictures[0].sha256) == picture_clinic.files(4)["/img/price.png"]
        assert len(reader.captures(pictures[0].url)) == 4
        bodies = reader.conn.execute("select count(*) from bodies where sha256 = ?", (pictures[0].sha256,))
        assert bodies.fetchone() == (1,)
        assert [one.sha256 for one in reader.pictures(reader.article(f"{origin}/column/kata/"))] == [""], "hot-linked"


def test_withdrawing_a_column_takes_the_pictures_that_no_other_has(tmp_path: Path) -> None:
    pages = served(1)
    shared = '<p><img src="/img/fee.jpg" alt="注射の料金"></p></div></article>'
    pages["/column/hiza/"] = picture_clinic.page("hiza", 1).replace("</div></article>", shared)
    path = tmp_path / "archive.db"
    with Site(pages) as site, WorkerPool(1) as pool:
        with Database.open(path) as db:
            visit(db, site, 0, pool)
        with Archive.open(path) as archive:
            archive.withdraw(f"{site.url}/column/hiza/", "on request")
        site.asked.clear()
        with Database.open(path) as db:
            visit(db, site, 40, pool)
            stored = {sha256 for (sha256,) in db.conn.execute("select sha256 from bodies")}
            assert not hash_chain.verify(db.conn)
    assert hashlib.sha256(picture_clinic.files(1)["/img/price.png"]).hexdigest() not in stored
    assert hashlib.sha256(picture_clinic.files(1)["/img/fee.jpg"]).hexdigest() in stored
    assert "/img/price.png" not in site.paths()


def test_without_the_setting_no_picture_is_asked_for(tmp_path: Path) -> None:
    with Site(served(1)) as site, Database.open(tmp_path / "a.db") as db, WorkerPool(1) as pool:
        summary = visit(db, site, 0, pool, pictures=False)
    assert summary.pictures == {}
    assert not [path for path in site.paths() if path.startswith("/img")]


def test_robots_txt_and_hosts_bound_what_is_fetched(tmp_path: Path) -> None:
    pages = served(1)
    pages["/robots.txt"] = Reply(200, b"User-agent: *\nDisallow: /img/room", {"Content-Type": "text/plain"})
    with Site(pages) as site, Database.open(tmp_path / "a.db") as db, WorkerPool(1) as pool:
        summary = visit(db, site, 0, pool)
    assert summary.pictures == {"ok": 6, "refused_by_robots": 3}
    assert not [path for path in site.paths() if path.startswith("/img/room")]


@pytest.fixture(scope="module")
def page(archive: tuple[Path, str]) -> Callable[..., httpx.Response]:
    """Ask the archive's pages for one."""
    path, origin = archive
    datasette = Datasette([str(path)], metadata={})

    def get(name: str, **query: str) -> httpx.Response:
        if "url" in query:
            query["url"] = origin + query["url"]
        address = f"/-/archive/{name}?{urlencode({'lang': 'en', **query})}"
        return asyncio.run(datasette.client.get(address))

    return get


def test_the_pages_show_both_pictures_of_a_change(page: Callable[..., httpx.Response]) -> None:
    before, after = (hashlib.sha256(picture_clinic.files(n)["/img/price.png"]).hexdigest() for n in (1, 4))
    for name in ("article", "diff"):
        text = page(name, url="/column/hiza/").text
        assert all(f"picture?sha256={one}" in text for one in (before, after)), name
    shown = page("picture", sha256=before)
    assert shown.headers["content-type"] == "image/png"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert shown.content == picture_clinic.files(1)["/img/price.png"]
    assert page("picture", sha256=hashlib.sha256(b"x").hexdigest()).status_code == 404


def test_the_evidence_sheet_holds_both_pictures(page: Callable[..., httpx.Response]) -> None:
    sheet = page("evidence", url="/column/hiza/").text
    for version in (1, 4):
        assert base64.b64encode(picture_clinic.files(version)["/img/price.png"]).decode() in sheet


def test_a_replayed_page_shows_its_pictures_and_loads_nothing(page: Callable[..., httpx.Response]) -> None:
    replayed = page("replay", url="/column/kubi/")
    assert replayed.text.count("data:image/jpeg;base64,") >= 3, "lazy ones as well"
    assert "img-src data:" in replayed.headers["content-security-policy"]
    old = page("replay", url="/column/hiza/", at="2026-02-20T00:00:00Z").text
    assert base64.b64encode(picture_clinic.files(1)["/img/price.png"]).decode() in old


def test_text_in_pictures_is_found_and_kept(archive: tuple[Path, str]) -> None:
    pytest.importorskip("rapidocr")
    path, origin = archive
    with Reader.open(path) as reader:
        (hit,) = reader.search("27,500円").hits
        assert (hit.url, hit.removed) == (f"{origin}/column/hiza/", False)
        assert hit.in_picture == f"{origin}/img/price.png"
        assert [one.removed for one in reader.search("22,000円 in:picture").hits] == [True]
        assert reader.count("27,500円") == 1
        assert "27,500円" in reader.pictures(reader.article(f"{origin}/column/hiza/"))[0].text
        (change,) = reader.changes(ChangeFilter(url=f"{origin}/column/hari/"))
    assert (set(change.labels), change.level) == ({"picture_changed", "price"}, 3)


def test_exports_hold_the_pictures_and_a_rebuild_keeps_what_was_found(
    archive: tuple[Path, str], tmp_path: Path
) -> None:
    path = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(archive[0])) as source, contextlib.closing(sqlite3.connect(path)) as target:
        source.backup(target)
    price = picture_clinic.files(4)["/img/price.png"]
    with Archive.open(path) as copy:
        known = copy.conn.execute(FOUND).fetchall()
        for name in ("warc", "wacz"):
            copy.export(ExportRequest(name, tmp_path / f"out.{name}"))
        copy.rebuild()
        assert copy.conn.execute(FOUND).fetchall() == known
    assert not [one for one in Archive.check(path, full=True) if one.mend]
    with (tmp_path / "out.warc").open("rb") as file:
        bodies = [record.content_stream().read() for record in ArchiveIterator(file) if record.rec_type == "response"]
    assert price in bodies
    with zipfile.ZipFile(tmp_path / "out.wacz") as packed:
        listed = packed.read("pages/pages.jsonl").decode()
    assert "price.png" not in listed
    assert "/column/hiza/" in listed


def test_requisites_make_a_page_look_as_it_looked(tmp_path: Path) -> None:
    pages = served(1)
    link = '<link rel="stylesheet" href="/css/site.css"></head>'
    pages["/column/hiza/"] = picture_clinic.page("hiza", 1).replace("</head>", link)
    pages["/css/site.css"] = Reply(200, b"@import 'more.css'; h1{color:#135}", {"Content-Type": "text/css"})
    pages["/css/more.css"] = Reply(200, b"body{background:url(../img/paper.png)}", {"Content-Type": "text/css"})
    pages["/img/paper.png"] = Reply(200, picture_clinic.files(1)["/img/price.png"], {"Content-Type": "image/png"})
    path = tmp_path / "archive.db"
    with Site(pages) as site, WorkerPool(1) as pool, Database.open(path) as db:
        visit(db, site, 0, pool, pictures=False, requisites=True)
        assert {"/css/site.css", "/css/more.css", "/img/paper.png"} <= set(site.paths())
        assert not hash_chain.verify(db.conn)
    datasette = Datasette([str(path)], metadata={})
    address = f"/-/archive/replay?{urlencode({'url': site.url + '/column/hiza/'})}"
    replayed = asyncio.run(datasette.client.get(address))
    sheet = base64.b64decode(re.search(r"data:text/css;base64,([\w+/=]+)", replayed.text)[1])  # type: ignore[index]
    more = base64.b64decode(re.search(rb"@import url\(.data:text/css;base64,([\w+/=]+)", sheet)[1])  # type: ignore[index]
    assert b"h1{color:#135}" in sheet
    assert b'url("data:image/png;base64,' in more
    assert "style-src 'unsafe-inline' data:" in replayed.headers["content-security-policy"]
