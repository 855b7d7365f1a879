"""The bundled clinic as captures, without a network, and an archive's derived state by natural keys."""

from __future__ import annotations

import json
import mimetypes
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from columnarchive.pipeline.demo import dated_sites
from columnarchive.records import Capture
from columnarchive.store import captures, hash_chain, sites
from columnarchive.store.database import Database
from columnarchive.times import to_text

HOST = "https://aozora-clinic.example"
SITE = "aozora-clinic.example"


def url_of(folder: Path, path: Path) -> str:
    """The address of a file of the site."""
    relative = path.relative_to(folder).as_posix()
    return f"{HOST}/{relative.removesuffix('index.html')}"


def captured() -> Iterator[Capture]:
    """Every page of every version, two seconds apart on its day; columns that are not there any more answer 404."""
    known: set[str] = set()
    for version in dated_sites():
        moment = datetime.strptime(version.day, "%Y-%m-%d").replace(hour=1, tzinfo=UTC)
        pages = {url_of(version.folder, path): path for path in sorted(version.folder.rglob("*.html"))}
        for url in sorted(known | set(pages)):
            moment += timedelta(seconds=2)
            if url in pages:
                kind = mimetypes.guess_type(pages[url].name)[0] or ""
                body = pages[url].read_bytes().replace(b"{{origin}}", HOST.encode())
                yield Capture(url, url, to_text(moment), 200, (("Content-Type", kind),), body, "ok")
            else:
                yield Capture(url, url, to_text(moment), 404, (("Content-Type", "text/html"),), b"", "missing")
        known |= set(pages)


def add(db: Database, found: list[Capture]) -> None:
    """Store captures as one group, as a crawl does."""
    with db.transaction():
        site = sites.ensure_site(db, SITE, "2025-10-20T00:00:00Z")
        ids = [captures.add(db, sites.ensure_page(db, site, one.url), one) for one in found]
        hash_chain.seal(db.conn, found[-1].fetched_at, "crawl", [one for one in ids if one is not None])


def shuffled(found: list[Capture], seed: int) -> list[Capture]:
    """The same captures in another order."""
    mixed = list(found)
    random.Random(seed).shuffle(mixed)
    return mixed


def state(db: Database) -> dict[str, Any]:
    """Everything derived, by natural keys: URL, revision number, position, text, times."""
    conn = db.conn
    queries = {
        "pages": "select url, kind, state from pages order by url",
        "sites": "select name, template from sites order by name",
        "marks": """select a.url, c.from_number, c.to_number, m.mark, m.seen_at, m.level from change_marks m
            join changes c on c.id = change_id join articles a on a.id = c.article_id order by 1, 2, 3, 4""",
        "articles": """select url, site, title, published_on, modified_on, author, supervisor, text, removed_text,
            revisions, first_seen_at, last_seen_at, changed_at, state from articles order by url""",
        "revisions": """select a.url, r.number, r.first_seen_at, r.last_seen_at, r.title, r.fingerprint, r.body_sha256
            from revisions r join articles a on a.id = r.article_id order by 1, 2""",
        "passages": """select a.url, r.number, rp.position, p.kind, p.level, p.heading, p.text, p.first_revision,
            p.last_revision, p.is_present from revision_passages rp join passages p on p.id = rp.passage_id
            join revisions r on r.id = rp.revision_id join articles a on a.id = r.article_id order by 1, 2, 3""",
        "sentences": """select a.url, s.is_present, s.position, s.text, s.since_at, s.since_revision, s.before_text,
            s.until_at from sentences s join articles a on a.id = s.article_id order by 1, 2, 3""",
        "observations": """select a.url, o.kind, o.text, o.words, o.position, o.since_at, o.since_revision, o.until_at,
            o.until_revision from observations o join articles a on a.id = o.article_id order by 1, 2, 3, 6""",
        "page_observations": """select a.url, o.kind, o.place, o.text, o.words from page_observations o
            join articles a on a.id = o.article_id order by 1, 2""",
        "edits": """select a.url, c.from_number, c.to_number, c.seen_at, c.level, c.labels, e.position, e.op,
            e.old_text, e.new_text, e.labels from changes c join articles a on a.id = c.article_id
            left join edits e on e.change_id = c.id order by 1, 2, 3, 4, 7""",
        "copies": """select a.url, p.text, b.url, q.text, similarity from copies
            join passages p on p.id = passage_id join articles a on a.id = p.article_id
            join passages q on q.id = other_passage_id join articles b on b.id = q.article_id order by 1, 2, 3, 4""",
    }
    return {name: [list(row) for row in conn.execute(query)] for name, query in queries.items()}


def as_text(derived: dict[str, Any]) -> str:
    """A state as text, for a difference that can be read."""
    return "\n".join(f"{name} {json.dumps(row, ensure_ascii=False)}" for name, rows in derived.items() for row in rows)
