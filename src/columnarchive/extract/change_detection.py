"""Whether two versions of a page say something else: the article, never the page.

Both are read under one frozen model. What only one reading kept, but both pages have, is a difference of extraction
and no edit: a unit of text counts as changed only if its number of occurrences in the whole page changed too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from dataclasses import replace

from columnarchive.extract.outlines import Outline
from columnarchive.extract.rules import COUNTED, COUNTER, COUNTER_CHARS, FIRM
from columnarchive.extract.title import title_parts
from columnarchive.records import Article, Block

_COUNTED = 500  # units looked for in the whole page; each costs a look through it
_ADDRESS = re.compile(r"https?://[!-~]+", re.I)
_UNIT = re.compile(r"[^。\n\t]+。?")


def is_revision(
    old: Article, new: Article, old_page: Outline, new_page: Outline, shared: Set[str] = frozenset()
) -> bool:
    """True when the article's words changed between two versions of a page.

    `shared` are texts that other pages of the site show at the same time.
    """
    before, after = "".join(old.text.split()), "".join(new.text.split())
    if _title_changed(old, new, old_page, new_page) or people_changed(old, new, old_page, new_page):
        return True
    if before == after:
        return False
    units_before, units_after = _units(old.text), _units(new.text)
    changed = (units_before - units_after) + (units_after - units_before)
    if not changed:
        return _is_reordered(old.text, new.text)
    if _without_counters(units_before, shared) == _without_counters(units_after, shared):
        return False
    old_raw, new_raw = _raw(old_page), _raw(new_page)
    few = list(changed)[:_COUNTED]
    return any(old_raw.count(unit) != new_raw.count(unit) for unit in few) or (
        len(changed) > len(few) and _units(old_raw) != _units(new_raw)
    )


def people_changed(old: Article, new: Article, old_page: Outline, new_page: Outline) -> bool:
    """Return whether the names of author or supervisor changed on the page, or what it says of them."""
    was, now = _people(old), _people(new)
    if was == now:
        return False
    old_raw, new_raw = _raw(old_page), _raw(new_page)
    went = [part for part in was if part not in now and part in old_raw and part not in new_raw]
    came = [part for part in now if part not in was and part in new_raw and part not in old_raw]
    return bool(went or came)


def _people(article: Article) -> set[str]:
    """What an article says of its author and supervisor, each line without white space."""
    stated = (
        article.author,
        article.supervisor,
        *article.author_about.split("\n"),
        *article.supervisor_about.split("\n"),
    )
    return {part for one in stated if (part := "".join(one.split()))}


def settle(old: Article, new: Article, old_page: Outline, new_page: Outline) -> Article:
    """Return `new` without differences from `old` that are none between their pages.

    What a template of another time took for article, or left out, stays as first read while the page has it: no block
    comes or goes that was on the page before and after.
    """
    units_before, units_after = _units(old.text), _units(new.text)
    lost, came = units_before - units_after, units_after - units_before
    if not people_changed(old, new, old_page, new_page):
        new = replace(
            new,
            author=old.author,
            supervisor=old.supervisor,
            author_about=old.author_about,
            supervisor_about=old.supervisor_about,
        )
    old_raw, new_raw = _raw(old_page), _raw(new_page)
    stayed_out = _without_cause(came, new_raw, lost, old_raw)
    stayed_in = _without_cause(lost, old_raw, came, new_raw)
    if not stayed_out and not stayed_in:
        return new
    blocks = [remaining for block in new.blocks if (remaining := _lines(block, came, stayed_out)[0])]
    at = 0
    for block in old.blocks:
        if missing := _lines(block, lost, stayed_in)[1]:
            blocks.insert(at, missing)
            at += 1
        elif block in blocks[at:]:
            at = blocks.index(block, at) + 1
    return replace(new, blocks=tuple(blocks))


def _without_cause(units: Counter[str], page: str, others: Counter[str], other_page: str) -> frozenset[str]:
    """Return units of one reading alone that its page has no more often than the other page.

    What the other reading has in one line with more stays: its page was laid out in other lines when it was first read.
    """
    lines, other_lines = _units(page), _units(other_page)
    joined = "\n".join([unit for unit in others if unit not in other_page])
    return frozenset(
        [
            unit
            for unit in list(units)[:_COUNTED]
            if unit not in joined
            and 0 < page.count(unit) <= other_page.count(unit)
            and lines[unit] <= other_lines[unit]
        ]
    )


def _lines(block: Block, changed: Counter[str], unchanged: Set[str]) -> tuple[Block | None, Block | None]:
    """Split a block into lines with something in them that came or went, and those that stood; take these away."""
    parts: tuple[list[str], list[str]] = ([], [])
    for line in block.text.split("\n"):
        units = _units(line)
        alike = units.keys() <= unchanged and not units - changed
        parts[alike].append(line)
        if alike:
            changed -= units
    remaining, taken = (replace(block, text="\n".join(lines)) if lines else None for lines in parts)
    return remaining, taken


def _without_counters(units: Counter[str], shared: Set[str]) -> Counter[str]:
    """Mask what counters and clocks change (visits, votes, days ago, today's date) and the address in a shared line.

    A fee or a claim is never masked.
    """
    masked: Counter[str] = Counter()
    for unit, times in units.items():
        bare = _ADDRESS.sub("#", unit) if unit in shared else unit
        is_counter = len(bare) <= COUNTER_CHARS and not FIRM.search(bare) and (COUNTER.search(bare) or unit in shared)
        masked[COUNTED.sub("#", bare) if is_counter else bare] += times
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
