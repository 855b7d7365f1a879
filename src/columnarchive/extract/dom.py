"""HTML → an outline: the parser's tree is read for the head, thinned out, and handed to the walk written out again.

The serialised form is balanced and escaped by rule, and walking it costs a third of asking every node for its
attributes. With a site's template at hand most of a page is taken away before.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from columnarchive.extract.dom_paths import Places
from columnarchive.extract.dom_walk import Walk
from columnarchive.extract.outlines import Outline
from columnarchive.extract.response_headers import sends_to
from columnarchive.extract.rules import MAX_CHARS, STRIPPED
from columnarchive.extract.wrappers import settle_flags

_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_TIMES = 200
_SHADOW = re.compile(r"<template\s[^<>]*\bshadowrootmode\b[^<>]*>", re.I)
_SHADOW_BYTES = re.compile(_SHADOW.pattern.encode(), re.I)
_TITLE, _META = 1000, 2000  # characters that are looked at


def outline(html: str | bytes, places: Places) -> Outline:
    """Parse a page and walk it once. The caller has checked `markup_limits.exceeded_limit`.

    `html`: the text of the page, or its bytes where they are UTF-8 without a byte order mark.
    """
    tree = LexborHTMLParser(_open_shadows(html[:MAX_CHARS]))
    page = Outline([], [], [])
    _read_head(tree, page)
    body = tree.body
    if body is None:
        return page
    for tag in STRIPPED:
        for node in tree.tags(tag):  # several times as fast as a selector
            node.decompose(recursive=False)
    Walk(page, places).read(body)
    settle_flags(page)
    return page


def _open_shadows(html: str | bytes) -> str | bytes:
    """Make declarative shadow roots plain elements, as a browser shows them; the parser would hide what they hold."""
    if isinstance(html, bytes):
        return _SHADOW_BYTES.sub(b"<shadow-root>", html) if b"shadowrootmode" in html else html
    return _SHADOW.sub("<shadow-root>", html) if "shadowrootmode" in html else html


def _without_script(node: LexborNode) -> bool:
    """Whether an element is meant for readers without scripts only."""
    return node.parent is not None and node.parent.tag == "noscript"


def _read_head(tree: LexborHTMLParser, page: Outline) -> None:
    """What a page says of itself outside its text."""
    for node in tree.tags("title")[:1]:
        page.title = _SPACES.sub(" ", node.text()[:_TITLE]).strip()
    metas = page.metas
    for node in tree.tags("meta"):
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        if not name and (attributes.get("http-equiv") or "").lower() == "refresh" and not _without_script(node):
            page.refresh = page.refresh or sends_to(attributes.get("content") or "")
        if name:
            metas.setdefault(
                name.lower()[:_TITLE], (attributes.get("content") or attributes.get("value") or "")[:_META].strip()
            )
    canonical: str | None = None
    for node in tree.tags("link"):
        attributes = node.attributes
        if "canonical" in (attributes.get("rel") or "").lower().split():
            canonical = attributes.get("href")
            break
    page.canonical = (canonical or page.metas.get("og:url", "")).strip()
    for node in tree.tags("base"):
        attributes = node.attributes
        if "href" in attributes:
            page.base = attributes["href"] or ""
            break
    scripts = tree.tags("script")
    page.scripts = len(scripts)
    page.json_ld = tuple([node.text() for node in scripts if node.attributes.get("type") == "application/ld+json"])
    times = [attributes for node in tree.tags("time") if "datetime" in (attributes := node.attributes)]
    page.times = tuple(
        [
            (
                attributes["datetime"] or "",
                " ".join([name for name in (attributes.get("class"), attributes.get("itemprop")) if name]),
            )
            for attributes in times[:_TIMES]
        ]
    )
    root = tree.root
    attributes = root.attributes if root is not None else {}
    page.language = (attributes.get("lang") or attributes.get("xml:lang") or "").lower()
