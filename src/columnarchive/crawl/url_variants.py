"""One page under several spellings of its address: escapes in small or capital letters, or of what needs none."""

from __future__ import annotations

import re
from collections.abc import Callable

ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


class Spellings:
    """A site's canonical form, and of addresses that differ by their escapes alone the one that was met first.

    It stays as written: servers may tell spellings apart, but a page is not to be fetched under two of them.

    >>> spelled = Spellings(str)
    >>> spelled("http://a.example/%e8%86%9D/"), spelled("http://a.example/%E8%86%9d/")
    ('http://a.example/%e8%86%9D/', 'http://a.example/%e8%86%9D/')
    """

    def __init__(self, canonical: Callable[[str], str]) -> None:
        self.canonical = canonical
        self.first: dict[str, str] = {}

    def __call__(self, url: str) -> str:
        """The address under which a page is known."""
        url = self.canonical(url)
        return self.first.setdefault(ESCAPE.sub(_plain, url), url) if "%" in url else url


def _plain(escape: re.Match[str]) -> str:
    """An escape as RFC 3986 (6.2.2) writes it."""
    sign = chr(int(escape[1], 16))
    return sign if sign.isascii() and (sign.isalnum() or sign in "-._~") else escape[0].upper()
