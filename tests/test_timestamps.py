"""Trusted timestamps against a real authority: `openssl ts` behind a server on loopback."""

from __future__ import annotations

import http.server
import random
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import command
import deriving
import pytest
from evidence import archive, site

from columnarchive import config
from columnarchive.config import TimestampAuthority
from columnarchive.errors import UsageError
from columnarchive.pipeline import integrity
from columnarchive.store import captures, hash_chain, sites
from columnarchive.store.database import Database

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")

CONFIG = """
[tsa]
default_tsa = tsa1
[tsa1]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[plain]
basicConstraints = critical,CA:false
"""


def openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


class Authority:
    """A time-stamping authority with a root of its own."""

    def __init__(self, folder: Path, name: str, days: str = "3650") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.broken = ""
        (self.folder / "tsa.cnf").write_text(CONFIG.format(folder=self.folder))
        (self.folder / "serial").write_text("01\n")
        root, leaf = self.folder / "root", self.folder / "leaf"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{root}.key", "-out", f"{root}.pem",
                "-days", "3650", "-subj", f"/CN=Root {name}")  # fmt: skip
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{leaf}.key", "-out", f"{leaf}.csr",
                "-subj", f"/CN=TSA {name}")  # fmt: skip
        openssl("x509", "-req", "-in", f"{leaf}.csr", "-CA", f"{root}.pem", "-CAkey", f"{root}.key", "-CAcreateserial",
                "-out", f"{leaf}.pem", "-days", days, "-extfile", self.folder / "tsa.cnf",
                "-extensions", "leaf")  # fmt: skip
        self.root = Path(f"{root}.pem")
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = authority.reply(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(503 if authority.broken == "status" else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def settings(self) -> TimestampAuthority:
        return TimestampAuthority(f"http://127.0.0.1:{self.server.server_port}/", str(self.root))

    def reply(self, query: bytes) -> bytes:
        if self.broken == "garbage":
            return b"<html>no</html>"
        if self.broken == "endless":
            return b"\0" * 2_000_000
        if self.broken == "refusal":
            query = query[:8] + b"\xff" * 8 + query[16:]
        path = self.folder / f"{threading.get_ident()}.tsq"
        path.write_bytes(query)
        folder = self.folder
        command = ["ts", "-reply", "-config", folder / "tsa.cnf", "-queryfile", path, "-signer", folder / "leaf.pem",
                   "-inkey", folder / "leaf.key"]  # fmt: skip
        return openssl(*command)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Authority, Authority]]:
    folder = tmp_path_factory.mktemp("tsa")
    both = Authority(folder, "a"), Authority(folder, "b")
    yield both
    for one in both:
        one.server.shutdown()


@pytest.fixture(autouse=True)
def whole(authorities: tuple[Authority, Authority]) -> Iterator[None]:
    yield
    for one in authorities:
        one.broken = ""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with archive(tmp_path, pages=2, versions=1) as db:
        yield db


def stamped(db: Database, *authorities: Authority, **more: Any) -> list[integrity.Stamped]:
    return integrity.stamp(db, [one.settings for one in authorities], allow_private=True, **more)


def test_every_authority_stamps_the_head_once_and_again_when_it_moved(
    db: Database, authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    assert [one.error for one in stamped(db, *authorities)] == [None, None]
    assert stamped(db, *authorities) == []
    assert integrity.verify_timestamps(db.conn) == []
    assert deriving.check(db) == []
    with db.transaction() as conn:
        page = sites.ensure_page(db, sites.ensure_site(db, "clinic.example", ""), "https://clinic.example/new/")
        new = next(site(1, 1))
        hash_chain.seal(conn, "2026-06-01T00:00:00Z", "crawl", [captures.add(db, page, new) or 0])
    assert len(stamped(db, authorities[0])) == 1
    assert integrity.verify_timestamps(db.conn) == []
    for link, token, root in db.conn.execute("select link_sha256, token, certificates from timestamps").fetchall():
        for name, data in (("head", link.encode()), ("tsr", token), ("ca", root.encode())):
            (tmp_path / name).write_bytes(data)
        said = openssl("ts", "-verify", "-data", tmp_path / "head", "-in", tmp_path / "tsr", "-CAfile", tmp_path / "ca")
        assert b"Verification: OK" in said or said == b""


def test_a_token_of_another_root_is_refused(db: Database, authorities: tuple[Authority, Authority]) -> None:
    first, second = authorities
    wrong = TimestampAuthority(first.settings.url, second.settings.certificate)
    (done,) = integrity.stamp(db, [wrong], allow_private=True)
    assert "does not verify" in str(done.error)
    assert integrity.verify_timestamps(db.conn) == []
    stamped(db, first)
    assert integrity.verify_timestamps(db.conn, first.root.read_text()) == []
    assert len(integrity.verify_timestamps(db.conn, second.root.read_text())) == 1
    (done,) = integrity.stamp(db, [TimestampAuthority(second.settings.url)], allow_private=True)
    assert "does not verify" in str(done.error), "its root is none of the system's"


@pytest.mark.parametrize("broken", ["garbage", "status", "endless", "refusal"])
def test_an_authority_that_fails_delays_no_other(
    db: Database, authorities: tuple[Authority, Authority], broken: str
) -> None:
    authorities[0].broken = broken
    first, second = stamped(db, *authorities)
    assert str(first.error).endswith(".")
    assert not first.stamped_at
    assert second.stamped_at
    assert not second.error


def test_an_authority_that_is_down_or_private_is_one_sentence(db: Database, authorities: tuple[Authority, ...]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (down,) = integrity.stamp(db, [TimestampAuthority(f"http://127.0.0.1:{port}/")], allow_private=True)
    (private,) = integrity.stamp(db, [authorities[0].settings])
    (nowhere,) = integrity.stamp(db, [TimestampAuthority("http://127.0.0.1:1/", "/no/such.pem")], allow_private=True)
    assert "cannot be reached" in str(down.error)
    assert "private" in str(private.error)
    assert "cannot be read" in str(nowhere.error)


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365])
def test_clocks_that_differ_are_noticed(db: Database, authorities: tuple[Authority, ...], hours: int) -> None:
    (done,) = stamped(db, authorities[0], clock=lambda: datetime.now(UTC) + timedelta(hours=hours))
    assert "clock" in str(done.error)
    assert integrity.verify_timestamps(db.conn) == []


def test_a_certificate_that_has_expired_is_refused(tmp_path: Path, db: Database) -> None:
    expired = Authority(tmp_path, "expired", days="0")
    try:
        (done,) = stamped(db, expired)
        assert done.error
    finally:
        expired.server.shutdown()


ALTERATIONS = [
    "update timestamps set stamped_at = '2020-01-01T00:00:00Z'",
    "update timestamps set link_sha256 = (select link_sha256 from chain order by id limit 1)",
    "update timestamps set link_sha256 = replace(link_sha256, substr(link_sha256, 1, 1), 'x')",
    "update timestamps set token = cast(substr(token, 1, length(token) - 40) as blob)",
    "update timestamps set token = cast(x'00' as blob)",
    "update timestamps set certificates = 'none'",
    "update chain set link_sha256 = lower(hex(randomblob(32))) where id = (select max(id) from chain)",
]


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_timestamp_is_found(db: Database, authorities: tuple[Authority, ...], alteration: str) -> None:
    with db.transaction() as conn:
        page = sites.ensure_page(db, sites.ensure_site(db, "clinic.example", ""), "https://clinic.example/new/")
        hash_chain.seal(conn, "2026-06-01T00:00:00Z", "crawl", [captures.add(db, page, next(site(1, 1))) or 0])
    stamped(db, authorities[0])
    with sqlite3.connect(db.path) as conn:
        conn.execute(alteration)
    assert integrity.verify_timestamps(db.conn)


def test_random_damage_of_a_token_is_found(db: Database, authorities: tuple[Authority, ...]) -> None:
    stamped(db, authorities[0])
    (token,) = db.conn.execute("select token from timestamps").fetchone()
    rng = random.Random(21)
    found = 0
    for _ in range(100):
        altered = bytearray(token)
        altered[rng.randrange(len(altered))] ^= 1 << rng.randrange(8)
        with db.transaction() as conn:
            conn.execute("update timestamps set token = ?", (bytes(altered),))
        found += bool(integrity.verify_timestamps(db.conn))
    assert found >= 95, "some bits, as of encodings, say nothing"


def run(db: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`archive` as a person runs it."""
    return command.archive(*arguments, db=db.path)


@pytest.mark.slow
def test_the_command_stamps_and_check_verifies(
    db: Database, authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    settings = tmp_path / "sites.toml"
    first, second = authorities
    shutil.copy(first.root, tmp_path / "a.pem")
    settings.write_text(f'[[timestamps]]\nurl = "{first.settings.url}"\ncertificate = "a.pem"\n')
    done = run(db, "stamp", "--sites", str(settings), "--allow-private")
    assert (done.returncode, done.stdout.startswith("Stamped by")) == (0, True), done.stderr
    assert "has been stamped" in run(db, "stamp", "--sites", str(settings), "--allow-private").stdout
    checked = run(db, "check")
    assert (checked.returncode, "and 1 timestamp checked" in checked.stdout) == (0, True)
    assert "last stamped 20" in run(db, "status").stdout
    assert run(db, "check", "--ca", str(first.root)).returncode == 0
    wrong = run(db, "check", "--ca", str(second.root))
    assert wrong.returncode == 1
    assert "does not verify" in wrong.stdout
    settings.write_text("")
    assert "[[timestamps]]" in run(db, "stamp", "--sites", str(settings)).stderr


@pytest.mark.parametrize("text", ["url = 3", 'url = "nowhere"', 'url = "http://a.example/"\ncert = "x"', ""])
def test_settings_that_are_wrong_are_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"sites\.toml"):
        config.parse(f"[[timestamps]]\n{text}\n", tmp_path / "sites.toml")


def test_nothing_is_stamped_of_an_empty_archive(tmp_path: Path, authorities: tuple[Authority, ...]) -> None:
    with Database.open(tmp_path / "empty.db") as db:
        assert stamped(db, authorities[0]) == []
