"""What header lines say that a page's own <head> could: Link (RFC 8288), Refresh and X-Robots-Tag."""

from __future__ import annotations

import re
from dataclasses import replace

from columnarchive.errors import UsageError
from columnarchive.records import Headers
from columnarchive.urls import PageLinks, canonical

# An address and what is said of it. Commas and semicolons may stand in either, so that splitting at them will not do.
LINK = re.compile(r"<([^<>]*)>([^<]*)")
PARAMETER = re.compile(r";\s*(rel|type)\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.I)
REFRESH = re.compile(r"\s{0,99}(\d{1,9})[\d.]{0,9}\s{0,99}[;,]\s{0,99}(?:url\s{0,99}=\s{0,99})?['\"]?([^'\"]+)", re.I)
SOON = 30  # seconds; a page that is exchanged later than that was meant to be read
FEEDS = frozenset({"application/rss+xml", "application/atom+xml"})
NAMED = {"canonical": "canonical", "next": "next", "prev": "previous", "previous": "previous", "up": "up",
         "https://api.w.org/": "wordpress_api"}  # fmt: skip


def with_headers(page: PageLinks, headers: Headers) -> PageLinks:
    """A page's links with those that its header lines name. What the page itself says comes first.

    >>> with_headers(PageLinks("http://a.example/"), (("Link", '</2>; rel="next"'),)).next
    'http://a.example/2'
    """
    targets: dict[str, str] = {}
    feeds = list(page.feeds)
    for name, value in headers:
        if name.lower() == "link":
            for address, rest in LINK.findall(value):
                _take(_target(address, page.url), rest, targets, feeds)
        elif name.lower() == "refresh" and (target := refreshed(value, page.url)):
            targets.setdefault("refresh", target)
    if not targets and len(feeds) == len(page.feeds):
        return page
    own = {name: target for name, target in targets.items() if not getattr(page, name)}
    return replace(page, feeds=tuple(dict.fromkeys(feeds)), **own)  # type: ignore[arg-type]


def refreshed(value: str, url: str, base: str = "") -> str:
    """The page that a Refresh leads to before its own can be read; empty for none."""
    target = _target(sends_to(value) or url, base or url)
    return target if target != url else ""


def sends_to(value: str) -> str:
    """The address in a Refresh as it is written; empty where there is none or readers are given time."""
    match = REFRESH.match(value)
    return match[2] if match is not None and int(match[1][:4]) <= SOON else ""


def _take(target: str, rest: str, targets: dict[str, str], feeds: list[str]) -> None:
    words: dict[str, str] = {}
    for name, quoted, plain in PARAMETER.findall(rest):
        words.setdefault(name.lower(), (quoted or plain).lower())
    rel = words.get("rel", "").split()
    if not target:
        return
    for word in rel:
        if word in NAMED:
            targets.setdefault(NAMED[word], target)
    if "alternate" in rel and words.get("type") in FEEDS:
        feeds.append(target)


def link_target(href: str, base: str, url: str) -> str:
    """Return the canonical address that a link of a page leads to; empty for none. `base` is the page's <base>."""
    if not href or href.startswith("#"):
        return ""
    start = _target(base, url) if base else url
    return _target(href.strip(), start or url)


def _target(address: str, base: str) -> str:
    """The canonical form of what a line names; empty for what is no page."""
    try:
        return canonical(address, base)
    except UsageError:
        return ""


# Rules that have a value of their own; any other name before a colon is that of the robot asked.
VALUED = re.compile(r"(?:unavailable_after|max-[\w-]+)$")
OURS = frozenset({"", "*", "columnarchive"})


def robots_directives(headers: Headers) -> frozenset[str]:
    """The directives of all X-Robots-Tag lines but those that ask other robots by name.

    >>> lines = (("X-Robots-Tag", "noindex, NoArchive"), ("X-Robots-Tag", "otherbot: nofollow, none"))
    >>> sorted(robots_directives(lines))
    ['noarchive', 'noindex']
    """
    found: set[str] = set()
    for name, value in headers:
        if name.lower() != "x-robots-tag":
            continue
        asked = ""
        for part in value.lower().split(","):
            rule = part.strip()
            before, colon, after = rule.partition(":")
            if colon and not VALUED.match(before.strip()):
                asked, rule = before.strip(), after.strip()
            if rule and asked in OURS:
                found.add(rule)
    return frozenset(found)
