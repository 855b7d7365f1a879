"""From a request to a response: permission, language, the page's function in a thread, errors in a sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from datasette import Forbidden, Response

from columnarchive.browse import article, captures, datasette_tables, diff, home, ledger, search
from columnarchive.browse.rendering import (
    PAGE_POLICY,
    REVIEW_POLICY,
    ROOT,
    FileResponse,
    Page,
    PageRequest,
    language,
    render,
)
from columnarchive.errors import ArchiveError, NotFound, StoreError, UsageError, describe
from columnarchive.reader import MARKS, Reader, Review, store_review
from columnarchive.times import system_clock, to_text

_log = logging.getLogger(__name__)
_TEXTS = ("articles", "revisions", "passages", "sentences", "changes")
_EVIDENCE = ("pages", "captures", "bodies")


@dataclass(frozen=True, slots=True)
class Route:
    """A page: its name in the address, its function, and the tables a reader must be allowed to see for it."""

    page: str
    view: Callable[[Reader, PageRequest], Page | FileResponse]
    tables: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """The path for Datasette's router."""
        return f"^{ROOT}/{self.page}$" if self.page else f"^{ROOT}/?$"


ROUTES = (
    Route("", home.home, ("sites", "articles", "changes")),
    Route("changes", home.table, ("sites", "articles", "changes")),
    Route("articles", home.articles, ("sites", "articles")),
    Route("article", article.article, (*_TEXTS, "copies")),
    Route("diff", diff.diff, (*_TEXTS, "edits")),
    Route("change", diff.change, _TEXTS),
    Route("cite", diff.cite, (*_TEXTS, "edits")),
    Route("search", search.search, ("sites", "articles", "sentences")),
    Route("sites", home.sites, ("sites", "articles")),
    Route("site", home.site, ("sites", "articles", "changes", "pages")),
    Route("observations", ledger.observations, ("sites", "articles", "observations", "page_observations")),
    Route("observation", ledger.observation, ("sites", "articles", "observations")),
    Route("copies", home.copies, ("sites", "articles", "passages", "copies")),
    Route("passage", home.passage, ("articles", "revisions", "passages", "copies")),
    Route("captures", captures.captures, ("pages", "captures")),
    Route("capture", captures.capture, _EVIDENCE),
    Route("replay", captures.replay, _EVIDENCE),
    Route("picture", captures.picture, (*_EVIDENCE, "pictures")),
    Route("body", captures.download, _EVIDENCE),
    Route("evidence", captures.evidence, (*_TEXTS, *_EVIDENCE, "chain")),
    Route("feed", search.feed, ("sites", "articles", "changes", "sentences")),
)


def routes() -> list[tuple[str, Callable[..., Any]]]:
    """Return the pages in the shape that Datasette registers."""

    def bound(route: Route) -> Callable[..., Any]:
        async def view(datasette: Any, request: Any) -> Any:
            return await _respond(datasette, request, route)

        return view

    return [*((route.pattern, bound(route)) for route in ROUTES), (f"^{ROOT}/review$", review)]


async def review(datasette: Any, request: Any) -> Any:
    """Store what a reader notes of a change, from the form of a page of ours; Datasette has checked its token."""
    names = await datasette_tables.served_archives(datasette)
    asked = _request(datasette, request, "review", names)
    if request.method != "POST":
        return Response.text("POST only", status=405, headers={"Allow": "POST"})
    if not asked.database or not await datasette_tables.can_review(datasette, request.actor, asked.database):
        raise Forbidden("columnarchive-review")
    form = await request.post_vars()
    mark = form.get("mark", "")
    url, after, seen = (form.get(key, "") for key in ("url", "after", "seen"))
    if mark not in (*MARKS, "none") or not url or not seen:
        return Response.text("A mark, a url and a time are needed.", status=400)

    def write(conn: Any) -> None:
        note, initials = (form.get(key, "").strip() for key in ("note", "initials"))
        store_review(conn, Review(url, after, seen, mark, note[:2000], initials[:20], to_text(system_clock())))

    await datasette.get_database(asked.database).execute_write_fn(write)
    back = form.get("back", "")
    is_own = back.startswith("/") and not back.startswith(("//", "/\\"))
    return Response.redirect(back if is_own else asked.link(""), status=303)


async def _respond(datasette: Any, asked: Any, route: Route) -> Any:
    names = await datasette_tables.served_archives(datasette)
    request = _request(datasette, asked, route.page, names)
    database = request.database

    def made(result: Page | FileResponse, titles: Mapping[str, str] = MappingProxyType({})) -> Any:
        if isinstance(result, Page):
            text = render(datasette, replace(request, titles=titles), result)
            return _page_response(request, result, text)
        headers = {"Cache-Control": "no-cache", **result.headers}
        return Response(body=result.body, status=result.status, content_type=result.content_type, headers=headers)

    if not database:
        return made(_failed(request, NotFound("no_archive"), "not_found", 404))
    try:
        await datasette_tables.ensure_visible(datasette, asked.actor, database, route.tables)
    except Forbidden:
        context = {"heading": request.text("forbidden"), "sentence": "", "language": request.lang}
        return made(Page("failed.html", context, 403))
    sees_withdrawals = await datasette_tables.is_visible(datasette, asked.actor, database, "withdrawals")
    can_review = await datasette_tables.can_review(datasette, asked.actor, database)
    request = replace(request, sees_withdrawals=sees_withdrawals, can_review=can_review)

    def viewed(conn: Any) -> Any:
        try:
            archive = Reader(conn)
            titles = archive.site_titles() if "sites" in route.tables else {}
            return made(_viewed(route, archive, replace(request, titles=titles)), titles)
        except Exception as fault:  # noqa: BLE001
            # The containment boundary of a request: a damaged row must cost its page only, and say so in a sentence.
            _log.error("The page %s could not be made: %s", route.page, describe(fault))
            _log.debug("Where it failed:", exc_info=True)
            return made(_failed(request, StoreError("damaged_row"), "unreadable", 500))

    # In Datasette's thread for this database: no SQL, no comparing and no rendering in the event loop.
    return await datasette.get_database(database).execute_fn(viewed)


def _viewed(route: Route, archive: Reader, request: PageRequest) -> Page | FileResponse:
    try:
        return route.view(archive, request)
    except NotFound as error:
        url = request.get("url")
        if stones := captures.tombstones(archive, request, url):
            return Page("withdrawn.html", {"url": url, "stones": stones}, 410)
        return _failed(request, error, "not_found", 404)
    except UsageError as error:
        return _failed(request, error, "bad_request", 400)
    except ArchiveError as error:
        return _failed(request, error, "unreadable", 500)


def _failed(request: PageRequest, error: ArchiveError, heading: str, status: int) -> Page:
    context = {
        "heading": request.text(heading),
        "sentence": error.sentence(request.lang),
        "language": request.lang,
    }
    return Page("failed.html", context, status)


def _request(datasette: Any, asked: Any, page: str, names: list[str]) -> PageRequest:
    args = {key: asked.args.get(key) for key in asked.args}
    wanted = args.get("db") or next(iter(names), "")
    database = wanted if wanted in names else ""
    chosen = args.get("lang", "")
    carried = {
        "lang": chosen if chosen in ("ja", "en") else "",
        "db": database if len(names) > 1 else "",
    }
    return PageRequest(
        page=page,
        lang=language(chosen, asked.headers.get("accept-language", "")),
        args=args,
        carried={key: value for key, value in carried.items() if value},
        database=database,
        path=cache(lambda path: str(datasette.urls.path(path))),
        absolute=lambda path: str(datasette.absolute_url(asked, path)),
        csrf=asked.scope.get("csrftoken", str),
    )


def _page_response(request: PageRequest, page: Page, text: str) -> Any:
    kind = "application/atom+xml; charset=utf-8" if page.template.endswith(".xml") else "text/html; charset=utf-8"
    headers = {
        "Content-Security-Policy": REVIEW_POLICY if request.can_review else PAGE_POLICY,
        "Content-Language": request.lang,
        "Vary": "Accept-Language, Cookie",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return Response(body=text, status=page.status, content_type=kind, headers=headers)
