"""What a reader asked for, and what page functions return: language, arguments and addresses; templates, which are
rendered in the thread that read the archive, and files, with security headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlsplit

from jinja2 import Environment

from columnarchive import locale, times
from columnarchive.locale import Language
from columnarchive.text import xml_text

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


PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""Our own pages need a style sheet and a frame of their own origin, and nothing else."""

REVIEW_POLICY = PAGE_POLICY + "; script-src 'self'"
"""Where changes can be reviewed, a script makes keys of the keyboard work; nothing else needs it."""

REPLAY_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline' data:; img-src data:; font-src data:; form-action 'none'; "
    "frame-ancestors 'self'; base-uri 'none'"
)
"""A stored page may draw itself with what it carries, and nothing else, whether in its frame or opened alone."""

SHEET_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""A self-contained sheet has its style inside."""


@dataclass(frozen=True, slots=True)
class Page:
    """A template and its values."""

    template: str
    context: Mapping[str, Any]
    status: int = 200


def listed(name: str, rows: Sequence[object], start: int, per_page: int) -> dict[str, Any]:
    """Return the values for one page of a list; `rows` has one more than fit if there is a next page."""
    return {name: rows[:per_page], "has_more": len(rows) > per_page, "start": start, "per_page": per_page}


@dataclass(frozen=True, slots=True)
class FileResponse:
    """Bytes with their type and headers."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


_ATTRIBUTE = "columnarchive_templates"


def render(datasette: Any, request: PageRequest, page: Page) -> str:
    """Return a page's template with its values filled in."""
    template = _environment(datasette).get_template(f"columnarchive/{page.template}")
    return template.render({**_shared(datasette, request), **page.context})


def _environment(datasette: Any) -> Environment:
    """The templates as Datasette finds them, its folder of own templates first, but rendered without its event loop.

    Datasette's own environment awaits every word of a template, which for a long column doubles the time, and blocks
    all other requests meanwhile.
    """
    found: Environment | None = getattr(datasette, _ATTRIBUTE, None)
    if found is None:
        has_getter = hasattr(datasette, "get_jinja_environment")
        base = datasette.get_jinja_environment() if has_getter else datasette.jinja_env
        found = Environment(loader=base.loader, autoescape=True, auto_reload=base.auto_reload)
        setattr(datasette, _ATTRIBUTE, found)
    return found


def _shared(datasette: Any, request: PageRequest) -> dict[str, Any]:
    lang = request.lang
    other = "en" if lang == "ja" else "ja"

    def named(kind: str) -> Callable[[object], str]:
        return lambda key: locale.name(lang, kind, str(key))

    return {
        "request": request,
        "lang": lang,
        "other_lang": other,
        "other_url": request.again(lang=other),
        "t": request.text,
        "day": lambda text: times.day_name(text, lang),
        "interval": lambda after, seen: times.interval(after, seen, lang),
        "moment": times.moment,
        "month_name": lambda text: times.month_name(text, lang),
        "link": request.link,
        "again": request.again,
        "web": web,
        "plain": xml_text,
        "label_name": named("label"),
        "label_links": _LabelLinks(request),
        "kind_name": named("observation"),
        "state_name": named("state"),
        "outcome_name": named("outcome"),
        "reason_name": lambda outcome: locale.catalogue(lang)["unread"].get(outcome, ""),
        "next_step": lambda outcome: locale.catalogue(lang)["next_step"].get(outcome, ""),
        "fault_text": lambda sentence: locale.translated(lang, sentence),
        "source_name": lambda source: locale.source_name(lang, source),
        "level_name": named("level"),
        "static_url": lambda name: datasette.urls.static_plugins("columnarchive", name),
        "tables_url": datasette.urls.database(request.database) if request.database else datasette.urls.instance(),
        "table_url": lambda table: datasette.urls.table(request.database, table),
    }


class _LabelLinks(dict[str, tuple[str, str]]):
    """The name of a label and the address of its changes, computed once a page."""

    def __init__(self, request: PageRequest) -> None:
        self._request = request

    def __missing__(self, label: str) -> tuple[str, str]:
        name = locale.name(self._request.lang, "label", label)
        found = self[label] = name, self._request.link("", label=label)
        return found
