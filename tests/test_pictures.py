"""Pictures of articles: which belong to the text, what the page says of them, and how they change."""

from __future__ import annotations

from pathlib import Path

import clinic_archive
import picture_clinic
import pytest

from columnarchive.reader import ChangeFilter, LedgerFilter, PictureRow, Reader
from columnarchive.records import Capture
from columnarchive.store import captures, sites
from columnarchive.store.database import Database

HAISHA = ("section_added", "sentence_added", "picture_added", "risk_added", "disclosure_added")
DAYS = ("2026-01-10", "2026-02-10", "2026-03-10", "2026-04-10")


def url(name: str) -> str:
    return f"{picture_clinic.HOST}/column/{name}/"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clinic over four versions, nothing but its pages fetched."""
    path = tmp_path_factory.mktemp("pictures") / "archive.db"
    with Database.open(path) as db:
        with db.transaction():
            site = sites.ensure_site(db, "gazou.example", f"{DAYS[0]}T00:00:00Z")
            for version, day in enumerate(DAYS, 1):
                for minute, name in enumerate(picture_clinic.COLUMNS):
                    body = picture_clinic.page(name, version).encode()
                    kind = (("Content-Type", "text/html; charset=utf-8"),)
                    at = f"{day}T00:{minute:02}:00Z"
                    page = sites.ensure_page(db, site, url(name))
                    captures.add(db, page, Capture(url(name), url(name), at, 200, kind, body, "ok"))
        clinic_archive.derive_here(db)
    return path


def pictures(path: Path, name: str) -> list[PictureRow]:
    with Reader.open(path) as reader:
        return reader.pictures(reader.article(url(name)))


def changes(path: Path, name: str) -> list[tuple[str, tuple[str, ...], int]]:
    with Reader.open(path) as reader:
        found = reader.changes(ChangeFilter(url=url(name)))
    return [(one.seen_at[:10], one.labels, one.level) for one in found][::-1]


def test_a_picture_is_listed_with_what_the_page_says_of_it(archive: Path) -> None:
    (one,) = pictures(archive, "hiza")
    assert (one.url, one.alt, one.caption) == (f"{picture_clinic.HOST}/img/price.png", "料金表", "税込の料金です。")
    assert (one.heading, one.position, one.width, one.height) == ("料金", 4, 600, 300)
    assert (one.since_at[:10], one.until_at, one.stands, one.sha256) == (DAYS[0], "", True, "")


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("haisha", ["case1-before.jpg", "case1-after.jpg"]),
        ("kata", ["kata.jpg"]),
        ("kubi", ["room1.jpg", "room2.jpg", "room3.jpg"]),
        ("ashi", ["foot.jpg", "exercise-large.jpg"]),
    ],
)
def test_pictures_of_the_text_are_found_however_they_are_put_there(archive: Path, name: str, files: list[str]) -> None:
    assert [one.url.rpartition("/")[2] for one in pictures(archive, name) if one.stands] == files


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hiza", []),
        ("shimi", [(DAYS[2], ("picture_changed",), 2)]),
        ("haisha", [(DAYS[1], HAISHA, 3)]),
        ("megane", [(DAYS[3], ("picture_removed", "sentence_removed"), 2)]),
        ("kata", []),
        ("kubi", []),
        ("ashi", []),
        ("hari", []),
    ],
)
def test_exactly_what_changed_is_a_change_and_never_the_template(
    archive: Path, name: str, expected: list[tuple[str, tuple[str, ...], int]]
) -> None:
    assert [(day, set(labels), level) for day, labels, level in changes(archive, name)] == [
        (day, set(labels), level) for day, labels, level in expected
    ]


def test_a_removed_picture_keeps_the_span_in_which_it_stood(archive: Path) -> None:
    (one,) = pictures(archive, "megane")
    assert (one.stands, one.since_at[:10], one.until_at[:10]) == (False, DAYS[0], DAYS[2])


def test_the_text_of_a_page_is_the_same_with_and_without_pictures(archive: Path) -> None:
    with Reader.open(archive) as reader:
        text = reader.current_article(reader.article(url("hiza"))).text
    assert text.endswith("料金\n税込の料金です。")


def test_pictures_before_and_after_are_an_observation_with_what_their_section_states(archive: Path) -> None:
    with Reader.open(archive) as reader:
        (found,) = reader.disclosures(LedgerFilter(urls=(url("haisha"),), kind="before_after"))
    (evidence,) = [one for one in found.evidence if "picture" in one.text]
    assert evidence.text == "症例 [2 pictures; stated: content, cost, risks]"
    assert evidence.words == ("治療前", "治療後")
    assert (evidence.since_at[:10], found.stands) == (DAYS[1], True)
