"""What captured pages link to and ask of robots, read in a worker process: the crawl itself never parses a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec

from columnarchive.pipeline.worker_pool import TOO_COSTLY, CallFailed, PageLimits, Worker, WorkerDied
from columnarchive.records import Capture, FaultStep, PageFault, Wire
from columnarchive.urls import PageLinks

LINK_SECONDS = 5.0
"""CPU seconds to read the links of one page."""


class UnreadableLinks(Exception):
    """The links of a page could not be read."""


class LinkReader:
    """Reads the links of captured pages in another process, one page at a time.

    A page that ends the process, or that did so before, raises UnreadableLinks; the next one starts another process.
    `known` are faults met before, `record` is called with each new one. A `worker` that is given serves other crawls
    too, and stays when this one ends.
    """

    def __init__(
        self,
        known: Mapping[tuple[str, FaultStep], str],
        record: Callable[[PageFault], None],
        worker: Worker | None = None,
    ) -> None:
        self._record = record
        self._is_own = worker is None
        self._worker = worker or Worker()
        self._thread = ThreadPoolExecutor(1)
        self._known = dict(known)

    async def __call__(self, capture: Capture, *, skim: bool = False) -> PageLinks | None:
        """Return what a captured page links to; None when there is no body."""
        import asyncio  # not loaded by the process that reads

        if capture.body is None:
            return None
        if self._known and (capture.body_sha256, "links") in self._known:
            raise UnreadableLinks(self._known[capture.body_sha256, "links"])
        page = replace(capture, wire=Wire())
        try:
            data = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._worker.call, links_in_worker, page, skim
            )
            return msgspec.msgpack.decode(data, type=PageLinks)
        except WorkerDied:
            reason = TOO_COSTLY
        except CallFailed as failure:
            reason = str(failure)
        self._known[capture.body_sha256, "links"] = reason
        self._record(PageFault(capture.body_sha256, "links", reason))
        raise UnreadableLinks(reason)

    def close(self) -> None:
        """End the process if it is of this crawl alone."""
        if self._is_own:
            self._worker.close()
        self._thread.shutdown()


def links_in_worker(limits: PageLimits, capture: Capture, skim: bool) -> bytes:
    """Read a page's links within its limits, and encode them for the parent."""
    limits.begin("links", LINK_SECONDS)
    return msgspec.msgpack.encode(links_of_capture(capture, skim))


def robots_in_worker(limits: PageLimits, capture: Capture) -> str:
    """Read what a page asks of robots within its limits."""
    limits.begin("links", LINK_SECONDS)
    return robots_rules_of(capture)


def links_of_capture(capture: Capture, skim: bool) -> PageLinks | None:
    """What a captured page links to, only skimmed if `skim`; None when there is no body."""
    # What parses pages is loaded by workers only.
    from columnarchive.extract.charset import decode
    from columnarchive.extract.links import in_own_encoding, page_links
    from columnarchive.extract.response_headers import robots_directives, with_headers

    if capture.body is None:
        return None
    text, encoding = decode(capture.body, capture.header("content-type"))
    wanted = (lambda _: False) if skim else None
    page = with_headers(page_links(in_own_encoding(text, encoding), capture.final_url, wanted), capture.headers)
    return replace(page, robots=page.robots | robots_directives(capture.headers))


def robots_rules_of(capture: Capture) -> str:
    """What a capture asks of robots, as a crawl records it."""
    from columnarchive.extract.charset import decode
    from columnarchive.extract.links import robots_of
    from columnarchive.extract.response_headers import robots_directives

    if capture.body is None or capture.outcome not in ("ok", "redirected"):
        return ""
    text, _ = decode(capture.body, capture.header("content-type"))
    return ", ".join(sorted(robots_of(text) | robots_directives(capture.headers)))
