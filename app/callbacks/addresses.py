"""Which addresses may be called back: public ones by https, and the hosts that whoever runs the deployment has listed.

Whoever may name an address could otherwise make this server ask its own neighbours. A name is looked up once for each
request and every address that it has must be public; the request then goes to the very address that was looked at.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

from app.errors import Invalid

LONGEST = 2000
NOT_AMONG = "An administrator has said which hosts may be called back, and this is none of them."
FIELD = "callback_url"
DEFAULT_PORTS = {"https": 443, "http": 80}

_PLAIN = re.compile(r"[!-~]+")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 behind a translator: the last four bytes are the address that is really asked."""

_NOBODYS = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16"))
)
"""Set aside by IANA, too; not every Python that we run on knows of each."""

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotPublic(Invalid):
    """An address that nobody may have this server ask."""

    def __init__(self, words: str) -> None:
        super().__init__(fields={FIELD: words})


class NotFoundByName(Exception):
    """The name has no address just now."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to post. ``host`` is in small letters, without brackets; ``target`` is path and query."""

    scheme: str
    host: str
    port: int
    target: str
    is_listed: bool

    @property
    def authority(self) -> str:
        """For the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_address(text: str, listed: Collection[str]) -> Address:
    """Take an address apart.

    :param listed: hosts, in small letters, that may be asked whatever their address, port and scheme
    :raises NotPublic: it cannot be read, or may not be asked whatever its name stands for
    """
    if not _PLAIN.fullmatch(text) or "\\" in text or len(text) > LONGEST:
        raise NotPublic(f"Give an address of at most {LONGEST} plain characters, without spaces.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise NotPublic("This address cannot be read.") from None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    if scheme not in DEFAULT_PORTS:
        raise NotPublic("The address must begin with https://")
    if "@" in parts.netloc:
        raise NotPublic("The address must not hold a user name or a password.")
    if "#" in text:
        raise NotPublic("The address must not have a part behind a number sign.")
    is_listed = host in listed
    if not is_listed:
        _refuse_unlisted(scheme, host, port)
    if port == 0 or not host:
        raise NotPublic("The address names no host that can be asked.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(scheme, host, port or DEFAULT_PORTS[scheme], target, is_listed)


def check_address(text: str, listed: Collection[str], seconds: float = 2.0) -> None:
    """Refuse an address when it is given. A name that nobody knows yet is accepted: it is looked up again each time.

    :raises NotPublic: with words for the person who gave it
    """
    address = read_address(text, listed)
    try:
        addresses_of(address, seconds)
    except NotFoundByName:
        return


def check_among(text: str, listed: Collection[str], only: Collection[str]) -> None:
    """Refuse an address whose host is not among those to which a tenant narrows its callbacks.

    :param only: hosts in small letters; empty narrows nothing
    :raises NotPublic: it is not, or the address cannot be read
    """
    if only and read_address(text, listed).host not in only:
        raise NotPublic(NOT_AMONG)


def addresses_of(address: Address, seconds: float) -> list[str]:
    """Every IP address of the host, each looked at.

    :raises NotPublic: one of them is not public
    :raises NotFoundByName: the name has none, or nobody said so in time
    """
    found = _looked_up(address.host, address.port, seconds)
    if not address.is_listed and not all(is_public(ipaddress.ip_address(one)) for one in found):
        raise NotPublic("This address leads into a network that is not public.")
    return found


def is_public(ip: Ip) -> bool:
    """Whether an address is one of the public internet's, whatever form it is written in."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None or ip.teredo is not None or ip.is_site_local:
            return False
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    if any(ip in network for network in _NOBODYS):
        return False
    inside = ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_reserved
    return ip.is_global and not inside and not ip.is_unspecified


def _refuse_unlisted(scheme: str, host: str, port: int | None) -> None:
    if scheme != "https":
        raise NotPublic("The address must begin with https://")
    if port not in (None, DEFAULT_PORTS["https"]):
        raise NotPublic("The address must not name a port.")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        literal = None
    if literal is not None:
        if not is_public(literal):
            raise NotPublic("This address leads into a network that is not public.")
    elif _NUMBER.fullmatch(host.rpartition(".")[2]) or not _NAME.fullmatch(host):
        # 2130706433, 0x7f.1 and 127.1 are 127.0.0.1 to whoever looks them up.
        raise NotPublic("The address names no host that can be asked.")


def _looked_up(host: str, port: int, seconds: float) -> list[str]:
    """Names are looked up by the system, which may take as long as it likes; we wait so long and no longer."""
    found: list[str] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive() or not found:
        raise NotFoundByName(host)
    return list(found)
