"""How much of a page is new beside others, told by its parts between tags: cheap enough to ask of many siblings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

HELD = 12 << 20  # bytes of decoded bodies that are held, because a site's next page is compared with the same ones


@dataclass(frozen=True, slots=True)
class Body:
    """A body and the set of its parts."""

    raw: bytes
    parts: frozenset[bytes]


def parts(body: bytes) -> frozenset[bytes]:
    """A body cut at tags, full stops and ends of lines."""
    return frozenset(body.replace(b"\xe3\x80\x82", b"<").replace(b"\n", b"<").split(b"<"))


def left(own: frozenset[bytes], others: Iterable[Body]) -> int:
    """How many bytes of these parts none of the others has."""
    for other in others:
        own = own - other.parts
    return sum(map(len, own))


class Lately:
    """Bodies that one writer lately compared, decoded; bodies never change, so nothing gets old but what is erased."""

    def __init__(self) -> None:
        self.held: OrderedDict[str, Body] = OrderedDict()
        self.size = 0

    def body(self, sha256: str, read: Callable[[str], bytes]) -> Body:
        """The body with this digest, which `read` reads."""
        found = self.held.pop(sha256, None)
        if found is None:
            raw = read(sha256)
            found = Body(raw, parts(raw))
            self.size += 3 * len(raw)  # its parts take twice as much
        self.held[sha256] = found
        while self.size > HELD and len(self.held) > 1:
            self.size -= 3 * len(self.held.popitem(last=False)[1].raw)
        return found

    def forget(self) -> None:
        """Hold nothing any longer."""
        self.held.clear()
        self.size = 0
