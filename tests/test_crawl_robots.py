"""robots.txt by RFC 9309, on the cases of crawler-commons and from the server's side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnarchive.crawl.robots import MAX_BYTES, Rules, decode_robots
from columnarchive.records import RobotsFile
from columnarchive.times import to_text

AT = "https://clinic.example"


def rules(text: str, status: int = 200, at: str = "2026-11-22T00:00:00Z") -> Rules:
    return Rules.parse(RobotsFile(AT, status, text, at))


def allowed(folder: Path, name: str, agent: str, path: str) -> bool:
    """What a file of the test data says to another crawler, read as we read files."""
    parsed = rules(decode_robots((folder / name).read_bytes())).parsed
    assert parsed is not None
    return bool(parsed.can_fetch(AT + path, agent))


# File, agent, path and what RFC 9309 says.
CASES = [
    ("rfc9309-example-simple-robots.txt", "foobot", "/example/page.html", True),
    ("rfc9309-example-simple-robots.txt", "foobot", "/other", False),
    ("rfc9309-example-simple-robots.txt", "barbot", "/example/page.html", False),
    ("rfc9309-example-simple-robots.txt", "quxbot", "/example/page.html", True),
    ("rfc9309-example-simple-robots.txt", "other", "/publications/a.html", True),
    ("rfc9309-example-simple-robots.txt", "other", "/a.gif", False),
    ("rfc9309-example-longest-match-robots.txt", "foobot", "/example/page/a.html", True),
    ("rfc9309-example-longest-match-robots.txt", "foobot", "/example/page/disallowed.gif", False),
    ("rfc9309-example-rule-group-merging.txt", "ExampleBot", "/baz", False),
    ("rfc9309-example-rule-group-merging.txt", "BazBot", "/foo", True),
    ("rfc9309-example-rule-group-merging.txt", "ExampleBot", "/bar", False),
    ("crawl-delay-group-merging.txt", "mybot", "/private/x", False),
    ("crawl-delay-group-merging.txt", "mybot", "/login/", True),
    ("crawl-delay-group-merging.txt", "yourbot", "/private/x", False),
    ("crawl-delay-group-merging.txt", "yourbot", "/login/", False),
    ("crawl-delay-group-merging.txt", "other", "/login/", True),
    ("extensions-group-merging.txt", "mybot", "/private/x", False),
    ("extensions-group-merging.txt", "mybot", "/login/", False),
    ("extensions-group-merging.txt", "yourbot", "/private/x", False),
    ("extensions-group-merging.txt", "yourbot", "/login/", False),
    ("extensions-group-merging.txt", "other", "/x", False),
    ("extensions-group-merging.txt", "other", "/llms.txt", True),
    ("extension-robots.txt", "mybot", "/private/x", False),
    ("extension-robots.txt", "mybot", "/secret/x", True),
    ("extension-robots.txt", "otherbot", "/admin/", False),
    ("extension-robots.txt", "other", "/private/x", True),
    ("extended-standard-robots.txt", "bot1", "/x", True),
    ("extended-standard-robots.txt", "bot2", "/x", True),
    ("extended-standard-robots.txt", "bot3", "/x", True),
    ("extended-standard-robots.txt", "bot4", "/x", True),
    ("directive-typos-robots.txt", "bot1", "/dissalow/", False),
    ("directive-typos-robots.txt", "bot2", "/useragent/", False),
    ("directive-typos-robots.txt", "bot4", "/useragent-no-colon/", False),
    # Differ: crawler-commons takes these for rules too. The standard knows no typos; those that are taken above are the
    # ones that sites make so often that the large search engines take them.
    ("directive-typos-robots.txt", "bot1", "/desallow/", True),
    ("directive-typos-robots.txt", "bot3", "/useg-agent/", True),
    ("many-user-agents.txt", "Foobot", "/", False),
    ("many-user-agents.txt", "BackDoorBot", "/x", False),
    ("many-user-agents.txt", "mybot", "/index.html", True),
    ("many-user-agents.txt", "mybot", "/bot-trap/", False),
    ("wildcards.txt", "other", "/gp/registry/wishlist/1234/reserve", False),
    ("wildcards.txt", "other", "/wishlist/universal-a", True),
    ("wildcards.txt", "other", "/a/b/gcrnsts", False),
    ("wildcards.txt", "other", "/fish.html", True),
    ("dos-line-endings.txt", "other", "/x", True),
    ("relative-sitemap-robots.txt", "other", "/cache/x", False),
    ("sitemap-robots.txt", "other", "/x", True),
    ("sitemap-robots-dedup.txt", "other", "/x", True),
    ("astore.amazon.com-robots.txt", "other", "/x", True),
    ("merge-rules.txt", "wget", "/tmp/bar", False),
    ("merge-rules.txt", "wget", "/foo/bar", True),
    ("precedence-of-rules.txt", "testy", "/foo/bar", True),
    ("precedence-of-rules.txt", "wget", "/index.html", True),
    ("robots-with-utf8-bom.txt", "other", "/login.aspx", False),
    ("robots-with-utf16le-bom.txt", "other", "/login.aspx", False),
    ("robots-with-utf16be-bom.txt", "other", "/login.aspx", False),
    ("format-errors-robots.txt", "bot1", "/whitespace-before-colon/", False),
    ("malformed-path.txt", "other", "/wiki/Wikipedia_talk:Mediation_Committee/", False),
    ("twitter.com-robots.txt", "other", "/a?b", False),
    ("www.flot.com-robots.txt", "other", "/news/", True),
]


@pytest.mark.parametrize(("name", "agent", "path", "wanted"), CASES)
def test_the_cases_of_others(shared: Path, name: str, agent: str, path: str, wanted: bool) -> None:
    assert allowed(shared / "conformance/crawler-commons/robots", name, agent, path) is wanted


def test_all_files_of_others_are_asked(shared: Path) -> None:
    folder = shared / "conformance/crawler-commons/robots"
    assert {path.name for path in folder.glob("*.txt")} == {name for name, *_ in CASES}


@pytest.mark.parametrize(
    ("name", "sitemaps", "delay"),
    [
        ("dos-line-endings.txt", 0, 1.0),
        ("relative-sitemap-robots.txt", 1, 0.0),
        ("sitemap-robots-dedup.txt", 1, 0.0),
        ("sitemap-robots.txt", 2, 0.0),
        ("extension-robots.txt", 1, 0.0),
        ("crawl-delay-group-merging.txt", 0, 30.0),
        ("astore.amazon.com-robots.txt", 0, 5.0),
    ],
)
def test_sitemaps_and_delays_of_the_files_of_others(shared: Path, name: str, sitemaps: int, delay: float) -> None:
    found = rules(decode_robots((shared / "conformance/crawler-commons/robots" / name).read_bytes()))
    assert (len(found.sitemaps), found.delay) == (sitemaps, delay)


def test_a_delay_ends_no_group() -> None:
    text = "User-agent: *\nCrawl-delay: 9\n\nUser-agent: columnarchive\nRequest-rate: 1/5\nDisallow: /private/\n"
    assert not rules(text).allows(AT + "/private/x")
    assert rules(text).allows(AT + "/column/")
    other = rules(text.replace("columnarchive", "otherbot"))
    assert not other.allows(AT + "/private/x"), "what follows is said to both"
    assert other.delay == 9.0
    for end in ("\r", "\r\n"):
        assert not rules(text.replace("\n", end)).allows(AT + "/private/x")
        assert rules(text.replace("\n", end)).allows(AT + "/column/")


def test_what_the_status_means() -> None:
    assert rules("", 404).allows(AT + "/column/")
    assert rules("", 403).allows(AT + "/column/")
    for status in (0, 429, 500, 503):
        assert not rules("User-agent: *\nAllow: /", status).allows(AT + "/column/")
        assert not rules("", status).readable


def test_delay_is_bounded_and_sitemaps_are_named_once() -> None:
    found = rules("User-agent: *\nCrawl-delay: 3600\nSitemap: /a.xml\nSitemap: /a.xml\n")
    assert found.delay == 60.0
    assert found.sitemaps == ("/a.xml",)
    assert rules("User-agent: *\nCrawl-delay: 5").delay == 5.0
    assert rules("User-agent: *\nCrawl-delay: x").delay == 0.0


def test_our_own_name_is_obeyed_before_the_star() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: columnarchive\nDisallow: /private/\n"
    assert rules(text).allows(AT + "/column/")
    assert not rules(text).allows(AT + "/private/x")


def test_only_the_first_500_kib_count_and_no_rule_is_cut() -> None:
    text = decode_robots(b"User-agent: *\n" + b"Disallow: /nothing/here\n" * 40_000 + b"Disallow: /\n")
    assert len(text) <= MAX_BYTES
    assert text.endswith("Disallow: /nothing/here\n")


def test_a_file_is_fresh_for_a_day_unless_it_could_not_be_read() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    kept = rules("", at=to_text(at))
    assert kept.is_fresh(at + timedelta(hours=23))
    assert not kept.is_fresh(at + timedelta(hours=25))
    assert not kept.is_fresh(at - timedelta(hours=1)), "a clock set back"
    assert not rules("", 503, to_text(at)).is_fresh(at)


@given(st.binary(max_size=300))
def test_any_bytes_are_rules(body: bytes) -> None:
    assert rules(decode_robots(body)).allows(AT + "/column/") in (True, False)
