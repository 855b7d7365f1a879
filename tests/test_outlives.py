"""README's section on the file itself: its recipes read every body without us, its chain is the one that is made."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
from evidence import archive, at, capture, fill, patchwork

from columnarchive.store import blobs, hash_chain
from columnarchive.store.database import Database

SECTION = (
    (Path(__file__).resolve().parents[1] / "README.md")
    .read_text(encoding="utf-8")
    .split("## The file outlives this program")[1]
    .split("\n## ")[0]
)


def recipe(language: str) -> str:
    """A block of code of the section."""
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)[0]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An archive with bodies of every codec, on lines of several lengths."""
    with archive(tmp_path, pages=4, versions=18) as db:
        more = (capture(f"https://clinic.example/{each}/", at(20, each), patchwork(each)) for each in range(12))
        fill(db, list(more))
        yield db


def deepest(db: Database) -> list[str]:
    """Of each codec the bodies with most and with least below them."""
    rows = db.conn.execute("select codec, sha256 from bodies order by codec, depth, sha256").fetchall()
    kinds = [[sha256 for _, sha256 in members] for _, members in groupby(rows, key=lambda row: row[0])]
    assert len(kinds) == 3
    return [sha256 for members in kinds for sha256 in (members[0], members[-1])]


def test_the_python_recipe_reads_bodies_without_us(db: Database, tmp_path: Path) -> None:
    script = tmp_path / "recipe.py"
    script.write_text(recipe("python"), encoding="utf-8")
    for sha256 in deepest(db):
        done = subprocess.run(
            [sys.executable, "-I", str(script), str(db.path), sha256], capture_output=True, check=True, cwd=tmp_path
        )
        assert hashlib.sha256(done.stdout).hexdigest() == sha256


def test_the_shell_recipe_reads_bodies_without_us(db: Database, tmp_path: Path) -> None:
    if not shutil.which("zstd"):
        pytest.skip("needs the command zstd")
    if not shutil.which("sqlite3"):
        # What the two queries of the recipe do, for machines that have Python's SQLite only.
        stand_in = tmp_path / "sqlite3"
        stand_in.write_text(f"#!{sys.executable}\n{STAND_IN}", encoding="utf-8")
        stand_in.chmod(0o755)
    for sha256 in deepest(db):
        done = subprocess.run(
            ["sh", "-ec", f'PATH="{tmp_path}:$PATH"\n{recipe("sh")}\nget {sha256}'],
            env={"DB": str(db.path), "PATH": "/usr/local/bin:/usr/bin:/bin"}, cwd=tmp_path, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert hashlib.sha256((tmp_path / sha256).read_bytes()).hexdigest() == sha256


STAND_IN = """
import pathlib, sqlite3, sys
conn = sqlite3.connect(sys.argv[1])
conn.create_function("writefile", 2, lambda name, data: pathlib.Path(name).write_bytes(data))
for row in conn.execute(sys.argv[2]):
    print(*row, sep="|")
"""


def test_the_depth_that_the_section_names() -> None:
    assert f"A body has at most {blobs.MAX_DEPTH} bases" in SECTION


def test_the_chain_is_as_described(db: Database) -> None:
    """Computed again from the words of README and the rows alone."""
    conn = sqlite3.connect(db.path)

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    rows = conn.execute(
        """select link_id, pages.url, fetched_at, status, final_url, headers,
                  case when outcome = 'unchanged' and status <> 304 then 'ok' else outcome end, error, lines,
                  hops, peer, tls, seconds, wire_length, wire_sha256, source, captures.body_sha256
           from captures join pages on pages.id = page_id join sent_headers on capture_id = captures.id
           order by link_id"""
    ).fetchall()
    content = {
        link: digest("\n".join(sorted(digest(json.dumps(row[1:], separators=(",", ":"))) for row in members)))
        for link, members in groupby(rows, key=lambda row: row[0])
    }
    before = ""
    for link_id, moment, kind, entries, said, link in conn.execute("select * from chain order by id"):
        assert said == content[link_id]
        before = digest("\n".join((before, moment, kind, str(entries), said)))
        assert before == link
    assert before == hash_chain.head(conn)
