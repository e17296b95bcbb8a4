"""Which addresses a request may reach: public ones, and those that the operator names.

A link in a feed could point at the router, the cloud's metadata service or our own API. The check sits where the
connection is made, on the address that is then dialled: no spelling of a host, no redirect and no second DNS answer
can come between.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import anyio
import httpcore2
import httpx2

from core.errors import ConfigError, DataRefused

Address = IPv4Address | IPv6Address

# IPv6 ranges whose last 32 bits are an IPv4 address that a gateway would dial: RFC 6052, RFC 8215, RFC 4291.
_EMBEDS_V4 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))


class AddressRefused(DataRefused):
    """A host that is, or resolves to, an address nobody allowed."""


class Allowed:
    """Public addresses, and what the operator allows beside: host names, addresses and networks in CIDR form."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._hosts: set[str] = set()
        self._networks = []
        for text in extra:
            try:
                self._networks.append(ip_network(text))
            except ValueError:
                if not text or "/" in text or ":" in text:
                    raise ConfigError(f"{text!r} is no host, address or network such as 10.1.0.0/16") from None
                self._hosts.add(text.rstrip(".").lower())

    def refuse(self, host: str, address: str) -> None:
        """Raises AddressRefused unless `address`, which `host` stands for, may be reached."""
        if host.rstrip(".").lower() in self._hosts:
            return
        found = ip_address(address.partition("%")[0])  # without the zone of a link-local address
        if any(found in network for network in self._networks) or is_public(found):
            return
        raise AddressRefused(f"{host} is at a private or reserved address; allowed are public ones and allow_private")


def is_public(address: Address) -> bool:
    """Whether an address is of the public internet, also where it is an IPv4 address in IPv6's clothes."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and any(address in network for network in _EMBEDS_V4):
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a host, checks every address, and dials only what was checked."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._inner = httpcore2.AnyIOBackend()
        self.blocked = 0

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._addresses(host, port, timeout)
        for address in addresses:
            try:
                # One bad address refuses the host: which of several is dialled must not be up to chance.
                self._allowed.refuse(host, address)
            except AddressRefused:
                self.blocked += 1
                raise
        failed: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore2.ConnectError("the host has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused("a source is reached by TCP only")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        try:
            with anyio.fail_after(timeout):
                found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise httpcore2.ConnectTimeout("the name took too long to resolve") from None
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("the name does not resolve") from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """HTTPX's own transport over a guarded backend. Without proxies: behind one, nobody could check what is dialled."""

    def __init__(self, allowed: Allowed) -> None:
        tls = httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=tls, trust_env=False)
        self.backend = GuardedBackend(allowed)
        # The public constructor takes no backend; a test fails should this pool ever be bypassed.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=30.0,
            network_backend=self.backend,
        )
