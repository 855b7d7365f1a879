"""What X-Robots-Tag asks of robots in general or of this one."""

from __future__ import annotations

import re

from columnarchive.records import Headers

# Rules that have a value of their own; any other name before a colon is that of the robot asked.
VALUED = re.compile(r"(?:unavailable_after|max-[\w-]+)$")
OURS = frozenset({"", "*", "columnarchive"})


def of_headers(headers: Headers) -> frozenset[str]:
    """The directives of all X-Robots-Tag lines but those that ask other robots by name.

    >>> sorted(of_headers((("X-Robots-Tag", "noindex, NoArchive"), ("X-Robots-Tag", "otherbot: nofollow, none"))))
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
