"""A page after one walk: its pieces of text, the block elements around them, and what its head says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from columnarchive.extract.dom_paths import Step


@dataclass(slots=True)
class Piece:
    """A run of text between block tags: what it says, where it stands, how much of it is link.

    `inside` says what is around it (`places.IN_ARTICLE` and so on), `counted` is the text as a site's template counts
    it.
    """

    text: str
    key: str
    tag: str
    place: int
    element: int
    linked: int
    dated: bool
    inside: int
    counted: str


@dataclass(slots=True)
class Element:
    """A block element: its tag, place and parent, and the pieces it spans (`first` up to before `end`)."""

    tag: str
    step: Step
    place: int
    parent: int
    first: int
    inside: int
    end: int = -1


@dataclass(slots=True)
class Image:
    """An element that shows a picture: its attributes, the number of pieces before it, what it stands in.

    `link` is where a link around it leads.
    """

    attributes: dict[str, str | None]
    before: int
    element: int
    link: str


class PagePicture(NamedTuple):
    """A picture of a page: its element, its canonical address, and what the addresses of one picture share."""

    image: Image
    address: str
    key: str


@dataclass(slots=True)
class Outline:
    """A page after one walk; links are (address, position of the piece they begin in)."""

    pieces: list[Piece]
    elements: list[Element]
    links: list[tuple[str, int]]
    images: list[Image] = field(default_factory=list)
    pictures: list[PagePicture] | None = None
    """Those images that have an address, once somebody has asked for them."""
    fields: list[int] = field(default_factory=list)
    """Elements that hold a field to write a text in."""
    frames: list[tuple[str, int]] = field(default_factory=list)
    """The addresses of frames, each with the number of pieces before it."""
    title: str = ""
    metas: dict[str, str] = field(default_factory=dict)
    json_ld: tuple[str, ...] = ()
    times: tuple[tuple[str, str], ...] = ()
    canonical: str = ""
    refresh: str = ""
    language: str = ""
    scripts: int = 0
    base: str = ""
