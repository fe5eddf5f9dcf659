"""Addresses: whether a host may be sent to, judged by what it resolves to.

In:  a host, networks that are allowed although not public.   Out: IP addresses to connect to.
Asks the resolver; opens no connection.

An address that was judged is the one that is connected to. A name that resolves to something else
a moment later changes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

from forcedflow.alerts.message import DeliveryError
from forcedflow.errors import UsageError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]

_NAT64 = ip_network("64:ff9b::/96")


def parse_networks(texts: Sequence[str], place: str) -> tuple[Network, ...]:
    """Return networks such as ``127.0.0.1/32``.

    Raises
    ------
    UsageError
        If one is none.
    """
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            raise UsageError(f"{place}: {error}\nhint: write 127.0.0.1/32") from error
    return tuple(networks)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system resolves it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryError("the host's name does not resolve") from error
    return [str(entry[4][0]) for entry in found]


def judge_host(
    host: str, port: int, allowed: Sequence[Network], ask: Resolve = resolve
) -> list[tuple[Address, bool]]:
    """Return the addresses to connect to, each with whether it is of the networks allowed.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
    allowed : sequence of Network
        Networks that are not public and may be sent to all the same.
    ask : callable
        Resolver.

    Returns
    -------
    list of (Address, bool)
        In the resolver's order, not empty.

    Raises
    ------
    DeliveryError
        If any address of the host is neither public nor allowed: a name with one public and one
        private address is refused whole.
    """
    addresses = list(dict.fromkeys(_plain(text) for text in ask(host, port)))
    if not addresses:
        raise DeliveryError("the host's name does not resolve")
    for address in addresses:
        if not (_is_in(address, allowed) or _is_public(address)):
            raise DeliveryError(
                f"the host resolves to {address}, which is no public address; if that is meant, "
                f'state allow_private = ["{address}/{address.max_prefixlen}"]',
                is_final=True,
            )
    return [(address, _is_in(address, allowed)) for address in addresses]


def _plain(text: str) -> Address:
    """Return the address that is really meant: IPv4 hidden in IPv6 is taken out of it."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
