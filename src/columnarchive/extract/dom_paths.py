"""Places: where on a page something stands, in a form that survives cosmetic edits.

A place is the path of block elements from the top, each step being a tag with its class and id words, without digits
and without words that only tell a state (`active`, `open`). Places are interned as small integers by one `Places`
object a run, so that pages of a site can be compared by number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from columnarchive.extract.rules import (
    ARTICLE_HEADER,
    BAD_CLASS,
    GOOD_CLASS,
    HIDDEN,
    LABELS,
    MAX_LINES,
    NAVIGATION_CLASS,
    STATE_WORDS,
)

_CLASS = re.compile(r'\s(?:class|id)="([^"]*)"')
_ROLE = re.compile(r'\srole="(navigation|banner|contentinfo|complementary|search|menu|menubar|dialog|alertdialog)"')
_DIGITS = re.compile(r"\d+")
_SPLIT = re.compile(r"[\s]+")
_ROOT_WORDS = frozenset(("html", "body"))
_WRAPPING_TAGS = frozenset(("html", "body", "main", "article"))
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
    inside: int = 0
    """What all that stands in the element is in, as `outlines` counts it."""
    apart: int = 0
    """What it is in besides, unless an <article> is around: an aside is a box of the text there."""
    under: dict[int, int] = field(default_factory=dict)
    """Places this element has had, by the place it stood in."""


NO_STEP = Step("", "", "", False, False, False)


Head = tuple[int, str, int, Step]
"""What the inside of `<…>` means to a walk: an action, the tag, +1 or -1 for nesting, and the element's verdicts."""


Line = tuple[str, bool, str]
"""A text without white space, whether it says little more than a date, and itself with digits masked."""


class Places:
    """The interner of one run: grows as pages are walked, and is never shared between processes."""

    __slots__ = ("_boxes", "_known", "_steps", "heads", "lines", "parents", "steps")

    def __init__(self) -> None:
        self.parents: list[int] = [-1]
        self.steps: list[Step] = [NO_STEP]
        self.heads: dict[str, Head] = {}
        self.lines: dict[str, Line] = {}
        self._known: dict[tuple[int, str], int] = {}
        self._boxes: dict[tuple[str, str | None, str | None], Step] = {}
        self._steps: dict[tuple[str, str], Step] = {}

    def step(self, tag: str, attributes: str) -> Step:
        """The verdicts on an element, by its tag and its attributes as serialised."""
        key = (tag, attributes)
        found = self._steps.get(key)
        if found is None:
            found = self._steps[key] = _judge(tag, attributes)
        return found

    def box(self, tag: str, classes: str | None, own: str | None) -> Step:
        """The verdicts on an element by its tag, class and id alone."""
        key = (tag, classes, own)
        found = self._boxes.get(key)
        if found is None:
            named = (f' class="{classes}"' if classes else "") + (f' id="{own}"' if own else "")
            found = self._boxes[key] = self.step(tag, named)
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


def _judge(tag: str, attributes: str) -> Step:
    words = " ".join(_CLASS.findall(attributes)) if attributes else ""
    names = [_DIGITS.sub("", word) for word in _SPLIT.split(words) if word]
    kept = [] if tag in _ROOT_WORDS else sorted({name for name in names if name and name.lower() not in STATE_WORDS})
    token = " ".join((tag, *kept))  # no tag has a space in it, and broken ones have dots
    role = bool(attributes and _ROLE.search(attributes))
    wraps = tag in _WRAPPING_TAGS
    bad = not wraps and (
        tag in ("nav", "footer")
        or role
        or any(BAD_CLASS.search(ARTICLE_HEADER.sub("", word)) for word in words.split())
    )
    good = tag in ("article", "main") or any(GOOD_CLASS.search(word) for word in words.split())
    hidden = bool(attributes and HIDDEN.search(attributes))
    navigation = tag == "nav" or (not wraps and NAVIGATION_CLASS.search(words) is not None)
    inside = (IN_ARTICLE if tag == "article" else 0) | (IN_BAD if bad else 0) | (IN_NAVIGATION if navigation else 0)
    return Step(tag, token, words, bad, good, hidden, navigation, inside, IN_BAD if tag == "aside" else 0)
