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

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast, get_args

from columnarchive.errors import UsageError
from columnarchive.model import PageKind
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
    """Read a settings file; UsageError in one sentence that names what is wrong. No file: no sites."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Sites(path=path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    try:
        return parse(text, path)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error


def parse(text: str, path: Path = DEFAULT_FILE) -> Sites:
    """Settings from the text of a file."""
    data = tomllib.loads(text)
    unknown = set(data) - {"contact", "site", "notify"}
    if unknown:
        name = sorted(unknown)[0]
        raise UsageError(f"{path} has an unknown setting {name!r}; it may have `contact`, `[[site]]` and `[notify]`.")
    tables = data.get("site", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{path}: sites are written as [[site]] tables.")
    found = tuple(_site(cast("dict[str, Any]", table), path) for table in tables)
    names = [site.name for site in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path} has two sites called {name!r}.")
    return Sites(found, str(data.get("contact", "")), path)


def _site(table: dict[str, Any], path: Path) -> SiteSettings:
    start = table.get("start", [])
    start = [start] if isinstance(start, str) else start
    if not isinstance(start, list) or not start:
        raise UsageError(f"{path}: each [[site]] needs `start`, the address of its column listing.")
    place = f"{path}, site {table.get('name') or start[0]!r}"
    try:
        starts = tuple(canonical(str(url)) for url in start)
        values = {key: _VALUES[key](value) for key, value in table.items() if key not in ("start", "name")}
    except KeyError as error:
        raise UsageError(f"{place}: unknown setting {error.args[0]!r}.") from error
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{place}: a value is not of the right kind: {error}.") from error
    return SiteSettings(name=str(table.get("name") or host_of(starts[0])), start=starts, **values)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")
    return tuple(str(one) for one in value)


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 <= number < 1e6:
        raise ValueError(f"{value!r} is out of range")
    return number


def _days(value: Any) -> tuple[float, float]:
    low, high = (_positive(one) for one in value)
    if low > high:
        raise ValueError(f"{value!r} has the larger number first")
    return low, high


def _kinds(value: Any) -> tuple[tuple[str, PageKind], ...]:
    for kind in value.values():
        if kind not in get_args(PageKind):
            raise ValueError(f"{kind!r} is none of {', '.join(get_args(PageKind))}")
    return tuple((str(pattern), kind) for pattern, kind in value.items())


_VALUES: dict[str, Any] = {
    "title": str, "enabled": _flag, "delay": _positive, "max_pages": lambda value: int(_positive(value)),
    "revisit_days": _days, "drop_index": _flag, "drop_parameters": _words, "under": _words, "hosts": _words,
    "kinds": _kinds,
}  # fmt: skip
