"""Export the archive in free formats: WARC, WACZ, tables, Markdown, git, a feed, a copy of the file; evidence of one
article.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from columnarchive import __version__, observations
from columnarchive.errors import ExchangeError, NotFound, UsageError
from columnarchive.exchange import atomic_files, git, markdown, os_errors_as_sentences, tables, warc_writer
from columnarchive.exchange.tables import (
    TABLE_FORMATS,
    Code,
    CodingSheet,
    Column,
    Row,
    Table,
    update_parquet,
    write_coding_csv,
    write_coding_xlsx,
    write_csv,
)
from columnarchive.locale import Message
from columnarchive.reader import LedgerFilter, Reader
from columnarchive.records import Article
from columnarchive.store import articles, captures, changes, hash_chain, sites, snapshot
from columnarchive.store.articles import Connection
from columnarchive.store.database import Database
from columnarchive.store.snapshot import Event, Selection
from columnarchive.times import day, from_text, interval

FEED_ENTRIES = 200  # feed readers fetch the whole feed again and again
GIT_FORMAT = "2"  # part of every commit's key; another number rewrites all histories
Report = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """An export as a person asks for it; empty and False mean the format's default."""

    format: str
    out: Path
    site: str = ""
    table: str = ""
    raw: bool = False
    without_bodies: bool = False
    limit: int = FEED_ENTRIES
    partitioned: bool = False


def export(conn: Connection, request: ExportRequest, report: Report = lambda _done, _note: None) -> Message:
    """Write an export from a plain read connection, and return what was written.

    Raises UsageError for a request that makes no sense, NotFound for an unknown site, ExchangeError when the export
    cannot be written.
    """
    _check(request)
    with os_errors_as_sentences(request.out):
        if request.format == "sqlite":
            return _sqlite(conn, request)
        with snapshot.consistent_read(conn):
            selection = snapshot.selection(conn, request.site)
            return _EXPORTERS[request.format](conn, selection, request, report)


def _check(request: ExportRequest) -> None:
    if request.format not in FORMATS:
        raise UsageError("unknown_format", format=request.format, choices=", ".join(("warc", "wacz", *FORMATS)))
    if request.table and request.format not in TABLE_FORMATS:
        raise UsageError("table_not_for", formats=", ".join(TABLE_FORMATS), format=request.format)
    if request.table and request.table not in snapshot.TABLES:
        raise UsageError("unknown_table", table=request.table, choices=", ".join(snapshot.TABLES))
    if request.raw and request.format != "csv":
        raise UsageError("raw_not_for", format=request.format)
    if request.partitioned and request.format != "parquet":
        raise UsageError("partitioned_not_for", format=request.format)
    if request.without_bodies and request.format != "sqlite":
        raise UsageError("bodies_not_for", format=request.format)
    if request.site and request.format == "sqlite":
        raise UsageError("sqlite_with_site")


def _tables(conn: Connection, selection: Selection, request: ExportRequest, report: Report) -> Message:
    """Write one table into a file whose name has the format's ending, otherwise all tables into a folder."""
    if request.partitioned:
        return _dataset(conn, selection, request, report)
    table_format = TABLE_FORMATS[request.format]
    is_file = request.out.suffix.lower() == table_format.suffix
    default = ("articles",) if is_file else snapshot.TABLES
    counts: list[str] = []
    cut = 0
    with atomic_files() as claim:
        for name in (request.table,) if request.table else default:
            table = _table(conn, selection, name)
            counted = Table(name, table.columns, _counting(table, report))
            target = claim(request.out if is_file else request.out / f"{name}{table_format.suffix}")
            done = write_csv(target, counted, raw=True) if request.raw else table_format.write(target, counted)
            cut += done.cut
            counts.append(f"{done.rows} {name}")
    return Message("cli.exported_tables", {"tables": ", ".join(counts), "out": request.out, "cut": cut})


def _dataset(conn: Connection, selection: Selection, request: ExportRequest, report: Report) -> Message:
    """Keep a folder of Parquet files in line, one for each table, site and month, as lakes are laid out (Hive).

    Files whose rows are the same stay as they are, so that the next run, and whatever copies the folder, takes little.
    """
    rows = written = removed = 0
    written_files: set[Path] = set()
    for name in (request.table,) if request.table else snapshot.TABLES:
        for site in snapshot.article_sites(conn, selection):
            table = _table(conn, replace(selection, site=site), name)
            names = [column.name for column in table.columns]
            at, own = names.index(MONTHS[name]), [place for place, column in enumerate(names) if column != "site"]
            months: dict[str, list[Row]] = {}
            for row in _counting(table, report):
                months.setdefault(str(row[at])[:7], []).append(tuple(row[place] for place in own))
            for month, found in months.items():
                path = request.out / name / f"site={quote(site, safe='')}" / f"month={month}" / "part-0.parquet"
                written += update_parquet(path, Table(name, tuple(table.columns[place] for place in own), found))
                rows += len(found)
                written_files.add(path)
        site_folder = f"site={quote(request.site, safe='')}" if request.site else "site=*"
        for path in set(request.out.glob(f"{name}/{site_folder}/month=*/part-0.parquet")) - written_files:
            path.unlink()
            removed += 1
    counts = {"rows": rows, "files": len(written_files), "written": written, "removed": removed, "out": request.out}
    return Message("cli.exported_dataset", counts)


def _counting(table: Table, report: Report) -> Iterator[Row]:
    for count, row in enumerate(table.rows, 1):
        yield row
        report(count, table.name)


def _markdown(conn: Connection, selection: Selection, request: ExportRequest, report: Report) -> Message:
    def pages() -> Iterator[markdown.MarkdownPage]:
        for count, row in enumerate(snapshot.selected_articles(conn, selection), 1):
            newest = articles.revision(conn, row.id, row.revisions)
            facts = (
                *_facts(newest.article, row.site),
                *(("state", row.state), ("revision", newest.number), ("first_seen_at", row.first_seen_at)),
                *(("changed_at", row.changed_at), ("last_seen_at", row.last_seen_at)),
                *(("fingerprint", newest.article.fingerprint), ("body_sha256", newest.body_sha256)),
            )
            yield markdown.MarkdownPage(row.url, row.site, markdown.document(newest.article, facts))
            report(count, row.site)

    done = markdown.update_folder(request.out, pages(), selection.site)
    counts = {"articles": done.files, "written": done.written, "removed": done.removed}
    return Message("cli.exported_markdown", {**counts, "out": request.out})


def _facts(article: Article, site: str) -> tuple[tuple[str, str | int], ...]:
    """Front matter that only an edit changes, so that a diff of two files shows the edit and nothing else."""
    return (
        *(("title", article.title), ("url", article.url), ("site", site), ("published_on", article.published_on)),
        *(("modified_on", article.modified_on), ("author", article.author), ("supervisor", article.supervisor)),
    )


def _git(conn: Connection, selection: Selection, request: ExportRequest, report: Report) -> Message:
    def current(url: str) -> git.CurrentAddress | None:
        place = snapshot.place(conn, selection, url)
        return git.CurrentAddress(place.url, _seconds(place.last_seen_at)) if place else None

    history = git.History(lambda: (_commit(conn, event) for event in snapshot.events(conn, selection)), current)
    done = git.update_repository(request.out, history, lambda count: report(count, "commits"))
    key = "cli.exported_git_anew" if done.rewritten else "cli.exported_git"
    return Message(key, {"commits": done.commits, "added": done.added, "out": request.out})


def _commit(conn: Connection, event: Event) -> git.Commit:
    identity = [GIT_FORMAT, event.at, event.kind, event.number, event.fingerprint, *event.facts]
    title = " ".join(event.facts[0].split())[:80] or event.url
    what = "first seen" if event.kind == "revision" and event.number == 1 else " ".join(event.summary.split())

    def content() -> bytes:
        article = articles.revision(conn, event.article_id, event.number).article
        return markdown.document(article, _facts(article, event.site)).encode()

    return git.Commit(
        key=hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24],
        article=event.url,
        site=event.site,
        time=_seconds(event.at),
        subject=f"{title}: {what}"[:200],
        paragraphs=(f"level {event.level}: {', '.join(event.labels)}",) if event.labels else (),
        trailers=(f"Revision: {event.number}", f"Seen: {event.at}"),
        content=None if event.kind == "gone" else content,
    )


def _seconds(at: str) -> int:
    return int(from_text(at).timestamp())


def _atom(conn: Connection, selection: Selection, request: ExportRequest, _report: Report) -> Message:
    def entries() -> Iterator[markdown.Entry]:
        for row in snapshot.selected_changes(conn, selection, newest=request.limit):
            edits = tuple(changes.edits(conn, row.id))
            summary = f"{interval(row.after_at, row.seen_at, 'en')}: {row.summary}"
            kind = changes.kind_of(row)
            yield markdown.Entry(row.url, row.site, row.title, kind, row.seen_at, row.labels, summary, edits)

    newest = next(snapshot.selected_changes(conn, selection, newest=1), None)
    feed = markdown.Feed(
        id=markdown.urn("changes", snapshot.archive_id(conn), selection.site),
        title=f"What changed on {selection.site or 'the sites followed'}",
        updated_at=newest.seen_at if newest else snapshot.newest_capture_at(conn) or "1970-01-01T00:00:00Z",
    )
    with atomic_files() as claim:
        count = markdown.write(claim(request.out), feed, entries())
    return Message("cli.exported_atom", {"changes": count, "out": request.out})


def _sqlite(conn: Connection, request: ExportRequest) -> Message:
    if request.out.exists():
        raise ExchangeError("file_exists", path=request.out)
    with atomic_files() as claim:
        articles = snapshot.copy(conn, claim(request.out), bodies=not request.without_bodies)
    key = "cli.exported_sqlite_without_bodies" if request.without_bodies else "cli.exported_sqlite"
    return Message(key, {"articles": articles, "out": request.out})


_NUMBERS = frozenset(
    ("revisions", "number", "characters", "from", "to", "level", "position", "added_chars", "removed_chars")
)


def _table(conn: Connection, selection: Selection, name: str) -> Table:
    names, found = snapshot.table(conn, selection, name)
    listed = names.index("labels") if "labels" in names else -1
    columns = [Column(one, "number" if one in _NUMBERS else "text") for one in names]
    if listed < 0:
        return Table(name, tuple(columns), found)
    columns[listed] = Column("labels", "words")
    rows = ((*row[:listed], tuple(json.loads(str(row[listed]))), *row[listed + 1 :]) for row in found)
    return Table(name, tuple(columns), rows)


MONTHS = {"articles": "first_seen_at", "revisions": "first_seen_at", "changes": "seen_at", "edits": "seen_at"}
"""The time by whose month the rows of a table are parted in a dataset."""
_EXPORTERS = dict.fromkeys(TABLE_FORMATS, _tables) | {"markdown": _markdown, "git": _git, "atom": _atom}
"""The function of every format that is written from a snapshot; a new format is a function and a line here."""
FORMATS = (*_EXPORTERS, "sqlite")


def write_sample(archive: Reader, number: int, seed: int, path: Path) -> int:
    """Draw columns to be coded by hand and write them as CSV; return how many there are."""
    columns = archive.sample(number, seed)
    tables.write_sample(path, observations.KINDS, map(astuple, columns))
    return len(columns)


def coder_agreement(archive: Reader, path: Path) -> list[observations.Agreement]:
    """Compare a sample that a person has coded with what the software finds, kind by kind."""
    return archive.agreement((one.url, one.read_at, one.codes) for one in tables.read_codes(path, observations.KINDS))


def write_coding_sheet(archive: Reader, chosen: LedgerFilter, csv: Path | None, xlsx: Path | None, tz: str) -> int:
    """Write what columns state as a coding sheet, for studies; return the number of columns."""
    codes: dict[str, dict[str, Code]] = {}
    for one in archive.disclosures(chosen):
        if one.stands:
            sentences = tuple(each.text for each in one.evidence)
            codes.setdefault(one.url, {})[one.kind] = Code(day(one.since_at, tz), sentences)
    rows = [((each.url, each.site, each.title), codes.get(each.url, {})) for each in archive.ledger_columns(chosen)]
    facts = {
        "head of the chain": archive.status().head,
        "rules": observations.VERSION,
        "as of": chosen.at or "now",
        "note": "Words found by rules, with known error rates; no judgement.",
    }
    kinds = (chosen.kind,) if chosen.kind else observations.KINDS
    sheet = CodingSheet(kinds, rows, observations.codebook(), facts)
    if csv:
        write_coding_csv(csv, sheet)
    if xlsx:
        write_coding_xlsx(xlsx, sheet)
    return len(rows)


SOFTWARE = f"columnarchive/{__version__}"
RecordReport = Callable[[int], None]


def export_warc(db: Database, out: Path, site: str | None, report: RecordReport) -> int:
    """Write every capture (of one site, if named) to a WARC file, oldest first; return the number of records.

    What was withdrawn is in no export. `report` is called with the number of captures written.
    """
    _check_target(db, out, "columns.warc.gz")
    return warc_writer.write(out, _entries(db, list(captures.ids(db, _site_id(db, site))), report), SOFTWARE)


def export_wacz(db: Database, out: Path, site: str | None, report: RecordReport) -> int:
    """Write every capture (of one site, if named) to a WACZ file with its index and pages; return the records."""
    _check_target(db, out, "columns.wacz")
    with os_errors_as_sentences(out), snapshot.consistent_read(db.conn):
        selection = snapshot.selection(db.conn, site or "")
        titles = {row.url: row.title for row in snapshot.selected_articles(db.conn, selection)}
        newest: dict[str, tuple[str, str]] = {}  # where and when the newest capture of each article was

        def entries() -> Iterator[warc_writer.WarcEntry]:
            for entry in _entries(db, list(captures.ids(db, _site_id(db, site))), report):
                if entry.capture.url in titles and entry.capture.outcome in ("ok", "unchanged"):
                    place = warc_writer.target_address(entry.capture)
                    newest[entry.capture.url] = (place, entry.capture.fetched_at)
                yield entry

        # Read after the captures: each page is listed at the time of its newest one.
        pages = (warc_writer.WaczPage(*newest[url], titles[url]) for url in titles if url in newest)
        return warc_writer.write_wacz(out, entries(), pages, SOFTWARE)


def export_captures(db: Database, out: Path, capture_ids: Sequence[int]) -> int:
    """Write these captures to a WARC file; return the number of records."""
    return warc_writer.write(out, _entries(db, capture_ids, lambda _: None), SOFTWARE)


def _check_target(db: Database, out: Path, example: str) -> None:
    with os_errors_as_sentences(out):
        is_folder = out.is_dir()
    if is_folder:
        raise UsageError("folder_for_file", path=out, example=out / example)
    if out.resolve() == db.path.resolve():
        raise UsageError("is_this_archive", path=out)


def _entries(db: Database, capture_ids: Sequence[int], report: RecordReport) -> Iterator[warc_writer.WarcEntry]:
    for done, capture_id in enumerate(capture_ids, 1):
        source = captures.source_of(db.conn, capture_id)
        capture, body = captures.load(db, capture_id), captures.body_of(db.conn, capture_id)
        yield warc_writer.WarcEntry(capture, body, "" if source == "crawl" else source)
        report(done)


def _site_id(db: Database, site: str | None) -> int | None:
    if not site:
        return None
    found = sites.id_of(db.conn, site)
    if not found:
        raise NotFound("unknown_site", name=site)
    return found


@dataclass(frozen=True, slots=True)
class EvidenceFiles:
    """The files that were written."""

    sheet: Path
    records: Path


def write_evidence(db: Database, url: str, revisions: tuple[str, str], folder: Path) -> EvidenceFiles:
    """Write the sheet for two revisions, each named by number, day or time; the last two where both are empty."""
    found = Reader(db.conn).evidence_sheet(url, *revisions)
    page = folder / found.name
    records = page.with_suffix(".warc.gz")
    with atomic_files() as claim:
        claim(page).write_text(found.html, encoding="utf-8")
        export_captures(db, records, found.captures)
    return EvidenceFiles(page, records)


def write_evidence_zip(db: Database, url: str, revisions: tuple[str, str], out: Path) -> None:
    """Write one zip file with the sheet, the captures, their part of the chain, its timestamps, and `verify.py`.

    `verify.py` needs nothing but Python and openssl.
    """
    found = Reader(db.conn).evidence_sheet(url, *revisions)
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "captures.warc.gz"
        export_captures(db, records, found.captures)
        files = {
            "captures.warc.gz": records.read_bytes(),
            "evidence.html": found.html.encode(),
            "verify.py": (resources.files("columnarchive.exchange") / "verify.py.txt").read_bytes(),
        }
    files |= _chain_files(db, found.captures)
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    with atomic_files() as claim, zipfile.ZipFile(claim(out), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted((files | {"SHA256SUMS": sums.encode()}).items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def _chain_files(db: Database, capture_ids: Sequence[int]) -> dict[str, bytes]:
    """The chain from the first link over these captures to the head, and the timestamps of these links."""
    conn = db.conn
    covering = {hash_chain.link_id_of(conn, capture_id) for capture_id in capture_ids}
    chain = hash_chain.own_chain(conn)
    first = next(position for position, link in enumerate(chain.links) if link.number in covering)
    links = chain.links[first:]
    files: dict[str, bytes] = {}
    stamps: list[dict[str, str]] = []
    for one in hash_chain.all_timestamps(conn):
        if one.link_sha256 in {link.link for link in links}:
            name = f"timestamps/{len(stamps) + 1}"
            files[f"{name}.tsr"] = one.token
            if one.certificates:
                files[f"{name}.pem"] = one.certificates.encode()
            ca = f"{name}.pem" if one.certificates else ""
            stamps.append({"link": one.link_sha256, "authority": one.authority, "token": f"{name}.tsr", "ca": ca})
    document = {
        "evidence": [hash_chain.capture_evidence(conn, capture_id) for capture_id in capture_ids],
        "before": chain.links[first - 1].link if first else "",
        "links": [
            {"at": link.at, "kind": link.kind, "entries": link.entries, "content": link.content, "link": link.link}
            | ({"digests": [one.digest for one in entries]} if link.number in covering else {})
            for link, entries in zip(links, chain.entries(first), strict=True)
        ],
        "head": links[-1].link,
        "timestamps": stamps,
    }
    return files | {"chain.json": json.dumps(document, indent=1).encode()}
