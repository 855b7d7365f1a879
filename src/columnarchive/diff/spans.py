"""Inline spans of an edited sentence: what was taken out and what was put in, in whole words, easy to read."""

from __future__ import annotations

from collections.abc import Iterator

from rapidfuzz.distance import Indel

from columnarchive.diff.tokens import tokens
from columnarchive.model import Span

# Above this many token pairs the alignment inside one sentence is not searched: no sentence a person writes is so long.
_MOST_CELLS = 4_000_000

Piece = tuple[list[str], list[str], bool]


def spans_between(old: str, new: str) -> tuple[Span, ...]:
    """Spans that give `old` (equal and delete) and `new` (equal and insert); a deletion stands before its insertion.

    >>> [(span.op, span.text) for span in spans_between("費用は98,000円です", "費用は128,000円です")]
    [('equal', '費用は'), ('delete', '98,000円'), ('insert', '128,000円'), ('equal', 'です')]
    """
    if old == new:
        return (Span("equal", old),) if old else ()
    if not old or not new:
        return (Span("insert", new),) if new else (Span("delete", old),)
    pieces = _clean(list(_aligned(tokens(old), tokens(new))))
    return tuple(_spans(pieces))


def _aligned(old: list[str], new: list[str]) -> Iterator[Piece]:
    """Runs of tokens, equal and changed in turn."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head:
        yield old[:head], old[:head], True
    old_end, new_end = len(old) - tail, len(new) - tail
    yield from _searched(old[head:old_end], new[head:new_end])
    if tail:
        yield old[old_end:], new[new_end:], True


def _searched(old: list[str], new: list[str]) -> Iterator[Piece]:
    if not old or not new or len(old) * len(new) > _MOST_CELLS:
        yield old, new, False
        return
    ids: dict[str, int] = {}
    old_ids = [ids.setdefault(token, len(ids)) for token in old]
    new_ids = [ids.setdefault(token, len(ids)) for token in new]
    left: list[str] = []
    right: list[str] = []
    for opcode in Indel.opcodes(old_ids, new_ids):
        tag, i1, i2, j1, j2 = opcode.tag, opcode.src_start, opcode.src_end, opcode.dest_start, opcode.dest_end
        if tag == "equal":
            if left or right:
                yield left, right, False
                left, right = [], []
            yield old[i1:i2], new[j1:j2], True
        else:
            left += old[i1:i2]
            right += new[j1:j2]
    if left or right:
        yield left, right, False


def _clean(pieces: list[Piece]) -> list[Piece]:
    """Without the islands of equal text between two changes that a reader would not see as kept."""
    done: list[Piece] = []
    for at, piece in enumerate(pieces):
        is_island = piece[2] and 0 < at < len(pieces) - 1 and _is_island(pieces[at - 1], piece, pieces[at + 1])
        changed = not piece[2] or is_island
        if done and changed and not done[-1][2]:
            before = done[-1]
            done[-1] = (before[0] + piece[0], before[1] + piece[1], False)
        else:
            done.append((list(piece[0]), list(piece[1]), not changed))
    return done


def _is_island(before: Piece, kept: Piece, after: Piece) -> bool:
    text = "".join(kept[0])
    if any(mark in text for mark in "、。，．！？「」（）()『』:：/／\n"):
        return False
    size = len(text)
    around = min(_size(before), _size(after))
    is_word = any(not ("ぁ" <= sign <= "ゖ") for sign in text)
    both_sides = all(piece[0] and piece[1] for piece in (before, after))
    return both_sides and size < (2 if is_word else 3) and size <= around


def _size(piece: Piece) -> int:
    return max(sum(map(len, piece[0])), sum(map(len, piece[1])))


def _spans(pieces: list[Piece]) -> Iterator[Span]:
    for old, new, is_equal in pieces:
        if is_equal:
            yield Span("equal", "".join(old))
            continue
        if old:
            yield Span("delete", "".join(old))
        if new:
            yield Span("insert", "".join(new))
