"""Connections: judged by their address before the first packet, one kept per origin, with metered reads.

A name is resolved once, every address is judged, and the connection goes to that very address, never by the URL's text.
So `http://192.168.257`, a name that points inside, and one that changes its answer between two look-ups (DNS rebinding)
all end the same way: no byte is sent. httpcore speaks HTTP/1.1; this bounds what it reads.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import certifi
import httpcore

from columnarchive.content_encoding import TooLarge
from columnarchive.locale import fault
from columnarchive.records import Headers
from columnarchive.urls import Address, address

CACHE_SECONDS = 300.0
MAX_CACHED = 20_000
MAX_TRIED = 4  # addresses of one host that share the time to connect
NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}

# The registries of special-purpose addresses (IANA), and the host agent of Azure, which has a public address.
SPECIAL_IPV4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
    )
)  # fmt: skip
# Only 2000::/3 is allocated. Within it these are no hosts: Teredo and protocols, documentation, 6to4, AS112.
UNICAST_IPV6 = ipaddress.IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48"))
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an IPv6 address whose last one is an IPv4 address


class PrivateAddress(httpcore.ConnectError):
    """The name leads to an address that is not on the public internet."""


class ResolutionError(httpcore.ConnectError):
    """The name could not be resolved."""


class NameNotFound(ResolutionError):
    """The resolver knows that there is no such name, or none with an address."""


def is_public(ip_address: str) -> bool:
    """Return whether an IP address is a host of the public internet: allocated, and for no special purpose.

    An IPv4 address in an IPv4-mapped, NAT64 or ISATAP one decides; other ways to write one into IPv6 are not public.
    """
    ip = ipaddress.ip_address(ip_address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in SPECIAL_IPV4)
    inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.ipv4_mapped or ip in NAT64:
        return is_public(str(inner))
    if int(ip) >> 32 & 0xFFFFFFFF in ISATAP and not is_public(str(inner)):
        return False
    return ip in UNICAST_IPV6 and not any(ip in network for network in SPECIAL_IPV6)


async def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host, in the resolver's order; raise ResolutionError when there is none."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno in NO_SUCH_NAME:
            raise NameNotFound(fault("no_address", host=host)) from error
        raise ResolutionError(fault("not_resolved", host=host)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressGuard(httpcore.AsyncNetworkBackend):
    """Connect to public addresses only; with `allow_private` to any, and to private ones of trusted hosts."""

    def __init__(self, allow_private: bool = False) -> None:
        self.allow_private = allow_private
        self.trusted: set[tuple[str, int]] = set()
        self._backend = httpcore.AnyIOBackend()
        self._cache: dict[tuple[str, int], tuple[float, list[str]]] = {}

    def trust(self, url: str) -> None:
        """Allow the host and port of a URL, and no other port of this host, to be private."""
        place = address(url)
        self.trusted.add((place.host.strip("[]"), place.port))

    def cached(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that were judged in the last minutes; empty when there are none."""
        expires, found = self._cache.get((host.strip("[]"), port), (0.0, []))
        return found if time.monotonic() < expires else []

    async def resolve_public(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host; raise PrivateAddress if only one of them is not public."""
        host = host.strip("[]")
        if found := self.cached(host, port):
            return found
        found = await resolve(host, port)
        if not self.allow_private and (host, port) not in self.trusted:
            for ip in found:
                if not is_public(ip):
                    raise PrivateAddress(fault("private_address" if host == ip else "private_host", host=host, ip=ip))
        if len(self._cache) > MAX_CACHED:
            self._cache.clear()
        self._cache[host, port] = (time.monotonic() + CACHE_SECONDS, found)
        return found

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first judged address that answers."""
        found = (await self.resolve_public(host, port))[:MAX_TRIED]
        share = timeout / len(found) if timeout else None
        refused: Exception | None = None
        for ip in found:
            try:
                return await self._backend.connect_tcp(ip, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        if isinstance(refused, httpcore.ConnectTimeout):
            raise httpcore.ConnectTimeout(f"{host} did not accept the connection in time") from refused
        raise httpcore.ConnectError(f"{host} refused the connection") from refused

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


KEEP_ALIVE = 75.0  # seconds
MAX_READ = 1 << 20  # more than the event loop receives at once
HEAD_BYTES = 400_000  # of header lines, interim responses before them, and what comes in the same reads
FRAMING_BYTES = 1_000_000  # around a body's own bytes; and at most as many again as the body has


class TLSError(httpcore.ConnectError):
    """The server's certificate or its TLS cannot be accepted."""


@cache
def create_tls_context() -> ssl.SSLContext:
    """Create, once, the TLS settings that all connections share; they take most of a client's time to start."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class Meter:
    """Counts the bytes read for one response, and ends it when too many of them are not its body."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin with a new response."""
        self.received = 0
        self.allowed = HEAD_BYTES
        self.ended = False
        self.in_body = False

    def allow_body(self, length: int) -> None:
        """Allow what a body needs of which `length` bytes have come."""
        self.in_body = True
        self.allowed = HEAD_BYTES + max(FRAMING_BYTES, 2 * length) + length

    def count(self, data: bytes) -> None:
        """Count bytes; raise TooLarge when there are more than allowed."""
        self.received += len(data)
        self.ended = not data
        if self.received > self.allowed:
            if self.in_body:
                raise TooLarge(fault("mostly_framing"))
            raise TooLarge(fault("large_preamble"))


class _MeteredStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._info: dict[str, Any] = {}

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # All that has come: what stays behind in a buffer would be taken for the beginning of the next response.
        data = await self._stream.read(max(max_bytes, MAX_READ), timeout)
        self._meter.count(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except (httpcore.ConnectError, OSError) as error:
            reason = next((getattr(wrapped, "verify_message", "") for wrapped in error.args), "") or str(error)
            raise TLSError(reason or "the connection broke while it was being encrypted") from error
        return _MeteredStream(stream, self._meter)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._stream.get_extra_info(info)
        if info not in self._info:
            self._info[info] = self._stream.get_extra_info(info)
        return self._info[info]


class OriginTransport(httpcore.AsyncNetworkBackend):
    """Requests to one origin over one connection, direct or through a proxy.

    A site is visited one request at a time, so a pool of one connection is enough; one that is shared by all origins
    looks at all of its connections at each request, which costs more than the request.
    """

    def __init__(self, tls: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend, proxy: str = "") -> None:
        self.meter = Meter()
        self.connections = 0
        """How many were opened so far."""
        self._backend = backend
        self._pool = httpcore.AsyncConnectionPool(
            tls,
            _proxy(proxy, tls) if proxy else None,
            max_connections=1,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=self,
        )

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect for the pool, and meter what is read."""
        self.connections += 1
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _MeteredStream(stream, self.meter)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)

    async def send(self, place: Address, headers: Headers, timeout: float) -> httpcore.Response:
        """Send a GET request and return the response, its body still to be read.

        Args:
            place: an address at this origin.
            headers: the lines to send, `Host` included; their characters are bytes (Latin-1).
            timeout: seconds to connect.
        """
        self.meter.start()
        port = place.port if place.authority != place.host else None
        url = httpcore.URL(
            scheme=place.scheme, host=place.host.strip("[]"), port=port, target=place.target.encode("ascii")
        )
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        request = httpcore.Request("GET", url, headers=lines, extensions={"timeout": {"connect": timeout}})
        response = await self._pool.handle_async_request(request)
        if not self.meter.received:
            await response.aclose()
            raise httpcore.RemoteProtocolError("the server sent a response before it was asked")
        return response

    async def aclose(self) -> None:
        """Close the connection."""
        await self._pool.aclose()


def _proxy(url: str, tls: ssl.SSLContext) -> httpcore.Proxy:
    import httpx  # takes long to load, and few crawls have a proxy

    proxy = httpx.Proxy(url)
    encrypted = tls if proxy.url.scheme == "https" else None
    return httpcore.Proxy(str(proxy.url.copy_with(userinfo=b"")), proxy.raw_auth, ssl_context=encrypted)
