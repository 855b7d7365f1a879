"""The git repository, read back by git: a commit per revision at its date, incremental, nothing withdrawn kept."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import clinic
import clinic_archive
import pytest
import yaml
from command import forked
from reading import opened
from test_export_text import rendered

from columnarchive.errors import ExchangeError
from columnarchive.exchange import git as repo_of
from columnarchive.exchange import markdown
from columnarchive.pipeline import withdrawal
from columnarchive.pipeline.export import ExportRequest
from columnarchive.pipeline.export import export as publish
from columnarchive.store.database import Database


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clinic_archive.path(tmp_path_factory)


def export(db: Path, folder: Path) -> str:
    with opened(db) as conn:
        return str(publish(conn, ExportRequest("git", folder)))


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def log(folder: Path) -> list[list[str]]:
    form = "%(trailers:key=Column,valueonly,separator=)%x09%an%x09%aI%x09%cI"
    return [line.split("\t") for line in git(folder, "log", "--reverse", f"--format={form}").splitlines()]


def history(db: Path) -> list[tuple[str, str, str]]:
    """What happened, in plain SQL: revisions, goings and returns."""
    return (
        sqlite3.connect(db)
        .execute(
            """select a.url, a.site, r.first_seen_at as at from revisions r join articles a on a.id = article_id
               union all select a.url, a.site, c.seen_at from changes c join articles a on a.id = article_id
               where from_number = to_number order by at, 1"""
        )
        .fetchall()
    )


STORY: dict[str, list[clinic_archive.Seen]] = {
    "/a/": ["最初の文。", "最初の文。", "直した文。", "直した文。"],
    "/b/": ["二つ目の文。", "", "", ""],  # its going is believed at the second 404, and dated by the first
    "/c/": ["移る文。", "移る文。", ("移る文。", "/moved/"), ("移る文。", "/moved/")],
    "/d/": ["消えて戻る文。", "", "", "消えて戻る文。"],
}


def until(target: Path, day: int) -> Path:
    """The story's archive as it stood at the end of a day."""
    return clinic_archive.written(target, {name: seen[:day] for name, seen in STORY.items()})


def test_each_revision_is_a_commit_at_its_date_by_its_site(db: Path, tmp_path: Path) -> None:
    count = len(history(db))
    assert export(db, tmp_path / "repo") == f"{count} commits in {tmp_path / 'repo'}, {count} of them new."
    found = [
        (url, who, datetime.fromisoformat(at).timestamp(), datetime.fromisoformat(committed).timestamp())
        for url, who, at, committed in log(tmp_path / "repo")
    ]
    moments = [(url, site, datetime.fromisoformat(at).timestamp()) for url, site, at in history(db)]
    assert found == [(url, site, moment, moment) for url, site, moment in moments]
    git(tmp_path / "repo", "fsck", "--strict")
    assert git(tmp_path / "repo", "status", "--porcelain") == ""


def test_each_commit_is_its_revision_and_no_other(db: Path, tmp_path: Path) -> None:
    """Author, date, number, front matter and text of every commit against every revision, in plain SQL."""
    repo = tmp_path / "repo"
    export(db, repo)
    form = "%H%x09%an%x09%at%x09" + "%x09".join(
        f"%(trailers:key={key},valueonly,separator=)" for key in ("Column", "Revision", "Seen")
    )
    shown = [line.split("\t") for line in git(repo, "log", "--reverse", f"--format={form}").splitlines()]
    found, gone = [], 0
    for commit, author, at, url, number, seen in shown:
        path = f"{markdown.folder_name(author)}/{markdown.file_name(url)}"
        (changed,) = git(repo, "show", "--format=", "--no-renames", "--name-status", commit).splitlines()
        assert changed.split("\t")[1] == path
        if changed.startswith("D"):
            gone += 1
            continue
        _, front, text = git(repo, "show", f"{commit}:{path}").split("---\n", 2)
        facts = yaml.safe_load(front)
        assert (facts["url"], facts["site"]) == (url, author)
        fields = ("title", "published_on", "modified_on", "author", "supervisor")
        assert set(facts) == {"url", "site", *fields}
        said = rendered(text).replace(" ", "")
        found.append((seen, int(number), url, author, int(at), *(facts[field] for field in fields), said))

    texts = """(select group_concat(text, char(10)) from (select text from revision_passages join passages
               on passages.id = passage_id where revision_id = r.id order by position))"""
    rows = sqlite3.connect(db).execute(
        f"""select r.first_seen_at, r.number, a.url, a.site, unixepoch(r.first_seen_at), r.title, r.published_on,
                   r.modified_on, r.author, r.supervisor, r.title || char(10) || {texts}
            from revisions r join articles a on a.id = article_id
            union all
            select c.seen_at, r.number, a.url, a.site, unixepoch(c.seen_at), r.title, r.published_on, r.modified_on,
                   r.author, r.supervisor, r.title || char(10) || {texts}
            from changes c join articles a on a.id = c.article_id
                           join revisions r on r.article_id = a.id and r.number = to_number
            where from_number = to_number and c.labels like '%"returned"%'"""
    )
    assert sorted(found) == sorted((*row[:-1], "".join(row[-1].split())) for row in rows)
    assert len(found) + gone == len(history(db)) > len(found) > 20


def test_a_day_before_1970_is_told_as_the_first_that_git_knows(tmp_path: Path) -> None:
    """A wrong clock, or an import, may say so; the true time stands in the message."""
    moments = (-86_400, -1, 0, 86_400)

    def steps() -> Iterator[repo_of.Commit]:
        for number, moment in enumerate(moments, 1):
            seen = (f"Seen: {datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}",)
            content = f"text {number}\n".encode
            yield repo_of.Commit(f"key{number}", "https://c.example/", "c.example", moment, "said", (), seen, content)

    source = repo_of.History(steps, lambda url: repo_of.CurrentAddress(url, 86_400))
    for new in (4, 0):
        done = repo_of.update_repository(tmp_path / "repo", source, lambda _: None)
        assert done == repo_of.RepositoryUpdate(new, 4, False)
    git(tmp_path / "repo", "fsck", "--strict")
    assert git(tmp_path / "repo", "log", "--reverse", "--format=%at %ct").split() == ["0"] * 6 + ["86400"] * 2
    assert "Seen: 1969-12-31T00:00:00Z" in git(tmp_path / "repo", "log", "--format=%B")


def test_the_files_are_what_stands_and_the_log_tells_the_story(db: Path, tmp_path: Path) -> None:
    export(db, tmp_path / "repo")
    standing = sqlite3.connect(db).execute("select url from articles where state <> 'gone'")
    files = [path.name for path in (tmp_path / "repo").rglob("*.md")]
    assert sorted(files) == sorted(markdown.file_name(url) for (url,) in standing)
    url = f"{clinic.HOST}/column/kanshitsusei-haien/"
    path = f"{clinic.SITE}/{markdown.file_name(url)}"
    kinds = git(tmp_path / "repo", "log", "--reverse", "--no-renames", "--format=", "--name-status", "--", path)
    assert [line[0] for line in kinds.split("\n") if line] == ["A", "D", "A"]
    (gone,) = sqlite3.connect(db).execute("select old_text from edits where op = 'removed' limit 1").fetchone()
    assert "-" + gone[:12] in git(tmp_path / "repo", "log", "-p", "--format=")


def test_what_is_new_is_appended_and_the_tree_is_as_if_exported_at_once(tmp_path: Path) -> None:
    """Day by day, over an article that moved and one whose going was believed later than it was seen."""
    heads = []
    for day in (1, 2, 3, 4):
        said = export(until(tmp_path / f"{day}.db", day), tmp_path / "daily")
        assert "anew" not in said, day
        heads.append(git(tmp_path / "daily", "rev-parse", "main").strip())
    for older, newer in pairwise(heads):
        git(tmp_path / "daily", "merge-base", "--is-ancestor", older, newer)
    assert len(set(heads)) == 3  # nothing was certain on the second day
    assert export(tmp_path / "4.db", tmp_path / "daily").endswith(" 0 of them new.")
    export(tmp_path / "4.db", tmp_path / "at-once")
    trees = {git(tmp_path / name, "rev-parse", "main^{tree}") for name in ("daily", "at-once")}
    assert len(trees) == 1
    moved = git(tmp_path / "daily", "log", "-1", "--format=%s", "--grep=Moved-From").strip()
    assert moved == "Moved: https://clinic.example/c/ → https://clinic.example/moved/"
    steps = [git(tmp_path / name, "log", "--format=%aI %s", "--grep=^Seen:") for name in ("daily", "at-once")]
    assert sorted(steps[0].splitlines()) == sorted(steps[1].splitlines())


def test_the_same_archive_gives_the_same_commits(db: Path, tmp_path: Path) -> None:
    export(db, tmp_path / "a")
    export(clinic_archive.copied(db, tmp_path / "b.db"), tmp_path / "b")
    assert git(tmp_path / "a", "rev-parse", "main") == git(tmp_path / "b", "rev-parse", "main")


def test_a_past_that_differs_is_written_anew(tmp_path: Path) -> None:
    """An import brings an older text than the first one known."""
    clinic_archive.written(tmp_path / "late.db", {"/a/": ["", "直した文。"]})
    clinic_archive.written(tmp_path / "whole.db", {"/a/": ["最初の文。", "直した文。"]})
    export(tmp_path / "late.db", tmp_path / "repo")
    assert "rewritten" in export(tmp_path / "whole.db", tmp_path / "repo")
    export(tmp_path / "whole.db", tmp_path / "fresh")
    assert git(tmp_path / "repo", "rev-parse", "main") == git(tmp_path / "fresh", "rev-parse", "main")


def test_what_was_withdrawn_is_in_no_object_any_more(db: Path, tmp_path: Path) -> None:
    path = clinic_archive.copied(db, tmp_path / "a.db")
    export(path, tmp_path / "repo")
    url = clinic_archive.WITHDRAWN
    with Database.open(path) as open_db:
        (said,) = open_db.conn.execute("select text from articles where url = ?", (url,)).fetchone()
        withdrawal.withdraw(open_db, url, "", "a test", lambda _: clinic_archive.derive_here(open_db))
    sentence = max(said.split("\n"), key=len)[:30]

    def everything() -> bytes:
        command = ["git", "-C", str(tmp_path / "repo"), "cat-file", "--batch", "--batch-all-objects"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    assert sentence.encode() in everything()
    assert "rewritten" in export(path, tmp_path / "repo")
    assert sentence.encode() not in everything()
    assert url.encode() not in everything()
    assert not list((tmp_path / "repo").rglob(markdown.file_name(url)))
    git(tmp_path / "repo", "fsck", "--strict")


def test_an_archive_emptied_empties_the_repository(db: Path, tmp_path: Path) -> None:
    export(db, tmp_path / "repo")
    with Database.open(tmp_path / "empty.db"):
        pass
    assert export(tmp_path / "empty.db", tmp_path / "repo").startswith("0 commits")
    assert not list((tmp_path / "repo").rglob("*.md"))
    assert git(tmp_path / "repo", "count-objects", "-v").startswith("count: 0")
    assert export(db, tmp_path / "repo").startswith(f"{len(history(db))} commits")


def test_a_kill_leaves_the_branch_as_it_was(tmp_path: Path) -> None:
    """The process dies when some commits were handed to git, and before git was told that it has all."""
    first, db = until(tmp_path / "first.db", 1), until(tmp_path / "all.db", 4)
    export(first, tmp_path / "repo")
    before = git(tmp_path / "repo", "rev-parse", "main")
    script = """
import os, signal, sys
from pathlib import Path
from columnarchive import reader
from columnarchive.pipeline.export import ExportRequest, export as publish
def killed(done, note):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
with reader.Reader.open(Path(sys.argv[1])) as archive:
    conn = archive.conn
    publish(conn, ExportRequest("git", Path(sys.argv[2])), killed)
"""
    done = forked(script, db, tmp_path / "repo")
    assert done.returncode == -signal.SIGKILL
    assert git(tmp_path / "repo", "rev-parse", "main") == before
    assert export(db, tmp_path / "repo") == f"9 commits in {tmp_path / 'repo'}, 5 of them new."


def test_folders_that_are_not_ours_are_refused(db: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(ExchangeError, match="holds other things"):
        export(db, tmp_path / "mine")
    export(db, tmp_path / "repo")
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    git(tmp_path / "repo", *who, "commit", "-q", "--allow-empty", "-m", "mine")
    with pytest.raises(ExchangeError, match="no export wrote"):
        export(db, tmp_path / "repo")


def test_the_users_own_git_settings_play_no_part(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when started from a hook of another repository, with hooks, signing and line ends set."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
        (hooks / name).chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"[core]\nhooksPath = {hooks}\nautocrlf = true\n[commit]\ngpgSign = true\n[init]\ndefaultBranch = other\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(settings.read_text())
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere-index"))
    export(db, tmp_path / "repo")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "elsewhere").exists()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
    assert git(tmp_path / "repo", "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    export(db, tmp_path / "plain")
    assert git(tmp_path / "repo", "rev-parse", "main") == git(tmp_path / "plain", "rev-parse", "main")
    assert b"\r\n" not in next((tmp_path / "repo").rglob("*.md")).read_bytes()


def test_git_missing_is_said_in_a_sentence(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExchangeError, match="git is not installed"):
        export(db, tmp_path / "repo")


def test_the_labels_and_the_summary_stand_in_the_message(db: Path, tmp_path: Path) -> None:
    export(db, tmp_path / "repo")
    said = git(tmp_path / "repo", "log", "--format=%B")
    for summary, labels in sqlite3.connect(db).execute("select summary, labels from changes where level = 3"):
        assert " ".join(summary.split())[:40] in said
        assert ", ".join(json.loads(labels)) in said
