"""The bare address of a server started by `archive serve`: it leads to the pages for reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from columnarchive.browse.asking import ROOT


def fronted(datasette: Any) -> Callable[[Any], Any]:
    """An ASGI wrapper that redirects `/` when the plugin's setting `front` says so."""

    def wrap(app: Any) -> Any:
        async def front(scope: Any, receive: Any, send: Any) -> None:
            settings = datasette.plugin_config("columnarchive") or {}
            root = datasette.urls.path("/")
            is_bare = (
                scope["type"] == "http" and scope["path"] in (root, root.rstrip("/")) and not scope["query_string"]
            )
            if not (is_bare and settings.get("front")):
                await app(scope, receive, send)
                return
            headers = [(b"location", datasette.urls.path(ROOT).encode()), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 302, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

        return front

    return wrap
