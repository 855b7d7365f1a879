"""Find pairs of similar sentences, and the best chain of pairs in reading order."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from rapidfuzz.distance import Indel

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
