"""Where words of the lexicon may begin in a text, told by their first two signs.

Most sentences hold words of few groups, at few places. Looking up a sentence's pairs of signs in a table costs far less
than searching it for every group; only those that may be there are then looked for, and only where they may begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from columnarchive.diff.lexicon import signs_of, words_of

_SIZE = 2
_QUANTIFIER = re.compile(r"[?*+]|\{\d*,?\d*\}")
_CLASS = re.compile(r"\[((?:\\.|[^\]\\]){1,80})\]")
# Searched in whole sentences; other groups are only matched in one place.
_SOUGHT = (
    "treatment", "effect", "absolute", "emphatic", "superlative", "hedge", "no_claim", "not_about_effect",
    "illness_course", "harm", "harm_by_context", "risk_notice", "risk_notice_by_denial", "risk_denial", "testimonial",
    "role", "qualification", "approval",
    "disclosure.self_pay", "disclosure.unapproved", "disclosure.cost", "disclosure.course",
    "disclosure.plan", "disclosure.source", "disclosure.relief", "disclosure.abroad",
)  # fmt: skip


BITS: dict[str, int] = {group: 1 << at for at, group in enumerate(_SOUGHT)}
"""The bit of each group in what `groups_in` tells."""


def groups_in(text: str) -> int:
    """The bits of the groups of which `text`, in one width, may have a word; the others surely have none."""
    return _starts(text)[0]


def words_in(text: str, bits: int, words: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """What `words.finditer(text)` gives, for the words of the groups with these bits."""
    held, starts = _starts(text)
    if not held & bits:
        return
    end = 0
    for at, may_be in starts:
        if may_be & bits and at >= end:
            found = words.match(text, at)
            if found:
                end = found.end()
                yield found


@lru_cache(maxsize=4096)
def _starts(text: str) -> tuple[int, list[tuple[int, int]]]:
    """The bits of all groups that may have a word, and each place where words may begin with the bits of theirs."""
    ones, single, twos, double = _tables()
    starts = []
    at = 0
    for pair in double.findall(text):
        if pair in twos:
            at = text.find(pair, at)
            starts.append((at, twos[pair]))
            at += 1
    if single.search(text):
        starts += [(found.start(), ones[found[0]]) for found in single.finditer(text)]
        starts.sort()
    held = 0
    for _, bits in starts:
        held |= bits
    return held, starts


_Tables = tuple[dict[str, int], re.Pattern[str], dict[str, int], re.Pattern[str]]


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    """The groups by a word's first sign, where anything may follow it, and by its first two; each with a pattern.

    The pattern of pairs finds them all and others, but far fewer than stand in a text.
    """
    found: dict[str, int] = {}
    for group, bit in BITS.items():
        for word in words_of(group):
            for start in openings(word):
                if not start:
                    raise ValueError(f"lexicon.toml: {word} of {group} can begin with any sign")
                found[start] = found.get(start, 0) | bit
    ones = {start: bits for start, bits in found.items() if len(start) == 1}
    twos = {start: bits for start, bits in found.items() if len(start) == _SIZE}
    first, second = (_one_of(pair[at] for pair in twos) for at in range(_SIZE))
    return ones, re.compile(_one_of(ones)), twos, re.compile(f"(?=({first}{second}))")


def _one_of(signs: Iterable[str]) -> str:
    return f"[{''.join(map(re.escape, sorted(set(signs))))}]"


def openings(word: str, size: int = _SIZE) -> set[str]:
    """What a match of a regular expression can begin with, cut to `size`; after a shorter one anything may follow.

    >>> sorted(openings("効[きく]"))
    ['効き', '効く']
    >>> sorted(openings("(?:と|とも)?は?限"))
    ['とは', 'とも', 'と限', 'は限', '限']
    """
    if not size or not word:
        return {""}
    if word.startswith(("(?!", "(?=", "(?<")):
        return openings(word[_group_end(word) :], size)
    atoms, end = _atoms(word)
    if not atoms:
        return {""}
    quantifier = _QUANTIFIER.match(word, end)
    rest = word[quantifier.end() :] if quantifier else word[end:]
    optional = quantifier is not None and quantifier[0][0] in "?*{" and not re.match(r"\{[1-9]", quantifier[0])
    repeats = quantifier is not None and quantifier[0] != "?"
    if quantifier is not None and quantifier[0] == "+" and size == _SIZE and max(map(len, atoms)) == 1:
        return {atom + after for atom in atoms for after in (*atoms, *openings(rest, 1))}
    found = {opening for atom in atoms for opening in _with_rest(atom, "" if repeats else rest, size)}
    return found | openings(rest, size) if optional else found


def _with_rest(atom: str, rest: str, size: int) -> set[str]:
    """A sign, or the inside of a group, with what comes after it."""
    if len(atom) == 1:
        return {atom + after for after in openings(rest, size - 1)}
    return openings(atom + rest, size)


def _atoms(word: str) -> tuple[list[str], int]:
    """The signs or alternatives with which a pattern begins, and where it goes on; none when it can be any sign."""
    if word.startswith("(?:"):
        end = _group_end(word)
        return _alternatives(word[3 : end - 1]), end
    inside = _CLASS.match(word)
    if inside:
        any_sign = inside[1].startswith("^") or "\\" in inside[1].replace(r"\d", "").replace("\\.", "")
        digits = "0123456789" if r"\d" in inside[1] else ""
        signs = [*digits, *signs_of(inside[1].replace(r"\d", "").replace("\\.", "."))]
        return ([] if any_sign else signs), inside.end()
    if word[0] == "\\":
        return (list("0123456789") if word[1] == "d" else [] if word[1].isalnum() else [word[1]]), 2
    return ([] if word[0] in ".^$[(" else [word[0]]), 1


def _group_end(word: str) -> int:
    """Where the bracket that a pattern begins with is closed."""
    depth = 0
    for at, sign in enumerate(word):
        if word[at - 1 : at] != "\\":
            depth += (sign == "(") - (sign == ")")
        if not depth:
            return at + 1
    return len(word)


def _alternatives(inside: str) -> list[str]:
    """The alternatives of a group, those of groups within left together."""
    parts, depth = [""], 0
    for at, sign in enumerate(inside):
        if inside[at - 1 : at] != "\\":
            depth += (sign == "(") - (sign == ")")
        if sign == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts
