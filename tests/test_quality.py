"""The quality gate: accuracy on the shared corpus may not fall below these floors. Lowering one is an explicit act."""

from __future__ import annotations

import hashlib
import json
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from columnarchive.extract.saved_pages import PageResult, read_pages
from columnarchive.extract.site_reader import read_site
from columnarchive.records import Article, PageReadings, PageVersions, Reading, Version

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the shared corpus is not here")

SITES_FLOOR = 0.98
SITE_FLOOR = 0.95
ARTICLES_FLOOR = 0.95
TITLES_FLOOR = 0.95
DATES_FLOOR = 0.95
FEW_SIBLINGS_FLOOR = {1: 0.94, 3: 0.98}

Gold = dict[str, str]


def f1(gold: str, found: str) -> float:
    """Character 5-gram F1 after NFKC without white space, as ../shared/eval/score_extraction.py has it."""
    ours, theirs = _grams(found), _grams(gold)
    common = sum((ours & theirs).values())
    return 2 * common / (sum(ours.values()) + sum(theirs.values())) if common else 0.0


def _grams(text: str) -> Counter[str]:
    text = squeezed(text)
    return Counter(text[at : at + 5] for at in range(max(1, len(text) - 4))) if text else Counter()


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def site_files(site: Path) -> list[tuple[str, bytes, str]]:
    return [(str(path), path.read_bytes(), "") for path in sorted(site.rglob("*.html"))]


@cache
def site_results() -> list[tuple[str, Gold, PageResult]]:
    """(site, gold record, what we read), each page beside the other pages of its site."""
    found: list[tuple[str, Gold, PageResult]] = []
    for gold_file in sorted(CORPUS.glob("sites/*/gold.json")):
        site = gold_file.parent
        gold = json.loads(gold_file.read_text(encoding="utf-8"))
        wanted = [(str(site / record["file"]), (site / record["file"]).read_bytes(), "") for record in gold]
        found += [
            (site.name, record, result)
            for record, result in zip(gold, read_pages(wanted, site_files(site)), strict=True)
        ]
    return found


@cache
def single_results() -> list[tuple[str, Gold, PageResult]]:
    folder = CORPUS / "articles"
    gold = json.loads((folder / "gold.json").read_text(encoding="utf-8"))
    return [
        ("", record, read_pages([(record["url"] or record["file"], (folder / record["file"]).read_bytes(), "")])[0])
        for record in gold
    ]


def text_of(result: PageResult) -> str:
    return result.article.text if result.article else ""


def test_sites() -> None:
    scores: dict[str, list[float]] = defaultdict(list)
    for site, record, result in site_results():
        scores[site].append(f1(record["text"], text_of(result)))
    assert statistics.mean(score for found in scores.values() for score in found) >= SITES_FLOOR
    for site, found in scores.items():
        assert statistics.mean(found) >= SITE_FLOOR, site


def test_single_pages() -> None:
    assert (
        statistics.mean(f1(record["text"], text_of(result)) for _, record, result in single_results()) >= ARTICLES_FLOOR
    )


@pytest.mark.parametrize("count", [1, 3])
def test_few_siblings_already_help(count: int) -> None:
    """The first pages of the same folder, or else of the site, as only siblings."""
    scores: list[float] = []
    for gold_file in sorted(CORPUS.glob("sites/*/gold.json")):
        site = gold_file.parent
        for record in json.loads(gold_file.read_text(encoding="utf-8")):
            path = site / record["file"]
            near = [other for other in sorted(path.parent.glob("*.html")) if other != path]
            far = [other for other in sorted(site.rglob("*.html")) if other != path and other not in near]
            files = [(str(one), one.read_bytes(), "") for one in [path, *(near + far)[:count]]]
            scores.append(f1(record["text"], text_of(read_pages(files[:1], files)[0])))
    assert statistics.mean(scores) >= FEW_SIBLINGS_FLOOR[count]


def title_fits(record: Gold, article: Article) -> bool:
    """Equal after NFKC. Where the gold title is the whole <title>, ours may lack the site's part, as it should."""
    ours, gold = squeezed(article.title), squeezed(record["title"])
    rest = gold[len(ours) :]
    return ours == gold or (len(ours) > 2 and gold.startswith(ours) and rest[0] in "!|-@:(~<")


def test_titles() -> None:
    fits = [
        result.article is not None and title_fits(record, result.article)
        for _, record, result in site_results() + single_results()
    ]
    assert statistics.mean(fits) >= TITLES_FLOOR


def test_dates_right_and_none_wrong() -> None:
    right: list[bool] = []
    for _, record, result in site_results() + single_results():
        article = result.article
        assert article is not None
        found = {article.published_on, article.modified_on} - {""}
        if len(record["date"]) == 10:
            right.append(record["date"] in found)
            assert not found or record["date"] in found, record["id"]
        elif record["date"]:
            assert all(on.startswith(record["date"]) for on in found), record["id"]
    assert statistics.mean(right) >= DATES_FLOOR


def test_columns_are_articles_and_listings_are_none() -> None:
    site = CORPUS / "sites" / "nishifuna-seitai.jp"
    manifest = json.loads((site / "manifest.json").read_text(encoding="utf-8"))
    bodies: dict[str, bytes] = {}
    pages: list[PageVersions] = []
    at = "2026-01-01T00:00:00Z"
    for name, body, _ in site_files(site):
        digest = hashlib.sha256(body).hexdigest()
        bodies[digest] = body
        pages.append(
            PageVersions(manifest["url"] + str(Path(name).relative_to(site)), (Version(digest, at, at, "text/html"),))
        )
    kinds = {
        page.url.removeprefix(manifest["url"]): page.readings[0] for page in read_site(pages, bodies.__getitem__, {})
    }
    assert len(manifest["columns"]) == 68
    assert [name for name in manifest["columns"] if kinds[name].kind != "article" or kinds[name].article is None] == []
    listings = [name for name in kinds if name.startswith(("blog/blog/", "blog/q_a/", "blog/voice/"))]
    assert [name for name in listings if kinds[name].kind != "listing"] == []
    assert [
        name
        for name in ("ashiyase/index.html", "introduction/index.html", "staff/index.html")
        if kinds[name].article is None
    ] == []


def histories(site: str) -> list[PageReadings]:
    captures: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    bodies: dict[str, bytes] = {}
    with (CORPUS / "revisions" / f"{site}.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream):
            if record.rec_type == "response" and record.http_headers.get_statuscode() == "200":
                body = record.content_stream().read()
                digest = hashlib.sha256(body).hexdigest()
                bodies[digest] = body
                kind = record.http_headers.get_header("content-type") or ""
                captures[record.rec_headers["WARC-Target-URI"]].append((record.rec_headers["WARC-Date"], digest, kind))
    pages: list[PageVersions] = []
    for url, found in captures.items():
        versions: list[Version] = []
        for at, digest, kind in sorted(found):
            if versions and versions[-1].body_sha256 == digest:
                versions[-1] = Version(digest, versions[-1].first_at, at, kind)
            else:
                versions.append(Version(digest, at, at, kind))
        pages.append(PageVersions(url, tuple(versions)))
    return list(read_site(pages, bodies.__getitem__, {}))


def texts_since(readings: Iterable[Reading]) -> Iterator[str]:
    """Yield when each text of an article was first seen; steps in which only pictures changed are none of them."""
    last = ""
    for reading in readings:
        if reading.is_revision and reading.article is not None and reading.article.fingerprint != last:
            last = reading.article.fingerprint
            yield reading.version.first_at


@pytest.mark.parametrize("site", ["fukui", "nishifuna", "sunny"])
def test_no_false_and_no_missed_revision(site: str) -> None:
    labels = json.loads((CORPUS / "revisions" / "labels.json").read_text(encoding="utf-8"))
    revised = {page.url: set(texts_since(page.readings)) for page in histories(site)}
    faults: list[str] = []
    for page in labels:
        if page["warc"].startswith(site):
            assert revised[page["url"]], f"no article: {page['url']}"
            for step in page["steps"]:
                seen = step["at"] in revised[page["url"]]
                if (step["step"], seen) in (("text change", False), ("template only", True)):
                    faults.append(f"{page['url']} {step['at']} {step['step']}")
    assert faults == []
