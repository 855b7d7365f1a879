"""The index against the truth: a substring, after NFKC and case folding, within one line of any of the three texts."""

from __future__ import annotations

import gzip
import random
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from columnarchive.search import parse, to_fts
from columnarchive.store import fulltext, search

SENTENCES = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "sentences.txt.gz"
SCHEMA = Path(__file__).resolve().parents[1] / "src" / "columnarchive" / "store" / "migrations"
SIGNED = (
    "IL-10",
    "TGF-β",
    "iPS細胞",
    "98,000円",
    "98.5%",
    "ＩＬ－１０",
    "ｉＰＳ細胞",
    "ｲﾝｽﾘﾝ注射",
    "㈱再生",
    "PD-1/PD-L1",
    "±5℃",
)


@dataclass(frozen=True, slots=True)
class Row:
    """An article as the index sees it."""

    id: int
    title: str
    text: str
    removed_text: str
    published_on: str


def articles(sentences: list[str], number: int, seed: int = 5) -> Iterator[Row]:
    """Articles made of real sentences, some with signs and numbers, in full or half width, some with removed text."""
    dice = random.Random(seed)
    for rowid in range(1, number + 1):
        lines = ["".join(dice.choices(sentences, k=dice.choice((1, 1, 2, 3)))) for _ in range(dice.randint(3, 12))]
        if dice.random() < 0.2:
            place = dice.randrange(len(lines))
            at = dice.randint(0, len(lines[place]))
            lines[place] = lines[place][:at] + dice.choice(SIGNED) + lines[place][at:]
        if dice.random() < 0.1:
            place = dice.randrange(len(lines))
            lines[place] = full_width(lines[place])
        removed = "\n".join(dice.choices(sentences, k=dice.randint(1, 4))) if dice.random() < 0.15 else ""
        title = dice.choice(sentences)[: dice.randint(5, 30)]
        day = f"20{dice.randint(15, 25)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        yield Row(rowid, title, "\n".join(lines), removed, day)


def full_width(text: str) -> str:
    """The text with its printable ASCII in full width."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def queries(rows: list[Row], number: int, seed: int = 6) -> list[tuple[str, list[str]]]:
    """Queries as typed, with the strings that must all be found: pieces of 1 to 20 characters, pairs, widths, signs."""
    dice = random.Random(seed)
    made: list[tuple[str, list[str]]] = [(sign, [sign]) for sign in SIGNED]
    while len(made) < number:
        row = dice.choice(rows)
        pieces = [_piece(dice, row) for _ in range(dice.choice((1, 1, 1, 2)))]
        if all(pieces):
            if dice.random() < 0.2:
                pieces = [full_width(piece).replace("＂", '"') for piece in pieces]
            made.append((" ".join(f'"{piece}"' for piece in pieces), pieces))
    return made


def _piece(dice: random.Random, row: Row) -> str:
    line = dice.choice([*row.text.split("\n"), row.title, *row.removed_text.split("\n")])
    at = dice.randrange(len(line) + 1)
    piece = line[at : at + dice.randint(1, 20)]
    return "" if set(piece) & set('"“”＂') else piece


INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)


def fold_by_definition(text: str) -> str:
    """The fold as the truth defines it, not by our code."""
    seen = "".join(sign for sign in text if not INVISIBLE.match(sign))
    lines = [unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", line).casefold()) for line in seen.split("\n")]
    folded = ""
    for line in filter(None, lines):
        ascii_both = folded and f"{folded[-1]}{line[0]}".isascii() and folded[-1] != " " != line[0]
        folded += (" " if ascii_both else "") + line
    return "".join(
        {"⻑": "長", "⻘": "青"}.get(sign, "-" if sign in "\u2010\u2011\u2012\u2212" else sign) for sign in folded
    )


def archive(rows: list[Row], path: str = ":memory:") -> sqlite3.Connection:
    """A database of our schema that holds these articles and their index."""
    conn = sqlite3.connect(path, isolation_level=None)
    for script in sorted(SCHEMA.glob("*.sql")):
        conn.executescript(script.read_text(encoding="utf-8"))
    conn.execute("begin")
    for row in rows:
        conn.execute(
            """insert into articles(id, site, url, title, text, removed_text, published_on, revisions)
               values (?, 'example', ?, ?, ?, ?, ?, 1)""",
            (row.id, f"https://example.jp/{row.id}", row.title, row.text, row.removed_text, row.published_on),
        )
        fulltext.insert(conn, row.id, row.title, row.text, row.removed_text)
    conn.execute("commit")
    return conn


def misses(conn: sqlite3.Connection, rows: list[Row], asked: list[tuple[str, list[str]]]) -> list[str]:
    """The queries whose matches, in any scope, are not exactly the true ones."""
    folded = [[fold_by_definition(text) for text in (row.title, row.text, row.removed_text)] for row in rows]
    wrong = []
    for q, pieces in asked:
        wanted = [fold_by_definition(piece) for piece in pieces]
        every = {
            row.id for row, texts in zip(rows, folded, strict=True) if all(any(w in t for t in texts) for w in wanted)
        }
        now = {
            row.id
            for row, texts in zip(rows, folded, strict=True)
            if all(any(w in t for t in texts[:2]) for w in wanted)
        }
        query = parse(q)
        for scope, true in (("all", every), ("current", now), ("removed", every - now)):
            found = conn.execute("select rowid from articles_fts(?)", (to_fts(query, scope),))
            if {row[0] for row in found} != true or search.count(conn, query, scope) != len(true):
                wrong.append(f"{scope}: {q}")
    return wrong


def sentences() -> list[str]:
    """The real sentences, or skip."""
    if not SENTENCES.exists():
        pytest.skip("needs the sentences of ../shared/corpus")
    with gzip.open(SENTENCES, "rt", encoding="utf-8") as lines:
        return lines.read().splitlines()


def test_recall_and_precision_are_one() -> None:
    rows = list(articles(sentences(), 1000))
    conn = archive(rows)
    assert misses(conn, rows, queries(rows, 200)) == []


def test_a_search_gives_each_match_once_and_marks_it() -> None:
    rows = list(articles(sentences(), 400))
    conn = archive(rows)
    for q, pieces in queries(rows, 60):
        result = search.search(conn, parse(q), limit=1000)
        assert len({hit.url for hit in result.hits}) == len(result.hits) == result.total
        wanted = [fold_by_definition(piece) for piece in pieces]
        for hit in result.hits:
            marked = [fold_by_definition(hit.snippet[start:end]) for start, end in hit.highlights]
            assert marked or any(piece in fold_by_definition(hit.title) for piece in wanted), (q, hit)
            assert all(any(piece in mark or mark in piece for piece in wanted) for mark in marked), (q, hit)
