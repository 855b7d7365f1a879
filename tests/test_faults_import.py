"""Hostile and damaged WARC records: each is judged alone, with a reason, and costs no other record anything."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import random
import re
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path

import clinic_archive
import pytest
from command import archive
from deriving import import_files, spread
from evidence import at, page

from columnarchive.errors import ExchangeError
from columnarchive.exchange import warc_http, warc_records
from columnarchive.exchange.warc_reader import read
from columnarchive.pipeline import import_warc, withdrawal
from columnarchive.records import Capture, Failure
from columnarchive.store import captures, hash_chain
from columnarchive.store.database import Database

URL = "https://clinic.example/column/{}/"
TYPE = "Content-Type: text/html; charset=utf-8"


def now() -> datetime:
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def http(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", TYPE, *lines, "", "")).encode() + body


def record(
    block: bytes,
    url: str = URL.format(1),
    date: str = at(1),
    kind: str = "response",
    length: str = "",
    fields: str = "",
) -> bytes:
    """A record as bytes; `length` is what its Content-Length claims."""
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\n{fields}"
        f"Content-Type: application/http\r\nContent-Length: {length or len(block)}\r\n\r\n"
    )
    return head.encode("utf-8", "surrogateescape") + block + b"\r\n\r\n"


def good(number: int) -> bytes:
    return record(http(page(number)), URL.format(number))


def imported(folder: Path, *records: bytes, packed: bool = True) -> tuple[Database, import_warc.ImportSummary]:
    path = folder / "in.warc.gz"
    path.write_bytes(b"".join(gzip.compress(one) if packed else one for one in records))
    db = Database.open(folder / "a.db")
    return db, import_files(db, [path], None, lambda *_: None, now)


def urls(db: Database) -> set[str]:
    return {url for (url,) in db.conn.execute("select url from pages join captures on page_id = pages.id")}


DATES = [
    "9999-12-31T00:00:00Z", "0999-01-01T00:00:00Z", "1989-12-31T23:59:59Z", "2026-11-24T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "99991231000000", "", "١٩٩٩",
    "2026-01-01T00:00:00+99:99", "-2026-01-01T00:00:00Z", "Z" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("packed", [True, False])
def test_times_outside_1990_to_tomorrow_are_refused(tmp_path: Path, packed: bool) -> None:
    bad = [record(http(page(9)), URL.format(f"bad{n}"), date) for n, date in enumerate(DATES)]
    db, summary = imported(tmp_path, good(1), *bad, good(2), packed=packed)
    with db:
        assert urls(db) == {URL.format(1), URL.format(2)}
        assert summary.failed == len(DATES)
        assert all("date" in failure.reason for failure in summary.failures)
        assert all(len(failure.reason) < 200 for failure in summary.failures)


@pytest.mark.parametrize("date", ["1990-01-01T00:00:00Z", "2026-11-23T12:00:00Z", "20240501000000", "2026-01-01"])
def test_times_within_are_taken(tmp_path: Path, date: str) -> None:
    db, summary = imported(tmp_path, record(http(page(1)), date=date))
    with db:
        assert (summary.added, summary.failed) == (1, 0)


LENGTHS = ["1e30", "1" + "0" * 30, "9" * 5000, "-1", "NaN", "0x40", " ", "１２", "18446744073709551616"]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_that_is_none_costs_its_own_record(tmp_path: Path, length: str, packed: bool) -> None:
    bad = record(http(page(9)), URL.format("bad"), length=length)
    db, summary = imported(tmp_path, good(1), bad, good(2), good(3), packed=packed)
    with db:
        assert urls(db) >= {URL.format(1), URL.format(2), URL.format(3)}
        if URL.format("bad") in urls(db):  # a record of its own gzip member ends where the member ends
            (row,) = captures.of_page(db, URL.format("bad"))
            assert row.body_sha256 == hashlib.sha256(page(9)).hexdigest()
        else:
            assert summary.failed


@pytest.mark.parametrize("excess", [20, 40, 700, "next", "two", "all"])
@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_a_length_past_the_next_record_never_merges_two(
    tmp_path: Path, excess: int | str, digest: bool, whole: bool
) -> None:
    following = [good(2), good(3), good(4)]
    steps = {"next": len(following[0]), "two": len(following[0] + following[1]), "all": 10**7}
    more = steps[excess] if isinstance(excess, str) else excess
    block = http(page(1))
    fields = f"WARC-Block-Digest: sha1:{hashlib.sha1(block).hexdigest()}\r\n" if digest else ""
    data = record(block, length=str(len(block) + more), fields=fields) + b"".join(following)
    db, summary = imported(tmp_path, data, packed=whole)
    with db:
        assert urls(db) >= {URL.format(2), URL.format(3), URL.format(4)}
        for number in range(1, 5):
            for row in captures.of_page(db, URL.format(number)):
                assert row.body_sha256 == hashlib.sha256(page(number)).hexdigest()
        assert summary.failed == 1


@pytest.mark.parametrize("less", [1, 50, 2000])
def test_a_length_that_cuts_a_body_is_named(tmp_path: Path, less: int) -> None:
    block = http(page(1))
    db, summary = imported(tmp_path, record(block, length=str(len(block) - less)) + good(2), packed=False)
    with db:
        assert urls(db) == {URL.format(2)}
        assert summary.failed == 1


def test_a_page_about_warc_is_one_page(tmp_path: Path) -> None:
    """A record inside a page's text is text where a digest, the answer's own length or its gzip member says so."""
    body = b"<!doctype html><title>x</title><pre>\r\n\r\n" + record(b"inner") + b"</pre>"
    block = http(body)
    for name, data, packed in [
        ("member", record(block), True),
        ("length", record(http(body, f"Content-Length: {len(body)}")), False),
        ("digest", record(block, fields=f"WARC-Block-Digest: sha256:{hashlib.sha256(block).hexdigest()}\r\n"), False),
    ]:
        (tmp_path / name).mkdir()
        db, summary = imported(tmp_path / name, data, good(2), packed=packed)
        with db:
            assert summary.failed == 0, name
            (row,) = captures.of_page(db, URL.format(1))
            assert row.body_sha256 == hashlib.sha256(body).hexdigest()


def test_stacked_and_broken_codings_are_named(tmp_path: Path) -> None:
    body, packed = page(1), gzip.compress(page(1))
    cases = {
        "many": (packed, ", ".join(["gzip"] * 500)),
        "many-spread": (packed, "gzip,x-gzip,deflate,br,zstd,gzip"),
        "cut": (packed[:-20], "gzip"),
        "damaged": (packed[:200] + b"\xff" * 50 + packed[250:], "gzip"),
        "window": (b"\x28\xb5\x2f\xfd\x00\xf8" + b"\0" * 40, "zstd"),
        "nested": (gzip.compress(gzip.compress(b"<p>" + b"a" * (200 << 20))), "gzip, gzip"),
    }
    bad = [record(http(data, f"Content-Encoding: {coding}"), URL.format(n)) for n, (data, coding) in cases.items()]
    fine = [record(http(gzip.compress(body), "Content-Encoding: deflate, GZIP"), URL.format("fine"))]
    db, summary = imported(tmp_path, *bad, *fine, good(2))
    with db:
        assert urls(db) == {URL.format("fine"), URL.format(2)}
        assert {re.sub(r".*column/([^/]*)/.*", r"\1", failure.subject) for failure in summary.failures} == set(cases)


FIELD = {"url": URL.format(1), "final_url": URL.format(1), "status": 200, "outcome": "ok"}
FIELDS = {
    "deep": "[" * 100_000,
    "deep-object": '{"a":' * 50_000,
    "nan": json.dumps({**FIELD, "seconds": float("nan")}),
    "infinity": json.dumps({**FIELD, "seconds": float("inf")}),
    "overflow": json.dumps(FIELD)[:-1] + ',"seconds":1e999}',
    "huge": json.dumps(FIELD)[:-1] + ',"wire_length":' + "9" * 400 + "}",
    "long-number": json.dumps(FIELD)[:-1] + ',"wire_length":' + "9" * 6000 + "}",
    "negative": json.dumps({**FIELD, "status": -1}),
    "bool": json.dumps({**FIELD, "status": True}),
    "list": "[]",
    "url": json.dumps({**FIELD, "url": "javascript:alert(1)"}),
    "no-url": json.dumps({"outcome": "ok"}),
    "newline": json.dumps({**FIELD, "final_url": "https://clinic.example/\n\tx"}),
    "peer": json.dumps({**FIELD, "peer": ["192.0.2.1"]}),
    "hops": json.dumps({**FIELD, "hops": [[1, 2]]}),
    "digest": json.dumps({**FIELD, "body_sha256": "../../etc"}),
    "outcome": json.dumps({**FIELD, "outcome": "fine"}),
}


def test_fields_of_ours_that_are_forged_cost_their_record(tmp_path: Path) -> None:
    bad = [
        record(http(b"", status="404 Not Found"), URL.format(name), fields=f"Columnarchive-Capture: {text}\r\n")
        for name, text in FIELDS.items()
    ]
    surrogate = json.dumps({**FIELD, "url": URL.format("odd"), "peer": "\udfff", "tls": "\ud800", "error": "\udc80"})
    odd = record(http(b"", status="404 Not Found"), fields=f"Columnarchive-Capture: {surrogate}\r\n")
    db, summary = imported(tmp_path, *bad, odd, good(2))
    with db:
        assert urls(db) == {URL.format("odd"), URL.format(2)}
        assert summary.failed == len(FIELDS)
        assert hash_chain.verify(db.conn) == []


@pytest.mark.parametrize(
    "refers", ["javascript:void(0)", "http://[::1", "mailto:a@b.example", "//", "http://\udc80:99999/"]
)
def test_a_revisit_of_no_address_costs_its_record(tmp_path: Path, refers: str) -> None:
    fields = f"WARC-Refers-To-Target-URI: {refers}\r\nWARC-Refers-To-Date: {at(1)}\r\n"
    revisit = record(http(b""), URL.format(7), at(3), "revisit", fields=fields)
    db, summary = imported(tmp_path, good(1), revisit, good(2))
    with db:
        assert urls(db) == {URL.format(1), URL.format(2)}
        assert summary.failed == 1


@pytest.mark.parametrize(
    "location", ["javascript:x", "http://[", "\\\\", "data:text/html,x", "https://a\tb.example/\n"]
)
def test_redirects_to_anything_are_taken_with_a_clean_address(tmp_path: Path, location: str) -> None:
    moved = record(http(b"", f"Location: {location}", status="301 Moved"), URL.format(7))
    db, summary = imported(tmp_path, moved, good(2))
    with db:
        assert summary.failed == 0
        for row in captures.of_page(db, URL.format(7)):
            assert row.final_url.startswith("https://")
            assert not re.search(r"[\x00-\x20]", row.final_url)


ONE_ADDRESS = [
    "HTTPS://Clinic.EXAMPLE:443/column/%E9%9B%A3%E7%97%85/", "https://clinic.example/column/難病/#top",
    "https://clinic.example/column/難病/?utm_source=feed&utm_medium=rss", "<https://clinic.example/column/難病/>",
    "https://clinic.example/a/../column/難病/",
]  # fmt: skip


def test_an_address_has_one_form_whoever_wrote_it(tmp_path: Path) -> None:
    made = [record(http(page(n)), url, at(n + 1)) for n, url in enumerate(ONE_ADDRESS)]
    db, summary = imported(tmp_path, *made)
    with db:
        assert (summary.added, summary.failed) == (len(made), 0)
        assert urls(db) == {"https://clinic.example/column/%E9%9B%A3%E7%97%85/"}
        rows = captures.of_page(db, "https://clinic.example/column/%E9%9B%A3%E7%97%85/")
        assert {row.final_url for row in rows} == {"https://clinic.example/column/%E9%9B%A3%E7%97%85/"}


def bomb(megabytes: int, head: bytes = b"") -> bytes:
    """A gzip member that holds `head` and that many megabytes of one letter."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"a" * (1 << 20)
    return packer.compress(head) + b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("kind", spread(["payload", "claimed", "head", "many-lines", "coding"], 2))
def test_bombs_are_refused_in_bounded_memory(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc_records, "MAX_PAYLOAD", 8 << 20)
    monkeypatch.setattr(warc_http, "MAX_BODY", 8 << 20)
    answer = http(b"<!doctype html>")
    length = str(len(answer) + (160 << 20))
    start = record(answer, URL.format("bomb"), length=length)[:-4]
    if kind == "payload":
        middle = bomb(160, start)
    elif kind == "claimed":
        middle = bomb(160, start.replace(length.encode(), b"9" * 15))
    elif kind == "head":
        middle = bomb(160, b"WARC/1.1\r\nWARC-Type: ")
    elif kind == "many-lines":
        middle = gzip.compress(b"WARC/1.1\r\n" + b"A: b\r\n" * (20 << 20))
    else:
        middle = gzip.compress(record(http(bomb(160), "Content-Encoding: gzip"), URL.format("bomb")))
    path = tmp_path / "in.warc.gz"
    path.write_bytes(gzip.compress(good(1)) + middle + gzip.compress(good(2)))
    tracemalloc.start()
    found = list(read(path, now))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [item.url for item in found if isinstance(item, Capture)] == [URL.format(1), URL.format(2)]
    assert len([item for item in found if isinstance(item, Failure)]) == 1
    assert peak < 100 << 20


def test_reading_a_file_of_beginnings_grows_with_its_size(tmp_path: Path) -> None:
    """Every record that breaks is one start of the parser: what it reads again must not grow with the file."""
    reads: list[int] = []

    class Counting(io.FileIO):
        def read(self, size: int = -1) -> bytes:  # type: ignore[override]
            data = super().read(size) or b""
            reads[-1] += len(data)
            return data

    for count in (200_000, 400_000):
        path = tmp_path / f"{count}.warc"
        path.write_bytes(good(1) + b"WARC/1.0\r\n" * count + b"\r\n" + good(2))
        reads.append(0)
        with Counting(path) as file:
            list(warc_records._walk(file, "in.warc"))
    assert reads[1] <= 3 * reads[0]


FOREIGN = {
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40,
    "escape.txt": b"\x1b]0;title\x07\x1b[31m" * 50,
    "zip.bin": b"PQ\x03\x04" + bytes(range(256)) * 9,
    "gzip.gz": gzip.compress(bytes(range(256)) * 99),
    "bidi.txt": "\u202e難病\u2066".encode() * 99,
}


@pytest.mark.parametrize("name", spread(FOREIGN, 2))
def test_a_file_that_is_no_warc_is_one_clean_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FOREIGN[name])
    with Database.open(tmp_path / "a.db") as db, pytest.raises(ExchangeError) as caught:
        import_files(db, [path], None, lambda *_: None, now)
    assert re.fullmatch(r"[ -~]+", str(caught.value))
    done = archive("import", path, db=tmp_path / "b.db")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert re.fullmatch(r"[ -~]+\n", done.stderr)


@pytest.mark.slow
def test_random_damage_never_ends_an_import(tmp_path: Path) -> None:
    whole = b"".join(good(n) for n in range(6))
    rng = random.Random(15)
    for round_ in range(60):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            place = rng.randrange(len(data))
            data[place : place + rng.randrange(1, 30)] = rng.randbytes(rng.randrange(0, 30))
        (tmp_path / "in.warc").write_bytes(gzip.compress(bytes(data)) if round_ % 3 == 0 else bytes(data))
        with Database.open(tmp_path / f"{round_}.db") as db:
            with contextlib.suppress(ExchangeError):
                import_files(db, [tmp_path / "in.warc"], None, lambda *_: None, now)
            assert hash_chain.verify(db.conn) == []


WITHDRAWN = "https://clinic.example/column/1/"
RETURNS = {
    "the same": record(http(page(1)), WITHDRAWN, at(5)),
    "another spelling": record(http(page(1).replace(b"build", b"Build")), WITHDRAWN.upper().lower() + "#x", at(5)),
    "a new address": record(http(page(1).replace(b"build 0.1", b"build 7.1")), URL.format("copy"), at(5)),
    "another encoding": record(
        http(page(1).decode().replace("charset=utf-8", "charset=cp932").encode("cp932", "replace")).replace(
            b"charset=utf-8\r\n", b"charset=cp932\r\n"
        ),
        URL.format("copy2"),
        at(5),
    ),
    "a redirect": record(
        http(b"", status="200 OK"),
        URL.format("hop"),
        at(5),
        fields="Columnarchive-Capture: "
        + json.dumps({**FIELD, "url": URL.format("hop"), "final_url": WITHDRAWN, "error": "x"})
        + "\r\n",
    ),
}


@pytest.mark.parametrize("way", RETURNS)
def test_what_was_withdrawn_does_not_come_back_by_import(tmp_path: Path, way: str) -> None:
    db, _ = imported(tmp_path, good(1), good(2), good(3))
    with db:
        clinic_archive.derive_here(db)
        withdrawal.withdraw(db, WITHDRAWN, "", "request of the person named", lambda _: None)
        (tmp_path / "again.warc.gz").write_bytes(gzip.compress(RETURNS[way]) + gzip.compress(good(4)))
        summary = import_files(db, [tmp_path / "again.warc.gz"], None, lambda *_: None, now)
        assert (summary.added, summary.known) == (1, 1)
        assert hash_chain.verify(db.conn) == []
