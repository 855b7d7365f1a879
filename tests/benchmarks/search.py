"""Search measured in one run: our index against FTS5 trigram, plain pairs, LIKE and tantivy over the same articles.

    PYTHONPATH=src python tests/benchmarks/search.py [ARTICLES] [--folder FOLDER]

Times are CPU milliseconds of this process. tantivy is left out where it is not installed. The floors of the project
are checked at the end; the exit code tells.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from test_search_truth import SIGNED, Row, archive, articles, misses, queries, sentences

from columnarchive.search import parse
from columnarchive.search.fold import fold, index_tokens
from columnarchive.store import fulltext, search

FLOORS = {"index bytes / text bytes": 1.25, "build / plain pairs": 1.3, "update ms": 10.0, "one character p95": 200.0}
WORD_FLOOR = 60.0  # p95 of every class of two characters and more


def cpu(action: Callable[[], object]) -> float:
    """CPU milliseconds of one call."""
    begun = time.process_time()
    action()
    return (time.process_time() - begun) * 1000


def classes(rows: list[Row], each: int = 40, seed: int = 9) -> dict[str, list[str]]:
    """Queries by kind: pieces of any characters by their length, words (runs of kanji or katakana), pairs, signs."""
    dice = random.Random(seed)
    made: dict[str, list[str]] = {}

    def piece(low: int, high: int) -> str:
        while True:
            line = dice.choice(dice.choice(rows).text.split("\n"))
            at = dice.randrange(len(line))
            found = line[at : at + dice.randint(low, high)]
            if len(found) >= low and not set(found) & set('"“”＂') and not found.isspace():
                return f'"{found}"'

    def word(length: int) -> str:
        while True:
            found = piece(length, length).strip('"')
            if all(c > "々" for c in found) and all("一" <= c <= "鿿" for c in found) | all(
                "ァ" <= c <= "ー" for c in found
            ):
                return found

    made["one character"] = [piece(1, 1) for _ in range(each)]
    made["pieces of 2"] = [piece(2, 2) for _ in range(each)]
    made["words of 2"] = [word(2) for _ in range(each)]
    made["words of 3 and 4"] = [word(dice.choice((3, 4))) for _ in range(each)]
    made["pieces of 3 to 5"] = [piece(3, 5) for _ in range(each)]
    made["pieces of 6 to 20"] = [piece(6, 20) for _ in range(each)]
    made["two words"] = [f"{word(2)} {word(2)}" for _ in range(each)]
    made["word without another"] = [f"{word(2)} -{word(2)}" for _ in range(each)]
    made["Latin, numbers, signs"] = [f'"{sign}"' for sign in SIGNED]
    return made


def measure(asked: list[str], answer: Callable[[str], object]) -> tuple[float, float, float]:
    """Median, 95th percentile and worst CPU milliseconds of queries, each the better of two runs."""
    times = sorted(min(cpu(lambda q=q: answer(q)), cpu(lambda q=q: answer(q))) for q in asked)  # type: ignore[misc]
    return statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.95))], times[-1]


def plain_pairs(text: str) -> str:
    """Overlapping pairs as one would write them first: folded, over everything, without lines or signs."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded[i : i + 2] for i in range(len(folded) - 1))


def build(rows: list[Row], path: Path, tokens: Callable[[str], str], tokenizer: str, content: str) -> tuple[float, int]:
    """An FTS5 table alone in a file, as our `rebuild` makes it: CPU milliseconds and bytes of its tables."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("pragma journal_mode = off")
    conn.execute(f"create virtual table t using fts5(text, title, removed_text, tokenize='{tokenizer}'{content})")

    def fill() -> None:
        conn.execute("insert into t(t, rank) values ('hashsize', 67108864)")
        conn.execute("begin")
        for row in rows:
            values = (row.id, tokens(row.text), tokens(row.title), tokens(row.removed_text))
            conn.execute("insert into t(rowid, text, title, removed_text) values (?, ?, ?, ?)", values)
        conn.execute("insert into t(t) values ('optimize')")
        conn.execute("commit")

    taken = cpu(fill)
    size = index_bytes(conn, "t")
    conn.close()
    return taken, size


def index_bytes(conn: sqlite3.Connection, table: str) -> int:
    """Bytes of the pages of an FTS5 table's own tables; without dbstat, of their rows."""
    try:
        (size,) = conn.execute("select sum(pgsize) from dbstat where name glob ?", (f"{table}_*",)).fetchone()
    except sqlite3.OperationalError:
        (size,) = conn.execute(f"select sum(length(block) + 8) from {table}_data").fetchone()
    return int(size)


def trigram_searcher(path: Path) -> Callable[[str], object]:
    """Ranked search over the trigram table; it has no way to look for fewer than three characters."""
    conn = sqlite3.connect(path)

    def answer(q: str) -> object:
        words = [fold(part) for part in q.replace("-", "").replace('"', " ").split()]
        match = " AND ".join(f'"{word}"' for word in words)
        return conn.execute("select rowid from t where t match ? order by rank limit 20", (match,)).fetchall()

    return answer


def tantivy_searcher(rows: list[Row], folder: Path) -> tuple[float, int, Callable[[str], object]] | None:
    """tantivy over the same tokens: CPU milliseconds to build (all its threads), bytes, a ranked search."""
    try:
        import tantivy
    except ImportError:
        return None
    fields = tantivy.SchemaBuilder()
    for name in ("text", "title", "removed_text"):
        fields.add_text_field(name, stored=False, tokenizer_name="whitespace")
    fields.add_integer_field("id", stored=True)
    schema = fields.build()
    folder.mkdir()
    made = tantivy.Index(schema, path=str(folder))
    made.register_tokenizer("whitespace", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())

    def fill() -> None:
        writer = made.writer(200_000_000, 1)
        for row in rows:
            texts = {name: index_tokens(getattr(row, name)) for name in ("text", "title", "removed_text")}
            writer.add_document(tantivy.Document(id=row.id, **texts))
        writer.commit()
        writer.wait_merging_threads()

    taken = cpu(fill)
    made.reload()
    searcher = made.searcher()

    def phrase(word: str) -> object:
        tokens = index_tokens(word).split()[:-1]
        return tantivy.Query.boolean_query(
            [
                (
                    tantivy.Occur.Should,
                    tantivy.Query.phrase_query(schema, name, tokens)
                    if len(tokens) > 1
                    else tantivy.Query.term_query(schema, name, tokens[0]),
                )
                for name in ("text", "title", "removed_text")
            ]
        )

    def answer(q: str) -> object:
        parts = [(term.text, tantivy.Occur.Must) for term in parse(q).terms]
        parts += [(term.text, tantivy.Occur.MustNot) for term in parse(q).excluded]
        found = searcher.search(tantivy.Query.boolean_query([(occur, phrase(word)) for word, occur in parts]), 20)
        return [searcher.doc(address)["id"] for _, address in found.hits]

    size = sum(file.stat().st_size for file in folder.iterdir())
    return taken, size, answer


def show(name: str, *cells: object) -> None:
    """One row of the report."""
    print(f"{name:<24}" + "".join(f"{cell:>12.1f}" if isinstance(cell, float) else f"{cell:>12}" for cell in cells))


def main() -> int:
    """Build, measure, compare; 1 when a floor of the project is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("articles", nargs="?", type=int, default=100_000)
    options.add_argument("--folder", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        return run(list(articles(sentences(), given.articles)), Path(made))


def run(rows: list[Row], folder: Path) -> int:
    """All measurements over these articles, in files of this folder."""
    text_bytes = sum(len((row.title + row.text + row.removed_text).encode()) for row in rows)
    print(f"{len(rows)} articles, {text_bytes / 1e6:.0f} MB of text, SQLite {sqlite3.sqlite_version}\n")
    seen: dict[str, float] = {}
    bare = ", content='', columnsize=0"
    show("build", "CPU s", "index/text")
    ours, size = build(rows, folder / "ours.db", index_tokens, "ascii", bare)
    plain, plain_size = build(rows, folder / "plain.db", plain_pairs, "ascii", bare)
    os.unlink(folder / "plain.db")
    trigram, trigram_size = build(rows, folder / "trigram.db", fold, "trigram", bare)
    tantivy = tantivy_searcher(rows, folder / "tantivy")
    show("ours", ours / 1000, f"{size / text_bytes:.3f}")
    show("plain pairs", plain / 1000, f"{plain_size / text_bytes:.3f}")
    show("FTS5 trigram", trigram / 1000, f"{trigram_size / text_bytes:.3f}")
    if tantivy:
        show("tantivy", tantivy[0] / 1000, f"{tantivy[1] / text_bytes:.3f}")
    seen["index bytes / text bytes"] = size / text_bytes
    seen["build / plain pairs"] = ours / plain

    os.unlink(folder / "ours.db")
    conn = archive(rows, str(folder / "archive.db"))
    fulltext.optimize(conn)
    seen["update ms"] = update(conn, rows)
    print(f"\nupdate of one article: {seen['update ms']:.2f} ms CPU\n")

    def ranked(q: str) -> object:
        return search.search(conn, parse(q))

    def like(q: str) -> object:
        words = [f"%{term.text}%" for term in parse(q).terms]
        where = " and ".join("(text like ? or title like ? or removed_text like ?)" for _ in words)
        values = [word for word in words for _ in range(3)]
        return conn.execute(
            f"select id from articles where {where} order by published_on desc limit 20", values
        ).fetchall()

    show("CPU ms: p50 p95 worst", "ours", "", "", "trigram", "", "tantivy", "", "LIKE")
    by_trigram = trigram_searcher(folder / "trigram.db")
    for name, asked in classes(rows).items():
        mine = measure(asked, ranked)
        seen[f"{name} p95"] = mine[1]
        three = name.startswith(("words of 3", "pieces of 3", "pieces of 6"))
        other = measure(asked, by_trigram)[:2] if three else ("-", "-")
        many = measure(asked, tantivy[2])[:2] if tantivy and name != "one character" else ("-", "-")
        show(name, *mine, *other, *many, cpu(lambda asked=asked: like(asked[0])))  # type: ignore[misc]
    wrong = misses(conn, rows, queries(rows, 30)) if len(rows) <= 20_000 else []
    return verdict(seen, wrong)


def update(conn: sqlite3.Connection, rows: list[Row]) -> float:
    """CPU milliseconds to take an article out of the index and put its new text in: mean of fifty, each committed."""
    chosen = random.Random(3).sample(rows, 50)

    def change() -> None:
        for row in chosen:
            conn.execute("begin immediate")
            fulltext.delete(conn, row.id, row.title, row.text, row.removed_text)
            fulltext.insert(conn, row.id, row.title, row.text + "\n追記", row.removed_text)
            conn.execute("update articles set text = text || char(10) || '追記' where id = ?", (row.id,))
            conn.execute("commit")

    return cpu(change) / len(chosen)


def verdict(seen: dict[str, float], wrong: list[str]) -> int:
    """Print what missed its floor."""
    floors = {**{name: WORD_FLOOR for name in seen if name.endswith("p95")}, **FLOORS}
    missed = [f"{name}: {seen[name]:.2f}, floor {floor}" for name, floor in floors.items() if seen[name] > floor]
    missed += [f"wrong: {q}" for q in wrong]
    print("\n" + ("\n".join(missed) or "every floor is kept"))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
