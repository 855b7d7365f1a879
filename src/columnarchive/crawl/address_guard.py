"""Connecting only where it is allowed: a name is resolved once, every address judged, and that very address connected.

The judgement falls before the first packet, on addresses and never on the URL's text, so `http://192.168.257`, a name
that points inside, or one that changes its answer between two look-ups (DNS rebinding) all end the same way: 0 bytes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Iterable

import httpcore

from columnarchive.crawl.stream import READ_SIZE, Stream
from columnarchive.urls import address

REMEMBERED = 300.0  # seconds for which a name keeps the addresses that were judged
MAX_KNOWN = 20_000
MAX_TRIED = 4  # addresses of one host that share the time to connect


class PrivateAddress(httpcore.ConnectError):
    """The name leads to an address that is not on the public internet."""


class Unresolved(httpcore.ConnectError):
    """The name has no address, or none could be asked for."""


class Unknown(Unresolved):
    """The resolver knows that there is no such name, or none with an address."""


UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


# The registries of special-purpose addresses (IANA), and the host agent of Azure, which is reached by a public address.
SPECIAL_IPV4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
    )
)  # fmt: skip
# Of IPv6 only 2000::/3 is given out. Within it these are no hosts: Teredo and protocols, documentation, 6to4.
UNICAST_IPV6 = ipaddress.IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48"))
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an IPv6 address whose last one is an IPv4 address


def is_public(address: str) -> bool:
    """Return whether an IP address is a host of the public internet: allocated, and for no special purpose.

    An IPv4 address in an IPv4-mapped, NAT64 or ISATAP one decides; other ways to write one into IPv6 are not public.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in SPECIAL_IPV4)
    inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.ipv4_mapped or ip in NAT64:
        return is_public(str(inner))
    if int(ip) >> 32 & 0xFFFFFFFF in ISATAP and not is_public(str(inner)):
        return False
    return ip in UNICAST_IPV6 and not any(ip in network for network in SPECIAL_IPV6)


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, in the resolver's order; Unresolved when there is none."""
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno in UNKNOWN:
            raise Unknown(f"the name {host} has no address") from error
        raise Unresolved(f"the name {host} could not be resolved") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections to judged addresses; with `allow_private` to any, and to any of those in `trusted`."""

    def __init__(self, allow_private: bool = False) -> None:
        self.allow_private = allow_private
        self.trusted: set[tuple[str, int]] = set()
        self.space = memoryview(bytearray(READ_SIZE))
        self.known: dict[tuple[str, int], tuple[float, list[str]]] = {}

    def trust(self, url: str) -> None:
        """Allow the host and port of a URL, and no other port of this host, to be private."""
        place = address(url)
        self.trusted.add((place.host, place.port))

    def remembered(self, host: str, port: int) -> list[str]:
        """The addresses of a host that were judged in the last minutes; empty when there are none."""
        until, found = self.known.get((host, port), (0.0, []))
        return found if time.monotonic() < until else []

    async def judged(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them public; PrivateAddress if only one is not."""
        if found := self.remembered(host, port):
            return found
        found = await resolve(host, port)
        if not self.allow_private and (host, port) not in self.trusted:
            for ip in found:
                if not is_public(ip):
                    where = host if host.strip("[]") == ip else f"{host} is at {ip}, which"
                    raise PrivateAddress(f"{where} is not a public address")
        if len(self.known) > MAX_KNOWN:
            self.known.clear()
        self.known[host, port] = (time.monotonic() + REMEMBERED, found)
        return found

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> Stream:
        """Connect to the first judged address that answers."""
        refused: OSError | TimeoutError | None = None
        found = (await self.judged(host, port))[:MAX_TRIED]
        for ip in found:
            try:
                async with asyncio.timeout(timeout / len(found) if timeout else None):
                    return await self._connect(ip, port)
            except (OSError, TimeoutError) as error:
                refused = error
        if isinstance(refused, TimeoutError):
            raise httpcore.ConnectTimeout(f"{host} did not take the connection in time") from refused
        raise httpcore.ConnectError(f"{host} refused the connection") from refused

    async def _connect(self, ip: str, port: int) -> Stream:
        """A connection to this very address, which no resolver sees again."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, (ip, port))
            _, stream = await loop.create_connection(lambda: Stream(self.space), sock=sock)
        except BaseException:
            sock.close()
            raise
        return stream

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
