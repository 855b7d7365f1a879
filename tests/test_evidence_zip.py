"""`archive evidence --zip`: a stranger verifies it with Python and openssl alone, and every alteration is found."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import clinic_archive
import pytest
from test_timestamps import Authority

from columnarchive.pipeline import export, integrity
from columnarchive.store.database import Database

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    one = Authority(tmp_path_factory.mktemp("tsa"), "evidence")
    yield one
    one.server.shutdown()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    """The evidence of an article with two revisions, stamped by an authority."""
    folder = tmp_path_factory.mktemp("evidence")
    with Database.open(clinic_archive.copy(tmp_path_factory)) as db:
        (done,) = integrity.stamp(db, [authority.settings], allow_private=True)
        assert not done.error
        (url,) = db.conn.execute("select url from articles where revisions > 1 order by url").fetchone()
        export.write_evidence_zip(db, url, ("", ""), folder / "out.zip")
    return folder / "out.zip"


@pytest.fixture
def unpacked(packed: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "evidence"
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run verify.py with nothing of ours in reach."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), *arguments]
    environment = {"PATH": os.path.dirname(shutil.which("openssl") or "")}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment)


def summed_again(folder: Path) -> None:
    """What a forger does after altering a file."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
        if name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_the_original_verifies_in_an_empty_environment(unpacked: Path, authority: Authority) -> None:
    for arguments in ((), ("--ca", str(authority.root))):
        done = verify(unpacked, *arguments)
        assert done.returncode == 0, done.stderr
        assert re.search(r"Proved: 2 captures .* stamped by http://127.* at .* GMT", done.stdout)
        assert "Not proved: that the server sent them" in done.stdout
    assert len((unpacked / "verify.py").read_text().splitlines()) < 100
    assert "証拠シート" in (unpacked / "evidence.html").read_text()


def test_another_root_does_not_verify_it(unpacked: Path, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    try:
        done = verify(unpacked, "--ca", str(other.root))
    finally:
        other.server.shutdown()
    assert done.returncode == 1
    assert "does not verify" in done.stderr


@pytest.mark.slow
def test_200_random_alterations_are_each_one_clear_failure(unpacked: Path) -> None:
    rng = random.Random(21)
    paths = sorted(path for path in unpacked.rglob("*") if path.is_file() and path.name != "verify.py")
    for _ in range(200):
        path = rng.choice(paths)
        data = path.read_bytes()
        altered = bytearray(data)
        kind, place = rng.randrange(4), rng.randrange(len(altered))
        if kind == 0:
            altered[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del altered[place : place + rng.randrange(1, 40)]
        elif kind == 2:
            altered[place:place] = rng.randbytes(rng.randrange(1, 40))
        else:
            altered = bytearray()
        path.write_bytes(altered)
        done = verify(unpacked)
        path.write_bytes(data)
        assert done.returncode == 1, (path.name, kind, place)
        assert len(done.stderr.splitlines()) == 1
        assert "Traceback" not in done.stderr
    assert verify(unpacked).returncode == 0


def in_chain(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def forge(folder: Path) -> None:
        chain = json.loads((folder / "chain.json").read_text())
        change(chain)
        (folder / "chain.json").write_text(json.dumps(chain))

    return forge


def in_warc(old: bytes, new: bytes) -> Callable[[Path], None]:
    def forge(folder: Path) -> None:
        path = folder / "captures.warc.gz"
        data = gzip.decompress(path.read_bytes())
        assert old in data
        parts = re.split(rb"(?=WARC/1\.1\r\n)", data.replace(old, new))
        fixed = []
        for part in parts[1:]:
            head, _, block = part[:-4].partition(b"\r\n\r\n")
            digest = hashlib.sha256(block).hexdigest().encode()
            head = re.sub(rb"(WARC-Block-Digest: sha256:)[0-9a-f]+", rb"\g<1>" + digest, head)
            head = re.sub(rb"(\r\nContent-Length: )\d+", rb"\g<1>%d" % len(block), head)
            fixed.append(head + b"\r\n\r\n" + block + b"\r\n\r\n")
        path.write_bytes(gzip.compress(b"".join(fixed)))

    return forge


def change_time(chain: dict[str, object]) -> None:
    evidence = chain["evidence"]
    assert isinstance(evidence, list)
    evidence[0] = evidence[0].replace('Z",200', 'Z",404')


FORGERIES: dict[str, Callable[[Path], None]] = {
    "page": in_warc(b"build 2026", b"build 2025"),
    "header lines": in_warc(b"\r\nContent-Type: text/html", b"\r\nContent-Type: text/plain"),
    "time": in_warc(b"WARC-Date: 20", b"WARC-Date: 19"),
    "address": in_warc(b'"url":"https://', b'"url":"http://'),
    "final address": in_warc(b'"final_url":"https://', b'"final_url":"http://'),
    "evidence": in_chain(change_time),
    "links": in_chain(lambda chain: chain["links"][-1].update(at="2020-01-01T00:00:00Z")),  # type: ignore[index]
    "entries": in_chain(lambda chain: chain["links"][0].update(entries=1)),  # type: ignore[index]
    "group": in_chain(lambda chain: chain["links"][0]["digests"].pop()),  # type: ignore[index]
    "no group": in_chain(lambda chain: [link.pop("digests", 0) for link in chain["links"]]),  # type: ignore[attr-defined]
    "head": in_chain(lambda chain: chain.update(head="0" * 64)),
    "stamp": in_chain(lambda chain: chain["timestamps"][0].update(link="0" * 64)),  # type: ignore[index]
    "capture left out": in_chain(lambda chain: chain["evidence"].pop()),  # type: ignore[attr-defined]
    "token": lambda folder: (folder / "timestamps/1.tsr").write_bytes(b"0\x03\x02\x01\x00") and None,
    "token of another": lambda folder: (folder / "timestamps/1.pem").write_text("none") and None,
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forger_who_sums_again_is_found_all_the_same(unpacked: Path, what: str) -> None:
    FORGERIES[what](unpacked)
    summed_again(unpacked)
    done = verify(unpacked)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "SHA256SUMS" not in done.stderr


def test_without_a_timestamp_it_says_so(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Database.open(clinic_archive.path(tmp_path_factory), write=False) as db:
        (url,) = db.conn.execute("select url from articles where revisions = 1 order by url").fetchone()
        export.write_evidence_zip(db, url, ("", ""), tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    done = verify(tmp_path / "out")
    assert (done.returncode, "it bears no timestamp" in done.stdout) == (0, True), done.stderr
