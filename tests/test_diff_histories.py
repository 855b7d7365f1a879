"""Changes of real pages over real time: each shows the words that its reader wrote down, and a move costs nothing.

The histories and their labels lie beside the checkout; nothing of their text stands here.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import deriving
import pytest
from deriving import import_files

from columnarchive.diff.compare import compare
from columnarchive.diff.normalization import nfkc_no_space
from columnarchive.diff.sentences import split
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.saved_pages import open_page
from columnarchive.reader import Reader
from columnarchive.records import Article, Block
from columnarchive.store.database import Database

pytestmark = pytest.mark.slow
# Labels name the first lines of a step, each cut at this length.
CUT = 60
# Lines a label names that no edit shows: the page, its time, how many such lines, and the reason.
DISPUTED = {
    ("/ashiyase/index.html", "2026-04-22T05:57:49Z"): (1, "a badge over the title, which the article does not hold"),
    ("/ashiyase/index.html", "2026-04-22T11:46:05Z"): (1, "the same badge, taken away again"),
    ("/introduction/index.html", "2026-04-22T05:57:49Z"): (1, "a sentence that stayed; only line ends around it went"),
    ("/introduction/index.html", "2026-04-22T11:46:05Z"): (1, "the same sentence, its line ends back again"),
}
EDITS = """
    select e.op, e.old_text, e.new_text from changes c join edits e on e.change_id = c.id
    join pages g on g.article_id = c.article_id where g.url = ? and c.seen_at = ? order by e.position"""
ALL_EDITS = """
    select c.article_id, c.after_at, c.seen_at, e.op, e.old_text, e.new_text, e.labels
    from changes c join edits e on e.change_id = c.id where e.op != 'moved' order by c.id, e.position"""
LINES = """
    select p.text from changes c
    join revisions r on r.article_id = c.article_id and r.number in (c.from_number, c.to_number)
    join revision_passages rp on rp.revision_id = r.id join passages p on p.id = rp.passage_id
    join pages g on g.article_id = c.article_id where g.url = ? and c.seen_at = ?"""


@pytest.fixture(scope="module")
def histories(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An archive made from the WARC files of the three sites."""
    files = sorted((shared / "corpus/revisions").glob("*.warc.gz"))
    if not files:
        pytest.skip("needs the histories in ../shared/corpus/revisions")

    def make(path: Path) -> None:
        with Database.open(path) as db:
            import_files(db, files, None, lambda *_: None)
            deriving.derive(db)

    made = deriving.made_once(tmp_path_factory, "histories", make)
    with Database.open(made, write=False) as db:
        yield db


def steps(shared: Path, kind: str) -> list[tuple[str, str, str]]:
    """Address, time and label of each step of a kind."""
    pages = json.loads((shared / "corpus/revisions/labels.json").read_text("utf-8"))
    return [
        (page["url"], step["at"], step["change"]) for page in pages for step in page["steps"] if step["step"] == kind
    ]


def named(change: str) -> list[tuple[str, str]]:
    """The sign and the words of each line that a label names, after its count of lines."""
    _, _, lines = change.partition("; ")
    return [(piece[0], nfkc_no_space(piece[1:])) for piece in lines.split(" / ") if piece[:1] in ("-", "+")]


def shows(words: str, sentences: list[str], lines: list[str]) -> bool:
    """Whether the edited sentences have words of a named line, or stand in that line beyond where its label is cut."""
    if any(part in one or one in words for part in map(nfkc_no_space, split(words)) for one in sentences):
        return True
    around = [line for line in lines if words in line] if len(words) >= CUT - 10 else []
    return any(one in line for line in around for one in sentences)


UNIT = re.compile(r"[^。\n\t]+。?")


def parts(text: str, is_picture: bool) -> list[str]:
    """What of an edit's text has to stand on a page, without white space."""
    if is_picture:
        lines = [unquote(line.rsplit("/", 1)[-1]) if "://" in line else line for line in re.split(r" · |\n", text)]
    else:
        lines = UNIT.findall(text.replace("~~", ""))
    return [bare for line in lines if (bare := "".join(line.split()))]


def archives(shared: Path, folder: Path, histories: Database) -> Iterator[tuple[str, Database]]:
    """Yield the archive of the histories, and one of each other WARC file of the corpus."""
    yield "histories", histories
    for number, path in enumerate(sorted((shared / "corpus").glob("*/**/*.warc.gz"))):
        if path.parent.name != "revisions":
            with Database.open(folder / f"{number}.db") as db:
                import_files(db, [path], None, lambda *_: None)
                deriving.derive(db)
                yield path.name[:3], db


def test_no_edit_shows_what_its_pages_do_not(histories: Database, shared: Path, tmp_path: Path) -> None:
    """Sentences that came or went did so on the page: it has them more or less often than in the capture before.

    Each line of an edit's old and new text stands on the page as it was captured then; of a picture, its alternative
    text and its file's name stand in the markup.
    """
    unfounded, absent, edits = [], [], 0
    for name, db in archives(shared, tmp_path, histories):
        reader = Reader(db.conn)

        @cache
        def shown(article_id: int, at: str, db: Database = db, reader: Reader = reader) -> tuple[str, str]:
            """The text of the pages of an article as they were captured last by a time, with their markup below."""
            texts, markup = [], []
            for (url,) in db.conn.execute("select url from pages where article_id = ?", (article_id,)):
                rows = [one for one in reader.captures(url) if one.body_sha256 and one.fetched_at <= at]
                page = open_page(reader.body(rows[-1].body_sha256), "text/html", Places()) if rows else None
                if isinstance(page, Outline):
                    texts += ["".join(page.title.split()), *(piece.key for piece in page.pieces)]
                    source = reader.body(rows[-1].body_sha256).decode("utf-8", "replace")
                    markup.append(unquote(html.unescape(source)))
            return "\n".join(texts), "".join("".join(markup).split())

        for article_id, after, at, op, old, new, labels in db.conn.execute(ALL_EDITS):
            edits += 1
            (before, markup_before), (now, markup_now) = shown(article_id, after), shown(article_id, at)
            is_picture = "picture_" in labels
            for text, page, markup in ((old, before, markup_before), (new, now, markup_now)):
                for line in parts(text, is_picture):
                    if line not in (markup if is_picture else page.replace("~~", "")):
                        absent.append((name, at[:10], line[:40]))
            units = ["".join(unit.split()) for unit in UNIT.findall(old or new)]
            if op == "edited" or not any(units):
                continue
            lines = [Counter(UNIT.findall(text)) for text in (before, now)]
            if all(
                0 < before.count(unit) == now.count(unit) and lines[0][unit] == lines[1][unit] for unit in units if unit
            ):
                unfounded.append((name, at[:10], units[0][:14]))
    assert edits
    assert not unfounded
    assert not absent


def test_each_text_change_shows_the_words_its_label_names(histories: Database, shared: Path) -> None:
    for url, at, change in steps(shared, "text change"):
        edits = [tuple(row) for row in histories.conn.execute(EDITS, (url, at))]
        lines = [nfkc_no_space(row[0]) for row in histories.conn.execute(LINES, (url, at))]
        missing = []
        for sign, words in named(change):
            sentences = [nfkc_no_space(old if sign == "-" else new) for _, old, new in edits]
            if not shows(words, [one for one in sentences if one], lines):
                missing.append(sign + words)
        disputed = [count for (end, when), (count, _) in DISPUTED.items() if url.endswith(end) and at == when]
        assert edits, (url, at)
        assert len(missing) <= sum(disputed), (url, at, missing)


def test_a_move_of_a_real_block_costs_no_characters(histories: Database) -> None:
    """Two neighbouring paragraphs of each article change places: at most one of both is seen to move, unchanged."""
    moved = 0
    for (text,) in histories.conn.execute("select text from articles where revisions > 1 order by url").fetchall():
        blocks = [Block("paragraph", line) for line in text.split("\n") if line]
        at = len(blocks) // 2
        swapped = [*blocks[:at], blocks[at + 1], blocks[at], *blocks[at + 2 :]] if len(blocks) > at + 1 else blocks
        found = compare(Article("", "", tuple(blocks)), Article("", "", tuple(swapped)))
        assert (found.added_chars, found.removed_chars) == (0, 0)
        assert {edit.op for edit in found.edits} <= {"moved"}
        moved += len(found.edits) > 0
    assert moved >= 10
