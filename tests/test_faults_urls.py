"""Faults found by attack: one page under several forms of its address, and addresses that hide what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence import at, capture, fill, page
from hypothesis import given
from hypothesis import strategies as st

from columnarchive.errors import NotFound, UsageError
from columnarchive.reader import Reader
from columnarchive.store.database import Database
from columnarchive.urls import canonical, lookup_forms, validated

STORED = "http://xn--eckwd4c7cu47r2wf.example/%E3%82%B3%E3%83%A9%E3%83%A0/%E8%86%9D?no=1"


@pytest.mark.parametrize(
    "asked",
    [
        "http://ドメイン名例.example/コラム/膝?no=1",
        "HTTP://XN--ECKWD4C7CU47R2WF.EXAMPLE:80/コラム/膝?no=1",
        f"{STORED}#top",
        f" {STORED}\n",
        f"{STORED}&utm_source=feed&fbclid=x",
        STORED.lower(),
        STORED.replace("/%E8", "/a/../%E8"),
        STORED.replace("?", ";jsessionid=ABCDEF?"),
        STORED.replace("http://", "http://me:secret@"),
    ],
)
def test_a_page_is_found_under_every_form_of_its_address(tmp_path: Path, asked: str) -> None:
    with Database.open(tmp_path / "a.db") as db:
        fill(db, [capture(STORED, at(0), page(0))])
        assert Reader(db.conn).captures(asked)[0].url == STORED
        with pytest.raises(NotFound):
            Reader(db.conn).captures(asked.replace("no=1", "no=2"))


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("https://clinic.example/%e8%86%9d/", "https://clinic.example/膝/"),
        ("https://clinic.example/column/", "https://clinic.example/column/index.html"),
        ("https://clinic.example/%83R/", "https://Clinic.example:443/%83R/?utm_medium=mail"),
    ],
)
def test_a_page_stored_as_its_server_or_settings_write_it_is_found(stored: str, asked: str) -> None:
    assert stored in lookup_forms(asked)


@given(st.text(max_size=60))
def test_any_text_has_a_form(text: str) -> None:
    assert text in lookup_forms(text) or text.strip() in lookup_forms(text) or canonical(text) in lookup_forms(text)


@given(st.text(st.sampled_from("ab/?#&=;%E3あ.:@ \t\n"), max_size=40))
def test_the_canonical_form_of_a_canonical_form_is_itself(rest: str) -> None:
    try:
        once = canonical(f"https://clinic.example/{rest}")
    except UsageError:
        return
    assert canonical(once) == once


@pytest.mark.parametrize(
    "url",
    [
        "http://clinic.example/a\tb", "http://clinic.example/\na", "ht\ntp://clinic.example/", "http://clinic.example/\x00",
        "http://clinic.example/\u2028", "javascript:alert(1)", "data:text/html,x", "/column/", "", "http:///",
    ],
)  # fmt: skip
def test_addresses_that_hide_what_they_are_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        validated(url)


def test_what_is_longer_than_any_address_is_none() -> None:
    assert canonical("https://clinic.example/" + "a" * 7000).endswith("aaa")
    for url in ("https://clinic.example/" + "a" * 8000, "https://" + "a." * 5000 + "example/", "?" + "a=1&" * 3000):
        with pytest.raises(UsageError):
            canonical(url, "https://clinic.example/")
