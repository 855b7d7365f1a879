"""Places: where on a page something stands, in a form that survives cosmetic edits.

A place is the path of block elements from the top, each step being a tag with its class and id words, without digits
and without words that only tell a state (`active`, `open`). Places are interned as small integers by one `Places`
object a run, so that pages of a site can be compared by number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from columnarchive.extract.rules import ARTICLE_HEADER, BAD_CLASS, GOOD_CLASS, HIDDEN, NAVIGATION_CLASS, STATE_WORDS

_CLASS = re.compile(r'\s(?:class|id)="([^"]*)"')
_ROLE = re.compile(r'\srole="(navigation|banner|contentinfo|complementary|search|menu|menubar|dialog|alertdialog)"')
_DIGITS = re.compile(r"\d+")
_SPLIT = re.compile(r"[\s]+")
_ROOT_WORDS = frozenset(("html", "body"))
_WRAPPING_TAGS = frozenset(("html", "body", "main", "article"))


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


Head = tuple[int, str, int, Step]
"""What the inside of `<…>` means to a walk: an action, the tag, +1 or -1 for nesting, and the element's verdicts."""


class Places:
    """The interner of one run: grows as pages are walked, and is never shared between processes."""

    __slots__ = ("_known", "_steps", "heads", "parents", "steps")

    def __init__(self) -> None:
        self.parents: list[int] = [-1]
        self.steps: list[Step] = [Step("", "", "", False, False, False)]
        self.heads: dict[str, Head] = {}
        self._known: dict[tuple[int, str], int] = {}
        self._steps: dict[tuple[str, str], Step] = {}

    def step(self, tag: str, attributes: str) -> Step:
        """The verdicts on an element, by its tag and its attributes as serialised."""
        key = (tag, attributes)
        found = self._steps.get(key)
        if found is None:
            found = self._steps[key] = _judge(tag, attributes)
        return found

    def enter(self, parent: int, step: Step) -> int:
        """The place of an element under its parent's place."""
        key = (parent, step.token)
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = len(self.parents)
            self.parents.append(parent)
            self.steps.append(step)
        return place

    def path(self, place: int) -> str:
        """A place as text, for messages and tests."""
        tokens: list[str] = []
        while place > 0:
            tokens.append(self.steps[place].token)
            place = self.parents[place]
        return "/".join(reversed(tokens))


def _judge(tag: str, attributes: str) -> Step:
    words = " ".join(_CLASS.findall(attributes)) if attributes else ""
    names = [_DIGITS.sub("", word) for word in _SPLIT.split(words) if word]
    kept = [] if tag in _ROOT_WORDS else sorted({name for name in names if name and name.lower() not in STATE_WORDS})
    token = ".".join((tag, *kept))
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
    return Step(tag, token, words, bad, good, hidden, navigation)
