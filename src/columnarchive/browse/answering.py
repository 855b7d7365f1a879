"""From a request to a response: permission, language, the view in a thread, errors in a sentence, the template."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from datasette import Forbidden, Response
from jinja2 import Environment

from columnarchive import reader
from columnarchive.browse import access, dates, labels, sentences
from columnarchive.browse.answers import STRICT, Page, Sent
from columnarchive.browse.asking import ROOT, Ask, language, web
from columnarchive.browse.capturing import tombstones
from columnarchive.browse.drawing import draw, environment
from columnarchive.browse.words import say
from columnarchive.errors import ArchiveError, NotFound, UsageError
from columnarchive.plain_text import xml_text

_log = logging.getLogger(__name__)
UNREADABLE = "A row that this page needs cannot be read; `archive check` says which."
View = Callable[[reader.Connection, Ask], Page | Sent]


@dataclass(frozen=True, slots=True)
class Route:
    """A page of ours: its name in the address, its view, and the tables a reader must be allowed to see for it."""

    page: str
    view: View
    tables: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """The path for Datasette's router."""
        return f"^{ROOT}/{self.page}$" if self.page else f"^{ROOT}/?$"


async def answer(datasette: Any, request: Any, route: Route) -> Any:
    """The response to a request for one of our pages."""
    args = {key: request.args.get(key) for key in request.args}
    names = await access.archives(datasette)
    wanted = args.get("db") or next(iter(names), "")
    database = wanted if wanted in names else ""
    ask = _ask(datasette, request, route.page, args, database, is_only=len(names) < 2)
    templates, shared = environment(datasette), _shared(datasette, ask)
    if not database:
        return _drawn(templates, ask, shared, _failed(ask, "not_found", "No archive is served here.", 404))
    try:
        await access.ensure_visible(datasette, request.actor, database, route.tables)
    except Forbidden:
        return _drawn(templates, ask, shared, _failed(ask, "forbidden", "", 403))
    ask = replace(ask, sees_withdrawals=await access.is_visible(datasette, request.actor, database, "withdrawals"))

    def made(result: Page | Sent) -> Any:
        if isinstance(result, Page):
            return _drawn(templates, ask, shared, result)
        headers = {"Cache-Control": "no-cache", **result.headers}
        return _response(result.body, result.status, result.content_type, headers)

    def viewed(conn: reader.Connection) -> Any:
        try:
            return made(_viewed(route.view, conn, ask))
        except Exception:  # noqa: BLE001
            # The containment boundary of a request: a damaged row must cost its page only, and say so in a sentence.
            _log.exception("The page %s could not be made.", route.page)
            return made(_failed(ask, "unreadable", UNREADABLE, 500))

    # In Datasette's thread for this database: no SQL, no comparing and no drawing in the event loop.
    return await datasette.get_database(database).execute_fn(viewed)


def _viewed(view: View, conn: reader.Connection, ask: Ask) -> Page | Sent:
    try:
        return view(conn, ask)
    except NotFound as error:
        if stones := tombstones(conn, ask, ask.get("url")):
            return Page("withdrawn.html", {"url": ask.get("url"), "stones": stones}, 410)
        return _failed(ask, "not_found", str(error), 404)
    except UsageError as error:
        return _failed(ask, "bad_request", str(error), 400)
    except ArchiveError as error:
        return _failed(ask, "unreadable", str(error), 500)


def _failed(ask: Ask, key: str, sentence: str, status: int) -> Page:
    context = {
        "heading": say(ask.lang, key),
        "sentence": sentences.sentence(sentence, ask.lang),
        "language": ask.lang if not sentence or sentences.is_known(sentence) else "en",
    }
    return Page("failed.html", context, status)


def _ask(datasette: Any, request: Any, page: str, args: dict[str, str], database: str, *, is_only: bool) -> Ask:
    chosen = args.get("lang", "")
    kept = {
        key: value
        for key, value in (("lang", chosen if chosen in ("ja", "en") else ""), ("db", "" if is_only else database))
        if value
    }
    return Ask(
        page=page,
        lang=language(chosen, request.headers.get("accept-language", "")),
        args=args,
        kept=kept,
        database=database,
        path=cache(lambda path: str(datasette.urls.path(path))),
        absolute=lambda path: str(datasette.absolute_url(request, path)),
    )


def _drawn(templates: Environment, ask: Ask, shared: dict[str, Any], page: Page) -> Any:
    text = draw(templates, page.template, {**shared, **page.context})
    kind = "application/atom+xml; charset=utf-8" if page.template.endswith(".xml") else "text/html; charset=utf-8"
    headers = {
        "Content-Security-Policy": STRICT,
        "Content-Language": ask.lang,
        "Vary": "Accept-Language, Cookie",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        **page.headers,
    }
    return _response(text, page.status, kind, headers)


def _response(body: str | bytes, status: int, content_type: str, headers: dict[str, str]) -> Any:
    return Response(body=body, status=status, content_type=content_type, headers=headers)


def _shared(datasette: Any, ask: Ask) -> dict[str, Any]:
    """What every template may use."""
    lang = ask.lang
    other = "en" if lang == "ja" else "ja"

    def named(kind: dict[str, tuple[str, str]]) -> Callable[[str], str]:
        return lambda key: labels.name(kind, key, lang)

    return {
        "ask": ask,
        "lang": lang,
        "other_lang": other,
        "other_url": ask.again(lang=other),
        "t": lambda key, **values: say(lang, key, **values),
        "day": lambda text: dates.day(text, lang),
        "moment": dates.moment,
        "month_name": lambda text: dates.month(text, lang),
        "link": ask.link,
        "again": ask.again,
        "web": web,
        "plain": xml_text,
        "label_name": named(labels.LABELS),
        "label_links": _LabelLinks(ask),
        "state_name": named(labels.STATES),
        "outcome_name": named(labels.OUTCOMES),
        "level_name": lambda level: labels.level_name(level, lang),
        "static_url": lambda name: datasette.urls.static_plugins("columnarchive", name),
        "tables_url": datasette.urls.database(ask.database) if ask.database else datasette.urls.instance(),
        "table_url": lambda table: datasette.urls.table(ask.database, table),
    }


class _LabelLinks(dict[str, tuple[str, str]]):
    """A label's name and the address of its changes, worked out once a page."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def __missing__(self, label: str) -> tuple[str, str]:
        found = self[label] = labels.name(labels.LABELS, label, self._ask.lang), self._ask.link("", label=label)
        return found


def routes(found: Iterable[Route]) -> list[tuple[str, Callable[..., Any]]]:
    """Routes in the shape that Datasette registers."""

    def bound(route: Route) -> Callable[..., Any]:
        async def view(datasette: Any, request: Any) -> Any:
            return await answer(datasette, request, route)

        return view

    return [(route.pattern, bound(route)) for route in found]
