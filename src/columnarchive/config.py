"""Settings from `sites.toml`: which sites are followed and how, who runs the crawl, and which webhooks are notified.

```toml
contact = "archive@example.org"      # how clinics can reach whoever runs the crawl

[[site]]
name = "clinic.example"              # default: the host of the first start address
start = ["https://clinic.example/column/"]
enabled = true
delay = 2.0                          # seconds between requests
max_pages = 2000
revisit_days = [1, 30]               # how often pages are visited, at the most and at the least
render = true                        # draw each page in a browser; else only where a script draws it (extra `render`)
drop_index = false                   # /column/index.html and /column/ are one page
drop_parameters = ["from"]           # parameters that name no page
under = ["/column/", "/2026/"]       # fetch nothing outside these paths
pictures = true                      # fetch the pictures in the text of columns, from the site's hosts
requisites = false                   # also fetch what their pages need to look as they looked
picture_hosts = ["cdn.example"]      # and from these
kinds = { "/column/staff*" = "other", "/column/*/" = "article" }  # corrects what a page is; `other` is not fetched

[[notify]]
url = "https://hooks.example/x"
labels = ["price"]
level = 2
secret_env = "HOOK_SECRET"
language = "ja"                      # of the text for people; by default "en"

[[timestamps]]                       # authorities that stamp the hash chain (RFC 3161)
url = "https://tsa.example/"
certificate = "tsa-root.pem"         # their root; without it, the roots of the system

[witness]
save = true                          # ask the Wayback Machine to capture a page after a change of level 3
```
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import tomllib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from columnarchive.errors import UsageError
from columnarchive.locale import Language
from columnarchive.records import DiscoveredUrl, PageKind
from columnarchive.urls import address, canonical, host_of, in_scope, site_key, trap

DEFAULT_FILE = Path("data/sites.toml")
MAX_PAGES = 5000
MAX_BYTES = 2_000_000

Days = Annotated[float, Meta(ge=0, lt=1e6)]
UrlPath = Annotated[str, Meta(pattern=r"^/")]
Host = Annotated[str, Meta(pattern=r"^[^/]+$")]
PathPattern = Annotated[str, Meta(pattern=r"^[/*]")]
VariableName = Annotated[str, Meta(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")]


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What is known about one site; everything but the name has a default that fits an unknown one."""

    name: Annotated[str, Meta(pattern=r"\S")]
    start: tuple[str, ...] = ()
    title: str = ""
    enabled: bool = True
    delay: Annotated[float, Meta(ge=0, lt=1e6)] | None = None
    max_pages: Annotated[int, Meta(ge=1, lt=1_000_000)] = MAX_PAGES
    revisit_days: tuple[Days, Days] = (1.0, 30.0)
    render: bool = False
    drop_index: bool = False
    drop_parameters: tuple[str, ...] = ()
    under: tuple[UrlPath, ...] = ()
    hosts: tuple[Host, ...] = ()
    kinds: dict[PathPattern, PageKind] = field(default_factory=dict)
    pictures: bool = False
    requisites: bool = False
    picture_hosts: tuple[Host, ...] = ()

    def __post_init__(self) -> None:
        if self.revisit_days[0] > self.revisit_days[1]:
            raise ValueError("the larger number of `revisit_days` comes first")

    def canonical(self, url: str) -> str:
        """Return a URL in this site's canonical form."""
        return canonical(url, drop_index=self.drop_index, drop=self.drop_parameters)

    def kind_of(self, url: str) -> PageKind | None:
        """Return the kind of the first pattern that matches a page's path and query; None when none does."""
        target = address(url).target if self.kinds else ""
        return next((kind for pattern, kind in self.kinds.items() if fnmatchcase(target, pattern)), None)

    def stored(self) -> dict[str, object]:
        """Return the settings that derivation needs, as they are stored with the site."""
        return {"kinds": self.kinds} if self.kinds else {}


class _Addressed:
    """What has an address on the web."""

    __slots__ = ()
    url: str

    def __post_init__(self) -> None:
        try:
            address(self.url)
        except UsageError as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class WebhookSettings(_Addressed):
    """A webhook: its address, which changes it gets, the environment variable with its secret, its texts' language."""

    url: str
    labels: tuple[str, ...] = ()
    level: Annotated[int, Meta(ge=0, le=3)] = 0
    sites: tuple[str, ...] = ()
    since: datetime.date | None = None
    secret_env: VariableName = ""
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """A digest after each crawl by mail or chat: an address of apprise, or `env:NAME` for one in the environment."""

    url: str
    labels: tuple[str, ...] = ()
    level: Annotated[int, Meta(ge=0, le=3)] = 2
    sites: tuple[str, ...] = ()
    language: Language = "ja"


@dataclass(frozen=True, slots=True)
class TimestampAuthority(_Addressed):
    """An authority that stamps the hash chain (RFC 3161), and a PEM file of its root; empty for the system's roots."""

    url: str
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class WitnessSettings(_Addressed):
    """Whether a web archive is asked to capture pages that changed weightily, and the address before theirs."""

    save: bool = False
    url: str = "https://web.archive.org/save/"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one file."""

    sites: tuple[SiteSettings, ...] = ()
    contact: str = ""
    webhooks: tuple[WebhookSettings, ...] = ()
    digests: tuple[DigestSettings, ...] = ()
    timestamps: tuple[TimestampAuthority, ...] = ()
    witness: WitnessSettings = WitnessSettings()
    path: Path = DEFAULT_FILE

    def named(self, name: str) -> SiteSettings | None:
        """Return the settings of the site with this name."""
        return next((site for site in self.sites if site.name == name), None)

    def of_url(self, url: str) -> SiteSettings:
        """Return the settings of the site that a URL belongs to; defaults, named by the host, for one not listed."""
        host = host_of(url)
        for site in self.sites:
            own = (*site.hosts, *(host_of(start) for start in site.start))
            if site_key(host) in {site_key(each) for each in own}:
                return site
        return SiteSettings(host)


@dataclass(frozen=True, slots=True)
class _File:
    """The tables of the file as they are written."""

    contact: str = ""
    site: tuple[SiteSettings, ...] = ()
    notify: tuple[WebhookSettings, ...] = ()
    digest: tuple[DigestSettings, ...] = ()
    timestamps: tuple[TimestampAuthority, ...] = ()
    witness: WitnessSettings = WitnessSettings()


def load(path: Path) -> Settings:
    """Read a settings file; raise UsageError, which names the file and the key, for a mistake. No file: no sites."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Settings(path=path)
    except OSError as error:
        raise UsageError("unreadable_file", path=path, reason=error.strerror) from error
    if len(data) > MAX_BYTES:
        raise UsageError("settings_too_large", path=path, size=MAX_BYTES // 1000000)
    try:
        return parse(data.decode("utf-8-sig"), path)  # editors on Windows write a byte order mark
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError("settings_not_utf8", path=path, line=line) from error


def parse(text: str, path: Path = DEFAULT_FILE) -> Settings:
    """Read settings from the text of a file."""
    try:
        document = tomllib.loads(text)
        _prepare(document)
        found = msgspec.convert(document, _File)
        sites = tuple(replace(site, start=tuple(map(canonical, site.start))) for site in found.site)
    except (msgspec.ValidationError, UsageError) as error:
        raise UsageError(
            "in_settings", path=path, problem=error if isinstance(error, UsageError) else f"{error}."
        ) from error
    except ValueError as error:  # not TOML, or an integer of thousands of digits
        raise UsageError("not_toml", path=path, reason=error) from error
    except RecursionError:
        raise UsageError("settings_too_deep", path=path) from None
    names = [site.name for site in sites]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError("site_twice", path=path, name=twice)
    authorities = tuple(
        replace(one, certificate=str(path.parent / one.certificate)) if one.certificate else one
        for one in found.timestamps
    )
    return Settings(sites, found.contact, found.notify, found.digest, authorities, found.witness, path)


def _prepare(document: dict[str, Any]) -> None:
    """Check the keys of all tables, and fill in what follows from others."""
    _check_keys(document, _File, "")
    if isinstance(document.get("witness"), dict):
        _check_keys(document["witness"], WitnessSettings, "[witness]")
    for key, kind in (
        ("site", SiteSettings),
        ("notify", WebhookSettings),
        ("digest", DigestSettings),
        ("timestamps", TimestampAuthority),
    ):
        tables = document.get(key, [])
        document[key] = tables = [tables] if isinstance(tables, dict) else tables
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise UsageError("not_a_table", key=key)
        for number, table in enumerate(tables, 1):
            _check_keys(table, kind, f"[[{key}]] number {number}")
    for number, table in enumerate(document["site"], 1):
        start = table.get("start")
        if not start:
            raise UsageError("no_start", number=number)
        table["start"] = start = [start] if isinstance(start, str) else start
        if "name" not in table and isinstance(start, list) and isinstance(start[0], str):
            table["name"] = host_of(canonical(start[0]))


def _check_keys(table: dict[str, Any], kind: type[Any], where: str) -> None:
    known = {one.name for one in dataclasses.fields(kind)}
    for key in table:
        if key not in known:
            raise UsageError("unknown_setting", key=key, where=where, hint=did_you_mean(key, known))


def did_you_mean(word: str, known: Collection[str]) -> UsageError:
    """Return the end of a sentence with what a mistyped word was probably meant to be."""
    near = difflib.get_close_matches(word.lower(), known, 1, 0.6)
    if near:
        return UsageError("did_you_mean", near=near[0])
    return UsageError("one_of", choices=", ".join(sorted(known)))


@dataclass(frozen=True, slots=True)
class SitePlan:
    """How one site is crawled.

    Attributes:
        hosts: its hosts, with their ports; links and redirects to others are not followed.
        start: the addresses that were asked for.
        delay: seconds between requests.
        max_pages: how many pages one run visits.
        render: whether each page is drawn in a browser, and not only those that a script draws.
        under: paths to which the crawl is limited; none for the whole site.
        canonical: the form of an address under which its page is known.
        kind_of: what the settings say a page is, or None.
        title: the name by which people know the site.
    """

    name: str
    hosts: tuple[str, ...]
    start: tuple[str, ...]
    delay: float
    max_pages: int
    under: tuple[str, ...] = ()
    render: bool = False
    canonical: Callable[[str], str] = str
    kind_of: Callable[[str], PageKind | None] = lambda url: None  # noqa: ARG005
    title: str = ""

    def accepted(self, found: Iterable[DiscoveredUrl]) -> list[DiscoveredUrl]:
        """Return what settings and traps leave of the addresses found, in canonical form."""
        remaining: dict[str, DiscoveredUrl] = {}
        for one in found:
            if url := self.accepted_url(one.url):
                remaining.setdefault(url, replace(one, url=url))
        return list(remaining.values())

    def accepted_url(self, url: str) -> str:
        """Return the canonical form of an address; empty for one that is not to be visited."""
        try:
            url = self.canonical(url)
        except UsageError:
            return ""
        refused = trap(url) or not in_scope(url, self.hosts, self.under) or self.kind_of(url) == "other"
        return "" if refused else url
