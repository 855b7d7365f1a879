"""Sentences of two texts to links: what stayed, what was edited, split or merged, moved, added, removed.

Exact first (longest common subsequence of whole sentences), then exact moves, then by similarity inside each gap, then
similar moves across gaps. Bounds are counts, so the same two texts always give the same links.

Similar sentences are paired by what they share, and the best chain of pairs keeps the reading order.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, NamedTuple

from rapidfuzz.distance import Indel

from columnarchive.diff.normalization import comparison_key, differs_in_letters, values_without_punctuation

Pair = tuple[int, int, float]

# A sentence that was cut to its beginning of this length, or grew from it, is edited however unlike.
_HEAD = 3
# Up to this many pairs are all asked; beyond, only pairs that share rare words.
_ALL_PAIRS = 1_200
# A word in more sentences than this tells nothing about which one became which.
_COMMON = 8
# Words that two sentences must share to be asked at all.
_SHARED = 2
# Sentences asked for each one, those that share most words first.
_ASKED = 3
_WORDS = re.compile(r"[一-鿿々]{2,}|[ァ-ヺー]{2,}|[A-Za-z0-9０-９]{2,}|[ぁ-ゖ]{4,}")


def candidates(
    old: Sequence[str], new: Sequence[str], olds: Sequence[int], news: Sequence[int], least: float
) -> list[Pair]:
    """Return pairs of positions whose sentences have at least this similarity, in order of position."""
    if len(olds) * len(news) <= _ALL_PAIRS:
        asked = [(i, j) for i in olds for j in news]
    else:
        asked = _sharing_words(old, new, olds, news)
    similarity = Indel.normalized_similarity
    pairs = []
    for i, j in asked:
        score = similarity(old[i], new[j], score_cutoff=least)
        if (
            not score
            and min(len(old[i]), len(new[j])) >= _HEAD
            and (old[i].startswith(new[j]) or new[j].startswith(old[i]))
        ):
            score = least
        if score:
            pairs.append((i, j, score))
    return pairs


def _sharing_words(
    old: Sequence[str], new: Sequence[str], olds: Sequence[int], news: Sequence[int]
) -> list[tuple[int, int]]:
    holders: dict[str, list[int]] = {}
    for i in olds:
        for word in set(_WORDS.findall(old[i])):
            if word in holders:
                holders[word].append(i)
            else:
                holders[word] = [i]
    rare = {word: holding for word, holding in holders.items() if len(holding) <= _COMMON}
    asked = []
    for j in news:
        held = [rare[word] for word in set(_WORDS.findall(new[j])) if word in rare]
        if len(held) < _SHARED:
            continue
        votes: dict[int, int] = {}
        for holding in held:
            for i in holding:
                votes[i] = votes.get(i, 0) + 1
        ranked = sorted((-count, i) for i, count in votes.items() if count >= _SHARED)
        asked += [(i, j) for _, i in ranked[:_ASKED]]
    asked.sort()
    return asked


def best_chain(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the heaviest chain of pairs in which both positions rise: the sentences edited in place.

    Weighted longest increasing subsequence; the frontier keeps, for each last new position, the best weight so far.
    """
    if len(pairs) <= 1:
        return list(pairs)
    ends: list[int] = []
    weights: list[float] = []
    chains: list[int] = []
    came_from: list[int] = []
    # Within one old position the new ones are taken from the right, so that none builds on its own sibling.
    order = sorted(range(len(pairs)), key=lambda at: (pairs[at][0], -pairs[at][1]))
    for at in order:
        _, j, score = pairs[at]
        place = bisect_left(ends, j)
        weight = score + (weights[place - 1] if place else 0.0)
        came_from.append(chains[place - 1] if place else -1)
        _enter(ends, weights, chains, (place, j, weight, len(came_from) - 1))
    return _walked(pairs, order, came_from, chains[-1])


def _enter(ends: list[int], weights: list[float], chains: list[int], entry: tuple[int, int, float, int]) -> None:
    """Insert an entry so that both `ends` and `weights` keep rising, and drop those it makes useless."""
    place, j, weight, chain = entry
    if place < len(ends) and ends[place] == j and weights[place] >= weight:
        return
    if place and weights[place - 1] >= weight:
        return
    stop = place
    while stop < len(ends) and weights[stop] <= weight:
        stop += 1
    ends[place:stop] = [j]
    weights[place:stop] = [weight]
    chains[place:stop] = [chain]


def _walked(pairs: Sequence[Pair], order: Sequence[int], came_from: Sequence[int], last: int) -> list[Pair]:
    chain = []
    while last >= 0:
        chain.append(pairs[order[last]])
        last = came_from[last]
    chain.reverse()
    return chain


LinkKind = Literal["added", "removed", "edited", "moved"]

# Longest common subsequence over whole sentences keeps a bit row a sentence: this many cells are 5 MB.
_MOST_CELLS = 40_000_000
# Only within gaps up to this many pairs are sentences sought that are merely set otherwise.
_MAX_REFORMATTED = 40_000
# Lines wrapped anew are sought in gaps up to this many characters, and only where so much of both sides is the same.
_MAX_REWRAPPED = 4_000
_REWRAPPED = 0.8
# Two sentences at least this alike (2·LCS ÷ both lengths) are one sentence edited; unrelated Japanese ones reach 0.35.
_EDITED = 0.45
# One sentence in the place of one sentence needs little likeness to be read as its new wording.
_ALONE = 0.2
# A sentence that also changed its place must be much more alike, and long enough not to be a set phrase.
_MOVED = 0.75
_MOVED_LENGTH = 12


class Link(NamedTuple):
    """Old sentences [old_from, old_to) that became new ones [new_from, new_to); one of both may be empty.

    `place` is the position among the new sentences where a reader meets it.
    """

    kind: LinkKind
    old_from: int
    old_to: int
    new_from: int
    new_to: int
    place: int


class Gap(NamedTuple):
    """A stretch between two sentences that stayed."""

    old_from: int
    old_to: int
    new_from: int
    new_to: int


@dataclass(slots=True)
class Alignment:
    """Links in reading order. `capped` says a bound on counts made the result coarser."""

    links: list[Link] = field(default_factory=list)
    capped: bool = False


def align(old: Sequence[str], new: Sequence[str]) -> Alignment:
    """Return how the old sentences became the new ones, leaving out those that did not change."""
    gaps, capped = _gaps(old, new)
    result = Alignment(capped=capped)
    if not gaps:
        return result
    old_left = {at: gap for gap in gaps for at in range(gap.old_from, gap.old_to)}
    new_left = {at: gap for gap in gaps for at in range(gap.new_from, gap.new_to)}
    links = _exact_moves(old, new, old_left, new_left)
    for gap in gaps:
        if gap.old_to - gap.old_from == gap.new_to - gap.new_from == 1:
            links += _one_for_one(old, new, gap, old_left, new_left)
            continue
        links += _reformatted(old, new, gap, old_left, new_left)
        links += _edited(old, new, gap, old_left, new_left)
    links += _similar_moves(old, new, old_left, new_left)
    anchors = _anchors(gaps, links)
    links += [Link("removed", at, at + 1, -1, -1, anchors[at]) for at in old_left]
    links += [Link("added", -1, -1, at, at + 1, at) for at in new_left]
    links.sort(key=lambda link: (link.place, link.new_from, link.old_from))
    result.links = _joined_moves(links, old, new)
    return result


def _gaps(old: Sequence[str], new: Sequence[str]) -> tuple[list[Gap], bool]:
    shorter, head, tail = min(len(old), len(new)), 0, 0
    while head < shorter and old[head] == new[head]:
        head += 1
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old_end, new_end = len(old) - tail, len(new) - tail
    if head in (old_end, new_end):
        return ([Gap(head, old_end, head, new_end)] if head < max(old_end, new_end) else []), False
    if (old_end - head) * (new_end - head) > _MOST_CELLS:
        return [Gap(head, old_end, head, new_end)], True
    ids: dict[str, int] = {}
    old_ids = [ids.setdefault(text, len(ids)) for text in old[head:old_end]]
    new_ids = [ids.setdefault(text, len(ids)) for text in new[head:new_end]]
    gaps: list[Gap] = []
    for step in Indel.opcodes(old_ids, new_ids):
        if step.tag == "equal":
            continue
        gap = Gap(step.src_start + head, step.src_end + head, step.dest_start + head, step.dest_end + head)
        if gaps and (gaps[-1].old_to, gaps[-1].new_to) == (gap.old_from, gap.new_from):
            gap = Gap(gaps[-1].old_from, gap.old_to, gaps[-1].new_from, gap.new_to)
            gaps.pop()
        gaps.append(gap)
    return gaps, False


def _one_for_one(
    old: Sequence[str], new: Sequence[str], gap: Gap, old_left: dict[int, Gap], new_left: dict[int, Gap]
) -> list[Link]:
    """Return the link of one sentence in the place of another: edited unless they have almost nothing in common."""
    i, j = gap.old_from, gap.new_from
    if i not in old_left or j not in new_left:
        return []
    if not candidates(old, new, (i,), (j,), _ALONE) and (
        differs_in_letters(old[i], new[j]) or comparison_key(old[i]) != comparison_key(new[j])
    ):
        return []
    link = Link("edited", *gap, j)
    _take(link, old_left, new_left)
    return [link]


def _reformatted(
    old: Sequence[str], new: Sequence[str], gap: Gap, old_left: dict[int, Gap], new_left: dict[int, Gap]
) -> list[Link]:
    """Return links between sentences of a gap that differ only in typography or in where they are cut."""
    olds = [at for at in range(gap.old_from, gap.old_to) if at in old_left]
    news = [at for at in range(gap.new_from, gap.new_to) if at in new_left]
    if not olds or not news:
        return []
    if len(olds) * len(news) > _MAX_REFORMATTED:
        return []
    old_keys, new_keys = [comparison_key(old[at]) for at in olds], [comparison_key(new[at]) for at in news]
    runs: list[tuple[int, int, int, int]] = []
    one, other = "".join(old_keys), "".join(new_keys)
    if one == other:
        runs = _same_text_resegmented(old_keys, new_keys)
    elif values_without_punctuation(one) == values_without_punctuation(other):
        runs = _same_text_as_runs([old[at] for at in olds], [new[at] for at in news])
    else:
        runs = _rewrapped(old_keys, new_keys)
    if not runs and not set(old_keys).isdisjoint(new_keys):
        ids: dict[str, int] = {}
        old_ids = [ids.setdefault(key, len(ids)) for key in old_keys]
        new_ids = [ids.setdefault(key, len(ids)) for key in new_keys]
        for step in Indel.opcodes(old_ids, new_ids):
            if step.tag == "equal":
                both = zip(range(step.src_start, step.src_end), range(step.dest_start, step.dest_end), strict=True)
                runs += [(i, i + 1, j, j + 1) for i, j in both]
    links = []
    for i1, i2, j1, j2 in runs:
        if olds[i2 - 1] - olds[i1] != i2 - 1 - i1 or news[j2 - 1] - news[j1] != j2 - 1 - j1:
            continue
        links.append(Link("edited", olds[i1], olds[i2 - 1] + 1, news[j1], news[j2 - 1] + 1, news[j1]))
        _take(links[-1], old_left, new_left)
    return links


def _rewrapped(old_keys: Sequence[str], new_keys: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Return runs whose text was cut at other places and also changed a little: lines wrapped anew around an edit."""
    one, other = "".join(old_keys), "".join(new_keys)
    if max(len(one), len(other)) > _MAX_REWRAPPED or min(len(old_keys), len(new_keys)) == 0:
        return []
    blocks = Indel.opcodes(one, other).as_matching_blocks()
    if 2 * sum(block.size for block in blocks) < _REWRAPPED * (len(one) + len(other)):
        return []
    old_ends, new_ends = list(accumulate(map(len, old_keys))), list(accumulate(map(len, new_keys)))
    place = {end: at for at, end in enumerate(new_ends, 1)}
    runs, i1, j1 = [], 0, 0
    for i, end in enumerate(old_ends, 1):
        mapped = (end - block.a + block.b for block in blocks if block.a <= end <= block.a + block.size)
        j = next((place[to] for to in mapped if to in place), 0)
        if j <= j1 and i < len(old_ends):
            continue
        j = len(new_ends) if i == len(old_ends) else j
        inside = new_ends[j1 : j - 1]
        back = {at - block.b + block.a for at in inside for block in blocks if block.b <= at <= block.b + block.size}
        if i > i1 and j > j1 and not back.issubset(old_ends):
            runs.append((i1, i, j1, j))
        i1, j1 = i, j
    return runs


def _same_text_as_runs(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Return runs of two sides whose keys differ at most in punctuation at their cuts, none if the texts differ.

    A sign between digits is part of a key, and is none where a sentence ends at it: 5、!9 may be cut in 5、! and 9.
    """
    if comparison_key("".join(old)) != comparison_key("".join(new)):
        return []
    runs = _same_text_resegmented(
        [values_without_punctuation(text) for text in old], [values_without_punctuation(text) for text in new]
    )
    return runs or [(0, len(old), 0, len(new))]


def _same_text_resegmented(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Return two segmentations of one text as the shortest runs that begin and end together."""
    runs, i1, j1, i, j = [], 0, 0, 0, 0
    old_length = new_length = 0
    while i < len(old) or j < len(new):
        if j >= len(new) or (i < len(old) and old_length <= new_length):
            old_length += len(old[i])
            i += 1
        else:
            new_length += len(new[j])
            j += 1
        if old_length == new_length and i > i1 and j > j1:
            runs.append((i1, i, j1, j))
            i1, j1 = i, j
    if runs and (i1 < len(old) or j1 < len(new)):
        # What is left holds nothing but signs; it belongs to the last run.
        runs[-1] = (runs[-1][0], len(old), runs[-1][2], len(new))
    return runs


def _take(link: Link, old_left: dict[int, Gap], new_left: dict[int, Gap]) -> None:
    for at in range(link.old_from, link.old_to):
        del old_left[at]
    for at in range(link.new_from, link.new_to):
        del new_left[at]


def _exact_moves(
    old: Sequence[str], new: Sequence[str], old_left: dict[int, Gap], new_left: dict[int, Gap]
) -> list[Link]:
    places: dict[str, deque[int]] = {}
    for at in new_left:
        places.setdefault(new[at], deque()).append(at)
    links = []
    for at in list(old_left):
        waiting = places.get(old[at])
        if waiting:
            to = waiting.popleft()
            links.append(Link("moved", at, at + 1, to, to + 1, to))
            del old_left[at], new_left[to]
    return links


def _edited(
    old: Sequence[str], new: Sequence[str], gap: Gap, old_left: dict[int, Gap], new_left: dict[int, Gap]
) -> list[Link]:
    olds = [at for at in range(gap.old_from, gap.old_to) if at in old_left]
    news = [at for at in range(gap.new_from, gap.new_to) if at in new_left]
    if not olds or not news:
        return []
    links = []
    least = _EDITED if len(olds) + len(news) > 2 else _ALONE
    for i, j, _ in best_chain(candidates(old, new, olds, news, least)):
        if i not in old_left or j not in new_left:
            continue
        i1, i2, j1, j2 = _merge_or_split(old, new, (i, j), old_left, new_left)
        links.append(Link("edited", i1, i2, j1, j2, j1))
        _take(links[-1], old_left, new_left)
    return links


def _merge_or_split(
    old: Sequence[str],
    new: Sequence[str],
    pair: tuple[int, int],
    old_left: dict[int, Gap],
    new_left: dict[int, Gap],
) -> tuple[int, int, int, int]:
    """Return the pair, extended by an unmatched neighbour if two sentences became one or one became two.

    A neighbour belongs to it when taking it in leaves no more to insert and delete: half of it at least is there.
    """
    i, j = pair
    best = (i, i + 1, j, j + 1)
    if len(old[i]) < len(new[j]):
        options = [(at, at + 2, j, j + 1) for at in (i - 1, i) if at in old_left and at + 1 in old_left]
    else:
        options = [(i, i + 1, at, at + 2) for at in (j - 1, j) if at in new_left and at + 1 in new_left]
    if not options:
        return best
    least = Indel.distance(old[i], new[j])
    for option in options:
        i1, i2, j1, j2 = option
        distance = Indel.distance("".join(old[i1:i2]), "".join(new[j1:j2]))
        if distance <= least:
            best, least = option, distance
    return best


def _similar_moves(
    old: Sequence[str], new: Sequence[str], old_left: dict[int, Gap], new_left: dict[int, Gap]
) -> list[Link]:
    olds = [at for at in old_left if len(old[at]) >= _MOVED_LENGTH]
    news = [at for at in new_left if len(new[at]) >= _MOVED_LENGTH]
    if not olds or not news:
        return []
    pairs = sorted(candidates(old, new, olds, news, _MOVED), key=lambda pair: (-pair[2], pair[0], pair[1]))
    links = []
    for i, j, _ in pairs:
        if i in old_left and j in new_left:
            links.append(Link("moved", i, i + 1, j, j + 1, j))
            del old_left[i], new_left[j]
    return links


def _anchors(gaps: Sequence[Gap], links: Sequence[Link]) -> dict[int, int]:
    """Return for each old sentence of a gap the new position at which its removal is displayed."""
    edited = {link.old_from: link for link in links if link.kind == "edited"}
    anchors: dict[int, int] = {}
    for gap in gaps:
        place = gap.new_from
        for at in range(gap.old_from, gap.old_to):
            if at in edited:
                place = edited[at].new_to
            anchors[at] = place
    return anchors


def _joined_moves(links: list[Link], old: Sequence[str], new: Sequence[str]) -> list[Link]:
    """Return the links, with sentences that moved together unchanged as one."""
    done: list[Link] = []
    growing = False
    for link in links:
        as_it_was = link.kind == "moved" and old[link.old_from] == new[link.new_from]
        if growing and as_it_was and (done[-1].old_to, done[-1].new_to) == (link.old_from, link.new_from):
            done[-1] = done[-1]._replace(old_to=link.old_to, new_to=link.new_to)
        else:
            done.append(link)
        growing = as_it_was
    return done
