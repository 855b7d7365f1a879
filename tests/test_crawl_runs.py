"""Runs of the crawl as a whole: polite, conditional, resumed after a kill, stopped, locked, bounded; and returns."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command import archive
from deriving import crawl
from fake_clock import FakeClock
from servers.site import Reply, Site

from columnarchive.config import Settings, SitePlan, SiteSettings, parse
from columnarchive.crawl.client import Client, ClientOptions
from columnarchive.crawl.site_crawler import SiteCrawler
from columnarchive.errors import NotFound, StoreError, UsageError
from columnarchive.pipeline.crawl import CrawlOptions, CrawlSummary, Planned, Progress, Target, planned, targets
from columnarchive.pipeline.worker_pool import WorkerPool, links_of_capture
from columnarchive.records import Capture
from columnarchive.store import hash_chain
from columnarchive.store.database import Database, writer_lock
from columnarchive.store.frontier import Group, open_frontier
from columnarchive.urls import PageLinks, host_of

SAID = "ひざの痛みは年齢とともに増えます。治療の効果には個人差があり、費用は税込です。" * 5
AT = datetime(2026, 1, 5, 1, tzinfo=UTC)


def a_site(posts: int = 8) -> dict[str, str | bytes | Reply]:
    """A listing in pages of four, and its posts."""
    pages: dict[str, str | bytes | Reply] = {
        f"/column/{n}.html": f"<meta charset=utf-8><title>{n}</title><h1>記事{n}</h1><p>{n} {SAID}</p>"
        for n in range(posts)
    }
    for number in range((posts + 3) // 4):
        items = "".join(
            f"<li>2025年1月{n + 1}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>"
            for n in range(number * 4, min(posts, number * 4 + 4))
        )
        path = "/column/" if not number else f"/column/?page={number + 1}"
        after = f"<p class=pager><a href='/column/?page={number + 2}'>次へ</a></p>" if number * 4 + 4 < posts else ""
        pages[path] = f"<meta charset=utf-8><title>コラム</title><ul>{items}</ul>{after}"
    return pages


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(a_site()) as served:
        yield served


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "archive.db") as opened:
        yield opened


def run(db: Database, site: Site, at: datetime = AT, *, named: bool = True, **options: object) -> CrawlSummary:
    """One crawl of the site at a time of our choosing, in which waiting takes no time."""
    chosen = targets(db, [site.url + "/column/"] if named else [], Settings())
    given = {"allow_private": True, "clock": lambda: at, "timer": FakeClock().timer(), **options}
    return crawl(db, chosen, CrawlOptions(**given))  # type: ignore[arg-type]


def plan(db: Database, site: Site, at: datetime = AT, **options: object) -> tuple[Planned, ...]:
    """What such a crawl would fetch."""
    given = {"allow_private": True, "clock": lambda: at, **options}
    return planned(db, targets(db, [site.url + "/column/"], Settings()), CrawlOptions(**given))  # type: ignore[arg-type]


def test_everything_once_and_then_conditionally(db: Database, site: Site) -> None:
    first = run(db, site)
    assert first.outcomes == {"ok": 10}
    assert len(site.paths()) == len(set(site.paths()))
    site.asked.clear()
    second = run(db, site, AT + timedelta(days=1))
    assert second.outcomes == {"unchanged": 10}
    assert all("If-None-Match" in head for path, _, head in site.asked if path.startswith("/column/"))
    assert db.conn.execute("select count(*), sum(status = 304) from captures").fetchone() == (20, 10)
    assert not hash_chain.verify(db.conn)


def test_it_says_who_it_is(db: Database, site: Site) -> None:
    run(db, site, contact="archive@example.org")
    agents = {head["User-Agent"] for _, _, head in site.asked}
    (agent,) = agents
    assert agent.startswith("columnarchive/")
    assert agent.endswith("(+archive@example.org)")


def test_gaps_between_requests_seen_by_the_server(tmp_path: Path) -> None:
    with Site(a_site(4)) as one, Site(a_site(4)) as other, Database.open(tmp_path / "a.db") as db:
        chosen = targets(db, [one.url + "/column/", other.url + "/column/"], Settings())
        began = time.monotonic()
        crawl(db, chosen, CrawlOptions(delay=0.1, allow_private=True))
        seconds = time.monotonic() - began
        # Both stand at one address, so they share its turns.
        together = sorted(one.times() + other.times())
        gaps = [later - earlier for earlier, later in itertools.pairwise(together)]
        assert min(gaps) >= 0.095
        assert seconds >= 0.1 * (len(together) - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127/8")
def test_hosts_at_other_addresses_do_not_wait_for_each_other(tmp_path: Path) -> None:
    sites = [Site(a_site(4), f"127.0.7.{number + 1}") for number in range(6)]
    with Database.open(tmp_path / "a.db") as db:
        for site in sites:
            site.__enter__()
        chosen = targets(db, [site.url + "/column/" for site in sites], Settings())
        crawl(db, chosen, CrawlOptions(delay=0.1, allow_private=True))
        begun, ended = max(site.times()[0] for site in sites), min(site.times()[-1] for site in sites)
        assert begun < ended, "all of them at the same time"
        for site in sites:
            gaps = [later - earlier for earlier, later in itertools.pairwise(site.times())]
            assert min(gaps) >= 0.095
            site.__exit__()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127/8")
def test_healthy_hosts_do_not_wait_for_silent_ones(tmp_path: Path) -> None:
    silent = [socket.create_server((f"127.0.8.{number + 1}", 0)) for number in range(40)]
    healthy = [Site(a_site(4), f"127.0.9.{number + 1}") for number in range(10)]
    told: Counter[str] = Counter()

    def report(progress: Progress) -> None:
        told[progress.outcome] += 1
        if told["ok"] == 50:  # only now do the silent ones say something: that they will say nothing
            for one in silent:
                one.close()

    for site in healthy:
        site.__enter__()
    quiet = ["http://{}:{}/column/".format(*one.getsockname()) for one in silent]
    with Database.open(tmp_path / "a.db") as db:
        chosen = targets(db, [*quiet, *(site.url + "/column/" for site in healthy)], Settings())
        # What is silent for longer than the healthy need would be a timeout.
        client = ClientOptions(delay=0.0, deadline=60.0, head_deadline=60.0, attempts=1)
        summary = crawl(db, chosen, CrawlOptions(allow_private=True, client=client), report=report)
    for site in healthy:
        site.__exit__()
    assert summary.outcomes == {"ok": 50, "unreachable": 40}


@pytest.mark.parametrize("listed", ["/sitemap.xml", "/feed.xml"])
def test_a_pause_that_a_list_of_pages_asks_for_is_kept(db: Database, site: Site, listed: str) -> None:
    site.pages["/robots.txt"] = "Sitemap: /sitemap.xml\nSitemap: /more.xml\n"
    head = "<link rel=alternate type=application/rss+xml href=/feed.xml>"
    site.pages["/column/"] = head + str(site.pages["/column/"])
    site.pages[listed] = Reply(429, b"", {"Retry-After": "7200"})
    assert "asks for a pause" in run(db, site).ended_early[0][1]
    assert site.paths()[-1] == listed
    asked = len(site.asked)
    run(db, site, AT + timedelta(hours=1))
    assert len(site.asked) == asked
    site.pages[listed] = ""
    assert run(db, site, AT + timedelta(hours=3)).outcomes == {"unchanged": 10}
    assert listed in site.paths()[asked:]


def test_lists_of_pages_are_not_followed_off_the_site_or_where_robots_forbids(db: Database, site: Site) -> None:
    with Site({"/map.xml": "", "/robots.txt": ""}) as other:
        site.pages["/robots.txt"] = "User-agent: *\nDisallow: /private/\nSitemap: /a.xml\nSitemap: /b.xml\n"
        site.pages["/a.xml"] = Reply(302, b"", {"Location": "/private/map.xml"})
        site.pages["/b.xml"] = Reply(302, b"", {"Location": other.url + "/map.xml"})
        run(db, site)
        assert {"/a.xml", "/b.xml"} <= set(site.paths())
        assert "/private/map.xml" not in site.paths()
        assert not other.asked


def test_crawl_delay_of_robots_is_kept(db: Database, site: Site) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nCrawl-delay: 7\n"
    timer = FakeClock()
    run(db, site, timer=timer.timer())
    assert timer.elapsed >= 7 * 9


def test_robots_is_asked_for_once_a_day(db: Database, site: Site) -> None:
    run(db, site)
    run(db, site, AT + timedelta(hours=23))
    assert site.paths().count("/robots.txt") == 1
    run(db, site, AT + timedelta(hours=25))
    assert site.paths().count("/robots.txt") == 2


@pytest.mark.parametrize(("status", "headers", "hours"), [(429, {"Retry-After": "7200"}, 2.0), (429, {}, 0.25),
                                                          (503, {"Retry-After": "7200"}, 2.0)])  # fmt: skip
def test_a_robots_that_asks_for_a_pause_gets_it(
    db: Database, site: Site, status: int, headers: dict[str, str], hours: float
) -> None:
    site.pages["/robots.txt"] = Reply(status, b"", headers)
    assert "robots.txt" in run(db, site).ended_early[0][1]
    asked = len(site.asked)
    assert set(site.paths()) == {"/robots.txt"}
    assert "left alone until" in run(db, site, AT + timedelta(hours=hours * 0.9)).ended_early[0][1]
    assert len(site.asked) == asked
    site.pages["/robots.txt"] = ""
    assert run(db, site, AT + timedelta(hours=hours * 1.1)).outcomes == {"ok": 10}


def test_pages_come_due_the_less_they_change_the_later(db: Database, site: Site) -> None:
    run(db, site)
    assert run(db, site, AT + timedelta(hours=1), named=False).pages == 0
    assert run(db, site, AT + timedelta(days=2), named=False).pages == 10
    late = [row[0] for row in db.conn.execute("select next_visit_at from pages")]
    assert all("2026-01-08" <= due < "2026-02-10" for due in late)


def test_a_page_gone_twice_is_gone_and_its_return_is_seen(db: Database, site: Site) -> None:
    run(db, site)
    kept = site.pages.pop("/column/3.html")
    for day in (1, 2):
        assert run(db, site, AT + timedelta(days=day)).outcomes["missing"] == 1
    assert run(db, site, AT + timedelta(days=3)).outcomes.get("missing") is None, "a page gone is looked at when due"
    site.pages["/column/3.html"] = kept
    back = run(db, site, AT + timedelta(days=40), named=False)
    assert "missing" not in back.outcomes
    state, outcome = db.conn.execute("select state, last_outcome from pages where url like '%/3.html'").fetchone()
    assert (state, outcome) == ("live", "unchanged")


def test_a_host_that_fails_five_times_rests(db: Database, site: Site) -> None:
    site.pages.update({path: Reply(503) for path in list(site.pages) if path != "/column/"})
    summary = run(db, site)
    assert "left alone until" in summary.ended_early[0][1]
    assert sum(path.endswith(".html") for path in site.paths()) == 5
    assert summary.left
    asked = len(site.asked)
    assert "left alone until" in run(db, site, AT + timedelta(minutes=5)).ended_early[0][1]
    assert len(site.asked) == asked
    site.pages.update(a_site())
    assert run(db, site, AT + timedelta(days=1)).left == 0


def test_a_number_of_pages_and_then_the_rest(db: Database, site: Site) -> None:
    first = run(db, site, max_pages=4)
    assert (first.pages, first.left > 0) == (4, True)
    second = run(db, site, AT + timedelta(minutes=1))
    assert first.pages + second.pages == 10
    assert len(site.paths()) == len(set(site.paths())), "what was visited is not visited again"


def test_what_waits_is_told_page_by_page_also_after_a_redirect_to_a_waiting_page(db: Database, site: Site) -> None:
    linked = (f"<a href=/column/{n}.html>再生医療のお話の題名{n}</a>" for n in range(30))
    items = "".join(f"<li>2025年1月{n}日{link}</li>" for n, link in enumerate(linked, 1))
    site.pages |= a_site(30) | {"/column/": f"<meta charset=utf-8><title>コラム</title><ul>{items}</ul>"}
    site.pages["/column/3.html"] = Reply(301, headers={"Location": "/column/20.html"})
    told: list[tuple[int, int]] = []
    counted = "select count(*) from pages where visited_in = 0"

    def report(progress: Progress) -> None:
        told.append((progress.queued, db.conn.execute(counted).fetchone()[0]))

    chosen = targets(db, [site.url + "/column/"], Settings())
    crawl(db, chosen, CrawlOptions(allow_private=True, clock=lambda: AT, timer=FakeClock().timer()), report=report)
    assert told
    assert all(said == true for said, true in told), told
    assert site.paths().count("/column/20.html") == 1, "by the redirect"
    assert site.paths().count("/column/21.html") == 1


def test_dry_run_fetches_and_writes_nothing(db: Database, site: Site) -> None:
    found = plan(db, site)
    assert [(one.url, one.reason) for one in found] == [(site.url + "/column/", "start")]
    assert not site.asked
    assert db.conn.execute("select count(*) from pages").fetchone() == (0,)
    run(db, site, max_pages=3)
    assert len(plan(db, site)) >= 3


def test_what_was_fetched_and_shows_no_column_is_told(tmp_path: Path, site: Site) -> None:
    top = "<meta charset=utf-8><title>{}</title>"
    site.pages["/column/1.html"] = top.format("Just a moment...") + "Checking your browser before you go on."
    site.pages["/column/2.html"] = top.format("コラム") + "<div id=root></div><script src=/app.js></script>"

    start, path = site.url + "/column/", tmp_path / "told.db"
    planned = archive("crawl", start, "--allow-private", "--dry-run", db=path).stdout
    assert "1 page would be fetched." in planned
    crawled = archive("crawl", start, "--allow-private", "--delay", "0", db=path)
    assert "2 pages fetched without a readable column: needs_javascript 1, suspect 1" in crawled.stdout
    assert f"suspect  {start}1.html  It shows a bot check" in crawled.stderr
    assert f"needs_javascript  {start}2.html  A script inserts its text" in crawled.stderr
    assert "It shows a bot check" in archive("captures", start + "1.html", db=path).stdout
    assert "A script inserts" in archive("captures", start + "2.html", db=path).stdout
    assert "bot check" not in archive("captures", start + "3.html", db=path).stdout
    assert (
        "Nothing would be fetched now: no page is due"
        in archive("crawl", "--allow-private", "--dry-run", db=path).stdout
    )


def test_dry_run_leaves_out_what_is_known_to_be_forbidden_or_resting(db: Database, site: Site) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /column/3\n"
    run(db, site)
    found = {one.url for one in plan(db, site, AT + timedelta(hours=1))}
    assert len(found) == 9
    assert site.url + "/column/3.html" not in found
    assert len(plan(db, site, AT + timedelta(days=2))) == 10, "the rules may be others by then"
    site.pages.update({path: Reply(503) for path in site.pages if path.startswith("/column/")})
    assert "left alone until" in run(db, site, AT + timedelta(days=2)).ended_early[0][1]
    assert not plan(db, site, AT + timedelta(days=2, minutes=1))


def test_private_addresses_are_refused_unless_allowed(db: Database, site: Site) -> None:
    summary = run(db, site, allow_private=False)
    assert summary.outcomes == {"private_address": 1}
    assert not site.asked
    assert "not a public address" in summary.failures[0].reason
    assert run(db, site).outcomes == {"ok": 10}, "nothing was in the way any more"


def test_a_host_may_be_an_address_of_ipv6(db: Database) -> None:
    try:
        six = Site(a_site(4), "::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with six:
        assert run(db, six, allow_private=False).outcomes == {"private_address": 1}
        assert not six.asked
        assert run(db, six).outcomes == {"ok": 5}


def test_a_proxy_is_used_when_it_is_asked_for(tmp_path: Path) -> None:
    start = "http://clinic.invalid/column/"
    with Site({start: "<p>コラム", "http://clinic.invalid/robots.txt": ""}) as proxy:
        words = ["crawl", start, "--delay", "0", "--contact", "me@example.org", "--proxy"]
        done = archive(*words, proxy.url, db=tmp_path / "a.db")
        assert "ok 1" in done.stdout
        assert start in proxy.paths()
        wrong = archive(*words, "nonsense", db=tmp_path / "a.db")
    assert wrong.returncode in (1, 2)
    assert "is not a web address" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_a_sitemap_brings_a_changed_page_forward(db: Database, site: Site) -> None:
    run(db, site)
    loc = f"<url><loc>{site.url}/column/2.html</loc><lastmod>2026-01-05T12:00:00Z</lastmod></url>"
    site.pages["/sitemap.xml"] = f"<urlset>{loc}</urlset>"
    site.asked.clear()
    run(db, site, AT + timedelta(hours=20), named=False)
    assert "/column/2.html" in site.paths()
    assert "/column/1.html" not in site.paths()


def test_a_feed_brings_a_changed_page_forward_and_names_new_ones(db: Database, site: Site) -> None:
    link = '<{origin}/feed.xml>; rel="alternate"; type="application/rss+xml"'
    site.pages["/column/"] = Reply(200, str(site.pages["/column/"]).encode(), {"Link": link, "ETag": '"1"'})
    run(db, site)
    site.pages["/column/new.html"] = str(site.pages["/column/1.html"]).replace("1", "9")
    item = "<item><link>{}/column/{}.html</link><pubDate>Mon, 05 Jan 2026 21:00:00 +0900</pubDate></item>"
    items = item.format(site.url, 2) + item.format(site.url, "new")
    site.pages["/feed.xml"] = f"<rss><channel>{items}</channel></rss>"
    site.asked.clear()
    run(db, site, AT + timedelta(hours=20), named=False)
    assert {"/feed.xml", "/column/2.html", "/column/new.html"} <= set(site.paths())
    assert not {"/column/", "/column/1.html"} & set(site.paths())


def test_two_crawls_of_one_database(db: Database, site: Site) -> None:
    with writer_lock(db.path, "crawl"), pytest.raises(StoreError, match="Another crawl of"):
        run(db, site)
    assert run(db, site).pages == 10


def test_what_can_be_asked_for(db: Database) -> None:
    followed = '[[site]]\nname = "a"\nstart = ["http://a.example/column/"]\n'
    known = parse(followed + '[[site]]\nstart = "http://b.example/"\nenabled = false\n')
    assert [one.settings.name for one in targets(db, [], known)] == ["a"]
    assert targets(db, ["b.example"], known)[0].start == ("http://b.example/",)
    assert targets(db, ["http://www.a.example/column/1.html"], known)[0].settings.name == "a"
    (unknown,) = targets(db, ["http://c.example:8080/x/"], known)
    assert unknown == Target(SiteSettings("c.example:8080"), ("http://c.example:8080/x/",))
    with pytest.raises(NotFound):
        targets(db, ["nowhere"], known)
    for wrong in ("clinic.example", "http://", "ftp://a.example/", "https://exa mple/"):
        with pytest.raises(UsageError):
            targets(db, [wrong], known)


def test_deriving_follows_each_site(db: Database, site: Site) -> None:
    chosen = targets(db, [site.url + "/column/"], Settings())
    options = CrawlOptions(delay=0, allow_private=True)

    with WorkerPool() as pool:
        summary = crawl(db, chosen, options, pool=pool)
    assert [(one.site, one.error) for one in summary.derived] == [(site.url.removeprefix("http://"), None)]
    assert db.conn.execute("select derived_from from sites").fetchone()[0] == 10


def test_ctrl_c_finishes_what_is_in_flight(db: Database, site: Site) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.pages == 3:
            os.kill(os.getpid(), signal.SIGINT)

    chosen = targets(db, [site.url + "/column/"], Settings())
    options = CrawlOptions(allow_private=True, clock=lambda: AT, delay=0.2)
    summary = crawl(db, chosen, options, report=interrupt)
    assert summary.interrupted
    assert 0 < summary.pages < 10
    assert summary.left
    assert run(db, site).left == 0
    assert len(site.paths()) == len(set(site.paths()))


def test_a_crawl_of_several_sites_that_was_broken_off_leaves_those_it_had_finished(db: Database, site: Site) -> None:
    with Site(a_site()) as other:
        chosen = targets(db, [each.url + "/column/" for each in (site, other)], Settings())
        options = CrawlOptions(allow_private=True, clock=lambda: AT, timer=FakeClock().timer(), sites_at_once=1)

        def interrupt(progress: Progress) -> None:
            if progress.pages == 13:
                os.kill(os.getpid(), signal.SIGINT)

        assert crawl(db, chosen, options, report=interrupt).interrupted
        first, second = len(site.asked), len(other.asked)
        assert not crawl(db, chosen, options).interrupted
        columns = [path for path in other.paths() if path.startswith("/column/")]
        assert len(columns) == len(set(columns)) == 10
        assert not [path for path, *_ in site.asked[first:] if path.startswith("/column/")]
        assert second < len(other.asked)
        assert crawl(db, chosen, options).outcomes == {"unchanged": 20}  # a new crawl visits the named sites whole
        assert crawl(db, chosen, options, report=interrupt).interrupted
        assert crawl(db, chosen[:1], options).outcomes == {"unchanged": 10}  # and so does one of other sites


PROGRAM = """
import sys
from pathlib import Path
from columnarchive.pipeline.crawl import CrawlOptions, crawl, targets
from columnarchive.config import Settings
from columnarchive.store.database import Database
with Database.open(Path(sys.argv[1])) as db:
    crawl(db, targets(db, [sys.argv[2]], Settings()), CrawlOptions(delay=0.005, allow_private=True))
"""


def state(path: Path) -> list[tuple[str, ...]]:
    """What an archive holds, by natural keys."""
    with Database.open(path, create=False) as db:
        assert not hash_chain.verify(db.conn)
        return db.conn.execute(
            """select url, found_by, pages.body_sha256, count(captures.id) from pages left join captures
               on page_id = pages.id and outcome = 'ok' group by url order by url"""
        ).fetchall()


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    chance = random.Random(4)
    with Site(a_site(60)) as site:
        start = site.url + "/column/"
        calm, shaken = tmp_path / "calm.db", tmp_path / "shaken.db"
        subprocess.run([sys.executable, "-c", PROGRAM, str(calm), start], check=True)
        kills = 0
        for _ in range(12):
            process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(shaken), start])
            try:
                process.wait(0.45 + chance.random() * 0.5)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        subprocess.run([sys.executable, "-c", PROGRAM, str(shaken), start], check=True)
    assert kills
    shaken_state = state(shaken)
    assert [row[:3] for row in shaken_state] == [row[:3] for row in state(calm)]
    assert len(shaken_state) == 75
    assert all(count == 1 for *_, count in shaken_state)


def test_a_fault_of_ours_on_one_page_ends_no_crawl(db: Database, site: Site) -> None:
    async def odd(capture: Capture, *, skim: bool = False) -> PageLinks | None:
        if capture.url.endswith("/2.html"):
            raise RecursionError("too odd")
        return links_of_capture(capture, skim)

    start = site.url + "/column/"
    plan = SitePlan("odd", (host_of(start),), (start,), delay=0.0, max_pages=100)
    told: list[Capture] = []

    async def visited() -> None:
        group = Group(db, lambda: AT)
        options = ClientOptions(allow_private=True, delay=0.0)
        async with Client(options, lambda: AT) as client:
            queue = open_frontier(group, plan, (1.0, 30.0), True)
            await SiteCrawler(client, plan, queue, odd, lambda capture, _: told.append(capture), lambda: True).run()
        group.commit()

    asyncio.run(visited())
    assert {one.outcome for one in told} == {"ok"}
    assert len(told) == 10
    (error,) = [one.error for one in told if one.error]
    assert "too odd" in error
    assert db.conn.execute("select count(*) from captures where body_sha256 <> ''").fetchone() == (10,)
    assert not hash_chain.verify(db.conn)
