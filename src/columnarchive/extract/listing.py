"""Which pages list others: archives, categories and index pages that repeat posts or excerpts and link to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

from columnarchive.extract.rules import LINK_SHARE, LISTING_REPEATED
from columnarchive.extract.template import is_date_line
from columnarchive.extract.walk import Outline

_MORE = re.compile(r"(?:[\s\[［（(【]*(?:…|\.\.\.|・・・|続きを(?:読む|見る)|もっと(?:読む|見る)|詳しく(?:は|見る|読む).*|read more|continue reading)[\s\]］）)】»›>→]*)+$", re.I)
_NEAR = 4
_EXCERPT = 12
_EXCERPT_KEPT = 4000
_CARDS = 3


@dataclass(frozen=True, slots=True)
class Digest:
    """What the listing test needs of a page: its texts, their beginning in one run, and its links."""

    keys: frozenset[str]
    run: str
    pieces: tuple[tuple[str, int, bool, bool, int], ...]
    links: tuple[tuple[str, int], ...]


def digest(page: Outline, url: str) -> Digest:
    """Condense a page. A piece is (text, linked characters, is a heading, is in navigation, place)."""
    bad: list[bool] = []
    for element in page.elements:
        bad.append(element.bad or (element.parent >= 0 and bad[element.parent]))
    pieces = tuple(
        (piece.key, piece.linked, piece.tag[0] == "h" and piece.tag[1:].isdigit(), piece.element >= 0 and bad[piece.element], piece.place)
        for piece in page.pieces
        if not is_date_line(piece.text)
    )
    positions = _positions(page)
    links = tuple((target, positions.get(at, 0)) for href, _, at in page.links if (target := resolve(href, page.base, url)))
    run = "".join(piece[0] for piece in pieces)
    return Digest(frozenset(piece[0] for piece in pieces), run[-_EXCERPT_KEPT * 4 :], pieces, links)


def _positions(page: Outline) -> dict[int, int]:
    """Piece positions in the outline → positions without the date lines."""
    positions: dict[int, int] = {}
    at = 0
    for index, piece in enumerate(page.pieces):
        positions[index] = at
        at += not is_date_line(piece.text)
    return positions


def resolve(href: str, base: str, url: str) -> str:
    """An absolute address without fragment; empty for what leads nowhere."""
    if not href or href.startswith(("#", "javascript:", "mailto:", "tel:")):
        return ""
    try:
        return urldefrag(urljoin(urljoin(url, base) if base else url, href.strip()))[0]
    except ValueError:
        return ""


def find_listings(digests: Mapping[str, Digest]) -> frozenset[str]:
    """The pages of a site that are listings, judged together."""
    counts = Counter(key for one in digests.values() for key in one.keys)
    chrome = max(2, len(digests) // 2)
    known = {**{_bare(url): url for url in sorted(digests)}, **{url: url for url in digests}}
    found: dict[str, set[str]] = {}
    for url in sorted(digests):
        listed = _lists(url, digests, known, counts, chrome)
        if listed is not None:
            found[url] = listed
    for url, listed in list(found.items()):  # two pages that each seem to list the other: the shorter address is the index
        for other in listed:
            if other in found and url in found[other] and (len(other), other) < (len(url), url):
                found.pop(url, None)
                break
    return frozenset(found)


def _bare(url: str) -> str:
    for ending in ("index.html", "index.htm", "index.php"):
        if url.endswith("/" + ending):
            return url[: -len(ending)]
    return url[:-1] if url.endswith("/") else url + "/"


def _lists(
    url: str, digests: Mapping[str, Digest], known: Mapping[str, str], counts: Counter[str], chrome: int
) -> set[str] | None:
    """The pages a listing lists; None when the page is none."""
    page = digests[url]
    own = [index for index, piece in enumerate(page.pieces) if counts[piece[0]] <= chrome and not piece[3]]
    total = sum(len(page.pieces[index][0]) for index in own)
    if not total:
        return None
    inside = set(own)
    targets: dict[str, list[int]] = {}
    for target, at in page.links:
        other = known.get(target)
        if other and other != url and at in inside:
            targets.setdefault(other, []).append(at)
    repeated: set[int] = set()
    listed: set[str] = set()
    for other, spots in targets.items():
        theirs = digests[other]
        near = {index for spot in spots for index in range(spot - _NEAR, spot + _NEAR + 1) if index in inside}
        hits = {index for index in near if _said_by(page.pieces[index][0], theirs)}
        if not hits:
            continue
        whole = {index for index in own if page.pieces[index][0] in theirs.keys}
        repeated |= hits | whole
        listed.add(other)
    share = sum(len(page.pieces[index][0]) for index in repeated) / total
    if listed and share >= LISTING_REPEATED:
        return listed
    links = sum(page.pieces[index][1] for index in own if page.pieces[index][1] >= LINK_SHARE * len(page.pieces[index][0]))
    if len(targets) >= _CARDS and links >= LISTING_REPEATED * total:
        return set(targets)
    heads = Counter(
        piece[4] for index in own if (piece := page.pieces[index])[2] and piece[1] >= LINK_SHARE * len(piece[0])
    )
    if heads and max(heads.values()) >= _CARDS and (listed or share >= 0.3):
        return set(targets)
    return None


def _said_by(key: str, other: Digest) -> bool:
    """Whether another page says this text, or begins a text with it."""
    if key in other.keys:
        return True
    excerpt = _MORE.sub("", key)
    return len(excerpt) >= _EXCERPT and excerpt[: 3 * _EXCERPT] in other.run
