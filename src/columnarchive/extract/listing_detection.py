"""Which pages list others: archives, categories and index pages that repeat posts or excerpts and link to them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from columnarchive.extract.outlines import IN_NAVIGATION, Outline
from columnarchive.extract.response_headers import link_target
from columnarchive.extract.rules import LINK_SHARE, LISTING_REPEATED
from columnarchive.urls import is_front_page

_MORE = re.compile(
    r"(?:[\[［（(【]{0,4}(?:…|\.\.\.|・・・|続きを(?:読む|見る)|もっと(?:読む|見る)|readmore|continuereading)[\]］）)】»›>→]{0,4}){1,9}$",
    re.I,
)
_DETAILS = re.compile(r"[\[［（(【]?(?:…|\.\.\.|・・・)?[\[［（(【]?詳しく(?:は|見る|読む)")
_TAIL = 60
_NEAR = 4
_EXCERPT = 12
_EXCERPTS = 4000
_CARDS = 3
_STOPS = frozenset("。！？")
_FEE = re.compile(r"\d円|[¥￥]\d")
_EMPTY_INDEX = 250  # characters of an index that a script fills
_PROSE = 0.9  # a sentence that links half of its words says something; one that is a link whole is an entry


@dataclass(frozen=True, slots=True)
class Digest:
    """What the listing test needs of a page: its texts, their beginning in one run, and its links."""

    keys: frozenset[str]
    texts: frozenset[str]
    run: str
    pieces: tuple[tuple[str, int, bool, bool, int], ...]
    links: tuple[tuple[str, int], ...]
    cards: bool = False


def digest(page: Outline, url: str) -> Digest:
    """Condense a page. A piece is (text, linked characters, is a heading, is in navigation, place)."""
    pieces = tuple(
        (
            piece.key,
            piece.linked,
            piece.tag[0] == "h" and piece.tag[1:].isdigit(),
            piece.inside & IN_NAVIGATION > 0,
            piece.place,
        )
        for piece in page.pieces
        if not piece.dated
    )
    positions = _positions(page)
    links = tuple(
        (target, positions.get(at, 0)) for href, at in page.links if (target := link_target(href, page.base, url))
    )
    run = "".join(piece[0] for piece in pieces)
    keys = frozenset(piece[0] for piece in pieces)
    texts = frozenset(piece[0] for piece in pieces if piece[1] < LINK_SHARE * len(piece[0]))
    return Digest(keys, texts, run[-_EXCERPTS * 4 :], pieces, links, _has_cards(page, url))


def _has_cards(page: Outline, url: str) -> bool:
    """Whether most of the text stands in equal boxes, each with a date and a link of its own to this site."""
    dated = [0]
    sizes = [0]
    for piece in page.pieces:
        dated.append(dated[-1] + piece.dated)
        sizes.append(sizes[-1] + len(piece.key))
    if dated[-1] < _CARDS:
        return False
    targets: dict[int, str] = {}
    for href, at in page.links:
        if target := link_target(href, page.base, url):
            targets[at] = target
    linked = sorted(targets)
    boxes: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for element in page.elements:
        if dated[element.end] - dated[element.first] == 1 and element.end - element.first > 1:
            first = bisect_left(linked, element.first)
            if first < len(linked) and linked[first] < element.end:
                size = sizes[element.end] - sizes[element.first]
                boxes.setdefault((element.parent, element.place), []).append((targets[linked[first]], size))
    for (parent, _), found in boxes.items():
        if len(found) >= _CARDS and len({target for target, _ in found}) >= _CARDS:
            around = page.elements[parent] if parent >= 0 else None
            total = sizes[around.end] - sizes[around.first] if around else sizes[-1]
            if (
                sum(size for _, size in found) >= LINK_SHARE * total
                and sum(size for _, size in found) >= 0.3 * sizes[-1]
            ):
                return True
    return False


def _positions(page: Outline) -> dict[int, int]:
    """Piece positions in the outline → positions without the date lines."""
    positions: dict[int, int] = {}
    at = 0
    for index, piece in enumerate(page.pieces):
        positions[index] = at
        at += not piece.dated
    return positions


def find_listings(digests: Mapping[str, Digest]) -> frozenset[str]:
    """The pages of a site that are listings, judged together.

    A post links back to the pages that list it, so the plainest listings are settled first and no longer count as
    something another page could list.
    """
    counts = Counter(key for one in digests.values() for key in one.keys)
    known = {**{_bare(url): url for url in sorted(digests)}, **{url: url for url in digests}}
    survey = _Survey(digests, known, counts)
    repeats = {url: survey.repeats(url) for url in sorted(digests)}
    found = {url for url in repeats if survey.is_plain(url) or survey.is_index_of_section(url)}
    order = sorted(repeats, key=lambda url: (not _is_index(url), -len(repeats[url]), -len(digests[url].pieces), url))
    for url in order:
        repeated = [hits for other, hits in repeats[url].items() if other not in found]
        if repeated and survey.share(url, survey.without_fees(url, set().union(*repeated))) >= LISTING_REPEATED:
            found.add(url)
    return frozenset(found)


def _is_index(url: str) -> bool:
    """Whether an address is that of a folder or of a page of an index."""
    path = url.split("?")[0]
    name = path.rsplit("/", 1)[-1]
    return not name or name.startswith("index") or "/page/" in path or "/category/" in path or "/tag/" in path


def _bare(url: str) -> str:
    for ending in ("index.html", "index.htm", "index.php"):
        if url.endswith("/" + ending):
            return url[: -len(ending)]
    return url[:-1] if url.endswith("/") else url + "/"


def _same_host(url: str) -> str:
    return url.partition("//")[2].partition("/")[0]


class _Survey:
    """The pages of a site side by side."""

    def __init__(self, digests: Mapping[str, Digest], known: Mapping[str, str], counts: Counter[str]) -> None:
        self._digests = digests
        self._known = known
        self._counts = counts
        self._chrome = max(2, len(digests) // 2)
        self._rare = max(6, len(digests) // 20)
        self._places = Counter(place for one in digests.values() for place in {piece[4] for piece in one.pieces})
        self._urls = sorted(digests)

    def _own(self, url: str, most: int) -> list[int]:
        """The pieces that are neither navigation nor on more than so many pages."""
        pieces, counts = self._digests[url].pieces, self._counts
        return [index for index, piece in enumerate(pieces) if not piece[3] and counts[piece[0]] <= most]

    def targets(self, url: str) -> dict[str, list[int]]:
        """Pages of the site that a page's own pieces link to, and from which pieces."""
        inside = set(self._own(url, self._chrome))
        found: dict[str, list[int]] = {}
        for target, at in self._digests[url].links:
            other = self._known.get(target)
            if other and other != url and at in inside:
                found.setdefault(other, []).append(at)
        return found

    def repeats(self, url: str) -> dict[str, set[int]]:
        """For each page linked to, the pieces here that it says too, where some stand beside the link."""
        pieces = self._digests[url].pieces
        own = self._own(url, self._rare)
        inside = set(own)
        by_key: dict[str, list[int]] = {}
        for index in own:
            by_key.setdefault(pieces[index][0], []).append(index)
        found: dict[str, set[int]] = {}
        for other, spots in self.targets(url).items():
            theirs = self._digests[other]
            near = {index for spot in spots for index in range(spot - _NEAR, spot + _NEAR + 1) if index in inside}
            hits = {index for index in near if len(pieces[index][0]) > 3 and _occurs_in(pieces[index][0], theirs)}
            if hits:
                found[other] = hits.union(*[by_key[key] for key in by_key.keys() & theirs.texts])
        return found

    def share(self, url: str, indexes: set[int]) -> float:
        """Share of a page's rare characters in some of its pieces."""
        pieces = self._digests[url].pieces
        total = sum(len(pieces[index][0]) for index in self._own(url, self._rare))
        return sum(len(pieces[index][0]) for index in indexes) / total if total else 0.0

    def without_fees(self, url: str, indexes: set[int]) -> set[int]:
        """Return pieces without a table of fees: it repeats those of other pages, and lists nothing."""
        pieces = self._digests[url].pieces
        if sum(_FEE.search(pieces[index][0]) is not None for index in indexes) < _CARDS:
            return indexes
        return {index for index in indexes if pieces[index][0][-1:] in _STOPS}

    def is_index_of_section(self, url: str) -> bool:
        """Whether a page is the front page of its site, or the index of a folder: it leads to the pages below it.

        An index links to them from a place that other pages do not have, or its own text leads to each of them. One
        that a script fills says next to nothing.
        """
        page = self._digests[url]
        if is_front_page(url):
            host = _same_host(url)
            inside = {target for target, _ in page.links if _same_host(target) == host and not is_front_page(target)}
            return len(inside) >= _CARDS or any(_same_host(other) == host for other in self._urls if other != url)
        if not _is_index(url):
            return False
        folder = url[: url.rfind("/") + 1]
        below = {one for one in self._below(folder) if one != url}
        if len(below) < _CARDS:
            return False
        listed: dict[int, set[str]] = {}
        for target, at in page.links:
            if self._known.get(target) in below and at < len(page.pieces) and not page.pieces[at][3]:
                listed.setdefault(page.pieces[at][4], set()).add(self._known[target])
        own = set(self._own(url, self._chrome))
        led_to = {self._known.get(target) for target, at in page.links if at in own}
        is_paged = any(one[len(folder) :].strip("/").isdigit() for one in below)
        if below <= led_to and not is_paged:
            return True
        few = max(1, len(self._digests) // 4)
        if any(len(found) >= _CARDS and self._places[place] <= few for place, found in listed.items()):
            return True
        return sum(len(page.pieces[index][0]) for index in self._own(url, self._chrome)) < _EMPTY_INDEX

    def _below(self, folder: str) -> list[str]:
        """The pages whose addresses begin with that of a folder."""
        return self._urls[bisect_left(self._urls, folder) : bisect_left(self._urls, folder + "\U0010ffff")]

    def is_plain(self, url: str) -> bool:
        """Whether a page is a listing by its own shape: dated boxes with links, or mostly links into the site.

        Links to related posts do not make one of a page whose own sentences say more than they do.
        """
        page = self._digests[url]
        if page.cards:
            return True
        pieces = [page.pieces[index] for index in self._own(url, min(self._rare, self._chrome))]
        total = sum(len(piece[0]) for piece in pieces)
        linked = unlinked = 0
        for key, text, *_ in pieces:
            sentence = key[-1:] in _STOPS
            if text >= (_PROSE if sentence else LINK_SHARE) * len(key):
                linked += text
            elif sentence:
                unlinked += len(key)
        return len(self.targets(url)) >= _CARDS and linked >= LISTING_REPEATED * total and linked > unlinked


def _occurs_in(key: str, other: Digest) -> bool:
    """Whether another page says this text, or begins a text with it."""
    if key in other.texts:
        return True
    excerpt = _excerpt(key)
    return len(excerpt) >= _EXCERPT and excerpt[: 3 * _EXCERPT] in other.run


def _excerpt(key: str) -> str:
    """A text without what calls for the rest of it."""
    if details := _DETAILS.search(key):
        key = key[: details.start()]
    return key[:-_TAIL] + _MORE.sub("", key[-_TAIL:])
