"""WARC in and out: other crawlers' files, broken ones, and our own captures there and back."""

from __future__ import annotations

import gzip
import io
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import brotlicffi
import pytest
from deriving import import_files
from evidence import archive, at, capture, fill, page, site
from servers.site import Reply, Site
from test_crawl_client import fetch
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from columnarchive.errors import ExchangeError, NotFound, UsageError
from columnarchive.exchange import warc_http
from columnarchive.exchange.warc_http import decode_body
from columnarchive.exchange.warc_reader import Revisit, parse_date, read
from columnarchive.extract.saved_pages import read_pages
from columnarchive.pipeline import export
from columnarchive.records import Capture, Failure, Hop, Wire
from columnarchive.store import captures, hash_chain
from columnarchive.store.database import Database

URL = "https://clinic.example/column/0/"
# What each file of others' test data holds for us: captures, revisits, failures; None where nothing can be read.
CONFORMANCE: dict[str, tuple[int, int, int] | None] = {
    "bad.arc": (0, 0, 3),
    "example-bad-non-chunked.warc.gz": (1, 1, 0),
    "example-bad.warc.gz.bad": (2, 1, 0),
    "example-digest.warc": (0, 0, 0),
    "example-iana.org-chunked.warc": (1, 0, 0),
    "example-resource.warc.gz": (1, 0, 0),
    "example-space-in-target-uri.warc.gz": (0, 0, 0),
    "example-space-in-url.arc": (1, 0, 0),
    "example-trunc.warc": (0, 0, 1),
    "example-wget-bad-target-uri.warc.gz": (1, 0, 0),
    "example-wrong-chunks.warc.gz": None,
    "example.arc": (1, 0, 0),
    "example.arc.gz": (1, 0, 0),
    "example.warc": (1, 1, 0),
    "example.warc.gz": (1, 1, 0),
    "post-test.warc.gz": (0, 0, 0),
}


def quiet(*_: object) -> None:
    """A report that says nothing."""


def odd_captures() -> list[Capture]:
    """Captures of every kind: redirects, no answer, 304, unchanged, refusals, odd headers and bodies."""
    body, later = page(0), page(0, 1)
    wire = Wire(
        (("User-Agent", "columnarchive"), ("Accept", "text/html")),
        (Hop("http://clinic.example/column/0/", 301, (("Location", URL), ("Content-Length", "0"))),),
        "2001:db8::7",
        "TLSv1.3",
        0.125,
        77,
        "ab" * 32,
    )
    coded = (
        ("content-encoding", "gzip"), ("Transfer-Encoding", "chunked"), ("CONTENT-LENGTH", "12"), ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"), ("X-Archive-Orig-Content-Length", "5"), ("X-Japanese", "難病"), ("X-Raw", "caf\udce9"),
        ("X-Empty", ""), ("Content-Type", "text/html"),
    )  # fmt: skip
    plain = tuple(line for line in coded if line[1].isascii())
    return [
        capture(URL, at(1), body, headers=coded, wire=wire),
        capture(URL, at(2), body, headers=plain, wire=wire),
        capture(URL, at(3), None, 304, "unchanged", headers=(("ETag", '"x"'),)),
        capture(URL, at(4), None, 0, "timeout", error="No answer within 30 seconds.", headers=(), wire=Wire()),
        capture(URL, at(5), later, final_url="https://clinic.example/new/", wire=wire),
        capture(URL, at(6), "消えました".encode(), 410, "gone"),
        capture(URL, at(7), None, 301, "redirected", final_url="https://clinic.example/new/"),
        capture(URL, at(8), b"", 200),
        capture(URL, at(9), None, 200, "too_large", error="Too large."),
        capture(URL, at(10), b"\xff\xfe\x00", 503, "http_error"),
        capture(
            "https://clinic.example/%E3%82%B3/?q=%E7%97%85", at(11), later, final_url="https://clinic.example/コ?病"
        ),
        capture(URL, at(12), None, 204, "ok", headers=()),
    ]


def all_captures(db: Database) -> list[Capture]:
    """Every capture of an archive, in order of time."""
    return [captures.load(db, capture_id) for capture_id in captures.ids(db)]


def visible(db: Database) -> list[tuple[object, ...]]:
    """What one sees of captures, without row ids and whence they came."""
    return [
        (row.url, row.fetched_at, row.status, row.outcome, row.final_url, row.body_sha256, row.error)
        for (url,) in db.conn.execute("select url from pages order by url").fetchall()
        for row in captures.of_page(db, url)
    ]


@pytest.mark.parametrize("name", ["out.warc.gz", "out.warc"])
def test_ours_to_warc_to_ours_is_equal(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    with archive(tmp_path / "a", pages=3, versions=3) as db:
        fill(db, odd_captures())
        given, seen = all_captures(db), visible(db)
        records = export.export_warc(db, tmp_path / name, None, quiet)
        again = tmp_path / f"again-{name}"
        export.export_warc(db, again, None, quiet)
    assert records > len(given)
    if name.endswith(".warc"):
        assert (
            again.read_bytes().replace(again.name.encode(), name.encode())[400:] == (tmp_path / name).read_bytes()[400:]
        )
    with Database.open(tmp_path / "b.db") as db:
        summary = import_files(db, [tmp_path / name], None, quiet)
        assert summary.failures == []
        assert all_captures(db) == given
        assert visible(db) == seen
        assert hash_chain.verify(db.conn) == []
        assert import_files(db, [tmp_path / name], None, quiet).added == 0
        assert visible(db) == seen


def test_a_drawn_page_is_a_conversion_of_its_response(tmp_path: Path) -> None:
    shell, drawn = (
        capture(URL, at(1), b"<script src=a.js></script>"),
        capture(URL, at(1, 2), page(7), source="rendered"),
    )
    drawn = replace(drawn, wire=Wire(), headers=(*drawn.headers, ("X-Columnarchive-Engine", "Chromium 140")))
    with archive(tmp_path, pages=0) as db:
        fill(db, [shell])
        with db.transaction() as conn:
            page_id = conn.execute("select id from pages where url = ?", (URL,)).fetchone()[0]
            hash_chain.seal(conn, at(1, 3), "crawl", [captures.add(db, page_id, drawn, "rendered")])
        given = all_captures(db)
        export.export_warc(db, tmp_path / "a.warc.gz", None, quiet)
    with (tmp_path / "a.warc.gz").open("rb") as file:
        records = {one.rec_type: one.rec_headers for one in ArchiveIterator(file)}
    assert records["conversion"]["WARC-Refers-To"] == records["response"]["WARC-Record-ID"]
    assert records["conversion"]["Content-Type"].startswith("text/html")
    with Database.open(tmp_path / "b.db") as db:
        assert import_files(db, [tmp_path / "a.warc.gz"], None, quiet).failures == []
        assert all_captures(db) == given
        assert [row.source for row in captures.of_page(db, URL)][-1] == "rendered"
        assert hash_chain.verify(db.conn) == []


def test_warcio_passes_what_we_write(tmp_path: Path) -> None:
    with archive(tmp_path, pages=2, versions=2) as db:
        fill(db, odd_captures())
        out = tmp_path / "out.warc.gz"
        export.export_warc(db, out, None, quiet)

    class Options:
        inputs = (str(out),)
        verbose = False

    assert Checker(Options()).process_all() == 0


@pytest.mark.parametrize("name", sorted(CONFORMANCE))
def test_files_of_others_are_read_or_refused_with_a_reason(shared: Path, name: str) -> None:
    path = shared / "conformance/warc" / name
    expected = CONFORMANCE[name]
    if expected is None:
        with pytest.raises(ExchangeError, match="no record that can be read"):
            list(read(path))
        return
    found = list(read(path))
    counts = tuple(sum(isinstance(item, kind) for item in found) for kind in (Capture, Revisit, Failure))
    assert counts == expected
    assert all(item.reason.endswith(".") for item in found if isinstance(item, Failure))


def foreign(path: Path, records: list[tuple[str, str, str, bytes]], packed: bool = True) -> None:
    """A file as another crawler writes it: (url, date, header lines, payload) as response records."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=packed)
        for url, date, lines, payload in records:
            status, *headers = lines.split("|")
            pairs = [tuple(line.split(": ", 1)) for line in headers]
            writer.write_record(
                writer.create_warc_record(
                    url,
                    "response",
                    payload=io.BytesIO(payload),
                    http_headers=StatusAndHeaders(status, pairs, "HTTP/1.1"),
                    warc_headers_dict={"WARC-Date": date},
                )
            )


HTML = "200 OK|Content-Type: text/html"


def chunked(body: bytes) -> bytes:
    """A body in two chunks."""
    return b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, body[:5], len(body) - 5, body[5:])


def test_codings_come_off_and_the_wire_is_remembered(tmp_path: Path) -> None:
    body = page(3)
    packed = gzip.compress(body)
    foreign(
        tmp_path / "in.warc.gz",
        [
            (URL, "2026-01-01T01:02:03.999999Z", HTML, body),
            (URL, "2026-01-02T01:02:03Z", HTML + "|Transfer-Encoding: chunked", chunked(body)),
            (URL, "2026-01-03T01:02:03Z", HTML + "|Content-Encoding: gzip", packed),
            (URL, "2026-01-04T01:02:03Z", HTML + "|Content-Encoding: gzip|Transfer-Encoding: chunked", chunked(packed)),
            (URL, "2026-01-05T01:02:03Z", HTML + "|Content-Encoding: gzip", body),
            (URL, "2026-01-06T01:02:03Z", "200 OK|Content-Type: text/html|Content-Encoding: odd", body),
        ],
    )
    *found, failure = read(tmp_path / "in.warc.gz")
    assert [item.body for item in found if isinstance(item, Capture)] == [body] * 5
    assert isinstance(found[0], Capture)
    assert found[0].fetched_at == "2026-01-01T01:02:03Z"
    assert isinstance(found[3], Capture)
    assert found[3].wire.length == len(chunked(packed))
    assert isinstance(failure, Failure)
    assert "'odd'" in failure.reason


def test_only_pages_are_taken(tmp_path: Path) -> None:
    html = b"<!doctype html><title>x</title>"
    foreign(
        tmp_path / "in.warc.gz",
        [
            ("https://a.example/1", at(1), HTML, html),
            ("https://a.example/2", at(1), "200 OK", html),
            ("https://a.example/3", at(1), "200 OK|Content-Type: image/png", b"\x89PNG"),
            ("https://a.example/4", at(1), "404 Not Found|Content-Type: text/html", html),
            ("https://a.example/5", at(1), "410 Gone|Content-Type: text/html", html),
            ("https://a.example/6", at(1), "301 Moved|Location: /1", b""),
            ("https://a.example/favicon.ico", at(1), "404 Not Found|Content-Type: text/html", html),
            ("https://a.example/7", at(1), "500 Oops|Content-Type: text/html", html),
            ("https://a.example/8", at(1), "304 Not Modified", b""),
        ],
    )
    found = [item for item in read(tmp_path / "in.warc.gz") if isinstance(item, Capture)]
    assert [(item.url[-1], item.outcome) for item in found] == [
        ("1", "ok"), ("2", "ok"), ("4", "missing"), ("5", "gone"), ("6", "redirected"), ("7", "http_error"),
    ]  # fmt: skip
    assert found[4].final_url == "https://a.example/1"


@pytest.mark.parametrize("packed", [True, False])
def test_a_broken_record_costs_only_itself(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("in.warc.gz" if packed else "in.warc")
    foreign(path, [(f"https://a.example/{n}", at(n), HTML, page(n)) for n in range(9)], packed)
    whole = path.read_bytes()
    rng = random.Random(3)
    for _ in range(60):
        data = bytearray(whole)
        place = rng.randrange(len(data))
        data[place : place + 40] = rng.randbytes(40)
        path.write_bytes(data)
        found = list(read(path))
        good = [item for item in found if isinstance(item, Capture)]
        assert len({item.url for item in good}) >= 6
        for item in good:
            number = int(item.url[-1]) if item.url[-1].isdigit() else -1
            assert item.body != page(number) or item.status == 200


def test_order_and_repetition_of_files_play_no_part(tmp_path: Path) -> None:
    with archive(tmp_path, pages=4, versions=5) as db:
        fill(db, odd_captures())
        export.export_warc(db, tmp_path / "all.warc.gz", None, quiet)
        expected = visible(db)
    members = gzip.decompress((tmp_path / "all.warc.gz").read_bytes()).split(b"\r\n\r\nWARC/1.1\r\n")
    files = []
    for number, member in enumerate(members):
        data = (b"" if member.startswith(b"WARC/") else b"WARC/1.1\r\n") + member
        files.append(tmp_path / f"{number}.warc")
        files[-1].write_bytes(data if data.endswith(b"\r\n\r\n") else data + b"\r\n\r\n")
    for seed in (1, 2):
        with Database.open(tmp_path / f"shuffled-{seed}.db") as db:
            shuffled = random.Random(seed).sample(files, len(files))
            summary = import_files(db, shuffled + shuffled[:9], None, quiet)
            assert summary.failures == []
            assert visible(db) == expected


def test_one_site_per_host_and_what_site_means(tmp_path: Path) -> None:
    path = tmp_path / "in.warc.gz"
    foreign(path, [(f"https://{host}/1", at(1), HTML, page(1)) for host in ("a.example", "www.b.example", "c.example")])
    for wanted, names in [
        (None, ["a.example", "c.example", "www.b.example"]), ("b.example", ["www.b.example"]), ("clinics", ["clinics"]),
        ("https://c.example/", ["c.example"]),
    ]:  # fmt: skip
        with Database.open(tmp_path / f"{len(names)}{wanted is None}{(wanted or '')[:3].strip('/:')}.db") as db:
            summary = import_files(db, [path], wanted, quiet)
            assert list(summary.sites) == names
            assert summary.added + summary.elsewhere == 3
            assert summary.sentence("en").startswith(f"{summary.added} capture" + "s" * (summary.added > 1) + " of ")


def test_not_modified_as_a_plain_answer_is_a_visit(tmp_path: Path) -> None:
    path = tmp_path / "in.warc.gz"
    icon = "https://clinic.example/favicon.ico"
    foreign(
        path,
        [
            (URL, at(3), "304 Not Modified|ETag: x", b""), (URL, at(1), HTML, page(0)), (icon, at(3), "304 Same", b""),
            ("https://clinic.example/never-kept/", at(3), "304 Not Modified", b""),
        ],
    )  # fmt: skip
    with Database.open(tmp_path / "a.db") as db:
        summary = import_files(db, [path], None, quiet)
        assert [(row.fetched_at, row.status, row.outcome) for row in captures.of_page(db, URL)] == [
            (at(1), 200, "ok"), (at(3), 304, "unchanged"),
        ]  # fmt: skip
        assert len({row.body_sha256 for row in captures.of_page(db, URL)}) == 1
        (failure,) = summary.failures
        assert "never-kept" in failure.subject
        assert "does not hold" in failure.reason
        assert import_files(db, [path], None, quiet).added == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Disposition": "attachment; filename=c.html"},
        {"Content-Encoding": ""},
        {"Content-Encoding": "none"},
        {"Content-Encoding": "UTF-8"},
        {"Content-Type": "html"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "'text/html; charset=utf-8'"},
        {"Content-Type": "unknown/unknown"},
        {"Content-Type": "application/xhtml+xml"},
        {"Last-Modified": "0", "ETag": "abc"},
        {"Refresh": "0"},
    ],
)
@pytest.mark.parametrize("status", [200, 202])
def test_odd_headers_are_read_alike_live_and_from_a_file(tmp_path: Path, status: int, headers: dict[str, str]) -> None:
    with Site({"/c.html": Reply(status, page(0), headers)}) as served:
        (live,) = fetch(served.url + "/c.html", trusted=served.url)
    lines = [f"{name}: {value}" for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items()]
    foreign(tmp_path / "in.warc.gz", [(URL, at(1), "|".join([f"{status} OK", *lines]), page(0))])
    (stored,) = [item for item in read(tmp_path / "in.warc.gz") if isinstance(item, Capture)]
    assert live.outcome == stored.outcome == "ok"
    assert live.body == stored.body == page(0)
    [result] = read_pages([(URL, page(0), live.header("content-type"))])
    assert result.outcome == "ok"


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {"Content-Encoding": "aws-chunked"}, "bad_encoding"),
        (206, {}, "http_error"),
        (300, {}, "http_error"),
        (404, {}, "missing"),
    ],
)
def test_odd_answers_are_named_and_are_no_pages(
    tmp_path: Path, status: int, headers: dict[str, str], outcome: str
) -> None:
    with Site({"/c.html": Reply(status, page(0), headers)}) as served:
        (live,) = fetch(served.url + "/c.html", trusted=served.url)
    assert live.outcome == outcome
    lines = [f"{name}: {value}" for name, value in {"Content-Type": "text/html", **headers}.items()]
    foreign(tmp_path / "in.warc.gz", [(URL, at(1), "|".join([f"{status} Said", *lines]), page(0))])
    (stored,) = read(tmp_path / "in.warc.gz")
    assert not (isinstance(stored, Capture) and stored.outcome == "ok")


@pytest.mark.parametrize("first", ["request", "response"])
@pytest.mark.parametrize("named_by", ["request", "response"])
def test_requests_and_peers_come_with_their_answers(tmp_path: Path, first: str, named_by: str) -> None:
    with (tmp_path / "in.warc.gz").open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for number in range(3):
            url, ids = f"{URL}{number}/", {kind: f"<urn:{kind}:{number}>" for kind in ("request", "response")}
            for kind in (first, "response" if first == "request" else "request"):
                said = {"WARC-Date": at(1), "WARC-Record-ID": ids[kind], "WARC-IP-Address": "192.0.2.9"}
                if kind == named_by or number == 2:
                    said["WARC-Concurrent-To"] = ids["response" if kind == "request" else "request"]
                head = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], "HTTP/1.1")
                if kind == "request":
                    head = StatusAndHeaders(f"GET /{number} HTTP/1.1", [("User-Agent", f"other {number}")])
                body = page(number) if kind == "response" else b""
                record = writer.create_warc_record(
                    url, kind, payload=io.BytesIO(body), http_headers=head, warc_headers_dict=said
                )
                writer.write_record(record)
    found = list(read(tmp_path / "in.warc.gz"))
    assert [one.wire.request_headers for one in found if isinstance(one, Capture)] == [
        (("User-Agent", f"other {number}"),) for number in range(3)
    ]
    assert {one.wire.peer for one in found if isinstance(one, Capture)} == {"192.0.2.9"}


def test_a_revisit_without_its_original_is_named(tmp_path: Path) -> None:
    with archive(tmp_path, pages=1, versions=1) as db:
        fill(db, [capture(URL, at(3), None, 304, "unchanged")])
        export.export_warc(db, tmp_path / "all.warc", None, quiet)
    parts = (tmp_path / "all.warc").read_bytes().split(b"\r\n\r\nWARC/1.1\r\n")
    (tmp_path / "revisit.warc").write_bytes(b"WARC/1.1\r\n" + parts[-1])
    with Database.open(tmp_path / "b.db") as db:
        summary = import_files(db, [tmp_path / "revisit.warc"], None, quiet)
        assert summary.added == 0
        assert "does not hold" in summary.failures[0].reason


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.warc").write_bytes(b"")
    (tmp_path / "junk.warc").write_bytes(random.Random(1).randbytes(9000))
    with Database.open(tmp_path / "a.db") as db:
        for name, said in [("empty.warc", "is empty"), ("junk.warc", "no record"), ("none.warc", "cannot be read")]:
            with pytest.raises(ExchangeError, match=said):
                import_files(db, [tmp_path / name], None, quiet)
        both = import_files(db, [tmp_path / "empty.warc", tmp_path / "junk.warc"], None, quiet)
        assert both.failed == 2
        with pytest.raises(UsageError, match="folder"):
            export.export_warc(db, tmp_path, None, quiet)
        with pytest.raises(UsageError, match="archive itself"):
            export.export_warc(db, db.path, None, quiet)
        with pytest.raises(NotFound, match="no site"):
            export.export_warc(db, tmp_path / "x.warc", "nowhere.example", quiet)
        with pytest.raises(ExchangeError, match="cannot be written"):
            export.export_warc(db, tmp_path / "no/such/x.warc", None, quiet)


def test_dates_and_codings_that_are_none() -> None:
    latest = datetime(2026, 6, 1, tzinfo=UTC)
    assert parse_date("2026-01-01T09:00:00+09:00", latest) == "2026-01-01T00:00:00Z"
    with pytest.raises(ExchangeError, match="date"):
        parse_date("yesterday", latest)
    assert decode_body(b"plain", (("Transfer-Encoding", "chunked"),)) == b"plain"


def test_a_changed_body_is_not_taken_for_ours(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.db") as db:
        fill(db, [replace(next(site(1, 1)), body=b"<p>500,000 yen</p>")])
        export.export_warc(db, tmp_path / "out.warc", None, quiet)
    data = (tmp_path / "out.warc").read_bytes()
    (tmp_path / "out.warc").write_bytes(data.replace(b"500,000 yen", b"100,000 yen"))
    assert all(isinstance(item, Failure) for item in read(tmp_path / "out.warc"))


def test_brotli_is_decoded_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    body, headers = "<p>無料</p>".encode() * 9999, (("Content-Encoding", "br"),)
    packed = brotlicffi.compress(body)
    assert decode_body(packed, headers) == body
    assert decode_body(body, headers) == body, "kept decoded, with the header lines as received"
    with pytest.raises(ExchangeError, match="ends early"):
        decode_body(packed[:-1], headers)
    monkeypatch.setattr(warc_http, "MAX_BODY", 1000)
    with pytest.raises(ExchangeError, match="larger"):
        decode_body(packed, headers)
