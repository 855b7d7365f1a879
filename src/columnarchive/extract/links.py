"""What a page links to, and how: each link with its place, its zone and what stands around it.

Some links only a script or data gives: `onclick`, `data-href`, forms, frames, JSON-LD lists, embedded JSON.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from selectolax.lexbor import LexborHTMLParser, LexborNode

from columnarchive.errors import UsageError
from columnarchive.extract.dom import exceeded_limit
from columnarchive.extract.page_regions import Place, place_of, zone_of
from columnarchive.extract.response_headers import FEEDS, NAMED, refreshed
from columnarchive.urls import Link, PageLinks, Zone, canonical, directory, shape

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


MAX_LINKS = 3000
_WORK = 20  # characters looked at around links, as a multiple of the page's own
SKIPPED = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|pdf|zip|docx?|xlsx?|pptx?|mp[34]|mov|wmv|avi)$", re.I)
DATE = re.compile(
    r"(?:19|20)\d\d\s*[年./-]\s*[01]?\d\s*[月./-]\s*[0-3]?\d"
    r"|(?:令和|平成)\s*(?:\d+|元)\s*年|[RH]\d{1,2}\.\d{1,2}\.\d{1,2}"
    r"|(?<!\d)[01]?\d月[0-3]?\d日|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*\.? \d{1,2},? (?:19|20)\d\d"
)
ABSOLUTE = re.compile(r"https?://", re.I)
CHOICE = re.compile(r"(?:https?:/)?/", re.I)
ROOTED = re.compile(r"/(?![/\\\s])")
PLAIN: frozenset[Zone] = frozenset({"nav", "crumbs", "pager", "share"})  # zones whose surroundings say nothing
BODY = re.compile(r"<body[\s>]", re.I)
# What belongs into the head and changes what a page says of itself wherever it stands; styles and the like do not.
HEAD_ELEMENT = re.compile(
    r"<(?:base\b|link\s[^<>]*\brel\s*=\s*(?:[\"'][^\"'<>]{0,80}|[^\s\"'<>]{0,80})"
    r"\b(?:canonical|next|prev(?:ious)?|up|alternate|api\.w\.org)\b"
    r"|meta\s[^<>]*\b(?:robots|columnarchive|og:type|refresh)\b)",
    re.I,
)
# The address of a link, or what else ends the look for it: `<` shows markup that only the parser can make sense of.
ANCHOR = re.compile(r"<a(?:rea)?\s(?:[^<>]*?\bhref\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s<>]+)|[^<>]*(<))", re.I)
BROKEN_LINE = re.compile(r"(?<![ \t])[ \t]*[\r\n]\s*")
FRAME = re.compile(r"<i?frame\s[^<>]*?\bsrc\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s<>]+)", re.I)
HEADING_TAGS = "h1, h2, h3, h4, h5, h6, dt"
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt"})


Wanted = Callable[[Set[str]], bool]
"""Asked with all that a page links to: whether its links are to be read."""


def page_links(html: str, url: str, wanted: Wanted | None = None) -> PageLinks:
    """The links of an HTML page at `url`; never raises. A page nested too deep to be parsed has none.

    With `wanted`, a page whose links are not wanted is skimmed: what its head says, and no links. That costs a tenth.
    """
    if exceeded_limit(html.encode()):
        return PageLinks(url, too_deep=True)
    html = open_shadow_roots(html)
    skimmed = _skimmed(html, url) if wanted is not None else None
    if wanted is not None and skimmed is not None and not wanted(skimmed.targets):
        return skimmed
    tree = LexborHTMLParser(html)
    base = _base(tree, url)
    head = _head(tree, base, url)
    frames = (_target(node.attributes.get("src") or "", base) for node in tree.css(FRAMES)[:50])
    head["frames"] = tuple(dict.fromkeys(filter(None, frames)))
    targets = skimmed.targets if skimmed is not None else frozenset()
    links = (*_links(tree, base, _WORK * len(html)), *_data_links(tree, base, url))
    return PageLinks(url, links, **head, targets=targets)  # type: ignore[arg-type]


def _skimmed(html: str, url: str) -> PageLinks | None:
    """A page by its head and the targets of its links alone; None where only the parser can tell what they are."""
    body = BODY.search(html)
    if body is None or HEAD_ELEMENT.search(html, body.end()):
        return None
    hrefs = set(ANCHOR.findall(html, body.end()))
    if len(hrefs) > MAX_LINKS or any(odd for _, odd in hrefs):
        return None
    tree = LexborHTMLParser(html[: body.start()])
    base = _base(tree, url)
    page = PageLinks(url, **_head(tree, base, url))  # type: ignore[arg-type]
    frames = FRAME.findall(html, body.end())[:MAX_LINKS]
    targets = {_target(_unquoted(href), base) for href in (*(href for href, _ in hrefs), *frames)}
    return replace(page, targets=frozenset(targets | {page.next, page.previous, page.up}))


def _unquoted(value: str) -> str:
    """The value of an attribute as it is written."""
    value = value.strip("\"'")
    return unescape(value) if "&" in value else value


def _base(tree: LexborHTMLParser, url: str) -> str:
    found = tree.css_first("base[href]")
    return _address((found.attributes.get("href") or "") if found else "", url) or url


def _address(href: str, base: str) -> str:
    """The canonical form of a link; empty for what leads to no page.

    Of an address that a tool broke over lines, browsers keep the indentation; it is never part of what was meant.
    """
    href = href.strip()
    if "\n" in href or "\r" in href:
        href = BROKEN_LINE.sub("", href)
    if ABSOLUTE.match(href):
        base = ""
    elif ROOTED.match(href):  # of the page's own address only the host counts, and the menus of all pages are one
        base = base[: base.find("/", base.find("//") + 2) + 1] or base
    return _absolute(href, base)


@lru_cache(maxsize=8192)
def _absolute(href: str, base: str) -> str:
    if not href or href.startswith(("#", "javascript:", "mailto:", "tel:", "data:")):
        return ""
    try:
        return canonical(href, base)
    except UsageError:
        return ""


@lru_cache(maxsize=16384)
def _is_file(target: str) -> bool:
    return SKIPPED.search(target.partition("?")[0]) is not None


def _target(href: str, base: str) -> str:
    """The page a link leads to; empty for what is none."""
    target = _address(href, base)
    return "" if not target or _is_file(target) else target


def _head(tree: LexborHTMLParser, base: str, url: str) -> dict[str, object]:
    """What <head> says: canonical, next, feeds, languages, robots, refresh, type."""
    found: dict[str, object] = {}
    feeds: list[str] = []
    alternates: list[str] = []
    for node in tree.css("link[rel][href]"):
        attributes = node.attributes
        rel = (attributes.get("rel") or "").lower().split()
        target = _address(attributes.get("href") or "", base)
        if not target:
            continue
        for name in NAMED.keys() & set(rel):
            found.setdefault(NAMED[name], target)
        if "alternate" in rel:
            kind = (attributes.get("type") or "").lower()
            if kind in FEEDS:
                feeds.append(target)
            elif attributes.get("hreflang"):
                alternates.append(target)
    robots: set[str] = set()
    for node in tree.css("meta[content]"):
        _meta(node, base, url, found, robots)
    return {**found, "feeds": tuple(dict.fromkeys(feeds)), "alternates": tuple(alternates), "robots": frozenset(robots)}


def robots_of(html: str) -> frozenset[str]:
    """What the meta tags of an HTML page ask of robots; never raises."""
    if "robots" not in html.lower() or exceeded_limit(html.encode()):
        return frozenset()
    robots: set[str] = set()
    for node in LexborHTMLParser(html).css("meta[content]"):
        _meta(node, "", "", {}, robots)
    return frozenset(robots)


def _meta(node: LexborNode, base: str, url: str, found: dict[str, object], robots: set[str]) -> None:
    attributes = node.attributes
    content = attributes.get("content") or ""
    name = (attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or "").lower()
    if name in ("robots", "columnarchive"):
        robots.update(part.strip() for part in content.lower().split(",") if part.strip())
    elif name == "og:type":
        found.setdefault("kind", content.strip().lower())
    elif name == "refresh" and (target := refreshed(content, url, base)):
        found.setdefault("refresh", target)


@dataclass(slots=True)
class _Row:
    """A link, its target, its place and the elements around it."""

    node: LexborNode
    target: str
    group: str
    places: tuple[Place, ...]


def _links(tree: LexborHTMLParser, base: str, budget: int) -> Iterable[Link]:
    """The links of a page; looks at `budget` characters of text around them in all."""
    known: dict[int, Place] = {}
    rows: list[_Row] = []
    for node in tree.css(f"a[href], area[href], option[value], {SCRIPTED}")[:MAX_LINKS]:
        target = _target(_href(node), base) or _target(scripted_address(node), base)
        if not target:
            continue
        place = place_of(node.parent, known)
        places = place.around if place else ()
        for each in places:
            each.links += 1
        tag = node.tag or "a"
        rows.append(_Row(node, target, f"{tag}<{place.path}" if place else tag, places))
    _split_by_list(rows)
    wholes: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        wholes[row.group].add(row.target)
        for place in row.places:
            if place.targets.setdefault(row.group, row.target) != row.target:
                place.targets[row.group] = None
    for row in rows:
        zone = zone_of(row.places)
        if row.node.tag == "option" and zone == "content":
            zone = "archive"  # months, categories or pages to choose from; titles would be too long for it
        # A link that stands alone in its place has no siblings to end its unit: a few levels are its surroundings.
        reach = 0 if budget <= 0 else len(row.places) if len(wholes[row.group]) > 1 else 3
        link, looked_at = _link(row, zone, reach)
        budget -= looked_at
        yield link
    for place in known.values():
        place.leave()


def _data_links(tree: LexborHTMLParser, base: str, url: str) -> Iterator[Link]:
    """Links that stand in no element: of forms without a question, JSON-LD lists and embedded JSON, by shape."""
    own = directory(url)
    data = ((address, "") for address in form_addresses(tree))
    seen: set[str] = set()
    for address, title in chain(data_addresses(tree), data):
        target = _target(address, base)
        if target and target not in seen:
            seen.add(target)
            zone: Zone = "content" if own != "/" and directory(target).startswith(own) else "aside"
            yield Link(target, title, f"data:{shape(target)}", zone)


def _href(node: LexborNode) -> str:
    """The address that an element leads to. Lists to choose from do so by a script, which takes their values as they
    stand; values that do not begin as an address are something else."""
    if node.tag != "option":
        return node.attributes.get("href") or ""
    value = (node.attributes.get("value") or "").strip()
    return value if CHOICE.match(value) else ""


def _split_by_list(rows: list[_Row]) -> None:
    """Tell lists apart that stand in places called the same, as a menu and a listing without names do.

    Lists of one link each are parts of cards, and the cards are what repeats.
    """
    lists: dict[str, dict[int, int]] = defaultdict(dict)
    holders: list[int] = []
    for row in rows:
        holder = row.places[0].holder if row.places else None
        holders.append(lists[row.group].setdefault(id(holder) if holder else 0, len(lists[row.group])))
    sizes = Counter(row.group for row in rows)
    split = {group for group, size in sizes.items() if 2 * len(lists[group]) <= size}
    for row, number in zip(rows, holders, strict=True):
        if row.group in split:
            row.group = f"{row.group}#{number}"


def _link(row: _Row, zone: Zone, reach: int) -> tuple[Link, int]:
    """A link, and how many characters around it were looked at."""
    node = row.node
    attributes = node.attributes
    text = " ".join(node.text(separator=" ").split())[:200]
    if not text:
        image = node.css_first("img[alt]")
        text = (
            (image.attributes.get("alt") or "") if image else attributes.get("alt") or attributes.get("title") or ""
        ).strip()[:200]
    rel = tuple((attributes.get("rel") or "").lower().split())
    if zone in PLAIN:
        dated = DATE.search(text) is not None
        return Link(row.target, text, row.group, zone, rel, dated=dated, nofollow="nofollow" in rel), len(text)
    unit = node
    for place in row.places[:reach]:
        if place.targets[row.group] is None or place.tag in ("main", "body"):
            break
        unit = place.node
    full = unit.text(separator=" ")
    around = " ".join(full[:6000].split())[:3000]
    headed = any(place.tag in HEADINGS for place in row.places[:3]) or unit.css_first(HEADING_TAGS) is not None
    return Link(
        row.target, text, row.group, zone, rel,
        excerpt=max(0, len(around) - len(text)),
        dated=DATE.search(around) is not None,
        headed=headed,
        nofollow="nofollow" in rel,
    ), len(full)  # fmt: skip


# A link's address. It is taken whole, so that no markup is looked at twice; a wide space is a sign like any other.
LINK = re.compile(r"\bhref\s*=\s*[\"']?([^ \t\r\n\f\"'<>]+)", re.I)
FOREIGN = re.compile(r"[^\x00-\x7f]+")
UNICODE = frozenset({"utf-8", "utf-16-le", "utf-16-be"})
MINUS = str.maketrans({"\u2212": "\uff0d"})  # the one sign that the standard encodes as another one


def in_own_encoding(html: str, encoding: str) -> str:
    """A page whose links have their queries written out as bytes of the page's encoding, as Python names it.

    >>> in_own_encoding('<a href="/blog.cgi?c=\\u819d">', "cp932")
    '<a href="/blog.cgi?c=%95G">'
    """
    if encoding in UNICODE or html.isascii():
        return html
    return LINK.sub(lambda found: found[0] if found[0].isascii() else _with_query(found, encoding), html)


def _with_query(found: re.Match[str], encoding: str) -> str:
    """The markup of a link with its query written out; what stands before that goes as UTF-8 from any page."""
    rest, hash_mark, fragment = found[0].partition("#")
    path, mark, query = rest.partition("?")
    return path + mark + FOREIGN.sub(lambda run: _escaped(run[0], encoding), query) + hash_mark + fragment


def _escaped(run: str, encoding: str) -> str:
    """Characters as bytes of an encoding, escaped but for letters and the like; those that it lacks as references."""
    raw = run.translate(MINUS).encode(encoding, "xmlcharrefreplace")
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte not in b"\"#'<>&;" else f"%{byte:02X}" for byte in raw)
