"""Copied passages: all that were planted are found, set phrases are not, and the order of arrival plays no part."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import clinic
import clinic_archive
import copying
import deriving
import pytest
from copying import NAMES, history, passage, write
from deriving import check
from evidence import at, capture, fill, page
from reading import opened
from typer.testing import CliRunner

from columnarchive import reader
from columnarchive.cli.app import app
from columnarchive.diff import passage_fingerprints as passages
from columnarchive.errors import NotFound
from columnarchive.pipeline import withdrawal
from columnarchive.records import History
from columnarchive.store import copies
from columnarchive.store import integrity as store_integrity
from columnarchive.store.database import Database

GOLDEN = Path(__file__).resolve().parent.parent / "fixtures/golden/copies.json"
A, B = "a.example", "b.example"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "a.db") as opened:
        yield opened


@pytest.fixture
def chance() -> random.Random:
    return random.Random(5)


@pytest.fixture(scope="module")
def aozora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of an archive of the bundled clinic."""
    return clinic_archive.path(tmp_path_factory)


def url(site: str, number: int = 1) -> str:
    return f"https://{site}/column/{number}/"


def test_the_copies_of_the_clinic_are_found_and_no_other(aozora: Path) -> None:
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    with opened(aozora) as conn:
        found = reader.Reader(conn).copies()
        assert len(found) == len(expected)
        for told in expected:
            source, target = clinic.HOST + told["copied_from"], clinic.HOST + told["path"]
            (copy,) = [one for one in found if {one.url, one.other_url} == {source, target}]
            assert copy.first == copy.url == source
            assert told["text"] in copy.text
            assert told["text"] in copy.other_text
            assert copy.other_first_at.startswith(told["since"])
            (own,) = reader.Reader(conn).copies(target)
            assert (own.url, own.other_url, own.first) == (target, source, source)


def test_a_swapped_name_and_a_dropped_sentence_hide_no_copy(db: Database, chance: random.Random) -> None:
    text = passage(chance)
    swapped = text.replace(NAMES[0], NAMES[1])
    shortened = swapped[: swapped.rindex("。", 0, -1) + 1]
    write(db, A, [history(url(A), [text])])
    write(db, B, [history(url(B, 1), [swapped]), history(url(B, 2), [shortened]), history(url(B, 3), [text[:38]])])
    assert copying.found_pairs(db) == {
        frozenset(pair) for pair in itertools.combinations((url(A), url(B, 1), url(B, 2)), 2)
    }
    (group,) = reader.together(reader.Reader(db.conn).copies())
    assert {one.url for one in group.standing} == {url(A), url(B, 1), url(B, 2)}


def test_passages_of_one_article_are_no_copies_of_each_other(db: Database, chance: random.Random) -> None:
    text = passage(chance)
    write(db, A, [history(url(A), [text, text.replace(NAMES[0], NAMES[1])])])
    assert copying.rows(db) == []


def test_a_removed_passage_still_counts(db: Database, chance: random.Random) -> None:
    text = passage(chance)
    write(db, A, [history(url(A), [text, "別の文。"], ["別の文。"])])
    write(db, B, [history(url(B), [text])])
    assert copying.found_pairs(db) == {frozenset((url(A), url(B)))}


@pytest.mark.parametrize("is_swapped", [False, True])
def test_set_phrases_of_a_site_are_left_out(db: Database, chance: random.Random, is_swapped: bool) -> None:
    """From the fifth article on; with one of them gone, they are copies again."""
    text = passage(chance)
    said = [text.replace(NAMES[0], name) if is_swapped else text for name in NAMES]
    whole = [history(url(A, number), [said[number], passage(chance)]) for number in range(copies.SET_PHRASE)]
    write(db, A, whole[:-1])
    write(db, B, [history(url(B), [said[-1]])])
    assert len(copying.found_pairs(db)) == 10  # all of the four and the one elsewhere
    write(db, A, whole)
    assert copying.rows(db) == []
    write(db, A, whole[1:])
    assert len(copying.found_pairs(db)) == 10


def test_what_very_many_passages_share_is_no_copy(db: Database, chance: random.Random) -> None:
    text = passage(chance)
    names = [f"s{number:02}.example" for number in range(copies.MOST_HOLDERS + 1)]
    for name in names[:-1]:
        write(db, name, [history(url(name), [text])])
    assert len(copying.found_pairs(db)) == copies.MOST_HOLDERS * (copies.MOST_HOLDERS - 1) / 2
    before = copying.rows(db)
    write(db, names[-1], [history(url(names[-1]), [text])])
    assert copying.rows(db) == []
    write(db, names[-1], [])
    assert copying.rows(db) == before


def _mixed(chance: random.Random) -> dict[str, list[History]]:
    """Sites with copies among them, copies of copies, set phrases and near set phrases."""
    shared = [passage(chance) for _ in range(6)]
    whole: dict[str, list[History]] = {}
    for number in range(48):
        said = [passage(chance)]
        for text in chance.sample(shared, chance.choice([0, 1, 1, 2])):
            changed = text.replace(NAMES[0], chance.choice(NAMES))
            said.append(changed if chance.random() < 0.7 else changed[: changed.rindex("。", 0, -1) + 1])
        site = f"s{chance.choice([0, 0, 0, 1, 2, 3, 4, 5])}.example"
        whole.setdefault(site, []).append(history(url(site, number), said))
    return whole


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_plays_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(copies, "_PIECE", 3)
    whole = _mixed(chance)
    with Database.open(tmp_path / "once.db") as once, Database.open(tmp_path / "bit.db") as bit:
        for site, histories in whole.items():
            write(once, site, histories)
        expected = copying.rows(once)
        assert expected
        for _ in range(40):  # articles come and go, and say something else for a while
            site = chance.choice(list(whole))
            some = chance.sample(whole[site], chance.randrange(len(whole[site]) + 1))
            if some and chance.random() < 0.3:
                some[0] = history(some[0].article.url, [passage(chance)], [one.text for one in some[0].article.blocks])
            write(bit, site, some)
            assert copies.wrong(bit.conn, passages, site) == []
        for site in chance.sample(list(whole), len(whole)):
            write(bit, site, whole[site])
        assert copying.rows(bit) == expected
        assert [copies.wrong(bit.conn, passages, site) for site in whole] == [[]] * len(whole)


def test_what_is_unchanged_is_not_read_again(db: Database, chance: random.Random) -> None:
    whole = [history(url(A, number), [passage(chance)]) for number in range(3)]
    write(db, A, whole)
    said: list[str] = []
    db.conn.set_trace_callback(said.append)
    write(db, A, whole)
    db.conn.set_trace_callback(None)
    assert not [one for one in said if one.startswith(("insert", "update", "delete")) and "passage" in one]


def test_other_keys_are_made_anew(db: Database, chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    text = passage(chance)
    write(db, A, [history(url(A), [text])])
    write(db, B, [history(url(B), [text])])
    before = copying.rows(db)
    db.conn.execute("update passage_keys set key = key + 1")
    db.conn.execute("delete from copies")
    monkeypatch.setattr(passages, "KEYS", "another")
    write(db, "c.example", [])
    assert copying.rows(db) == before
    assert copies.wrong(db.conn, passages, A) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "first"),
    [
        (history(url(A), ["{}"], days=[3]), history(url(B), ["{}"], days=[5]), A),
        (history(url(A), ["{}"], days=[3]), history(url(B), ["{}"], days=[3]), ""),
        (history(url(A), ["{}"], days=[3]), history(url(B), ["{}"], days=[3], published_on="2025-06-01"), B),
        (history(url(A), ["{}"], days=[3]), history(url(B), ["{}"], days=[5], published_on="2025-06-01"), B),
        # What came into an old page later is as old as its coming.
        (history(url(A), ["{}"], days=[3]), history(url(B), ["前"], ["{}"], days=[1, 5], published_on="2025-06-01"), A),
    ],
)
def test_who_had_it_first(db: Database, chance: random.Random, mine: History, theirs: History, first: str) -> None:
    text = passage(chance)
    for site, told in ((A, mine), (B, theirs)):
        revisions = [[block.text.format(text) for block in one.article.blocks] for one in told.revisions]
        days = [int(one.first_seen_at[8:10]) for one in told.revisions]
        write(db, site, [history(url(site), *revisions, published_on=told.article.published_on, days=days)])
    (copy,) = reader.Reader(db.conn).copies()
    assert copy.first == (url(first) if first else "")
    assert copy.url == (copy.first or url(A))
    (group,) = reader.together([copy])
    assert group.first == copy.first
    assert reader.Reader(db.conn).copies(site=B) == [copy]
    assert reader.Reader(db.conn).copies(site="c.example") == []
    with pytest.raises(NotFound):
        reader.Reader(db.conn).copies(url("c.example"))


def test_a_withdrawn_page_leaves_none(db: Database, chance: random.Random) -> None:
    text = passage(chance)
    for site in (A, B):
        shown = [(number, page(number, 0)) for number in range(4)]
        shown[2] = (2, shown[2][1].replace(b"</h1>", f"</h1><p>{text}</p>".encode()))
        fill(db, [capture(url(site, number), at(0, number), body) for number, body in shown])
    deriving.derive(db)
    assert {url(A, 2), url(B, 2)} <= {end for pair in copying.found_pairs(db) for end in pair}

    def derive(site_id: int) -> None:
        deriving.derive(db, [site_id], force=True)

    withdrawal.withdraw(db, url(B, 2), "", "request", derive)
    assert text not in "".join(text for row in copying.rows(db) for text in map(str, row))
    assert not [pair for pair in copying.found_pairs(db) if url(B, 2) in pair]
    assert db.conn.execute("select count(*) from copies_due").fetchone() == (0,)
    assert check(db) == []


def test_a_check_finds_wrong_copies_and_a_rebuild_mends_them(aozora: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(aozora.read_bytes())
    damages = (
        "delete from copies where passage_id = (select min(passage_id) from copies)",
        "update copies set similarity = 0.5",
        "insert or replace into copies select 1, max(id), 0.9 from passages",
        "delete from passage_keys where passage_id = (select max(passage_id) from copies)",
    )
    with Database.open(path) as db:
        before = copying.rows(db)
        for damage in damages:
            db.conn.execute("begin")
            db.conn.execute(damage)
            problems = store_integrity.copy_differences(db.conn, clinic.SITE, passages)
            assert problems, damage
            assert all("rebuild" in one.mend for one in problems)
            db.conn.execute("rollback")
        for damage in damages:
            db.conn.execute(damage)
        assert any("copies of" in one.where for one in check(db))
        deriving.derive(db, force=True)
        assert copying.rows(db) == before
        assert store_integrity.copy_differences(db.conn, clinic.SITE, passages) == []


def test_the_command_lists_them(aozora: Path) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--db", str(aozora), "copies", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    (told,) = json.loads(GOLDEN.read_text(encoding="utf-8"))
    target = clinic.HOST + told["path"]
    for arguments in ((), (target,), ("--site", clinic.SITE), ("--limit", "1")):
        shown = run(*arguments)
        assert "first seen 2025-10-20  published 2025-10-18" in shown
        assert shown.index(told["copied_from"]) < shown.index(told["path"])
        assert "1 passage" in shown
    (line,) = run("--json", target).splitlines()
    assert list(json.loads(line)) == [
        "url", "title", "site", "text", "other_url", "other_title", "other_site", "other_text", "similarity",
        "first_at", "other_first_at", "published_on", "other_published_on", "first",
    ]  # fmt: skip


@pytest.mark.slow
def test_thirty_planted_copies_among_three_thousand_articles(db: Database) -> None:
    """All found and no false one; what an article costs does not grow with the archive (see benchmarks/copies.py)."""
    whole, pairs = copying.planted(random.Random(6), 3000, 30)
    for site, histories in whole.items():
        write(db, site, histories)
    assert copying.found_pairs(db) == pairs
    site = next(iter(whole))
    texts = [passage(random.Random(9)) for _ in range(5)]
    changed = [history(whole[site][0].article.url, texts), *whole[site][1:]]
    started = time.process_time()
    write(db, site, changed)
    assert time.process_time() - started < 0.2  # the whole site's digests with it
