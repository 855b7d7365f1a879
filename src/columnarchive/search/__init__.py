"""Japanese search as pure functions: folding, n-grams, queries, whole words and snippets.

The query language: words are AND, "a phrase", -word, OR, title:, site:, since:, until:, in:picture.

Anything else is text; no input is an error. `OR` binds closer than AND: `a b OR c` is a and one of b, c. A word that
begins with a minus sign and is meant as text stands in quotes. Within quotes white space counts.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Literal

from columnarchive.search.fold import Fold, fold, phrase, variants

Scope = Literal["all", "current", "removed"]
MAX_LENGTH = 2000  # characters of a query that are read
MAX_ITEMS = 100  # words, sites and days, each a look into the index
_QUOTES = '"“”＂'
_ITEM = re.compile(
    rf"""(?P<minus>[-－]?)(?P<name>(?:title|site|since|until|in)[:：])?
    (?: [{_QUOTES}] (?P<phrase>[^{_QUOTES}]*) (?P<closed>[{_QUOTES}])? | (?P<word>\S+) )""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to find, folded: in the title only, or anywhere. `variants` are other spellings that count as well."""

    text: str
    in_title: bool = False
    variants: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """The text and its variants."""
        return (self.text, *self.variants)


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody looks for: every group must match by one of its terms, nothing excluded may, and the filters hold.

    `in_picture` asks for text that a machine read in pictures alone.
    `since` and `until` are whole days (`2025-10-18`, both inclusive), empty when open. `sites` are alternatives.
    """

    source: str = ""
    groups: tuple[tuple[Term, ...], ...] = ()
    excluded: tuple[Term, ...] = ()
    sites: tuple[str, ...] = ()
    excluded_sites: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    in_picture: bool = False

    def matches(self, folded: str) -> bool:
        """Whether a folded text has a term of every group and none that is excluded."""
        return all(
            any(spelling in folded for term in group for spelling in term.spellings) for group in self.groups
        ) and not any(spelling in folded for term in self.excluded for spelling in term.spellings)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is asked, not even a filter."""
        return not (self.has_text or self.excluded or self.has_filters)

    @property
    def has_text(self) -> bool:
        """Whether something has to be found, so that hits can be ranked and marked."""
        return bool(self.groups)

    @property
    def has_filters(self) -> bool:
        """Whether sites or days narrow the hits."""
        return bool(self.sites or self.excluded_sites or self.since or self.until)

    @property
    def shortest(self) -> int:
        """The number of characters of the shortest spelling to find; 0 without any."""
        return min((len(spelling) for term in self.terms for spelling in term.spellings), default=0)

    @property
    def longest(self) -> int:
        """The number of characters of the longest spelling to find; 0 without any."""
        return max((len(spelling) for term in self.terms for spelling in term.spellings), default=0)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms to find, in the order they were typed."""
        return tuple(term for group in self.groups for term in group)


@dataclass(slots=True)
class _Draft:
    """A query while it is read."""

    groups: list[list[Term]] = field(default_factory=list)
    excluded: list[Term] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    excluded_sites: list[str] = field(default_factory=list)
    since: str = ""
    until: str = ""
    in_picture: bool = False
    joins: bool = False  # an OR waits for its right side


def parse(q: str, folds: Iterable[Fold] = ()) -> Query:
    """Read a query; `folds` widen each term by other spellings. Never raises; see `Query.is_empty`.

    >>> parse('再生医療 -広告 site:example.jp').groups
    ((Term(text='再生医療', in_title=False, variants=()),),)
    """
    draft = _Draft()
    # SQLite takes no lone surrogates.
    items = list(_ITEM.finditer(q[:MAX_LENGTH].encode("utf-8", "replace").decode()))[:MAX_ITEMS]
    for position, item in enumerate(items):
        if _is_or(item) and draft.groups and not draft.joins and _is_positive(items[position + 1 : position + 2]):
            draft.joins = True
        elif not _read_filter(item, draft):
            _read_term(item, draft)
    query = Query(
        q,
        tuple(map(tuple, draft.groups)),
        tuple(draft.excluded),
        tuple(draft.sites),
        tuple(draft.excluded_sites),
        draft.since,
        draft.until,
        draft.in_picture,
    )
    return widen(query, tuple(folds))


def widen(query: Query, folds: tuple[Fold, ...]) -> Query:
    """The same query with every term's other spellings under these folds."""
    if not folds:
        return query

    def wide(term: Term) -> Term:
        return replace(term, variants=variants(term.text, folds))

    groups = tuple(tuple(map(wide, group)) for group in query.groups)
    return replace(query, groups=groups, excluded=tuple(map(wide, query.excluded)))


def to_fts(query: Query, scope: Scope = "all", longer: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str:
    """The FTS5 expression for a query's text; empty when there is nothing to find (no words, or only excluded ones).

    `current` looks at title and text; `removed` gives what matches only with the removed text. `longer` names, for a
    word, longer strings that it must not be part of: articles that have one of these are left out.
    """
    if not query.groups:
        return ""
    found = " AND ".join(_any_of(group, longer) for group in query.groups)
    if query.excluded:
        found = f"({found}) NOT {_any_of(query.excluded)}"
    current = f"{{text title}} : ({found})"
    if scope == "current":
        return current
    return found if scope == "all" else f"({found}) NOT ({current})"


def excluded_to_fts(query: Query, scope: Scope = "all") -> str:
    """The FTS5 expression of what must not match, for a query that has nothing else; empty without any."""
    if not query.excluded:
        return ""
    found = _any_of(query.excluded)
    return f"{{text title}} : {found}" if scope == "current" else found


def in_title(match: str) -> str:
    """An FTS5 expression held against the title alone; empty for an empty one."""
    return match and f"title : ({match})"


def _any_of(terms: tuple[Term, ...], longer: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str:
    return "(" + " OR ".join(_term(term, text, longer) for term in terms for text in term.spellings) + ")"


def _term(term: Term, spelling: str, longer: Mapping[str, Sequence[str]]) -> str:
    found = phrase(spelling)
    if parts := longer.get(spelling):
        found = f"({found} NOT ({' OR '.join(map(phrase, parts))}))"
    return f"title : {found}" if term.in_title else found


def _is_or(item: re.Match[str]) -> bool:
    return item.group() in ("OR", "ＯＲ")


def _is_positive(items: list[re.Match[str]]) -> bool:
    """Whether the item after an OR is something to find, so that the OR is one."""
    if not items:
        return False
    draft = _Draft()
    if not _read_filter(items[0], draft):
        _read_term(items[0], draft)
    return bool(draft.groups)


def _read_filter(item: re.Match[str], draft: _Draft) -> bool:
    """Take a site or day from an item; False when it is none, so that it is read as text."""
    name = (item["name"] or "")[:-1].lower()
    value = (item["phrase"] if item["word"] is None else item["word"]).strip()
    if name == "site" and value:
        (draft.excluded_sites if item["minus"] else draft.sites).append(fold(value))
        return True
    if name == "in" and value.lower() == "picture" and not item["minus"]:
        draft.in_picture = True
        return True
    if name == "since" and not item["minus"] and (day := first_day(value)):
        draft.since = max(draft.since, day)
        return True
    if name == "until" and not item["minus"] and (day := last_day(value)):
        draft.until = min(draft.until or day, day)
        return True
    return False


def _read_term(item: re.Match[str], draft: _Draft) -> None:
    """Take a word or phrase from an item, literally where it is not of the language."""
    value = item["phrase"] if item["word"] is None else item["word"]
    name = (item["name"] or "").lower()
    if item["word"] is None and not value:
        if item["closed"]:
            return  # "" asks for nothing
        term, minus = Term(fold(item.group())), False
    elif name.startswith("title"):
        term, minus = Term(fold(value), in_title=True), bool(item["minus"])
    else:
        term, minus = Term(fold((item["name"] or "") + value)), bool(item["minus"])
    if not term.text:
        return
    if minus:
        draft.excluded.append(term)
    elif draft.joins:
        draft.groups[-1].append(term)
    else:
        draft.groups.append([term])
    draft.joins = False


_DAY = re.compile(r"([0-9]{4})(?:[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2})日?|月)?|年)?")


def first_day(typed: str) -> str:
    """The first day of what was typed, as `2025-10-18`; empty when it is no date."""
    return _bounds(typed)[0]


def last_day(typed: str) -> str:
    """The last day of what was typed; a bare year or month means its end. Empty when it is no date."""
    return _bounds(typed)[1]


def _bounds(typed: str) -> tuple[str, str]:
    match = _DAY.fullmatch(fold(typed))
    if not match:
        return "", ""
    year, month, day = (int(part) if part else 0 for part in match.groups())
    first_month, last_month = (month, month) if month else (1, 12)
    try:
        last = day or monthrange(year, last_month)[1]
        return date(year, first_month, day or 1).isoformat(), date(year, last_month, last).isoformat()
    except ValueError:  # month 13, 30 February, year 0: text that looks like a date
        return "", ""
