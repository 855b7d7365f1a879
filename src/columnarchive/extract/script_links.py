"""Links that only a script or data gives: `onclick`, `data-href`, forms, frames, JSON-LD lists, embedded JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from selectolax.lexbor import LexborHTMLParser, LexborNode

# Elements with a script or data attribute instead of an address.
SCRIPTED = ", ".join(f"[{name}]:not([href])" for name in ("onclick", "data-href", "data-url", "data-link"))
FRAMES = "frame[src], iframe[src]"
_NAVIGATION = re.compile(
    r"(?:location(?:\.href)?\s{0,9}=|location\.(?:assign|replace)\s{0,9}\(|window\.open\s{0,9}\()\s{0,9}"
    r"(?:'([^'\s]{1,500})'|\"([^\"\s]{1,500})\")"
)
_ADDRESS = re.compile(r"(?:https?://|/|\.{1,2}/|(?<![\w%-])[\w%-]{1,300}(?:/|\.html?\b|\.php\b))")
_TEMPLATE = re.compile(r"(<template\b[^<>]*>|</template>)", re.I)
_DATA_SCRIPT = 'script[type="application/json"], script#__NEXT_DATA__, script#__NUXT_DATA__'
_DATA_STRING = re.compile(r'"((?:https?:)?(?:\\?/){1,2}[^"\\<>\s]{1,300}(?:\\/[^"\\<>\s]{0,300}){0,12})"')
_MAX_DATA = 2_000_000  # characters of embedded JSON
_MAX_STRINGS = 3000
_MAX_DEPTH = 8


def open_shadow_roots(html: str) -> str:
    """Return a page with its declarative shadow roots as plain elements: browsers show them, the parser does not."""
    if "shadowrootmode" not in html:
        return html
    parts = _TEMPLATE.split(html)
    shadow: list[bool] = []
    for number, part in enumerate(parts):
        if number % 2 and part.startswith("</"):
            if shadow and shadow.pop():
                parts[number] = "</div>"
        elif number % 2:
            shadow.append("shadowrootmode" in part)
            parts[number] = "<div>" if shadow[-1] else part
    return "".join(parts)


def scripted_address(node: LexborNode) -> str:
    """Return the address that an element's script or data attribute leads to; empty for none."""
    attributes = node.attributes
    for name in ("data-href", "data-url", "data-link"):
        value = (attributes.get(name) or "").strip()
        if _ADDRESS.match(value):
            return value
    found = _NAVIGATION.search((attributes.get("onclick") or "")[:5000])
    return (found[1] or found[2]) if found else ""


def form_addresses(tree: LexborHTMLParser) -> Iterator[str]:
    """Yield where forms lead that ask nothing of the reader: only hidden fields and a button."""
    for form in tree.css("form[action]")[:50]:
        if (form.attributes.get("method") or "get").lower() != "get":
            continue
        fields = form.css("input, select, textarea")
        kinds = {(field.attributes.get("type") or field.tag or "").lower() for field in fields}
        if kinds <= {"hidden", "submit", "button", "image"}:
            query = [
                (field.attributes.get("name") or "", field.attributes.get("value") or "")
                for field in fields
                if field.attributes.get("type") == "hidden" and field.attributes.get("name")
            ]
            yield (form.attributes.get("action") or "") + ("?" + urlencode(query) if query else "")


def data_addresses(tree: LexborHTMLParser) -> Iterator[tuple[str, str]]:
    """Yield addresses and titles of JSON-LD lists, and addresses in JSON from which a script inserts the page."""
    for node in tree.css('script[type="application/ld+json"]')[:50]:
        text = node.text()
        if "itemListElement" in text and len(text) <= _MAX_DATA:
            try:
                yield from _list_items(json.loads(text), _MAX_DEPTH)
            except (ValueError, RecursionError):
                continue
    for node in tree.css(_DATA_SCRIPT)[:10]:
        for number, found in enumerate(_DATA_STRING.finditer(node.text(), 0, _MAX_DATA)):
            if number >= _MAX_STRINGS:
                break
            yield found[1].replace("\\/", "/"), ""


def _list_items(data: Any, depth: int) -> Iterable[tuple[str, str]]:
    """Yield the items of an ItemList anywhere in JSON-LD, breadcrumbs left out."""
    if depth <= 0:
        return
    if isinstance(data, list):
        for one in data[:1000]:
            yield from _list_items(one, depth - 1)
    elif isinstance(data, dict):
        if data.get("@type") == "BreadcrumbList":
            return
        elements = data.get("itemListElement")
        for element in (elements if isinstance(elements, list) else [])[:1000]:
            item = element.get("item", element) if isinstance(element, dict) else element
            url = item.get("url") or item.get("@id") if isinstance(item, dict) else item
            title = item.get("name") or "" if isinstance(item, dict) else ""
            if isinstance(url, str):
                yield url, str(title)[:200]
        for value in data.values():
            if isinstance(value, (dict, list)) and value is not elements:
                yield from _list_items(value, depth - 1)
