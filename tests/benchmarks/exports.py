"""What an export of a large archive costs: peak memory and CPU time of each format, in a fresh process each.

    python tests/benchmarks/exports.py [ARTICLES [FORMAT ...]]

Peaks are of the process and of the largest one that it starts (git). The archive holds the articles of many sites, a
thousand each, and for every article its page.
Memory that grows with the number of articles, or with their text, shows by running it with two numbers.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from columnarchive.records import Capture
from columnarchive.store import captures, sites
from columnarchive.store.database import Database

SCRIPT = """
import resource, sys
from pathlib import Path
from columnarchive import reader
from columnarchive.pipeline.export import export_warc
from columnarchive.pipeline.export import ExportRequest, export as publish
from columnarchive.store.database import Database
path, format, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
peak = lambda who: resource.getrusage(who).ru_maxrss
with Database.open(path, write=False) as db, opened(path) as conn:
    before = peak(resource.RUSAGE_SELF)
    if format == "warc":
        export_warc(db, out, None, lambda done: None)
    else:
        publish(conn, ExportRequest(format, out))
    print(before, peak(resource.RUSAGE_SELF), peak(resource.RUSAGE_CHILDREN))
"""
FORMATS = ("jsonl", "csv", "parquet", "atom", "markdown", "git", "sqlite", "warc")
PER_SITE = 1_000
SENTENCE = "幹細胞を用いた治療は自由診療であり、費用は1回あたり{}円です。効果には個人差があります。"
PASSAGES = 10


def fill(path: Path, articles: int) -> None:
    """An archive with so many articles of ten passages, a tenth of them with a second revision."""
    with Database.open(path) as db, db.transaction() as conn:
        for number in range(1, articles + 1):
            host = f"clinic{(number - 1) // PER_SITE}.example"
            url = f"https://{host}/column/{number:07}/"
            site = sites.ensure_site(db, host, "2026-01-01T00:00:00Z")
            lines = [SENTENCE.format(number * 100 + place) * 2 for place in range(PASSAGES)]
            count = 2 if number % 10 == 0 else 1
            conn.execute(
                """insert into articles(id, site, url, title, text, revisions, first_seen_at, last_seen_at)
                   values (?, ?, ?, ?, ?, ?, '2026-01-01T00:00:00Z', '2026-06-01T00:00:00Z')""",
                (number, host, url, f"コラム{number}", "\n".join(lines), count),
            )
            page = "".join(f"<p>{line}</p>" for line in lines).encode()
            kept = Capture(url, url, "2026-01-01T00:00:00Z", 200, (("Content-Type", "text/html"),), page, "ok")
            captures.add(db, sites.ensure_page(db, site, url), kept)
            passages = [
                conn.execute(
                    """insert into passages(article_id, kind, text, text_key, first_revision, last_revision, is_present)
                       values (?, 'paragraph', ?, '', 1, ?, 1)""",
                    (number, line, count),
                ).lastrowid
                for line in lines
            ]
            for revision in range(1, count + 1):
                row = conn.execute(
                    """insert into revisions(article_id, number, first_seen_at, last_seen_at, fingerprint, rules)
                       values (?, ?, ?, '2026-06-01T00:00:00Z', ?, 'r')""",
                    (number, revision, f"2026-0{revision}-01T00:00:00Z", f"{number}-{revision}"),
                ).lastrowid
                conn.executemany(
                    "insert into revision_passages values (?, ?, ?)",
                    ((row, place, passage) for place, passage in enumerate(passages[revision - 1 :])),
                )
            if count == 2:
                change = conn.execute(
                    """insert into changes(article_id, from_number, to_number, seen_at, level, labels, summary)
                       values (?, 1, 2, '2026-02-01T00:00:00Z', 3, '["price"]', '削除')""",
                    (number,),
                ).lastrowid
                conn.execute(
                    "insert into edits(change_id, position, op, old_text) values (?, 0, 'removed', ?)",
                    (change, lines[0]),
                )


def main() -> None:
    """Measure each format."""
    articles = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.db"
        fill(path, articles)
        print(f"{articles} articles, {path.stat().st_size / 1e6:.0f} MB")
        for format in sys.argv[2:] or FORMATS:
            out = Path(folder) / f"out-{format}"
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, str(path), format, str(out)],
                capture_output=True,
                check=True,
                text=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            idle, own, children = (int(word) / 1024 for word in done.stdout.split())
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(
                f"{format:9} peak {own:4.0f} MB, {own - idle:4.0f} more than an open archive, git {children:.0f} MB; "
                f"{cpu:6.1f} s CPU, {time.monotonic() - start:6.1f} s",
                flush=True,
            )
            shutil.rmtree(out, ignore_errors=True)
            out.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
