"""Addresses: one canonical form (WHATWG), the host that names a site, scope, shape; and what a page links to.

Parsing follows the WHATWG URL standard through ada-url. The canonical form then drops what names no page: the fragment,
an empty query, tracking parameters and session ids. Percent-encoded bytes stay as they are, Shift_JIS paths included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

import ada_url

from columnarchive.errors import UsageError

# Parameters that tell where a visitor came from, never which page it is. Names as the ad systems publish them.
TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|gad_source|gad_campaignid|yclid|msclkid|twclid|ttclid|ldtag_cl"
    r"|igshid|igsh|mc_cid|mc_eid|_ga|_gl|_hsenc|_hsmi|__twitter_impression|yj_r|sa_p|argument|dmai|cx_\w+|spm"
    r"|ref_src|ref_url)",
    re.IGNORECASE,
)
SESSION = re.compile(
    r"(?:jsessionid|phpsessid|aspsessionid\w*|asp\.net_sessionid|session_?id|sess_?id|oscsid|zenid|cfid|cftoken|xtcsid)",
    re.IGNORECASE,
)
# Short names that are a session only when their value looks random.
MAYBE_SESSION = re.compile(r"(?:sid|s|sess|session|token|cache|nocache|rnd|_)", re.IGNORECASE)
RANDOM_VALUE = re.compile(r"(?:[0-9a-f]{16,}|(?=\w*\d)(?=\w*[A-Za-z])[\w-]{20,}|\d{10,})", re.IGNORECASE)
PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#;]*", re.IGNORECASE)
INDEX_PAGE = re.compile(r"/(?:index|default)\.(?:html?|php|cgi|aspx?|jsp)$", re.IGNORECASE)
FRONT_PAGE = re.compile(
    r"/?(?:(?:ja|jp|home|top)/)?(?:(?:index|default|top|home)\.(?:s?html?|php|cgi|aspx?|jsp))?", re.IGNORECASE
)
ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
DEFAULT_PORTS = {"http:": "80", "https:": "443"}
MAX_LENGTH = 2000
MAX_PARSED = 8000  # longer ones are refused, so that caches of addresses stay small
CACHED = 8192  # the same menus link to the same addresses on every page of a site


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL that a request needs: host in ASCII, port as a number, target as it goes on the wire."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port, the port only when it is not the scheme's own."""
        usual = 443 if self.scheme == "https" else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, the port only when it is not the scheme's own."""
        return f"{self.scheme}://{self.authority}"


def _parse(url: str, base: str = "") -> ada_url.URL:
    if len(url) > MAX_PARSED:
        raise UsageError("address_too_long", url=url[:200])
    if not url.isascii():
        url = LONE_SURROGATE.sub("\ufffd", url)
    try:
        return ada_url.URL(url, base or None)
    except ValueError as error:
        raise UsageError("not_an_address" if url.strip() else "no_address", url=url[:200]) from error


class _Parts(NamedTuple):
    """What a URL consists of once it is serialised, so that cutting the text tells it; of http(s) alone."""

    protocol: str
    host: str  # with its port
    pathname: str
    search: str  # without its question mark


@lru_cache(maxsize=CACHED)
def _parts(url: str, base: str = "") -> _Parts:
    """The parts of an http(s) URL; UsageError for what is no URL or another scheme. Asking the parser takes longer."""
    protocol, _, rest = resolve(url, base).partition("#")[0].partition("//")
    rest, _, search = rest.partition("?")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    if protocol not in DEFAULT_PORTS or not host:
        raise UsageError("not_http", url=url[:200])
    return _Parts(protocol, host, slash + path, search)


def resolve(url: str, base: str = "") -> str:
    """The address as the WHATWG standard serialises it, relative to `base`; UsageError when it is none."""
    return str(_parse(url, base).href)


@lru_cache(maxsize=CACHED)
def canonical(url: str, base: str = "", *, drop_index: bool = False, drop: tuple[str, ...] = ()) -> str:
    """The one form of an http(s) address under which its page is known.

    >>> canonical("HTTP://Clinic.example:80/a/../column/?utm_source=x#top")
    'http://clinic.example/column/'

    `drop_index` takes a trailing index.html away, `drop` names further parameters of no meaning; both are settings of a
    site. Raises UsageError for what is no URL or not http(s).
    """
    parts = _parts(url.strip(), base)
    path = parts.pathname
    if ";" in path:
        path = PATH_SESSION.sub("", path)
    if drop_index:
        path = INDEX_PAGE.sub("/", path)
    remaining = _clean_query(parts.search, drop) if parts.search else ""
    return f"{parts.protocol}//{parts.host}{path}{'?' if remaining else ''}{remaining}"


def lookup_forms(url: str) -> tuple[str, ...]:
    """Return the forms under which a page asked for by `url` may be stored, the likeliest first.

    A person types an IRI, capitals or a fragment; servers write percent-escapes in either case; and a site's settings
    may leave out `index.html`. Text that is no web address is its own only form.

    >>> lookup_forms("HTTP://Clinic.example:80/%e8%86%9d#top")
    ('http://clinic.example/%e8%86%9d', 'http://clinic.example/%E8%86%9D', 'HTTP://Clinic.example:80/%e8%86%9d#top')
    """
    try:
        forms = [canonical(url), canonical(url, drop_index=True)]
    except UsageError:
        return (url,)
    upper = [ESCAPE.sub(lambda found: found[0].upper(), form) for form in forms]
    lower = [ESCAPE.sub(lambda found: found[0].lower(), form) for form in forms]
    return tuple(dict.fromkeys((*forms, *upper, *lower, url)))


def validated(url: str) -> str:
    """Return an http(s) address that another program wrote; UsageError for one that no HTTP client can have asked.

    Tabs, newlines and other control characters, which parsers of URLs skip, hide what an address is.
    """
    if CONTROL.search(url):
        raise UsageError("address_controls", url=url[:200])
    _parts(url)
    return url


def _clean_query(search: str, drop: tuple[str, ...]) -> str:
    """The query without tracking, session and dropped parameters; the rest verbatim and in its order."""
    remaining = []
    for part in search.split("&"):
        name, _, value = part.partition("=")
        if not part or name in drop or TRACKING.fullmatch(name) or SESSION.fullmatch(name):
            continue
        if MAYBE_SESSION.fullmatch(name) and RANDOM_VALUE.fullmatch(value):
            continue
        remaining.append(part)
    return "&".join(remaining)


@lru_cache(maxsize=CACHED)
def address(url: str) -> Address:
    """The parts of an http(s) URL that a request needs."""
    parsed = _parse(url)
    if parsed.protocol not in DEFAULT_PORTS or not parsed.hostname:
        raise UsageError("not_http", url=url[:200])
    port = int(parsed.port or DEFAULT_PORTS[parsed.protocol])
    return Address(parsed.protocol.removesuffix(":"), parsed.hostname, port, parsed.pathname + parsed.search)


def proxy_address(text: str) -> str:
    """Return the address of a proxy in canonical form, with the user name and password given in it.

    Raises UsageError for what is no address of an http(s) server. The sentence names no password.
    """
    try:
        parsed = ada_url.URL(text.strip())
    except ValueError as error:
        raise UsageError("proxy_address") from error
    if parsed.protocol not in DEFAULT_PORTS or not parsed.hostname or parsed.pathname != "/" or parsed.search:
        raise UsageError("proxy_address")
    user = f"{parsed.username}:{parsed.password}@" if parsed.username or parsed.password else ""
    return f"{parsed.protocol}//{user}{parsed.host}"


@lru_cache(maxsize=CACHED)
def host_of(url: str) -> str:
    """Host in lower case, with the port when it is not the scheme's own: the default name of a site."""
    return str(_parse(url).host)


def page_key(url: str) -> str:
    """What two addresses of one page share: neither the scheme nor `www.` tells pages apart.

    >>> page_key("http://www.clinic.example/column/"), page_key("https://clinic.example/column/")
    ('clinic.example/column/', 'clinic.example/column/')
    """
    return site_key(url.partition("//")[2])


def is_loopback(url: str) -> bool:
    """Return whether an address names this machine literally; what a name resolves to is checked when connecting."""
    try:
        host = address(url).host
    except UsageError:
        return False
    return host in ("localhost", "[::1]") or host.startswith("127.")


def site_key(host: str) -> str:
    """What two hosts of one site share: `www.` does not tell them apart."""
    return host.removeprefix("www.")


@lru_cache(maxsize=CACHED)
def in_scope(url: str, hosts: tuple[str, ...], under: tuple[str, ...] = ()) -> bool:
    """Whether an http(s) URL is a site's: on one of its hosts (`www.` or not), and under one of the paths, if any."""
    try:
        parsed = _parts(url)
    except UsageError:
        return False
    own = site_key(parsed.host)
    if not any(own == site_key(host) for host in hosts):
        return False
    return not under or any(parsed.pathname.startswith(path) for path in under)


def is_below(url: str, hosts: tuple[str, ...]) -> bool:
    """Whether an http(s) URL is on one of these hosts or on a subdomain of one."""
    try:
        own = site_key(_parts(url).host)
    except UsageError:
        return False
    return any(own == site_key(host) or own.endswith(f".{site_key(host)}") for host in hosts)


@lru_cache(maxsize=CACHED)
def directory(url: str) -> str:
    """The path up to and with its last slash."""
    path = _parts(url).pathname
    return path[: path.rfind("/") + 1]


def is_front_page(url: str) -> bool:
    """Whether an address is that of a site's front page.

    >>> is_front_page("https://clinic.example/index.html"), is_front_page("https://clinic.example/?p=3")
    (True, False)
    """
    parsed = _parts(url)
    return not parsed.search and FRONT_PAGE.fullmatch(parsed.pathname) is not None


@lru_cache(maxsize=CACHED)
def shape(url: str) -> str:
    """A URL with what varies between siblings masked: digits in folders, the last segment, values of the query.

    >>> shape("https://clinic.example/blog/2014/11/post-33.html")
    '/blog/0/0/*.html'
    """
    parsed = _parts(url)
    folder, _, last = INDEX_PAGE.sub("/", parsed.pathname).rpartition("/")
    if not last and folder:  # a page that is a folder: its own name is what varies
        folder, _, last = folder.rpartition("/")
        last += "/"
    folder = re.sub(r"\d+", "0", folder)
    stem, dot, suffix = last.rstrip("/").rpartition(".")
    ending = f".{suffix.lower()}" if dot and len(suffix) <= 5 and stem else "/" if last.endswith("/") else ""
    names = sorted({part.partition("=")[0] for part in parsed.search.split("&") if part})
    if names:
        # With a query that names the page, the file before it is the program and stays.
        return f"{folder}/{last}?{'&'.join(names)}"
    return f"{folder}/{'*' if last.rstrip('/') else ''}{ending}"


@lru_cache(maxsize=CACHED)
def is_specific(pattern: str) -> bool:
    """Whether a shape tells a section from the rest of a site: a folder of its own, or a query."""
    return "?" in pattern or pattern.count("/") - pattern.endswith("/") >= 2


@lru_cache(maxsize=CACHED)
def trap(url: str) -> str:
    """Why this address looks like one of endlessly many; empty when it does not."""
    if len(url) > MAX_LENGTH:
        return "longer than any real address"
    parsed = _parts(url)
    segments = [part for part in parsed.pathname.split("/") if part]
    if len(segments) > 15:
        return "folders nested too deep"
    if any(segments.count(part) >= 3 for part in set(segments) if not part.isdigit()):
        return "the same folder again and again"
    if parsed.search.count("&") >= 8:
        return "too many parameters"
    years = [int(year) for year in re.findall(r"(?<!\d)(\d{4})(?=[/-](?:0?[1-9]|1[0-2])(?!\d))", unquoted(url))]
    if any(1000 <= year < 1990 or year >= 2100 for year in years):
        return "a calendar beyond any real year"
    return ""


def unquoted(url: str) -> str:
    """The URL for eyes and patterns: percent-encoding undone where it is UTF-8."""
    try:
        return unquote_to_bytes(url).decode("utf-8")
    except UnicodeDecodeError:
        return url


Zone = Literal["content", "nav", "aside", "crumbs", "pager", "archive", "recent", "tags", "share"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a page, with what its surroundings say.

    `group` names the place in the page, the same for links that repeat there. The unit is the largest element around
    the link that has no other target of its group: a card, a list item, a post in a listing. `excerpt` counts the
    unit's characters beyond the link's own, `dated` and `headed` tell whether it shows a date and has a heading.
    """

    url: str
    text: str
    group: str
    zone: Zone = "content"
    rel: tuple[str, ...] = ()
    excerpt: int = 0
    dated: bool = False
    headed: bool = False
    nofollow: bool = False


@dataclass(frozen=True, slots=True)
class PageLinks:
    """What a page points to and says of itself; addresses are absolute, in canonical form.

    `robots` holds the directives of its robots meta, `kind` the og:type. `targets` are all addresses in its markup, in
    comments too, where they were asked for.
    """

    url: str
    links: tuple[Link, ...] = ()
    canonical: str = ""
    next: str = ""
    previous: str = ""
    up: str = ""
    refresh: str = ""
    feeds: tuple[str, ...] = ()
    alternates: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    wordpress_api: str = ""
    robots: frozenset[str] = frozenset()
    kind: str = ""
    targets: frozenset[str] = frozenset()
    too_deep: bool = False
