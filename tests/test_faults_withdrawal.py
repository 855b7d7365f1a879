"""A withdrawal is final: its addresses and its text stay away on every way in, and all else is free."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import deriving
import pytest
from deriving import import_files, spread
from evidence import archive, at, capture, fill, page

from columnarchive.config import SitePlan
from columnarchive.pipeline import export, withdrawal
from columnarchive.records import Capture, DiscoveredUrl, Hop, Wire
from columnarchive.store import captures, frontier, sites
from columnarchive.store.database import Database
from columnarchive.store.withdrawal import is_withdrawn
from columnarchive.times import from_text

HOST = "https://clinic.example"
URL = f"{HOST}/column/2/"
REASON = "request of the person's lawyer"
VOICE = (
    "架空の患者である山田花子さんは、三月に駅前で転んだあと当院に通い、半年で杖なしで歩けるようになったと話しました。"
)


def voice(token: str = "1") -> bytes:
    """The column of a person named, with a token that differs on each visit."""
    text = "".join(f"<p>{VOICE[n:]}{VOICE[:n]}</p>" for n in (0, 7, 15, 23))
    return page(2).replace(b"</article>", f"{text}<input value='{token}'></article>".encode())


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A derived site of eight columns; the third one was redirected to, and names an address of its own."""
    with archive(tmp_path, pages=8, versions=1) as db:
        head = f"<link rel=canonical href='{HOST}/voice/hanako/'></head>".encode()
        body = voice().replace(b"</head>", head)
        wire = Wire(hops=(Hop(f"{HOST}/go?to=2", 302, ()),))
        fill(db, [capture(URL, at(3), body, final_url=f"{HOST}/column/2/view", outcome="redirected", wire=wire)])
        deriving.derive(db)
        yield db


def withdraw(db: Database, url: str = URL, when: str = "") -> withdrawal.Withdrawal:
    """Withdraw and derive."""
    return withdrawal.withdraw(db, url, when, REASON, lambda site: deriving.derive(db, [site], force=True))


WAYS_BACK = {
    "a new address redirects to it": capture(
        f"{HOST}/new/",
        at(9),
        voice("9"),
        final_url=URL,
        outcome="redirected",
        wire=Wire(hops=(Hop(f"{HOST}/new/", 301, ()),)),
    ),
    "through a hop that led to it": capture(
        f"{HOST}/n2/", at(9), page(44), final_url=f"{HOST}/n3/", wire=Wire(hops=(Hop(f"{HOST}/go?to=2", 302, ()),))
    ),
    "at its final address": capture(f"{HOST}/column/2/view", at(9), page(45)),
    "at the address it called its own": capture(f"{HOST}/voice/hanako/", at(9), page(46)),
    "under http and with a tracking parameter": capture(
        "http://clinic.example/column/2/?utm_source=x", at(9), page(47)
    ),
    "its text at an unknown address": capture(f"{HOST}/topics/77/", at(9), voice("other")),
    "its text on another host": capture("https://sp.clinic.example/77/", at(9), voice("3").replace(b"2026", b"2027")),
    "its text in Shift_JIS": capture(
        f"{HOST}/topics/78/", at(9), voice("8").decode().replace("utf-8", "shift_jis").encode("cp932", "replace")
    ),
    "its text in EUC-JP with broken bytes": capture(
        f"{HOST}/topics/79/", at(9), b"\xff\xfe\x80" + voice("8").decode().encode("euc_jp", "replace")
    ),
    "its text in another template, in one line": capture(
        f"{HOST}/amp/2", at(9), re.sub(r"</?p>", "<b>", voice().decode().partition("<h1>")[2]).encode()
    ),
}


@pytest.mark.parametrize("way", spread(WAYS_BACK, 4))
def test_no_way_leads_back(db: Database, way: str) -> None:
    withdraw(db)
    assert fill(db, [WAYS_BACK[way]]) == [None]
    addresses = [WAYS_BACK[way].url, WAYS_BACK[way].final_url, *(hop.url for hop in WAYS_BACK[way].wire.hops)]
    assert is_withdrawn(db.conn, addresses, WAYS_BACK[way].body)
    deriving.derive(db)
    assert db.conn.execute("select count(*) from articles where text like '%山田花子%'").fetchone() == (0,)
    assert list(deriving.check(db)) == []


def test_an_import_brings_nothing_back(db: Database, tmp_path: Path) -> None:
    with Database.open(tmp_path / "other.db") as other:
        fill(other, [replace(one, outcome="ok") for one in WAYS_BACK.values() if one.url.startswith(HOST)])
        export.export_warc(other, tmp_path / "ways.warc.gz", None, lambda _: None)
    withdraw(db)
    before = db.conn.execute("select count(*) from captures").fetchone()
    done = import_files(db, [tmp_path / "ways.warc.gz"], None, lambda *_: None)
    assert (done.added, done.failed) == (0, 0)
    assert db.conn.execute("select count(*) from captures").fetchone() == before


@pytest.mark.parametrize("address", [f"{HOST}/voice/hanako/", f"{HOST}/column/2/view", f"{HOST}/go?to=2", URL])
def test_bound_addresses_are_never_queued(db: Database, address: str) -> None:
    withdraw(db)
    name = db.conn.execute("select name from sites where id = 1").fetchone()[0]
    group = frontier.Group(db, lambda: from_text(at(27)))
    plan = SitePlan(name, (), (address,), delay=0.0, max_pages=9)
    queue = frontier.open_frontier(group, plan, (1.0, 30.0), everything=True)
    assert queue.add([DiscoveredUrl(address, "item", HOST)], 1) == 0
    sites.ensure_page(db, 1, address)
    assert address not in [one.url for one in frontier.due_pages(db.conn, 1, queue.due)]
    group.commit()


@pytest.mark.parametrize(
    "other",
    [
        capture(f"{HOST}/column/3/", at(9), page(3, 5)),
        capture(f"{HOST}/column/90/", at(9), page(90)),
        capture(f"{HOST}/", at(9), page(91)),
        capture(f"{HOST}/quote/", at(9), page(92).replace(b"</article>", f"<p>{VOICE}</p></article>".encode())),
        capture(f"{HOST}/column/22/", at(9), page(22)),
    ],
    ids=[
        "a sibling's new version",
        "a new column",
        "the front page",
        "a page that quotes a sentence",
        "a like address",
    ],
)
def test_all_else_is_free(db: Database, other: Capture) -> None:
    withdraw(db)
    assert fill(db, [other]) != [None]


@pytest.mark.parametrize("target", [f"{HOST}/", f"{HOST}/column/5/", f"{HOST}/news/"])
def test_a_page_that_a_removed_column_leads_to_is_not_bound(tmp_path: Path, target: str) -> None:
    with archive(tmp_path, pages=8, versions=1) as db:
        fill(db, [capture(URL, at(1), voice()), capture(target, at(1), page(5, 3))])
        fill(db, [capture(URL, at(4), page(5, 4), final_url=target, outcome="redirected")])
        deriving.derive(db)
        withdraw(db)
        assert fill(db, [capture(target, at(9), page(5, 6))]) != [None]


def test_what_listings_hold_is_named_with_a_command_that_works(db: Database) -> None:
    title = page(2).decode().split("<h1>")[1].split("</h1>")[0]
    title = f"山田花子さんの歩み{title}"
    body = voice("5").replace(b"<h1>", f"<h1>{title}".encode(), 1)
    news = page(60).replace(b"</article>", f"<li><a href=/column/2/>{title}コラム2</a></article>".encode())
    teaser = page(61).replace(b"</article>", f"<li>{VOICE[:30]}…</article>".encode())
    fill(db, [capture(URL, at(5), body), capture(f"{HOST}/news/", at(5), news), capture(f"{HOST}/", at(5), teaser)])
    deriving.derive(db)
    done = withdraw(db)
    assert {(one.url, one.holds) for one in done.remnants} == {(f"{HOST}/news/", "title"), (f"{HOST}/", "text")}
    commands = [line.split("  # ")[0] for line in done.sentence("en").splitlines() if line.startswith("archive ")]
    for command in commands:
        _, verb, url, _, when, _, reason = shlex.split(command)
        assert (verb, reason) == ("withdraw", REASON)
        withdraw(db, url, when)
    held = b"".join(captures.load(db, capture_id).body or b"" for capture_id in captures.ids(db)).decode()
    assert VOICE[:20] not in held
    assert "山田花子さんの歩み" not in held


def test_a_withdrawn_version_stays_away_though_its_bytes_differ(db: Database) -> None:
    fill(db, [capture(URL, at(5), page(2, 1))])
    withdraw(db, URL, at(3))
    assert fill(db, [capture(f"{HOST}/x/", at(7), voice("new"))]) == [None]
    assert fill(db, [capture(URL, at(8), page(2, 2))]) != [None]
