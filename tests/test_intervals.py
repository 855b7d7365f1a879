"""Between which captures a change happened, in the table and as people read it."""

from __future__ import annotations

from pathlib import Path

import clinic_archive
import pytest
import schemas

from columnarchive import Archive, ChangeFilter
from columnarchive.times import interval


@pytest.mark.parametrize(
    ("after", "seen", "english", "japanese"),
    [
        ("2026-01-15T01:00:00Z", "2026-04-10T01:00:00Z", "between 15 Jan and 10 Apr 2026", "2026年1月15日〜4月10日"),
        ("2025-10-20T01:00:00Z", "2026-01-15T01:00:00Z", "between 20 Oct 2025 and 15 Jan 2026",
         "2025年10月20日〜2026年1月15日"),
        ("2026-04-10T00:05:00Z", "2026-04-10T09:30:00Z", "between 09:05 and 18:30 on 10 Apr 2026",
         "2026年4月10日 09:05〜18:30"),
        ("2026-04-09T14:59:00Z", "2026-04-09T15:01:00Z", "between 9 Apr and 10 Apr 2026", "2026年4月9日〜4月10日"),
        ("2026-04-10T02:51:07Z", "2026-04-10T02:51:40Z", "between 11:51:07 and 11:51:40 on 10 Apr 2026",
         "2026年4月10日 11:51:07〜11:51:40"),
        ("2026-04-10T02:51:07Z", "2026-04-10T02:51:07Z", "at 11:51:07 on 10 Apr 2026", "2026年4月10日 11:51:07"),
        ("", "2026-04-10T01:00:00Z", "10 Apr 2026", "2026年4月10日"),
        ("soon", "2026-04-10T01:00:00Z", "10 Apr 2026", "2026年4月10日"),
        ("2026-04-10T01:00:00Z", "later", "later", "later"),
    ],
)  # fmt: skip
def test_an_interval_in_words(after: str, seen: str, english: str, japanese: str) -> None:
    assert interval(after, seen, "en") == english
    assert interval(after, seen, "ja") == japanese


def test_an_interval_in_another_time_zone() -> None:
    at = ("2026-04-09T14:59:00Z", "2026-04-09T15:01:00Z")
    assert interval(*at, "en", "UTC") == "between 14:59 and 15:01 on 9 Apr 2026"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (["甲。", "甲。", "乙。"], [(2, 3)]),
        (["甲。", "乙。", "乙。", "甲。"], [(1, 2), (3, 4)]),
        (["甲。", "甲。", "", "", "甲。"], [(2, 3), (4, 5)]),
        (["甲。", "", "", "乙。"], [(1, 2), (3, 4), (1, 4)]),
    ],
)
def test_a_change_lies_between_the_captures_around_it(
    tmp_path: Path, seen: list[str], expected: list[tuple[int, int]]
) -> None:
    path = clinic_archive.written(tmp_path / "a.db", {"/column/a/": seen})
    with Archive.open(path) as archive:
        found = [(row.after_at, row.seen_at) for row in archive.changes(ChangeFilter())]
    days = [(f"2026-01-{after:02}T00:00:00Z", f"2026-01-{seen_on:02}T00:00:00Z") for after, seen_on in expected]
    assert sorted(found) == sorted(days)


def test_changes_of_older_archives_get_their_intervals(tmp_path: Path) -> None:
    with Archive.open(schemas.unpacked("0005", tmp_path / "a.db")) as archive:
        rows = archive.changes(ChangeFilter())
        assert rows
        assert all("" < row.after_at < row.seen_at for row in rows)
