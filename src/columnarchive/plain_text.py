"""Text of pages made safe for a terminal, for JSON Lines and for XML; counts in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

# What breaks a line for some readers of JSON Lines, or turns the text of a terminal around.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
_MIXED_BREAKS = re.compile("\r\n?|[\x85\u2028\u2029]")


def visible(text: str) -> str:
    """Return the text without control, bidi and other invisible characters: a page must not drive a terminal.

    >>> visible("a\\x1b[31m\\u202eb")
    'a�[31m�b'
    """
    if text.isprintable():
        return text
    return "".join(_visible(sign) for sign in _MIXED_BREAKS.sub("\n", text))


def _visible(sign: str) -> str:
    if sign.isprintable() or sign in "\n\t\u3000":
        return sign
    if sign in "\xad\u200b\u200c\u200d\u2060\ufeff":
        return ""  # no reader sees them, and none misses them
    return " " if sign in "\x0b\x0c\u00a0\u1680\u202f\u205f" or "\u2000" <= sign <= "\u200a" else "\ufffd"


def printable(text: str) -> str:
    """Return the text without control and bidi characters, for files and messages; line ends and tabs stay."""
    return _CONTROLS.sub("", text)


def json_line(row: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return a row as one line of JSON: Japanese as it is, line separators and control characters escaped."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", _encoder()(row))


@cache
def _encoder() -> Callable[[object], str]:
    import json

    return json.JSONEncoder(ensure_ascii=False).encode


def xml_text(text: str) -> str:
    """Return the text without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)


def count(number: int, noun: str) -> str:
    """Return `1 page`, `2 pages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: with an apostrophe before a sign that begins one."""
    return "'" + cell if cell.startswith(FORMULA_SIGNS) else cell
