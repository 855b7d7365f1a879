"""What a page links to, and how: each link with its place, its zone and what stands around it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from selectolax.lexbor import LexborHTMLParser, LexborNode

from columnarchive.errors import UsageError
from columnarchive.urls import Link, PageLinks, Zone, canonical

MAX_LINKS = 3000
MAX_NESTING = 1000  # the parser's time grows with the square of the depth
ENOUGH_TAGS = 4000  # fewer tags cannot nest deep enough to matter
SKIPPED = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|pdf|zip|docx?|xlsx?|pptx?|mp[34]|mov|wmv|avi)$", re.I)
DATE = re.compile(
    r"(?:19|20)\d\d\s*[年./-]\s*[01]?\d\s*[月./-]\s*[0-3]?\d"
    r"|(?:令和|平成)\s*(?:\d+|元)\s*年|[RH]\d{1,2}\.\d{1,2}\.\d{1,2}"
    r"|(?<!\d)[01]?\d月[0-3]?\d日|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*\.? \d{1,2},? (?:19|20)\d\d"
)
PLAIN: frozenset[Zone] = frozenset({"nav", "crumbs", "pager", "share"})  # zones whose surroundings say nothing
HEADING_TAGS = "h1, h2, h3, h4, h5, h6, dt"
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt"})
# Words in ids and class names that tell what a part of a page is for; the first that fits, from the inside out.
ZONE_WORDS: tuple[tuple[Zone, re.Pattern[str]], ...] = (
    ("crumbs", re.compile(r"bread|crumb|topic-?path|pankuzu")),
    ("share", re.compile(r"share|sns|social|follow-?us")),
    ("pager", re.compile(
        r"pager|paging|pag[ie]nat|page-?navi?\b|page-?numbers|wp-pagenavi|nav-?links|post-?nav|prev-?next"
    )),
    ("tags", re.compile(r"tag-?cloud|tags?-?list|\btags?\b|keyword")),
    ("archive", re.compile(r"archive|categor|monthly|month-?list|yearly|year-?list|calend[ae]r|\bcats?\b|cat-?list")),
    ("recent", re.compile(
        r"recent|related|relation|ranking|popular|kanren|osusume|recommend|pick-?up|new-?(?:entry|post)"
    )),
    ("nav", re.compile(
        r"g-?nav|global|navi?\b|navi?[-]|-navi?|navigation|menu|drawer|header|head\b|foot(?:er|-?nav|-?menu|-?link|\b)"
        r"|fnav|copyright|utility|\blang(?:uage)?\b"
    )),
    ("aside", re.compile(r"\bside|widget|aside|sub-?(?:col|content)|banner|bnr|right-?col|left-?col")),
)  # fmt: skip
TAG_ZONES: dict[str, Zone] = {"nav": "nav", "header": "nav", "footer": "nav", "aside": "aside"}
ALONE: frozenset[Zone] = frozenset({"crumbs", "pager", "share"})  # zones that may hold a single link


def page_links(html: str, url: str) -> PageLinks:
    """The links of an HTML page at `url`; never raises. A page nested too deep to be parsed has none."""
    if _nesting(html) > MAX_NESTING:
        return PageLinks(url, too_deep=True)
    tree = LexborHTMLParser(html)
    base = _base(tree, url)
    head = _head(tree, base, url)
    return PageLinks(url, tuple(_links(tree, base)), **head)  # type: ignore[arg-type]


def _nesting(html: str) -> int:
    """How deep elements nest, roughly: tags that are closed count, others do not."""
    if html.count("<") < ENOUGH_TAGS:
        return 0
    depth = deepest = 0
    for match in re.finditer(
        r"<(/?)(?:div|span|section|article|table|ul|ol|dl|b|i|font|a|p|em|strong|blockquote)\b", html
    ):
        depth = max(0, depth - 1) if match[1] else depth + 1
        deepest = max(deepest, depth)
    # Old pages never close <p>, <b> or <font>, and the parser copes; only absurd depth counts.
    return deepest if deepest > MAX_NESTING else 0


def _base(tree: LexborHTMLParser, url: str) -> str:
    found = tree.css_first("base[href]")
    return _address((found.attributes.get("href") or "") if found else "", url) or url


def _address(href: str, base: str) -> str:
    """The canonical form of a link; empty for what leads to no page."""
    href = href.strip()
    if not href or href.startswith(("#", "javascript:", "mailto:", "tel:", "data:")):
        return ""
    try:
        return canonical(href, base)
    except UsageError:
        return ""


def _head(tree: LexborHTMLParser, base: str, url: str) -> dict[str, object]:
    """What <head> says: canonical, next, feeds, languages, robots, refresh, type."""
    found: dict[str, object] = {}
    feeds: list[str] = []
    alternates: list[str] = []
    for node in tree.css("link[rel][href]"):
        said = node.attributes
        rel = (said.get("rel") or "").lower().split()
        target = _address(said.get("href") or "", base)
        if not target:
            continue
        for name in ("canonical", "next", "up"):
            if name in rel:
                found.setdefault(name, target)
        if "prev" in rel or "previous" in rel:
            found.setdefault("previous", target)
        if "https://api.w.org/" in rel:
            found.setdefault("wordpress_api", target)
        if "alternate" in rel:
            kind = (said.get("type") or "").lower()
            if kind in ("application/rss+xml", "application/atom+xml"):
                feeds.append(target)
            elif said.get("hreflang"):
                alternates.append(target)
    robots: set[str] = set()
    for node in tree.css("meta[content]"):
        _meta(node, base, url, found, robots)
    return {**found, "feeds": tuple(dict.fromkeys(feeds)), "alternates": tuple(alternates), "robots": frozenset(robots)}


def _meta(node: LexborNode, base: str, url: str, found: dict[str, object], robots: set[str]) -> None:
    said = node.attributes
    content = said.get("content") or ""
    name = (said.get("name") or said.get("property") or said.get("http-equiv") or "").lower()
    if name in ("robots", "columnarchive"):
        robots.update(part.strip() for part in content.lower().split(",") if part.strip())
    elif name == "og:type":
        found.setdefault("kind", content.strip().lower())
    elif name == "refresh" and (
        match := re.match(r"\s*(\d+)[\d.]*\s*[;,]\s*(?:url\s*=\s*)?['\"]?([^'\"]+)", content, re.I)
    ):
        target = _address(match[2], base)
        if int(match[1][:4]) <= 30 and target and target != url:
            found.setdefault("refresh", target)


_Row = tuple[LexborNode, str, str, list[LexborNode]]  # a link, its target, its place, the elements around it
LISTS = frozenset({"ul", "ol", "dl", "table", "nav", "select"})


class _Places:
    """Elements told by tag, id and class without what numbers them; remembers what it has worked out."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.words: dict[int, str] = {}
        self.zones: dict[int, Zone | None] = {}
        self.kept: list[LexborNode] = []  # a node's id stays its own only while it is held

    def name(self, node: LexborNode) -> str:
        found = self.names.get(node.mem_id)
        if found is None:
            said = node.attributes
            words = [said.get("id") or "", *(said.get("class") or "").split()]
            plain = [word for word in words if word and not re.search(r"\d", word)]
            found = (node.tag or "?") + ("." + plain[0] if plain else "")
            self.names[node.mem_id] = found
            self.words[node.mem_id] = " ".join(words).lower().replace("_", "-")
            self.kept.append(node)
        return found

    def zone(self, node: LexborNode, count: int) -> Zone | None:
        """What an element with so many links is for, by its words or its tag."""
        if node.mem_id not in self.zones:
            self.name(node)
            self.zones[node.mem_id] = _zone_of(node.tag or "", self.words[node.mem_id], count)
        return self.zones[node.mem_id]


def _zone_of(tag: str, words: str, count: int) -> Zone | None:
    for zone, pattern in ZONE_WORDS if words else ():
        # A single link in an element called "menu" is no menu: "p.blogMenu" holds a post's own address.
        if (count > 1 or zone in ALONE) and pattern.search(words):
            return zone
    return None if tag == "header" and count == 1 else TAG_ZONES.get(tag)


def _links(tree: LexborHTMLParser, base: str) -> Iterable[Link]:
    places = _Places()
    rows: list[_Row] = []
    counts: dict[int, int] = defaultdict(int)
    for node in tree.css("a[href], area[href]")[:MAX_LINKS]:
        target = _address(node.attributes.get("href") or "", base)
        if not target or SKIPPED.search(target.partition("?")[0]):
            continue
        parents = list(_ancestors(node))
        for parent in parents:
            counts[parent.mem_id] += 1
        group = "<".join([node.tag or "a", *(places.name(parent) for parent in parents[:12])])
        rows.append((node, target, group, parents))
    rows = _split_by_list(rows)
    targets: dict[tuple[str, int], set[str]] = defaultdict(set)
    for _, target, group, parents in rows:
        for parent in parents:
            targets[group, parent.mem_id].add(target)
    wholes: dict[str, set[str]] = defaultdict(set)
    for _, target, group, _ in rows:
        wholes[group].add(target)
    for node, target, group, parents in rows:
        unit = node
        # A link that stands alone in its place has no siblings to end its unit: a few levels are its surroundings.
        for parent in parents if len(wholes[group]) > 1 else parents[:3]:
            if len(targets[group, parent.mem_id]) > 1 or parent.tag in ("main", "body"):
                break
            unit = parent
        yield _link(node, target, group, unit, parents, _zone(parents, places, counts))


def _split_by_list(rows: list[_Row]) -> list[_Row]:
    """Tell lists apart that stand in places called the same, as a menu and a listing without names do.

    Lists of one link each are parts of cards, and the cards are what repeats.
    """
    lists: dict[str, dict[int, int]] = defaultdict(dict)
    holders: list[int] = []
    for _, _, group, parents in rows:
        holder = next((parent.mem_id for parent in parents if parent.tag in LISTS), 0)
        holders.append(lists[group].setdefault(holder, len(lists[group])))
    sizes = Counter(row[2] for row in rows)
    return [
        (node, target, f"{group}#{number}" if 2 * len(lists[group]) <= sizes[group] else group, parents)
        for (node, target, group, parents), number in zip(rows, holders, strict=True)
    ]


def _ancestors(node: LexborNode) -> Iterable[LexborNode]:
    parent = node.parent
    while parent is not None and parent.tag not in ("html", "body", "-undef", "-document"):
        yield parent
        parent = parent.parent


def _zone(parents: list[LexborNode], places: _Places, counts: dict[int, int]) -> Zone:
    """What the part of the page around a link is for: the innermost telling word, else what its place is called."""
    general: Zone | None = None
    for parent in parents:
        zone = places.zone(parent, counts[parent.mem_id])
        if zone in ("nav", "aside"):
            general = general or zone
        elif zone:
            return zone
        if parent.tag in ("main", "article"):
            return general or "content"
    return general or "content"


def _link(node: LexborNode, target: str, group: str, unit: LexborNode, parents: list[LexborNode], zone: Zone) -> Link:
    said = node.attributes
    text = " ".join(node.text(separator=" ").split())[:200]
    if not text:
        image = node.css_first("img[alt]")
        text = ((image.attributes.get("alt") or "") if image else said.get("alt") or said.get("title") or "").strip()[
            :200
        ]
    around = text if zone in PLAIN else " ".join(unit.text(separator=" ")[:6000].split())[:3000]
    rel = tuple((said.get("rel") or "").lower().split())
    headed = zone not in PLAIN and (
        any(parent.tag in HEADINGS for parent in parents[:3]) or unit.css_first(HEADING_TAGS) is not None
    )
    return Link(
        target, text, group, zone, rel,
        excerpt=max(0, len(around) - len(text)),
        dated=DATE.search(around) is not None,
        headed=headed,
        nofollow="nofollow" in rel,
    )  # fmt: skip
