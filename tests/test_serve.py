"""`archive serve` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.request
from pathlib import Path

import pytest
from browser import sample
from command import started


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.build(tmp_path_factory.mktemp("archive") / "archive.db", sample.gone())


def serve(archive: Path, *options: str) -> subprocess.Popen[str]:
    return started("--db", archive, "serve", *options, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})


def test_serves_while_the_archive_is_written_and_stops_cleanly(archive: Path) -> None:
    process = serve(archive, "--port", "0")
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", said)
    try:
        assert found, said
        with urllib.request.urlopen(found[0], timeout=30) as response:
            assert response.url.endswith("/-/archive")
            assert "なくなったコラム" in response.read().decode()
        with sqlite3.connect(archive) as conn:
            for number in range(20):
                conn.execute("insert or replace into meta values ('written', ?)", (str(number),))
                conn.commit()
                # Closed unread: a reader who leaves early must not take the server along.
                with urllib.request.urlopen(found[0], timeout=30) as response:
                    assert response.status == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.strip() == "archive: Stopped. What was committed is kept."


def test_a_port_in_use_is_a_sentence(archive: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = serve(archive, "--port", str(port))
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"Port {port} is in use" in err
    assert "Traceback" not in err


def test_what_is_no_archive_is_a_sentence(tmp_path: Path) -> None:
    plain = tmp_path / "plain.db"
    with sqlite3.connect(plain) as conn:
        conn.execute("create table t(a)")
    for path, words in ((plain, "not an archive"), (tmp_path / "none.db", "no archive")):
        _, err = (process := serve(path, "--port", "0")).communicate(timeout=30)
        assert process.returncode == 1
        assert words in err
