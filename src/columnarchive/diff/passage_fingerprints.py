"""Passages that stand in other articles too, exactly or nearly: keys to index, and the verdict on two passages.

A passage is known by the few smallest hashes of its overlapping runs of letters (a bottom-k sketch, Broder 1997), of
which two fifths are looked at, chosen by how a run begins: two passages that share half of their runs nearly always
share a key, whatever stands where they differ. An index of (key, passage) therefore finds the candidates of a new
passage by a handful of look-ups, however many passages there are; `similarity` then reads both, with numbers as one
sign. So a swapped price or date does not hide a copy.
"""

from __future__ import annotations

import re
from binascii import crc32
from functools import lru_cache
from itertools import compress

from rapidfuzz.distance import Indel, LCSseq

from columnarchive.diff.normalization import comparison_key, letters_only

KEYS = "3"
"""The version of `keys_of`: a text folded otherwise has other keys, and an index is of one version."""

LEAST_LENGTH = 40
"""Signs without space and punctuation below which a passage is too short to be a copy."""

# What a passage says beyond that is not looked at: comparing takes time by the product of both lengths.
_MOST_SIGNS = 20_000
_KEYS = 10
_RUN = 7
_ALIKE = 0.78
_CONTAINED = 0.9
# A passage that is contained in another must be at least this share of it.
_SHARE = 0.4
_NUMBER = re.compile(r"\d[\d.,:~/-]*")
_MIX, _MASK = 0x9E3779B1, 0xFFFFFFFF
# Whether a run that begins with a sign of this low byte is looked at. Of copies changed at random as many are found as
# with all runs, with a fourth of them clearly fewer.
_CHOSEN = bytes(low % 5 < 2 for low in range(256))


def keys_of(passage: str) -> tuple[int, ...]:
    """Return the keys under which to index a passage: up to ten numbers below 2**32, none when it is too short."""
    if len(passage) < LEAST_LENGTH:
        return ()
    signs = letters_only(passage)[:_MOST_SIGNS].encode("utf-16-le", "surrogatepass")
    # CRC alone keeps the order of similar runs; the multiplication scatters it.
    begins = compress(range(0, len(signs) - 2 * _RUN + 2, 2), signs[::2].translate(_CHOSEN))
    runs = {crc32(signs[at : at + 2 * _RUN]) * _MIX & _MASK for at in begins}
    return tuple(sorted(runs)[:_KEYS])


def similarity(one: str, other: str) -> float:
    """Return the similarity of two passages: 1 for the same text, 0 if neither is a copy of the other."""
    left, right = _plain(one), _plain(other)
    if left == right and len(left) < _MOST_SIGNS:
        return 1.0
    shorter, longer = sorted((len(left), len(right)))
    if shorter < LEAST_LENGTH:
        return 0.0
    ratio = Indel.normalized_similarity(left, right, score_cutoff=_ALIKE)
    if not ratio and shorter >= longer * _SHARE:
        ratio = LCSseq.similarity(left, right, score_cutoff=int(shorter * _CONTAINED)) / shorter
    if not ratio:
        return 0.0
    # Rounded down, so that only the very same text shows as 1.
    return min(int(ratio * 1000) / 1000, 0.999)


@lru_cache(maxsize=512)
def _plain(passage: str) -> str:
    return _NUMBER.sub("0", comparison_key(passage))[:_MOST_SIGNS]
