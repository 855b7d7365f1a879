"""Pages that a script draws, drawn by the system's Chromium, which has no network: the crawl's client fetches for it.

Every request is routed to a function of the crawl, so robots.txt, pace, scope, size and private addresses are judged
there. Whatever else the browser would send meets a proxy that refuses everything, loopback included. The extra `render`
installs playwright; it is imported when the first such page is met.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import shutil
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from columnarchive.records import Capture, Wire
from columnarchive.times import Clock, to_text

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Dialog, Page, Playwright, Route, WebSocketRoute

Fetch = Callable[[str, bool], Awaitable[Capture]]  # an address, and whether it is of a script
SECONDS = 30.0  # for a page, besides the pauses between requests
MAX_REQUESTS = 40
MAX_SCROLLS = 30
QUIET = 0.3  # seconds without a request or a change after which a page is drawn
MAX_BODY = 12_000_000
MAX_CACHED = 40  # scripts of a site that are not fetched again for its next page
SHELL_BYTES = 600  # of visible text: about 200 characters of Japanese
FETCHED = frozenset({"script", "fetch", "xhr"})  # neither pictures, fonts nor styles: only the text is kept
ENGINE_HEADER = "X-Columnarchive-Engine"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--no-pings", "--dns-prefetch-disable", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-domain-reliability",
    "--disable-default-apps", "--disable-extensions", "--disable-client-side-phishing-detection",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp", "--renderer-process-limit=1",
    "--js-flags=--max-old-space-size=256",
    "--disable-features=WebRTC,WebTransport,MediaRouter,OptimizationHints,Translate,NetworkPrediction",
)  # fmt: skip
NO_RTC = """for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport", "WebSocketStream"])
  Object.defineProperty(globalThis, name, {value: undefined, configurable: false});"""
SIZE = "() => [document.documentElement.outerHTML.length, document.documentElement.scrollHeight].join()"
SERIALIZE = """() => {
  const roots = [];
  const collect = part => part.querySelectorAll("*").forEach(one => {
    if (one.shadowRoot) { roots.push(one.shadowRoot); collect(one.shadowRoot); }
  });
  collect(document);
  const tag = document.documentElement.cloneNode(false).outerHTML.replace(/<[/]html>$/, "");
  return roots.length ? `<!DOCTYPE html>${tag}${document.documentElement.getHTML({shadowRoots: roots})}</html>` : "";
}"""
SCROLL = "() => scrollTo(0, document.documentElement.scrollHeight)"
TRACKERS = re.compile(
    r"(?:^|[.])(?:google-analytics|googletagmanager|googlesyndication|googleadservices|doubleclick|facebook|clarity|hotjar"
    r"|yimg|yahoo|yahooapis|line-scdn|line-apps|twitter|ads-twitter|tiktok|criteo|ptengine|mouseflow|user-local|userlocal"
    r"|karte|adobedtm|omtrdc|newrelic|nr-data|hs-scripts|hubspot|segment|mixpanel|amplitude|fullstory|mieru-ca|crazyegg"
    r"|cookiebot|onetrust|cookielaw|recaptcha|addthis|sharethis)[.](?:com?|net|ms|jp|co[.]jp|io|me|org|cloud)$"
)
TAGS = re.compile(rb"<[^<>]*>|\s+")


def is_shell(body: bytes) -> bool:
    """Return whether a page has scripts and next to no text of its own.

    >>> is_shell(b"<title>Columns</title><div id=root></div><script src=app.js></script>")
    True
    """
    head, *scripts = re.split(rb"(?i)<script\b", body[:1_000_000])
    if not scripts:
        return False
    after = (re.split(rb"(?i)</script", part, maxsplit=1)[-1].partition(b">")[2] for part in scripts)
    return len(TAGS.sub(b"", b"".join((re.split(rb"(?i)<body\b", head)[-1], *after)))) < SHELL_BYTES


def is_library_host(host: str) -> bool:
    """Return whether scripts of a host may be needed to draw a page; those that watch readers are not.

    >>> is_library_host("cdn.jsdelivr.net"), is_library_host("www.googletagmanager.com")
    (True, False)
    """
    return not TRACKERS.search(host.partition(":")[0])


def executable() -> str:
    """Return the path of an installed Chromium, Chrome or Edge; empty for none."""
    found = (shutil.which(name) for name in NAMES)
    return next(filter(None, found), "") or next((place for place in PLACES if Path(place).exists()), "")


async def _close(opened: WebSocketRoute | Page) -> None:
    with contextlib.suppress(Exception):  # it may be gone already
        await opened.close()


async def _dismiss(dialog: Dialog) -> None:
    with contextlib.suppress(Exception):
        await dialog.dismiss()


@dataclass(slots=True)
class Renderer:
    """Draws one page at a time. A browser that hangs or crashes costs its page, and the next page another browser."""

    clock: Clock
    playwright: Playwright | None = None
    browser: Browser | None = None
    refusing: socket.socket | None = None
    scripts: dict[str, Capture] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @staticmethod
    def is_available() -> bool:
        """Return whether the extra and a browser are installed."""
        return importlib.util.find_spec("playwright") is not None and bool(executable())

    async def render(self, capture: Capture, fetch: Fetch, pause: float) -> tuple[Capture | None, list[Capture]]:
        """Return the page as its scripts draw it, None if they do not come to an end, and what they fetched."""
        fetched: list[Capture] = []
        async with self.turn:
            try:
                async with asyncio.timeout(SECONDS + MAX_REQUESTS * pause):
                    return await self._render(capture, fetch, fetched), fetched
            except Exception as fault:
                if not isinstance(fault, TimeoutError) and type(fault).__module__.partition(".")[0] != "playwright":
                    raise
                await self._end_browser()
                return None, fetched

    async def close(self) -> None:
        """End the browser."""
        await self._end_browser()
        if self.playwright is not None:
            await self.playwright.stop()
            self.playwright = None
        if self.refusing is not None:
            self.refusing.close()

    async def _end_browser(self) -> None:
        browser, self.browser = self.browser, None
        if browser is not None:
            with contextlib.suppress(Exception):  # it may have crashed
                await asyncio.wait_for(browser.close(), 5)

    async def _open(self) -> Browser:
        if self.browser is not None and self.browser.is_connected():
            return self.browser
        if self.playwright is None:
            from playwright.async_api import async_playwright

            self.playwright = await async_playwright().start()
            # Bound and not listening: whoever connects is refused, and nobody else can take the port.
            self.refusing = socket.socket()
            self.refusing.bind(("127.0.0.1", 0))
        assert self.refusing is not None
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium has no sandbox for root
        self.browser = await self.playwright.chromium.launch(
            executable_path=executable(),
            args=list(FLAGS),
            chromium_sandbox=not is_root,
            handle_sigint=False,
            proxy={"server": f"http://127.0.0.1:{self.refusing.getsockname()[1]}", "bypass": "<-loopback>"},
        )
        return self.browser

    async def _render(self, capture: Capture, fetch: Fetch, fetched: list[Capture]) -> Capture:
        browser = await self._open()
        context = await browser.new_context(service_workers="block", accept_downloads=False, permissions=[])
        try:
            page = await self._load_page(context, capture, fetch, fetched)
            serialized = str(await page.evaluate(SERIALIZE)) or await page.content()
            html = serialized.encode("utf-8", "replace")[:MAX_BODY]
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(context.close(), 5)
        headers = (
            ("Content-Type", "text/html; charset=utf-8"),
            (ENGINE_HEADER, f"Chromium {browser.version}"),
        )
        at = to_text(self.clock())
        url = capture.final_url
        return Capture(url, url, at, 200, headers, html, "ok", wire=Wire(), robots=capture.robots, source="rendered")

    async def _load_page(self, context: BrowserContext, capture: Capture, fetch: Fetch, fetched: list[Capture]) -> Page:
        """Return the page once its scripts are done: no request is open, and scrolling adds nothing more."""
        started: list[str] = []
        open_requests = 0

        async def route(route: Route) -> None:
            nonlocal open_requests
            request = route.request
            url = request.url.partition("#")[0]
            if request.is_navigation_request() and not started:
                started.append(url)
                kind = capture.header("content-type") or "text/html"
                await route.fulfill(status=200, headers={"Content-Type": kind}, body=capture.body or b"")
                return
            if request.is_navigation_request():
                await route.fulfill(status=204)  # the page stays; after an abort a page of the browser's took its place
                return
            wanted = request.resource_type in FETCHED and request.method == "GET" and url.startswith("http")
            if not wanted or len(started) > MAX_REQUESTS:
                await route.abort()
                return
            started.append(url)
            open_requests += 1
            try:
                found = self.scripts.get(url) or await fetch(url, request.resource_type == "script")
                if url not in self.scripts:
                    fetched.append(found)
                if request.resource_type == "script" and len(self.scripts) < MAX_CACHED:
                    self.scripts[url] = found
                if found.body is None:
                    await route.abort()
                else:
                    kind = found.header("content-type") or "application/octet-stream"
                    headers = {"Content-Type": kind, "Access-Control-Allow-Origin": "*"}
                    await route.fulfill(status=found.status, headers=headers, body=found.body)
            finally:
                open_requests -= 1

        await context.route("**/*", route)
        await context.route_web_socket("**/*", _close)
        await context.add_init_script(NO_RTC)
        page = await context.new_page()
        context.on("page", _close)
        page.on("dialog", _dismiss)
        await page.goto(capture.final_url, wait_until="commit")
        size = ""
        for _ in range(MAX_SCROLLS):
            before = size
            while True:
                now = str(await page.evaluate(SIZE))
                if now == size and not open_requests:
                    break
                size = now
                await asyncio.sleep(QUIET)
            if size == before:
                break
            await page.evaluate(SCROLL)
            await asyncio.sleep(QUIET)
        return page
