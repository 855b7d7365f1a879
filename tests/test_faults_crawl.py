"""Faults found by attack, on the crawl's side: pages that hang, private addresses, proxies, withdrawn pages."""
# ruff: noqa: ARG001 - behaviours share one signature and use what they need of it

from __future__ import annotations

import asyncio
import base64
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deriving import crawl
from fake_clock import FakeClock
from servers.hostile import Behaviour, Host, Hostile, Request, answer, listing, page
from servers.mixed import HANGING, HEALTHY, NAMES, Mixed
from servers.site import Reply, Site

from columnarchive.config import Settings
from columnarchive.crawl.client import Client, ClientOptions, FetchRequest, HostHealth
from columnarchive.crawl.limits import RateLimiter
from columnarchive.crawl.transport import is_public
from columnarchive.errors import UsageError
from columnarchive.pipeline import withdrawal
from columnarchive.pipeline.crawl import CrawlOptions, CrawlSummary, targets
from columnarchive.records import Capture
from columnarchive.store import blobs
from columnarchive.store.database import Database
from columnarchive.urls import proxy_address

AT = datetime(2026, 1, 5, 1, tzinfo=UTC)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127/8")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "archive.db") as opened:
        yield opened


def run(db: Database, start: str, at: datetime = AT, **options: object) -> CrawlSummary:
    """One crawl in which waiting between requests takes no time."""
    given = {"allow_private": True, "clock": lambda: at, "timer": FakeClock().timer(), **options}
    return crawl(db, targets(db, [start], Settings()), CrawlOptions(**given))  # type: ignore[arg-type]


# Pages that hang.


async def _silent(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(600)


async def _half(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("half"))[:-50])
    await asyncio.sleep(600)


async def _drip_lines(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.transport.is_closing():
        writer.write(b"X-More: a\r\n")
        await asyncio.sleep(0.05)


async def _drip_spaces(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page("drips"))
    while not writer.transport.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.05)


async def _cut(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page("cut"))[:-50])
    await writer.drain()
    writer.close()


async def _healthy(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(page(request.path)))


class _Pages(Hostile):
    """One host whose columns behave as given, in this order."""

    def __init__(self, *behaviours: Behaviour) -> None:
        super().__init__(["status_404"])
        self.behaviours = behaviours

    def make_host(self, name: str, address: str, port: int) -> Host:
        behaviours = self.behaviours

        class Pages(Host):
            async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
                self.asked[request.path] += 1
                name = request.path.removeprefix("/column/").removesuffix(".html")
                if request.path == "/column/":
                    writer.write(answer(listing([f"{number}.html" for number in range(len(behaviours))])))
                elif name.isdigit():
                    await behaviours[int(name)](self, request, writer)
                else:
                    writer.write(answer(page("404"), "404 Not Found"))

        self.only = Pages(name, address, port)
        return self.only


def crawl_pages(db: Database, *behaviours: Behaviour) -> tuple[Host, CrawlSummary]:
    """Crawl a host of such pages with short deadlines."""
    client = ClientOptions(delay=0.0, deadline=0.6, head_deadline=0.3, backoff=0.01)
    with _Pages(*behaviours) as server:
        return server.only, run(db, f"{server.only.origin}/column/", client=client)


@LINUX
@pytest.mark.parametrize("behaviour", [_silent, _half, _drip_lines, _drip_spaces])
def test_a_page_that_hangs_is_asked_for_once(db: Database, behaviour: Behaviour) -> None:
    host, summary = crawl_pages(db, behaviour, _healthy, _healthy)
    assert host.asked["/column/0.html"] == 1
    assert summary.outcomes == {"ok": 3, "timeout": 1}
    assert [one.subject.rpartition("/")[2] for one in summary.failures] == ["0.html"]


@LINUX
@pytest.mark.slow
def test_pages_that_hang_in_a_row_do_not_close_a_host_that_answers(db: Database) -> None:
    hanging = (_silent, _half, _drip_lines, _drip_spaces) * 4
    host, summary = crawl_pages(db, *hanging, _healthy, _healthy)
    assert summary.outcomes == {"timeout": 16, "ok": 3}
    assert not summary.ended_early
    assert host.asked["/column/"] <= 1 + 16 // 5, "what it sent before is asked for again after five failures"


@LINUX
def test_a_host_that_stops_answering_is_left_alone(db: Database) -> None:
    async def stops(host: Host, request: Request, writer: asyncio.StreamWriter) -> None:
        host.reply = lambda *_: asyncio.sleep(600)  # type: ignore[assignment, method-assign, return-value]
        await asyncio.sleep(600)

    _, summary = crawl_pages(db, stops, *[_healthy] * 10)
    assert summary.outcomes == {"ok": 1, "timeout": 5}
    assert "left alone until" in summary.ended_early[0][1]
    assert summary.left == 6


@LINUX
def test_what_is_cut_off_again_and_again_uses_up_the_tries_of_its_host(db: Database) -> None:
    host, summary = crawl_pages(db, *[_cut] * 30, _healthy)
    assert summary.outcomes == {"truncated": 30, "ok": 2}
    asked = Counter({path: count for path, count in host.asked.items() if path.endswith(".html")})
    assert 31 < asked.total() <= 31 + 15


def test_each_missed_deadline_shortens_the_next_ones() -> None:
    health = HostHealth()
    limits = []
    for _ in range(6):
        limits.append(health.deadline(60.0))
        health.timeouts += 1
    assert limits == [60.0, 30.0, 15.0, 10.0, 10.0, 10.0]
    assert HostHealth(timeouts=10_000).deadline(60.0) == 10.0
    assert HostHealth(timeouts=9).deadline(2.0) == 2.0


@pytest.mark.parametrize(
    ("delay", "took", "pause"),
    [(2.0, 0.5, 2.0), (2.0, 7.0, 7.0), (2.0, 55.0, 10.0), (0.5, 55.0, 2.5), (30.0, 55.0, 30.0), (0.0, 55.0, 0.0)],
)
def test_the_pause_after_a_slow_answer_is_bounded(delay: float, took: float, pause: float) -> None:
    async def gap() -> float:
        clock = FakeClock()
        pace = RateLimiter(clock.timer())
        async with pace.slot(["clinic.example"], delay):
            await clock.sleep(took)
        ended = clock.seconds()
        async with pace.slot(["clinic.example"], delay):
            return clock.seconds() - ended

    assert asyncio.run(gap()) == pytest.approx(pause)


def test_time_waited_in_vain_does_not_count_as_slowness() -> None:
    async def gap() -> float:
        clock = FakeClock()
        pace = RateLimiter(clock.timer())
        async with pace.slot(["clinic.example"], 2.0) as turn:
            await clock.sleep(60.0)
            turn.counts = False
        ended = clock.seconds()
        async with pace.slot(["clinic.example"], 2.0):
            return clock.seconds() - ended

    assert asyncio.run(gap()) == pytest.approx(2.0)


# Private addresses and proxies.


@pytest.mark.parametrize(
    "address",
    [
        "192.0.0.8", "192.0.0.170", "192.88.99.2", "198.18.0.1", "168.63.129.16", "240.0.0.1",
        "64:ff9b:1::808:808", "64:ff9b::a9fe:a9fe", "64:ff9b::c0a8:101",  # NAT64, for local use and with private ones
        "::127.0.0.1", "::8.8.8.8", "::ffff:0:7f00:1", "::ffff:0:808:808",  # IPv4-compatible, IPv4-translated
        "::ffff:169.254.169.254", "::ffff:0.0.0.0",
        "2002:a00:1::1", "2002:a9fe:a9fe::", "2001:0:7f00:1::", "2001:0:808:808:0:0:80ff:fffe",  # 6to4, Teredo
        "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:127.0.0.1",  # ISATAP
        "fec0::1", "fd00:ec2::254", "100::1", "3fff::1", "5f00::1", "2001:20::1", "4000::1",
    ],
)  # fmt: skip
def test_no_host_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "192.0.1.1", "::ffff:8.8.8.8", "2400:cb00::1", "2a00:1450:4001::8a"])
def test_hosts_of_the_public_internet(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def inside() -> Iterator[Site]:
    """Another server of this machine, which no crawl was asked to visit."""
    with Site({"/": "<p>secret", "/robots.txt": "", "/column/": "<p>secret"}) as server:
        yield server


@pytest.mark.parametrize("asks", ["/robots.txt", "/column/", "/column/0.html", "/sitemap.xml"])
def test_only_the_port_that_was_asked_for_is_trusted(db: Database, inside: Site, asks: str) -> None:
    pages: dict[str, str | bytes | Reply] = {
        "/column/": "<meta charset=utf-8><ul><li>2025年1月1日<a href=0.html>再生医療のお話の題名</a></ul>",
        "/column/0.html": f"<meta charset=utf-8><h1>記事</h1><p>{'ひざの痛みの話。' * 30}",
    }
    with Site(pages | {asks: Reply(302, headers={"Location": f"{inside.url}/"})}) as site:
        run(db, site.url + "/column/")
    assert asks in site.paths()
    assert not inside.asked


def test_names_and_ports_are_trusted_together() -> None:
    async def outcomes(trusted: str, url: str) -> str:
        async with Client(ClientOptions(delay=0, attempts=1), timer=FakeClock().timer()) as client:
            client.guard.trust(trusted)
            return (await client.fetch(FetchRequest(url))).outcome

    assert asyncio.run(outcomes("http://127.0.0.1:9/", "http://127.0.0.1:11/")) == "private_address"
    assert asyncio.run(outcomes("http://127.0.0.1/", "https://127.0.0.1/")) == "private_address"
    assert asyncio.run(outcomes("http://127.0.0.1:9/", "http://localhost:9/")) == "private_address"


class _Proxy(Site):
    """A proxy that answers those who give the right name and password."""


def through(proxy: str, url: str = "http://clinic.example/") -> Capture:
    """A page through a proxy."""

    async def fetched() -> Capture:
        options = ClientOptions(delay=0, proxy=proxy, allow_private=True, attempts=1)
        async with Client(options, timer=FakeClock().timer()) as client:
            return await client.fetch(FetchRequest(url))

    return asyncio.run(fetched())


@pytest.mark.parametrize(
    ("user", "password"), [("me", "secret"), ("me", "p%40ss%3Aword"), ("%E5%90%8D", ""), ("a b", "c")]
)
def test_the_proxy_is_given_its_name_and_password(user: str, password: str) -> None:
    with Site({"http://clinic.example/": "<p>through the proxy"}) as proxy:
        capture = through(proxy.url.replace("http://", f"http://{user}:{password}@"))
    assert capture.outcome == "ok"
    scheme, _, given = proxy.asked[0][2]["Proxy-Authorization"].partition(" ")
    assert scheme == "Basic"
    from urllib.parse import unquote

    assert base64.b64decode(given).decode() == f"{unquote(user)}:{unquote(password)}"
    assert not any("authorization" in name.lower() for name, _ in capture.wire.request_headers)


@pytest.mark.parametrize("url", ["http://clinic.example/", "https://clinic.example/"])
def test_a_proxy_that_wants_a_password_is_told_of(url: str) -> None:
    with Site({"http://clinic.example/": Reply(407, b"who are you?")}) as proxy:
        capture = through(proxy.url, url)
    assert (capture.outcome, capture.status, capture.body) == ("unreachable", 0, None)
    assert capture.error.endswith(".")


@pytest.mark.parametrize(
    "given", ["nonsense", "socks5://127.0.0.1:1080", "http://me:secret@", "http://a:secret@h/p", "x:1"]
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(given: str) -> None:
    with pytest.raises(UsageError, match="proxy is not a web address") as refused:
        ClientOptions(proxy=given)
    assert "secret" not in str(refused.value)


def test_proxies_as_they_are_used() -> None:
    assert proxy_address(" HTTP://Proxy.example:80/ ") == "http://proxy.example"
    assert proxy_address("https://me@proxy.example:3128") == "https://me:@proxy.example:3128"


# Withdrawn pages.

NAME = "架空山 花子さんの体験談"


def _column(text: str, head: str = "") -> str:
    return f"<meta charset=utf-8><title>{text}</title>{head}<h1>{text}</h1><p>{text} {'ひざの痛みの話。' * 40}"


@pytest.mark.parametrize("way", ["redirect", "two redirects", "canonical", "refresh", "refresh header", "upper case"])
def test_a_withdrawn_page_does_not_return_by_another_address(db: Database, way: str) -> None:
    items = "".join(f"<li>2025年1月{n}日<a href={n}.html>再生医療のお話の題名{n}</a>" for n in range(1, 4))
    top = "<meta charset=utf-8><title>コラム</title><ul>"
    pages: dict[str, str | bytes | Reply] = {
        f"/column/{n}.html": _column(f"記事{n}" if n != 2 else NAME) for n in range(1, 4)
    }
    with Site({"/column/": top + items, **pages}) as site:
        run(db, site.url + "/column/")
        withdrawn = site.url + "/column/2.html"
        withdrawal.withdraw(db, withdrawn, "", "request of the person named", lambda _: None)
        text = _column(NAME, "<!-- another token -->")
        site.pages["/column/2.html"] = text
        site.pages["/column/"] = f"{top}{items}<li>2025年1月9日<a href=9.html>再生医療のお話の題名9</a>"
        site.pages |= {
            "redirect": {"/column/9.html": Reply(301, headers={"Location": "/column/2.html"})},
            "two redirects": {
                "/column/9.html": Reply(302, headers={"Location": "/8"}),
                "/8": Reply(302, headers={"Location": "/column/2.html?utm_source=a"}),
            },
            "canonical": {"/column/9.html": text.replace("<h1>", f"<link rel=canonical href={withdrawn}><h1>")},
            "refresh": {"/column/9.html": text.replace("<h1>", "<meta http-equiv=refresh content='0;url=2.html'><h1>")},
            "refresh header": {"/column/9.html": Reply(200, text.encode(), {"Refresh": "0; url=/column/2.html"})},
            "upper case": {
                "/column/9.html": Reply(301, headers={"Location": withdrawn.replace("http://", "HTTP://") + "#a"})
            },
        }[way]  # type: ignore[operator]
        site.asked.clear()
        run(db, site.url + "/column/", AT + timedelta(days=40))
    assert "/column/9.html" in site.paths()
    assert not any(path.startswith("/column/2.html") for path in site.paths())
    stored = [blobs.read(db, sha256) for (sha256,) in db.conn.execute("select sha256 from bodies")]
    assert stored
    assert not any(NAME.encode() in body for body in stored)


# All of it on one host.


@LINUX
@pytest.mark.slow
def test_healthy_pages_between_hostile_ones_are_all_archived(db: Database) -> None:
    client = ClientOptions(delay=0.0, deadline=2.0, head_deadline=1.0, backoff=0.05)
    with Mixed() as server:
        summary = run(db, f"{server.mixed.origin}/column/", client=client)
        asked = server.mixed.asked
    rows = db.conn.execute("select url, outcome from captures join pages on pages.id = page_id order by captures.id")
    outcomes = {url.rpartition("/")[2]: outcome for url, outcome in rows}
    moved = {"redirects_off_site.html", "redirects_to_metadata.html"}
    healthy = {f"healthy-{number}.html" for number in range(HEALTHY)}
    assert {outcomes.get(name) for name in healthy} == {"ok"}
    assert not summary.ended_early
    assert summary.left == 0
    assert len(NAMES) == 76
    assert {f"{name}.html" for name in NAMES} <= outcomes.keys(), "each has an outcome"
    named = {failure.subject.rpartition("/")[2] for failure in summary.failures}
    assert named == {name for name, outcome in outcomes.items() if outcome not in ("ok", "redirected")} | moved
    assert all(count == 1 for path, count in asked.items() if path.split("/")[-1][:-5] in HANGING)
