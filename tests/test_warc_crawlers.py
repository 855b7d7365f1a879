"""WARC files in the manner of wget, Heritrix and Browsertrix, of our own text: taken right, broken records named."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import brotlicffi
import pytest
import zstandard
from deriving import import_files
from evidence import at, page
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from columnarchive.store import blobs, captures
from columnarchive.store.database import Database

URL = "https://clinic.example/column/0/"
HTML = ("Content-Type", "text/html; charset=utf-8")


class File:
    """A WARC file being written, record by record; `places` has where each begins, and the end of the last."""

    def __init__(self, path: Path, version: str, packed: bool = True) -> None:
        self.path = path
        self.stream = io.BytesIO()
        self.writer = WARCWriter(self.stream, gzip=packed, warc_version=version)
        self.places = [0]

    def add(
        self,
        kind: str,
        url: str,
        day: int,
        payload: bytes = b"",
        *,
        http: tuple[str, list[tuple[str, str]]] | None = None,
        content_type: str = "",
        **fields: str,
    ) -> None:
        """A record; `http` is its status line and header lines, `fields` its own, with _ for -."""
        # With ids of chance, damaged bytes now and then look like the beginning of another record.
        own = {"WARC-Record-ID": f"<urn:uuid:{uuid5(NAMESPACE_URL, f'{url} {len(self.places)}')}>"}
        said = {"WARC-Date": at(day), **own, **{name.replace("_", "-"): value for name, value in fields.items()}}
        head = StatusAndHeaders(http[0].split(" ", 1)[1], http[1], http[0].split(" ", 1)[0]) if http else None
        record = self.writer.create_warc_record(
            url, kind, payload=io.BytesIO(payload), http_headers=head, warc_headers_dict=said,
            warc_content_type=content_type,
        )  # fmt: skip
        self.writer.write_record(record)
        self.places.append(self.stream.tell())

    def close(self) -> Path:
        """Write it out."""
        self.path.write_bytes(self.stream.getvalue())
        return self.path


def wget(path: Path) -> Path:
    """WARC/1.0: warcinfo, each request before its answer, addresses in angle brackets, its log and arguments last."""
    file = File(path, "1.0")
    file.add("warcinfo", "", 0, b"software: Wget/1.21.3 (linux-gnu)\r\nformat: WARC File Format 1.0\r\n",
             content_type="application/warc-fields")  # fmt: skip
    for number in range(3):
        asked = ("GET /column HTTP/1.1", [("User-Agent", "Wget/1.21.3"), ("Accept-Encoding", "identity")])
        url, name = f"<https://clinic.example/column/{number}/>", f"<urn:uuid:request-{number}>"
        file.add("request", url, 1, http=asked, WARC_Record_ID=name, WARC_IP_Address="192.0.2.1")
        file.add("response", url, 1, page(number), http=("HTTP/1.1 200 OK", [HTML]), WARC_Concurrent_To=name,
                 WARC_IP_Address="192.0.2.1")  # fmt: skip
    file.add("response", "<https://clinic.example/robots.txt>", 1, b"<html>no such file</html>",
             http=("HTTP/1.1 404 Not Found", [("Content-Type", "text/html")]))  # fmt: skip
    file.add(
        "metadata",
        "metadata://gnu.org/software/wget/warc/MANIFEST.txt",
        1,
        b"<urn:uuid:1>\n",
        content_type="text/plain",
    )
    file.add(
        "resource",
        "metadata://gnu.org/software/wget/warc/wget_arguments.txt",
        1,
        b'"--mirror"\n',
        content_type="text/plain",
    )
    file.add(
        "resource",
        "metadata://gnu.org/software/wget/warc/wget.log",
        1,
        b"Saving to: index.html\n",
        content_type="text/plain",
    )
    return file.close()


def heritrix(path: Path) -> Path:
    """WARC/1.0: dns records, the answer before its request and its metadata, revisits that name their original."""
    file = File(path, "1.0")
    file.add("warcinfo", "", 0, b"software: Heritrix/3.4.0\r\n", content_type="application/warc-fields")
    file.add(
        "response",
        "dns:clinic.example",
        1,
        b"20260501000000\nclinic.example.\t300\tIN\tA\t192.0.2.1\n",
        content_type="text/dns",
    )
    for day in (1, 2):
        name = f"<urn:uuid:response-{day}>"
        head = ("HTTP/1.1 200 OK", [HTML, ("Transfer-Encoding", "chunked")])
        if day == 1:
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(page(0)), page(0))
            file.add("response", URL, day, chunked, http=head, WARC_Record_ID=name, WARC_IP_Address="192.0.2.1")
        else:
            original = {"WARC_Refers_To_Target_URI": URL, "WARC_Refers_To_Date": at(1)}
            profile = "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"
            file.add("revisit", URL, day, http=head, WARC_Record_ID=name, WARC_Profile=profile, **original)
        asked = ("GET /column/0/ HTTP/1.0", [("User-Agent", "Mozilla/5.0 (compatible; heritrix/3.4.0)")])
        file.add("request", URL, day, http=asked, WARC_Concurrent_To=name)
        file.add("metadata", URL, day, b"seed: \r\nfetchTimeMs: 12\r\noutlink: /a.css E link/@href\r\n",
                 WARC_Concurrent_To=name, content_type="application/warc-fields")  # fmt: skip
    file.add(
        "response", "https://clinic.example/column/9/", 2, b"<html>gone</html>", http=("HTTP/1.1 410 Gone", [HTML])
    )
    return file.close()


def browsertrix(path: Path) -> Path:
    """WARC/1.1: HTTP/2 status lines without a reason, brotli and zstd, pageinfo, text and screenshots as resources."""
    file = File(path, "1.1")
    file.add("warcinfo", "", 0, b"software: Browsertrix-Crawler 1.6\r\n", content_type="application/warc-fields")
    packed = {"br": brotlicffi.compress(page(0)), "zstd": zstandard.compress(page(1))}
    for number, (coding, payload) in enumerate(packed.items()):
        url = f"https://clinic.example/column/{number}/"
        head = ("HTTP/2 200", [("content-type", "text/html; charset=utf-8"), ("content-encoding", coding)])
        file.add("response", url, 1, payload, http=head, WARC_Page_ID="7a", WARC_Resource_Type="document")
    info = json.dumps({"pageid": "7a", "urls": {URL: {"status": 200, "mime": "text/html"}}}).encode()
    file.add("resource", f"urn:pageinfo:{URL}", 1, info, content_type="application/json")
    file.add("resource", f"urn:text:{URL}", 1, "難病".encode(), content_type="text/plain")
    file.add("resource", f"urn:view:{URL}", 1, b"\x89PNG", content_type="image/png")
    file.add("revisit", URL, 2, http=("HTTP/2 200", [HTML]), WARC_Refers_To_Target_URI=URL, WARC_Refers_To_Date=at(1),
             WARC_Profile="http://netpreserve.org/warc/1.1/revisit/identical-payload-digest")  # fmt: skip
    return file.close()


def taken(db: Database, number: int) -> list[tuple[str, int, str, str]]:
    """Time, status, outcome and body's digest of each capture of a column."""
    rows = captures.of_page(db, f"https://clinic.example/column/{number}/")
    return [(row.fetched_at, row.status, row.outcome, row.body_sha256) for row in rows]


def sha256(number: int) -> str:
    """The digest of a column's page."""
    return hashlib.sha256(page(number)).hexdigest()


EXPECTED = {
    wget: {number: [(at(1), 200, "ok", sha256(number))] for number in range(3)},
    heritrix: {
        0: [(at(1), 200, "ok", sha256(0)), (at(2), 200, "unchanged", sha256(0))],
        9: [(at(2), 410, "gone", hashlib.sha256(b"<html>gone</html>").hexdigest())],
    },
    browsertrix: {
        0: [(at(1), 200, "ok", sha256(0)), (at(2), 200, "unchanged", sha256(0))],
        1: [(at(1), 200, "ok", sha256(1))],
    },
}


@pytest.mark.parametrize("made", EXPECTED, ids=lambda made: made.__name__)
def test_a_file_of_this_crawler_is_taken_right(tmp_path: Path, made: object) -> None:
    path = made(tmp_path / "in.warc.gz")  # type: ignore[operator]
    expected = EXPECTED[made]  # type: ignore[index]
    with Database.open(tmp_path / "a.db") as db:
        summary = import_files(db, [path], None, lambda *_: None)
        assert summary.failures == []
        assert {number: taken(db, number) for number in expected} == expected
        assert summary.added == sum(map(len, expected.values()))
        assert summary.sites == ("clinic.example",)
        for (digest,) in db.conn.execute("select sha256 from bodies").fetchall():
            blobs.read(db, digest)
        asked = captures.load(db, 1).wire.request_headers
        assert bool(asked) == (made is not browsertrix)
        assert import_files(db, [path], None, lambda *_: None).added == 0


@pytest.mark.parametrize("packed", [True, False])
def test_the_record_that_is_broken_is_named_and_the_others_are_taken(tmp_path: Path, packed: bool) -> None:
    file = File(tmp_path / "in.warc", "1.1", packed)
    for number in range(5):
        file.add("response", f"https://clinic.example/column/{number}/", 1, page(number), http=("HTTP/2 200", [HTML]))
    data = bytearray(file.stream.getvalue())
    middle = (file.places[2] + file.places[3]) // 2
    data[middle : middle + 40] = b"\xff" * 40
    file.path.write_bytes(data)
    with Database.open(tmp_path / "a.db") as db:
        summary = import_files(db, [file.path], None, lambda *_: None)
        assert [bool(taken(db, number)) for number in range(5)] == [True, True, False, True, True]
        (failure,) = summary.failures
        assert f"in.warc at byte {file.places[2]}" in failure.subject
        assert failure.reason.endswith(".")
