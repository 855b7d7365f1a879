"""A page after one walk: its pieces of text, the block elements around them, what its head says; and their places.

A place is the path of block elements from the top, each step being a tag with its class and id words, without digits
and without words that only tell a state (`active`, `open`): a form that survives cosmetic edits. The cells of a table
that lays out a page have no class, but widths and colours of their own, which tell them apart as well. Places are
interned as small integers by one `Places` object a run, so that pages of a site can be compared by number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from columnarchive.extract.rules import (
    ARTICLE_HEADER,
    BAD_CLASS,
    GOOD_CLASS,
    LABELS,
    MAX_LINES,
    NAVIGATION_CLASS,
    STATE_WORDS,
)

_ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "complementary", "search", "menu", "menubar", "dialog", "alertdialog")
)
_HIDING_STYLE = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden", re.I)
_STRIKING_STYLE = re.compile(r"\bline-through\b", re.I)
_DIGITS = re.compile(r"\d+")
_ROOT_WORDS = frozenset(("html", "body"))
_WRAPPING_TAGS = frozenset(("html", "body", "main", "article"))
_OFFICE = re.compile(r"(?:^|[\s_-])(?:position|job|job-?title|role|affiliation|post-?name)(?=$|[\s_-])", re.I)
_LAYOUT_TAGS = frozenset(("table", "td"))
_LAYOUT_ATTRIBUTES = ("width", "bgcolor", "background", "colspan")
_WORD_CHARS = 400  # of a class or an id
IN_ARTICLE, IN_BAD, IN_NAVIGATION = 1, 2, 4
"""What an element or one around it is: an <article>, bad by its class or tag, navigation by its name."""


@dataclass(slots=True)
class Step:
    """One element's verdicts, from its tag and attributes alone; cached, because attributes repeat."""

    tag: str
    token: str
    words: str
    bad: bool
    good: bool
    hidden: bool
    navigation: bool = False
    struck: bool = False
    reason: str = ""
    """The word among class and id that made it bad."""
    hidden_only: bool = False
    """Whether nothing but being hidden made it bad."""
    office: bool = False
    """Whether it names the office of a person."""
    inside: int = 0
    """What all that stands in the element is in, as `outlines` counts it."""
    apart: int = 0
    """What it is in besides, unless an <article> is around: an aside is a box of the text there."""
    under: dict[int, int] = field(default_factory=dict)
    """Places this element has had, by the place it stood in."""


NO_STEP = Step("", "", "", False, False, False)


StepKey = tuple[str, str, str, str, bool, bool, str]
"""Tag, classes, id, role, whether it is hidden, whether it is struck out, how it is laid out."""
Line = tuple[str, bool, bool, str]
"""A text without white space, whether it says little more than a date, whether it holds one, its digits masked."""


class Places:
    """The interner of one run: grows as pages are walked, and is never shared between processes."""

    __slots__ = ("_known", "_steps", "lines", "parents", "steps")

    def __init__(self) -> None:
        self.parents: list[int] = [-1]
        self.steps: list[Step] = [NO_STEP]
        self.lines: dict[str, Line] = {}
        self._known: dict[tuple[int, str], int] = {}
        self._steps: dict[StepKey, Step] = {}

    def step(self, tag: str, attributes: dict[str, str | None]) -> Step:
        """The verdicts on an element, by its tag and its attributes."""
        if not attributes:
            return self._step((tag, "", "", "", False, False, ""))
        style = attributes.get("style") or ""
        hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
        hidden = hidden or bool(style and _HIDING_STYLE.search(style))
        struck = bool(style and _STRIKING_STYLE.search(style))
        classes, own = (attributes.get("class") or "")[:_WORD_CHARS], (attributes.get("id") or "")[:_WORD_CHARS]
        layout = ""
        if tag in _LAYOUT_TAGS:
            layout = " ".join([f"{name}={value}" for name in _LAYOUT_ATTRIBUTES if (value := attributes.get(name))])
        role = attributes.get("role") or ""
        return self._step((tag, classes, own, role, hidden, struck, layout[:_WORD_CHARS]))

    def _step(self, key: StepKey) -> Step:
        found = self._steps.get(key)
        if found is None:
            found = self._steps[key] = _judge(*key)
        return found

    def enter(self, parent: int, step: Step) -> int:
        """The place of an element under its parent's place."""
        key = (parent, step.token)
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = len(self.parents)
            self.parents.append(parent)
            self.steps.append(step)
        step.under[parent] = place
        return place

    def deciding(self, place: int, tag: str) -> int:
        """The place that decides on a text: its own, or for a label, which repeats, the one around it."""
        return self.parents[place] if tag in LABELS else place

    def remember(self, text: str, known: Line) -> None:
        """Keep what was found of a short text: menus and footers say the same on every page."""
        if len(self.lines) >= MAX_LINES:
            self.lines.clear()
        self.lines[text] = known

    def path(self, place: int) -> str:
        """A place as text, for messages and tests."""
        tokens: list[str] = []
        while place > 0:
            tokens.append(self.steps[place].token.replace(" ", "."))
            place = self.parents[place]
        return "/".join(reversed(tokens))


def _judge(tag: str, classes: str, own: str, role: str, hidden: bool, struck: bool, layout: str) -> Step:
    words = f"{classes} {own}".strip()
    names = [_DIGITS.sub("", word) for word in words.split()]
    own_classes = (
        [] if tag in _ROOT_WORDS else sorted({name for name in names if name and name.lower() not in STATE_WORDS})
    )
    # No tag has a space in it, and broken ones have dots.
    token = " ".join((tag, *own_classes, *([layout] if layout and not own_classes else [])))
    wraps = tag in _WRAPPING_TAGS
    hidden = hidden and role != "tabpanel"
    matches = (BAD_CLASS.search(ARTICLE_HEADER.sub("", word)) for word in words.split())
    reason = next((match[0].strip(" _-").lower() for match in matches if match), "")
    named = tag in ("nav", "footer", "dialog", "noscript") or role in _ROLES or reason != ""
    bad = not wraps and (hidden or named)
    good = tag in ("article", "main") or any(GOOD_CLASS.search(word) for word in words.split())
    navigation = tag == "nav" or (not wraps and NAVIGATION_CLASS.search(words) is not None)
    inside = (IN_ARTICLE if tag == "article" else 0) | (IN_BAD if bad else 0) | (IN_NAVIGATION if navigation else 0)
    apart = IN_BAD if tag == "aside" else 0
    closed = hidden and bad and not named
    office = _OFFICE.search(words) is not None
    return Step(tag, token, words, bad, good, hidden, navigation, struck, reason, closed, office, inside, apart)


@dataclass(slots=True)
class Piece:
    """A run of text between block tags: what it says, where it stands, how much of it is link, whether most is.

    `inside` says what is around it (`places.IN_ARTICLE` and so on), `counted` is the text as a site's template counts
    it.
    """

    text: str
    key: str
    tag: str
    place: int
    element: int
    linked: int
    is_link: bool
    dated: bool
    counted: str
    inside: int = 0


@dataclass(slots=True)
class Element:
    """A block element: its tag, place and parent, and the pieces it spans (`first` up to before `end`)."""

    tag: str
    step: Step
    place: int
    parent: int
    first: int
    end: int = -1
    inside: int = 0


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
