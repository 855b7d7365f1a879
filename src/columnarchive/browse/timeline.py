"""Where the marks of the drawings go: an article's history on a line, a site's changes as bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from columnarchive.reader import ArticleRow, CalendarDay, ChangeRow, Month
from columnarchive.times import from_text

WIDTH = 640.0
_EDGE = 8.0
_BAR_HEIGHT = 80.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A change on the line."""

    x: float
    level: int
    is_event: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """A line from the first to the last time an article was seen; `gaps` are spans in which it was gone."""

    start: str
    end: str
    marks: tuple[Mark, ...]
    gaps: tuple[tuple[float, float], ...]
    years: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One level of one month."""

    x: float
    y: float
    width: float
    height: float
    level: int


def timeline(row: ArticleRow, steps: Sequence[ChangeRow]) -> Timeline:
    """The marks for an article's changes."""
    end = max([row.last_seen_at, *(step.seen_at for step in steps)])
    first, last = _seconds(row.first_seen_at), _seconds(end)

    def place(at: str) -> float:
        share = (_seconds(at) - first) / (last - first) if last > first else 0.0
        return round(_EDGE + min(max(share, 0.0), 1.0) * (WIDTH - 2 * _EDGE), 1)

    marks = tuple(Mark(place(step.seen_at), step.level, step.from_number == step.to_number) for step in steps)
    years = tuple(
        (place(f"{year}-01-01T00:00:00Z"), str(year))
        for year in range(int(row.first_seen_at[:4]) + 1, int(end[:4]) + 1)
    )
    return Timeline(row.first_seen_at, end, marks, tuple(_gaps(steps, place(end), place)), years)


def _gaps(steps: Sequence[ChangeRow], end: float, place: Callable[[str], float]) -> list[tuple[float, float]]:
    gaps: list[tuple[float, float]] = []
    since: float | None = None
    for step in steps:
        if "gone" in step.labels:
            since = place(step.seen_at)
        elif "returned" in step.labels and since is not None:
            gaps.append((since, place(step.seen_at)))
            since = None
    return [*gaps, (since, end)] if since is not None else gaps


def bars(months: Sequence[Month]) -> list[Bar]:
    """Stacked bars, one a month without gaps between the first and the last, the weightiest level at the bottom."""
    if not months:
        return []
    most = max(sum(month.levels) for month in months)
    first, last = _index(months[0].month), _index(months[-1].month)
    slot = WIDTH / max(last - first + 1, 12)
    found: list[Bar] = []
    for month in months:
        floor = _BAR_HEIGHT
        for level in (3, 2, 1, 0):
            height = round(month.levels[level] / most * _BAR_HEIGHT, 1)
            if height:
                floor = round(floor - height, 1)
                x = round((_index(month.month) - first) * slot + slot * 0.15, 1)
                found.append(Bar(x, floor, round(slot * 0.7, 1), height, level))
    return found


def counted_bars(spans: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, int]], list[Bar]]:
    """Return how many spans of (since, until) stand at the end of each month, and a bar for each; "" is no end."""
    if not spans:
        return [], []
    first = min(_index(since) for since, _ in spans)
    last = max(_index(max(since, until)) for since, until in spans)
    months = [
        (
            f"{at // 12:04d}-{at % 12 + 1:02d}",
            sum(_index(since) <= at and (not until or _index(until) > at) for since, until in spans),
        )
        for at in range(first, last + 1)
    ]
    most, slot = max(1, *(count for _, count in months)), WIDTH / max(len(months), 12)
    bars = [
        Bar(round(at * slot + slot * 0.15, 1), round(_BAR_HEIGHT - height, 1), round(slot * 0.7, 1), height, 1)
        for at, (_, count) in enumerate(months)
        if (height := round(count / most * _BAR_HEIGHT, 1))
    ]
    return months, bars


@dataclass(frozen=True, slots=True)
class Cell:
    """A day in the calendar, a column a week; `kind` is captured or changed."""

    x: int
    y: int
    kind: str
    day: CalendarDay


def cells(days: Sequence[CalendarDay]) -> list[Cell]:
    """Where the days of the last year go: the newest week on the right, Monday at the top."""
    if not days:
        return []
    last = date.fromisoformat(days[-1].day)
    end = last - timedelta(days=last.weekday())
    found = []
    for one in days:
        day = date.fromisoformat(one.day)
        week = 52 - (end - (day - timedelta(days=day.weekday()))).days // 7
        if week >= 0:
            found.append(Cell(week * 12 + 2, day.weekday() * 12 + 2, "changed" if one.changes else "captured", one))
    return found


def _index(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:7]) - 1


def _seconds(at: str) -> float:
    try:
        return from_text(at).timestamp()
    except ValueError:
        return 0.0
