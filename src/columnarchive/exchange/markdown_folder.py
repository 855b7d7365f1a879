"""A folder of Markdown files that follows the archive: a file per article, each written whole, stale ones taken away.

Nothing is remembered beside the files. A file is one of ours when its name is the one that follows from the address in
its front matter; any other file (a reader's notes) is left alone. An export that was cut short is finished by the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from columnarchive.errors import ExchangeError
from columnarchive.exchange import file_names
from columnarchive.exchange.atomic_files import PARTIAL, fresh, settle, translated
from columnarchive.exchange.markdown import unquoted

ADDRESS = "url: "  # the line of the front matter that names the article
_HEAD = 4_096  # bytes: where that line stands at the latest


@dataclass(frozen=True, slots=True)
class Page:
    """A file to write: the article's address and site, and the whole text, whose front matter names the address."""

    url: str
    site: str
    text: str


@dataclass(frozen=True, slots=True)
class Followed:
    """How many files there are now, how many of them were written because they differed, and how many taken away."""

    files: int
    written: int
    removed: int


def write(folder: Path, pages: Iterable[Page], site: str = "") -> Followed:
    """Bring the files under `folder` in line with the pages; with `site`, only that site's."""
    kept: set[str] = set()
    written = 0
    with translated(folder):
        if folder.exists() and not folder.is_dir():
            raise ExchangeError(f"{folder} is a file; name a folder.")
        for page in pages:
            path = folder / file_names.folder_name(page.site) / file_names.file_name(page.url)
            kept.add(path.name)
            written += _write(path, page.text.encode("utf-8"))
        removed = _remove_stale(folder, kept, file_names.folder_name(site) if site else "")
        settle()
    return Followed(len(kept), written, removed)


def _write(path: Path, content: bytes) -> bool:
    """Write a file unless it already says the same, so that programs that watch the folder see only what is new."""
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = fresh(path.with_name(path.name + PARTIAL))
    try:
        # Not flushed one by one, at 5 ms each: if the power fails, the next export sees what differs and mends it.
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return True


def _remove_stale(folder: Path, kept: set[str], only: str) -> int:
    """Take away files of ours that are no more in the archive: withdrawn pages above all."""
    removed = 0
    for path in folder.glob(f"{only or '*'}/*.md*"):
        name = path.name.removesuffix(PARTIAL)
        if (path.name not in kept or path.name != name) and file_names.NAME.fullmatch(name) and _is_ours(path, name):
            path.unlink()
            removed += path.name == name
    return removed


def _is_ours(path: Path, name: str) -> bool:
    """Whether a file is at the place that its own front matter gives it; a partial one may not have come that far."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", "ignore")
    url = next((unquoted(line[len(ADDRESS) :]) for line in head.split("\n") if line.startswith(ADDRESS)), "")
    return file_names.file_name(url) == name if url else path.name != name
