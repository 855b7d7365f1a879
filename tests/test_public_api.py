"""What `import columnarchive` offers: few names, pinned here, loaded when first used."""

from __future__ import annotations

import subprocess
import sys

import clinic_archive
import pytest

import columnarchive
from columnarchive import Archive, ChangeFilter, NotFound, Pick, Reader, SearchOptions, UsageError, compare

NAMES = [
    *["Archive", "ArchiveError", "Article", "Block", "Capture", "ChangeFilter", "Comparison", "CrawlOptions", "Edit"],
    *["Evidence", "ExchangeError", "ExportRequest", "ExtractError", "Failure", "FetchError", "Hit", "NotFound", "Pick"],
    *["Reader", "Revision", "SearchOptions", "Sentence", "Span", "StoreError", "UsageError", "compare"],
    "extract_articles",
]


def test_the_public_names_are_these() -> None:
    assert columnarchive.__all__ == NAMES
    for name in NAMES:
        assert getattr(columnarchive, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = columnarchive.Nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "absent"),
    [
        ("import columnarchive", {"sqlite3", "httpx", "selectolax", "columnarchive.reader"}),
        ("from columnarchive import Reader", {"httpx", "httpcore", "selectolax", "warcio", "columnarchive.archive"}),
        ("import columnarchive.browse", {"httpcore", "selectolax", "warcio", "columnarchive.archive"}),
        ("from columnarchive import Archive", {"httpcore", "selectolax", "warcio", "columnarchive.pipeline.crawl"}),
    ],
)
def test_what_only_reads_loads_no_crawler_and_no_parser(line: str, absent: set[str]) -> None:
    script = f"import sys; {line}; loaded = {absent!r} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        ("search 難病", {"columnarchive.diff.spans", "columnarchive.observations.engine"}),
        ("history {url}", {"columnarchive.diff.spans", "columnarchive.observations.engine"}),
        ("show {url}", {"columnarchive.diff.spans", "columnarchive.observations.engine"}),
        ("diff {url}", {"columnarchive.evidence_report"}),
    ],
)
def test_a_command_that_reads_loads_what_it_uses(
    command: str, absent: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    absent |= {"httpx", "httpcore", "selectolax", "warcio", "columnarchive.archive", "datasette"}
    words = ["--db", clinic_archive.path(tmp_path_factory), *command.format(url=clinic_archive.CHANGED).split()]
    script = "import sys; from columnarchive.cli.app import app; app(sys.argv[1:], standalone_mode=False); "
    script += f"loaded = {absent!r} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", script, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def test_an_archive_is_read_by_a_path_as_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = clinic_archive.path(tmp_path_factory)
    with Reader.open(str(path)) as reader:
        found = reader.search("難病")
        assert found.total == len(found.hits) > 0
        assert reader.count("難病", SearchOptions(scope="title")) <= found.total
        row = reader.article(found.hits[0].url)
        assert "難病" in reader.current_article(row).text
        with pytest.raises(UsageError):
            reader.search(" ")
        with pytest.raises(NotFound):
            reader.article("https://clinic.example/none/")
        change = next(one for one in reader.changes(ChangeFilter()) if one.from_number < one.to_number)
        changed = reader.article(change.url)
        compared = reader.compare_revisions(changed, Pick(change.from_number), Pick(change.to_number))
        assert compare(compared.old.article, compared.new.article).edits == compared.comparison.edits
    assert Archive.open(path).search("難病") == found
