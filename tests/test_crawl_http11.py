"""HTTP/1.1 over one connection: what it sends, what it waits for, and when the connection may be used again."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TypeVar

import httpcore
import pytest

from columnarchive.crawl.http11 import Connection
from columnarchive.crawl.stream import Stream

T = TypeVar("T")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


class Here(Stream):
    """A stream whose bytes have all come: no read ever waits."""

    def __init__(self, *pieces: bytes, takes: bool = True) -> None:
        super().__init__(memoryview(bytearray(1)))
        self.pieces = list(pieces)
        self.takes = takes
        self.sent = b""
        self.closed = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self.pieces.pop(0) if self.pieces else b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        if not self.takes:
            raise httpcore.WriteError("closed")
        self.sent += buffer

    async def aclose(self) -> None:
        self.closed = True

    def get_extra_info(self, info: str) -> object:
        return bool(self.pieces) if info == "is_readable" else None


async def page(connection: Connection) -> tuple[int, bytes]:
    """One request and its answer."""
    head = await connection.ask(b"GET", b"/column/", [(b"Host", b"clinic.example")])
    body = b"".join([piece async for piece in connection])
    await connection.aclose()
    return head.status_code, body


def at_once(coroutine: Coroutine[object, object, T]) -> T:
    """What a coroutine returns that never lets another run."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        found: T = end.value
        return found
    raise AssertionError("it waits")


def test_an_answer_that_has_come_is_handed_over_before_anything_else_runs() -> None:
    stream = Here(ANSWER)
    assert at_once(page(Connection(stream))) == (200, b"body")
    assert stream.sent == b"GET /column/ HTTP/1.1\r\nHost: clinic.example\r\n\r\n"


def test_the_next_request_goes_over_the_same_connection() -> None:
    stream = Here(ANSWER, ANSWER)
    connection = Connection(stream)
    assert not connection.is_usable()
    at_once(page(connection))
    assert not connection.is_usable(), "bytes that nobody asked for are there"
    assert at_once(page(connection)) == (200, b"body")
    assert connection.is_usable()
    assert not stream.closed
    connection.expires = 0.0
    assert not connection.is_usable()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 200 OK\r\n\r\nbody", ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]
)
def test_a_connection_that_ends_with_its_answer_is_not_used_again(answer: bytes) -> None:
    stream = Here(answer)
    connection = Connection(stream)
    assert at_once(page(connection)) == (200, b"body")
    assert stream.closed
    assert not connection.is_usable()


def test_an_answer_not_read_to_its_end_ends_the_connection() -> None:
    stream = Here(ANSWER)
    connection = Connection(stream)
    at_once(connection.ask(b"GET", b"/", [(b"Host", b"clinic.example")]))
    at_once(connection.aclose())
    assert stream.closed


def test_interim_answers_are_passed_over() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    assert at_once(page(Connection(Here(hints, hints + ANSWER)))) == (200, b"body")


def test_an_answer_given_before_the_request_was_taken_is_read() -> None:
    early = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    assert at_once(page(Connection(Here(early, takes=False)))) == (503, b"")


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\n",), (b"no HTTP at all\r\n\r\n",), (ANSWER[:-1],)])
def test_what_is_no_whole_answer_is_an_error_and_ends_the_connection(pieces: tuple[bytes, ...]) -> None:
    stream = Here(*pieces)
    connection = Connection(stream)
    with pytest.raises(httpcore.RemoteProtocolError):
        at_once(page(connection))
    at_once(connection.aclose())
    assert stream.closed
