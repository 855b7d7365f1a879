"""Every column of the fixtures is read as its golden says; one character inside it is always seen, one outside never.

The goldens come from the columns' sources, not from the extraction: `python fixtures/build.py` writes them again.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from columnarchive.extract.article import Site
from columnarchive.extract.bylines import names_people
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.saved_pages import SavedPage, learn, open_page, read_page, read_pages
from columnarchive.records import Article
from columnarchive.text import is_date_line

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
CLINIC = FIXTURES / "clinic"
GOLDENS = sorted((FIXTURES / "golden" / "articles").glob("*/*.json"))
SHORT = json.loads((FIXTURES / "short" / "manifest.json").read_text(encoding="utf-8"))
each_golden = pytest.mark.parametrize("path", GOLDENS, ids=lambda path: f"{path.parent.name}/{path.stem}")
_RUN = re.compile(r">([^<>]+)<")
_STEP = 5
_SAID = ("title", "author", "supervisor", "published_on", "modified_on")


def said(article: Article) -> dict[str, Any]:
    return {
        "title": article.title,
        "published_on": article.published_on,
        "modified_on": article.modified_on,
        "author": article.author,
        "supervisor": article.supervisor,
        "blocks": [{"kind": block.kind, "text": block.text, "level": block.level} for block in article.blocks],
    }


def page_of(path: Path) -> Path:
    return CLINIC / path.parent.name / "column" / path.stem / "index.html"


@cache
def served(day: str) -> tuple[SavedPage, ...]:
    return tuple((str(page), page.read_bytes(), "") for page in sorted((CLINIC / day).rglob("*.html")))


@cache
def articles(day: str) -> dict[str, Article | None]:
    files = served(day)
    return {result.url: result.article for result in read_pages(files, files)}


@cache
def site(day: str) -> Site:
    places = Places()
    pages = [open_page(body, kind, places) for _, body, kind in served(day)]
    return learn([page for page in pages if isinstance(page, Outline)], places)


@each_golden
def test_column_is_read_as_its_golden_says(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    article = articles(path.parent.name)[str(page_of(path))]
    assert article is not None
    assert said(article) == {name: value for name, value in golden.items() if name != "path"}


def test_every_column_has_a_golden() -> None:
    columns = {page for page in CLINIC.glob("*/column/*/index.html") if page.parent.name != "page"}
    assert columns == {page_of(path) for path in GOLDENS}


@pytest.mark.parametrize("row", SHORT, ids=lambda row: row["file"])
def test_short_article_alone_is_read_as_its_manifest_says(row: dict[str, Any]) -> None:
    """Without siblings, so that the page's own shape has to tell."""
    page = FIXTURES / "short" / row["file"]
    article = read_pages([(str(page), page.read_bytes(), "")])[0].article
    assert article is not None
    found = said(article)
    assert {name: found[name] for name in ("title", "published_on", "blocks")} == {
        name: row[name] for name in ("title", "published_on", "blocks")
    }


@each_golden
def test_one_character_inside_is_seen_and_one_outside_is_not(path: Path) -> None:
    """Each a change of its own: in every block of the article, and in every fifth text around it."""
    golden = json.loads(path.read_text(encoding="utf-8"))
    day, page = path.parent.name, page_of(path)
    body = page.read_bytes()
    encoding = "cp932" if b'charset="Shift_JIS"' in body else "utf-8"
    html = body.decode(encoding)
    runs = [match for match in _RUN.finditer(html, html.index("<body")) if match[1].strip()]
    known = squeezed("\n".join([block["text"] for block in golden["blocks"]] + [golden[name] for name in _SAID]))

    def fingerprint(text: str) -> str:
        article = read_page(str(page), text.encode(encoding), "", site(day)).article
        assert article is not None
        return article.fingerprint

    before = fingerprint(html)
    for block in golden["blocks"]:
        inside = [
            run for run in runs if squeezed(run[1]) in squeezed(block["text"]) and html.count(run[1].strip()) == 1
        ]
        for run in inside[:2]:
            assert fingerprint(changed(html, run)) != before, run[1]
    outside = [run for run in runs if squeezed(run[1]) not in known and not is_byline(run[1].strip())]
    assert len(outside) > 5 * _STEP
    for run in outside[len(path.stem) % _STEP :: _STEP]:
        assert fingerprint(changed(html, run)) == before, run[1]


def squeezed(text: str) -> str:
    return "".join(unescape(text).split())


def changed(html: str, run: re.Match[str]) -> str:
    """A page with one character of a run of text replaced, the middle one, by another of its kind."""
    start, end = run.span(1)
    text = run[1].strip()
    at = html.index(text, start, end) + len(text) // 2
    other = {"変": "化", "7": "8"}
    new = "7" if html[at].isdigit() else "変"
    return html[:at] + (other[new] if html[at] == new else new) + html[at + 1 :]


def is_byline(text: str) -> bool:
    """Dates, and the labels of who wrote: what they mean is read, so with another character they mean nothing."""
    return names_people(text) or is_date_line(text)
