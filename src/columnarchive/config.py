"""Settings per site, from `sites.toml`: which sites are followed, from where, how often, and what is known of them.

```toml
contact = "archive@example.org"      # how clinics can reach whoever runs the crawl

[[site]]
name = "clinic.example"              # default: the host of the first start address
start = ["https://clinic.example/column/"]
enabled = true
delay = 2.0                          # seconds between requests
max_pages = 2000
revisit_days = [1, 30]               # how often pages are visited, at the most and at the least
drop_index = false                   # /column/index.html and /column/ are one page
drop_parameters = ["from"]           # parameters that name no page
under = ["/column/", "/2026/"]       # fetch nothing outside these paths
kinds = { "/column/staff*" = "other", "/column/*/" = "article" }  # corrects what a page is; `other` is not fetched
```
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

from columnarchive import settings
from columnarchive.errors import UsageError
from columnarchive.records import PageKind
from columnarchive.settings import Table
from columnarchive.urls import address, canonical, host_of, site_key

DEFAULT_FILE = Path("data/sites.toml")
MAX_PAGES = 5000


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What is known of one site; everything but the name has a default that fits an unknown one."""

    name: str
    start: tuple[str, ...] = ()
    title: str = ""
    enabled: bool = True
    delay: float | None = None
    max_pages: int = MAX_PAGES
    revisit_days: tuple[float, float] = (1.0, 30.0)
    drop_index: bool = False
    drop_parameters: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    kinds: tuple[tuple[str, PageKind], ...] = ()

    def canonical(self, url: str) -> str:
        """A URL in this site's canonical form."""
        return canonical(url, drop_index=self.drop_index, drop=self.drop_parameters)

    def kind_of(self, url: str) -> PageKind | None:
        """What the settings say a page is: the first pattern that fits its path and query; None when none does."""
        target = address(url).target if self.kinds else ""
        return next((kind for pattern, kind in self.kinds if fnmatchcase(target, pattern)), None)

    def stored(self) -> dict[str, object]:
        """What other rooms need, as it is kept with the site in the archive."""
        return {"kinds": dict(self.kinds)} if self.kinds else {}


@dataclass(frozen=True, slots=True)
class Sites:
    """All settings of one file."""

    sites: tuple[SiteSettings, ...] = ()
    contact: str = ""
    path: Path = field(default=DEFAULT_FILE)

    def named(self, name: str) -> SiteSettings | None:
        """The settings under this name."""
        return next((site for site in self.sites if site.name == name), None)

    def of_url(self, url: str) -> SiteSettings:
        """The settings of the site that a URL belongs to; defaults, named by the host, for one not in the file."""
        host = host_of(url)
        for site in self.sites:
            own = (*site.hosts, *(host_of(start) for start in site.start))
            if site_key(host) in {site_key(each) for each in own}:
                return site
        return SiteSettings(host)


def load(path: Path) -> Sites:
    """Read a settings file; UsageError in one sentence that names file, line and key. No file: no sites."""
    top = settings.read(path)
    return Sites(path=path) if top is None else _sites(top)


def parse(text: str, path: Path = DEFAULT_FILE) -> Sites:
    """Settings from the text of a file."""
    return _sites(settings.parsed(text, path))


def _sites(top: Table) -> Sites:
    top.check(_TOP, _VALUES, "under the [[site]] that it is about")
    contact = top.values.get("contact", "")
    if not isinstance(contact, str):
        raise top.wrong("contact", f"is {_shown(contact)}, not a text in quotes")
    found: dict[str, SiteSettings] = {}
    for table in top.tables("site"):
        site = _site(table)
        if site.name in found:
            raise table.wrong("name" if "name" in table.values else "start", f"makes two sites called {site.name!r}")
        found[site.name] = site
    return Sites(tuple(found.values()), contact, top.path)


def _site(table: Table) -> SiteSettings:
    table.check(_VALUES, ("contact",), "at the top of the file, before the first [[site]]")
    if not table.values.get("start"):
        raise table.wrong("start", "is missing: each [[site]] needs `start`, the address of its column listing")
    values = {}
    for key, value in table.values.items():
        try:
            values[key] = _VALUES[key](value)
        except (UsageError, ValueError) as error:
            raise table.wrong(key, str(error).rstrip(".")) from error
    return SiteSettings(**{"name": host_of(values["start"][0]), **values})


def _shown(value: object) -> str:
    """A value as the file has it, in short."""
    return json.dumps(value, ensure_ascii=False, default=str)[:60]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is not of the right kind: {_shown(value)} is no text in quotes")
    return value


def _name(value: object) -> str:
    if not _text(value).strip():
        raise ValueError("is empty")
    return _text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is {_shown(value)}, neither true nor false (without quotes)")
    return value


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f'is not of the right kind: {_shown(value)} is no list of texts, like ["one", "two"]')
    return tuple(value)


def _start(value: object) -> tuple[str, ...]:
    return tuple(canonical(url) for url in _words([value] if isinstance(value, str) else value))


def _paths(value: object) -> tuple[str, ...]:
    for path in _words(value):
        if not path.startswith("/"):
            raise ValueError(f"has {_shown(path)}, which is no path: one begins with a slash, like /column/")
    return _words(value)


def _hosts(value: object) -> tuple[str, ...]:
    for host in _words(value):
        if not host or "/" in host:
            raise ValueError(f"has {_shown(host)}, which is no host: one is written like www.clinic.example")
    return _words(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"is not of the right kind: {_shown(value)} is no number (without quotes)")
    if not 0 <= value < 1e6:
        raise ValueError(f"is out of range: {_shown(value)}")
    return float(value)


def _count(value: object) -> int:
    if _number(value) != int(_number(value)) or not value:
        raise ValueError(f"is {_shown(value)}, not a whole number from 1 on")
    return int(_number(value))


def _days(value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"is not of the right kind: {_shown(value)} is no pair of days, like [1, 30]")
    low, high = (_number(one) for one in value)
    if low > high:
        raise ValueError(f"has the larger number first: {_shown(value)}")
    return low, high


def _kinds(value: object) -> tuple[tuple[str, PageKind], ...]:
    if not isinstance(value, dict):
        raise ValueError('is not of the right kind: it is written like { "/column/staff*" = "other" }')
    known = get_args(PageKind)
    for pattern, kind in value.items():
        if not pattern.startswith(("/", "*")):
            raise ValueError(f"has the pattern {_shown(pattern)}, which no path fits: one begins with a slash")
        if kind not in known:
            raise ValueError(f"has {_shown(kind)}, none of {', '.join(known)}")
    return tuple(value.items())


_TOP = ("contact", "site", "notify")
_VALUES: dict[str, Callable[[object], Any]] = {
    "name": _name, "start": _start, "title": _text, "enabled": _flag, "delay": _number, "max_pages": _count,
    "revisit_days": _days, "drop_index": _flag, "drop_parameters": _words, "under": _paths, "hosts": _hosts,
    "kinds": _kinds,
}  # fmt: skip

Settings = Sites
