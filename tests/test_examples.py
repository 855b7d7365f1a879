"""The example in each command's help is run as a user would type it, on the bundled clinic."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import clinic
import clinic_archive
import command
import pytest
from deriving import spread
from reading import opened
from typer.main import get_command

from columnarchive import reader
from columnarchive.cli.app import app
from columnarchive.pipeline.demo import START, Clinic, dated_sites

# A server that runs until it is stopped, and the tour; both have tests of their own.
LONG = ("serve", "demo")
NEEDS_SERVERS = ("stamp", "backfill")  # tests/test_timestamps.py runs an authority, test_backfill.py a web archive
LOOPBACK = ["--allow-private", "--delay", "0"]
MORE = {"crawl": LOOPBACK, "sites add": [*LOOPBACK, "--yes"], "withdraw": ["--yes"]}


def examples() -> Iterator[tuple[str, str]]:
    """Each command, also those below another, and its example."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, str]]:
        found = re.search(r"Example: archive (.+)", command.help or "")
        yield name, found[1].strip() if found else ""
        for below, one in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {below}", one)

    for name, top in get_command(app).commands.items():  # type: ignore[attr-defined]
        yield from walk(name, top)


EXAMPLES = dict(examples())


def test_each_command_has_an_example_of_itself() -> None:
    for name, example in EXAMPLES.items():
        assert example.startswith(name), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clinic's archive, a saved site and a WARC file, as the examples suppose."""
    made = tmp_path_factory.mktemp("examples")
    (made / "data").mkdir()
    clinic_archive.copied(clinic_archive.path(tmp_path_factory), made / "data" / "archive.db")
    shutil.copytree(dated_sites()[0].folder / "column", made / "saved-site")
    shutil.copyfile(made / "saved-site" / "nanbyo-kansaibou" / "index.html", made / "page.html")
    assert archive(made, "export", "warc", "crawl.warc.gz").returncode == 0
    assert archive(made, "watch", "add", "claims", "根本治療").returncode == 0
    return made


def archive(folder: Path, *words: str) -> CompletedProcess[str]:
    return command.archive(*words, cwd=folder)


@pytest.mark.parametrize("name", spread([name for name in EXAMPLES if name not in LONG + NEEDS_SERVERS], 8))
def test_the_example_runs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("VISUAL", "true")  # an editor that leaves the file as it is
    here = tmp_path / "here"
    shutil.copytree(folder, here)
    if name in ("sites shard", "sites enable", "sites disable"):
        settings = f"[[site]]\nname = '{clinic.SITE}'\nstart = ['https://clinic.example/column/']\n"
        (here / "data" / "sites.toml").write_text(settings, encoding="utf-8")
    if name in ("watch", "watch add"):
        assert archive(here, "watch", "remove", "claims").returncode == 0
    with Clinic() as server, opened(here / "data" / "archive.db") as conn:
        server.show(dated_sites()[0])
        words = [
            word.replace("https://clinic.example/column/nanbyo/", f"{clinic.HOST}/column/nanbyo-kansaibou/")
            .replace("https://clinic.example/column/voice/", clinic_archive.WITHDRAWN)
            .replace("https://clinic.example/column/", server.url + START)
            .replace("3f2a…", reader.Reader(conn).status("2026-05-01T00:00:00Z").head)
            for word in shlex.split(EXAMPLES[name])
        ]
        # The one site of the settings is in one of three shards.
        words = [{"clinic.example": clinic.SITE, "1/3": "1/1"}.get(word, word) for word in words]
        done = archive(here, *words, *MORE.get(" ".join(words[:2]), MORE.get(name, [])))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "an example shows something"
    assert "Traceback" not in done.stderr
