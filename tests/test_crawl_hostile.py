"""What the web does to crawlers, played by a real server: each ends in its named outcome, the rest is archived."""

from __future__ import annotations

import sys
import time

import pytest
from deriving import crawl
from servers.hostile import BEHAVIOURS, Hostile
from servers.odd import SENT

from columnarchive.config import Settings
from columnarchive.content_encoding import SizeLimits
from columnarchive.crawl.client import ClientOptions
from columnarchive.pipeline.crawl import CrawlOptions, CrawlSummary, targets
from columnarchive.store.database import Database

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127/8")
DEADLINE = 4.0  # seconds on an idle machine
# Sending this takes the server's thread a second, which others would wait for; test_crawl_memory plays it.
ELSEWHERE = {"sitemap_of_49_mb"}
PLAYED = sorted(set(BEHAVIOURS) - ELSEWHERE)
# Behaviours after which a host is left alone, so that what stands beside the bad page may still be waiting.
RESTING = {"busy_for_an_hour", "robots_503", "robots_429", "robots_silent"}


def slowness() -> float:
    """Return how much longer than its CPU time this process takes, as other programs run: 1 on an idle machine."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.2:
        pass
    return min(max(1.0, (time.monotonic() - began) / 0.2), 6.0)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Hostile, Database, CrawlSummary, float]:
    """One crawl over all behaviours at once."""
    path = tmp_path_factory.mktemp("hostile") / "archive.db"
    slower = slowness()
    client = ClientOptions(
        delay=0.0, deadline=DEADLINE * slower, backoff=0.05, sizes=SizeLimits(wire=2_000_000, decoded=4_000_000)
    )
    with Hostile(PLAYED) as server:
        db = Database.open(path)
        options = CrawlOptions(allow_private=True, client=client)
        starts = [f"{host.origin}/column/" for host in server.hosts.values()]
        began = time.monotonic()
        summary = crawl(db, targets(db, starts, Settings()), options)
        yield server, db, summary, (time.monotonic() - began) / slower  # type: ignore[misc]
        db.close()


def outcomes(db: Database, origin: str) -> dict[str, str]:
    """The last outcome of every page of a host, by path."""
    rows = db.conn.execute(
        """select url, outcome from captures join pages on pages.id = page_id where site_id in
           (select id from sites where name = ?) order by captures.id""",
        (origin.partition("://")[2],),
    )
    return {url.partition("://")[2].partition("/")[2]: outcome for url, outcome in rows}


@pytest.mark.parametrize("name", PLAYED)
def test_each_behaviour_ends_in_its_outcome(played: tuple[Hostile, Database, CrawlSummary, float], name: str) -> None:
    server, db, _, _ = played
    host = server.host(name)
    found = outcomes(db, host.origin)
    if host.outcome == "never":
        assert host.asked["/column/"] == 0, "nothing is fetched without robots.txt"
        assert found["column/"] in ("refused_by_robots", "timeout")
        return
    if name == "tls_selfsigned":
        assert found["column/"] == "tls_error"
        return
    assert found["column/bad.html"] == host.outcome
    if name not in RESTING:
        assert found["column/"] == found["column/one.html"] == found["column/two.html"] == "ok"


def test_there_are_at_least_forty() -> None:
    assert len(PLAYED) >= 110


def test_all_of_it_ends_in_time(played: tuple[Hostile, Database, CrawlSummary, float]) -> None:
    assert played[3] < 25


def test_traps_are_left(played: tuple[Hostile, Database, CrawlSummary, float]) -> None:
    server = played[0]
    traps = ("calendar_trap", "session_trap", "growing_path", "meta_refresh_loop", "sitemap_loop")
    for name in (*traps, "refresh_in_headers_for_ever"):
        assert len(server.of(name)) < 20, name


def test_what_robots_forbids_is_never_asked_for(played: tuple[Hostile, Database, CrawlSummary, float]) -> None:
    server = played[0]
    rules = [name for name in PLAYED if BEHAVIOURS[name][0] == "refused_by_robots"]
    assert len(rules) >= 8
    for name in rules:
        assert server.host(name).asked["/column/bad.html"] == 0, name
        assert server.host(name).asked["/column/one.html"] == 1, name


@pytest.mark.parametrize("name", ["robots_of_100_mb", "chunks_of_one_byte"])
def test_what_is_too_much_is_not_fetched_to_its_end(
    played: tuple[Hostile, Database, CrawlSummary, float],  # noqa: ARG001
    name: str,
) -> None:
    assert 500_000 < SENT[name] < 20_000_000, "a read or two, and what the system holds between the two"


def test_a_feed_that_breaks_off_gives_what_came_before(played: tuple[Hostile, Database, CrawlSummary, float]) -> None:
    server, db, _, _ = played
    assert outcomes(db, server.host("feed_cut_off").origin)["column/three.html"] == "ok"


def test_retry_after_is_honoured(played: tuple[Hostile, Database, CrawlSummary, float]) -> None:
    server = played[0]
    asked = [one.at for one in server.of("busy_for_a_second") if one.path == "/column/bad.html"]
    assert asked[1] - asked[0] >= 0.95
    assert sum(one.path == "/column/bad.html" for one in server.of("busy_for_an_hour")) == 1


def test_a_stale_connection_is_replaced_once(played: tuple[Hostile, Database, CrawlSummary, float]) -> None:
    asked = [one for one in played[0].of("stale_keep_alive") if one.path == "/column/bad.html"]
    assert 2 <= len(asked) <= 3, "once more at the most, if the machine is too busy to answer in time"


def test_failures_are_told(played: tuple[Hostile, Database, CrawlSummary, float]) -> None:
    summary = played[2]
    assert summary.failures
    assert all(one.reason.endswith(".") for one in summary.failures)
    assert any("left alone" in why for _, why in summary.ended_early)
