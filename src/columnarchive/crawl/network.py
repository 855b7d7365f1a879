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

REMEMBERED = 300.0  # seconds for which a name keeps the addresses that were judged
MAX_KNOWN = 20_000


class PrivateAddress(httpcore.ConnectError):
    """The name leads to an address that is not on the public internet."""


class Unresolved(httpcore.ConnectError):
    """The name has no address, or none could be asked for."""


class Unknown(Unresolved):
    """The resolver knows that there is no such name, or none with an address."""


UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not private, loopback, link-local, metadata or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


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
    """Opens connections to judged addresses; with `allow_private` to any, and to any of the hosts in `trusted`."""

    def __init__(self, allow_private: bool = False) -> None:
        self.allow_private = allow_private
        self.trusted: set[str] = set()
        self.space = memoryview(bytearray(READ_SIZE))
        self.known: dict[str, tuple[float, list[str]]] = {}

    def remembered(self, host: str) -> list[str]:
        """The addresses of a host that were judged in the last minutes; empty when there are none."""
        until, found = self.known.get(host, (0.0, []))
        return found if time.monotonic() < until else []

    async def judged(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them public; PrivateAddress if only one is not."""
        if found := self.remembered(host):
            return found
        found = await resolve(host, port)
        if not self.allow_private and host not in self.trusted:
            for ip in found:
                if not is_public(ip):
                    where = host if host.strip("[]") == ip else f"{host} is at {ip}, which"
                    raise PrivateAddress(f"{where} is not a public address")
        if len(self.known) > MAX_KNOWN:
            self.known.clear()
        self.known[host] = (time.monotonic() + REMEMBERED, found)
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
        for ip in (await self.judged(host, port))[:4]:
            try:
                async with asyncio.timeout(timeout):
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
