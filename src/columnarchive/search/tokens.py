"""Text to index tokens: every two neighbouring characters of a line, and its last character alone.

A phrase of overlapping pairs is found exactly where its characters stand in a row, and no pair spans a line break, so
the index alone answers "substring within one line" without looking at the text. One character is a prefix of a pair.

FTS5's `ascii` tokenizer breaks at ASCII signs and white space. They are significant here (IL-10, 98,000円), so each is
written as a code point that Unicode sets aside as a noncharacter, which no text is meant to contain.
"""

from __future__ import annotations

from columnarchive.search.fold import fold

TOKENS = "pairs-1"
"""Version of the tokens in the index: an index with another one must be rebuilt whole."""

_REPLACEMENT = 0xFFFD
_SIGNS = [code for code in range(0x20, 0x7F) if not chr(code).isalnum()]
_CONTROLS = [code for code in range(0x80) if code < 0x20 or code == 0x7F]
# 66 noncharacters for 66 ASCII signs and controls; the 32 short ones (three bytes) for what texts are full of.
_NONCHARACTERS = [*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF))]
_ENCODING: dict[int, int] = dict.fromkeys([*_NONCHARACTERS, *range(0xD800, 0xE000)], _REPLACEMENT)
_ENCODING.update(zip([*_SIGNS, *_CONTROLS], _NONCHARACTERS, strict=True))
_LINE_ENCODING = {key: value for key, value in _ENCODING.items() if key != 0x0A}


def index_tokens(text: str) -> str:
    """The tokens of a text for an FTS column, in order, with a space between.

    >>> index_tokens("再生医療")
    '再生 生医 医療 療'
    """
    tokens: list[str] = []
    for line in fold(text).translate(_LINE_ENCODING).split("\n"):
        if line:
            tokens += map(str.__add__, line, line[1:])
            tokens.append(line[-1])
    return " ".join(tokens)


def phrase(folded: str) -> str:
    """A folded text as an FTS5 phrase that matches exactly where it stands within one line; empty for an empty text.

    >>> phrase("再生医療"), phrase("癌")
    ('"再生 生医 医療"', '"癌" *')
    """
    encoded = folded.translate(_ENCODING)
    if not encoded:
        return ""
    if len(encoded) == 1:
        return f'"{encoded}" *'
    return '"' + " ".join(map(str.__add__, encoded, encoded[1:])) + '"'
