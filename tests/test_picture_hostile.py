"""Hostile pictures: each ends in a named outcome and costs no more than itself."""

from __future__ import annotations

import gzip
import io
import socketserver
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from picture_clinic import table
from servers.site import Reply, Site
from test_picture_files import visit

from columnarchive.pipeline import pictures
from columnarchive.pipeline.worker_pool import WorkerPool
from columnarchive.store import hash_chain
from columnarchive.store.database import Database

pytest.importorskip("PIL")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, data: bytes = b"\0", *more: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), *more, _chunk(b"IDAT", zlib.compress(data)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    table([("初診料", "3,300円")]).save(buffer, kind, **options)
    return buffer.getvalue()


def _frames() -> bytes:
    image = table([("初診料", "3,300円")])
    buffer = io.BytesIO()
    image.save(buffer, "GIF", save_all=True, append_images=[image.rotate(n) for n in range(60)])
    return buffer.getvalue()


def _with_size(jpeg: bytes, side: int) -> bytes:
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 5] + struct.pack(">HH", side, side) + jpeg[at + 9 :]


JPEG, PNG = _saved("JPEG"), _saved("PNG")
SCRIPT = b"<script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>"
TEXT_BOMB = b"k\0\0" + zlib.compress(b"a" * 90_000_000)
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>'
# What a server sends under a name, and how that ends: the outcome of the visit, or that of opening the bytes.
SENT: dict[str, tuple[bytes, str]] = {
    "bomb.png": (_png(60_000, 60_000, b"\0" * 100_000), "too_large"),
    "wide.png": (_png(2_000_000_000, 1), "too_large"),
    "huge.jpg": (_with_size(JPEG, 65_000), "too_large"),
    "text-bomb.png": (_png(8, 8, b"\0" * 200, _chunk(b"zTXt", TEXT_BOMB)), "unreadable"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "truncated"),
    "cut.png": (PNG[: len(PNG) // 2], "truncated"),
    "only-head.gif": (b"GIF89a", "not_picture"),
    "many-frames.gif": (_frames(), "ok"),
    "with-script.jpg": (JPEG + SCRIPT, "ok"),
    "with-archive.png": (PNG + b"PK\x03\x04" + b"\0" * 500, "ok"),
    "script.svg": (SVG, "vector"),
    "entities.svg": (ENTITIES, "vector"),
    "page.jpg": (b"<!doctype html><html><body>" + SCRIPT, "not_picture"),
    "svg-in-page.jpg": (b"<!doctype html><html><body>" + SVG, "not_picture"),
    "empty.png": (b"", "not_picture"),
    "program.png": (b"MZ" + b"\0" * 400, "not_picture"),
    "noise.bmp": (b"BM" + bytes(range(256)) * 8, "unreadable"),
    "noise.webp": (b"RIFF\0\0\0\0WEBPVP8 " + bytes(range(200)), "unreadable"),
    "wrong-sizes.png": (_png(500, 500, b"\0" * 40), "unreadable"),
    "large.png": (PNG + b"\0" * 6_000_000, "too_large"),
}


class _Broken(socketserver.StreamRequestHandler):
    """Sends a picture without an end, or less than it announces."""

    def handle(self) -> None:
        path = self.rfile.readline().split()[1]
        while self.rfile.readline().strip():
            pass
        if path == b"/robots.txt":
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        elif path == b"/endless.png":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + PNG)
            with_end = False
            while not with_end:
                try:
                    self.wfile.write(b"\0" * 65_536)
                except OSError:
                    with_end = True
        else:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 90000\r\n\r\n"
            self.wfile.write(head + JPEG[:900])


@pytest.fixture
def broken() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Broken) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_each_hostile_picture_has_its_named_outcome(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures.picture_files, "engine", lambda: "")  # whether text is read is not asked here
    sent = {f"/img/{name}": Reply(200, body, {"Content-Type": "image/png"}) for name, (body, _) in SENT.items()}
    sent["/img/inflated.png"] = Reply(200, gzip.compress(PNG + b"\0" * 60_000_000), {"Content-Encoding": "gzip"})
    sent["/img/inside.png"] = Reply(302, b"", {"Location": "http://10.11.12.13/secret.png"})
    expected = {name: outcome for name, (_, outcome) in SENT.items()}
    expected |= {"inflated.png": "too_large", "inside.png": "redirected"}
    expected |= {"endless.png": "too_large", "short.jpg": "truncated"}
    names = [f"/img/{name}" for name in expected if name not in ("endless.png", "short.jpg")]
    names += [f"http://{broken}/endless.png", f"http://{broken}/short.jpg"]
    lines = (f"<p>{number}つ目の画像についての説明です。</p><img src='{one}'>" for number, one in enumerate(names))
    text = "".join(lines)
    page = f"<meta charset=utf-8><title>画像</title><h1>画像の記事</h1><article>{text}</article>"
    listing = "<meta charset=utf-8><title>コラム</title><ul><li><a href=/column/one/>画像のコラムの題名</a></li></ul>"
    with (
        Site({"/column/": listing, "/column/one/": page, **sent}) as site,
        Database.open(tmp_path / "archive.db") as db,
        WorkerPool(1) as pool,
    ):
        visit(db, site, 0, pool, picture_hosts=(broken,))
        found = {
            url.rpartition("/")[2]: outcome
            for url, outcome in db.conn.execute(
                """select url, coalesce(picture_files.outcome, last_outcome) from pages
                   left join picture_files on picture_files.sha256 = pages.body_sha256 where kind = 'resource'"""
            )
        }
        assert not hash_chain.verify(db.conn)
    assert len(expected) >= 20
    assert found == expected
