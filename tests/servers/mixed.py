"""One host with 76 hostile pages and 12 healthy ones: a crawl must bring all of the healthy ones and name the rest.

The hostile pages hang, break off, unfold, send no HTTP, or are built to make a parser work without end. The listing
names them in turn with the healthy ones, the hostile ones first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from servers.hostile import BEHAVIOURS, Host, Hostile, Request, answer, listing, page

HEALTHY = 12
BEHAVED = (
    "drip_header", "drip_body", "silent", "continue_for_ever", "hints_for_ever", "switches_protocols", "http_2",
    "chunk_extension_for_ever", "trailers_for_ever", "length_below_zero", "two_lengths", "endless_body",
    "endless_chunks", "announced_50_mb", "gzip_bomb", "gzip_bomb_twice", "deflate_bomb", "zstd_bomb", "brotli_bomb",
    "brotli_bomb_in_gzip", "truncated_brotli", "broken_brotli", "truncated_zstd", "stacked_codings", "unknown_coding",
    "broken_gzip", "truncated_gzip", "long_length", "cut_chunks", "broken_chunks", "reset_in_body", "closes_at_once",
    "nul_in_header", "header_of_200_kb", "http_0_9", "no_status", "status_999", "status_204", "status_500",
    "status_403", "unasked_304", "status_404", "status_410", "redirects_to_itself", "redirects_off_site",
    "redirects_to_metadata", "redirects_nowhere", "redirects_to_a_file", "nested_divs", "binary_called_html", "a_pdf",
    "page_of_11_mb", "page_of_tags", "redirects_without_a_place", "redirects_to_no_name", "redirects_to_a_script",
    "unasked_206", "multipart", "chunked_twice", "chunks_of_one_byte",
)  # fmt: skip


async def _hang_after(writer: asyncio.StreamWriter, head: bytes, piece: bytes, pause: float) -> None:
    writer.write(head)
    while not writer.transport.is_closing():
        await asyncio.sleep(pause)
        writer.write(piece)
        await writer.drain()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
HANGING: dict[str, tuple[bytes, bytes, float]] = {
    "hangs_in_status": (b"HTTP/1.1 2", b"", 600.0),
    "hangs_before_the_body": (HEAD + b"Content-Length: 900\r\n\r\n", b"", 600.0),
    "hangs_after_half": (HEAD + b"Content-Length: 9000\r\n\r\n" + page("x"), b"", 600.0),
    "drips_chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", 1.0),
    "drips_header_lines": (HEAD, b"X-More: a\r\n", 2.0),
    "drips_after_a_page": (HEAD + b"\r\n" + page("x"), b" ", 3.0),
    "drips_hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 1.0),
}
# Pages that cost a parser, a walk over the tree or a pattern far more than they cost the server.
BUILT: dict[str, Callable[[], bytes]] = {
    "formatting_reopened": lambda: b"<p>" + b"".join(b"<font a%d=1>" % n for n in range(200)) + b"<p>x</p>" * 20_000,
    "attributes_160k": lambda: b"<p " + b" ".join(b"a%d=1" % n for n in range(160_000)) + b">x</p>",
    "nested_tables": lambda: b"<table><tr><td>" * 40_000 + b"x",
    "nested_lists": lambda: b"<ul><li>" * 50_000 + b"x",
    "bold_again": lambda: b"<b><i><u><p>x</p>" * 30_000,
    "one_sentence": lambda: page("x", "痛み" * 60_000),
    "numbers_alone": lambda: page("x", "2025年" * 60_000),
    "entities": lambda: page("x", "&amp;&#12354;" * 60_000),
    "json_ld_deep": lambda: page("x", "y", f"<script type=application/ld+json>{'[' * 60_000}</script>"),
}
NAMES = (*BEHAVED, *HANGING, *BUILT)


class _Mixed(Host):
    """The host that plays all of it."""

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.path.partition("?")[0]
        self.asked[path] += 1
        name = path.removeprefix("/column/").removesuffix(".html")
        if path == "/column/":
            writer.write(answer(listing(ordered())))
        elif name in HANGING:
            await _hang_after(writer, *HANGING[name])
        elif name in BUILT:
            writer.write(answer(BUILT[name]()))
        elif name in BEHAVED:
            await BEHAVIOURS[name][1](self, request, writer)
        elif name.startswith("healthy-"):
            writer.write(answer(page(f"コラム {name}")))
        else:
            writer.write(answer(page("見つかりません"), "404 Not Found"))


def ordered() -> list[str]:
    """The pages in the order in which the listing names them: seven hostile ones, then a healthy one, and so on."""
    hostile = [f"{name}.html" for name in NAMES]
    names = []
    for number in range(HEALTHY):
        names += [*hostile[number * 7 : number * 7 + 7], f"healthy-{number}.html"]
    return names + hostile[HEALTHY * 7 :]


class Mixed(Hostile):
    """The server; its one host is `self.mixed`."""

    def __init__(self) -> None:
        super().__init__(["status_404"])

    def make_host(self, name: str, address: str, port: int) -> Host:
        self.mixed = _Mixed(name, address, port)
        return self.mixed
