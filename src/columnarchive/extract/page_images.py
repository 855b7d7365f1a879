"""The pictures of a page, and the files that it needs to look as it looked: style sheets, layout pictures, fonts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from columnarchive.extract.outlines import Image, Outline, PagePicture
from columnarchive.extract.response_headers import link_target
from columnarchive.extract.rules import DEAD_SHARE, MIN_PLACE_PAGES
from columnarchive.records import PICTURE_FILE, picture_key

PICTURE_LINK = re.compile(PICTURE_FILE.pattern.removesuffix("$") + r"(?=$|\?)", re.I)
_ENDINGS = tuple(f".{end}" for end in ("jpg", "jpeg", "png", "gif", "webp", "avif", "JPG", "JPEG", "PNG", "GIF"))
_PLAIN = re.compile(r"(?:https?://[a-z0-9.-]+)?/[\w/.-]+", re.ASCII)
"""An address that is in canonical form, as most are."""
_LAZY = ("data-src", "data-original", "data-lazy-src", "data-lazy", "data-srcset", "data-lazy-srcset", "data-bg")
_PIXEL, _ICON, _LARGE = 3, 32, 100
_PLACEHOLDER = re.compile(
    r"^data:|(?:^|[/_-])(?:blank|spacer|dummy|placeholder|loading|transparent|1x1|pixel)\.\w+$", re.I
)
_TRIFLE = re.compile(
    r"(?:^|[\s/_-])(?:emoji|smiley|wp-smiley|avatar|gravatar|icons?|ico|arrow|bullet|spacer|pixel|sns)(?=$|[\s._-]|\d)",
    re.I,
)
_SHARING = re.compile(
    r"//(?:[\w-]+\.)*(?:twitter\.com|x\.com|facebook\.com/share|line\.me|b\.hatena\.ne\.jp|getpocket\.com|pinterest\.\w+/pin)\b"
)
_FIGURE = re.compile(r"figure|photo|image|img|pict?|gallery|thumb|eye-?catch|slide|visual|hero|bg", re.I)
_BACKGROUND = re.compile(r"background(?:-image)?\s{0,9}:[^;]{0,200}?url\(\s{0,9}['\"]?([^'\")]{1,2000})", re.I)
Spot = tuple[int, str]
"""The place of a picture, and what its addresses share."""


def spots(page: Outline, url: str) -> frozenset[Spot]:
    """Return where each picture of a page stands: what the page tells of the pictures of its site's template."""
    elements = page.elements
    return frozenset(
        [(elements[at].place if (at := one.image.element) >= 0 else 0, one.key) for one in pictures_of(page, url)]
    )


def keys(page: Outline, url: str) -> frozenset[str]:
    """Return what the addresses of all pictures of a page share."""
    return frozenset(key for _, key in spots(page, url))


def design_slots(pages: Iterable[tuple[Collection[Spot], Collection[Spot]]]) -> frozenset[int]:
    """Return the places whose pictures came or went on all pages at once: a redesign added or dropped them.

    `pages` are the pictures of the first and the last version of each page that has several.
    """
    moved: Counter[int] = Counter()
    there: Counter[int] = Counter()
    for first, last in pages:
        before, after = {key for _, key in first}, {key for _, key in last}
        passing = {place for place, key in first if key not in after} - {place for place, _ in last}
        passing |= {place for place, key in last if key not in before} - {place for place, _ in first}
        moved.update(passing)
        there.update({place for place, _ in (*first, *last)})
    return frozenset(
        place for place, times in moved.items() if times >= MIN_PLACE_PAGES and times >= DEAD_SHARE * there[place]
    )


class PictureTemplate:
    """Counters of the pictures over the pages of one site at one time."""

    def __init__(self, needed: int) -> None:
        """`needed`: the number of pages above which what they share is template."""
        self._needed = needed
        self._pages: Counter[str] = Counter()
        self._at: dict[int, Counter[str]] = {}
        self._sums: dict[int, tuple[int, int]] = {}

    def move(self, old: Collection[Spot], new: Collection[Spot]) -> None:
        """Replace a page's pictures."""
        if old == new:
            return
        self._sums.clear()
        for found, sign in ((old, -1), (new, 1)):
            for key in {key for _, key in found}:
                self._pages[key] += sign
            for place, key in found:
                self._at.setdefault(place, Counter())[key] += sign

    def holds(self, spot: Spot) -> bool:
        """Return whether a picture is on many pages, or stands where all pages have pictures that others have too."""
        place, key = spot
        if self._pages[key] > self._needed:
            return True
        there = self._at.get(place)
        if there is None:
            return False
        if place not in self._sums:
            self._sums[place] = (
                sum(there.values()),
                sum(times for one, times in there.items() if self._pages[one] > 1),
            )
        total, shared = self._sums[place]
        own = there[key]  # which says nothing of the others
        total, shared = total - own, shared - own * (self._pages[key] > 1)
        return total >= max(self._needed, MIN_PLACE_PAGES) and shared >= DEAD_SHARE * total


def pictures_of(page: Outline, url: str) -> list[PagePicture]:
    """Return the pictures of a page that have an address and are no pixels, icons or buttons; found once a page."""
    if page.pictures is None:
        page.pictures = []
        origin = url[: url.find("/", len("https://"))]
        for image in _images(page):
            source = _source(page, image)
            if not page.base and _PLAIN.fullmatch(source) and "/." not in source:
                address = source if source[0] == "h" else origin + source
            else:
                address = link_target(source, page.base, url)
            if address:
                page.pictures.append(PagePicture(image, address, picture_key(address)))
    return page.pictures


def _images(page: Outline) -> Iterator[Image]:
    linked = {image.link for image in page.images}
    yield from page.images
    for href, before in page.links:
        if href.endswith(_ENDINGS) and href not in linked and before < len(page.pieces):
            around = page.pieces[before].element  # a line that is all link is no text of the article
            yield Image({"src": href}, before, page.elements[around].parent if around >= 0 else -1, "")


def _source(page: Outline, image: Image) -> str:
    """Return the address of a picture as the page writes it; empty for what is no picture of anything."""
    attributes = image.attributes
    if image.link and PICTURE_LINK.search(image.link):
        return image.link  # the picture in full, of which the page shows a small one
    style = attributes.get("style")
    background = _BACKGROUND.search(style) if style and "src" not in attributes else None
    if background:
        box = page.elements[image.element]
        return background[1].strip() if box.first == box.end or _FIGURE.search(f"{box.tag} {box.step.words}") else ""
    return _address_in(tuple(attributes.items()), image.link)


@lru_cache(maxsize=2048)  # most pictures stand on all pages of a site
def _address_in(own: tuple[tuple[str, str | None], ...], link: str) -> str:
    """Return the address of what an element shows, by its attributes and the address that it links to."""
    attributes = dict(own)
    width, height = declared_size(attributes, "width"), declared_size(attributes, "height")
    if 0 < width <= _PIXEL or 0 < height <= _PIXEL or (0 < width <= _ICON and 0 < height <= _ICON):
        return ""
    source = _first_source(attributes)
    names = f"{attributes.get('class') or ''} {source.partition('?')[0].rpartition('/')[2]}"
    if (link and _SHARING.search(link)) or (max(width, height) < _LARGE and _TRIFLE.search(names)):
        return ""
    return source


def _first_source(attributes: Mapping[str, str | None]) -> str:
    """Return what is shown in the end: scripts put the address of a lazy picture in place of a placeholder."""
    own = (attributes.get("src") or "").strip()
    if not any(name.startswith("data-") for name in attributes) and own and not own.startswith("data:"):
        return own
    found = [_first(name, value) for name in _LAZY if (value := attributes.get(name))]
    if not _PLACEHOLDER.search(own.partition("?")[0]):
        found.append(own)
    if not any(found):
        others = [(value or "").strip() for name, value in attributes.items() if name.startswith("data-")]
        found += [value for value in others if PICTURE_FILE.search(value.partition("?")[0])]
        found += [_first("srcset", attributes.get("srcset") or ""), own]
    return next((address for address in found if address and not address.startswith("data:")), "")


def _first(name: str, value: str) -> str:
    """Return the address in an attribute, of several the first."""
    return value.strip().split(",")[0].partition(" ")[0] if name.endswith("srcset") else value.strip()


def declared_size(attributes: Mapping[str, str | None], name: str) -> int:
    """Return a width or height in pixels as an element declares it; 0 without one."""
    value = (attributes.get(name) or "").strip().removesuffix("px")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0


MAX_OF_PAGE = 60
_TAG = re.compile(r"<(link|img|source)\b([^<>]{0,5000})>", re.I)
_ATTRIBUTE = re.compile(
    r"""\b(rel|href|src)\s{0,9}=\s{0,9}(?:"([^"]{0,2000})"|'([^']{0,2000})'|([^\s"'>]{1,2000}))""", re.I
)
_NAMED = re.compile(
    r"""url\(\s{0,9}(?:"([^"]{1,2000})"|'([^']{1,2000})'|([^'")\s]{1,2000}))\s{0,9}\)|@import\s{1,9}["']([^"']{1,2000})["']""",
    re.I,
)


def requisites_of_page(text: str, url: str) -> list[str]:
    """Return the addresses that a page needs, style sheets first."""
    sheets, others = [], []
    for tag, attributes in _TAG.findall(text):
        named = {name.lower(): "".join(value) for name, *value in _ATTRIBUTE.findall(attributes)}
        if tag.lower() == "link" and "stylesheet" in named.get("rel", "").lower().split():
            sheets.append(named.get("href", ""))
        elif tag.lower() != "link":
            others.append(named.get("src", ""))
    return _addresses([*sheets, *others, *_named_in(text)], url)


def requisites_of_style_sheet(text: str, url: str) -> list[str]:
    """Return the addresses that a style sheet names: other sheets, fonts, pictures."""
    return _addresses(_named_in(text), url)


def _named_in(text: str) -> list[str]:
    return ["".join(found) for found in _NAMED.findall(text)]


def _addresses(named: Iterable[str], url: str) -> list[str]:
    found = (link_target(one.replace("&amp;", "&"), "", url) for one in named if one and not one.startswith("data:"))
    return list(dict.fromkeys(filter(None, found)))[:MAX_OF_PAGE]
