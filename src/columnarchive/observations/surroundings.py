"""What a captured page states outside its article: in lines of its template, and by the words on its pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from columnarchive.observations.engine import statements
from columnarchive.observations.records import Context, Kind
from columnarchive.observations.sentences import topics_of
from columnarchive.records import Elsewhere, OutsideLine

_HEADING = 24  # characters of a line that the next ones may stand under
_LONGEST = 1000
_READABLE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff@\d]")
# What the words on a picture announce: a fee table that is a picture states fees, but not in words that can be read.
_PICTURED: Mapping[str, tuple[Kind, ...]] = {
    "cost": ("cost", "self_pay"),
    "risk": ("risks",),
    "exclusion": ("risks",),
    "course": ("course",),
    "flow": ("content", "course"),
    "voice": ("testimonial",),
    "picture": ("before_after",),
    "contact": ("contact",),
    "relief": ("relief_excluded",),
}


def elsewhere(lines: Iterable[OutsideLine], pictures: Iterable[str]) -> tuple[Elsewhere, ...]:
    """Return what the lines and pictures of a page around its article state, the first evidence of each kind.

    Telephone numbers and addresses that stand in the article's container are told one by one, with their position.
    """
    found: dict[tuple[str, str], Elsewhere] = {}
    heading = ""
    for line in lines:
        for text in line.text.split("\n"):
            for kind, sentence, words in _stated(text[:_LONGEST], heading):
                if kind == "contact" and line.in_container:
                    found[kind, sentence] = Elsewhere(kind, "container", sentence, words, line.position)
                else:
                    found.setdefault((kind, "template"), Elsewhere(kind, "template", sentence, words))
            heading = text if len(text) <= _HEADING and topics_of(text) else heading
    for text in dict.fromkeys(pictures):
        for kind in _pictured(text[:_LONGEST]):
            found.setdefault((kind, "picture"), Elsewhere(kind, "picture", text[:_LONGEST]))
    return tuple(found.values())


def read_in_pictures(known: tuple[Elsewhere, ...], texts: Iterable[str]) -> tuple[Elsewhere, ...]:
    """Return what a page states outside its article's text, with what a machine read in the article's pictures."""
    found = {(one.kind, one.place, one.text): one for one in known}
    kinds = {one.kind for one in known if one.place == "picture"}
    for text in texts:
        for line in text.split("\n"):
            for kind, sentence, words in _stated(line[:_LONGEST].replace("\t", " "), ""):
                if kind not in kinds:
                    kinds.add(kind)
                    found[kind, "picture", sentence] = Elsewhere(kind, "picture", sentence, words)
    return tuple(found.values())


@lru_cache(maxsize=8192)  # the pages of a site share most of these lines
def _stated(text: str, heading: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    if not _READABLE.search(text):
        return ()
    return tuple((one.kind, one.text, one.words) for one in statements(text, Context(heading, kind="paragraph")))


@lru_cache(maxsize=2048)
def _pictured(text: str) -> tuple[str, ...]:
    announced = [kind for topic, kinds in _PICTURED.items() if topic in topics_of(text) for kind in kinds]
    return tuple(dict.fromkeys([*(kind for kind, _, _ in _stated(text, "")), *announced]))
