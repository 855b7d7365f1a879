"""Pages of documentation: their queries run, their commands exist, their links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import clinic_archive
import pytest
from reading import opened
from typer.main import get_command

from columnarchive.cli.app import app
from columnarchive.cli.maintenance import EXPORTS
from columnarchive.config import load
from columnarchive.pipeline.notifications import load_hooks
from columnarchive.store import snapshot

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]

ROOT = Path(__file__).resolve().parent.parent
SQL = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.+?)```", SQL, re.DOTALL)
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "README.ja.md"])


@pytest.mark.parametrize("number", range(15))
def test_each_query_finds_something_in_the_clinic(tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    assert len(QUERIES) == 15
    path = clinic_archive.path(tmp_path_factory)
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    if "join copies" in QUERIES[number] or "from copies" in QUERIES[number]:
        (copies,) = conn.execute("select count(*) from copies").fetchone()
        if not copies:
            conn.execute(QUERIES[number])
            return
    assert conn.execute(QUERIES[number]).fetchall()


def test_each_table_named_exists_with_its_columns(tmp_path_factory: pytest.TempPathFactory) -> None:
    conn = sqlite3.connect(clinic_archive.path(tmp_path_factory))
    tables = {name for (name,) in conn.execute("select name from sqlite_master where type = 'table'")}
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|(.+)$", SQL, re.MULTILINE)
    assert len(rows) == 14
    for named, said in rows:
        own = re.findall(r"\w+", named)
        assert set(own) <= tables
        columns = {row[1] for name in own for row in conn.execute(f"pragma table_info({name})")}
        meant = [word for word in re.findall(r"`(\w+)`", said) if word not in ("data",)]
        assert set(meant) <= columns, own


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_shown_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"`archive (\w[^`\n]*)`", text)
    for block in re.findall(r"```console\n(.+?)```", text, re.DOTALL):
        shown += re.findall(r"^\s*\$ archive (\w.*)$", block, re.MULTILINE)
    for line in shown:
        name, *words = shlex.split(line, comments=True)
        assert name in COMMANDS, line
        options = {option for parameter in COMMANDS[name].params for option in getattr(parameter, "opts", [])}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_shown_are_valid(page: Path, tmp_path: Path) -> None:
    for block in re.findall(r"```toml\n(.+?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        file = tmp_path / "sites.toml"
        file.write_text(block, encoding="utf-8")
        assert load(file).sites or load_hooks(load(file)) or load(file).digests


@pytest.mark.slow
def test_the_schedule_shown_in_both_languages_is_one_and_is_quiet_unless_something_changed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The line of the crontab, run by a plain shell with cron's bare environment."""
    lines = {
        re.sub(r"/home/\w+/", "/home/me/", line)
        for name in ("README.md", "README.ja.md")
        for line in re.findall(r"^ *\d+ \d+ \* \* \*  (.+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    }
    (line,) = lines
    assert "%" not in line, "a new line in a crontab"
    (tmp_path / "data").mkdir()
    program = tmp_path / "archive"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m columnarchive "$@"\n')
    program.chmod(0o755)
    command = line.replace("/home/me/columnarchive", str(tmp_path))
    setting = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}

    def mailed() -> str:
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, env=setting)
        return (done.stdout + done.stderr).decode("utf-8")

    assert mailed().startswith("archive: No site is monitored yet")
    path = clinic_archive.copied(clinic_archive.path(tmp_path_factory), tmp_path / "data" / "archive.db")
    with sqlite3.connect(path) as conn:
        conn.execute("update pages set next_visit_at = '9999-01-01T00:00:00Z'")
        conn.execute("update sites set start_url = 'http://127.0.0.1:9/column/'")
        conn.execute("insert or replace into meta(key, value) values ('contact', 'me@example.org')")
    assert "claim_softened" in mailed()
    assert mailed() == ""
    log = (tmp_path / "data" / "crawl.log").read_text(encoding="utf-8").splitlines()
    at = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ  "
    assert log[1].startswith("archive: No site")
    assert len(log) > 3
    # Each line has its time, and an error's sentence, which is mailed as it is, stands below a line that has.
    for before, line in zip(["", *log], log, strict=False):
        ended = re.fullmatch(at + "ended by an error:", before) and line.startswith("archive: ")
        assert ended or re.match(at, line), log


def test_readme_names_each_format_and_each_column_of_its_tables(tmp_path_factory: pytest.TempPathFactory) -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Formats\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`\w+ .+?) \|", section, re.MULTILINE)
    shown = {name for row in rows for name in re.findall(r"`(\w+) ", row)}
    assert shown - {"archive"} == set(EXPORTS)
    words = " ".join(section.split())
    with opened(clinic_archive.path(tmp_path_factory)) as conn:
        chosen = snapshot.selection(conn)
        for name in ("articles", "revisions", "edits"):
            columns = ", ".join(snapshot.table(conn, chosen, name)[0])
            assert re.search(rf"`{name}`(?: has)? `{columns}`", words), columns
