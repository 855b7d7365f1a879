"""What a page needs to look as it looked: its style sheets, the pictures of its layout, and what style sheets name.

Addresses are found by their patterns alone, in time that grows with the text, since nothing is drawn here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from columnarchive.extract.link_header import link_target

MAX_OF_PAGE = 60
_TAG = re.compile(r"<(link|img|source)\b([^<>]{0,5000})>", re.I)
_ATTRIBUTE = re.compile(
    r"""\b(rel|href|src)\s{0,9}=\s{0,9}(?:"([^"]{0,2000})"|'([^']{0,2000})'|([^\s"'>]{1,2000}))""", re.I
)
_NAMED = re.compile(
    r"""url\(\s{0,9}(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^'")\s]{1,2000}))\s{0,9}\)|@import\s{1,9}["']([^"']{1,2000})["']""",
    re.I,
)


def of_page(text: str, url: str) -> list[str]:
    """Return the addresses that a page needs, style sheets first."""
    sheets, others = [], []
    for tag, attributes in _TAG.findall(text):
        named = {name.lower(): "".join(value) for name, *value in _ATTRIBUTE.findall(attributes)}
        if tag.lower() == "link" and "stylesheet" in named.get("rel", "").lower().split():
            sheets.append(named.get("href", ""))
        elif tag.lower() != "link":
            others.append(named.get("src", ""))
    return _addresses([*sheets, *others, *_named_in(text)], url)


def of_style_sheet(text: str, url: str) -> list[str]:
    """Return the addresses that a style sheet names: other sheets, fonts, pictures."""
    return _addresses(_named_in(text), url)


def _named_in(text: str) -> list[str]:
    return ["".join(found) for found in _NAMED.findall(text)]


def _addresses(named: Iterable[str], url: str) -> list[str]:
    found = (link_target(one.replace("&amp;", "&"), "", url) for one in named if one and not one.startswith("data:"))
    return list(dict.fromkeys(filter(None, found)))[:MAX_OF_PAGE]
