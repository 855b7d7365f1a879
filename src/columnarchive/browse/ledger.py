"""What columns state: a matrix of sites or columns and kinds, one kind over time, and what an article's page shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from columnarchive.browse.rendering import Page, PageRequest, listed
from columnarchive.browse.timeline import counted_bars
from columnarchive.errors import UsageError
from columnarchive.reader import ArticleRow, Disclosure, KindCount, LedgerFilter, Reader

SITES, COLUMNS, SPANS = 20, 50, 200
SENTENCES = 3
DEEPEST = 1_000_000
_FRAGMENT = 40
_OWN = "own_treatment"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a column or a site states of one kind: since when, in how many columns, and where to read it."""

    since_at: str = ""
    columns: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A site, or a column of one, with a cell for each kind."""

    name: str
    url: str
    offering: int
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """What an article states of one kind, or does not; each sentence with its address within the article."""

    kind: str
    since_at: str
    sentences: tuple[tuple[str, str], ...]
    where: str = ""


def observations(archive: Reader, request: PageRequest) -> Page:
    """Sites by kinds; the columns of one site by kinds; or the columns that do not state a kind."""
    kinds = Reader.observation_kinds()
    site, kind, start = request.get("site"), _kind(request, kinds), request.number("start", DEEPEST)
    listed_kinds = (kind,) if kind else kinds
    context = {
        "kinds": kinds, "listed_kinds": listed_kinds, "kind": kind,
        "site": site, "sites": archive.site_names(),
        "lacking": bool(kind and request.get("lacking")),
    }  # fmt: skip
    if context["lacking"] or site:
        sites = (site,) if site else ()
        chosen = LedgerFilter(sites, (), kind, "", bool(context["lacking"]), COLUMNS + 1, start)
        found = _columns(archive, request, chosen, listed_kinds)
        return Page("observations.html", context | listed("rows", found, start, COLUMNS))
    names = archive.site_names()[start : start + SITES + 1]
    rows = _sites(archive.kind_counts(names), names, listed_kinds, request)
    return Page("observations.html", context | listed("rows", rows, start, SITES))


def observation(archive: Reader, request: PageRequest) -> Page:
    """One kind over a site: how many columns stated it at the end of each month, and since and until when each did."""
    kinds = Reader.observation_kinds()
    kind = _kind(request, kinds) or "risks"
    spans = archive.ledger_spans(request.get("site"), kind)
    months, bars = counted_bars([(span.since_at, span.until_at) for span in spans])
    return Page(
        "observation.html",
        {
            "site": request.get("site"), "kind": kind, "kinds": kinds, "months": months, "bars": bars,
            "spans": spans[:SPANS], "total": len(spans),
        },
    )  # fmt: skip


def site_summary(archive: Reader, request: PageRequest, site: str) -> list[tuple[KindCount, str]]:
    """Return how many columns of a site state each kind, with the address of its timeline."""
    counts = sorted(archive.kind_counts([site]), key=lambda one: (-one.columns, one.kind))
    return [(one, request.link("observation", site=site, kind=one.kind)) for one in counts]


def panel(archive: Reader, request: PageRequest, row: ArticleRow, at: str) -> tuple[list[Statement], list[Statement]]:
    """Return what an article states at a moment ("" for now) and, if it offers a treatment, what it does not."""
    found = {one.kind: one for one in archive.disclosures(LedgerFilter(urls=(row.url,), at=at)) if one.stands}
    states = [
        Statement(
            kind,
            one.since_at,
            tuple((each.text, _within(request, row.url, each.text)) for each in one.evidence[:SENTENCES]),
        )
        for kind in Reader.observation_kinds()
        if (one := found.get(kind))
    ]
    if _OWN not in found:
        return states, []
    elsewhere = {} if at else archive.stated_elsewhere(row.id)
    return states, [
        Statement(kind, "", (), elsewhere.get(kind, "")) for kind in Reader.observation_kinds() if kind not in found
    ]


def _columns(
    archive: Reader, request: PageRequest, chosen: LedgerFilter, listed_kinds: Sequence[str]
) -> list[MatrixRow]:
    if chosen.lacking:
        return [
            MatrixRow(one.title or one.url, request.link("article", url=one.url), 0, (Cell(url=one.where),))
            for one in archive.disclosures(chosen)
        ]
    by_column: dict[str, dict[str, Disclosure]] = {}
    for each in archive.disclosures(chosen):
        by_column.setdefault(each.url, {})[each.kind] = each
    rows = []
    for column in archive.ledger_columns(chosen):
        stated = by_column.get(column.url, {})
        address = request.link("article", url=column.url)
        cells = tuple(
            Cell(one.since_at, 1, f"{address}#kind-{kind}") if (one := stated.get(kind)) and one.stands else None
            for kind in listed_kinds
        )
        rows.append(MatrixRow(column.title or column.url, address, 1 if _OWN in stated else 0, cells))
    return rows


def _sites(
    counts: Iterable[KindCount], names: Sequence[str], listed_kinds: Sequence[str], request: PageRequest
) -> list[MatrixRow]:
    by_site = {site: {one.kind: one for one in group} for site, group in groupby(counts, key=lambda one: one.site)}
    rows = []
    for name in names:
        stated = by_site.get(name, {})
        cells = tuple(
            Cell(one.since_at, one.columns, request.link("observation", site=name, kind=kind))
            if (one := stated.get(kind))
            else None
            for kind in listed_kinds
        )
        offering = stated[_OWN].columns if _OWN in stated else 0
        rows.append(MatrixRow(name, request.link("observations", site=name), offering, cells))
    return rows


def _within(request: PageRequest, url: str, sentence: str) -> str:
    """Return the address of a sentence within its article: browsers scroll to the first words of it."""
    words = sentence.split("\n", 1)[0].split("\t", 1)[0][:_FRAGMENT]
    return f"{request.link('article', url=url)}#:~:text={quote(words, safe='')}"


def _kind(request: PageRequest, kinds: Sequence[str]) -> str:
    kind = request.get("kind")
    if kind and kind not in kinds:
        raise UsageError("unknown_choice", option="kind", text=kind[:40], choices=", ".join(kinds))
    return kind
