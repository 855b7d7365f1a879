"""Texts for readers: articles as Markdown with front matter, in a folder kept in line with the archive; changes as an
Atom feed (RFC 4287), with removed and added text, for any feed reader.

Text of a page is escaped, so that it stays text: no markup, HTML or front matter comes from a page.

Nothing is recorded beside the files. A file is ours when its name is the one that follows from the address in its front
matter; any other file (a reader's notes) is left alone. The next export completes one that was interrupted.

File names are safe on Windows, macOS and Linux, never lead outside their folder and are unique: the last part of an
address makes a name readable, and 80 bits of the address's digest make it unique whatever a file system does to case or
to composed characters.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape, quoteattr

from columnarchive.errors import ExchangeError
from columnarchive.exchange import PARTIAL, create_empty, os_errors_as_sentences
from columnarchive.records import Article, Block, Edit
from columnarchive.text import printable

# Signs with a meaning anywhere in CommonMark or in GitHub's tables and strike-outs.
_ANYWHERE = re.compile(r"[\\`*\[\]<|~]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w])|(?<!\S)#|#(?!\S)")
_AT_START = re.compile(r"^(\s*)([-+>=:#])|^(\s*\d{1,9})([.)])(?=\s|$)")


def document(article: Article, facts: Iterable[tuple[str, str | int]]) -> str:
    """Return a complete file: front matter with the given facts, the title, the article's blocks."""
    return f"{front_matter(facts)}\n# {inline(article.title)}\n\n{body(article.blocks)}"


def front_matter(facts: Iterable[tuple[str, str | int]]) -> str:
    """Return YAML between two lines of dashes; values are JSON strings, which YAML reads unchanged."""
    lines = (f"{name}: {value if isinstance(value, int) else quoted(value)}" for name, value in facts)
    return "\n".join(["---", *lines, "---", ""])


def quoted(value: str) -> str:
    """Return a string in double quotes for YAML, with escapes for what YAML would fold or refuse."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\u3000" or sign > "\uffff" else f"\\u{ord(sign):04x}" for sign in text
    )


def unquoted(text: str) -> str:
    """Return the string that `quoted` wrote; empty for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def body(blocks: Sequence[Block]) -> str:
    """Return the blocks of an article as Markdown, ending with a newline."""
    runs: list[list[Block]] = []
    for block in blocks:
        if not block.text.strip():
            continue
        # Adjacent items form a list and adjacent rows a table; every other block is by itself.
        if runs and block.kind in ("item", "row") and runs[-1][0].kind == block.kind:
            runs[-1].append(block)
        else:
            runs.append([block])
    return "\n\n".join("\n".join(_run(run)) for run in runs) + "\n"


def _run(blocks: Sequence[Block]) -> Iterator[str]:
    first = blocks[0]
    if first.kind == "item":
        yield from _list(blocks)
    elif first.kind == "row":
        yield from _table(blocks)
    elif first.kind == "heading":
        yield "#" * min(6, max(2, first.level)) + " " + inline(first.text)
    elif first.kind == "quote":
        yield "\n".join("> " + line for line in lines(first.text).split("\n"))
    elif first.kind == "question":
        yield f"**{inline(first.text)}**"
    elif first.kind == "caption":
        yield f"*{inline(first.text)}*"
    else:
        yield lines(first.text)


def _list(blocks: Sequence[Block]) -> Iterator[str]:
    depth = 0
    for block in blocks:
        # An item may be at most one level below the one before, or it would be read as code.
        depth = min(max(1, block.level), depth + 1)
        indent = "  " * (depth - 1)
        yield f"{indent}- " + lines(block.text).replace("\n", f"\n{indent}  ")


def _table(blocks: Sequence[Block]) -> Iterator[str]:
    rows = [[inline(cell) for cell in block.text.split("\t")] for block in blocks]
    width = max(len(row) for row in rows)
    for place, row in enumerate(rows):
        yield "| " + " | ".join(row + [""] * (width - len(row))) + " |"
        if place == 0:
            yield "|" + " --- |" * width


def inline(text: str) -> str:
    """Return text in one line, escaped."""
    return _escaped(" ".join(text.split()))


def lines(text: str) -> str:
    """Return text in its lines, escaped, with every line break."""
    return "\\\n".join(_escaped(" ".join(line.split())) for line in text.split("\n") if line.strip())


def _escaped(line: str) -> str:
    safe = _ANYWHERE.sub(r"\\\g<0>", printable(line))
    return _AT_START.sub(lambda found: (found[1] or found[3] or "") + "\\" + (found[2] or found[4]), safe)


URL_FIELD = "url: "  # the line of the front matter that names the article
_HEAD = 4_096  # bytes that hold that line
_READABLE = 40  # characters; with 3 bytes each and the digest, below the 255 bytes of a name
_DIGEST = 16
_FILE_NAME = re.compile(rf"[^/\\]*-[a-z2-7]{{{_DIGEST}}}\.md")
# Windows reserves these for devices, with any ending, since DOS.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MarkdownPage:
    """A file to write: the article's address and site, and the complete text, whose front matter names the address."""

    url: str
    site: str
    text: str


@dataclass(frozen=True, slots=True)
class FolderUpdate:
    """The number of files there are now, of those written because they differed, and of those removed."""

    files: int
    written: int
    removed: int


def update_folder(folder: Path, pages: Iterable[MarkdownPage], site: str = "") -> FolderUpdate:
    """Bring the files under `folder` in line with the pages; with `site`, only that site's."""
    names: set[str] = set()
    written = 0
    with os_errors_as_sentences(folder):
        if folder.exists() and not folder.is_dir():
            raise ExchangeError("folder_is_file", path=folder)
        for page in pages:
            path = folder / folder_name(page.site) / file_name(page.url)
            names.add(path.name)
            written += _write_if_changed(path, page.text.encode("utf-8"))
        removed = _remove_stale(folder, names, folder_name(site) if site else "")
        if hasattr(os, "sync"):
            os.sync()
    return FolderUpdate(len(names), written, removed)


def _write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file unless it has this content, so that programs that watch the folder see only what is new."""
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = create_empty(path.with_name(path.name + PARTIAL))
    try:
        # Not flushed one by one, at 5 ms each: after a power failure the next export finds and repairs what differs.
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return True


def _remove_stale(folder: Path, names: set[str], only: str) -> int:
    """Remove our files of articles that the archive no longer holds: withdrawn pages above all."""
    removed = 0
    for path in folder.glob(f"{only or '*'}/*.md*"):
        name = path.name.removesuffix(PARTIAL)
        is_current = path.name in names and path.name == name
        if not is_current and _FILE_NAME.fullmatch(name) and _is_ours(path, name):
            path.unlink()
            removed += path.name == name
    return removed


def _is_ours(path: Path, name: str) -> bool:
    """Whether a file has the name that follows from its own front matter; a partial one may lack it."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", "ignore")
    url = next((unquoted(line[len(URL_FIELD) :]) for line in head.split("\n") if line.startswith(URL_FIELD)), "")
    return file_name(url) == name if url else path.name != name


def file_name(url: str) -> str:
    """Return the name of the Markdown file of an article: `nanbyo-k7q2m4x9r5t3w8za.md`."""
    path = urlsplit(url).path.rstrip("/")
    last = unquote(path.rsplit("/", 1)[-1], errors="replace")
    readable = _safe(re.sub(r"\.(html?|php|aspx?)$", "", last, flags=re.IGNORECASE)) or "column"
    return f"{readable}-{_short_digest(url)}.md"


def folder_name(site: str) -> str:
    """Return the name of a site's folder: the site's own where that is safe everywhere."""
    plain = re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,100}[a-z0-9]", site)
    if plain and ".." not in site and not _DEVICES.match(site):
        return site
    return f"{_safe(site) or 'site'}-{_short_digest(site)}"


def _short_digest(text: str) -> str:
    """80 bits of a text's sha256 in letters and digits that no file system confuses."""
    raw = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:10]
    return base64.b32encode(raw).decode("ascii").lower()


def _safe(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    safe = "".join(sign if sign.isalnum() or sign == "_" else "-" for sign in composed)
    return re.sub(r"-{2,}", "-", safe)[:_READABLE].strip("-")


_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_TAGS = {"equal": "{}", "delete": "<del>{}</del>", "insert": "<ins>{}</ins>"}


@dataclass(frozen=True, slots=True)
class Feed:
    """The head of a feed; `id` never changes, `updated_at` is the time of the newest entry."""

    id: str
    title: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A change as an entry; `kind` (edit, gone, returned) distinguishes changes of one article at one time."""

    url: str
    site: str
    title: str
    kind: str
    seen_at: str
    labels: tuple[str, ...]
    summary: str
    edits: tuple[Edit, ...]


def write(path: Path, feed: Feed, entries: Iterable[Entry]) -> int:
    """Write a feed, and return the number of its entries."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n')
        file.write(f"<id>{_text(feed.id)}</id>\n<title>{_text(feed.title)}</title>\n")
        file.write(f"<updated>{_text(feed.updated_at)}</updated>\n<generator>columnarchive</generator>\n")
        for entry in entries:
            file.write("\n".join(_entry(entry)) + "\n")
            count += 1
        file.write("</feed>\n")
    return count


def urn(*names: str) -> str:
    """Return an identifier derived from names alone, so that a rebuilt archive gives the same."""
    return uuid.uuid5(uuid.NAMESPACE_URL, " ".join(names)).urn


def _entry(entry: Entry) -> Iterator[str]:
    yield "<entry>"
    yield f"<id>{urn(entry.url, entry.seen_at, entry.kind)}</id>"
    yield f"<title>{_text(entry.title or entry.url)}</title>"
    yield f'<link rel="alternate" href={quoteattr(_legal(entry.url))}/>'
    yield f"<updated>{_text(entry.seen_at)}</updated>"
    yield f"<author><name>{_text(entry.site)}</name></author>"
    for label in entry.labels:
        yield f"<category term={quoteattr(_legal(label))}/>"
    yield f"<summary>{_text(entry.summary)}</summary>"
    yield f'<content type="html">{_text(_as_html(entry))}</content>'
    yield "</entry>"


def _as_html(entry: Entry) -> str:
    """The edits as a list, with text of the page escaped."""
    items = "".join(f"<li>{_edit(edit)}</li>" for edit in entry.edits)
    return f'<div lang="ja"><p>{html.escape(entry.summary)}</p><ul>{items}</ul></div>'


def _edit(edit: Edit) -> str:
    if edit.op == "moved" and edit.old == edit.new:
        return html.escape(edit.new)
    spans = "".join(_TAGS[span.op].format(html.escape(span.text)) for span in edit.spans)
    old, new = html.escape(edit.old), html.escape(edit.new)
    return spans or "".join((f"<del>{old}</del>" if old else "", f"<ins>{new}</ins>" if new else ""))


def _text(text: str) -> str:
    return escape(_legal(text))


def _legal(text: str) -> str:
    """Without the characters that XML 1.0 does not have, and those that end a line for some readers."""
    return _ILLEGAL.sub("", text)
