"""robots.txt by RFC 9309: what may be fetched, how fast, and what is done when it cannot be read.

4xx: no rules. 5xx, 429, a timeout, no connection: nothing may be fetched. At most 500 KiB and five redirects; a byte
order mark is no part of the first line. Kept for 24 hours.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from protego import Protego

from columnarchive.content_encoding import SizeLimits
from columnarchive.crawl.client import Client, FetchRequest
from columnarchive.records import Capture, RobotsFile
from columnarchive.times import from_text

AGENT = "columnarchive"
MAX_BYTES = 500 * 1024
MAX_HOPS = 5
LIFETIME = timedelta(hours=24)
LONGEST_DELAY = 60.0
UNREADABLE = 0
NO_RULES = 404
# A field that is none of those that say what may be fetched. Disallow is spelt in many ways.
OTHER_RECORD = re.compile(r"\s*(?!user[- ]?agent|allow|dis|dia|site-?map)[^\s:#][^:#]*:", re.I)


@dataclass(slots=True)
class Rules:
    """What a robots.txt allows.

    >>> Rules.parse(RobotsFile("https://clinic.example", 200, "User-agent: *\\nDisallow: /private/", "")).allows(url)
    """

    file: RobotsFile
    parsed: Protego | None = field(default=None, repr=False)
    timed: Protego | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, file: RobotsFile) -> Rules:
        """Parse the rules; never raise, whatever the text."""
        if not 200 <= file.status < 300:
            return cls(file)
        # The parser ends a group at any other record; by RFC 9309 (2.2.4) those say nothing of where groups end.
        lines = file.body.splitlines()
        plain = [line for line in lines if not OTHER_RECORD.match(line)]
        parsed = Protego.parse("\n".join(plain))
        return cls(file, parsed, parsed if len(plain) == len(lines) else Protego.parse(file.body))

    @property
    def readable(self) -> bool:
        """False when nothing may be fetched because the rules could not be read."""
        return 200 <= self.file.status < 300 or (400 <= self.file.status < 500 and self.file.status != 429)

    def allows(self, url: str) -> bool:
        """Return whether we may fetch this address."""
        if self.parsed is None:
            return self.readable
        return bool(self.parsed.can_fetch(url, AGENT))

    @property
    def delay(self) -> float:
        """Crawl-delay in seconds, at most 60; 0 without one."""
        delay = self.timed.crawl_delay(AGENT) if self.timed else None
        return min(float(delay), LONGEST_DELAY) if delay and delay > 0 else 0.0

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The addresses of the sitemaps it names."""
        return tuple(dict.fromkeys(self.parsed.sitemaps)) if self.parsed else ()

    def is_fresh(self, now: datetime) -> bool:
        """Return whether it need not be fetched again yet."""
        # Rules that could not be read are fetched at each crawl: the crawl of that host ends there anyway.
        if not self.readable or not self.file.fetched_at:
            return False
        return timedelta(0) <= now - from_text(self.file.fetched_at) < LIFETIME


async def fetch_rules(client: Client, origin: str, delay: float) -> tuple[Rules, Capture]:
    """FetchRequest a host for its robots.txt."""
    # A file of some MB may come compressed in one piece; of what that unfolds to, the beginning is enough.
    request = FetchRequest(
        f"{origin}/robots.txt",
        pages_only=False,
        sizes=SizeLimits(wire=MAX_BYTES * 4, free=SizeLimits().decoded),
        max_hops=MAX_HOPS,
        delay=delay,
        enough=MAX_BYTES,
    )
    capture = await client.fetch(request)
    return Rules.parse(robots_file(origin, capture)), capture


def robots_file(origin: str, capture: Capture) -> RobotsFile:
    """Return what the capture of a robots.txt means."""
    status, text = capture.status, ""
    if capture.outcome in ("ok", "redirected") and capture.body is not None:
        text = decode_robots(capture.body)
    elif capture.outcome == "redirect_loop":
        status = NO_RULES  # RFC 9309 2.3.1.2: too many redirects may be taken as unavailable
    elif not 400 <= capture.status < 500:
        status = UNREADABLE
    return RobotsFile(origin, status, text, capture.fetched_at)


def decode_robots(body: bytes) -> str:
    """Return the text of a robots.txt, of which only the first 500 KiB count; a gzip file is decompressed."""
    if body.startswith(b"\x1f\x8b"):
        with contextlib.suppress(zlib.error):
            body = zlib.decompressobj(31).decompress(body, MAX_BYTES + 1)
    head = body[:MAX_BYTES]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    if len(body) > MAX_BYTES:
        head = head[: head.rfind(b"\n") + 1]  # a rule cut in half would forbid too much or too little
    return head.decode("utf-8-sig", "replace").replace("\ufeff", "")
