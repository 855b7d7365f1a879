"""Which of a site's bodies a page is nearest to, told by marks of its parts: cheap enough to ask of many.

A writer holds what it lately wrote: marks of a site's newest bodies, and dictionaries made ready to code against.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from columnarchive.store import codec

BITS = 1 << 15  # 4 KB; a line of ten pages of 30 KB sets some 15 % of them
_BYTES = 64  # of a part for each of its bits, so that the number of bits tells the length of what is new
_STEP = 0x9E3779B1  # from one bit of a part to its next
_SHORT = 24  # bytes of a part that many pages have (`/span>`, `li class="menu">`)

SITES = 200  # whose lines are held
LINES = 24  # of a site: each page is compared with all of them
READY_BYTES = 28 << 20  # of dictionaries: those of some 30 sites
LONGEST = 12  # bodies of a line; each costs a read some 0.02 ms, and histories need room above
MAX_LINE = 256 << 10  # bytes of a line of several bodies; more takes too long to load
MAX_ROOT = 4 << 20  # and of one body
# What a line may cost more for each body that it has less: shallow pages stay free to be bases of their own kind.
DEPTH_PRICE = 0.003
# The share more of a page that a line may leave new for being ready, if it is as long as lines get; less if shorter.
# Making another ready costs twice what using it does, and ten pages serve far better than two.
READY_PRICE = 0.2


def marks(body: bytes) -> int:
    """The parts of a body, cut at tags and ends of lines, as bits: a long part has many."""
    found, last = bytearray(BITS // 8), BITS - 1
    for part in set(body.replace(b"\n", b"<").split(b"<")):
        if len(part) >= _SHORT:
            at = crc32(part)
            for _ in range(0, len(part), _BYTES):
                found[(at & last) >> 3] |= 1 << (at & 7)
                at += _STEP
    return int.from_bytes(found, "little")


@dataclass(frozen=True, slots=True)
class Line:
    """A body and all below it, which a page may be coded against: digests, the body's first; bytes; marks."""

    names: tuple[str, ...] = ()
    size: int = 0
    marks: int = 0

    def below(self, sha256: str, size: int, own: int) -> Line:
        """The line of a body that is coded against this one."""
        return Line((sha256, *self.names), self.size + size, self.marks | own)

    @property
    def serves(self) -> bool:
        """Whether pages may be coded against it."""
        return 0 < self.size <= (MAX_LINE if len(self.names) > 1 else MAX_ROOT) and len(self.names) <= LONGEST

    @property
    def fullness(self) -> float:
        """How near it is to the longest one that serves, from 0 to 1."""
        return max(len(self.names) / LONGEST, min(1.0, self.size / MAX_LINE))


class Lately:
    """What one writer holds: by site its newest lines, and dictionaries made ready, each within bounds.

    Another may change the archive meanwhile, so a line is used only while the archive says the same of it.
    """

    def __init__(self) -> None:
        self.held: OrderedDict[int, dict[tuple[str, ...], Line]] = OrderedDict()
        self.ready: dict[tuple[str, ...], codec.Dictionary] = {}
        self._chance = random.Random(0)

    def knows(self, site_id: int) -> bool:
        """Whether lines of this site are held."""
        return site_id in self.held

    def keep(self, site_id: int, line: Line) -> None:
        """Hold a line if it serves, in place of the oldest one that has no dictionary ready."""
        lines = self.held.setdefault(site_id, {})
        self.held.move_to_end(site_id)
        if len(self.held) > SITES:
            self.held.popitem(last=False)
        if line.serves:
            lines[line.names] = line
        if len(lines) > LINES:
            del lines[next((names for names in lines if names not in self.ready), next(iter(lines)))]

    def nearest(self, site_id: int, own: int) -> list[Line]:
        """A site's lines: the one to try first, which may be another for being ready, then as little of a page is new.

        `own` are the page's marks. Of equals the newest comes first.
        """
        rated = [
            ((own & ~line.marks).bit_count() * (1 + DEPTH_PRICE * len(line.names)), line)
            for line in reversed(self.held.get(site_id, {}).values())
        ]
        rated.sort(key=lambda each: each[0])
        ready = [(left * (1 - READY_PRICE * line.fullness), line) for left, line in rated if line.names in self.ready]
        found = [line for _, line in rated]
        if ready:
            left, first = min(ready, key=lambda each: each[0])
            if left <= rated[0][0]:
                found.remove(first)
                found.insert(0, first)
        return found

    def dictionary(self, line: Line, joined: Callable[[], bytes]) -> codec.Dictionary:
        """The dictionary of a line, made of its bodies `joined` unless it is ready."""
        found = self.ready.get(line.names)
        if found is None:
            found = codec.Dictionary(joined())
            self.ready.pop(line.names[1:], None)  # It serves the same pages, less well.
            while sum(each.size for each in self.ready.values()) > READY_BYTES - found.size and self.ready:
                # Any of them: sites take turns, so the one that was used longest ago would be the next to be asked for.
                del self.ready[self._chance.choice(list(self.ready))]
        self.ready[line.names] = found
        return found

    def forget(self) -> None:
        """Hold nothing any longer."""
        self.held.clear()
        self.ready.clear()
