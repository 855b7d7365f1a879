"""Writing what was derived for a site: articles, revisions, passages, sentences, changes and the index, at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from columnarchive import observations
from columnarchive.records import (
    Change,
    DerivedSite,
    Elsewhere,
    History,
    LedgerEntry,
    PictureEntry,
    Revision,
    Sentence,
    SiteTemplate,
)
from columnarchive.store import copies, fulltext, schema
from columnarchive.store.database import Database
from columnarchive.store.pictures import PICTURE_COLUMNS

_LINE = 120  # characters of a template's line that are kept
_STATED = "title published_on modified_on author supervisor author_about supervisor_about"
_SPAN = "since_at since_revision until_at until_revision"


@dataclass(frozen=True, slots=True)
class Written:
    """How many articles a site has, and how many of them are new, have new revisions, or differ in anything.

    `dropped` are those that are articles no longer.
    """

    articles: int
    added: int
    revised: int
    rewritten: int
    dropped: int


def start_rebuild(db: Database) -> None:
    """Mend the schema, and empty the index and whatever belongs to no site: then `write_site(anew=True)` each site.

    An interruption leaves sites as they were or anew, and the index to be made again by the next writer.
    """
    conn = db.conn
    conn.execute("pragma foreign_keys = off")
    try:
        with db.transaction():
            if schema.mend(conn):
                conn.execute("update pages set article_id = null")
                conn.execute("update sites set derived_from = 0")
            schema.make_anew(conn, ("articles_fts",))
            fulltext.set_current(conn, False)
    finally:
        conn.execute("pragma foreign_keys = on")
    with db.transaction():
        conn.execute("delete from articles where site not in (select name from sites)")


def finish_rebuild(db: Database) -> None:
    """Say that the index holds every article again, in one piece."""
    with db.transaction():
        fulltext.optimize(db.conn)
        fulltext.set_current(db.conn, True)


def write_site(db: Database, site_id: int, derived: DerivedSite, at: str, *, anew: bool = False) -> Written:
    """Replace the derived rows of a site inside the caller's transaction; what differs from before.

    An article whose history is as stored only gets the time of its newest visit, so a quiet crawl writes almost
    nothing. With `anew`, after `start_rebuild`, nothing stored is trusted: all rows are written again.
    """
    conn = db.conn
    if not anew:
        fulltext.ensure_current(conn)
    stored = _stored(conn, derived.site)
    if anew:
        conn.execute("delete from articles where site = ?", (derived.site,))
    added = revised = rewritten = 0
    ids: dict[str, int] = {}
    digests = derived.digests or tuple(map(history_digest, derived.histories))
    for history, digest in zip(derived.histories, digests, strict=True):
        url = history.article.url
        article_id, before, revisions = stored.pop(url, (0, "", 0))
        if before == digest and not anew:
            _touch(conn, article_id, history)
        else:
            added += not before
            revised += bool(before) and len(history.revisions) > revisions
            rewritten += before not in ("", digest)
            article_id = _write_article(conn, derived.site, history, digest)
            _write_revisions(conn, article_id, history.revisions)
            _write_changes(conn, article_id, history.changes)
            _write_sentences(conn, article_id, history.sentences, present=True)
            _write_sentences(conn, article_id, history.removed, present=False)
            _write_pictures(conn, article_id, _picture_entries(history.revisions))
            ledger = derived.ledgers.get(url)
            _write_ledger(
                conn, article_id, observations.ledger_entries(history.revisions) if ledger is None else ledger
            )
            _write_elsewhere(conn, article_id, history.article.elsewhere)
        ids[url] = article_id
    for article_id, _, _ in () if anew else stored.values():
        delete_article(conn, article_id)
    for verdict in derived.pages:
        conn.execute(
            "update pages set kind = ?, state = ?, last_outcome = ?, article_id = ? where id = ?",
            (verdict.kind, verdict.state, verdict.last_outcome, ids.get(verdict.article_url), verdict.page_id),
        )
    conn.execute(
        "update sites set rules = ?, derived_at = ?, derived_from = ?, template = ? where id = ?",
        (derived.rules, at, derived.newest_capture, _template_json(derived.template), site_id),
    )
    return Written(len(ids), added, revised, rewritten, len(stored))


_NEW = """
select pages.id, captures.fetched_at as at, captures.body_sha256, captures.final_url, outcome, article_id
from pages join captures on page_id = pages.id where pages.site_id = :site and captures.id > :since
"""
# New visits that do not simply find the page as the visit before did, and the article as it was last derived.
_UNQUIET = f"""
select 1 from ({_NEW}) as new where outcome <> 'unchanged' or not exists (
    select 1 from captures as before
    where before.id = (select id from captures where page_id = new.id and (fetched_at, id) < (new.at, 9e18)
                       and captures.id <= :since order by fetched_at desc, id desc limit 1)
      and before.outcome in ('ok', 'unchanged', 'redirected') and before.withdrawal_id is null
      and before.body_sha256 = new.body_sha256 and before.final_url = new.final_url
      and (new.article_id is null or exists (
          select 1 from articles where articles.id = new.article_id and state = 'live'
            and articles.last_seen_at = before.fetched_at
            and (select count(*) from pages where pages.article_id = articles.id) = 1)))
  or exists (select 1 from captures where page_id = new.id and fetched_at >= new.at and body_sha256 <> ''
             and (fetched_at > new.at or captures.id <= :since))
  or (select count(*) from captures where page_id = new.id and captures.id > :since) > 1
limit 1
"""


def confirm_site(conn: sqlite3.Connection, site_id: int, rules: str, at: str) -> Written | None:
    """Note, inside the caller's transaction, that a site's new visits found every page as it was.

    Returns None, and writes nothing, where that is not so: then the site is to be derived. The result is the same.
    """
    name, had_rules, since, newest = conn.execute(
        """select name, rules, derived_from, (select coalesce(max(captures.id), 0) from captures
               join pages on pages.id = page_id where site_id = sites.id) from sites where id = ?""",
        (site_id,),
    ).fetchone()
    given = {"site": site_id, "since": since}
    if had_rules != rules or not since or conn.execute(_UNQUIET, given).fetchone():
        return None
    fulltext.ensure_current(conn)
    seen = [(row[1], row[5]) for row in conn.execute(_NEW, given).fetchall() if row[5] is not None]
    conn.executemany("update articles set last_seen_at = ? where id = ?", seen)
    conn.executemany(
        """update revisions set last_seen_at = ?1 where article_id = ?2
             and number = (select revisions from articles where id = ?2)""",
        seen,
    )
    conn.execute("update sites set derived_at = ?, derived_from = ? where id = ?", (at, newest, site_id))
    (articles,) = conn.execute("select count(*) from articles where site = ?", (name,)).fetchone()
    return Written(articles, 0, 0, 0, 0)


def _stored(conn: sqlite3.Connection, site: str) -> dict[str, tuple[int, str, int]]:
    """Return id, digest and number of revisions of a site's articles as they are stored, by address."""
    query = "select id, url, digest, revisions from articles where site = ?"
    conn.text_factory = lambda value: value.decode("utf-8", "replace")  # a rebuild reads what may be damaged
    try:
        return {url: (article_id, digest, number) for article_id, url, digest, number in conn.execute(query, (site,))}
    finally:
        conn.text_factory = str


def _template_json(template: SiteTemplate | None) -> str:
    if template is None:
        return ""
    common = [[_clipped(text), pages] for text, pages in template.common]
    return _json({**dataclasses.asdict(template), "common": common})


def _clipped(text: str) -> str:
    return text if len(text) <= _LINE else f"{text[:_LINE]}…"


def delete_article(conn: sqlite3.Connection, article_id: int) -> None:
    """Remove an article with all its derived rows and its place in the index."""
    row = conn.execute("select title, text, removed_text from articles where id = ?", (article_id,)).fetchone()
    if row:
        fulltext.delete(conn, article_id, *row)
        copies.delete_passages(conn, article_id)
        conn.execute("delete from articles where id = ?", (article_id,))


def digests(conn: sqlite3.Connection, site: str) -> dict[str, str]:
    """The digests of a site's articles as they are stored, by address."""
    return {url: digest for url, (_, digest, _) in _stored(conn, site).items()}


def history_digest(history: History) -> str:
    """A digest of all that is stored for an article but the time of its newest visit, which every crawl moves."""

    last = history.revisions[-1]
    now = repr(history.article)
    then = now if last.article == history.article else repr(last.article)  # mostly the same, and long
    parts = (
        f"({now}, {history.page_ids!r}, {history.state!r})",
        *map(repr, history.revisions[:-1]),
        f"({last.number!r}, {last.first_seen_at!r}, {then}, {last.rules!r}, {last.body_sha256!r})",
        repr((history.changes, history.sentences, history.removed, observations.VERSION)),
    )
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _touch(conn: sqlite3.Connection, article_id: int, history: History) -> None:
    last = history.revisions[-1]
    conn.execute("update articles set last_seen_at = ? where id = ?", (history.last_seen_at, article_id))
    conn.execute(
        "update revisions set last_seen_at = ? where article_id = ? and number = ?",
        (last.last_seen_at, article_id, last.number),
    )


def _write_article(conn: sqlite3.Connection, site: str, history: History, digest: str) -> int:
    article = history.article
    removed_text = "\n".join(dict.fromkeys(sentence.text for sentence in history.removed))
    indexed = (article.title, article.text, removed_text)
    row = _fields(article, f"{_STATED} url text language") | _fields(history, "last_seen_at state")
    row |= {
        "site": site,
        "removed_text": removed_text,
        "revisions": len(history.revisions),
        "first_seen_at": history.revisions[0].first_seen_at,
        "changed_at": history.changes[-1].seen_at if history.changes else "",
        "digest": digest,
    }
    found = conn.execute(
        "select id, site, title, text, removed_text from articles where url = ?", (article.url,)
    ).fetchone()
    if found is None:
        article_id = _insert(conn, "articles", row)
    else:
        article_id = int(found[0])
        if found[2:] != indexed:
            fulltext.delete(conn, article_id, *found[2:])
        for table in ("revisions", "sentences", "observations", "page_observations", "pictures", "changes"):
            conn.execute(f"delete from {table} where article_id = ?", (article_id,))
        if found[1] != site:
            copies.delete_passages(conn, article_id)  # what is a set phrase of one site may be none of another
        pairs = ", ".join(f"{name} = :{name}" for name in row)
        conn.execute(f"update articles set {pairs} where id = :id", {**row, "id": article_id})
    if found is None or found[2:] != indexed:
        fulltext.insert(conn, article_id, *indexed)
    return article_id


def _write_revisions(conn: sqlite3.Connection, article_id: int, revisions: Sequence[Revision]) -> None:
    """Rows for revisions, and their blocks as passages, each once however many revisions hold it."""
    held_by: dict[copies.Key, list[int]] = {}
    orders: list[tuple[int, list[copies.Key]]] = []
    for revision in revisions:
        article = revision.article
        row = _fields(revision, "number first_seen_at last_seen_at rules body_sha256")
        row |= _fields(article, f"{_STATED} url fingerprint")
        row |= {"article_id": article_id, "characters": len(article.text)}
        heading = ""
        order: list[copies.Key] = []
        for block in article.blocks:
            key = (block.kind, block.level, heading, block.text)
            held_by.setdefault(key, []).append(revision.number)
            order.append(key)
            heading = block.text if block.kind == "heading" else heading
        orders.append((_insert(conn, "revisions", row), order))
    ids = copies.write_passages(conn, article_id, held_by, revisions[-1].number)
    conn.executemany(
        "insert into revision_passages(revision_id, position, passage_id) values (?, ?, ?)",
        ((revision_id, place, ids[key]) for revision_id, order in orders for place, key in enumerate(order)),
    )


def _write_changes(conn: sqlite3.Connection, article_id: int, changes: Iterable[Change]) -> None:
    for change in changes:
        comparison = change.comparison
        row = _fields(change, "from_number to_number after_at seen_at")
        row |= _fields(comparison, "level labels added_chars removed_chars summary engine capped")
        change_id = _insert(conn, "changes", {"article_id": article_id, **row})
        for position, edit in enumerate(comparison.edits):
            row = {
                "change_id": change_id,
                "position": position,
                "old_text": edit.old,
                "new_text": edit.new,
                **_fields(edit, "op labels level"),
                "spans": _json([dataclasses.asdict(span) for span in edit.spans]),
                "evidence": _json([dataclasses.asdict(item) for item in edit.evidence]),
            }
            _insert(conn, "edits", row)


def _write_sentences(
    conn: sqlite3.Connection, article_id: int, sentences: Iterable[Sentence], *, present: bool
) -> None:
    for one in sentences:
        row = _fields(one, f"position text before_text {_SPAN}")
        _insert(conn, "sentences", {"article_id": article_id, "is_present": present, **row})


def _write_ledger(conn: sqlite3.Connection, article_id: int, entries: Iterable[LedgerEntry]) -> None:
    for one in entries:
        row = _fields(one, f"kind text words position {_SPAN}")
        _insert(conn, "observations", {"article_id": article_id, **row})


def _write_elsewhere(conn: sqlite3.Connection, article_id: int, found: Iterable[Elsewhere]) -> None:
    """Write what the newest page states outside the article: of each kind one row, for the template before pictures."""
    of_kind: dict[str, Elsewhere] = {}
    for one in sorted(found, key=lambda one: one.place != "template"):
        if one.place != "container":
            of_kind.setdefault(one.kind, one)
    for one in of_kind.values():
        _insert(conn, "page_observations", {"article_id": article_id, **_fields(one, "kind place text words")})


def _picture_entries(revisions: Sequence[Revision]) -> tuple[PictureEntry, ...]:
    """Return every picture of an article's revisions: the present ones, then the ended ones, each in order.

    One whose address, alternative text, caption or bytes changed is a new entry.
    """
    open_runs: dict[tuple[str, str, str, str], PictureEntry] = {}
    ended: list[PictureEntry] = []
    for revision in revisions:
        now = {one.identity: one for one in revision.article.pictures}
        known = {key[:3] for key in now}
        ended += [open_runs.pop(key) for key in [*open_runs] if key not in now and (key[3] or key[:3] not in known)]
        for key, picture in now.items():
            # Bytes that became known are no other picture.
            first = open_runs.get(key) or open_runs.pop((*key[:3], ""), None)
            first = first or PictureEntry(picture, revision.first_seen_at, revision.number)
            open_runs[key] = replace(
                first, picture=picture, until_at=revision.last_seen_at, until_revision=revision.number
            )
    present = [replace(one, until_at="", until_revision=0) for one in open_runs.values()]
    return (*present, *sorted(ended, key=lambda one: (one.until_revision, one.picture.position)))


def _write_pictures(conn: sqlite3.Connection, article_id: int, entries: Iterable[PictureEntry]) -> None:
    for one in entries:
        row = _fields(one.picture, PICTURE_COLUMNS.replace(",", "")) | _fields(one, _SPAN)
        _insert(conn, "pictures", {"article_id": article_id, **row})


def _fields(record: object, names: str) -> dict[str, object]:
    """Return some fields of a record by name, as columns of the same names hold them: tuples as JSON."""
    values = {name: getattr(record, name) for name in names.split()}
    return {name: _json(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _insert(conn: sqlite3.Connection, table: str, row: Mapping[str, object]) -> int:
    """Insert a row; return its id."""
    statement = f"insert into {table}({', '.join(row)}) values ({', '.join(f':{name}' for name in row)})"
    return int(conn.execute(statement, row).lastrowid or 0)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
