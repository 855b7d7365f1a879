"""What page functions return, with security headers, and templates to text in the thread that read the archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment

from columnarchive import locale, times
from columnarchive.browse.request import PageRequest, web
from columnarchive.text import xml_text

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
