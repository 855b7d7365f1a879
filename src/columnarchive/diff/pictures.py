"""The pictures of two articles to edits: which came, which went, and which are others than before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from columnarchive.diff.spans import spans_between
from columnarchive.observations import before_after_words
from columnarchive.records import Article, Edit, Evidence, Picture, picture_key

_Pair = tuple[Picture | None, Picture | None]
_AMOUNT = re.compile(r"(?<![0-9０-９,，.])[0-9０-９][0-9０-９,，.]*\s*万?円|[¥￥]\s*[0-9０-９][0-9０-９,，]*")
MACHINE_READ = " (OCR)"
"""Follows words that a machine read in a picture."""


@dataclass(frozen=True, slots=True)
class PictureReadings:
    """What is known of the bytes of pictures, by their digests.

    `reencoded` are pairs that show the same, pixel for pixel but for the noise of compression; where nothing is known,
    two pictures differ. `texts` are what a machine read in them.
    """

    reencoded: frozenset[tuple[str, str]] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)


NOTHING_READ = PictureReadings()


def picture_edits(old: Article, new: Article, known: PictureReadings = NOTHING_READ) -> Iterator[Edit]:
    """Yield how the pictures of `old` became those of `new`: the new ones in their order, then removed ones."""
    if old.pictures == new.pictures:
        return
    for before, after in _pairs(old.pictures, new.pictures):
        if before and after:
            yield from _changed(before, after, known)
        elif after:
            yield _edit("picture_added", None, after)
        else:
            yield _edit("picture_removed", before, None)


def changed_pairs(old: Sequence[Picture], new: Sequence[Picture]) -> list[_Pair]:
    """Return the pictures that came, went or changed, each as it was and as it is."""
    return [
        (before, after)
        for before, after in _pairs(old, new)
        if before is None or after is None or any(_differences(before, after))
    ]


def differ(old: Sequence[Picture], new: Sequence[Picture]) -> bool:
    """Whether two articles have other pictures; bytes that are not known of both are no difference."""
    return bool(changed_pairs(old, new))


def _pairs(old: Sequence[Picture], new: Sequence[Picture]) -> Iterator[_Pair]:
    """Yield each picture with the one that it was: by address, or else by its bytes, its words or its place."""
    gone = {picture_key(one.url): one for one in old}
    came = {picture_key(one.url): one for one in new}
    was: dict[str, Picture] = {key: gone.pop(key) for key in [*came] if key in gone}
    for trait in (_bytes, _by_path, _words, _place):
        left = {trait(one): key for key, one in reversed(gone.items()) if trait(one)}
        for key, one in came.items():
            if key not in was and (found := left.pop(trait(one), "")):
                was[key] = gone.pop(found)
    yield from ((was.get(key), one) for key, one in came.items())
    yield from ((one, None) for one in gone.values())


def _bytes(picture: Picture) -> tuple[str, ...]:
    return (picture.sha256,) if picture.sha256 else ()


def _by_path(picture: Picture) -> tuple[str, ...]:
    return (_path(picture.url),)


def _words(picture: Picture) -> tuple[str, ...]:
    return (picture.alt, picture.caption) if picture.alt or picture.caption else ()


def _place(picture: Picture) -> tuple[object, ...]:
    return (picture.heading, picture.position)


def _path(url: str) -> str:
    """The address of a picture without its host, which another name of the site or a network of caches may serve."""
    return picture_key(url).partition("/")[2]


def _differences(old: Picture, new: Picture) -> Iterator[tuple[str, str]]:
    """Yield each trait that differs, as it was and as it is."""
    if _path(old.url) != _path(new.url):
        yield old.url, new.url
    if old.alt != new.alt:
        yield old.alt, new.alt
    if old.caption != new.caption:
        yield old.caption, new.caption
    if old.sha256 != new.sha256 and old.sha256 and new.sha256:
        yield old.sha256, new.sha256


def _changed(old: Picture, new: Picture, known: PictureReadings) -> Iterator[Edit]:
    differences = tuple(_differences(old, new))
    if not differences:
        return
    only_bytes = differences == ((old.sha256, new.sha256),)
    label = "cosmetic" if only_bytes and (old.sha256, new.sha256) in known.reencoded else "picture_changed"
    edit = _edit(label, old, new, differences)
    was, now = (_AMOUNT.findall(known.texts.get(one.sha256, "")) for one in (old, new))
    if label != "cosmetic" and was and now and sorted(was) != sorted(now):
        gone, came = ([one for one in own if one not in other] for own, other in ((was, now), (now, was)))
        words = [f"{', '.join(one)}{MACHINE_READ}" if one else "" for one in (gone, came)]
        evidence = (*edit.evidence, Evidence("price", *words))
        before, after = (" · ".join(filter(None, pair)) for pair in zip((edit.old, edit.new), words, strict=True))
        edit = replace(edit, old=before, new=after, spans=spans_between(before, after), evidence=evidence)
        edit = replace(edit, labels=(*edit.labels, "price"), level=3)
    yield edit


def _edit(
    label: str, old: Picture | None, new: Picture | None, differences: Sequence[tuple[str, str]] = (("", ""),)
) -> Edit:
    was, now = _line(old), _line(new)
    evidence = [Evidence(label, before, after) for before, after in differences]
    level = 0 if label == "cosmetic" else 2
    words = [before_after_words(one) if one else "" for one in (old, new)]
    if level and any(words):
        level = 3
        evidence = [Evidence(label, *words), *(one for one in evidence if one.old or one.new)]
    op = "edited" if old and new else "added" if new else "removed"
    return Edit(op, was, now, spans_between(was, now), (label,), level, evidence=tuple(evidence))  # type: ignore[arg-type]


def _line(picture: Picture | None) -> str:
    """Return a picture in one line: what is said of it, its address and, if they are known, its bytes."""
    if picture is None:
        return ""
    digest = f"sha256:{picture.sha256[:16]}" if picture.sha256 else ""
    return " · ".join(filter(None, dict.fromkeys((picture.alt, picture.caption, picture.url, digest))))
