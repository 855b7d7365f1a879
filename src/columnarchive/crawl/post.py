"""Requests that send something: signed posts to webhooks, and one to a time-stamping authority.

A webhook is posted to again while the receiver is busy or cannot be reached. Its posts are signed as Standard Webhooks
says (https://www.standardwebhooks.com/): `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over
`id.timestamp.body`; a receiver knows a repetition by its `webhook-id`. The request to an authority is bounded in time
and size, and goes to public addresses only.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore
import httpx
import tenacity

from columnarchive import __version__
from columnarchive.crawl.transport import AddressGuard, PrivateAddress, create_tls_context
from columnarchive.errors import FetchError, UsageError
from columnarchive.times import Clock, system_clock
from columnarchive.urls import address

ATTEMPTS = 5
LONGEST_PAUSE = 60.0  # seconds
DEADLINE = 20.0  # seconds for one attempt, from the connection to the answer's head
_PREFIX = "whsec_"  # secrets in the form that Standard Webhooks shows them: base64 after this


@dataclass(frozen=True, slots=True)
class Message:
    """A body to post; `id` stays the same when it is posted again."""

    id: str
    body: bytes


class _TemporaryError(FetchError):
    """A failure that may pass; `pause` is what the receiver asked for, in seconds."""

    pause = 0.0


def post(
    url: str,
    message: Message,
    secret: str = "",
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Clock = system_clock,
) -> None:
    """Post a message until the receiver accepts it (status 200 to 299); FetchError, one sentence, when it does not.

    After 429, 5xx and network errors it is sent again, with growing pauses; any other status is final. Redirects are
    not followed: a message goes only to the configured address. No error shows the address's path or the secret.
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=_pause,
        retry=tenacity.retry_if_exception_type(_TemporaryError),
        reraise=True,
        sleep=pause,
    )
    try:
        address(url)
    except UsageError as error:
        raise UsageError("webhook_address", host=_host(url)) from error
    try:
        retrying(_post, url, message, secret, clock)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise UsageError("webhook_address", host=_host(url)) from error


def signature(message: Message, timestamp: int, secret: str) -> str:
    """The value of `webhook-signature` for a message posted at a time (seconds since 1970)."""
    signed = f"{message.id}.{timestamp}.".encode() + message.body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode("ascii")


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise UsageError("webhook_secret", prefix=_PREFIX) from error


def _post(url: str, message: Message, secret: str, clock: Clock) -> None:
    timestamp = int(clock().timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"columnarchive/{__version__}",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
    }
    if secret:
        headers["webhook-signature"] = signature(message, timestamp, secret)
    try:
        status, after = asyncio.run(_answered(url, message.body, headers))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise
    except (httpx.HTTPError, OSError, ValueError) as error:  # ValueError: a name that cannot be looked up
        raise _TemporaryError("webhook_unreachable", host=_host(url), reason=type(error).__name__) from error
    if 200 <= status < 300:
        return
    if status == 429 or status >= 500:
        failure = _TemporaryError("webhook_answered", host=_host(url), status=status)
        failure.pause = float(after) if after.isdecimal() else 0.0
        raise failure
    raise FetchError("webhook_answered", host=_host(url), status=status)


async def _answered(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Status and Retry-After of the answer; its body could be endless and is not read."""
    # httpx bounds each read but not the whole, so a header that drips would hold it up for ever.
    async with (
        asyncio.timeout(DEADLINE),
        httpx.AsyncClient(timeout=DEADLINE, follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer.status_code, answer.headers.get("retry-after", "")


def _pause(state: tenacity.RetryCallState) -> float:
    """One second, then twice as long each time, or what the receiver asked for; never longer than a minute."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.pause if isinstance(error, _TemporaryError) else 0.0
    return min(LONGEST_PAUSE, max(asked, 2.0 ** (state.attempt_number - 1)))


def _host(url: str) -> str:
    """The host alone: a webhook's path is often its password."""
    try:
        return urlsplit(url).hostname or "an address without a host"
    except ValueError:
        return "an address without a host"


AUTHORITY_DEADLINE = 20.0  # seconds for the whole exchange
MAX_RESPONSE = 256_000  # bytes; real ones have 2 to 10 kB


def post_request(url: str, request: bytes, *, allow_private: bool = False) -> bytes:
    """Send a timestamp request (DER) and return the response; raise FetchError, one sentence, when there is none."""
    place = address(url)
    try:
        return asyncio.run(_post_to_authority(url, request, allow_private))
    except PrivateAddress as error:
        raise FetchError("private_authority", host=place.authority) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, ValueError) as error:
        name = type(error).__name__
        raise FetchError("unreachable_authority", host=place.authority, reason=name) from error


async def _post_to_authority(url: str, request: bytes, allow_private: bool) -> bytes:
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
        asyncio.timeout(AUTHORITY_DEADLINE),
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
