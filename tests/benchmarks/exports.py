"""What an export of a large archive costs: peak memory and CPU time of each format, in a fresh process each.

    python tests/benchmarks/exports.py [ARTICLES]

Memory that grows with the number of articles, or with their text, shows by running it with two numbers.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from columnarchive.store.database import Database

SCRIPT = """
import resource, sys
from pathlib import Path
from columnarchive import reading
from columnarchive.archive.publishing import Wanted, publish
with reading.opened(Path(sys.argv[1])) as conn:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    publish(conn, Wanted(sys.argv[2], Path(sys.argv[3])))
    print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
FORMATS = ("jsonl", "csv", "parquet", "atom", "markdown", "git", "sqlite")
SENTENCE = "幹細胞を用いた治療は自由診療であり、費用は1回あたり{}円です。効果には個人差があります。"
PASSAGES = 10


def fill(path: Path, articles: int) -> None:
    """An archive with so many articles of ten passages, a tenth of them with a second revision."""
    with Database.open(path) as db, db.transaction() as conn:
        conn.execute("insert into sites(id, name) values (1, 'clinic.example')")
        for number in range(1, articles + 1):
            lines = [SENTENCE.format(number * 100 + place) * 2 for place in range(PASSAGES)]
            count = 2 if number % 10 == 0 else 1
            conn.execute(
                """insert into articles(id, site, url, title, text, revisions, first_seen_at, last_seen_at)
                   values (?, 'clinic.example', ?, ?, ?, ?, '2026-01-01T00:00:00Z', '2026-06-01T00:00:00Z')""",
                (number, f"https://clinic.example/{number:07}/", f"コラム{number}", "\n".join(lines), count),
            )
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
        for format in FORMATS:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, str(path), format, str(Path(folder) / f"out-{format}")],
                capture_output=True,
                check=True,
                text=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            idle, peak = (int(word) / 1024 for word in done.stdout.split())
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(
                f"{format:9} peak {peak:4.0f} MB, {peak - idle:4.0f} more than an open archive; "
                f"{cpu:6.1f} s CPU, {time.monotonic() - start:6.1f} s"
            )


if __name__ == "__main__":
    main()
