"""Mutated pages, headers, WARC records, feeds, sitemaps, settings and databases, through every command and every page.

Each example mutates a batch of inputs, so that the worker processes of a batch are started once. `FUZZ_INPUTS` sets how
many mutated inputs are tried in all (2,000 in CI); with `FUZZ_RANDOM=1` each run tries others. Nothing may end in a traceback, a status 500 or a hang, and no
process may grow beyond `LARGEST`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import logging
import os
import random
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import clinic
import pytest
from datasette.app import Datasette
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from servers.site import Reply, Site
from typer.testing import CliRunner
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from columnarchive.cli.app import app
from columnarchive.errors import ArchiveError
from columnarchive.records import Capture

pytestmark = pytest.mark.slow

INPUTS = int(os.environ.get("FUZZ_INPUTS", "2000"))
BATCH = 25
LARGEST = 400_000  # kB resident, of this process and of any that it started
GROWTH = 250_000  # kB more than other tests have made this process
COMMAND_SECONDS = 120
HOME = "/-/archive"
PAGES = (
    "", "articles", "article", "diff", "change", "search", "sites", "site", "copies", "passage", "captures", "capture", "replay",
    "body", "evidence", "feed",
)  # fmt: skip
COLUMN = f"{clinic.HOST}/column/nanbyo-kansaibou/"

# ruff: noqa: E501 (lists read best in few lines)
BITS: tuple[bytes, ...] = tuple(
    bit if isinstance(bit, bytes) else bit.encode("utf-8", "surrogatepass")
    for bit in (
        b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\x1b$B", b"\x80", b"\r\n", b"\r\n\r\n", b"\x1a", b"%", b"\\ud800", b"\\u0000",
        "\u202e", "\u200b", "\u2028", "\ufffe", "\uffff", "\ud800", "\U000e0100", "\u00ad", "ｲﾝｽﾘﾝ", "髙﨑",
        "<", ">", "</", "<!--", "-->", "<![CDATA[", "]]>", "&#xD800;", "&#1114112;", "&#0;", "&nbsp", "<?php echo", "<div " * 300,
        "<b>" * 200 + "<p>x" * 200, "<table><tr><td>" * 120, "<font a=1>" * 50, "<p " + " ".join(f"a{n}=1" for n in range(400)) + ">",
        "<script>", "</script>", "<style>", "<template shadowrootmode=open>", "<base href='javascript:alert(1)'>", "<plaintext>",
        "<meta charset=utf-7>", "<meta charset=utf-16>", "<meta http-equiv=refresh content='0;url=http://[::1'>",
        "<link rel=canonical href='http://[::1'>", "<link rel=canonical href='//\u0000/'>", "<a href='http://a:99999/'>x</a>",
        '<script type="application/ld+json">{"@type":"Article","author":"\\ud800","datePublished":"9999-99-99"}</script>',
        '<script type="application/ld+json">' + "[" * 3000 + "</script>",
        '<script type="application/ld+json">{"@type":"Article","headline":1e999,"author":[[{"name":{}}]]}</script>',
        "痛み" * 3000, "2025年" * 1000, "令和" * 1000, "Q1." * 1000, "（" * 3000, "、" * 3000, "9" * 5000, "98,000円" * 300, "a" * 20000,
        "必ず治ります。", "9999年99月99日", "令和0年", "公開日：0000-00-00", "監修：" * 200, "お問い合わせTEL0120", "=HYPERLINK(1)",
        "<!channel>@everyone", "'; drop table captures; --", "{{ 7*7 }}", "\x1b[31m", "%s%n", "../../etc",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """Where and how one input is changed; positions are parts of the length, so that they fit any input."""

    choice: float
    edits: tuple[tuple[str, float, float, int], ...]

    def apply(self, data: bytes) -> bytes:
        for kind, at, length, bit in self.edits:
            start = int(at * len(data))
            end = min(len(data), start + int(length * 400))
            if kind == "insert":
                data = data[:start] + BITS[bit] + data[start:]
            elif kind == "delete":
                data = data[:start] + data[end:]
            elif kind == "double":
                data = data[:end] + data[start:end] * (1 + bit % 5) + data[end:]
            elif kind == "cut":
                data = data[:start]
            elif data[start:end]:
                data = data[:start] + bytes([data[start] ^ (1 << bit % 8)]) + data[start + 1 :]
        return data


KINDS = ("insert", "insert", "insert", "delete", "double", "cut", "flip")


def mutations_of(seed: int) -> list[Mutation]:
    """A batch of mutations; hypothesis draws the seed, and names it when something fails."""
    chance = random.Random(seed)
    return [
        Mutation(
            chance.random(),
            tuple(
                (chance.choice(KINDS), chance.random(), chance.random(), chance.randrange(len(BITS)))
                for _ in range(chance.randint(1, 4))
            ),
        )
        for _ in range(BATCH)
    ]


MUTATIONS = st.integers(0, 2**32).map(mutations_of)


def fuzzed(share: float) -> Callable[[Any], Any]:
    """Settings of a test that tries this share of all inputs; shrinking a batch would take too long."""
    return settings(
        max_examples=max(1, round(INPUTS * share / BATCH)),
        deadline=None,
        derandomize="FUZZ_RANDOM" not in os.environ,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Fail when a block hangs, or when a process has grown too large."""

    def hang(*_: object) -> None:
        raise TimeoutError("the command hangs")

    before = signal.signal(signal.SIGALRM, hang)
    peaks = _peaks()  # other tests may have run in this process
    signal.alarm(COMMAND_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    for earlier, now in zip(peaks, _peaks(), strict=True):
        assert now <= max(LARGEST, earlier + GROWTH)


def _peaks() -> list[int]:
    """The largest sizes of this process and of any that it started and waited for, in kB."""
    return [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def run(db: Path, *arguments: str, codes: Sequence[int] = (0, 1)) -> str:
    """Run a command; only an answer or an expected error is accepted, and an error is one sentence."""
    with bounded():
        result = CliRunner().invoke(app, ["--db", str(db), *arguments])
    if isinstance(result.exception, ArchiveError):
        sentence = str(result.exception)
        assert 1 in codes, sentence
        assert sentence.strip(), arguments
        assert "Traceback" not in sentence
    elif result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    else:
        assert result.exit_code in codes, (arguments, result.output)
    return result.output


def listings(url: str) -> list[tuple[str, ...]]:
    """Every command that only reads, for the archive and for one column."""
    return [
        ("status",), ("status", "--json"), ("sites",), ("changes",), ("changes", "--json"), ("copies",),
        ("search", "難病"), ("search", "治", "--json"), ("search", "98,000円 OR \"個人差\"", "--removed"),
        ("show", url), ("show", url, "--format", "html"), ("history", url), ("history", url, "--json"), ("diff", url), ("diff", url, "--format", "json"),
        ("diff", url, "--format", "html"), ("blame", url), ("blame", url, "--json"), ("captures", url), ("captures", url, "--json"),
    ]  # fmt: skip


class Faults(logging.Handler):
    """Keeps what was logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))


def pages(db: Path, url: str, every: int = 1) -> None:
    """Every page for reading answers, or says in a sentence why not; only a damaged file is a status 500."""
    faults = Faults()
    logging.getLogger().addHandler(faults)

    async def ask() -> None:
        datasette = Datasette([str(db)])
        await datasette.invoke_startup()
        for page in PAGES[::every]:
            at = f"{HOME}/{page}".rstrip("/")
            response = await datasette.client.get(f"{at}?url={quote(url, safe='')}&q=難病&name={clinic.SITE}&n=1")
            assert response.status_code in (200, 302, 400, 403, 404, 410, 500), (page, response.text[-600:])

    try:
        with bounded():
            asyncio.run(ask())
    finally:
        logging.getLogger().removeHandler(faults)
    assert faults.found == []


def record(writer: WARCWriter, capture: Capture, mutation: Mutation | None, out: io.BytesIO) -> None:
    """Append one capture; a mutation changes its body, its header lines or the bytes of the record."""
    body = capture.body or b""
    headers = list(capture.headers)
    where = int(mutation.choice * 10) if mutation else -1
    if mutation and where >= 4:
        body = mutation.apply(body)
    elif mutation and where >= 2:
        lines = mutation.apply("\n".join(f"{name}: {value}" for name, value in headers).encode()).decode("latin-1")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines.splitlines())]
    http = StatusAndHeaders(f"{capture.status} OK", headers, protocol="HTTP/1.1")
    dated = {"WARC-Date": capture.fetched_at}
    start = out.tell()
    try:
        writer.write_record(
            writer.create_warc_record(
                capture.url, "response", io.BytesIO(body), http_headers=http, warc_headers_dict=dated
            )
        )
    except (UnicodeError, ValueError):
        out.seek(start)
        out.truncate()
        return
    if mutation and 0 <= where < 2:
        whole = out.getvalue()
        out.seek(start)
        out.truncate()
        out.write(mutation.apply(whole[start:]))


@settings(parent=fuzzed(0.5))
@given(MUTATIONS)
def test_mutated_pages_headers_and_records(tmp_path_factory: pytest.TempPathFactory, mutations: list[Mutation]) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    captures = [one for one in clinic.captured() if one.status == 200 and "/column/" in one.url]
    picked = {int(mutation.choice * 9973) % len(captures): mutation for mutation in mutations}
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=False)
    for number, capture in enumerate(captures):
        record(writer, capture, picked.get(number), out)
    (folder / "pages.warc").write_bytes(out.getvalue())
    db = folder / "a.db"
    run(db, "import", str(folder / "pages.warc"))
    for arguments in listings(COLUMN):
        run(db, *arguments)
    changed = sorted({captures[number].url for number in picked})
    url = changed[len(mutations[0].edits) % len(changed)]
    for arguments in listings(url)[9:]:
        run(db, *arguments)
    pages(db, url)
    run(db, "check", codes=(0,))


@settings(parent=fuzzed(0.2))
@given(MUTATIONS)
def test_mutated_sites_are_crawled(tmp_path_factory: pytest.TempPathFactory, mutations: list[Mutation]) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    source = clinic.dated_sites()[0].folder
    files = sorted(path for path in source.rglob("*") if path.is_file())
    odd = [path for path in files if path.suffix in (".xml", ".txt") or path.parent.name in ("column", "feed")]
    answers: dict[str, str | bytes | Reply] = {}
    site = Site(answers)
    with site:
        origin = site.url.encode()
        for path in files:
            at = "/" + path.relative_to(source).as_posix().removesuffix("index.html")
            kind = {"xml": "application/xml", "txt": "text/plain"}.get(path.suffix[1:], "text/html")
            body = path.read_bytes().replace(b"{{origin}}", origin)
            for mutation in mutations:
                chosen = odd if mutation.choice < 0.5 else files
                if chosen[int(mutation.choice * 9973) % len(chosen)] == path:
                    body = mutation.apply(body)
            answers[at] = Reply(200, body, {"Content-Type": kind})
        db = folder / "a.db"
        run(db, "crawl", f"{site.url}/column/", "--allow-private", "--delay", "0", "--contact", "me@example.org")
    for arguments in listings(f"{site.url}/column/nanbyo-kansaibou/"):
        run(db, *arguments)
    pages(db, f"{site.url}/column/nanbyo-kansaibou/", every=3)


TOML = b"""contact = "me@example.org"
[[site]]
name = "clinic.example"
start = ["https://clinic.example/column/"]
title = "Clinic"
delay = 5
under = ["/column/"]
revisit_days = 7
max_pages = 100
drop_parameters = ["utm_source"]
kinds = { "/column/voice/*" = "other" }
[[site]]
name = "other.example"
start = ["https://other.example/blog/"]
enabled = false
[notify]
url = "https://hooks.example/columns"
level = 2
labels = ["price", "gone"]
since = 2026-01-01
"""


@settings(parent=fuzzed(0.15))
@given(MUTATIONS)
def test_mutated_settings(tmp_path_factory: pytest.TempPathFactory, mutations: list[Mutation]) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "data").mkdir()
    with contextlib.chdir(folder):
        for mutation in mutations:
            Path("data/sites.toml").write_bytes(mutation.apply(TOML))
            run(folder / "a.db", "sites", "test", "clinic.example")
            run(folder / "a.db", "crawl", "--dry-run")


def text_columns(conn: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every column of every ordinary table, with those that hold JSON and digests among them."""
    tables = conn.execute(
        "select name from sqlite_master where type = 'table' and sql not like '%without rowid%' and name not like 'sqlite_%' and name not like '%_fts%'"
    ).fetchall()
    return [
        (table.decode(), row[1].decode())
        for (table,) in tables
        for row in conn.execute(f'pragma table_info("{table.decode()}")')
    ]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of the clinic in its three versions."""
    folder = tmp_path_factory.mktemp("sound")
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=False)
    for capture in clinic.captured():
        record(writer, capture, None, out)
    (folder / "pages.warc").write_bytes(out.getvalue())
    run(folder / "a.db", "import", str(folder / "pages.warc"), codes=(0,))
    return folder / "a.db"


@settings(parent=fuzzed(0.15))
@given(MUTATIONS)
def test_mutated_databases(sound: Path, tmp_path_factory: pytest.TempPathFactory, mutations: list[Mutation]) -> None:
    db = tmp_path_factory.mktemp("fuzz") / "a.db"
    with sqlite3.connect(sound) as source, sqlite3.connect(db) as conn:
        source.backup(conn)
    source.close()
    conn.execute("pragma foreign_keys = off")
    conn.text_factory = bytes
    columns = text_columns(conn)
    for mutation in mutations:
        table, column = columns[int(mutation.choice * 9973) % len(columns)]
        rows = conn.execute(
            f'select rowid, "{column}", typeof("{column}") from "{table}" where typeof("{column}") in (\'text\', \'blob\')'
        ).fetchall()
        if not rows:
            continue
        row, value, kind = random.Random(mutation.choice).choice(rows)
        changed = mutation.apply(value)
        try:
            if kind == b"blob":
                conn.execute(f'update "{table}" set "{column}" = ? where rowid = ?', (changed, row))
            else:  # text that may not be UTF-8
                conn.execute(f'update "{table}" set "{column}" = cast(? as text) where rowid = ?', (changed, row))
        except sqlite3.Error:
            continue  # a constraint holds
    conn.commit()
    conn.close()
    for arguments in itertools.chain(listings(COLUMN), [("check",), ("rebuild",), ("check",)]):
        run(db, *arguments)
    pages(db, COLUMN)


if sys.platform == "win32":  # no alarms
    pytestmark = pytest.mark.skip(reason="needs alarms of POSIX")
