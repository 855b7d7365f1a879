"""How much of a page is new beside others, told by its parts between tags: cheap enough to ask of many siblings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

HELD = 150_000  # parts that are held, some 10 MB: a site's next page is compared with the same ones
_SHORT = 8  # bytes of a part that every page has (`/a>`, `br>`)


def parts(body: bytes) -> dict[int, int]:
    """The parts of a body cut at tags, full stops and ends of lines: the length in bytes of each by its hash."""
    cut = body.replace(b"\xe3\x80\x82", b"<").replace(b"\n", b"<").split(b"<")
    return {hash(part): len(part) for part in cut if len(part) >= _SHORT}


def left(own: Mapping[int, int], others: Iterable[frozenset[int]]) -> int:
    """How many bytes of these parts none of the others has."""
    new: AbstractSet[int] = own.keys()
    for other in others:
        new = new - other
    return sum(map(own.__getitem__, new))


class Lately:
    """The parts of bodies that one writer lately compared, by digest; of their text only hashes stay.

    Bodies never change, so nothing gets old but what is erased.
    """

    def __init__(self) -> None:
        self.held: OrderedDict[str, frozenset[int]] = OrderedDict()
        self.size = 0

    def parts(self, sha256: str, read: Callable[[str], bytes]) -> frozenset[int]:
        """Those of the body with this digest, which `read` reads."""
        found = self.held.pop(sha256, None)
        if found is None:
            found = frozenset(parts(read(sha256)))
            self.size += len(found)
        self.held[sha256] = found
        while self.size > HELD and len(self.held) > 1:
            self.size -= len(self.held.popitem(last=False)[1])
        return found

    def forget(self) -> None:
        """Hold nothing any longer."""
        self.held.clear()
        self.size = 0
