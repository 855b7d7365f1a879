"""Widths and Japanese dates."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnarchive.text import find_dates, fold, nfkc
from columnarchive.times import typed


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2025.10.18", ["2025-10-18"]),
        ("2025年10月 8日", ["2025-10-08"]),
        ("2025-10-18", ["2025-10-18"]),
        ("2025/1/8", ["2025-01-08"]),
        ("令和7年10月18日", ["2025-10-18"]),
        ("令和元年5月1日", ["2019-05-01"]),
        ("平成26年 1月 3日", ["2014-01-03"]),
        ("R7.10.18", ["2025-10-18"]),
        ("H26.11.8", ["2014-11-08"]),
        ("２０２５年１０月１８日", ["2025-10-18"]),
        ("２０２５．１０．１８", ["2025-10-18"]),
        ("2014年11月20日 木曜日", ["2014-11-20"]),
        ("公開日：2024/3/5 更新日：2024/4/1", ["2024-03-05", "2024-04-01"]),
        ("2025-10-17T18:00:00Z", ["2025-10-18"]),
        ("2025-10-18T00:30:00+09:00", ["2025-10-18"]),
        ("Oct 18, 2025", ["2025-10-18"]),
        ("18 October 2025", ["2025-10-18"]),
        ("11月8日", []),
        ("© 2015 Clinic", []),
        ("2025年", []),
        ("2025年10月", []),
        ("2025.13.40", []),
        ("2025年2月30日", []),
        ("v2026.0719.1740", []),
        ("TEL 03-1234-5678", []),
        ("98,000円", []),
        ("〒273-0031", []),
        ("令和0年1月1日", []),
    ],
)
def test_find_dates(text: str, days: list[str]) -> None:
    assert [found.on for found in find_dates(text)] == days


def test_offsets_fit_the_text_as_given() -> None:
    text = "公開日：２０２５年１０月１８日（土）"
    (found,) = find_dates(text)
    assert text[found.start : found.end] == "２０２５年１０月１８日"


@given(st.text())
def test_never_raises_and_offsets_stay_inside(text: str) -> None:
    for found in find_dates(text):
        assert 0 <= found.start < found.end <= len(text)


@given(
    st.dates(min_value=__import__("datetime").date(1926, 12, 26), max_value=__import__("datetime").date(2099, 12, 31))
)
def test_every_day_is_read_in_every_form(day: object) -> None:
    year, month, date = (int(part) for part in str(day).split("-"))
    for text in (f"{year}年{month}月{date}日", f"{year}.{month:02}.{date:02}", f"{year}/{month}/{date}", str(day)):
        assert [found.on for found in find_dates(text)] == ([str(day)] if year >= 1900 else [])


def test_fold() -> None:
    assert fold("ｲﾝｽﾘﾝ ＡＢＣ") == "インスリン abc"


@given(
    st.lists(
        st.one_of(
            st.text(), st.sampled_from(("Ａ", "ア", "ｶ", "（", "\u3000", "\n", "\u3099", "\u0301", "ﾞ", "\r", "Å"))
        )
    ).map("".join)
)
def test_nfkc_is_what_unicode_says(text: str) -> None:
    """Marks that follow a sign in full width or a line end, too."""
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


@given(st.text())
def test_fold_is_idempotent(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-02", "2026-01-31T15:00:00Z", "2026-02-28T14:59:59Z"),
        ("2025-12", "2025-11-30T15:00:00Z", "2025-12-31T14:59:59Z"),
        ("2026", "2025-12-31T15:00:00Z", "2026-12-31T14:59:59Z"),
        ("7d", "2026-03-31T15:00:00Z", "2026-04-01T14:59:59Z"),
        ("2w", "2026-03-24T15:00:00Z", "2026-03-25T14:59:59Z"),
        ("yesterday", "2026-04-06T15:00:00Z", "2026-04-07T14:59:59Z"),
        ("今日", "2026-04-07T15:00:00Z", "2026-04-08T14:59:59Z"),
    ],
)
def test_short_forms_of_days(text: str, start: str, end: str) -> None:
    def clock() -> datetime:
        return datetime(2026, 4, 7, 16, tzinfo=UTC)  # the 8th in Japan

    assert (typed(text, clock=clock), typed(text, end=True, clock=clock)) == (start, end)
