"""The commands of both READMEs, literally: in a fresh environment, in a terminal of 80 columns and in a real browser.

Addresses of clinic.example become those of the demo's clinic on loopback, or of its columns in the demo's archive.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import shutil
import sqlite3
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import pytest
from browser import serving

from columnarchive.pipeline.demo import START, Clinic, dated_sites

ROOT = Path(__file__).resolve().parent.parent
READMES = {"en": "README.md", "ja": "README.ja.md"}
CRAWLS = ("archive crawl http", "archive sites add")  # visit a server; the others read what the demo has archived
SERVES = ("archive serve --open", "archive --db data/demo.db serve --open")
ELSEWHERE = {"pip install -e '.[test]' && pytest": "the tests themselves", "cd columnarchive": "the folder it runs in"}
COLUMN, LISTING = "https://clinic.example/column/nanbyo/", "https://clinic.example/column/"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the commands of README are for a POSIX shell"),
    pytest.mark.skipif(not serving.chromium(), reason="Chromium is not installed; `apt-get install chromium`"),
]


def commands(readme: str) -> list[str]:
    """Return what a reader is asked to type: console blocks, and the commands of README.ja's table, once each."""
    text = (ROOT / readme).read_text("utf-8")
    parts = re.findall(r"^ *```console\n(.*?)^ *```|^\| [^|`]* \| (`archive .*?) \|$", text, re.S | re.M)
    typed = [line.strip().removeprefix("$ ") for block, _ in parts for line in block.splitlines()]
    typed += [one for _, cell in parts for one in re.findall(r"`(archive [^`]*)`", cell)]
    return list(dict.fromkeys(typed))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as it is cloned or unpacked."""
    folder = tmp_path_factory.mktemp("fresh") / "columnarchive"
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "node_modules", "*.db*")
    shutil.copytree(ROOT, folder, ignore=unwanted)
    return folder


@pytest.fixture
def clinic() -> Iterator[str]:
    with Clinic() as site:
        site.show(dated_sites()[0])
        yield site.url + START


def in_terminal(script: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a shell script in a terminal of 80 columns; return its exit code and what the terminal showed."""
    terminal, end = pty.openpty()
    ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shell = subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True
    )
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # a terminal whose programs have ended
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    return shell.wait(60), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8", "replace"))


def clean_environment(language: str) -> dict[str, str]:
    """Return an environment in which nothing of this one is installed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "LANGUAGE")}
    return kept | {"LANG": {"en": "en_US.UTF-8", "ja": "ja_JP.UTF-8"}[language], "TERM": "xterm"}


@pytest.mark.parametrize("language", READMES)
def test_the_readme_can_be_typed(language: str, checkout: Path, clinic: str, tmp_path: Path) -> None:
    typed = commands(READMES[language])
    assert len(typed) > 7
    served = [line for line in typed if line.startswith(SERVES)]
    typed = [line for line in typed if line not in served and line not in ELSEWHERE]
    setup = [line for line in typed if not line.startswith("archive ") or line == "archive demo"]
    shown = []
    for lines in (setup, [line for line in typed if line not in setup]):
        script = "\n".join(_step(one, clinic, _demo_column(checkout)) for one in lines)
        active = ". .venv/bin/activate\n" if lines is not setup else ""
        code, output = in_terminal(f"{active}{script}", checkout, clean_environment(language))
        assert code == 0, output[-3000:]
        shown.append(output)
    together = "\n".join(shown)
    assert "Traceback" not in together
    assert not re.search(r"\b20\d\d-(?:\d\d?-?)?\r?$|^\d?\d-\d\d\s*\r?$", together, re.M), "a date is broken"
    assert "難病と幹細胞治療" in together
    for line in served[:1]:
        _in_browser(line, checkout, language, tmp_path)


def _demo_column(checkout: Path) -> str:
    with contextlib.suppress(sqlite3.Error), sqlite3.connect(f"file:{checkout}/data/demo.db?mode=ro", uri=True) as conn:
        return str(conn.execute("select url from articles where url like '%nanbyo-kansaibou%'").fetchone()[0])
    return COLUMN


def _step(line: str, clinic: str, column: str) -> str:
    """Return a command for the shell, which stops where it fails."""
    here = line.replace(COLUMN, column).replace(f"{LISTING}voice/", column.replace("nanbyo-kansaibou", "mansei-itami"))
    if here.startswith(CRAWLS):
        here = here.replace(LISTING, clinic)
        words, hash_mark, comment = here.partition("  #")
        here = f"printf 'y\\ny\\n' | {words} --allow-private --delay 0{hash_mark}{comment}"
    elif here.startswith("archive ") and "crawl" not in here and " --db " not in here:
        here = f"ARCHIVE_DB=data/demo.db {here}"
    if "withdraw" in here:
        here = f"printf 'y\\n' | {here}"
    return f"echo {shlex.quote('$ ' + line)}\n{here}\nended=$?; [ $ended = 0 ] || exit $ended"


def _in_browser(line: str, checkout: Path, language: str, folder: Path) -> None:
    """Type a command that opens the browser, look at what it opens, and end it."""
    opened, browser = folder / "opened", folder / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shlex.quote(str(opened))}\n', "utf-8")
    browser.chmod(0o755)
    environment = clean_environment(language) | {"BROWSER": f"{browser} %s", "ARCHIVE_DB": "data/demo.db"}
    server = subprocess.Popen(
        ["bash", "-c", f". .venv/bin/activate\nexec {line} --port 0"], cwd=checkout, env=environment
    )
    try:
        until = time.monotonic() + 60
        while not opened.exists() or not opened.read_text("utf-8"):
            assert time.monotonic() < until, "no browser was opened"
            assert server.poll() is None, "the server has ended"
            time.sleep(0.1)
        with serving.browser() as chromium:
            page = chromium.new_page(locale={"en": "en-US", "ja": "ja-JP"}[language])
            page.goto(opened.read_text("utf-8"))
            assert page.locator("html").get_attribute("lang") == language
            page.locator("article.change .title a").first.click()
            assert page.locator("ins, del").count()
    finally:
        server.terminate()
        server.wait(30)
