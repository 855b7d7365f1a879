"""Copies among many articles: what is found of those planted, what the first writing costs, and one update.

    PYTHONPATH=src:tests python tests/benchmarks/copies.py [--articles N]

Articles are generated, seeded, a hundred to a site, five passages of some 110 characters each. An update writes one
article anew with a passage changed; its cost is told with and without the upkeep of copies.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import copying

from columnarchive.diff import passage_fingerprints as passages
from columnarchive.records import History
from columnarchive.store import copies, site_writer
from columnarchive.store.database import Database

PLANTED = 30
UPDATES = 40


def update(db: Database, number: int, said: History) -> tuple[float, float]:
    """CPU of rewriting one article, in milliseconds: of the rows with what their going queues, and of settling."""
    with db.transaction():
        started = time.process_time()
        site = said.article.url.split("/")[2]
        article_id = site_writer._write_article(db.conn, site, said, f"digest {number}")
        site_writer._write_revisions(db.conn, article_id, said.revisions)
        site_writer._write_changes(db.conn, article_id, said.changes)
        site_writer._write_sentences(db.conn, article_id, said.sentences, present=True)
        written = time.process_time()
        copies.settle(db.conn, passages)
        return (written - started) * 1000, (time.process_time() - written) * 1000


def forgetting(db: Database, url: str) -> float:
    """CPU of what the deletion of an article adds, in milliseconds."""
    (article,) = db.conn.execute("select id from articles where url = ?", (url,)).fetchone()
    started = time.process_time()
    copies.forget(
        db.conn, [row[0] for row in db.conn.execute("select id from passages where article_id = ?", (article,))]
    )
    spent = (time.process_time() - started) * 1000
    db.conn.execute("delete from copies_due")
    return spent


def main() -> None:
    """Print all figures."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--articles", type=int, default=20_000)
    chosen = arguments.parse_args()
    chance = random.Random(6)
    whole, pairs = copying.planted(chance, chosen.articles, PLANTED)
    with tempfile.TemporaryDirectory() as folder, Database.open(Path(folder) / "a.db") as db:
        started = time.process_time()
        for site, histories in whole.items():
            copying.write(db, site, histories)
        spent = time.process_time() - started
        found = copying.found_pairs(db)
        print(f"{chosen.articles} articles written in {spent:.0f} s CPU: {spent / chosen.articles * 1000:.1f} ms each")
        print(f"{len(found & pairs)} of {len(pairs)} planted copies found, {len(found - pairs)} false")
        times = []
        for number in range(UPDATES):
            old = chance.choice(whole[chance.choice(list(whole))])
            texts = [block.text for block in old.article.blocks]
            texts[1] = copying.passage(chance)
            lost = forgetting(db, old.article.url)
            rows, settled = update(db, number, copying.history(old.article.url, texts))
            times.append((lost + settled, rows + settled))
        times.sort()
        print(
            f"one update: copies {times[UPDATES // 2][0]:.1f} ms CPU, at most {times[-1][0]:.1f}; "
            f"with all rows {max(whole for _, whole in times):.1f}"
        )
        size = dict(db.conn.execute("select name, sum(pgsize) from dbstat group by name"))
        keys = sum(value for name, value in size.items() if name.startswith("passage_keys"))
        print(f"keys {keys / 1e6:.1f} MB of {sum(size.values()) / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
