"""Read articles from saved files, without a database: `archive extract` and `archive diff OLD NEW`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from columnarchive.errors import ExtractError, UsageError
from columnarchive.extract.saved_pages import PageResult, SavedPage, read_pages
from columnarchive.records import Article, Block

PAGE_ENDINGS = (".html", ".htm", ".xhtml", ".shtml", ".php", "")
TEXT_ENDINGS = (".txt", ".md")
MAX_BYTES = 50_000_000

Result = tuple[Path, Article | ExtractError]


def articles(files: Sequence[Path], site_dir: Path | None = None, url: str = "") -> Iterator[Result]:
    """Yield each file with its article, or the error that says why it has none, in the order given.

    With `site_dir` the template of the site is learned from the other pages in that folder. `url` is the address that
    a single file was saved from.
    """
    if url and len(files) > 1:
        raise UsageError("url_for_one")
    pages: list[SavedPage] = []
    named: dict[str, str] = {}
    for path in files:
        named[str(path)] = url or _key(path)
        pages.append((named[str(path)], _read(path), ""))
    chosen = {path.resolve() for path in files}
    siblings = [(_key(path), _read(path), "") for path in _pages_of(site_dir) if path.resolve() not in chosen]
    by_url: dict[str, PageResult] = {
        result.url: result for result in read_pages(pages, [*pages, *siblings] if site_dir else ())
    }
    for path in files:
        result = by_url[named[str(path)]]
        if result.article is None:
            yield path, ExtractError("not_an_article", path=path, unread=result.outcome)
        else:
            yield path, result.article


def article(path: Path) -> Article:
    """Return the article of a saved page, or a text file's lines as paragraphs; ExtractError when there is none."""
    if path.suffix.lower() in TEXT_ENDINGS:
        try:
            lines = _read(path).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ExtractError("not_utf8", path=path) from error
        return Article(str(path), "", tuple(Block("paragraph", line) for line in lines if line.strip()))
    ((_, found),) = articles([path])
    if isinstance(found, ExtractError):
        raise found
    return found


def _key(path: Path) -> str:
    """A key that is unique for each page and keeps its folders, as a URL would."""
    return path.resolve().as_uri()


def _pages_of(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise UsageError("no_folder", folder=folder)
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in PAGE_ENDINGS)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ExtractError("not_an_article", path=path, unread="too_large")
        return path.read_bytes()
    except OSError as error:
        raise UsageError("unreadable_file", path=path, reason=error.strerror) from error
