"""HTTP/1.1 over one connection: h11 knows what the bytes mean, this moves them.

httpcore's connection does the same for any number of tasks. Ours has one request at a time and needs no lock: a lock
lets all other tasks run while it holds a body that is complete, so that hundreds of hosts held hundreds of them.
"""

from __future__ import annotations

import contextlib
import time

import h11
import httpcore
import httpx

from columnarchive.crawl.stream import HEAD_SIZE, READ_SIZE, Stream

KEEP_ALIVE = 75.0
MAX_HEAD = 100 * 1024  # bytes of header lines, or of one line between chunks


class Connection(httpx.AsyncByteStream):
    """Requests over one stream, one after the other; iterated, the body of the last one's answer.

    Closed as a body, it is ready for the next request if the answer was read to its end, and else given up.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self.idle = False
        self.expires = 0.0

    def is_usable(self) -> bool:
        """Whether it waits for a request, not for too long, and has heard nothing since, its end included."""
        return self.idle and time.monotonic() < self.expires and not self.stream.get_extra_info("is_readable")

    async def ask(self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> h11.Response:
        """Send a request without a body and return the head of the answer."""
        self.idle = False
        self.stream.head_room = HEAD_SIZE
        try:
            request = h11.Request(method=method, target=target, headers=headers)
            # A server may have answered and closed before it took the request: what it said is still to be read.
            with contextlib.suppress(httpcore.WriteError):
                await self.stream.write((self.http.send(request) or b"") + (self.http.send(h11.EndOfMessage()) or b""))
            event = await self._next()
            while not isinstance(event, h11.Response):  # an interim answer
                event = await self._next()
        except BaseException:
            await self.give_up()
            raise
        self.stream.head_room = None
        return event

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            while (event := self.http.next_event()) is h11.NEED_DATA:
                data = await self.stream.read(READ_SIZE)
                if not data and self.http.their_state is h11.SEND_RESPONSE:
                    raise httpcore.RemoteProtocolError("Server disconnected without sending a response.")
                self.http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpcore.RemoteProtocolError(str(error)) from error
        return event

    def __aiter__(self) -> Connection:  # not a generator, which the event loop keeps a list of
        return self

    async def __anext__(self) -> bytes:
        event = await self._next()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """The end of an answer."""
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
            self.idle = True
            self.expires = time.monotonic() + KEEP_ALIVE
        elif not self.idle:
            await self.give_up()

    async def give_up(self) -> None:
        """Drop the connection."""
        self.idle = False
        await self.stream.aclose()
