"""What the browser's pages cost on a large archive, while a crawl writes to it: CPU time of the serving process.

    PYTHONPATH=src python tests/benchmarks/browsing.py [ARTICLES] [--keep FILE]

Makes an archive (of 50,000 articles by default) through the real store: one site with an eighth of all articles, one
article of 400 sentences with 100 revisions; sentences are the measuring data's. Then asks for every page through
Datasette, twenty times each, while another process commits groups of captures. The floors are checked at the end; the
exit code tells.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from columnarchive.store import captures, hash_chain, sites

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasette import __version__ as datasette_version
from evidence import capture
from test_search_truth import sentences

from columnarchive.cli.serve import prepared
from columnarchive.diff import passage_fingerprints as passages
from columnarchive.errors import StoreError
from columnarchive.history.article_identity import versions
from columnarchive.history.revisions import assemble
from columnarchive.records import Article, Block, DerivedSite, PageReadings, PageVisits, Reading
from columnarchive.store import copies, fulltext, site_writer
from columnarchive.store.copies import text_key
from columnarchive.store.database import Database

FLOORS = {"home": 20.0, "article, 100 revisions": 20.0, "diff, 100 revisions": 20.0, "site": 20.0, "search": 200.0}
"""CPU milliseconds of the median request, by the first words of a page's name."""

ROUNDS = 20
LONG = "https://clinic0.example/column/long/"
LARGE = "clinic0.example"
QUERIES = ("幹細胞", "治療", "免疫 副作用", "の", "不在語句甲乙")
OWN = ("sites", "pages", "captures", "articles", "revisions", "changes", "edits", "passages", "sentences")
SITES, ARTICLES, STEP = 8, 250, 10_000_000
_MENU = "".join(f'<li><a href="/menu/{n}/">ご案内{n}</a></li>' for n in range(40))


@dataclass(frozen=True, slots=True)
class Maker:
    """Articles of real sentences; `dice` decides, so that two runs make the same archive."""

    sentences: Sequence[str]
    dice: random.Random

    def article(self, url: str, blocks: int) -> Article:
        """An article of `blocks` blocks of about four sentences, under a heading every fifth."""
        found = []
        for place in range(blocks):
            if place % 5 == 0:
                found.append(Block("heading", self.line()[:20], 2))
            found.append(Block("paragraph", "".join(self.line() for _ in range(4))))
        day = f"20{self.dice.randint(15, 25)}-{self.dice.randint(1, 12):02}-{self.dice.randint(1, 28):02}"
        return Article(url, self.line()[:30], tuple(found), day, language="ja")

    def line(self) -> str:
        """A sentence that hardly any other article has: a real one with a number of its own."""
        text = self.dice.choice(self.sentences).rstrip("。")
        return f"{text}（{self.dice.randrange(10**6)}{'円' if self.dice.random() < 0.1 else '回'}）。"

    def edited(self, article: Article) -> Article:
        """The article with one paragraph of it changed in its last sentence."""
        place = self.dice.choice([at for at, block in enumerate(article.blocks) if block.kind == "paragraph"])
        block = article.blocks[place]
        kept = block.text[: block.text.rindex("（")]
        changed = replace(block, text=f"{kept}（{self.dice.randrange(10**6)}円）。")
        return replace(article, blocks=(*article.blocks[:place], changed, *article.blocks[place + 1 :]))


def page(article: Article) -> bytes:
    """The article as a clinic's page."""
    text = "".join(
        f"<h2>{block.text}</h2>" if block.kind == "heading" else f"<p>{block.text}</p>" for block in article.blocks
    )
    return (
        f"<!doctype html><html lang=ja><head><meta charset=utf-8><title>{article.title}</title></head><body>"
        f"<nav><ul>{_MENU}</ul></nav><article><h1>{article.title}</h1>{text}</article></body></html>"
    ).encode()


def when(visit: int) -> str:
    """The time of a visit, one a week from January 2024 on."""
    return time.strftime("%Y-%m-%dT01:00:00Z", time.gmtime(1_704_070_800 + visit * 7 * 86400))


def site_of(maker: Maker, name: str, articles: int) -> Iterator[list[Article]]:
    """The versions of each article of a site: a fifth have two or three, the long one a hundred."""
    if name == LARGE:
        versions = [maker.article(LONG, 100)]
        while len(versions) < 100:
            versions.append(maker.edited(versions[-1]))
        yield versions
    for number in range(articles):
        versions = [maker.article(f"https://{name}/column/{number:05}/", 4)]
        for _ in range(maker.dice.choice((0, 0, 0, 0, 0, 0, 0, 0, 1, 2))):
            versions.append(maker.edited(versions[-1]))
        yield versions


def make(path: Path, count: int) -> None:
    """Write an archive of `count` articles: eight sites through the store, then copied with other words and times."""
    maker = Maker(sentences(), random.Random(7))
    with Database.open(path) as db:
        db.conn.execute("pragma synchronous = off")
        for number in range(SITES):
            name = f"clinic{number}.example"
            _fill(db, name, maker.dice, list(site_of(maker, name, ARTICLES)))
        db.conn.create_function("key_of", 1, text_key, deterministic=True)
        # Indexes are made at the end: kept up to date by each row, they take more than half of the time.
        indexes = db.conn.execute("select name, sql from sqlite_master where type = 'index' and sql > ''").fetchall()
        for name, _ in indexes:
            db.conn.execute(f"drop index {name}")
        for times in range(1, -(-count // (SITES * ARTICLES))):
            with db.transaction():
                _copied(db, times)
        for _, sql in indexes:
            db.conn.execute(sql)
        db.conn.execute("pragma wal_checkpoint(truncate)")


def _fill(db: Database, name: str, dice: random.Random, many: list[list[Article]]) -> None:
    articles: dict[str, Article] = {}
    with db.transaction() as conn:
        site_id = sites.ensure_site(db, name, when(0), f"https://{name}/column/")
        found = []
        for told in many:
            page_id = sites.ensure_page(db, site_id, told[0].url)
            start = dice.randint(0, 100 - len(told))
            for visit, article in enumerate(told):
                one = capture(article.url, when(start + visit), page(article))
                articles[one.body_sha256] = article
                found.append(captures.add(db, page_id, one))
        hash_chain.seal(conn, when(101), "crawl", [one for one in found if one is not None])
        visits = captures.visits(db, site_id)
        readings = {one.url: _read(one, articles) for one in visits}
        verdicts, histories = assemble(visits, readings, "1")
        newest = sites.newest_capture(conn, site_id)
        site_writer.write_site(db, site_id, DerivedSite(name, "1/1", newest, verdicts, histories), when(101))
        copies.settle(conn, passages)
        conn.execute("update sites set last_crawl_at = ? where id = ?", (when(101), site_id))


TABLES = {
    "sites": "id", "articles": "id", "pages": "id site_id article_id", "captures": "id page_id",
    "revisions": "id article_id", "passages": "id article_id", "revision_passages": "revision_id passage_id",
    "sentences": "id article_id", "changes": "id article_id", "edits": "id change_id",
    "observations": "id article_id",
}  # fmt: skip
"""What is copied, and which columns are row ids or name some."""


def _copied(db: Database, times: int) -> None:
    """The eight sites once more, with other words and later times; the first one's articles go to the first site."""
    conn = db.conn
    step = times * STEP
    for table, keys in TABLES.items():
        cells = []
        for _, column, *_ in conn.execute(f"pragma table_info({table})").fetchall():
            if column in keys.split():
                moved = f"{column} + {step}"
                cells.append(f"case when site_id = 1 then 1 else {moved} end" if column == "site_id" else moved)
            elif column in ("text", "removed_text", "title", "before_text", "old_text", "new_text", "heading"):
                cells.append(f"replace({column}, '（', '（{times}')")
            elif column == "text_key":
                cells.append(f"key_of(replace(text, '（', '（{times}'))")
            elif column in ("url", "final_url", "start_url", "site", "name"):
                own = f"replace({column}, '.example', '-{times}.example')"
                large = f"replace({column}, '/column/', '/column/{times}-')" if "url" in column else column
                cells.append(f"case when instr({column}, '{LARGE}') then {large} else {own} end")
            elif column.endswith("_at"):
                cells.append(f"case {column} when '' then '' else "
                             f"strftime('%Y-%m-%dT%H:%M:%SZ', {column}, '+{times * 97} minutes') end")  # fmt: skip
            else:
                cells.append("null" if column == "link_id" else column)
        first = "revision_id" if table == "revision_passages" else "id"
        own = "id between 2 and" if table == "sites" else f"{first} <"
        conn.execute(f"insert into {table} select {', '.join(cells)} from {table} where {own} {STEP}")
    found = [row[0] for row in conn.execute("select id from captures where id > ?", (step,))]
    hash_chain.seal(conn, when(101), "crawl", found)
    for row in conn.execute("select id, title, text, removed_text from articles where id > ?", (step,)).fetchall():
        fulltext.insert(conn, *row)


def _read(visits: PageVisits, articles: dict[str, Article]) -> PageReadings:
    found = [
        Reading(one, "article", "ok", articles[one.body_sha256], bool(place))
        for place, one in enumerate(versions(visits).versions)
    ]
    return PageReadings(visits.url, tuple(found))


def write(path: Path) -> None:
    """Commit groups of captures, as a crawl does, until the standard input ends; print how many, and lock errors."""
    groups = errors = 0
    dice = random.Random(1)
    with Database.open(path) as db:
        pages = db.conn.execute("select id, url from pages limit 2000").fetchall()
        (day,) = db.conn.execute("select 200 + count(*) from chain").fetchone()  # later than all of an earlier run
        os.set_blocking(0, False)
        while sys.stdin.buffer.read(1) is None:
            try:
                with db.transaction() as conn:
                    found = []
                    for page_id, url in dice.sample(pages, 10):
                        body = f"<p>{groups} {url}</p>".encode() * 200
                        found.append(captures.add(db, page_id, capture(url, when(day + groups), body)))
                    hash_chain.seal(conn, when(day + groups), "crawl", [one for one in found if one is not None])
                    assert None not in found
            except (StoreError, sqlite3.Error) as error:
                errors += 1
                print(error, file=sys.stderr)
            groups += 1
            time.sleep(0.05)
    print(groups, errors)


def paths(conn: sqlite3.Connection) -> dict[str, str]:
    """The pages to ask for."""
    (passage,) = conn.execute("select text_key from passages where is_present = 1 limit 1").fetchone()
    first, middle, last = (row[0] for row in conn.execute(
        """select revisions.first_seen_at from revisions join articles on articles.id = article_id
           where articles.url = ? and number in (1, 50, 100) order by number""", (LONG,)))  # fmt: skip
    root, of = "/-/archive", f"url={quote(LONG)}"
    return {
        "home": root, "home, level": f"{root}?level=3", "home, label": f"{root}?label=price",
        "home, rare label": f"{root}?label=restored", "home, no such change": f"{root}?label=gone",
        "home, site": f"{root}?site=clinic7.example", "home, large site": f"{root}?site={LARGE}",
        "home, page 20": f"{root}?start=400",
        "article, 100 revisions": f"{root}/article?{of}",
        "article, 100 revisions, old": f"{root}/article?{of}&at={middle}",
        "article": f"{root}/article?url={quote('https://clinic7.example/column/00007/')}",
        "diff, 100 revisions": f"{root}/diff?{of}", "diff, 100 revisions, side": f"{root}/diff?{of}&view=side&show=all",
        "diff, 100 revisions, first to last": f"{root}/diff?{of}&from={first}&to={last}",
        "site": f"{root}/site?name=clinic7.example", "site, large": f"{root}/site?name={LARGE}",
        "sites": f"{root}/sites", "articles": f"{root}/articles", "articles, deep": f"{root}/articles?start=20000",
        "copies": f"{root}/copies", "passage": f"{root}/passage?key={passage}",
        "captures": f"{root}/captures?{of}", "capture": f"{root}/capture?{of}", "replay": f"{root}/replay?{of}",
        "feed": f"{root}/feed", "feed, label": f"{root}/feed?label=price", "feed, article": f"{root}/feed?{of}",
        **{f"search {q}": f"{root}/search?q={quote(q)}" for q in QUERIES},
        "search, removed": f"{root}/search?q={quote('治療')}&scope=removed",
        "search, site": f"{root}/search?q={quote('治療')}&site={LARGE}",
    }  # fmt: skip


def tables(name: str) -> dict[str, str]:
    """Datasette's own pages."""
    found = {f"table {one}": f"/{name}/{one}" for one in OWN}
    return {"database": f"/{name}", **found, "table articles, search": f"/{name}/articles?_search={quote('幹細胞')}"}


async def measure(path: Path) -> dict[str, float]:
    """The median CPU milliseconds of each page, after printing them."""
    datasette = prepared(path)
    await datasette.invoke_startup()
    with sqlite3.connect(path) as conn:
        asked = {**paths(conn), **tables(path.stem)}
    found: dict[str, float] = {}
    print(f"Datasette {datasette_version}\n{'':40}{'first':>8}{'median':>8}{'p95':>8}{'KB':>8}")
    for name, where in asked.items():
        spent = []
        for _ in range(ROUNDS + 1):
            begun = time.process_time()
            answer: Any = await datasette.client.get(where)
            spent.append((time.process_time() - begun) * 1000)
            if answer.status_code != 200:
                print(f"{name}: {answer.status_code} {answer.text[:200]!r}")
                break
        later = sorted(spent[1:]) or spent
        found[name] = statistics.median(later)
        p95 = later[len(later) * 95 // 100 - 1]
        print(f"{name:40}{spent[0]:8.1f}{found[name]:8.1f}{p95:8.1f}{len(answer.content) / 1000:8.0f}", flush=True)
    return found


def main() -> int:
    """Make the archive, measure, and check the floors."""
    options = argparse.ArgumentParser()
    options.add_argument("articles", nargs="?", type=int, default=50_000)
    options.add_argument("--keep", type=Path, help="where the archive is, or is to be left")
    options.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.write:
        write(given.write)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "archive.db"
        if not path.exists():
            begun = time.monotonic()
            make(path, given.articles)
            print(f"made {path.stat().st_size / 1e6:.0f} MB in {time.monotonic() - begun:.0f} s", flush=True)
        writer = subprocess.Popen(
            [sys.executable, __file__, "--write", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            found = asyncio.run(measure(path))
        finally:
            said, _ = writer.communicate()
    groups, errors = map(int, said.split())
    print(f"{groups} groups of captures were committed meanwhile, with {errors} errors")
    high = {
        name: spent
        for name, spent in found.items()
        for start, floor in FLOORS.items()
        if name.startswith(start) and spent > floor
    }
    for name, spent in high.items():
        print(f"above its floor: {name}, {spent:.1f} ms")
    return 1 if high or errors else 0


if __name__ == "__main__":
    sys.exit(main())
