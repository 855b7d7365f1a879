"""The ledger: what columns state with since and until, live, rebuilt and withdrawn, and the command that lists it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import deriving
import pytest
from command import archive
from evidence import at, capture, fill

from columnarchive.observations import KINDS, Line, ledger_entries, observe
from columnarchive.pipeline import derive
from columnarchive.reader import LedgerFilter, Reader
from columnarchive.records import Article, Block, LedgerEntry, Revision
from columnarchive.store import integrity, sites
from columnarchive.store.database import Database

URL = "https://clinic.example/column/{}/"
OWN = "当院では、膝の関節に針で薬剤を注射する治療を行っています。"
COST = "費用は1回33,000円です。"
RISKS = "注射した部位に痛みや腫れが出ることがあります。"
SHARED = "<p>院内の写真は入口の掲示板でもご覧になれます。</p>"


def html(title: str, *lines: str) -> bytes:
    body = "".join(f"<p>{line}</p>" for line in lines)
    return (
        f"<!doctype html><html lang=ja><head><meta charset=utf-8><title>{title}</title></head><body>"
        f"<nav><a href='/column/'>コラム</a></nav><article><h1>{title}</h1>{body}</article>"
        f"<footer>{SHARED}</footer></body></html>"
    ).encode()


FILL = "膝の軟骨は年齢とともに少しずつすり減り、階段の上り下りで気づく方が多くいらっしゃいます。"
VERSIONS = {
    1: [(OWN, COST, FILL), (OWN, "費用は1回35,000円です。", FILL), (OWN, FILL)],
    2: [(OWN, FILL), (OWN, RISKS, FILL), (OWN, RISKS, FILL, "効果には個人差があります。")],
    3: [(FILL, "季節の変わり目は、体を冷やさないようにお過ごしください。")] * 3,
}


@pytest.fixture
def db(tmp_path: Path) -> Database:
    opened = Database.open(tmp_path / "archive.db")
    for day in range(3):
        pages = [
            capture(URL.format(number), at(day * 3, number), html(f"膝の話{number}", *texts[day]))
            for number, texts in VERSIONS.items()
        ]
        fill(opened, pages)
        deriving.derive(opened)
    return opened


def entries(db: Database, number: int, kind: str) -> list[tuple[object, ...]]:
    query = """select observations.text, since_revision, until_revision from observations join articles
        on articles.id = article_id where url = ? and kind = ? order by since_revision"""
    return list(db.conn.execute(query, (URL.format(number), kind)))


def test_entries_begin_and_end_with_their_revisions(db: Database) -> None:
    assert entries(db, 1, "cost") == [(COST, 1, 1), ("費用は1回35,000円です。", 2, 2)]
    assert entries(db, 2, "risks") == [(RISKS, 2, 0)]
    assert entries(db, 2, "own_treatment") == [(OWN, 1, 0)]
    assert not db.conn.execute(
        "select 1 from observations join articles on articles.id = article_id where url = ?", (URL.format(3),)
    ).fetchall()


def test_a_price_that_replaces_a_price_does_not_begin_a_disclosure(db: Database) -> None:
    query = "select stands, since_at, until_at <> '' from disclosures where url = ? and kind = ?"
    assert db.conn.execute(query, (URL.format(1), "cost")).fetchall() == [(0, at(0, 1), 1)]
    assert db.conn.execute(query, (URL.format(2), "risks")).fetchall() == [(1, at(3, 2), 0)]
    with Reader.open(db.path) as archive:
        viewed = {
            (url, kind): (bool(stands), since, until)
            for url, kind, stands, since, until in db.conn.execute(
                "select url, kind, stands, since_at, until_at from disclosures"
            )
        }
        read = {(o.url, o.kind): (o.stands, o.since_at, o.until_at) for o in archive.disclosures(LedgerFilter())}
    assert viewed == read


def test_what_stood_on_a_day_and_what_is_missing(db: Database) -> None:
    with Reader.open(db.path) as archive:
        then = archive.disclosures(LedgerFilter(kind="cost", at=at(4)))
        assert [(o.url, o.stands, [e.text for e in o.evidence]) for o in then] == [
            (URL.format(1), True, ["費用は1回35,000円です。"])
        ]
        missing = archive.disclosures(LedgerFilter(kind="risks", lacking=True))
        assert [(o.url, o.stands, o.where) for o in missing] == [(URL.format(1), False, "")]
        assert [o.url for o in archive.disclosures(LedgerFilter(kind="cost", lacking=True))] == [
            URL.format(1),
            URL.format(2),
        ]
        assert [o.url for o in archive.disclosures(LedgerFilter(kind="cost", at=at(0, 9), lacking=True))] == [
            URL.format(2)
        ]


def test_where_else_the_page_states_it(tmp_path: Path) -> None:
    """The template, the words on a picture, a page that was not read whole; a telephone number between the lines."""
    opened = Database.open(tmp_path / "archive.db")
    footer = "<footer><p>料金は初診3,300円、再診1,100円です。</p><p>院内の写真は掲示板でご覧になれます。</p></footer>"
    call = "<div class=cta><p>お電話でのご予約</p><p>000-987-6543</p></div>"
    own = "当院では、{}に針で薬剤を注射する治療を行っています。"
    pages = []
    for number, part in enumerate(("肩", "膝", "腰", "首")):
        body = f"<p>{own.format(part)}</p>{call}<p>{part}の動きは年齢とともに少しずつかたくなり、気づく方が多い。</p>"
        picture = "<img src=a.png alt='副作用とリスクの一覧'>" if number == 1 else ""
        page = f"<title>{part}の話</title><article><h1>{part}の話</h1>{body}{picture}</article>{footer}"
        pages.append(capture(URL.format(number), at(0, number), page.encode()))
    fill(opened, [*pages, replace(capture(URL.format(2), at(9), b""), outcome="truncated", body=None)])
    derive.derive(opened)
    with Reader(opened.conn) as archive:
        lacking = {
            kind: [one.where for one in archive.disclosures(LedgerFilter(kind=kind, lacking=True))]
            for kind in ("cost", "risks", "plan_number")
        }
        contact = archive.disclosures(LedgerFilter(kind="contact"))
    assert lacking == {
        "cost": ["template", "template", "unknown", "template"],
        "risks": ["", "picture", "unknown", ""],
        "plan_number": ["", "", "unknown", ""],
    }
    assert [one.evidence[0].words for one in contact] == [("000-987-6543",)] * 4
    assert opened.conn.execute("select distinct position from observations where kind = 'contact'").fetchall() == [(1,)]
    assert opened.conn.execute("select count(*) from articles where text like '%000-987%'").fetchone() == (0,)


def test_rebuilt_rows_are_those_of_the_crawl(db: Database) -> None:
    query = """select url, kind, observations.text, words, position, since_at, since_revision, until_at, until_revision
        from observations join articles on articles.id = article_id order by 1, 2, 3, 6"""
    before = db.conn.execute(query).fetchall()
    assert before
    (site_id,) = (site_id for site_id, _ in sites.all_sites(db))
    assert integrity.derived_differences(db.conn, site_id, derive.derive_site(db, site_id)) == []
    deriving.derive(db, force=True)
    assert db.conn.execute(query).fetchall() == before
    with db.transaction() as conn:
        conn.execute("update observations set text = 'x' where kind = 'cost'")
    assert integrity.derived_differences(db.conn, site_id, derive.derive_site(db, site_id))


def test_a_study_states_its_reliability(db: Database, tmp_path: Path) -> None:
    coded = tmp_path / "coded.csv"
    assert "1 column" in run(db.path, "sample", "1", "--seed", "7", "--csv", str(coded)).stdout
    first = coded.read_text("utf-8-sig")
    run(db.path, "sample", "3", "--seed", "7", "--csv", str(coded))
    with coded.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert first.splitlines()[:2] == coded.read_text("utf-8-sig").splitlines()[:2]
    truth = {URL.format(1): {"cost": "0", "content": "✓"}, URL.format(2): {"cost": "はい", "content": "–"}}
    with coded.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, **truth.get(row["url"], {})} for row in rows)
    lines = run(db.path, "agreement", str(coded), "--json").stdout.splitlines()
    found = {one["kind"]: one for one in map(json.loads, lines)}
    assert [found["cost"][name] for name in ("columns", "only_coder", "neither", "recall", "kappa")] == [2, 1, 1, 0, 0]
    assert [found["content"][name] for name in ("both", "only_software", "precision")] == [1, 1, 0.5]
    coded.write_text("url,cost\nhttps://clinic.example/column/1/,maybe\n")
    assert "maybe says neither" in run(db.path, "agreement", str(coded)).stderr


def test_a_statement_that_returns_is_a_new_entry() -> None:
    def revision(number: int, *lines: str) -> Revision:
        blocks = tuple(Block("paragraph", line) for line in lines)
        return Revision(number, at(number), at(number, 30), Article(URL.format(1), "膝の話", blocks), "rules")

    found = ledger_entries([revision(1, OWN, RISKS), revision(2, OWN), revision(3, RISKS, OWN)])
    assert [entry for entry in found if entry.kind == "risks"] == [
        LedgerEntry("risks", RISKS, found[0].words, 0, at(3), 3),
        LedgerEntry("risks", RISKS, found[0].words, 1, at(1), 1, at(1, 30), 1),
    ]


def run(db: Path, *arguments: str) -> CompletedProcess[str]:
    return archive("observations", *arguments, db=db)


def test_the_command(db: Database, tmp_path: Path) -> None:
    path = db.path
    lines = [json.loads(line) for line in run(path, "--json").stdout.splitlines()]
    keys = ["url", "site", "title", "kind", "stands", "since_at", "last_seen_at", "until_at", "where", "evidence"]
    assert lines
    assert all(list(line) == keys for line in lines)
    assert all(list(e) == ["text", "words", "since_at", "until_at"] for line in lines for e in line["evidence"])
    (missing,) = [json.loads(line) for line in run(path, "--missing", "risks", "--json").stdout.splitlines()]
    assert (missing["url"], missing["stands"]) == (URL.format(1), False)
    assert "✓ since" in run(path, URL.format(2), "--kind", "risks").stdout
    assert run(path, "--kind", "nothing").returncode == 1
    out = tmp_path / "codes.csv"
    assert run(path, "--csv", str(out)).returncode == 0
    table = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert [row["risks"][:1] for row in table] == ["–", "✓", "–"]
    assert set(KINDS) < set(table[0])


def test_a_coding_sheet_as_a_workbook(db: Database, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter", reason="needs the extra `formats`")
    assert run(db.path, "--xlsx", str(tmp_path / "codes.xlsx")).returncode == 0
    assert (tmp_path / "codes.xlsx").read_bytes()[:2] == b"PK"


def test_a_withdrawn_page_leaves_no_observation(db: Database) -> None:
    done = archive("withdraw", URL.format(1), "--reason", "x", "--yes", db=db.path)
    assert done.returncode == 0, done.stderr
    assert entries(db, 1, "cost") == []
    assert db.conn.execute("select count(*) from observations where text like '%000円%'").fetchone() == (0,)
    assert entries(db, 2, "risks")


def test_the_seed_page(shared: Path) -> None:
    lines = (shared / "corpus" / "seed-page.txt").read_text("utf-8").split("\n")
    found = {o.kind for o in observe([Line(line) for line in lines])}
    assert {"own_treatment", "risks", "risk_denial", "effect_hedge", "supervisor"} <= found
    assert not {"cost", "self_pay", "plan_number"} & found
