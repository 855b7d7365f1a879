"""The command: output, JSON contract, exit codes and sentences for what cannot be done."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import clinic
import clinic_archive
import deriving
import pytest
from command import archive
from evidence import at, capture, fill, page

from columnarchive.store.database import Database

NANBYO = clinic.HOST + "/column/nanbyo-kansaibou/"


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clinic_archive.copy(tmp_path_factory)


def test_search_in_json(db: Path) -> None:
    hits = rows(archive("search", "難病", "--json", db=db))
    assert hits[0]["url"] == NANBYO
    keys = ["url", "site", "title", "published_on", "revision", "removed", "snippet", "highlights", "rank"]
    assert list(hits[0])[: len(keys)] == keys
    for hit in hits:
        for start, end in hit["highlights"]:  # type: ignore[attr-defined]
            assert hit["snippet"][start:end] == "難病"  # type: ignore[index]
    assert archive("search", "難病", "--count", db=db).stdout == f"{len(hits)}\n"


def test_removed_claims_are_found_and_told_apart(db: Path) -> None:
    (hit,) = rows(archive("search", "必ず治ります", "--json", db=db))
    assert (hit["url"], hit["removed"]) == (NANBYO, True)
    assert rows(archive("search", "必ず治ります", "--current", "--json", db=db)) == []
    assert len(rows(archive("search", "必ず治ります", "--removed", "--json", db=db))) == 1


def test_a_mark_ends_where_the_match_ends_in_a_text_with_invisible_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Database.open(path) as opened:
        body = page(9).replace(b"</h1>", "</h1><p>椎\u200b間&shy;板の手術の話です。</p>".encode())
        fill(opened, [capture("https://clinic.example/column/9/", at(1), body)])
        deriving.derive(opened)
    assert "【椎間板の手術】の話です。" in archive("search", '"椎間板の手術"', db=path).stdout


def test_output_without_a_terminal_has_no_codes_and_marks_the_hits(db: Path) -> None:
    told = archive("search", "必ず治ります", db=db).stdout
    assert "【必ず治ります】" in told
    assert "\x1b" not in told
    nothing = archive("search", "存在しない語", db=db)
    assert nothing.returncode == 0
    assert "No article among" in nothing.stdout


def test_history_diff_and_show(db: Path) -> None:
    history = rows(archive("history", NANBYO, "--json", db=db))
    keys = ["number", "first_seen_at", "last_seen_at", "title", "characters", "fingerprint"]
    assert list(history[0])[: len(keys)] == keys
    assert [row["number"] for row in history] == [1, 2]
    (diff,) = rows(archive("diff", NANBYO, "--format", "json", db=db))
    assert (diff["from"], diff["to"]) == (1, 2)
    for edit in diff["edits"]:  # type: ignore[attr-defined]
        spans = edit["spans"]
        assert "".join(span["text"] for span in spans if span["op"] != "insert") == edit["old"]
        assert "".join(span["text"] for span in spans if span["op"] != "delete") == edit["new"]
    by_day = archive("diff", NANBYO, "2025-12-31", "2026-01-31", "--format", "json", db=db)
    assert rows(by_day)[0]["edits"] == diff["edits"]
    then = rows(archive("show", NANBYO, "--at", "2025-12-31", "--format", "json", db=db))[0]
    assert "必ず治ります" in str(then["text"])
    assert "必ず治ります" not in archive("show", NANBYO, db=db).stdout
    stored = subprocess.run(
        [sys.executable, "-m", "columnarchive", "--db", str(db), "show", NANBYO, "-r", "1", "-f", "html"],
        capture_output=True,
        check=True,
    ).stdout
    assert b"<html" in stored


def test_other_spellings_on_demand(db: Path) -> None:
    assert archive("search", "カンゾウ", "--count", db=db).stdout == "0\n"
    plain, folded = (archive("search", "ガン", *more, "--count", db=db).stdout for more in ((), ("--fold", "kana")))
    assert int(folded) > int(plain)
    sentence(archive("search", "ガン", "--fold", "nothing", db=db), "choose from")


def test_an_evidence_sheet_and_its_records(db: Path, tmp_path: Path) -> None:
    page, records = archive("evidence", NANBYO, "--out", tmp_path, db=db).stdout.splitlines()
    text = Path(page).read_text(encoding="utf-8")
    (status,) = rows(archive("status", "--json", db=db))
    assert str(status["head"]) in text
    assert "必ず治ります" in text
    fresh = tmp_path / "again.db"
    assert archive("import", records, db=fresh).returncode == 0
    assert {row["body_sha256"] for row in rows(archive("captures", NANBYO, "--json", db=fresh))} <= set(
        re.findall(r"[0-9a-f]{64}", text)
    )


def test_what_was_told_is_not_told_again(db: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.db"
    own.write_bytes(db.read_bytes())
    every = rows(archive("changes", "--json", db=own))
    assert rows(archive("changes", "--since", "last", "--json", db=own)) == every
    assert rows(archive("changes", "--since", "last", "--json", db=own)) == []


def test_changes_in_json(db: Path) -> None:
    found = rows(archive("changes", "--json", "--label", "price", db=db))
    keys = ["url", "site", "title", "from", "to", "after_at", "seen_at", "level", "labels", "added_chars"]
    assert list(found[0]) == [*keys, "removed_chars", "summary", "review", "note", "initials"]
    assert all("price" in row["labels"] for row in found)  # type: ignore[operator]
    assert len(rows(archive("changes", "--json", "--since", "2026-04-01", db=db))) < len(
        rows(archive("changes", "--json", db=db))
    )
    assert "Datasette" not in archive("changes", "--level", "3", db=db).stdout


def test_a_site_that_is_not_followed_is_said_so(db: Path, tmp_path: Path) -> None:
    for command in (
        ["search", "難病"], ["search", "難病", "--count"], ["copies"], ["changes"], ["rebuild"],
        ["export", "jsonl", tmp_path / "out"], ["export", "warc", tmp_path / "out.warc"],
    ):  # fmt: skip
        sentence(archive(*command, "--site", "nope", db=db), "There is no site")
    host = clinic.HOST.partition("://")[2]
    assert rows(archive("search", "難病", "--site", host, "--json", db=db))


def test_captures_sites_status_blame(db: Path) -> None:
    gone = clinic.HOST + "/column/kanshitsusei-haien/"
    visits = rows(archive("captures", gone, "--json", db=db))
    assert [row["outcome"] for row in visits] == ["ok", "missing", "ok"]
    assert {"url", "fetched_at", "status", "outcome", "final_url", "body_sha256", "error"} <= set(visits[0])
    assert rows(archive("captures", gone.replace("clinic.", "Clinic.") + "#top", "--json", db=db)) == visits
    unknown = archive("captures", clinic.HOST + "/column/never/", db=db)
    assert unknown.returncode == 1
    assert "does not know" in unknown.stderr
    assert rows(archive("sites", "--json", db=db))[0]["name"] == clinic.SITE
    assert rows(archive("status", "--json", db=db))[0]["head"]
    blame = rows(archive("blame", NANBYO, "--json", db=db))
    assert any(row["since_revision"] == 2 and row["before_text"] for row in blame)
    for command in (["captures", gone], ["sites"], ["status"], ["blame", NANBYO], ["history", gone], ["diff", NANBYO]):
        done = archive(*command, db=db)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_extract_and_diff_of_saved_files() -> None:
    site = clinic.dated_sites()[0].folder
    page = site / "column/nanbyo-kansaibou/index.html"
    (found,) = rows(archive("extract", page, "--site-dir", site, "--json"))
    golden = json.loads(
        (Path(__file__).parent.parent / "fixtures/golden/articles/2025-10-20/nanbyo-kansaibou.json").read_text("utf-8")
    )
    assert found["text"] == "\n".join(block["text"] for block in golden["blocks"])
    assert (found["title"], found["published_on"]) == (golden["title"], golden["published_on"])
    later = clinic.dated_sites()[1].folder / "column/nanbyo-kansaibou/index.html"
    told = archive("diff", page, later, "--format", "text")
    assert told.returncode == 0, told.stderr
    assert "必ず治ります" in told.stdout
    assert str(later) in archive("diff", page, later, "--format", "html").stdout


def test_a_difference_as_a_page_names_the_days(db: Path) -> None:
    page = archive("diff", NANBYO, "--format", "html", db=db).stdout
    assert re.search(r"<th>revision 1 \(\d{4}-\d\d-\d\d\)</th><th>revision 2 ", page)
    assert '<p class="same heading">' in page


def sentence(done: subprocess.CompletedProcess[str], said: str) -> None:
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert done.stderr.startswith("archive: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_bad_input_ends_in_one_sentence(db: Path, tmp_path: Path) -> None:
    no_database = tmp_path / "text.db"
    no_database.write_text("just text, and more of it than a header has" * 9)
    picture = tmp_path / "picture.html"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20)
    sentence(archive("search", "難病", db=no_database), "is not a database")
    sentence(archive("status", db=tmp_path / "none.db"), "no archive at")
    sentence(archive("search", "", db=db), "query is empty")
    sentence(archive("search", "  \u3000 ", db=db), "query is empty")
    sentence(archive("extract", picture), "is not a web page")
    sentence(archive("extract", tmp_path / "absent.html"), "cannot be read")
    sentence(archive("history", clinic.HOST + "/nowhere/", db=db), "does not know")
    sentence(archive("history", "これはURLではない", db=db), "not a web address")
    sentence(archive("show", NANBYO, "--revision", "9", db=db), "no revision 9")
    sentence(archive("changes", "--since", "soon", db=db), "is not a date")
    sentence(archive("import", tmp_path / "absent.warc", db=db), "no file")
    newer = tmp_path / "newer.db"
    with Database.open(newer) as opened:
        opened.conn.execute(
            "insert into _sqlite_migrations(migration_set, name, applied_at) values ('columnarchive', '9999_later', '')"
        )
    sentence(archive("status", db=newer), "newer columnarchive")


def test_wrong_usage_is_exit_2(db: Path) -> None:
    assert archive("search", db=db).returncode == 2
    assert archive("nonsense", db=db).returncode == 2
    assert archive("show", NANBYO, "--no-such-option", db=db).returncode == 2


def test_hostile_text_does_not_reach_the_terminal(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<html><head><meta charset=utf-8><title>題名</title></head><body><h1>題名\x1b[31m</h1><p>"
        + "本文\x1b]0;x\x07の文章です。" * 30
        + "</p></body></html>",
        encoding="utf-8",
    )
    assert "\x1b" not in archive("extract", page).stdout


def test_check_knows_a_head_kept_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    heads = []
    with Database.open(path) as db:
        for day in (1, 2):
            fill(db, [capture("https://clinic.example/column/0/", at(day), page(0, day))])
            said = archive("status", "--json", db=path).stdout
            heads.append(json.loads(said)["head"])
    assert len(set(heads)) == 2
    for head in (*heads, ""):
        done = archive("check", "--head", head, db=path)
        assert done.returncode == 0, done.stdout + done.stderr
    other = archive("check", "--head", "0" * 64, db=path)
    assert other.returncode == 1
    assert "0" * 64 + " is no link of this archive's chain" in other.stdout
    with Database.open(path) as db, db.transaction() as conn:
        conn.execute("delete from captures where link_id = 2")
        conn.execute("delete from chain where id = 2")
    assert "is no link" in archive("check", "--head", heads[1], db=path).stdout
    assert "is no link" not in archive("check", "--head", heads[0], db=path).stdout


def test_what_was_withdrawn_is_told_with_its_day_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    url = "https://clinic.example/column/1/"
    with Database.open(path) as opened:
        fill(opened, [capture(f"https://clinic.example/column/{n}/", at(0, n), page(n, 0)) for n in range(4)])
        deriving.derive(opened)
    done = archive("withdraw", url, "--reason", "本人の求め", "--yes", db=path)
    assert done.stdout.startswith(f"1 capture and 1 body erased for good, of {url}."), done
    refused = archive("show", url, db=path)
    assert (refused.returncode, "shows when and why" in refused.stderr) == (1, True)
    assert re.search(r"withdrawn at 20\d\d-\S+Z: 本人の求め", archive("captures", url, db=path).stdout)
    assert rows(archive("captures", url, "--json", db=path))[0]["withdrawn_reason"] == "本人の求め"


def test_a_column_is_named_by_a_part_a_number_or_without_its_scheme(db: Path) -> None:
    shown = archive("show", NANBYO, db=db).stdout
    number = re.search(r"\[(\d+)\]", archive("search", "難病", "--limit", "1", db=db).stdout)
    assert number is not None
    for name in ("nanbyo-kansaibou", NANBYO.partition("://")[2], "難病と幹細胞", number[1]):
        assert archive("show", name, db=db).stdout == shown, name
    several = archive("show", "column/", db=db)
    assert several.returncode == 1
    assert several.stderr.startswith("archive: Several columns have 'column/'; name one of them:")


def test_wrong_words_are_named_in_the_language_of_the_user(db: Path) -> None:
    for arguments, english, japanese in (
        (["serch"], "did you mean `search`?", "「serch」というコマンドはありません"),
        (["show"], "URL is missing.", "URL がありません"),
        (["changes", "--levl", "2"], "There is no option --levl; did you mean", "というオプションはありません"),
        (["changes", "--label", "prise"], "There is no label 'prise'; did you mean `price`?", "という種類はありません"),
    ):
        assert english in archive(*arguments, db=db).stderr
        assert japanese in archive("--lang", "ja", *arguments, db=db).stderr
    assert "費用" in archive("changes", "--label", "費用", "--lang", "ja", db=db).stdout
