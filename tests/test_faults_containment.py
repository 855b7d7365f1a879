"""One page that cannot be read, stored or compared costs that page: crawl, import and rebuild go on and say so."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import started
from deriving import crawl
from servers.site import Site

from columnarchive import reader
from columnarchive.config import Settings
from columnarchive.errors import Containment
from columnarchive.pipeline import derive as derivation
from columnarchive.pipeline.crawl import CrawlOptions, targets
from columnarchive.pipeline.derive import DERIVATION, derive, derive_site
from columnarchive.records import PageFault
from columnarchive.store import captures
from columnarchive.store.database import Database
from columnarchive.text import storable

WORDS = ("膝の痛みについて", "肩こりの原因", "腰痛と姿勢", "頭痛の種類", "首の体操")


def column(number: int, head: str = "", body: str = "") -> str:
    """A healthy column, with room for something odd."""
    subject = WORDS[number % len(WORDS)]
    text = "".join(
        f"<p>{subject}を{number}番目に説明します。毎日{n}回の体操を続けると楽になる人が多いといわれます。</p>"
        for n in range(1, 6)
    )
    return (
        f"<!doctype html><html lang=ja><head><meta charset=utf-8><title>{subject}{number}｜青葉治療院</title>{head}"
        f"<body><header>青葉治療院</header><main><h1>{subject}{number}</h1>{text}{body}</main><footer>電話</footer>"
    )


def ld(data: str) -> str:
    """JSON-LD of an article with these fields."""
    return f'<script type="application/ld+json">{{"@type":"Article",{data}}}</script>'


UNSTORABLE = {
    "lone high surrogate as author": ld(r'"author":{"name":"院長\ud83d"}'),
    "lone low surrogate as headline": ld(r'"headline":"頭痛\udc00の種類"'),
    "NUL as reviewer": ld(r'"reviewedBy":"監修\u0000者"'),
    "noncharacters as affiliation": ld(r'"author":{"name":"青葉","worksFor":"院\uffff\ufdd0\ufffe"}'),
    "plane 16 noncharacter": ld(r'"author":"青\udbff\udfff葉"'),
    "controls and escape": ld(r'"author":"青葉\u001b[31m\u0007"'),
}


def listing(names: list[str]) -> str:
    """A listing of columns."""
    links = "".join(f"<li><a href='{name}.html'>{WORDS[n % 5]}{n}</a></li>" for n, name in enumerate(names))
    return f"<title>コラム一覧</title><h1>コラム</h1><ul>{links}</ul>"


def served(odd: dict[str, str]) -> dict[str, str | bytes]:
    """A site of five healthy columns and some odd ones."""
    names = [f"good{n}" for n in range(5)] + list(odd)
    pages: dict[str, str | bytes] = {"/column/": listing(names)}
    pages |= {f"/column/good{n}.html": column(n) for n in range(5)}
    return pages | {f"/column/{name}.html": html for name, html in odd.items()}


def crawled(db: Database, site: Site) -> None:
    """Crawl a site whole and derive it."""
    crawl(db, targets(db, [site.url + "/column/"], Settings()), CrawlOptions(delay=0, allow_private=True))
    derive(db)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "archive.db") as db:
        yield db


def articles(db: Database) -> set[str]:
    """The names of the pages that are articles."""
    return {url.rpartition("/")[2].removesuffix(".html") for (url,) in db.conn.execute("select url from articles")}


def test_text_that_no_database_holds_is_stored_without_it(db: Database) -> None:
    odd = {f"odd{n}": column(n + 5, head) for n, head in enumerate(UNSTORABLE.values())}
    with Site(served(odd)) as site:
        crawled(db, site)
    assert articles(db) == {*(f"good{n}" for n in range(5)), *odd}
    said = dict(db.conn.execute("select url, author || '|' || author_about || '|' || supervisor from articles"))
    by_name = {url.rpartition("/")[2]: text for url, text in said.items()}
    assert by_name["odd0.html"] == "院長||"
    assert by_name["odd3.html"] == "青葉|院|"
    assert by_name["odd4.html"] == "青葉||"
    for table, column_name in (
        ("articles", "text"),
        ("articles", "title"),
        ("passages", "text"),
        ("articles", "author"),
    ):
        for (text,) in db.conn.execute(f"select {column_name} from {table}"):
            assert text == storable(text)
            text.encode()
    before = sorted(said.items())
    derive(db, force=True)
    assert (
        sorted(db.conn.execute("select url, author || '|' || author_about || '|' || supervisor from articles"))
        == before
    )


@pytest.mark.parametrize(
    "text", ["a\x00b", "\ud800", "x\ufffe", "\U0001ffff", "tab\tline\nend", "髙", "😀", "\x85\u2028"]
)
def test_storable(text: str) -> None:
    found = storable(text)
    assert json.loads(json.dumps(found)) == found
    found.encode("utf-8")
    assert set(found) <= set(text)
    assert all(sign in found for sign in text if sign.isalpha() or sign in "\t\n😀")


def broken(kind: str) -> Callable[..., object]:
    """A step that fails the way a library may."""

    def step(*_: object, **__: object) -> object:
        if kind == "memory":
            raise MemoryError
        if kind == "json":
            return json.loads("{")
        if kind == "recursion":
            raise RecursionError("maximum recursion depth exceeded")
        if kind == "unicode":
            return "\ud800".encode()
        if kind == "index":
            return list(_)[7]
        raise KeyError(kind)

    return step


@pytest.mark.parametrize("kind", ["memory", "json", "recursion", "unicode", "index", "key"])
def test_any_fault_of_a_step_costs_that_step(kind: str) -> None:
    announced: list[str] = []
    containment = Containment(announced.append)
    assert containment.run("read", "aa", broken(kind), lambda: "fallback") == "fallback"
    assert containment.run("read", "bb", lambda: "fine", lambda: "fallback") == "fine"
    assert containment.run("read", "aa", lambda: "tried again", lambda: "fallback") == "fallback"
    assert [(fault.body_sha256, fault.step) for fault in containment.faults] == [("aa", "read")]
    assert containment.faults[0].reason
    assert announced == ["read aa", "read bb"]


def test_limits_of_the_outer_step_come_back() -> None:
    announced: list[str] = []
    containment = Containment(announced.append)
    containment.run("read", "new", lambda: containment.run("read", "old", str, str), str)
    assert announced == ["read new", "read old", "read new"]


def sha256_of(db: Database, name: str) -> str:
    """The digest of the newest body of a page."""
    row = db.conn.execute("select body_sha256 from pages where url like ?", (f"%/{name}.html",)).fetchone()
    return str(row[0])


def test_a_version_that_cannot_be_read_is_reported_remembered_and_retried_with_new_rules(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Site(served({"odd": column(9)})) as site:
        crawled(db, site)
    sha256 = sha256_of(db, "odd")
    with db.transaction() as conn:
        captures.remember_faults(conn, [PageFault(sha256, "read", "MemoryError")], DERIVATION, "2026-01-01T00:00:00Z")
    derive(db, force=True)
    assert articles(db) == {f"good{n}" for n in range(5)}
    state = reader.Reader(db.conn).status("2026-01-02T00:00:00Z")
    assert [(page.step, page.reason) for page in state.unreadable] == [("read", "MemoryError")]
    assert state.outcomes["unreadable"] == 1
    assert [fault.reason for fault in reader.Reader(db.conn).page_faults(state.unreadable[0].url)] == ["MemoryError"]
    (trouble,) = reader.Reader(db.conn).troubles(site.url.removeprefix("http://"))
    assert trouble.outcome == "unreadable"
    monkeypatch.setattr(derivation, "DERIVATION", "9/9")
    found = derive_site(db, 1)
    assert any(history.article.url.endswith("odd.html") for history in found.histories)


def test_a_comparison_that_fails_is_a_coarse_change_and_never_silence(db: Database) -> None:
    pages = served({"odd": column(9)})
    with Site(pages) as site:
        crawled(db, site)
        pages["/column/odd.html"] = column(9, body="<p>この治療は自由診療で、費用は98,000円です。</p>")
        site.pages = pages
        crawled(db, site)
    assert [row[0] for row in db.conn.execute("select level from changes")] == [3]
    fault = PageFault(sha256_of(db, "odd"), "compare", "It took too much time or memory.")
    with db.transaction() as conn:
        captures.remember_faults(conn, [fault], DERIVATION, "2026-01-01T00:00:00Z")
    derive(db, force=True)
    ((labels, capped, added),) = db.conn.execute("select labels, capped, added_chars from changes")
    assert json.loads(labels) == ["rewritten"]
    assert capped
    assert added > 100
    assert "odd" in articles(db)
    hit = reader.Reader(db.conn).search("98,000円")
    assert len(hit.hits) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="bounds on memory need Linux")
def test_pages_that_end_their_worker_are_left_out_and_named(db: Database) -> None:
    deep = "<div>" * 60_000 + "深い" + "</div>" * 60_000
    odd = {
        "fonts": column(6, body="".join(f"<font a{n}=1>" for n in range(300)) + "<p>痛み</p>" * 30_000),
        "deep": column(7, body=deep),
        "attributes": column(8, body="<p " + " ".join(f"a{n}=1" for n in range(150_000)) + ">痛み</p>"),
        "fine": column(9),
    }
    with Site(served(odd)) as site:
        crawled(db, site)
        names = set(site.paths())
    assert {f"/column/{name}.html" for name in odd} <= names
    assert {*(f"good{n}" for n in range(5)), "fine"} <= articles(db)
    outcomes = dict(db.conn.execute("select url, last_outcome from pages"))
    for name in ("fonts", "deep", "attributes"):
        (outcome,) = {value for url, value in outcomes.items() if url.endswith(f"/{name}.html")}
        assert outcome in ("ok", "too_deep", "too_large", "unreadable")
        assert (name in articles(db)) == (outcome == "ok")


def test_a_damaged_body_does_not_end_the_next_crawl(db: Database) -> None:
    with Site(served({})) as site:
        crawled(db, site)
        with db.transaction() as conn:
            conn.execute(
                "update bodies set data = x'00', data_sha256 = 'x' where sha256 = ?", (sha256_of(db, "good1"),)
            )
        site.pages["/column/new.html"] = column(7)
        site.pages["/column/"] = listing(["good0", "good1", "new"])
        chosen = targets(db, [site.url + "/column/"], Settings())
        summary = crawl(db, chosen, CrawlOptions(delay=0, allow_private=True))
    assert summary.pages
    assert "/column/new.html" in site.paths()


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("delay", ["0.05", "30"])
def test_ctrl_c_ends_a_crawl_in_time_and_keeps_what_was_committed(tmp_path: Path, delay: str) -> None:
    pages = served({f"more{n}": column(n) for n in range(40)})
    path = tmp_path / "archive.db"
    with Site(pages) as site:
        words = ("--db", path, "crawl", site.url + "/column/", "--allow-private", "--delay", delay)
        with started(*words, text=True) as process:
            while not site.asked:
                assert process.poll() is None
                os.sched_yield()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert err.count("\n") <= 1
    assert "Traceback" not in out + err
    with Database.open(path, create=False) as db:
        assert db.conn.execute("pragma integrity_check").fetchone()[0] == "ok"
        assert not db.conn.in_transaction
