"""Search as functions for SQL: a Datasette plugin registers them with `create_function` on its own connections."""

from __future__ import annotations

from functools import lru_cache

from columnarchive.search.query import Query, parse, to_fts
from columnarchive.search.snippets import highlights, snippet

MAX_TEXT = 200_000  # characters of a text that are searched: a query may hand in any, and Python cannot be interrupted
_NOTHING = '""'
_parse = lru_cache(maxsize=64)(parse)  # one statement calls these with the same query for every row


def ja_query(q: str | None) -> str:
    """The FTS5 expression for a query; where there is nothing to find, the empty phrase `""`, which matches nothing."""
    return to_fts(_query(q)) or _NOTHING  # an empty expression would be a syntax error


def escape_fts(q: str | None) -> str:
    """The same under the name that Datasette's own search box calls."""
    return ja_query(q)


def ja_highlight(text: str | None, q: str | None, before: str = "【", after: str = "】") -> str:
    """A text with the query's terms between marks, the text itself unchanged."""
    text = _text(text)
    pieces: list[str] = []
    position = 0
    for start, end in highlights(text[:MAX_TEXT], _query(q)):
        pieces += text[position:start], before, text[start:end], after
        position = end
    return "".join([*pieces, text[position:]])


def ja_snippet(text: str | None, q: str | None, before: str = "【", after: str = "】") -> str:
    """The passage of a text that shows the query best, with its terms between marks."""
    passage = snippet(_text(text)[:MAX_TEXT], _query(q))
    return ja_highlight(passage.text, q, before, after)


FUNCTIONS = (
    ("ja_query", 1, ja_query),
    ("escape_fts", 1, escape_fts),
    ("ja_highlight", -1, ja_highlight),
    ("ja_snippet", -1, ja_snippet),
)
"""Name, number of arguments, function; all are deterministic: `conn.create_function(*entry, deterministic=True)`."""


def _query(q: str | None) -> Query:
    return _parse(_text(q))


def _text(value: object) -> str:
    """SQL passes NULL and numbers too."""
    return "" if value is None else str(value)
