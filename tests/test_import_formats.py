"""Files of captures of every format: WACZ, MHTML, SingleFile, resource and conversion records, replays."""

from __future__ import annotations

import base64
import gzip
import quopri
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deriving import import_files
from evidence import at, page
from test_faults_import import URL, good, http, record

from columnarchive.errors import ExchangeError
from columnarchive.pipeline import import_warc
from columnarchive.store import blobs, captures
from columnarchive.store.database import Database


def now() -> datetime:
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def imported(folder: Path, path: Path) -> tuple[Database, import_warc.ImportSummary]:
    db = Database.open(folder / "a.db")
    return db, import_files(db, [path], None, lambda *_: None, now)


def refusal(folder: Path, path: Path) -> str:
    with Database.open(folder / "a.db") as db, pytest.raises(ExchangeError) as caught:
        import_files(db, [path], None, lambda *_: None, now)
    return str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("packed", ["records", "whole", "plain"])
def test_a_wacz_is_read_however_its_members_are_packed(tmp_path: Path, method: int, packed: str) -> None:
    records = [good(n) for n in range(5)]
    data = b"".join(gzip.compress(one) for one in records) if packed == "records" else b"".join(records)
    with zipfile.ZipFile(tmp_path / "in.wacz", "w", method) as out:
        out.writestr(
            "archive/a.warc" + ("" if packed == "plain" else ".gz"), gzip.compress(data) if packed == "whole" else data
        )
        out.writestr("archive/b.warc.gz", gzip.compress(good(7)))
        out.writestr("datapackage.json", "{}")
        out.writestr("pages/pages.jsonl", "{}")
    db, summary = imported(tmp_path, tmp_path / "in.wacz")
    with db:
        assert (summary.added, summary.failed) == (6, 0)
        (row,) = captures.of_page(db, URL.format(3))
        assert blobs.read(db, row.body_sha256) == page(3)


def test_a_damaged_member_of_a_wacz_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "in.wacz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/a.warc", b"".join(good(n) for n in range(40)))
        out.writestr("archive/b.warc.gz", gzip.compress(good(77)))
        out.writestr("archive/empty.warc.gz", b"")
    data = bytearray(path.read_bytes())
    data[2000:2040] = b"\xff" * 40
    path.write_bytes(data)
    db, summary = imported(tmp_path, path)
    with db:
        assert captures.of_page(db, URL.format(77))
        assert summary.failed >= 2
        assert all(failure.reason.endswith(".") for failure in summary.failures)


@pytest.mark.parametrize("kind", ["cut", "no archive", "encrypted flag", "empty"])
def test_a_zip_that_is_no_wacz_is_one_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "in.wacz"
    with zipfile.ZipFile(path, "w") as out:
        if kind != "empty":
            out.writestr("notes.txt" if kind == "no archive" else "archive/a.warc", good(1))
    data = bytearray(path.read_bytes())
    if kind == "cut":
        data = data[:-30]
    elif kind == "encrypted flag":
        data[data.index(b"PK\x01\x02") + 8] |= 1
        data[6] |= 1
    path.write_bytes(data)
    if kind == "encrypted flag":
        db, summary = imported(tmp_path, path)
        with db:
            assert (summary.added, summary.failed) == (0, 1)
    else:
        assert refusal(tmp_path, path).endswith(".")


def mhtml(body: bytes, *lines: str, coding: str = "quoted-printable", charset: str = "") -> bytes:
    written = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(coding, bytes)(body)
    picture = base64.encodebytes(b"\x89PNG" * 9)
    head = "\r\n".join(
        ("From: <Saved by Blink>", *lines, "MIME-Version: 1.0", 'Content-Type: multipart/related; boundary="B"', "", "")
    )
    kind = "Content-Type: text/html" + (f'; charset="{charset}"' if charset else "")
    first = f"--B\r\n{kind}\r\nContent-Transfer-Encoding: {coding}\r\nContent-Location: {URL.format(1)}\r\n\r\n"
    second = "\r\n--B\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + first.encode() + written + second.encode() + picture + b"\r\n--B--\r\n"


LOCATION = f"Snapshot-Content-Location: {URL.format(1)}?utm_source=x"
DATE = "Date: Fri, 1 May 2026 09:30:00 +0900"


@pytest.mark.parametrize("coding", ["quoted-printable", "base64", "8bit"])
def test_a_page_saved_as_mhtml_is_a_capture(tmp_path: Path, coding: str) -> None:
    body = page(1).replace(b"\n", b"\r\n")
    (tmp_path / "page.mhtml").write_bytes(mhtml(body, LOCATION, DATE, coding=coding))
    db, summary = imported(tmp_path, tmp_path / "page.mhtml")
    with db:
        assert (summary.added, summary.skipped) == (1, (("not the saved page (image/png)", 1),))
        (row,) = captures.of_page(db, URL.format(1))
        assert (row.fetched_at, row.source, row.outcome) == ("2026-05-01T00:30:00Z", "mhtml", "ok")
        assert blobs.read(db, row.body_sha256).strip() == body.strip()


@pytest.mark.parametrize(
    "lines",
    [(LOCATION,), (LOCATION, "Date: yesterday"), (LOCATION, "Date: Fri, 1 May 9999 09:30:00 +0900"),
     ("Snapshot-Content-Location: file:///home/x.html", DATE), (LOCATION, "Date: Thu, 1 Jan 1970 00:00:00 GMT")],
)  # fmt: skip
def test_an_mhtml_page_without_address_or_time_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    (tmp_path / "page.mht").write_bytes(mhtml(page(1), *lines))
    assert "does not state" in (said := refusal(tmp_path, tmp_path / "page.mht")) or "states the time" in said


def single(url: str, date: str) -> bytes:
    return (
        f"<!DOCTYPE html> <!--\n Page saved with SingleFile \n url: {url} \n saved date: {date} \n-->".encode()
        + page(1)
    )


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Fri May 01 2026 09:00:00 GMT+0900 (日本標準時)", "2026-05-01T00:00:00Z"),
        ("Fri May 01 2026 09:00:00 GMT+0000 (Coordinated Universal Time)", "2026-05-01T09:00:00Z"),
        ("Fri May 01 2026 09:00:00 GMT-0330", "2026-05-01T12:30:00Z"),
    ],
)
def test_a_page_saved_with_singlefile_is_a_capture(tmp_path: Path, date: str, expected: str) -> None:
    (tmp_path / "page.html").write_bytes(single(URL.format(1), date))
    db, summary = imported(tmp_path, tmp_path / "page.html")
    with db:
        assert summary.added == 1
        (row,) = captures.of_page(db, URL.format(1))
        assert (row.fetched_at, row.source) == (expected, "singlefile")


@pytest.mark.parametrize(
    "content",
    [
        page(1), single(URL.format(1), "some day"), single("about:blank", "Fri May 01 2026 09:00:00 GMT+0900"),
        single(URL.format(1), "Fri May 01 2099 09:00:00 GMT+0900"),
        single(URL.format(1), "Fri May 41 2026 09:00:00 GMT"),
        b"<!-- saved from url=(0014)about:internet -->" + page(1),
        page(1).replace(b"<body>", b"<body><!-- BEGIN WAYBACK TOOLBAR INSERT -->"),
    ],
)  # fmt: skip
def test_a_saved_page_without_address_or_time_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.html").write_bytes(content)
    said = refusal(tmp_path, tmp_path / "page.html")
    assert said.endswith(".")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("kind", ["resource", "conversion"])
@pytest.mark.parametrize("content_type", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_records_without_http_hold_pages_too(tmp_path: Path, kind: str, content_type: str) -> None:
    data = record(page(1), kind=kind).replace(b"application/http", content_type.encode())
    picture = record(b"\x89PNG", URL.format("p"), kind=kind).replace(b"application/http", b"image/png")
    text = record(b"just words", URL.format("t"), kind=kind).replace(b"application/http", b"text/plain")
    (tmp_path / "in.warc.gz").write_bytes(b"".join(gzip.compress(one) for one in (data, picture, text)))
    db, summary = imported(tmp_path, tmp_path / "in.warc.gz")
    with db:
        assert (summary.added, summary.failed) == (1, 0)
        assert dict(summary.skipped) == {"not HTML (image/png)": 1, "not HTML (text/plain)": 1}


def test_a_file_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    names = ["none.warc", "folder", "notes.db", "page.html"]
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.db").write_bytes(b"SQLite format 3\0" + b"x" * 900)
    (tmp_path / "page.html").write_bytes(page(1))
    (tmp_path / "good.warc").write_bytes(good(1))
    with Database.open(tmp_path / "a.db") as db:
        paths = [tmp_path / name for name in (*names, "good.warc")]
        summary = import_files(db, paths, None, lambda *_: None, now)
        assert (summary.added, summary.failed) == (1, len(names))
        assert [failure.subject for failure in summary.failures] == names
        for name in names:
            with pytest.raises(ExchangeError):
                import_files(db, [tmp_path / name], None, lambda *_: None, now)


def test_every_record_that_holds_no_page_is_counted_with_its_reason(tmp_path: Path) -> None:
    picture = http(b"GIF89a").replace(b"text/html; charset=utf-8", b"image/gif")
    records = [
        good(1), *(record(picture, URL.format(f"i{n}")) for n in range(3)),
        record(http(b"<html>", status="404 Not Found"), "https://clinic.example/favicon.ico"),
        record(http(b"", status="302 Found"), URL.format("nowhere")),
        record(b"", "dns:clinic.example", kind="resource"),
        record(http(page(2), "Content-Encoding: odd"), URL.format("odd")),
    ]  # fmt: skip
    (tmp_path / "in.warc.gz").write_bytes(b"".join(gzip.compress(one) for one in records))
    db, summary = imported(tmp_path, tmp_path / "in.warc.gz")
    with db:
        assert summary.added + summary.failed + sum(number for _, number in summary.skipped) == len(records)
        assert summary.skipped[0] == ("not HTML (image/gif)", 3)
        assert "3 not HTML (image/gif)" in summary.sentence("en")
        assert "1 record could not be read" in summary.sentence("en")


@pytest.mark.parametrize(
    ("prefix", "source"),
    [
        ("https://web.archive.org/web/20240501000000id_/", "wayback:web.archive.org"),
        ("http://localhost:8080/clinics/20240501000000id_/", "wayback:localhost:8080"),
        ("https://archive.example/all/web/20240501000000id_/", "wayback:archive.example"),
    ],
)
def test_a_replay_is_the_page_at_its_own_address_and_time(tmp_path: Path, prefix: str, source: str) -> None:
    rewritten = prefix.replace("id_", "")
    records = [
        record(http(page(1)), prefix + URL.format(1), at(3)), record(http(page(2)), rewritten + URL.format(2)),
        record(http(page(3)), prefix.replace("id_", "if_") + URL.format(3)),
    ]  # fmt: skip
    (tmp_path / "in.warc.gz").write_bytes(b"".join(gzip.compress(one) for one in records))
    db, summary = imported(tmp_path, tmp_path / "in.warc.gz")
    with db:
        assert summary.sites == ("clinic.example",)
        (row,) = captures.of_page(db, URL.format(1))
        assert (row.fetched_at, row.source, row.final_url) == ("2024-05-01T00:00:00Z", source, URL.format(1))
        assert summary.skipped == (("a page that a web archive rewrote for replay", 2),)
