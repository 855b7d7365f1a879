"""Readings of an article joined with the captures of its pictures: a picture exchanged under its address is a step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from columnarchive.diff.pictures import NOTHING_READ, PictureReadings
from columnarchive.history.article_identity import ReadArticle
from columnarchive.records import Article, PageVersions, Picture, Version, picture_key

_NEVER = "~"


@dataclass(frozen=True, slots=True)
class PictureVersions:
    """The versions of each picture by what its addresses share, and what is known of their bytes."""

    of: Mapping[str, Sequence[Version]] = field(default_factory=dict)
    readings: PictureReadings = NOTHING_READ

    @classmethod
    def of_pages(cls, pages: Iterable[PageVersions], readings: PictureReadings) -> PictureVersions:
        """Join the versions of pictures that have several addresses."""
        found: dict[str, list[Version]] = {}
        for page in pages:
            found.setdefault(picture_key(page.url), []).extend(page.versions)
        return cls({key: sorted(own, key=lambda one: one.first_at) for key, own in found.items()}, readings)

    def texts_in(self, pictures: Sequence[Picture]) -> list[str]:
        """Return what a machine read in these pictures."""
        return [text for one in pictures if (text := self.readings.texts.get(one.sha256, ""))]


def with_bytes(seen: Sequence[ReadArticle], files: PictureVersions) -> list[ReadArticle]:
    """Add the digests of pictures to readings, and a reading for each time at which a picture became another one.

    A picture that changed in the visit in which its page did is part of that step.
    """
    if not files.of:
        return list(seen)
    found: list[ReadArticle] = []
    for number, one in enumerate(seen):
        start = one.reading.version.first_at
        end = seen[number + 1].reading.version.first_at if number + 1 < len(seen) else _NEVER
        own = [files.of.get(picture_key(picture.url), ()) for picture in one.article.pictures]
        visits = sorted({visit.at for visit in one.page.visits})
        steps = sorted({at for versions in own for at in _steps(versions, start, end, visits)})
        for at, until in pairwise([start, *steps, end]):
            pictures = tuple(
                _as_of(picture, versions, until) for picture, versions in zip(one.article.pictures, own, strict=True)
            )
            last_at = one.reading.version.last_at
            if until != end:  # what was last seen of those that change then
                last_at = max([at, *(last.last_at for last, new in _pairs(own) if new.first_at == until)])
            elif at != start:
                last_at = max(at, last_at)
            version = replace(one.reading.version, first_at=at, last_at=last_at)
            article = replace(one.article, pictures=pictures)
            is_revision = one.reading.is_revision or bool(found and _exchanged(found[-1].article, article))
            reading = replace(one.reading, version=version, article=article, is_revision=is_revision)
            found.append(ReadArticle(one.page, reading, article))
    return found


def _exchanged(old: Article, new: Article) -> bool:
    """Whether a picture of both has other bytes."""
    before = {picture_key(one.url): one.sha256 for one in old.pictures if one.sha256}
    return any(one.sha256 and before.get(picture_key(one.url), one.sha256) != one.sha256 for one in new.pictures)


def _pairs(own: Sequence[Sequence[Version]]) -> list[tuple[Version, Version]]:
    return [pair for versions in own for pair in pairwise(versions)]


def _steps(versions: Sequence[Version], start: str, end: str, visits: Sequence[str]) -> list[str]:
    """Return when a picture became another one between two readings, but for a change seen in the first one's visit."""
    found = []
    for last, new in pairwise(versions):
        if start < new.first_at < end:
            visit = visits[max(0, bisect_right(visits, new.first_at) - 1)]
            if last.last_at > start or visit > start:
                found.append(new.first_at)
    return found


def _as_of(picture: Picture, versions: Sequence[Version], until: str) -> Picture:
    sha256 = next((one.body_sha256 for one in reversed(versions) if one.first_at < until), "")
    return replace(picture, sha256=sha256)
