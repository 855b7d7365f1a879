"""File names for addresses: safe on Windows, macOS and Linux, never outside their folder, never the same twice.

The last part of an address makes the name readable; 80 bits of the address's digest make it the address's own, whatever
a file system does to case or to composed characters.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from urllib.parse import unquote, urlsplit

READABLE = 40  # characters; with 3 bytes each and the digest, below the 255 bytes of a name
DIGEST = 16
NAME = re.compile(rf"[^/\\]*-[a-z2-7]{{{DIGEST}}}\.md")
# Windows keeps these for devices, with any ending, since DOS.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)


def file_name(url: str) -> str:
    """The name of the Markdown file of an article: `nanbyo-k7q2m4x9r5t3w8za.md`."""
    path = urlsplit(url).path.rstrip("/")
    last = unquote(path.rsplit("/", 1)[-1], errors="replace")
    readable = _safe(re.sub(r"\.(html?|php|aspx?)$", "", last, flags=re.IGNORECASE)) or "column"
    return f"{readable}-{digest(url)}.md"


def folder_name(site: str) -> str:
    """The name of a site's folder: the site's own where that is safe everywhere."""
    plain = re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,100}[a-z0-9]", site)
    if plain and ".." not in site and not _DEVICES.match(site):
        return site
    return f"{_safe(site) or 'site'}-{digest(site)}"


def digest(text: str) -> str:
    """80 bits of a text's sha256 in letters and digits that no file system confuses."""
    raw = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:10]
    return base64.b32encode(raw).decode("ascii").lower()


def _safe(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(sign if sign.isalnum() or sign == "_" else "-" for sign in composed)
    return re.sub(r"-{2,}", "-", kept)[:READABLE].strip("-")
