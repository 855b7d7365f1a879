"""Where a redirect leads, or why it is not followed."""

from __future__ import annotations

from collections.abc import Set

from columnarchive.errors import UsageError
from columnarchive.records import Outcome
from columnarchive.urls import MAX_LENGTH, canonical


def target(location: str, url: str, seen: Set[str], too_many: bool) -> tuple[str, tuple[Outcome, str] | None]:
    """The address that a Location line at `url` names, and the outcome and sentence that keep it from being followed.

    `location` is as it came, each character a byte; `seen` are the addresses of the hops before.
    """
    # Servers write Japanese addresses as they store them, in UTF-8 or Shift_JIS; escaped, each byte stays what it is.
    plain = "".join(sign if sign.isascii() else f"%{ord(sign):02X}" for sign in location)
    try:
        found = canonical(plain, url)
    except UsageError:
        return "", ("http_error", f"The redirect leads to {location[:200]!r}, which is no web address.")
    if len(found) > MAX_LENGTH:
        return "", ("http_error", f"The redirect leads to {found[:200]}… and is longer than any real address.")
    if found in seen:
        return found, ("redirect_loop", f"The redirects come back to {found}.")
    if too_many:
        return found, ("redirect_loop", "More redirects than any real address needs.")
    return found, None
