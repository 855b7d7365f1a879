"""An archive of the fictional clinic built from its golden articles, through the real store and derivation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import deriving

from columnarchive.history.article_identity import versions
from columnarchive.history.revisions import assemble
from columnarchive.records import (
    Article,
    Block,
    Capture,
    DerivedSite,
    PageReadings,
    PageVersions,
    PageVisits,
    Reading,
    SiteTemplate,
)
from columnarchive.store import captures, hash_chain, site_writer, sites
from columnarchive.store.database import Database

if TYPE_CHECKING:
    import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SITE = "clinic.example"
BASE = f"https://{SITE}"
DAYS = ("2025-10-20", "2026-01-15", "2026-04-10")
NANBYO = f"{BASE}/column/nanbyo-kansaibou/"
GONE = f"{BASE}/column/was-here/"
HOSTILE = f"{BASE}/column/%3Cscript%3Ealert(1)%3C/script%3E/"
WITHDRAWN = f"{BASE}/column/withdrawn/"
SCRIPT = "<script>alert('x')</script>"
TEMPLATE = SiteTemplate(18, f"{DAYS[-1]}T01:00:00Z", 7, 64, (("ご予約・お問い合わせ", 18), (SCRIPT, 17)))


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as it was served on a day, and the article it holds, if any."""

    day: str
    url: str
    body: bytes
    article: Article | None
    status: int = 200


def clinic() -> list[Seen]:
    """All columns of the fictional clinic on all its days."""
    found = []
    for day in DAYS:
        for file in sorted((FIXTURES / "golden" / "articles" / day).glob("*.json")):
            told = json.loads(file.read_text(encoding="utf-8"))
            page = FIXTURES / "clinic" / day / told["path"].strip("/") / "index.html"
            found.append(Seen(day, BASE + told["path"], page.read_bytes(), _article(told)))
    return found


def hostile(tracker: str = "http://127.0.0.1:9") -> list[Seen]:
    """A page that tries to run scripts, to load things and to leave its frame, and whose words look like markup."""
    body = f"""<!doctype html><html><head><title>{SCRIPT}</title>
      <meta http-equiv="refresh" content="0;url={tracker}/refresh"><base href="{tracker}/" target="_top">
      <link rel="stylesheet" href="{tracker}/style.css"><style>@import url("{tracker}/import.css");
      body {{ background: url("{tracker}/background.png") }}</style></head>
      <body onload="top.location='{tracker}/onload'">
      <script>top.document.title='taken';fetch('{tracker}/fetch')</script>
      <img src="{tracker}/pixel.gif" onerror="top.document.title='taken'"><iframe src="{tracker}/frame"></iframe>
      <form action="{tracker}/form" target="_top"><button autofocus>送信</button></form>
      <a href="{tracker}/link" target="_top">外へ</a><video src="{tracker}/video" autoplay></video>
      <object data="{tracker}/object"></object><p>再生医療の説明</p></body></html>""".encode()
    said = (Block("heading", SCRIPT, 2), Block("paragraph", f"効果は{SCRIPT}です。価格は98,000円。"))
    title = f"{SCRIPT}の治療"
    before = Article(HOSTILE, title, said, "2025-10-18", author="<b>著者</b>", supervisor=SCRIPT, language="ja")
    after = replace(
        before, blocks=(before.blocks[0], Block("paragraph", f"効果は{SCRIPT}です。価格は{SCRIPT}128,000円。"))
    )
    return [
        Seen(DAYS[0], HOSTILE, body, before),
        Seen(DAYS[1], HOSTILE, body.replace(b"98,000", b"128,000") + b"<!-- 2 -->", after),
    ]


def gone() -> list[Seen]:
    """An article that was there and was taken away."""
    article = Article(GONE, "なくなったコラム", (Block("paragraph", "免疫について。難病の話。"),), language="ja")
    return [
        Seen(DAYS[0], GONE, "<p>免疫について。難病の話。</p>".encode(), article),
        Seen(DAYS[1], GONE, b"", None, 410),
        Seen(DAYS[2], GONE, b"", None, 410),
    ]


def build(path: Path, pages: Iterable[Seen] = (), *, site: str = SITE) -> Path:
    """An archive with these pages, the clinic's and the odd ones by default."""
    everything = list(pages) or [*clinic(), *gone(), *hostile()]
    with Database.open(path) as db:
        with db.transaction():
            site_id = sites.ensure_site(db, site, f"{DAYS[0]}T01:00:00Z", f"{BASE}/column/", "しらかばクリニック")
        for day in DAYS:
            with db.transaction():
                added = [_add(db, site_id, seen) for seen in everything if seen.day == day]
                hash_chain.seal(db.conn, f"{day}T01:00:30Z", "crawl", [one for one in added if one is not None])
        with db.transaction():
            db.conn.execute("update sites set last_crawl_at = ?", (f"{DAYS[-1]}T01:00:30Z",))
            _derive(db, site_id, site, everything)
            _copies(db)
    return path


def copy(factory: pytest.TempPathFactory, name: str = "a.db") -> Path:
    """A copy to write to of the archive with all these pages and a tombstone, which is built once in a run."""
    made = deriving.made_once(factory, "sample", lambda path: withdraw(build(path)))
    return Path(shutil.copyfile(made, factory.mktemp("sample") / name))


def withdraw(path: Path, url: str = WITHDRAWN, reason: str = "本人の求めによる") -> None:
    """Leave the tombstone of a page that was withdrawn."""
    with Database.open(path) as db, db.transaction():
        page = sites.ensure_page(db, 1, url)
        digests = json.dumps(
            [{"capture": 1, "fetched_at": f"{DAYS[0]}T01:00:00Z", "body_sha256": "ab" * 32, "digest": ""}]
        )
        row = (url, f"{DAYS[2]}T02:00:00Z", "", reason, digests)
        db.conn.execute("insert into withdrawals(url, at, captured_at, reason, digests) values (?, ?, ?, ?, ?)", row)
        db.conn.execute("update pages set state = 'withdrawn' where id = ?", (page,))


def _article(told: dict[str, object]) -> Article:
    blocks = tuple(Block(**block) for block in told["blocks"])  # type: ignore[attr-defined]
    names = ("title", "published_on", "modified_on", "author", "supervisor")
    title, published, modified, author, supervisor = (str(told[name]) for name in names)
    return Article(f"{BASE}{told['path']}", title, blocks, published, modified, author, supervisor, language="ja")


def _add(db: Database, site_id: int, seen: Seen) -> int | None:
    page = sites.ensure_page(db, site_id, seen.url)
    headers = (("Content-Type", "text/html; charset=utf-8"), ("X-Note", SCRIPT))
    return captures.add(
        db, page,
        Capture(seen.url, seen.url, f"{seen.day}T01:00:00Z", seen.status, headers, seen.body or None,
                "ok" if seen.status == 200 else "gone"),
    )  # fmt: skip


def _derive(db: Database, site_id: int, site: str, everything: list[Seen]) -> None:
    visits = captures.visits(db, site_id)
    readings = {page.url: _readings(page, versions(page), everything) for page in visits}
    verdicts, histories = assemble(visits, readings, "1")
    newest = sites.newest_capture(db.conn, site_id)
    site_writer.write_site(
        db, site_id, DerivedSite(site, "1/1", newest, verdicts, histories, TEMPLATE), f"{DAYS[-1]}T02:00:00Z"
    )


def _readings(page: PageVisits, known: PageVersions, everything: list[Seen]) -> PageReadings:
    readings: list[Reading] = []
    last: Article | None = None
    for version in known.versions:
        day = version.first_at[:10]
        article = next((seen.article for seen in everything if (seen.url, seen.day) == (page.url, day)), None)
        is_revision = article is not None and (last is None or last.fingerprint != article.fingerprint)
        readings.append(Reading(version, "article" if article else "other", "ok", article, is_revision))
        last = article or last
    return PageReadings(page.url, tuple(readings))


def _copies(db: Database) -> None:
    """The clinic's copied passage, as the search for copies would store it."""
    for told in json.loads((FIXTURES / "golden" / "copies.json").read_text(encoding="utf-8")):
        db.conn.execute(
            """insert or ignore into copies select a.id, b.id, 0.9 from passages a join passages b
               on a.article_id <> b.article_id where instr(a.text, ?1) and instr(b.text, ?1)""",
            (told["text"],),
        )
