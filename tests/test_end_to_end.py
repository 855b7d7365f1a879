"""The whole path on a real site served on loopback: crawl, come back, see one digit change, search, be killed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import clinic
import pytest
from command import archive as command_in_process

from columnarchive.store.database import Database

WORDS = (
    "腰",
    "肩",
    "骨盤",
    "整体",
    "難病",
    "ストレス",
    "睡眠",
    "有酸素運動",
    "ダイエット",
    "姿勢",
    "カイロプラクティック",
)
WORDS += ("西船整体院", "産後", "O脚", "頭痛", "１", "ﾀﾞｲｴｯﾄ", "ですが", "存在しない言葉", "ホルモン")


@dataclass
class Served:
    """A saved site under a real server, and what it was asked."""

    folder: Path
    url: str
    log: Path

    def requests(self) -> list[tuple[str, int]]:
        """Path and status of every request so far."""
        found = re.findall(r'"GET (\S+) HTTP/1.1" (\d+)', self.log.read_text())
        return [(path, int(status)) for path, status in found]


@pytest.fixture(scope="module")
def site(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    work = tmp_path_factory.mktemp("served")
    folder = work / "site"
    shutil.copytree(shared / "corpus/sites/nishifuna-seitai.jp", folder)
    log = work / "log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            [sys.executable, str(shared / "eval/serve_site.py"), str(folder)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert server.stdout
        try:
            yield Served(folder, server.stdout.readline().strip(), log)
        finally:
            server.kill()
            server.wait()


def command(db: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "columnarchive", "--db", str(db), *arguments]


def archive(db: Path, *arguments: str) -> str:
    done = command_in_process(*arguments, db=db)
    assert done.returncode == 0, done.stderr
    return done.stdout


def crawl(db: Path, site: Served, *more: str) -> str:
    start = site.url + "blog/blog/"
    return archive(db, "crawl", start, "--allow-private", "--delay", "0", "--contact", "test@example.org", *more)


def columns(site: Served) -> set[str]:
    manifest = json.loads((site.folder / "manifest.json").read_text(encoding="utf-8"))
    return {site.url + path for path in manifest["columns"]}


@pytest.fixture(scope="module")
def crawled(site: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "a.db"
    crawl(path, site)
    return path


def articles(path: Path) -> dict[str, str]:
    with Database.open(path, write=False) as db:
        return dict(db.conn.execute("select url, title || char(10) || text from articles"))


def test_all_columns_are_articles_and_listings_are_none(site: Served, crawled: Path) -> None:
    found = articles(crawled)
    assert columns(site) <= set(found)
    repeats = re.compile(r"/blog/(blog|q_a|voice)/")
    assert not [url for url in found if repeats.search(url)]


def test_each_text_is_one_article(site: Served, crawled: Path) -> None:
    texts = [text for url, text in articles(crawled).items() if url in columns(site)]
    assert len(texts) == len(set(texts)) == len(columns(site))


def test_search_agrees_with_counting_by_hand(crawled: Path) -> None:
    def folded(text: str) -> str:
        """As a reader sees it: a word may run on over the end of a line within a block."""
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        return text.replace("\n", "")

    texts = [folded(text) for text in articles(crawled).values()]
    assert len(WORDS) == 20
    for word in WORDS:
        counted = sum(folded(word) in text for text in texts)
        assert archive(crawled, "search", f'"{word}"', "--count") == f"{counted}\n", word


@pytest.mark.slow
def test_coming_back_asks_conditionally_and_one_digit_is_one_revision(site: Served, crawled: Path) -> None:
    before = len(site.requests())
    crawl(crawled, site, "--all")
    asked = [(path, status) for path, status in site.requests()[before:] if path != "/robots.txt"]
    paths = {path for path, _ in asked}
    assert {url.removeprefix(site.url[:-1]) for url in columns(site)} <= paths
    assert all(status in (304, 404) for _, status in asked), [one for one in asked if one[1] not in (304, 404)]
    assert archive(crawled, "changes", "--json") == ""

    page = site.folder / "blog/2014/11/post-46-991803.html"
    old = page.read_text(encoding="utf-8")
    body = old.index("entryBody")
    number = re.compile(r"[0-9０-９]+").search(re.sub(r"<[^>]*>", lambda tag: "\0" * len(tag[0]), old), body)
    assert number
    digit = number.group()[-1]
    other = chr(ord(digit) - 1) if digit in "9９" else chr(ord(digit) + 1)
    page.write_text(old[: number.end() - 1] + other + old[number.end() :], encoding="utf-8")
    try:
        crawl(crawled, site, "--all")
    finally:
        page.write_text(old, encoding="utf-8")
    changes = [json.loads(line) for line in archive(crawled, "changes", "--json").splitlines()]
    assert len(changes) == 1, json.dumps(changes, ensure_ascii=False, indent=1)
    (change,) = changes
    assert change["url"] == site.url + "blog/2014/11/post-46-991803.html"
    assert (change["from"], change["to"]) == (1, 2)
    (diff,) = [json.loads(line) for line in archive(crawled, "diff", change["url"], "--format", "json").splitlines()]
    (edit,) = diff["edits"]
    changed = [span["text"] for span in edit["spans"] if span["op"] != "equal"]
    assert [digit in changed[0], other in changed[1], len(changed)] == [True, True, 2]
    for text in changed:
        assert re.fullmatch(r"\D{0,3}[\d０-９]+\D{0,3}", text), changed


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_undisturbed(site: Served, tmp_path: Path) -> None:
    """Every kill comes at another moment, also in the derivation; what was committed is never fetched again.

    20 kills; COLUMNARCHIVE_KILLS sets another number.
    """
    chance = random.Random(20)
    path = tmp_path / "killed.db"
    arguments = command(
        path, "crawl", site.url + "blog/blog/", "--allow-private", "--delay", "0.01", "--contact", "test@example.org"
    )
    for _ in range(int(os.environ.get("COLUMNARCHIVE_KILLS", "20"))):
        running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(timeout=chance.uniform(0.3, 2.2))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
    archive(path, "crawl", site.url + "blog/blog/", "--allow-private", "--delay", "0", "--contact", "test@example.org")
    undisturbed = tmp_path / "undisturbed.db"
    crawl(undisturbed, site)
    assert articles(path) == articles(undisturbed)
    with Database.open(path, write=False) as one, Database.open(undisturbed, write=False) as other:
        assert [row[0] for row in clinic.state(one)["pages"]] == [row[0] for row in clinic.state(other)["pages"]]
        (doubled,) = one.conn.execute(
            "select count(*) - count(distinct page_id || ' ' || fetched_at) from captures"
        ).fetchone()
        assert doubled == 0
    assert "No problem found" in archive(path, "check")
