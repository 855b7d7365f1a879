"""Whether two versions of a page say something else: the article, never the page.

Both are read under one frozen model. What only one reading kept, but both pages have, is a difference of extraction
and no edit: a unit of text counts as changed only if its number of occurrences in the whole page changed too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set

from columnarchive.extract.outlines import Outline
from columnarchive.extract.rules import COUNTED, COUNTER, COUNTER_CHARS, FIRM
from columnarchive.extract.title import title_parts
from columnarchive.records import Article

_COUNTED = 500  # units looked for in the whole page; each costs a look through it
_UNIT = re.compile(r"[^。\n\t]+。?")


def is_revision(
    old: Article, new: Article, old_page: Outline, new_page: Outline, shared: Set[str] = frozenset()
) -> bool:
    """True when the article's words changed between two versions of a page.

    `shared` are texts that other pages of the site show at the same time.
    """
    before, after = "".join(old.text.split()), "".join(new.text.split())
    if _title_changed(old, new, old_page, new_page):
        return True
    if before == after:
        return False
    kept_before, kept_after = _units(old.text), _units(new.text)
    changed = (kept_before - kept_after) + (kept_after - kept_before)
    if not changed:
        return _is_reordered(old.text, new.text)
    if _without_counters(kept_before, shared) == _without_counters(kept_after, shared):
        return False
    old_raw, new_raw = _raw(old_page), _raw(new_page)
    few = list(changed)[:_COUNTED]
    return any(old_raw.count(unit) != new_raw.count(unit) for unit in few) or (
        len(changed) > len(few) and _units(old_raw) != _units(new_raw)
    )


def _without_counters(units: Counter[str], shared: Set[str]) -> Counter[str]:
    """Mask what counters and clocks change: visits, votes, days ago, today's date; never a fee or a claim."""
    masked: Counter[str] = Counter()
    for unit, times in units.items():
        is_counter = len(unit) <= COUNTER_CHARS and not FIRM.search(unit) and (COUNTER.search(unit) or unit in shared)
        masked[COUNTED.sub("#", unit) if is_counter else unit] += times
    return masked


def _raw(page: Outline) -> str:
    return "\n".join(["".join(page.title.split()), *(piece.key for piece in page.pieces)])


def _units(text: str) -> Counter[str]:
    return Counter("".join(unit.split()) for unit in _UNIT.findall(text) if unit.strip())


def _is_reordered(old: str, new: str) -> bool:
    """The same units in another order: a passage was moved."""
    return ["".join(unit.split()) for unit in _UNIT.findall(old) if unit.strip()] != [
        "".join(unit.split()) for unit in _UNIT.findall(new) if unit.strip()
    ]


def _title_changed(old: Article, new: Article, old_page: Outline, new_page: Outline) -> bool:
    """Whether the title's words changed; a title that only the head states is compared without the site's part."""
    before, after = "".join(old.title.split()), "".join(new.title.split())
    if before == after or (before in _raw(new_page) and after in _raw(old_page)):
        return False
    if any(piece.key == before for piece in old_page.pieces) and any(piece.key == after for piece in new_page.pieces):
        return True
    return title_parts(old.title)[:1] != title_parts(new.title)[:1]


def mostly_remains(old: Article, new: Article) -> bool:
    """Whether most of an article's known text is still there."""
    before = _units(old.text)
    size = sum(len(unit) * times for unit, times in before.items())
    return sum(len(unit) * times for unit, times in (before & _units(new.text)).items()) > size / 2
