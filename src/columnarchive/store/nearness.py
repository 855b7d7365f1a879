"""How much of a page is new beside others, told by marks of its parts: cheap enough to ask of all siblings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from zlib import crc32

HELD = 2500  # lines whose marks are held, 10 MB: a site's next page is compared with the same ones
BITS = 1 << 15  # 4 KB; a line of ten pages of 30 KB sets some 15 % of them
_BYTES = 32  # of a part for each of its bits, so that the number of bits tells the length of what is new
_STEP = 0x9E3779B1  # from one bit of a part to its next
_SHORT = 8  # bytes of a part that every page has (`/a>`, `br>`)


def marks(body: bytes) -> int:
    """The parts of a body, cut at tags, full stops and ends of lines, as bits: a long part has many."""
    found = bytearray(BITS // 8)
    for part in set(body.replace(b"\xe3\x80\x82", b"<").replace(b"\n", b"<").split(b"<")):
        if len(part) >= _SHORT:
            at = crc32(part)
            for _ in range(1 + len(part) // _BYTES):
                found[(at >> 3) % (BITS // 8)] |= 1 << (at & 7)
                at += _STEP
    return int.from_bytes(found, "little")


class Lately:
    """The marks of the lines that one writer lately compared, by the digest of the last body of each.

    Bodies never change, so nothing gets old but what is erased or coded anew; of their text only marks stay.
    """

    def __init__(self) -> None:
        self.held: OrderedDict[str, int] = OrderedDict()

    def line(self, sha256: str, read: Callable[[str], tuple[bytes, str]]) -> int:
        """Those of this body and all that it is coded against; `read` gives a body and the digest of the one below."""
        found = self.held.pop(sha256, None)
        if found is None:
            body, below = read(sha256)
            found = marks(body) | (self.line(below, read) if below else 0)
        self.held[sha256] = found
        if len(self.held) > HELD:
            self.held.popitem(last=False)
        return found

    def forget(self) -> None:
        """Hold nothing any longer."""
        self.held.clear()
