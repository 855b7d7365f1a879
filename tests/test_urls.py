"""Addresses: the WHATWG standard's own cases, one canonical form, scope, shapes and traps."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnarchive.errors import UsageError
from columnarchive.urls import address, canonical, host_of, in_scope, is_specific, resolve, shape, trap

WPT = (
    "urltestdata.json",
    "ada_extra_urltestdata.json",
    "ada_long_urltestdata.json",
    "urltestdata-javascript-only.json",
)


def test_all_cases_of_the_standard(shared: Path) -> None:
    cases = [case for name in WPT for case in json.loads((shared / "conformance/wpt" / name).read_text("utf-8"))]
    wrong = []
    for case in (case for case in cases if isinstance(case, dict)):
        try:
            found: str | None = resolve(case["input"], case.get("base") or "")
        except UsageError:
            found = None
        if found != (None if case.get("failure") else case["href"]):
            wrong.append((case, found))
    assert not wrong
    assert len(cases) > 900


@pytest.mark.parametrize("name", ["toascii.json", "IdnaTestV2.json", "IdnaTestV2-removed.json"])
def test_all_host_names_of_the_standard(shared: Path, name: str) -> None:
    cases = json.loads((shared / "conformance/wpt" / name).read_text("utf-8"))
    for case in (case for case in cases if isinstance(case, dict) and case["input"]):
        try:
            found: str | None = host_of(f"https://{case['input']}/x")
        except UsageError:
            found = None
        assert found == case["output"], case


def test_resolving_as_others_do(shared: Path) -> None:
    path = shared / "conformance/crawler-commons/url-utils/url-resolve.csv"
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    for given_url, base, wanted, *_ in csv.reader(lines, skipinitialspace=True):
        assert resolve(given_url, base) == wanted


def unreserved(found: re.Match[str]) -> str:
    sign = chr(int(found[1], 16))
    return sign if sign.isascii() and (sign.isalnum() or sign in "-._~") else found[0].upper()


def sorted_query(url: str) -> str:
    path, mark, query = url.partition("?")
    kept = sorted(part.removesuffix("=") for part in query.split("&") if part.partition("=")[0])
    return path + mark * bool(kept) + "&".join(kept)


# What crawler-commons does to an address beyond the standard, and why we do not.
BEYOND: dict[str, tuple[str, Callable[[str], str]]] = {
    "signs": (
        "signs that the standard leaves in paths and queries stay, as every browser sends them",
        lambda url: re.sub(r"[\[\]^`|]|%(?![0-9A-Fa-f]{2})", lambda sign: f"%{ord(sign[0]):02X}", url),
    ),
    "escapes": (
        "escapes stay as written, as in browsers; a crawl fetches only one of several spellings (crawl/spellings.py)",
        lambda url: re.sub(r"%([0-9A-Fa-f]{2})", unreserved, url),
    ),
    "slashes": ("doubled slashes stay: servers tell them apart", lambda url: re.sub(r"(?<![:/])/+", "/", url)),
    "query": (
        "parameters keep their order and stay without a name or a value: programs may depend on it",
        sorted_query,
    ),
    "dot": ("a host's trailing dot stays, as in browsers", lambda url: re.sub(r"\.(?=/$)", "", url)),
}


def beyond(found: str, wanted: str) -> list[str]:
    """What must be done to our form of an address to make it theirs, and nothing else need be."""
    steps = []
    for name, (_, change) in BEYOND.items():
        if found == wanted:
            break
        if (after := change(found)) != found:
            steps.append(name)
            found = after
    assert found == wanted
    return steps


def test_normalising_differs_only_for_a_reason(shared: Path) -> None:
    path = shared / "conformance/crawler-commons/normalizer/weirdToNormalizedUrls.csv"
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    differs: Counter[str] = Counter()
    for weird, wanted, *_ in csv.reader(lines, skipinitialspace=True):
        if not re.match(r"https?://[^/]", weird, re.I):
            with pytest.raises(UsageError):  # no address for us: another scheme, none at all, or no host
                canonical(weird)
            differs["none"] += 1
        else:
            differs.update(beyond(canonical(weird), wanted.strip()) or ["same"])
    assert differs == {"same": 63, "none": 9, "signs": 9, "escapes": 14, "slashes": 6, "query": 11, "dot": 1}


def test_what_crawler_commons_calls_no_address(shared: Path) -> None:
    path = shared / "conformance/crawler-commons/normalizer/invalidUrls.csv"
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    for line in lines:
        with pytest.raises(UsageError):
            canonical(line)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("HTTP://Clinic.Example:80/a/../column/?utm_source=x#top", "http://clinic.example/column/"),
        ("https://clinic.example:443", "https://clinic.example/"),
        ("https://clinic.example/c?id=3&fbclid=abc&page=2", "https://clinic.example/c?id=3&page=2"),
        ("https://clinic.example/c;jsessionid=ABC123?x=1", "https://clinic.example/c?x=1"),
        ("https://clinic.example/c?PHPSESSID=0123456789abcdef0123456789abcdef", "https://clinic.example/c"),
        ("https://clinic.example/c?sid=0123456789abcdef0123", "https://clinic.example/c"),
        ("https://clinic.example/c?s=膝", "https://clinic.example/c?s=%E8%86%9D"),
        ("https://クリニック.example/列/", "https://xn--pcka3d5a7l.example/%E5%88%97/"),
        ("http://clinic.example/%83R%83%89%83%80.html", "http://clinic.example/%83R%83%89%83%80.html"),
        ("http://user:pass@clinic.example/", "http://clinic.example/"),
        ("http://clinic.example/?", "http://clinic.example/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
    ],
)
def test_canonical(url: str, wanted: str) -> None:
    assert canonical(url) == wanted


def test_site_settings_of_the_canonical_form() -> None:
    assert canonical("http://a.example/x/index.html", drop_index=True) == "http://a.example/x/"
    assert canonical("http://a.example/x/index.html") == "http://a.example/x/index.html"
    assert canonical("http://a.example/?from=top&p=1", drop=("from",)) == "http://a.example/?p=1"


@given(st.text(max_size=60))
def test_canonical_of_canonical(text: str) -> None:
    try:
        once = canonical("http://clinic.example/" + text)
    except UsageError:
        return
    assert canonical(once) == once
    assert address(once).origin.startswith("http")


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_but_usage_errors(url: str, base: str) -> None:
    for call in (
        lambda: canonical(url, base),
        lambda: resolve(url),
        lambda: host_of(url),
        lambda: in_scope(url, ("a",)),
    ):
        with contextlib.suppress(UsageError):
            call()


def test_hosts_and_scope() -> None:
    assert host_of("https://Clinic.example:443/x") == "clinic.example"
    assert host_of("http://127.0.0.1:8080/x") == "127.0.0.1:8080"
    assert in_scope("https://www.clinic.example/a", ("clinic.example",))
    assert not in_scope("https://clinic.example.evil.test/a", ("clinic.example",))
    assert not in_scope("ftp://clinic.example/a", ("clinic.example",))
    assert in_scope("https://clinic.example/column/1", ("clinic.example",), ("/column/",))
    assert not in_scope("https://clinic.example/staff/1", ("clinic.example",), ("/column/",))


@pytest.mark.parametrize(
    ("url", "wanted", "specific"),
    [
        ("http://a.example/blog/2014/11/post-33.html", "/blog/0/0/*.html", True),
        ("http://a.example/column/hiza/", "/column/*/", True),
        ("http://a.example/column/hiza/index.html", "/column/*/", True),
        ("http://a.example/access/", "/*/", False),
        ("http://a.example/access.html", "/*.html", False),
        ("http://a.example/?p=12", "/?p", True),
        ("http://a.example/column/detail.php?id=3", "/column/detail.php?id", True),
    ],
)
def test_shapes(url: str, wanted: str, specific: bool) -> None:
    assert shape(url) == wanted
    assert is_specific(wanted) is specific


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/" + "x" * 2500,
        "http://a.example/column/more/more/more/",
        "http://a.example/" + "a/b/" * 10,
        "http://a.example/calendar/2150/03/",
        "http://a.example/?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9",
    ],
)
def test_traps(url: str) -> None:
    assert trap(url)
    assert not trap("http://a.example/blog/2014/11/post-33.html?page=2")
