"""What the pictures of a column show, as far as the page says it, and the span of time in which each stood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from urllib.parse import unquote

from columnarchive.observations.records import Kind, Observation
from columnarchive.records import Article, Picture, PictureEntry, Revision

_Identity = tuple[str, str, str, str]
SECTION_ITEMS: tuple[Kind, ...] = ("content", "cost", "risks")
"""What the guideline asks to be stated beside pictures before and after a treatment."""
# Before alone says enough next to a picture; a heading or a text must name both sides, or cases.
_SIDE = re.compile(
    r"(?<![a-z])(?:before|after)(?![a-z])|ビフォー|アフター(?!ケア|フォロー|サービス|ピル)|症例(?!数|報告)|(?:施術|治療|手術|矯正|照射|注入|術)(?:前|後)",
    re.I,
)
_BOTH = re.compile(
    r"(?<![a-z])before(?![a-z]).{0,12}(?<![a-z])after(?![a-z])|ビフォー.{0,4}アフター|症例(?!数|報告)|(?:施術|治療|手術|矯正|照射|注入|術)前.{0,6}後",
    re.I,
)


@dataclass(frozen=True, slots=True)
class PictureSection:
    """Pictures before and after a treatment under one heading: how many, by which words, and what is stated there."""

    heading: str
    words: tuple[str, ...]
    pictures: int
    stated: tuple[Kind, ...]
    line: int

    @property
    def text(self) -> str:
        """The section in one line, such as `症例 [2 pictures; stated: content, cost]`."""
        count = f"{self.pictures} picture" + ("s" if self.pictures > 1 else "")
        return f"{self.heading} [{count}; stated: {', '.join(self.stated) or 'nothing'}]".strip()


def before_after_words(picture: Picture) -> str:
    """Return the words by which a page shows a picture as taken before or after a treatment; empty without any.

    >>> before_after_words(Picture("https://clinic.example/img/case1_before.jpg", "膝"))
    'before'
    """
    name = unquote(picture.url.partition("?")[0].rpartition("/")[2])
    for text, words in ((picture.alt, _SIDE), (picture.caption, _SIDE), (name, _SIDE), (picture.heading, _BOTH)):
        if found := words.search(text):
            return found[0]
    return ""


def before_after_sections(article: Article, found: Iterable[Observation]) -> Iterator[PictureSection]:
    """Yield the sections of an article that show pictures before and after a treatment.

    `found` is what the article states: of it, the content, cost and risks that stand in the same section count.
    """
    groups: dict[tuple[str, int], list[tuple[Picture, str]]] = {}
    starts = [at for at, block in enumerate(article.blocks) if block.kind == "heading"]
    for picture in article.pictures:
        if words := before_after_words(picture):
            start = max((at for at in starts if at < picture.position), default=0)
            groups.setdefault((picture.heading, start), []).append((picture, words))
    first_line = list(accumulate((block.text.count("\n") + 1 for block in article.blocks), initial=0))
    statements = [one for one in found if one.kind in SECTION_ITEMS]
    for (heading, start), group in groups.items():
        end = min((at for at in starts if at > start), default=len(article.blocks))
        lines = range(first_line[start], first_line[end])
        stated = {one.kind for one in statements if one.line in lines}
        yield PictureSection(
            heading,
            tuple(dict.fromkeys(words for _, words in group)),
            len(group),
            tuple(kind for kind in SECTION_ITEMS if kind in stated),
            first_line[min(group[0][0].position, len(article.blocks))],
        )


def picture_entries(revisions: Sequence[Revision]) -> tuple[PictureEntry, ...]:
    """Return every picture of an article's revisions: the present ones, then the ended ones, each in order.

    One whose address, alternative text, caption or bytes changed is a new entry.
    """
    open_runs: dict[_Identity, PictureEntry] = {}
    ended: list[PictureEntry] = []
    for revision in revisions:
        now = {one.identity: one for one in revision.article.pictures}
        known = {key[:3] for key in now}
        ended += [open_runs.pop(key) for key in [*open_runs] if key not in now and (key[3] or key[:3] not in known)]
        for key, picture in now.items():
            # Bytes that became known are no other picture.
            first = open_runs.get(key) or open_runs.pop((*key[:3], ""), None)
            first = first or PictureEntry(picture, revision.first_seen_at, revision.number)
            open_runs[key] = replace(
                first, picture=picture, until_at=revision.last_seen_at, until_revision=revision.number
            )
    present = [replace(one, until_at="", until_revision=0) for one in open_runs.values()]
    return (*present, *sorted(ended, key=lambda one: (one.until_revision, one.picture.position)))
