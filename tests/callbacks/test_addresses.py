"""Which addresses may be called back, however they are written and whatever their names stand for."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.callbacks.addresses import NotPublic, addresses_of, check_address, is_public, read_address

NEVER = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
    "https://0177.0.0.1/", "https://017700000001/", "https://169.254.169.254/latest/", "https://10.0.0.1/",
    "https://172.16.3.4/", "https://192.168.1.1/", "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/",
    "https://255.255.255.255/", "https://240.0.0.1/", "https://198.18.0.1/", "https://192.0.2.7/",
    "https://192.0.0.8/", "https://192.88.99.1/", "https://[3fff::1]/", "https://[64:ff9b:1::a00:1]/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:10.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[ff02::1]/", "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/", "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "https://localhost/",
    "https://localhost./", "https://me@example.org/", "https://me:secret@example.org/", "https://@example.org/",
    "http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "javascript:alert(1)",
    "//example.org/", "example.org", "", " ", "https://", "https:///path", "https://example.org:8443/",
    "https://example.org:0/", "https://example.org:99999/", "https://example.org/#part", "https://exa mple.org/",
    "https://example.org\\@127.0.0.1/", "https://example.org/\n", "https://b\u00fccher.example/", "https://-a.example/",
    "https://a..example/", "https://[::1", "https://example.org/" + "x" * 2000,
]  # fmt: skip
PUBLIC = ["https://93.184.215.14/", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/a?b=c", "https://8.8.8.8:443/x"]


@pytest.mark.parametrize("address", NEVER)
def test_an_address_that_leads_inside_or_cannot_be_trusted_is_refused(address: str) -> None:
    with pytest.raises(NotPublic) as refused:
        check_address(address, frozenset())
    assert refused.value.fields["callback_url"]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_accepted(address: str) -> None:
    check_address(address, frozenset())


def test_a_name_that_nobody_knows_is_accepted_when_it_is_given(resolving: Any) -> None:
    resolving.clear()
    check_address("https://hooks.example.org/told?x=1", frozenset())


@pytest.mark.parametrize("answers", [["10.1.2.3"], ["93.184.215.14", "127.0.0.1"], ["::ffff:169.254.169.254"]])
def test_a_name_of_which_one_address_is_private_is_refused(resolving: Any, answers: list[str]) -> None:
    resolving["hooks.example.org"] = answers
    with pytest.raises(NotPublic):
        check_address("https://hooks.example.org/", frozenset())


def test_a_listed_host_may_be_private_at_any_port_without_tls_and_no_other_host_is_let_in_by_it() -> None:
    listed = frozenset({"127.0.0.1", "::1", "inside.example"})
    for address in ("http://127.0.0.1:8080/x", "https://127.0.0.1/", "http://[::1]:9/", "http://INSIDE.example:1/"):
        check_address(address, listed, seconds=0.2)
    for address in ("http://127.0.0.2:8080/", "https://127.1/", "http://not-inside.example/", "http://x@127.0.0.1/"):
        with pytest.raises(NotPublic):
            check_address(address, listed)


def test_an_address_is_taken_apart_as_it_will_be_asked() -> None:
    found = read_address("https://Hooks.Example.org./a/b?c=d", frozenset())
    assert (found.scheme, found.host, found.port, found.target) == ("https", "hooks.example.org", 443, "/a/b?c=d")
    assert found.authority == "hooks.example.org"
    listed = read_address("http://[::1]:8080", frozenset({"::1"}))
    assert (listed.authority, listed.target) == ("[::1]:8080", "/")


@given(some.ip_addresses(v=4))
def test_an_ipv4_address_is_public_in_every_form_or_in_none(ip: ipaddress.IPv4Address) -> None:
    high, low = int(ip) >> 16, int(ip) & 0xFFFF
    forms = [f"::ffff:{ip}", f"64:ff9b::{high:x}:{low:x}", f"2002:{high:x}:{low:x}::"]
    assert {is_public(ipaddress.ip_address(one)) for one in forms} == {is_public(ip)}
    if ip.is_private or ip.is_multicast or ip.is_loopback or ip.is_link_local:
        assert not is_public(ip)


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the system's own resolver would say: a name's addresses; a name that is not here has none."""
    names: dict[str, list[str]] = {}

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        if host not in names:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def test_every_address_of_a_name_is_looked_at_and_all_are_answered(resolving: Any) -> None:
    resolving["hooks.example.org"] = ["93.184.215.14", "8.8.8.8"]
    address = read_address("https://hooks.example.org/", frozenset())
    assert addresses_of(address, 2.0) == ["93.184.215.14", "8.8.8.8"]
