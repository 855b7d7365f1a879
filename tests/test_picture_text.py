"""Text in pictures: prices are read right, errors are few, what was read is found, kept and compared."""

from __future__ import annotations

import io
import re
import time
import unicodedata
from pathlib import Path

import picture_tables
import pytest
from rapidfuzz.distance import Levenshtein

from columnarchive.diff.compare import compare
from columnarchive.diff.pictures import MACHINE_READ, PictureReadings
from columnarchive.observations import read_in_pictures
from columnarchive.records import Article, Elsewhere, Picture
from columnarchive.search import parse

OLD, NEW = "a" * 64, "b" * 64


def article(sha256: str) -> Article:
    return Article("https://c.example/1", "料金", (), pictures=(Picture("https://c.example/p.jpg", sha256=sha256),))


def test_a_price_in_a_picture_is_a_price_and_says_that_a_machine_read_it() -> None:
    known = PictureReadings(texts={OLD: "初診料\t98,000円", NEW: "初診料\t93,000円"})
    found = compare(article(OLD), article(NEW), known=known)
    assert (set(found.labels), found.level) == ({"picture_changed", "price"}, 3)
    (price,) = [one for one in found.edits[0].evidence if one.label == "price"]
    assert (price.old, price.new) == (f"98,000円{MACHINE_READ}", f"93,000円{MACHINE_READ}")


def test_what_a_machine_read_makes_no_change_where_the_bytes_are_the_same() -> None:
    assert compare(article(OLD), article(OLD), known=PictureReadings(texts={OLD: "1円"})).edits == ()
    again = PictureReadings(frozenset({(OLD, NEW)}), {OLD: "98,000円", NEW: "93,000円"})
    assert compare(article(OLD), article(NEW), known=again).labels == ("cosmetic",)


def test_a_query_asks_for_pictures() -> None:
    assert parse("98,000円 in:picture").in_picture
    assert not parse("in:pictures").in_picture


def _plain(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _read(drawn: picture_tables.DrawnTable) -> str:
    from PIL import Image

    from columnarchive.extract import picture_files

    return picture_files.in_lines(picture_files.read(Image.open(io.BytesIO(drawn.body)).convert("RGB")))


@pytest.mark.slow
def test_prices_in_pictures_are_read_right() -> None:
    pytest.importorskip("rapidocr")
    if not Path(picture_tables.FONTS[0]).exists():
        pytest.skip("needs fonts-ipafont")
    right = errors = characters = 0
    began = time.process_time()
    for seed in range(7000, 7060):
        drawn = picture_tables.draw(seed)
        read = _plain(_read(drawn))
        right += all(_plain(price) in read for _, price in drawn.rows)
        expected = _plain("".join(f"{item}{price}" for item, price in drawn.rows) + drawn.claim)
        errors += Levenshtein.distance(expected, read)
        characters += len(expected)
    print(f"{right} of 60, errors {errors / characters:.4f}, {(time.process_time() - began) / 60:.2f} s CPU each")
    assert right >= 0.97 * 60
    assert errors <= 0.05 * characters


def test_what_is_read_in_a_picture_is_counted_apart_from_the_text() -> None:
    found = read_in_pictures((), ["初診料\t3,300円", "リスク・副作用:腫れ、内出血"])
    assert {(one.kind, one.place) for one in found} >= {("cost", "picture"), ("risks", "picture")}
    known = (Elsewhere("cost", "template", "初診料 3,300円"),)
    assert [one.place for one in read_in_pictures(known, ["初診料\t3,300円"]) if one.kind == "cost"] == [
        "template",
        "picture",
    ]
