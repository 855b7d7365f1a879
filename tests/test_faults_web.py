"""Requests that no reader would send: each is answered with a page or one sentence, never with a traceback."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import pytest
from browser import sample
from datasette.app import Datasette
from deriving import spread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnarchive.browse.views import ROUTES

HOME = "/-/archive"
NANBYO = sample.NANBYO
EXPECTED = (200, 302, 400, 404, 410)
FAULT = "could not be made"  # what the containment boundary logs


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.copy(tmp_path_factory)


class Pages:
    """A Datasette that stays started over many requests."""

    def __init__(self, archive: Path, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._datasette = Datasette([str(archive)], **options)
        self._loop.run_until_complete(self._datasette.invoke_startup())

    def get(self, page: str, **arguments: str) -> Any:
        query = urlencode(arguments, errors="surrogatepass")
        where = f"{HOME}/{page}".rstrip("/") + (f"?{query}" if query else "")
        return self._loop.run_until_complete(self._datasette.client.get(where))

    def close(self) -> None:
        self._loop.close()


@pytest.fixture(scope="module")
def pages(archive: Path) -> Iterator[Pages]:
    made = Pages(archive)
    yield made
    made.close()


@pytest.mark.parametrize(
    "day",
    ["0001-01-01", "9999-12-31", "0999-06-01", "99999-01-01", "2026-02-30", "-1", "1e9", "\x00", "٢٠٢٦-٠١-٠١",
     "2026-01-01T00:00+99:99", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\ud800", "9" * 5000],
)  # fmt: skip
@pytest.mark.parametrize(
    ("page", "name"),
    [("search", "since"), ("search", "until"), ("feed", "since"), ("article", "at"), ("diff", "from"),
     ("evidence", "to"), ("capture", "at")],
)  # fmt: skip
def test_odd_days_are_answered(pages: Pages, page: str, name: str, day: str, caplog: pytest.LogCaptureFixture) -> None:
    response = pages.get(page, url=NANBYO, q="難病", **{name: day})
    assert response.status_code in EXPECTED
    assert FAULT not in caplog.text


@pytest.mark.parametrize("site", ["a" * 50_000, "*" * 3000, "[" * 3000, "難" * 5000, "\x00", "'", "%", "\ud800"])
@pytest.mark.parametrize("page", ["", "search", "feed", "articles", "copies"])
def test_odd_sites_are_answered(pages: Pages, page: str, site: str) -> None:
    assert pages.get(page, site=site, q="難病").status_code in EXPECTED
    assert pages.get("site", name=site).status_code in EXPECTED


@pytest.mark.parametrize("start", ["9" * 60, "-1", "1e9", "²", "\x00", "4999", "2000"])
def test_odd_numbers_are_answered(pages: Pages, start: str) -> None:
    for page in ("", "articles", "search", "copies"):
        assert pages.get(page, start=start, level=start, q="a").status_code in EXPECTED
    assert pages.get("change", id=start).status_code in EXPECTED
    assert pages.get("article", url=NANBYO, revision=start).status_code in EXPECTED


ADDRESSES = (
    "https://clinic.example:443/column/nanbyo-kansaibou/",
    "HTTPS://CLINIC.example/column/nanbyo-kansaibou/#edit-3",
    "https://clinic.example/column/./x/../nanbyo-kansaibou/?utm_source=mail&utm_campaign=7",
    "https://clinic.example/column/nanbyo-kansaibou/?fbclid=abc#:~:text=x",
    " https://clinic.example/column/nanbyo-kansaibou/ ",
    "https://ｃｌｉｎｉｃ.example/column/nanbyo-kansaibou/",
)


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize(
    "page", ["article", "diff", "captures", "capture", "replay", "body", "evidence", "feed"]
)  # fmt: skip
def test_an_address_is_found_however_it_is_written(pages: Pages, page: str, url: str) -> None:
    assert pages.get(page, url=url).status_code == 200


def test_a_withdrawn_page_is_found_however_its_address_is_written(pages: Pages) -> None:
    for page in ("article", "captures", "capture", "body", "evidence", "diff", "replay"):
        for url in (
            sample.WITHDRAWN,
            f"{sample.WITHDRAWN}#top",
            f"{sample.WITHDRAWN}?gclid=x".replace("https", "HTTPS"),
        ):
            response = pages.get(page, url=url)
            assert response.status_code == 410 or page == "captures"
            assert "本人の求めによる" in response.text


def test_who_may_not_see_withdrawals_is_not_told_their_reasons(archive: Path) -> None:
    allow = {"databases": {"a": {"tables": {"withdrawals": {"allow": False}}}}}
    for options in ({"metadata": allow}, {"config": allow}):
        try:
            pages = Pages(archive, **options)
        except TypeError:
            continue  # Datasette 0.65 has no `config`
        for page in ("article", "captures", "capture", "body", "evidence", "diff", "replay"):
            response = pages.get(page, url=sample.WITHDRAWN, lang="en")
            assert response.status_code in (200, 404)
            assert "本人の求めによる" not in response.text
            assert "ab" * 32 not in response.text
        assert pages.get("article", url=NANBYO).status_code == 200
        pages.close()


def test_a_page_with_one_capture_withdrawn_keeps_the_reason_too(tmp_path: Path, archive: Path) -> None:
    path = tmp_path / "a.db"
    shutil.copyfile(archive, path)
    with sqlite3.connect(path) as conn:
        conn.execute(
            "insert into withdrawals(url, at, captured_at, reason, digests) values (?, ?, ?, '秘密の理由', '[]')",
            (NANBYO, "2026-05-01T00:00:00Z", "2025-10-20T01:00:00Z"),
        )
    for denied in (False, True):
        tables = {"withdrawals": {"allow": False}} if denied else {}
        pages = Pages(path, metadata={"databases": {"a": {"tables": tables}}})
        for page in ("article", "captures", "capture"):
            response = pages.get(page, url=NANBYO)
            assert response.status_code == 200
            assert ("秘密の理由" in response.text) is not denied
        pages.close()


@pytest.mark.parametrize("sign", ["\uffff", "\ufffe", "\x0b", "\x1b", "\x7f", "\u2028", "]]>", "\U0001ffff"])
def test_the_feed_is_xml_whatever_a_page_says(archive: Path, tmp_path: Path, sign: str) -> None:
    path = tmp_path / "a.db"
    shutil.copyfile(archive, path)
    with sqlite3.connect(path) as conn:
        conn.execute("update articles set title = ? || title", (sign,))
        conn.execute("update changes set summary = summary || ?", (sign,))
    pages = Pages(path)
    for arguments in ({}, {"q": "難病"}, {"q": sign + "難病"}, {"label": sign}, {"site": sign}):
        response = pages.get("feed", **arguments)
        assert response.status_code == 200
        ElementTree.fromstring(response.content)
    pages.close()


@pytest.mark.parametrize(
    "damage",
    spread(
        [
            "update changes set labels = '{not json'",
            "update changes set summary = cast(x'e0ff' as text)",
            "update articles set title = cast(x'e0ff' as text)",
            "update revisions set first_seen_at = 'soon'",
            "update captures set headers = '[1'",
            "update bodies set data = x'00'",
            "update edits set spans = '[[[['",
            "update articles set first_seen_at = '9999-12-31T23:30:00Z', last_seen_at = '0999-01-01T00:00:00Z'",
            "update changes set seen_at = '9999-12-31T23:30:00Z'",
            "drop table copies",
        ],
        6,
    ),
)
def test_damaged_rows_cost_their_pages_only(archive: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.db"
    shutil.copyfile(archive, path)
    with sqlite3.connect(path) as conn:
        conn.execute(damage)
    pages = Pages(path)
    answers = [pages.get(route.page, url=NANBYO, q="難病", lang="en", name=sample.SITE) for route in ROUTES]
    for response in answers:
        assert response.status_code in (*EXPECTED, 500)
        assert "Traceback" not in response.text
        if response.status_code == 500:
            assert "cannot be read" in response.text or "damaged" in response.text
    assert any(response.status_code == 200 for response in answers)
    pages.close()


NAMES = (
    "q", "url", "site", "since", "until", "scope", "start", "at", "from", "to", "revision", "view", "show", "level",
    "label", "id", "key", "name", "lang", "db",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [*ADDRESSES, NANBYO, sample.HOSTILE, sample.GONE, sample.WITHDRAWN, sample.SITE, "難病", "side", "all"]
    ),
    st.sampled_from(["1", "2", "-1", "2026-01-15", "2026-01-15T01:00:00Z", "removed", "price", "javascript:alert(1)"]),
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            ["site:", "since:", "until:", "title:", "OR", '"', "-", "(", "*", "難病", "2026", "NEAR", "^", ":"]
        ),
        max_size=30,
    ).map(" ".join),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    page=st.sampled_from([route.page for route in ROUTES]), arguments=st.dictionaries(st.sampled_from(NAMES), VALUES)
)
def test_any_request_is_answered(
    pages: Pages, caplog: pytest.LogCaptureFixture, page: str, arguments: dict[str, str]
) -> None:
    response = pages.get(page, **arguments)
    assert response.status_code in EXPECTED
    assert FAULT not in caplog.text
    if page == "feed" and response.status_code == 200:
        ElementTree.fromstring(response.content)
    else:
        assert quote("<script>") not in response.headers.get("location", "")
