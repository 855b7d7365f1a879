"""Arguments, files and streams that no user means: each command ends with its result or one sentence."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import sample
from command import archive as command_in_process
from command import started
from deriving import spread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnarchive.text import json_line, visible, xml_text

COMMAND = [sys.executable, "-m", "columnarchive"]
NANBYO = sample.NANBYO
BIG = "9" * 25


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.copy(tmp_path_factory)


def run(archive: Path, *arguments: str | bytes, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command, in a process of its own only if it is a server or `options` ask for it."""
    if not options and "serve" not in arguments:
        done = command_in_process(*map(os.fsdecode, arguments), db=archive)
        out, err = (text.encode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)
    command = [*COMMAND, "--db", str(archive), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def assert_answered(done: subprocess.CompletedProcess[bytes]) -> None:
    """A result, or one sentence (a panel of typer's for wrong usage)."""
    said = done.stderr.decode()
    assert "Traceback" not in said
    assert done.returncode in (0, 1, 2), said
    if done.returncode == 1 and said:
        assert said.startswith("archive: ")
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "難病", "--limit", BIG],
        ["search", "難病", "--tz", "America", "--since", "2026-01-01"],
        ["changes", "--tz", "../../../../etc"],
        ["changes", "--tz", "a" * 3000],
        ["blame", NANBYO, "--tz", "\udcff"],
        ["search", " ".join(f"site:a{number}" for number in range(2000))],
        ["search", "x " + " ".join(f"-site:a{number}" for number in range(2000))],
        ["search", "難病", "--site", "[*" * 40_000],
        ["search", "(" * 3000],
        ["search", " OR ".join(f"a{number}" for number in range(3000))],
        ["search", "難病", "--since", "0001-01-01"],
        ["search", "難病", "--until", "9999-12-31T23:59:59-14:00"],
        ["changes", "--since", "0001-01-02", "--until", "9999-12-31"],
        ["changes", "--json", "--limit", BIG],
        ["changes", "--label", "x" * 50_000],
        ["copies", "--limit", BIG],
        ["copies", "--site", "x" * 100_000],
        ["show", NANBYO, "--revision", BIG],
        ["show", NANBYO, "--at", "0001-01-01"],
        ["show", "x" * 100_000],
        ["diff", NANBYO, BIG, "-1"],
        ["diff", NANBYO, "²", "٣"],
        ["history", b"http://a\xff/"],
        ["captures", "http://[::1"],
        ["watch", "add", b"\xff\xfe", "x"],
        ["export", "atom", "/dev/null/x", "--limit", BIG],
        ["export", "csv", "/proc/x"],
        ["evidence", NANBYO, "--out", "/dev/null/x"],
        ["extract", "/etc", "/dev/null", "/nonexistent"],
        ["import", "/etc/passwd"],
        ["import", "/dev/null"],
        ["withdraw", NANBYO, "--reason", "", "--yes"],
        ["crawl", "http://127.0.0.1:99999/"],
        ["crawl", "http://127.0.0.1:9/", "--delay", "1e300", "--dry-run"],
        ["serve", "--port", "99999"],
        ["serve", "--port", "-1"],
        ["serve", "--host", "a" * 3000],
        ["serve", "--host", "a..b"],
    ],
)
def test_absurd_arguments_are_answered(archive: Path, arguments: list[str | bytes]) -> None:
    assert_answered(run(archive, *arguments))


def test_a_port_out_of_range_is_refused(archive: Path) -> None:
    for port in ("65536", "99999", "-5"):
        assert run(archive, "serve", "--port", port).returncode == 2


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x = " + "[" * 20_000, "nested"),
        ("x = " + "{a=" * 20_000, "nested"),
        ("# " + "x" * 5_000_000, "larger than"),
        ("contact = 9999-99-99", "TOML"),
        ("[[site]]\nstart = ['http://a/']\ndelay = inf", "delay"),
        ("[[site]]\nstart = ['http://a/']\nmax_pages = 99999999999999999999", "max_pages"),
    ],
)
def test_odd_settings_are_one_sentence(archive: Path, tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "sites.toml"
    path.write_text(text, encoding="utf-8")
    done = run(archive, "crawl", "--sites", str(path), "--dry-run")
    assert_answered(done)
    assert done.returncode == 1
    assert word in done.stderr.decode()


@pytest.mark.slow
def test_an_endless_settings_file_is_one_sentence(archive: Path) -> None:
    for path in ("/dev/zero", "/proc/self", "/dev/null/x"):
        assert_answered(run(archive, "crawl", "--sites", path, "--dry-run"))


@pytest.mark.parametrize(
    "arguments", spread([["status"], ["changes", "--json"], ["--help"], ["show", NANBYO], ["sites"], ["copies"]], 2)
)
def test_a_full_or_closed_output_is_one_sentence(archive: Path, arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "--db", archive, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"archive: The output could not be written")
    assert done.stderr.count(b"\n") == 1
    for closed, said in ((">&-", b"archive: "), (">&- 2>&-", b""), (">&- 2>&- <&-", b"")):
        quoted = " ".join(f"'{word}'" for word in [*COMMAND, "--db", str(archive), *arguments])
        done = subprocess.run(["sh", "-c", f"{quoted} {closed}"], capture_output=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(said)
        assert b"Traceback" not in done.stderr
    # A reader that has enough, such as `head`, is no error worth a word.
    quiet = subprocess.run(["sh", "-c", f"{quoted} | true"], capture_output=True, check=False)
    assert quiet.stderr == b""


CTRL_C: list[list[str]] = [
    ["search", "難病"], ["show", NANBYO], ["history", NANBYO], ["diff", NANBYO], ["changes"],
    ["changes", "--since", "last"],
    ["copies"], ["blame", NANBYO], ["captures", NANBYO], ["evidence", NANBYO, "--out", "OUT"], ["status"],
    ["import", "WARC"], ["export", "csv", "OUT"], ["export", "git", "OUT"], ["export", "sqlite", "OUT"],
    ["export", "warc", "OUT"], ["rebuild"], ["check"], ["withdraw", NANBYO, "--reason", "x", "--yes"], ["serve"],
    ["sites"], ["sites", "test", sample.SITE], ["watch"], ["watch", "add", "a", "b"], ["crawl", "http://127.0.0.1:9/"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", CTRL_C, ids=" ".join)
@pytest.mark.slow
def test_ctrl_c_ends_a_command_that_waits_in_sqlite(archive: Path, tmp_path: Path, arguments: list[str]) -> None:
    """Another process holds the file for itself, so each command waits inside SQLite for half a minute."""
    path = tmp_path / "a.db"
    path.write_bytes(archive.read_bytes())
    (tmp_path / "WARC").write_bytes(b"WARC/1.0\r\n\r\n")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("pragma locking_mode = exclusive")
    holder.execute("begin exclusive")
    try:
        words = [str(tmp_path / word) if word in ("OUT", "WARC") else word for word in arguments]
        interrupted(path, words, lambda process: _has_open(process.pid, path))
        assert holder.execute("pragma integrity_check").fetchone() == ("ok",)
    finally:
        holder.close()


def interrupted(path: Path, arguments: list[str], ready: object) -> str:
    """Start a command, send it a real SIGINT once it is ready, and return what it said."""
    process = started("--db", path, *arguments)
    try:
        while not ready(process):  # type: ignore[operator]
            assert process.poll() is None, process.communicate()
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)  # far below the half minute that SQLite would wait
    finally:
        process.kill()
    said = err.decode()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert said.endswith("archive: Stopped. What was committed is kept.\n")
    return said


def _has_open(pid: int, path: Path) -> bool:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(link) == str(path):
                return True
        except OSError:
            continue
    return False


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


@pytest.mark.parametrize("command", [["crawl"], ["crawl", "--max-pages", "3"], ["sites", "add", "--yes"]])
def test_ctrl_c_ends_a_command_that_waits_for_a_server(
    tmp_path: Path, silent: socket.socket, command: list[str]
) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/column/"

    def asked(_process: subprocess.Popen[bytes]) -> bool:
        silent.accept()
        return True

    said = interrupted(tmp_path / "new.db", [*command, url, "--allow-private"], asked)
    assert said.count("Stopped") == 1


def test_ctrl_c_ends_a_server(archive: Path) -> None:
    process = started("--db", archive, "serve", "--port", "0")
    assert process.stdout is not None
    assert b"http://" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert b"Traceback" not in process.communicate(timeout=20)[1]
    assert process.returncode == 130


def test_serve_answers_only_its_own_host_names(archive: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--db", archive, "serve", "--port", "0", "--allow-host", "Archive.example"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    found = re.search(rb"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
    try:
        assert found

        def status(host: str) -> int:
            request = urllib.request.Request(f"http://127.0.0.1:{int(found[1])}/-/archive", headers={"Host": host})
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return int(response.status)
            except urllib.error.HTTPError as error:
                return error.code

        for own in ("127.0.0.1", "localhost", "LOCALHOST:81", "[::1]:80", "localhost.", "archive.example:443"):
            assert status(own) == 200, own
        for other in (
            "evil.example",
            "127.0.0.1.evil.example",
            "evil.example:80",
            "127.0.0.2",
            "x@localhost",
            "local host",
        ):
            assert status(other) == 421, other
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    "sign", ["\x1b[31m", "\x9b31m", "\u202e", "\u2066", "\u200f", "\x07", "\x08", "\x00", "\u2028", "\x85", "\x1d"]
)
@pytest.mark.slow
def test_no_sign_of_a_page_reaches_the_terminal(archive: Path, tmp_path: Path, sign: str) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(archive.read_bytes())
    told = sign.replace("\x00", "\x01")
    with sqlite3.connect(path) as conn:
        conn.execute("update articles set title = ? || title, author = ?", (told, told))
        conn.execute("update revisions set title = ? || title", (told,))
        conn.execute("update passages set text = ? || text, heading = ?", (told, told))
        conn.execute("update sentences set text = ? || text, before_text = ?", (told, told))
        conn.execute("update changes set summary = ?", (told,))
        conn.execute("update captures set error = ?, final_url = 'http://x/' || ?", (told, told))
        conn.execute("update sites set name = ? || name", (told,))
    for arguments in (
        ["search", "難病"], ["show", NANBYO], ["show", NANBYO, "--format", "markdown"], ["history", NANBYO],
        ["diff", NANBYO], ["diff", NANBYO, "1", "1"], ["changes"], ["copies"], ["blame", NANBYO], ["captures", NANBYO],
        ["status"], ["sites"], ["watch"], ["sites", "test", sample.SITE],
    ):  # fmt: skip
        done = run(path, *arguments)
        shown = (done.stdout + done.stderr).decode()
        assert all(one.isprintable() or one in "\n\t\u3000" for one in shown), arguments
    for arguments in (["search", "難病"], ["changes"], ["blame", NANBYO], ["captures", NANBYO], ["history", NANBYO]):
        lines = run(path, *arguments, "--json").stdout.decode()
        assert not any(one in lines for one in "\u2028\u2029\x85\u202e\x1b\x9b")
        assert lines.splitlines() == lines.removesuffix("\n").split("\n")
        assert told in json.dumps([json.loads(line) for line in lines.splitlines()], ensure_ascii=False) or told < " "


@given(st.text())
def test_text_made_safe(text: str) -> None:
    assert all(sign.isprintable() or sign in "\n\t\u3000" for sign in visible(text))
    line = json_line({"text": text})
    assert json.loads(line) == {"text": text}
    assert len(line.splitlines()) == 1
    line.encode()
    assert xml_text(xml_text(text)) == xml_text(text)
    if text.isprintable():
        assert visible(text) == xml_text(text) == text or any(ord(sign) > 0xFFFD for sign in text)


WORDS = st.one_of(
    st.sampled_from(
        [NANBYO, sample.SITE, "難病", "--json", "--limit", "--since", "--tz", "--site", "2026-01-01", "--help"]
    ),
    st.sampled_from(["search", "show", "history", "diff", "changes", "copies", "blame", "captures", "status", "sites"]),
    st.sampled_from(["-1", "0", BIG, "last", "--revision", "--level", "3", "--format", "html", "--fold", "kana", "--"]),
    st.text(max_size=20).filter(lambda text: "\x00" not in text and not re.search("[\ud800-\udfff]", text)),
)
READING = st.sampled_from(
    ["search", "show", "history", "diff", "changes", "copies", "blame", "captures", "status", "sites"]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(command=READING, words=st.lists(WORDS, max_size=5))
@pytest.mark.slow
def test_any_arguments_are_answered(archive: Path, command: str, words: list[str]) -> None:
    assert_answered(run(archive, command, *words))
