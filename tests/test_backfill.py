"""`archive backfill` against a real pywb: eight years of twenty columns, and what a web archive may do wrong."""

from __future__ import annotations

import gzip
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import clinic_archive
import deriving
import evidence
import pytest
from command import archive
from web_archive import Front, Kept, pywb

from columnarchive.archive import Archive, CrawlOptions, Target, WebArchiveSpan
from columnarchive.config import SiteSettings
from columnarchive.crawl.client import ClientOptions
from columnarchive.errors import FetchError, UsageError
from columnarchive.pipeline import web_archives, withdrawal
from columnarchive.reader import Pick
from columnarchive.store.database import Database

pytestmark = [pytest.mark.replay, pytest.mark.slow]
HOST, WWW, OLD = "https://clinic.example", "https://www.clinic.example", "http://clinic.example"
SITE = SiteSettings("clinic.example", (f"{HOST}/",))
Said = tuple[str, str, int]  # first and last time, version


def body(number: int, version: int, charset: str = "utf-8") -> bytes:
    text = evidence.page(number, version).decode().replace("charset=utf-8", f"charset={charset}")
    return text.encode(charset)


def html(charset: str = "utf-8", *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", f"text/html; charset={charset}"), *more)


def stamp(year: int, number: int, month: int = 3, second: int = 0) -> str:
    return f"{year}-{month:02}-{1 + number:02}T00:00:{second:02}Z"


def history(n: int) -> tuple[str, list[Kept], list[Said], list[tuple[str, str]]]:
    """One column: its address at the end, its captures, its revisions, and when it went and came back."""

    def at(year: int, month: int = 3, second: int = 0) -> str:
        return stamp(year, n, month, second)

    def shown(url: str, when: str, version: int, charset: str = "utf-8") -> Kept:
        return Kept(url, when, headers=html(charset), body=body(n, version, charset))

    def again(url: str, when: str, of: str) -> Kept:
        return Kept(url, when, headers=html(), revisit_of=of)

    def sent(url: str, when: str, target: str, status: str = "301 Moved Permanently") -> Kept:
        return Kept(url, when, status, (("Location", target),))

    def absent(url: str, when: str, status: str = "404 Not Found") -> Kept:
        return Kept(url, when, status, html(), b"<html>none</html>")

    path = f"/column/{n}/"
    old, new, www = OLD + path, HOST + path, WWW + path
    kind = n % 5
    if kind == 0:  # charsets change, texts four times
        kept = [
            shown(old, at(2018), 0, "shift_jis"), again(old, at(2018, 9), at(2018)), shown(old, at(2019), 0),
            shown(old, at(2020), 1), shown(old, at(2021), 1), shown(old, at(2022), 2),
            again(old, at(2023), at(2022)), shown(old, at(2024), 2, "euc_jp"), shown(old, at(2025), 3),
            shown(old, at(2026), 3),
        ]  # fmt: skip
        return old, kept, [(at(2018), at(2019), 0), (at(2020), at(2021), 1), (at(2022), at(2024), 2),
                           (at(2025), at(2026), 3)], []  # fmt: skip
    if kind == 1:  # http to https to www and back
        kept = [
            shown(old, at(2018), 0), again(old, at(2019), at(2018)), sent(old, at(2020), new),
            shown(new, at(2020, 3, 1), 0), sent(old, at(2021), new), shown(new, at(2021, 3, 1), 1),
            shown(www, at(2022), 1), shown(www, at(2023), 2), again(new, at(2024), at(2023)), shown(new, at(2026), 3),
        ]  # fmt: skip
        return new, kept, [(at(2018), at(2020, 3, 1), 0), (at(2021, 3, 1), at(2022), 1), (at(2023), at(2024), 2),
                           (at(2026), at(2026), 3)], []  # fmt: skip
    if kind == 2:  # moved to another path, and rewritten there
        blog = f"{HOST}/blog/{n}/"
        kept = [
            shown(old, at(2018), 0), shown(old, at(2019), 1), shown(old, at(2020), 1), sent(old, at(2021), blog),
            shown(blog, at(2021, 3, 2), 1), shown(blog, at(2022), 2), shown(blog, at(2023), 2),
            sent(old, at(2024), blog), shown(blog, at(2025), 3), shown(blog, at(2026), 3),
        ]  # fmt: skip
        return blog, kept, [(at(2018), at(2018), 0), (at(2019), at(2021, 3, 2), 1), (at(2022), at(2023), 2),
                            (at(2025), at(2026), 3)], []  # fmt: skip
    if kind == 3:  # gone, back, gone for good
        kept = [
            shown(new, at(2018), 0), shown(new, at(2019), 0), absent(new, at(2020)), absent(new, at(2020, 6)),
            shown(new, at(2021), 0), shown(new, at(2022), 1), absent(new, at(2022, 6), "500 Server Error"),
            shown(new, at(2023), 1), absent(new, at(2024), "410 Gone"), absent(new, at(2025), "410 Gone"),
        ]  # fmt: skip
        events = [("gone", at(2020)), ("returned", at(2021)), ("gone", at(2024))]
        return new, kept, [(at(2018), at(2021), 0), (at(2022), at(2023), 1)], events
    packed = Kept(new, at(2021), headers=html("utf-8", ("Content-Encoding", "gzip")), body=gzip.compress(body(n, 1)))
    kept = [
        shown(new, at(2018), 0), again(new, at(2019), at(2018)), shown(new, at(2020), 1), packed,
        shown(new, at(2022), 2), shown(new, at(2023), 2), sent(new, at(2024), f"{HOST}/", "302 Found"),
        sent(new, at(2025), f"{HOST}/", "302 Found"), sent(new, at(2025, 6), f"{HOST}/", "302 Found"),
        sent(new, at(2026), f"{HOST}/", "302 Found"),
    ]  # fmt: skip
    return new, kept, [(at(2018), at(2019), 0), (at(2020), at(2021), 1), (at(2022), at(2023), 2)], [("gone", at(2024))]


TOP = "<html><head><title>院</title></head><body><h1>コラム一覧</h1><ul>" + "".join(
    f'<li><a href="/column/{n}/">コラム{n}</a></li>' for n in range(20)
)
OTHERS = [
    Kept(f"{HOST}/", "2018-01-01T00:00:00Z", body=TOP.encode()),
    Kept(f"{HOST}/", "2025-01-01T00:00:00Z", body=TOP.encode() + b"<p>2025</p>"),
    Kept(f"{HOST}/style.css", "2019-01-01T00:00:00Z", headers=(("Content-Type", "text/css"),), body=b"a{}"),
    Kept(f"{HOST}/photo", "2019-01-01T00:00:00Z", headers=(("Content-Type", "image/png"),), body=b"\x89PNG"),
    Kept("https://other.example/column/1/", "2019-01-01T00:00:00Z", body=body(1, 0)),
]
COLUMNS = [history(n) for n in range(20)]
CAPTURES = [one for _, kept, _, _ in COLUMNS for one in kept]
FAILED = 4  # captures of a server error, which say nothing of a page


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with pywb(tmp_path_factory.mktemp("pywb"), sorted([*CAPTURES, *OTHERS], key=lambda one: one.at)) as port:
        yield port


@pytest.fixture(params=[False, True], ids=["pywb", "wayback"])
def front(kept: int, request: pytest.FixtureRequest) -> Iterator[Front]:
    made = Front(kept, request.param)
    yield made
    made.close()


OPTIONS = CrawlOptions(delay=0.0, allow_private=True, client=ClientOptions(backoff=0.01))


def taken(path: Path, front: Front, target: Target | None = None, *, since: str = "", until: str = "",
          options: CrawlOptions = OPTIONS, dry_run: bool = False) -> web_archives.Backfilled:  # fmt: skip
    target = target or Target(SITE, SITE.start, named=False)
    with Database.open(path) as db:
        span = WebArchiveSpan(front.base, since, until)
        done = web_archives.backfill(db, target, span, options, dry_run=dry_run)
        clinic_archive.derive_here(db)
    return done


def text_of(number: int, version: int) -> str:
    article = evidence.page(number, version).decode().partition("</time>")[2].partition("</article>")[0]
    return "\n".join(re.findall(r"<p>(.*?)</p>", article))


def check_history(path: Path) -> None:
    with Archive.open(path, write=False) as archive:
        assert {row.url for row in archive.articles()} == {url for url, _, _, _ in COLUMNS}
        for number, (url, _, said, events) in enumerate(COLUMNS):
            row = archive.article(url)
            found = [(one.first_seen_at, one.last_seen_at, one.number) for one in archive.revisions(row)]
            assert found == [(first, last, at) for at, (first, last, _) in enumerate(said, 1)], url
            for at, (_, _, version) in enumerate(said, 1):
                assert text_of(number, version) in archive.revision(row, Pick(at)).article.text, url
            steps = archive.article_changes(row.id)
            assert [(one.labels[0], one.seen_at) for one in steps if one.from_number == one.to_number] == events, url
            assert row.state == ("gone" if events else "live")


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as conn:
        return conn.execute(query).fetchall()


def test_eight_years_of_twenty_columns_give_exactly_their_revisions(tmp_path: Path, front: Front) -> None:
    path = tmp_path / "a.db"
    counted = taken(path, front, dry_run=True)
    assert rows(path, "select count(*) from captures") == [(0,)]
    done = taken(path, front)
    assert (counted.listed, counted.fetched) == (done.listed, done.fetched)
    assert done.listed == len(CAPTURES) + 2 - FAILED
    assert done.summary.failures == []
    assert front.replays.total() == done.fetched < done.listed
    assert front.most_at_once == 1
    check_history(path)
    assert rows(path, "select distinct source from captures") == [(f"wayback:{front.base.split('/')[2]}",)]
    with Database.open(path) as db:
        assert deriving.check(db) == []
    again = taken(path, front)
    assert (again.fetched, again.summary.known, again.summary.added) == (0, again.listed, 0)


def command(path: Path, front: Front, *more: str) -> list[str]:
    named = ["backfill", f"{HOST}/", "--from", front.base, "--allow-private", "--delay", "0", *more]
    return [sys.executable, "-m", "columnarchive", "--db", str(path), *named]


def test_killed_twice_it_goes_on_and_ends_the_same(tmp_path: Path, front: Front) -> None:
    path = tmp_path / "a.db"
    for limit in (60, 150):
        with subprocess.Popen(command(path, front), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            front.on_replay = lambda count, limit=limit, process=process: process.kill() if count == limit else None
            assert process.wait(60) == -signal.SIGKILL
    front.on_replay = lambda _: None
    done = subprocess.run(command(path, front), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    check_history(path)
    fetched_twice = sum(front.replays.values()) - len(front.replays)
    assert fetched_twice <= 2 * web_archives.GROUP


def test_a_span_and_a_single_page(tmp_path: Path, front: Front) -> None:
    since, until = "2020-01-01T00:00:00Z", "2022-01-01T00:00:00Z"
    done = taken(tmp_path / "a.db", front, since=since, until=until)
    assert {year for year, _ in done.years} == {"2020", "2021"}
    assert rows(tmp_path / "a.db", "select min(fetched_at) >= '2020', max(fetched_at) < '2022' from captures") == [
        (1, 1)
    ]
    page = Target(SITE, (f"{HOST}/column/3/",))
    assert taken(tmp_path / "b.db", front, page).listed == 9
    assert rows(tmp_path / "b.db", "select distinct url from pages where url like '%column%'") == [
        (f"{HOST}/column/3/",)
    ]


def test_what_was_withdrawn_is_not_fetched(tmp_path: Path, front: Front) -> None:
    path, url = tmp_path / "a.db", f"{HOST}/column/3/"
    with Database.open(path) as db:
        evidence.fill(db, [evidence.capture(url, "2026-05-01T00:00:00Z", body(3, 1))])
        clinic_archive.derive_here(db)
        withdrawal.withdraw(db, url, "", "request of the person named", lambda _: None)
    taken(path, front)
    assert not [asked for asked in front.replays if "/column/3/" in asked]
    assert rows(path, f"select count(*) from captures join pages on pages.id = page_id where url = '{url}'") == [(1,)]


def test_a_busy_archive_is_waited_for_and_one_that_refuses_is_left_alone(tmp_path: Path, front: Front) -> None:
    front.on_replay = lambda count: (503, {"Retry-After": "0"}) if count % 20 == 3 else None
    assert taken(tmp_path / "a.db", front).summary.failures == []
    check_history(tmp_path / "a.db")
    before = front.replays.total()
    front.on_replay = lambda count: (429, {"Retry-After": "7200"}) if count > before + 30 else None
    done = taken(tmp_path / "b.db", front)
    assert "does not answer any more" in str(done.stopped)
    assert front.replays.total() == before + 31
    assert done.summary.added >= 30


def test_pages_of_the_web_archive_itself_are_never_taken_for_the_site(tmp_path: Path, front: Front) -> None:
    """Its error pages, other captures than the one asked for, and pages that it rewrote."""
    front.on_replay = lambda count: (200, {"Content-Type": "text/html"}) if count % 3 else (404, {})
    done = taken(tmp_path / "a.db", front)
    assert done.summary.failed == done.fetched
    assert rows(tmp_path / "a.db", "select count(*) from bodies") == [(0,)]


@pytest.mark.parametrize("base", ["ftp://x/", "nowhere", "http://127.0.0.1:1/web", ""])
def test_what_is_no_web_archive_is_one_sentence(tmp_path: Path, base: str) -> None:
    with Database.open(tmp_path / "a.db") as db, pytest.raises((UsageError, FetchError)) as raised:
        web_archives.backfill(db, Target(SITE, SITE.start, named=False), WebArchiveSpan(base), OPTIONS)
    assert str(raised.value).endswith(".")


def test_the_command_witness_takes_over_what_is_of_our_own_time(tmp_path: Path, front: Front) -> None:
    path, url = tmp_path / "a.db", f"{HOST}/column/3/"
    with Database.open(path) as db:
        for year, version in ((2017, 0), (2019, 0), (2021, 1), (2023, 1)):
            evidence.fill(db, [evidence.capture(url, f"{year}-01-01T00:00:00Z", body(3, version))])
        clinic_archive.derive_here(db)
    done = archive("witness", url, "--from", front.base, "--allow-private", db=path)
    # Version 0 in 2018 and 2019 is between two of ours with it, in 2021 between two of ours with version 1.
    assert [line.split(": ")[1].split(",")[0] for line in done.stdout.splitlines() if line[:2] == "20"] == [
        "agrees", "agrees", "differs", "agrees"
    ]  # fmt: skip
    assert {path.split("/")[0][:4] for path in front.replays} <= {"2018", "2019", "2020", "2021", "2022"}


MEASURED = """
import re, sys
from pathlib import Path
from columnarchive.archive import CrawlOptions, Target, WebArchiveSpan
from columnarchive.config import SiteSettings
from columnarchive.pipeline import web_archives
from columnarchive.store.database import Database

site = SiteSettings("clinic.example", ("https://clinic.example/",))
with Database.open(Path(sys.argv[1])) as db:
    options = CrawlOptions(delay=0.0, allow_private=True)
    done = web_archives.backfill(db, Target(site, site.start, named=False), WebArchiveSpan(sys.argv[2]), options)
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(done.listed, done.summary.added, peak)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_the_number_of_captures(tmp_path: Path) -> None:
    """Ten thousand captures of 500 pages, two versions each, against a tenth of them."""
    peaks = []
    for pages in (50, 500):
        folder = tmp_path / str(pages)
        folder.mkdir()
        many = [
            Kept(f"{HOST}/column/{n}/", f"{2018 + day // 4}-0{1 + day % 4}-01T00:00:00Z", body=body(n, day // 10))
            for n in range(pages)
            for day in range(20)
        ]
        with pywb(folder, many) as port:
            arguments = [sys.executable, "-c", MEASURED, str(folder / "a.db"), f"http://127.0.0.1:{port}/ours"]
            done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        listed, added, peak = map(int, done.stdout.split())
        assert (listed, added) == (20 * pages, 20 * pages)
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 16_000, peaks
