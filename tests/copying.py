"""Generated sites for the search for copies: articles that share nothing, and passages planted among them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from columnarchive.diff import passage_fingerprints as passages
from columnarchive.records import Article, Block, DerivedSite, History, Revision
from columnarchive.store import copies, site_writer, sites
from columnarchive.store.database import Database

AT = "2026-01-01T00:00:00Z"
NAMES = ("変形性膝関節症", "関節リウマチ", "糖尿病", "慢性腎臓病", "円形脱毛症", "間質性肺炎")
_TURNS = (
    "と考えられています。", "場合があります。", "ことが大切です。", "といわれています。", "ことがあります。",
    "を行います。",
)  # fmt: skip


def passage(chance: random.Random, name: str = NAMES[0]) -> str:
    """A passage of some 110 characters: words like no other's, with the turns of phrase that all share."""
    words = ["".join(chr(0x4E00 + chance.randrange(3000)) for _ in range(2)) for _ in range(20)]
    said = [
        f"{a}は{b}の{c}で{d}を{e}する{chance.choice(_TURNS)}" for a, b, c, d, e in zip(*[iter(words)] * 5, strict=True)
    ]
    return f"{name}の治療では、" + "".join(said)


def history(url: str, *revisions: Sequence[str], published_on: str = "", days: Sequence[int] = ()) -> History:
    """An article whose revisions hold these passages, seen on successive days of January or on `days`."""
    made = []
    for at, texts in enumerate(revisions):
        seen = f"2026-01-{days[at] if days else at + 1:02}T00:00:00Z"
        blocks = tuple(Block("paragraph", text) for text in texts)
        made.append(Revision(at + 1, seen, seen, Article(url, f"題 {url}", blocks, published_on), "rules"))
    last = made[-1]
    return History(last.article, (), tuple(made), (), (), (), last.last_seen_at, "live")


def write(db: Database, site: str, histories: Sequence[History]) -> site_writer.Written:
    """A site that has just these articles, with its copies, as deriving writes it."""
    with db.transaction():
        site_id = sites.ensure_site(db, site, AT)
        written = site_writer.write_site(db, site_id, DerivedSite(site, "rules", 1, (), tuple(histories)), AT)
        copies.settle(db.conn, passages)
    return written


def planted(
    chance: random.Random, articles: int, plants: int, per_site: int = 100
) -> tuple[dict[str, list[History]], set[frozenset[str]]]:
    """Sites with articles of five passages, and the pairs of articles of which one has another's passage.

    In a copy the name and a number are others, and in every third a sentence is missing.
    """
    texts = [[passage(chance, chance.choice(NAMES)) for _ in range(5)] for _ in range(articles)]
    places = chance.sample(range(articles), plants * 2)
    pairs = set()
    for at, (source, target) in enumerate(zip(places[::2], places[1::2], strict=True)):
        text = texts[source][2]
        name = next(name for name in NAMES if text.startswith(name))
        copy = text.replace(name, chance.choice([other for other in NAMES if other != name]))
        if at % 3 == 0:
            copy = copy[: copy.rindex("。", 0, -1) + 1]
        texts[target].append(copy)
        pairs.add(frozenset((_url(source, per_site), _url(target, per_site))))
    found: dict[str, list[History]] = {}
    for number, said in enumerate(texts):
        found.setdefault(f"site{number // per_site}.example", []).append(history(_url(number, per_site), said))
    return found, pairs


def found_pairs(db: Database) -> set[frozenset[str]]:
    """The pairs of articles that `copies` names, which it must name in both directions."""
    rows = db.conn.execute(
        """select here.url, there.url from copies join passages as mine on mine.id = passage_id
           join articles as here on here.id = mine.article_id join passages as theirs on theirs.id = other_passage_id
           join articles as there on there.id = theirs.article_id"""
    ).fetchall()
    assert {(there, here) for here, there in rows} == set(rows)
    return {frozenset(row) for row in rows}


def rows(db: Database) -> list[tuple[object, ...]]:
    """All of `copies` by natural keys."""
    return db.conn.execute(
        """select here.url, mine.text, there.url, theirs.text, similarity from copies
           join passages as mine on mine.id = passage_id join articles as here on here.id = mine.article_id
           join passages as theirs on theirs.id = other_passage_id
           join articles as there on there.id = theirs.article_id order by 1, 2, 3, 4"""
    ).fetchall()


def _url(number: int, per_site: int) -> str:
    return f"https://site{number // per_site}.example/column/{number}/"
