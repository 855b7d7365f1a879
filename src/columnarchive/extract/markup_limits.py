"""Bounds on markup, checked before parsing: what would cost the parser more than a small factor of the page's size.

The parser is quadratic in how deep elements nest, in how many attributes one element has and in how many options there
are to choose from, and it opens formatting elements that were never closed (`<font>`, `<b>`) again in every later
block. Memory grows with the number of tags.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from columnarchive.extract.rules import MAX_ATTRIBUTES, MAX_CHARS, MAX_DEPTH, MAX_OPTIONS, MAX_REOPENED, MAX_TAGS, VOID

_TAG = re.compile(rb"<(/?)([a-zA-Z][^\s/>]*+)([^>]*+)")
_ATTRIBUTE = rb"[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+"
_CROWDED_TAG = re.compile(rb"<[a-zA-Z][^\s/>]*+(?:%s){%d}" % (_ATTRIBUTE, MAX_ATTRIBUTES))
_OPTION = re.compile(rb"<option\b", re.I)
_MERGED_TAG = re.compile(rb"<(?:body|html)(?=[\s/])((?:%s)*+)" % _ATTRIBUTE, re.I)
_FORMATTING_TAG = re.compile(rb"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])[^>]*+", re.I)
_FORMATTING = frozenset(b"a b big code em font i nobr s small strike strong tt u".split())
_IMPLIED_END = frozenset(
    b"p li dt dd td th tr tbody thead tfoot colgroup option optgroup a form select nobr".split()
) | {tag.encode() for tag in VOID}
_COPIES = 3
"""The parser keeps at most this many equal formatting elements (the "Noah's Ark clause" of the HTML standard)."""


def exceeded_limit(markup: bytes) -> Literal["", "too_large", "too_deep"]:
    """Return why a page must not be parsed, or an empty string.

    Args:
        markup: The page in an encoding that contains ASCII, such as UTF-8.
    """
    tags = markup.count(b"<")
    if len(markup) > MAX_CHARS or tags > MAX_TAGS:
        return "too_large"
    if len(_OPTION.findall(markup)) > MAX_OPTIONS:
        return "too_large"
    if tags >= MAX_DEPTH and nesting_depth(markup) > MAX_DEPTH:
        return "too_deep"
    if _CROWDED_TAG.search(markup) or _merged_attributes(markup) > MAX_ATTRIBUTES:
        return "too_deep"
    formatting = Counter(_FORMATTING_TAG.findall(markup))
    distinct = sum(times if _is_cut(tag) else min(times, _COPIES) for tag, times in formatting.items())
    if distinct * tags > MAX_REOPENED and reopened_elements(markup) > MAX_REOPENED:
        return "too_deep"
    return ""


def nesting_depth(markup: bytes) -> int:
    """Return an upper bound on how deep the elements of a page nest."""
    depths: dict[bytes, int] = {}
    deepest = depth = 0
    for close, name, _ in _TAG.findall(markup):
        tag = name.lower()
        if tag in _IMPLIED_END:
            continue
        if not close:
            depths[tag] = depths.get(tag, 0) + 1
            depth += 1
            deepest = max(deepest, depth)
        elif depths.get(tag, 0) > 0:
            depths[tag] -= 1
            depth -= 1
    return deepest


def reopened_elements(markup: bytes) -> int:
    """Return an upper bound on how many formatting elements the parser opens again in later blocks."""
    active: dict[bytes, list[bytes]] = {}
    count = total = 0
    for close, name, attributes in _TAG.findall(markup):
        tag = name.lower()
        if tag not in _FORMATTING:
            total += 0 if close else count
            continue
        unclosed = active.setdefault(tag, [])
        if close:
            if unclosed:
                unclosed.pop()
                count -= 1
        elif _is_cut(attributes) or unclosed.count(attributes) < (1 if tag == b"a" else _COPIES):
            unclosed.append(attributes)
            count += 1
        if total > MAX_REOPENED:
            break
    return total


def _is_cut(tag: bytes) -> bool:
    """Whether the `>` that ended a tag may stand inside a quoted value, so that equal beginnings may differ."""
    return tag.count(b'"') % 2 == 1 or tag.count(b"'") % 2 == 1


def _merged_attributes(markup: bytes) -> int:
    """Return the number of attributes on all <html> and <body> tags: the parser merges them into one element each."""
    return sum(len(re.findall(_ATTRIBUTE, attributes)) for attributes in _MERGED_TAG.findall(markup))
