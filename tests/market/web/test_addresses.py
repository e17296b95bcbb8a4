from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from market.web import Unwilling
from market.web.addresses import AddressRefused, Allowed, is_public
from tests.market.web.clocks import web_of
from tests.market.web.server import Server, json, text


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(AddressRefused, match="private or reserved"):
        Allowed().refuse("example.org", address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    Allowed().refuse("example.org", address)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="192.168.0.0/16"))
def test_no_clothes_of_ipv6_make_a_private_address_public(address: object) -> None:
    number = int(ip_address(str(address)))
    for dressed in (f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}"):
        assert not is_public(ip_address(dressed))
    assert not is_public(ip_address((0x2002 << 112) | (number << 80)))


def test_a_zone_does_not_hide_a_link_local_address() -> None:
    with pytest.raises(AddressRefused):
        Allowed().refuse("fe80::1%eth0", "fe80::1%eth0")


def test_the_operator_may_allow_a_host_an_address_and_a_network() -> None:
    allowed = Allowed(["node.lan", "127.0.0.1", "10.1.0.0/16", "::1"])
    allowed.refuse("NODE.lan.", "192.168.7.7")
    allowed.refuse("127.0.0.1", "127.0.0.1")
    allowed.refuse("x", "10.1.255.255")
    allowed.refuse("x", "::1")
    with pytest.raises(AddressRefused):
        allowed.refuse("x", "10.2.0.0")


@pytest.mark.parametrize("wrong", ["", "10.0.0.1/8", "http://x", "10.0.0.0/40"])
def test_an_allowance_that_names_nothing_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError):
        Allowed([wrong])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
async def test_no_spelling_of_this_machine_reaches_it(host: str) -> None:
    async with Server() as server, web_of(local=False, attempts=1) as web:
        server.says("/", json({}))
        with pytest.raises(Unwilling, match="private or reserved"):
            await web.get(f"http://{host}:{server.port}/", what="a page")
        assert web.counts.blocked_addresses == 1
        assert server.seen == []


async def test_an_octal_spelling_is_no_address_at_all() -> None:
    async with web_of(local=False) as web:
        with pytest.raises(Unwilling, match="is no URL"):
            await web.get("http://0177.0.0.1/", what="a page")


async def test_a_redirect_to_a_private_address_is_refused_at_its_hop() -> None:
    async with Server() as server, web_of() as web:
        server.says("/", text("", status=302, location="http://169.254.169.254/latest/meta-data/"))
        with pytest.raises(Unwilling, match=r"169\.254\.169\.254 is at a private"):
            await web.get(server.base + "/", what="a page")
        assert web.counts.blocked_addresses == 1


async def test_a_name_is_judged_by_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    import anyio

    async def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    async with Server() as server, web_of(local=False, attempts=1) as web:
        with pytest.raises(Unwilling, match=r"rebound\.example is at a private"):
            await web.get(f"http://rebound.example:{server.port}/", what="a page")
        assert server.seen == []


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server() as server, web_of() as web:
        server.says("/", json({"direct": True}))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert (await web.get(server.base + "/", what="a page")).table() == {"direct": True}
