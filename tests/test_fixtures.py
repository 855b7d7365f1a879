"""The fixtures and gold sets hold together: marks rebuild both sides, goldens match their pages."""

from __future__ import annotations

import importlib
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLD = ROOT / "tests" / "gold" / "diff_pairs.jsonl"

LEVEL_3 = {
    "price", "person", "credential", "claim_softened", "claim_strengthened", "polarity", "risk_added", "risk_removed",
    "risk_denial_added", "risk_denial_removed", "disclosure_added", "disclosure_removed", "testimonial_added",
    "testimonial_removed",
}  # fmt: skip
SENTENCE_LABELS = LEVEL_3 | {"cosmetic", "wording", "contact", "hours", "link", "number", "date"}
UNITS = r"(?:万円|円|名|人|回|日|月|年|時|分|%|mL|℃|週間|か月|疾患|億個)"


def _pairs() -> list[dict[str, Any]]:
    return [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]


PAIRS = _pairs()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["id"])
def test_marks_rebuild_both_sides(pair: dict[str, Any]) -> None:
    marks = pair["marks"]
    assert "".join(text for op, text in marks if op != "insert") == pair["old"]
    assert "".join(text for op, text in marks if op != "delete") == pair["new"]
    assert pair["old"] != pair["new"]
    assert all(op in ("equal", "delete", "insert") and text for op, text in marks)
    for (op, _), (following, _) in itertools.pairwise(marks):
        assert (op, following) != ("insert", "delete"), "a deletion stands before the insertion that replaces it"
        assert op != following, "neighbouring marks of one kind are one mark"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["id"])
def test_marks_cut_no_number_latin_word_or_unit(pair: dict[str, Any]) -> None:
    for side, skipped in (("old", "insert"), ("new", "delete")):
        text, cuts = pair[side], set()
        position = 0
        for op, part in pair["marks"]:
            if op != skipped:
                position += len(part)
                cuts.add(position)
        for match in re.finditer(rf"[0-9０-９][0-9０-９,.:]*{UNITS}?|[A-Za-z]+|https?://[!-~]+", text):
            assert not cuts & set(range(match.start() + 1, match.end())), match.group()


def test_gold_set_is_large_balanced_and_covers_every_label() -> None:
    assert len(PAIRS) >= 160
    assert len({pair["id"] for pair in PAIRS}) == len(PAIRS)
    assert len({(pair["old"], pair["new"]) for pair in PAIRS}) == len(PAIRS)
    halves: dict[str, set[str]] = {"tuning": set(), "set_aside": set()}
    for pair in PAIRS:
        assert set(pair["labels"]) <= SENTENCE_LABELS
        assert pair["labels"]
        assert not (set(pair["labels"]) & LEVEL_3 and set(pair["labels"]) - LEVEL_3)
        assert not pair.get("disputed") or pair["note"]
        halves[pair["half"]].update(pair["labels"])
    assert halves["tuning"] == halves["set_aside"] == SENTENCE_LABELS
    set_aside = sum(pair["half"] == "set_aside" for pair in PAIRS)
    assert abs(2 * set_aside - len(PAIRS)) <= 2
    assert sum(bool(pair["old"] and pair["new"]) for pair in PAIRS) > 0.8 * len(PAIRS)


# The fictional clinic

FIXTURES = ROOT / "fixtures"
CLINIC, GOLDEN = FIXTURES / "clinic", FIXTURES / "golden"
DATES = sorted(path.name for path in CLINIC.iterdir() if path.is_dir())
ARTICLES = sorted((GOLDEN / "articles").glob("*/*.json"))
KINDS = {"heading", "paragraph", "item", "row", "question", "answer", "quote", "caption"}


class PageText(HTMLParser):
    """A page's text and links, without scripts and head."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.charset = ""
        self.skipped = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.skipped = tag in ("script", "style", "title")
        self.charset = values.get("charset") or self.charset
        self.links += [values[name] or "" for name in ("href", "src", "action") if name in values]

    def handle_endtag(self, _tag: str) -> None:
        self.skipped = False

    def handle_data(self, data: str) -> None:
        if not self.skipped:
            self.parts.append(data)


def read_page(path: Path) -> PageText:
    body = path.read_bytes()
    page = PageText()
    page.feed(body.decode("cp932" if b'charset="Shift_JIS"' in body else "utf-8"))
    return page


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def golden(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def article_text(article: dict[str, Any]) -> str:
    return "\n".join([article["title"], *(block["text"] for block in article["blocks"])])


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_article_stands_in_its_page_in_order(path: Path) -> None:
    article = golden(path)
    page = read_page(CLINIC / path.parent.name / article["path"].strip("/") / "index.html")
    text = squeezed("".join(page.parts))
    start = 0
    for block in article["blocks"]:
        assert block["kind"] in KINDS
        assert block["level"] == {"heading": block["level"], "item": 1}.get(block["kind"], 0)
        found = text.find(squeezed(block["text"]), start)
        assert found >= 0, block["text"]
        start = found + len(squeezed(block["text"]))
    for name in ("title", "author", "supervisor"):
        assert squeezed(article[name]) in text
    for name in ("published_on", "modified_on"):
        assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", article[name])
    assert article["published_on"]


@pytest.mark.parametrize("date", DATES)
def test_each_version_is_a_whole_site(date: str) -> None:
    site = CLINIC / date
    columns = [path for path in (site / "column").iterdir() if path.is_dir() and path.name != "page"]
    assert len(columns) >= 12
    assert {path.name for path in columns} == {path.stem for path in (GOLDEN / "articles" / date).iterdir()}
    listed = {link for page in (site / "column").glob("**/index.html") for link in read_page(page).links}
    assert {f"/column/{path.name}/" for path in columns} <= listed
    for page in site.glob("**/*.html"):
        for link in read_page(page).links:
            assert not re.match(r"[a-z]+:|//", link), link
            if link.startswith("/") and not link.startswith(("/assets/", "/static/", "/contact/thanks/")):
                target = site / link.strip("/").split("?")[0]
                assert target.is_file() or (target / "index.html").is_file(), (page, link)
    sitemap = (site / "sitemap.xml").read_text(encoding="utf-8")
    assert all(f"<loc>/column/{path.name}/</loc>" in sitemap for path in columns)
    assert (site / "robots.txt").is_file()
    assert (site / "feed" / "index.xml").is_file()


def test_texts_are_of_a_columns_size_and_hold_the_words_searched_for() -> None:
    articles = [golden(path) for path in ARTICLES]
    for article in articles:
        size = sum(len(block["text"]) for block in article["blocks"])
        assert 800 <= size <= 2500 or "お知らせ" in article["title"], (article["path"], size)
    for word in ("難病", "再生", "免疫", "根治", "幹細胞"):
        assert len({article["path"] for article in articles if word in article_text(article)}) >= 3
    assert sum(path.stat().st_size for path in CLINIC.glob("**/*") if path.is_file()) < 1_500_000
    assert any(b"Shift_JIS" in path.read_bytes() for path in CLINIC.glob("**/*.html"))


@pytest.mark.parametrize("row", json.loads((GOLDEN / "changes.json").read_text("utf-8")), ids=lambda row: row["path"])
def test_expected_changes_agree_with_the_golden_articles(row: dict[str, Any]) -> None:
    slug = row["path"].strip("/").split("/")[-1]
    stood = {date: GOLDEN / "articles" / date / f"{slug}.json" for date in DATES}
    texts = {date: article_text(golden(path)) for date, path in stood.items() if path.is_file()}
    assert row["seen"] == list(texts)
    steps = [pair for pair in itertools.pairwise(texts) if texts[pair[0]] != texts[pair[1]]]
    assert row["revisions"] == 1 + len(steps)
    assert [(change["from_date"], change["to_date"]) for change in row["changes"]] == steps
    for change in row["changes"]:
        before, after = texts[change["from_date"]], texts[change["to_date"]]
        assert all(word in before and after.count(word) < before.count(word) for word in change["removed"])
        assert all(word in after and before.count(word) < after.count(word) for word in change["added"])


def test_expected_copies_stand_in_both_columns() -> None:
    for copy in json.loads((GOLDEN / "copies.json").read_text("utf-8")):
        assert len(copy["text"]) >= 40
        for date in DATES:
            holds = [
                copy["text"] in article_text(golden(GOLDEN / "articles" / date / f"{copy[key].split('/')[2]}.json"))
                for key in ("copied_from", "path")
            ]
            assert holds == [True, date >= copy["since"]]


def test_committed_site_is_what_the_sources_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FIXTURES))
    importlib.import_module("build").main(tmp_path)
    for folder in ("clinic", "golden"):
        built = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / folder).rglob("*.*")}
        kept = {path.relative_to(FIXTURES): path.read_bytes() for path in (FIXTURES / folder).rglob("*.*")}
        assert built == kept


# Walls, and short articles that are none


def manifest(folder: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((FIXTURES / folder / "manifest.json").read_text(encoding="utf-8"))
    return rows


def test_walls_are_listed_with_outcomes_of_the_contract() -> None:
    rows = manifest("walls")
    assert len(rows) >= 20
    assert {row["file"] for row in rows} == {path.name for path in (FIXTURES / "walls").glob("*.html")}
    for row in rows:
        assert row["status"] == 200
        assert row["outcomes"]
        assert set(row["outcomes"]) <= {"suspect", "no_article", "needs_javascript", "redirected"}


@pytest.mark.parametrize("row", manifest("short"), ids=lambda row: row["file"])
def test_short_article_stands_in_its_page(row: dict[str, Any]) -> None:
    text = squeezed("".join(read_page(FIXTURES / "short" / row["file"]).parts))
    assert squeezed(row["title"]) in text
    assert row["blocks"]
    assert all(squeezed(block["text"]) in text for block in row["blocks"])
    assert "before" not in row or (FIXTURES / "short" / row["before"]).is_file()


def test_short_articles_are_all_listed() -> None:
    rows = manifest("short")
    assert len(rows) >= 20
    named = {row["file"] for row in rows} | {row["before"] for row in rows if "before" in row}
    assert named == {path.name for path in (FIXTURES / "short").glob("*.html")}
