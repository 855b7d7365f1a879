"""Write changes as an Atom feed (RFC 4287), with removed and added text, for any feed reader."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from columnarchive.records import Edit

SUFFIX = ".atom"
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
