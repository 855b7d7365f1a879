"""Hosts whose name is gone: believed while other hosts answer, on two days; offline, nothing is said of any site."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deriving
import pytest
from deriving import crawl, spread
from fake_clock import FakeClock
from servers.site import Site

from columnarchive.config import Settings
from columnarchive.crawl import site_crawler
from columnarchive.pipeline.crawl import CrawlOptions, CrawlSummary, targets
from columnarchive.store.database import Database

SAID = "ひざの痛みは年齢とともに増えます。治療の効果には個人差があり、費用は税込です。" * 5
AT = datetime(2026, 1, 5, 1, tzinfo=UTC)
POSTS = 4


class Names:
    """A resolver that knows some names of this machine, and answers for others with an error."""

    def __init__(self) -> None:
        self.known = {"a.test", "b.test"}
        self.error = socket.EAI_NONAME
        self.asked = socket.getaddrinfo

    def __call__(self, host: Any, *rest: Any, **more: Any) -> Any:
        if not str(host).endswith(".test"):
            return self.asked(host, *rest, **more)
        if host in self.known:
            return self.asked("127.0.0.1", *rest, **more)
        raise socket.gaierror(self.error, "no such name")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found)
    return found


@pytest.fixture
def site() -> Iterator[Site]:
    pages: dict[str, Any] = {
        f"/column/{n}.html": f"<meta charset=utf-8><title>{n}</title><h1>記事{n}</h1><p>{n} {SAID}</p>"
        for n in range(POSTS)
    }
    items = "".join(
        f"<li>2025年1月{n + 1}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>" for n in range(POSTS)
    )
    pages["/column/"] = f"<meta charset=utf-8><title>コラム</title><ul>{items}</ul>"
    with Site(pages) as served:
        yield served


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "archive.db") as opened:
        yield opened


def run(db: Database, site: Site, days: float, *hosts: str) -> CrawlSummary:
    """One crawl of these hosts, all of the same server, so many days after the first one; and what is derived."""
    at = AT + timedelta(days=days)
    port = site.url.rpartition(":")[2]
    chosen = targets(db, [f"http://{host}:{port}/column/" for host in hosts], Settings())
    options = CrawlOptions(allow_private=True, clock=lambda: at, timer=FakeClock().timer())
    summary = crawl(db, chosen, options)
    deriving.derive(db)
    return summary


def states(db: Database, host: str) -> dict[str, int]:
    found = db.conn.execute(
        "select state, count(*) from articles where site like ? group by state", (f"{host}%",)
    ).fetchall()
    return dict(found)


def test_a_site_whose_name_is_gone_is_gone_and_its_return_is_seen(db: Database, site: Site, names: Names) -> None:
    run(db, site, 0, "a.test", "b.test")
    assert states(db, "b.test") == {"live": POSTS}
    names.known.remove("b.test")
    asked = len(site.asked)
    first = run(db, site, 1, "a.test", "b.test")
    assert first.outcomes["unresolved"] == POSTS + 1
    assert [one.outcome for one in first.failures] == ["unresolved"], "the same of each page is said once"
    assert "b.test has no address" in first.failures[0].reason
    assert states(db, "b.test") == {"live": POSTS}, "one day is no proof"
    assert {head["Host"].partition(":")[0] for _, _, head in site.asked[asked:]} == {"a.test"}
    run(db, site, 1.2, "a.test", "b.test")
    assert states(db, "b.test") == {"live": POSTS}, "nor are two looks within a day"
    run(db, site, 3, "a.test", "b.test")
    assert states(db, "b.test") == {"gone": POSTS}
    assert states(db, "a.test") == {"live": POSTS}
    changes = db.conn.execute("select labels, seen_at from changes").fetchall()
    assert changes == [('["gone"]', "2026-01-06T01:00:00Z")] * POSTS
    names.known.add("b.test")
    run(db, site, 40, "a.test", "b.test")
    assert states(db, "b.test") == {"live": POSTS}
    assert {row[0] for row in db.conn.execute("select labels from changes")} == {'["gone"]', '["returned"]'}


@pytest.mark.parametrize("error", spread([socket.EAI_NONAME, socket.EAI_AGAIN], 1))
def test_offline_says_nothing_of_any_site(
    db: Database, site: Site, names: Names, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr(site_crawler, "DNS_PATIENCE", 0.2)
    run(db, site, 0, "a.test", "b.test")
    names.known.clear()
    names.error = error
    for days in (1, 3, 9):
        assert set(run(db, site, days, "a.test", "b.test").outcomes) == {"unreachable"}
    assert states(db, "") == {"live": 2 * POSTS}


def test_a_resolver_that_fails_is_no_proof_beside_others(db: Database, site: Site, names: Names) -> None:
    run(db, site, 0, "a.test", "b.test")
    names.known.remove("b.test")
    names.error = socket.EAI_AGAIN
    for days in (1, 3):
        assert "unreachable" in run(db, site, days, "a.test", "b.test").outcomes
    assert states(db, "b.test") == {"live": POSTS}
