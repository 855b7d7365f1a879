"""What a reader asked for: language, arguments, and how addresses of other pages are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote_plus, urlsplit

from columnarchive import locale
from columnarchive.locale import Language

ROOT = "/-/archive"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request as the pages see it.

    `carried` are arguments that every link repeats: a chosen language, and the archive when there are several. `path`
    puts the base address before a path, `absolute` the host as well. `sees_withdrawals` and `can_review` are what
    Datasette permits; `csrf` gives the token that a form must send back, `titles` has the sites' own names.
    """

    page: str
    lang: Language
    args: Mapping[str, str]
    carried: Mapping[str, str]
    database: str
    path: Callable[[str], str]
    absolute: Callable[[str], str]
    sees_withdrawals: bool = False
    can_review: bool = False
    csrf: Callable[[], str] = str
    titles: Mapping[str, str] = field(default_factory=dict)

    def site_name(self, site: str) -> str:
        """Return a site's own name, where its pages state one."""
        return self.titles.get(site, site)

    def get(self, name: str) -> str:
        """Return an argument without white space around it; empty when it was not given."""
        return self.args.get(name, "").strip()

    def number(self, name: str, most: int) -> int:
        """Return an argument as a number from 0 to `most`; 0 for anything else."""
        text = self.get(name)
        return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 10 else 0

    def text(self, key: str, **values: object) -> str:
        """Return a text of the pages in the reader's language."""
        return locale.text(self.lang, f"page.{key}", **values)

    def link(self, page: str, **params: object) -> str:
        """Return the address of one of our pages; parameters that are empty are left out."""
        given = {key.rstrip("_"): str(value) for key, value in params.items() if value not in ("", None, 0)}
        for key, value in self.carried.items():
            given.setdefault(key, value)
        query = "&".join([f"{_quoted(key)}={_quoted(value)}" for key, value in given.items()])
        where = self.path(f"{ROOT}/{page}" if page else ROOT)
        return f"{where}?{query}" if query else where

    def again(self, **params: object) -> str:
        """Return the address of this page with some arguments changed."""
        return self.link(self.page, **{**self.args, **params})


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    return quote_plus(value)


def web(url: str) -> str:
    """Return the address if a click on it can only open a web page; else, as for `javascript:`, an empty string."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme.lower() in ("http", "https") and parts.netloc else ""


def language(chosen: str, accepted: str) -> Language:
    """Return Japanese or English: as chosen, else by the browser's preferences; Japanese when it states none.

    >>> language("", "en-GB,en;q=0.8,ja;q=0.5")
    'en'
    """
    if chosen in ("ja", "en"):
        return "ja" if chosen == "ja" else "en"
    if not accepted.strip():
        return "ja"
    weights = dict(_preference(part) for part in reversed(accepted[:500].split(",")))
    return "ja" if weights.get("ja", 0.0) > 0 and weights.get("ja", 0.0) >= weights.get("en", 0.0) else "en"


def _preference(part: str) -> tuple[str, float]:
    name, _, weight = part.partition(";q=")
    try:
        value = float(weight or 1)
    except ValueError:
        value = 0.0
    return name.strip().lower()[:2], value
