"""Ask a time-stamping authority: one POST over HTTP, bounded in time and size, to public addresses only."""

from __future__ import annotations

import asyncio
import ssl

import httpcore

from columnarchive import __version__
from columnarchive.crawl.address_guard import AddressGuard, PrivateAddress
from columnarchive.crawl.transport import create_tls_context
from columnarchive.errors import FetchError, UsageError
from columnarchive.urls import address

DEADLINE = 20.0  # seconds for the whole exchange
MAX_RESPONSE = 256_000  # bytes; real ones have 2 to 10 kB


def post_request(url: str, request: bytes, *, allow_private: bool = False) -> bytes:
    """Send a timestamp request (DER) and return the response; raise FetchError, one sentence, when there is none."""
    place = address(url)
    try:
        return asyncio.run(_post(url, request, allow_private))
    except PrivateAddress as error:
        raise FetchError("private_authority", host=place.authority) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, ValueError) as error:
        name = type(error).__name__
        raise FetchError("unreachable_authority", host=place.authority, reason=name) from error


async def _post(url: str, request: bytes, allow_private: bool) -> bytes:
    place = address(url)
    if place.scheme not in ("http", "https"):
        raise UsageError("not_an_address", url=url)
    tls: ssl.SSLContext | None = create_tls_context() if place.scheme == "https" else None
    headers: dict[bytes | str, bytes | str] = {
        "Host": place.authority,
        "Content-Type": "application/timestamp-query",
        "Content-Length": str(len(request)),
        "User-Agent": f"columnarchive/{__version__}",
    }
    async with (
        asyncio.timeout(DEADLINE),
        httpcore.AsyncConnectionPool(tls, max_connections=1, network_backend=AddressGuard(allow_private)) as pool,
        pool.stream("POST", url, headers=headers, content=request) as response,
    ):
        if response.status != 200:
            raise FetchError("authority_status", host=place.authority, status=response.status)
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > MAX_RESPONSE:
                raise FetchError("authority_too_much", host=place.authority)
        return bytes(body)
