"""Scoring of links: which repeated links are a listing's items, which lead to its other pages, which to archives; and
counts over a site of what its columns' addresses look like, and what every page links to.

The numbers are weights of evidence, not of any one site: an item shows a date, a heading, an excerpt or a title of some
length, is part of the content, and often lies below its listing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from columnarchive.records import COLUMNS, LISTINGS
from columnarchive.urls import Link, PageLinks, Zone, directory, is_specific, shape, unquoted

ACCEPT_SCORE = 3
ZONE_WEIGHT: dict[Zone, int] = {
    "content": 0, "recent": -1, "archive": -2, "aside": -3, "nav": -4,
    "tags": -6, "crumbs": -6, "pager": -6, "share": -6,
}  # fmt: skip
MORE = re.compile(
    r"続き|つづき|全文|もっと読む|詳し[くい]|詳細|記事を(?:読|見)|記事URL|この記事"
    r"|read ?more|continue|more\b|permalink",
    re.I,
)
NEXT = re.compile(
    r"(?:次|つぎ)(?:へ|の\S{0,6}(?:ページ|件|一覧|記事へ).*|頁.*)?"
    r"|(?:older|next)\b.{0,12}"
    r"|過去の\S{0,4}|以前の\S{0,6}|古い\S{0,6}|もっと見る"
    r"|[›»＞≫→▶>]{1,2}|(?:最後|最初|先頭|前)(?:へ|の\S{0,4}ページ.*)?|[‹«＜≪←<]{1,2}|prev\w*|newer\b.{0,12}|last|first",
    re.I,
)
NUMBER = re.compile(r"(?:p\.?|page|ページ)?\s*\d{1,3}\s*(?:ページ|頁)?", re.I)
PAGE_PART = re.compile(
    r"/page[/-]?\d+/?$|/p\d{1,4}/?$|(?<=/)index[_-]?\d*\.(?:html?|php)$|[_-](?:p(?:age)?)?\d{1,4}(?=\.(?:html?|php)$)"
    r"|(?<=/)(?:index/)?(?:page:)?\d{1,4}/?$|(?<=/)\d{1,4}\.html?$|;page=\d+|/offset/\d+/?$|/limit/\d+/offset/\d+/?$",
    re.I,
)
INDEX_PAGE = re.compile(r"/index\.(?:html?|php)$")
TEXT_PAGE = re.compile(r"(?:/(?:page[/-]?|p)?|[_-](?:p(?:age)?)?)(\d{1,3})((?:\.(?:html?|php))?)$", re.I)
MAX_TEXT_PAGES = 50
PAGE_SURE = re.compile(r"/page[/-]?\d+/?$|(?<=/)index[_-]\d+\.(?:html?|php)$", re.I)
PAGE_PARAMETER = re.compile(
    r"(?:(?:\w*[_-])?page|page(?:d|no|num|id|[_-]n\w*)|current_?page|p|pg|pn|n|start|offset|skip|from|cpage|cp|no"
    r"|limit|per_?page|PAGEN_\d+"
    r"|b_start(?::int)?|query-\d+-page)=\d+",
    re.I,
)
MONTH_TEXT = re.compile(
    r"(?:(?:19|20)\d\d|令和\s*\S{1,2}|平成\s*\d+)\s*[年./-]\s*(?:[01]?\d\s*月?)?\s*(?:[(（\[]\d+[件)）\]]*)?"
)
MONTH_PATH = re.compile(
    r"/(?:date/|archives?/)?(?:19|20)\d\d(?:[/-]?(?:0[1-9]|1[0-2]|[1-9]))?/?(?:index\.(?:html?|php))?$"
)
MONTH_QUERY = re.compile(r"(?:^|&)(?:m|month|ym|yyyymm|date|archive)=(?:19|20)\d\d[-/]?\d{0,2}(?:&|$)", re.I)
CATEGORY_PATH = re.compile(
    r"/(?:category|categories|cat|genre|column[_-]?cat\w*|blog[_-]?cat\w*|topics?|theme)[/_-]", re.I
)
COUNTED = re.compile(r".+[(（\[【]\s*\d+\s*件?\s*[)）\]】]$")
TAG_PATH = re.compile(
    r"/(?:tags?|author|search|feed|login|wp-\w+|cgi-bin|cart|contact|inquiry|reserve|yoyaku)(?:[/.?]|$)", re.I
)
SECTION_TEXT = re.compile(
    r"コラム|ブログ|記事|お知らせ|ニュース|新着|読み物|豆知識|院長|column|blog|news|topics|journal", re.I
)
# How front pages call their sections of texts. News of 院長 are his columns; 院長紹介 is not.
SECTION_NAME = re.compile(
    r"ブログ|お知らせ|ニュース|新着|読み物|読みもの|豆知識|記事一覧|医療情報|健康情報|症例|体験談|治療例|治療解説|病気の(?:話|解説)"
    r"|院長の?(?:だより|便り|日記|通信|話|部屋|独り言|ひとりごと|つぶやき)|column|blog|journal",
    re.I,
)
MAX_SECTION_NAME = 24
TREATMENT_TEXT = re.compile(r"治療|診療|施術|療法|症例|症状|疾患|検査|料金|費用|手術|診察|歯科|外科|内科")
SERVICE_TEXT = re.compile(
    r"予約|問い?合わ?せ|アクセス|採用|求人|プライバシー|個人情報|サイトマップ|会社概要|診療時間|診療日|休診|初めて|はじめて"
    r"|医院案内|スタッフ|院長紹介|医師紹介|ごあいさつ|ご挨拶|電話|LINE|Instagram|Facebook",
    re.I,
)
SECTION_PATH = re.compile(
    r"/(?:\w+[-_])?(?:columns?|blog|news|topics|journal|articles?|info|post|magazine)(?:[/_.-]|$)", re.I
)
LIST_TEXT = re.compile(
    r"一覧|すべて見る|全て見る|バックナンバー|アーカイブ|過去の|もっと見る|view all|see all|archives?$", re.I
)

Group = Sequence[Link]


def group_links(page: PageLinks) -> list[Group]:
    """Return the page's links by their place, in the order in which the places come."""
    found: dict[str, list[Link]] = defaultdict(list)
    for link in page.links:
        found[link.group].append(link)
    return list(found.values())


def listing_score(group: Group, known: Callable[[str], bool], section_prefixes: tuple[str, ...]) -> int:
    """Return how much speaks for a group being the items of a listing; from `ACCEPT_SCORE` on it is followed at once.

    Args:
        known: whether a URL has the shape of a column.
        section_prefixes: the folders that belong to the listing.
    """
    count = len(group)
    targets: set[str] = set()
    text = dated = excerpt = headed = more = below = columns = 0
    for link in group:
        targets.add(link.url)
        text += len(link.text)
        dated += link.dated
        excerpt += link.excerpt >= 30
        headed += link.headed
        more += _says_more(link.text)
        below += bool(section_prefixes) and directory(link.url).startswith(section_prefixes)
        columns += known(link.url)
    several = len(targets) > 1
    says_more = more * 2 >= count
    weight = ZONE_WEIGHT[group[0].zone]
    weight += 2 * (dated * 2 >= count) + (excerpt * 2 >= count)
    weight += 2 * (headed * 2 >= count and several)
    weight += 2 * says_more + (text >= 10 * count) - (text < 5 * count and not says_more)
    weight += 2 * (bool(section_prefixes) and below >= 0.8 * count)
    weight += 3 * (columns * 2 >= count)
    weight += len(targets) >= 5
    if len(targets) > 2:
        shapes = {shape(url) for url in targets}
        weight += len(shapes) == 1 and is_specific(next(iter(shapes)))
    if not several and dated * 2 < count:
        weight -= 2  # a single link is a button, not a listing
    return weight


@lru_cache(maxsize=8192)
def _says_more(text: str) -> bool:
    return MORE.search(text) is not None


@lru_cache(maxsize=8192)
def strip_page_number(url: str) -> str:
    """Return an address without its page number: equal for all pages of one listing."""
    parts = urlsplit(url)
    query = "&".join(part for part in parts.query.split("&") if part and not PAGE_PARAMETER.fullmatch(part))
    path = PAGE_PART.sub("/", parts.path)
    path = INDEX_PAGE.sub("", path).rstrip("/")
    return f"{parts.netloc}{path}/?{query}"


@lru_cache(maxsize=8192)
def split_page_number(url: str) -> tuple[str, int]:
    """Return an address without the number of a page of one text, and the number; 1 without one.

    >>> split_page_number("https://a.example/column/knee/2/")
    ('a.example/column/knee?', 2)
    >>> split_page_number("https://a.example/column/knee.html?page=3")
    ('a.example/column/knee.html?', 3)
    """
    parts = urlsplit(url)
    query = [part for part in parts.query.split("&") if part]
    numbered = [part for part in query if PAGE_PARAMETER.fullmatch(part)]
    path = parts.path.rstrip("/")
    number = 1
    if numbered:
        number = int(numbered[-1].rpartition("=")[2][:9])
        query = [part for part in query if part not in numbered]
    elif found := TEXT_PAGE.search(path):
        number = int(found[1])
        path = path[: found.start()] + found[2]
    return f"{parts.netloc}{path}?{'&'.join(query)}", number


def is_further_page(url: str, own: str, *, own_is_further: bool = False) -> bool:
    """Return whether an address is that of a further page of the text at `own`: the same with a page number.

    A number in `own` may be the text's name, as in `/column/12/`; that it is a page number must be known.
    """
    text, number = split_page_number(url)
    if not 2 <= number <= MAX_TEXT_PAGES:
        return False
    if own_is_further:
        own_text, own_number = split_page_number(own)
        return text == own_text and number > own_number
    parts = urlsplit(own)
    return text == f"{parts.netloc}{parts.path.rstrip('/')}?{parts.query}"


def is_pagination_link(link: Link, page: PageLinks) -> bool:
    """Return whether a link leads to another page of the same listing."""
    if link.url == page.url:
        return False
    related = is_same_listing(link, page)
    if page.next == link.url or "next" in link.rel or "prev" in link.rel:
        return related or link.zone == "pager"
    if not related:
        return False
    parts, own = urlsplit(link.url), urlsplit(page.url)
    if PAGE_SURE.search(parts.path) or (parts.path == own.path and parts.query != own.query):
        return True
    return link.zone == "pager" or _is_pagination_text(link.text)


@lru_cache(maxsize=8192)
def _is_pagination_text(text: str) -> bool:
    return NEXT.fullmatch(text) is not None or NUMBER.fullmatch(text) is not None


def is_same_listing(link: Link, page: PageLinks) -> bool:
    """Return whether a link's address differs from the page's by a page number only."""
    return strip_page_number(link.url) == strip_page_number(page.url) or _continues_url(link, page.url)


def _continues_url(link: Link, own: str) -> bool:
    """Return whether a link's text and address name the same page number, or its address adds one to the page's.

    Pagers often give more parameters of a listing, such as its category, than the link to its first page does.
    """
    if link.zone != "pager" and not _is_pagination_text(link.text):
        return False
    there, here = urlsplit(link.url), urlsplit(own)
    if there.netloc != here.netloc:
        return False
    if there.path == here.path:
        remaining = {part for part in here.query.split("&") if part and not PAGE_PARAMETER.fullmatch(part)}
        asked = set(there.query.split("&"))
        return remaining <= asked and any(part.partition("=")[2].isdecimal() for part in asked - remaining)
    folder = directory(own)
    if not NUMBER.fullmatch(link.text) or not there.path.startswith(folder):
        return False
    digits = re.findall(r"\d+", link.text)
    return int(digits[0]) in map(int, re.findall(r"\d{1,4}", there.path.removeprefix(folder) + there.query))


def is_section_link(link: Link) -> bool:
    """Return whether a link names a column section, or its address is that of one: of few folders, without a query."""
    if "コラム" in link.text or (len(link.text) <= MAX_SECTION_NAME and SECTION_NAME.search(link.text)):
        return not is_service_link(link)
    return is_section_url(link.url) and urlsplit(link.url).path.strip("/").count("/") <= 2


def is_service_link(link: Link) -> bool:
    """Return whether a link leads to what a site offers besides texts: booking, contact, terms, access."""
    return bool(TAG_PATH.search(link.url) or SERVICE_TEXT.search(link.text) or link.zone in ("tags", "share"))


def is_section_url(url: str) -> bool:
    """Return whether an address lies where sites have their columns, blog or news."""
    return bool(SECTION_PATH.search(url) and not TAG_PATH.search(url) and not urlsplit(url).query)


def classify_archive(
    link: Link, sections: Set[str], section_prefixes: tuple[str, ...] = ()
) -> Literal["archive", "category", ""]:
    """Return `archive` for a month or year, `category` for a category of the columns, empty for anything else.

    Args:
        sections: the first folders below which columns and their listings are.
        section_prefixes: the folders of the listing itself; what lies below them is an item of it, unless it is
            called a category.
    """
    path = _url_traits(link.url)
    if link.zone in ("tags", "share", "crumbs", "pager") or path.tag:
        return ""
    if path.month or MONTH_TEXT.fullmatch(link.text):
        return "" if has_implausible_year(unquoted(link.url) + link.text) else "archive"
    near = first_folder(link.url) in sections
    if path.category and (near or link.zone in ("archive", "content")):
        return "category"
    if "category" in link.rel or (link.zone == "archive" and COUNTED.fullmatch(link.text)):
        return "category"
    if link.zone == "archive" and near and not directory(link.url).startswith(section_prefixes or "\0"):
        return "category"
    return ""


class _UrlTraits(NamedTuple):
    """What an address alone says: whether it is of a tag or form, of a month, of a category."""

    tag: bool
    month: bool
    category: bool


@lru_cache(maxsize=8192)
def _url_traits(url: str) -> _UrlTraits:
    parts = urlsplit(url)
    return _UrlTraits(
        TAG_PATH.search(parts.path) is not None,
        MONTH_PATH.search(parts.path) is not None or MONTH_QUERY.search(parts.query) is not None,
        CATEGORY_PATH.search(parts.path) is not None,
    )


def has_implausible_year(text: str) -> bool:
    """Return whether a year in an address or label is one that no archive has: calendars have no end."""
    found = re.findall(r"(?<!\d)((?:1[89]|2[0-4])\d\d)(?=[年/.-]?(?:0?[1-9]|1[0-2])?(?:\D|$))", text)
    years = [int(year) for year in found]
    return any(not 1995 <= year <= 2035 for year in years)


@lru_cache(maxsize=8192)
def first_folder(url: str) -> str:
    """Return the first folder of an address, with its host; only the host for pages at the root."""
    parts = urlsplit(url)
    head, _, rest = parts.path.lstrip("/").partition("/")
    return f"{parts.netloc}/{head}" if rest or parts.path.endswith("/") else parts.netloc


SAMPLE = 6  # pages whose links are counted
ENOUGH = 3  # pages after which links that are on all of them count as navigation
NAVIGATION_SHARE = 0.7
MAX_QUERIES = 500
MAX_SEEN = 4000  # targets; a site's menus, columns and listings have fewer


@dataclass(slots=True)
class SiteLinkStatistics:
    """Counts and hashes of links, small enough for many sites at once.

    Attributes:
        shapes: of columns, with how many have them.
        distinctive_shapes: those that other pages do not have.
        folders: first folders in which columns and listings lie.
        sampled: pages whose links were counted.
        pages_linking: how many of them link to a target, by its hash.
        queries: addresses by shape that differ in their query, as hashes.
        seen_targets: hashes of targets that were considered with what is known now.
    """

    shapes: Counter[str] = field(default_factory=Counter)
    distinctive_shapes: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    sampled: set[str] = field(default_factory=set)
    pages_linking: Counter[int] = field(default_factory=Counter)
    queries: dict[str, set[int]] = field(default_factory=dict)
    seen_targets: set[int] = field(default_factory=set)

    def add_known_url(self, url: str, reason: str) -> None:
        """Take in a known address. If it shows something new about columns, all targets are to be considered again."""
        pattern = shape(url)
        if reason in COLUMNS:
            if not self.shapes[pattern]:
                self.seen_targets.clear()
            self.count_shape(pattern, 1)
        if "?" in pattern:
            self.queries.setdefault(pattern, set()).add(hash(url))
        if reason in COLUMNS or reason in LISTINGS or reason == "start":
            folder = first_folder(url)
            if "/" in folder and folder not in self.folders:
                self.seen_targets.clear()
                self.folders.add(folder)
        self.seen_targets.add(hash(url))  # it is in the queue, wherever else it is linked from

    def count_shape(self, pattern: str, columns: int) -> None:
        """Add columns of a shape, or with a negative number remove some."""
        self.shapes[pattern] += columns
        if self.shapes[pattern] >= 1 and is_specific(pattern):
            self.distinctive_shapes.add(pattern)
        else:
            self.distinctive_shapes.discard(pattern)

    def is_column_shape(self, url: str) -> bool:
        """Return whether known columns have the shape of this address, and other pages do not."""
        return shape(url) in self.distinctive_shapes

    def is_in_section(self, url: str) -> bool:
        """Return whether an address lies where columns or listings do."""
        return first_folder(url) in self.folders

    def is_query_trap(self, url: str) -> bool:
        """Return whether too many addresses are known that differ from this one in their query alone."""
        return len(self.queries.get(shape(url), ())) > MAX_QUERIES

    def count_links(self, page: PageLinks) -> None:
        """Count what a page links to."""
        self.sampled.add(page.url)
        self.pages_linking.update({hash(link.url) for link in page.links})

    def needs_sample(self, page: PageLinks) -> bool:
        """Return whether a page is one of the first, whose links are counted."""
        return not self.is_complete and page.url not in self.sampled

    @property
    def is_complete(self) -> bool:
        """Whether enough pages were counted."""
        return len(self.sampled) >= SAMPLE

    @property
    def has_enough_samples(self) -> bool:
        """Whether navigation can be recognised."""
        return len(self.sampled) >= ENOUGH

    def is_navigation(self, url: str) -> bool:
        """Return whether nearly every sampled page links to a target, whatever its kind."""
        return self.has_enough_samples and self.pages_linking[hash(url)] >= NAVIGATION_SHARE * len(self.sampled)

    def mark_seen(self, page: PageLinks) -> None:
        """Remember that a page's targets have been considered."""
        if len(self.seen_targets) > MAX_SEEN:
            self.seen_targets.clear()
        self.seen_targets.update(map(hash, page.targets))
        self.seen_targets.update(hash(link.url) for link in page.links)

    def unseen(self, targets: Set[str]) -> Iterator[str]:
        """Return the targets that were not considered with what is known now."""
        return (target for target in targets if hash(target) not in self.seen_targets)
