"""Text to index tokens: every two neighbouring characters of a line, and its last character alone.

A phrase of overlapping pairs is found exactly where its characters stand in a row, and no pair spans a line break, so
the index alone answers "substring within one line" without looking at the text. One character is a prefix of a pair.

FTS5's `ascii` tokenizer breaks at ASCII signs and white space. They are significant here (IL-10, 98,000円), so each is
written as a code point that Unicode sets aside as a noncharacter, which no text is meant to contain.
"""

from __future__ import annotations

import re
from array import array

from columnarchive.search.fold import fold

TOKENS = "pairs-2"
"""Version of the tokens in the index: an index with another one must be rebuilt whole."""

_SIGNS = [chr(code) for code in range(0x20, 0x7F) if not chr(code).isalnum()]
_CONTROLS = [chr(code) for code in range(0x80) if code < 0x20 or code == 0x7F]
# 66 noncharacters for 66 ASCII signs and controls; the 32 short ones (three bytes) for what texts are full of.
_NONCHARACTERS = [
    chr(code)
    for code in (*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)))
]
_CODES = dict(zip([*_SIGNS, *_CONTROLS], _NONCHARACTERS, strict=True))
_LINE_BREAK = _CODES.pop("\n")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_OF_LINE = re.compile(r"\n[^ ] ")


def index_tokens(text: str) -> str:
    """The tokens of a text for an FTS column, in order, separated by white space.

    >>> index_tokens("再生医療").split()
    ['再生', '生医', '医療', '療']
    """
    encoded = _encoded(fold(text))
    if not encoded:
        return ""
    # Every character, the one after it and a space, written by three slices: ten times as fast as joining pairs. The
    # tokenizer breaks at a line break too, so a pair that ends with one is the last character alone, as it should be,
    # and a pair that begins with one has to go.
    characters = array("I", _utf32(encoded))
    pairs = array("I", _utf32(" " * (3 * len(characters))))
    pairs[::3] = characters
    pairs[1:-3:3] = characters[1:]
    return _FIRST_OF_LINE.sub("", pairs.tobytes().decode("utf-32-le"))


def phrase(folded: str) -> str:
    """A folded text as an FTS5 phrase that matches exactly where it stands within one line; empty for an empty text.

    >>> phrase("再生医療"), phrase("癌")
    ('"再生 生医 医療"', '"癌" *')
    """
    encoded = _encoded(folded).replace("\n", _LINE_BREAK)  # stands in no token, so it finds nothing
    if len(encoded) < 2:
        return f'"{encoded}" *' if encoded else ""
    return '"' + " ".join(map(str.__add__, encoded, encoded[1:])) + '"'


def _encoded(folded: str) -> str:
    """The text with every ASCII sign and control but the line break as a noncharacter."""
    # Most texts have few of these; looking for each in turn is far faster than `str.translate`.
    for character in _NONCHARACTERS:
        if character in folded:
            folded = folded.replace(character, _UNKNOWN)
    for sign, code in _CODES.items():
        if sign in folded:
            folded = folded.replace(sign, code)
    return folded if folded.isascii() else _SURROGATE.sub(_UNKNOWN, folded)


def _utf32(text: str) -> bytes:
    return text.encode("utf-32-le")
