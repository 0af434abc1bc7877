"""The guard lets out and nothing in: every address of a host counts, and the checked one is used."""

import ast
import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streams
from agents.delivery.channels import Answer, Fault, Http
from schemas.delivery import Cause
from streams.delivery import guard as guard_module
from streams.delivery.guard import AddressBlocked, Guard, NameNotFound, SystemResolver, is_public
from streams.delivery.http import HttpClients
from tests.streams.delivery.hostile_urls import HOSTILE, NAMES
from tests.streams.delivery.http_servers import answering, serving

BLOCKED = (
    "0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1 "
    "172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 "
    "203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 "
    ":: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 "
    "64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1:: 2001:10::1 2001:db8::1 2002:7f00:1:: "
    "2002:808:808:: 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo fec0::1 ff02::1 ff0e::1"
).split()
PUBLIC = "1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 100.128.0.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8".split()


class Names:
    """A resolver of tests: its own names, and numbers as the system reads them; it never asks the network."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        name = host.lower().rstrip(".")
        if name in self.names:
            return self.names[name]
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(one[4][0]) for one in found]


def a_call(url: str) -> Http:
    """A request that is worth sending."""
    return Http(method="POST", url=url, headers={"webhook-id": "msg_1"}, body=b"{}")


@pytest.mark.parametrize("text", BLOCKED)
def test_addresses_that_are_not_public(text: str) -> None:
    """Special-purpose networks of both families, and IPv4 in the clothes of IPv6."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text: str) -> None:
    """What hosts of the internet have."""
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_like_the_one_inside(address: object) -> None:
    """IPv4-mapped IPv6 neither opens nor closes a door."""
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(ip_address(str(address)))


async def test_every_address_of_a_host_must_be_allowed() -> None:
    """One private address among public ones is enough to refuse."""
    guard = Guard(resolver=Names(NAMES))

    for host in ("both.example", "both-reversed.example"):
        with pytest.raises(AddressBlocked):
            await guard.addresses(host, 443)


async def test_a_public_host_on_a_usual_port_is_allowed() -> None:
    """All its addresses are given, in the resolver's order."""
    guard = Guard(resolver=Names({"good.example": ["2606:4700::1111", "1.1.1.1"]}))

    found = await guard.addresses("good.example", 443)

    assert [str(one) for one in found] == ["2606:4700::1111", "1.1.1.1"]


@pytest.mark.parametrize("port", [22, 25, 6379, 8080])
async def test_other_ports_are_refused(port: int) -> None:
    """A public host is reached on listed ports only."""
    with pytest.raises(AddressBlocked, match=f"port {port} is not allowed"):
        await Guard(resolver=Names({"good.example": ["1.1.1.1"]})).addresses("good.example", port)


async def test_ports_can_be_listed() -> None:
    """What is listed replaces the usual ones."""
    guard = Guard(ports=(8443,), resolver=Names({"good.example": ["1.1.1.1"]}))

    assert [str(one) for one in await guard.addresses("good.example", 8443)] == ["1.1.1.1"]
    with pytest.raises(AddressBlocked):
        await guard.addresses("good.example", 443)


@pytest.mark.parametrize(
    ("allow", "host", "is_allowed"),
    [
        ("10.1.0.0/16", "private.example", True),
        ("10.1.2.3", "private.example", True),
        ("10.2.0.0/16", "private.example", False),
        ("127.0.0.1/32", "mapped.example", True),
        ("127.0.0.1/32", "127.1", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("127.0.0.1/32", "metadata.example", False),
        ("::1/128", "inside6.example", True),
        ("private.example", "private.example", True),
        ("Private.Example.", "private.example", True),
        ("private.example", "PRIVATE.example.", True),
        ("private.example", "metadata.example", False),
        ("example", "private.example", False),
        ("private.example", "10.1.2.3", False),
    ],
)
async def test_what_is_allowed_may_be_reached_on_any_port(allow: str, host: str, is_allowed: bool) -> None:
    """Networks by address, hosts by their exact name."""
    guard = Guard(allow=[allow], resolver=Names(NAMES))
    try:
        await guard.addresses(host, 8125)
        was_allowed = True
    except AddressBlocked:
        was_allowed = False

    assert was_allowed == is_allowed


@pytest.mark.parametrize("allow", ["10.0.0.0/33", "10.1.2.3/16", "10.1.2", "a/b", "", "."])
def test_what_is_neither_a_network_nor_a_host_is_told(allow: str) -> None:
    """A mistyped network never becomes a host name that nobody has."""
    with pytest.raises(ValueError, match="expected a network or a host name"):
        Guard(allow=[allow])


@pytest.mark.parametrize("host", ["nothing.example", "nobody.example"])
async def test_a_host_without_an_address(host: str) -> None:
    """No entry and an empty one are the same."""
    with pytest.raises(NameNotFound):
        await Guard(resolver=Names(NAMES)).addresses(host, 443)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "\ud800", "a\x00b"])
async def test_what_can_be_no_name_has_no_address(host: str) -> None:
    """The system's resolver refuses it in ways of its own."""
    with pytest.raises(NameNotFound):
        await Guard().addresses(host, 443)


@pytest.mark.parametrize("port", [-1, 0, 65_536, 10**9])
async def test_ports_that_do_not_exist(port: int) -> None:
    """Not even where every port is allowed."""
    with pytest.raises(AddressBlocked):
        await Guard(allow=["127.0.0.0/8"]).connect_tcp("127.0.0.1", port)


async def test_local_sockets_are_never_opened() -> None:
    """There is no allowing them."""
    with pytest.raises(AddressBlocked):
        await Guard(allow=["127.0.0.0/8"]).connect_unix_socket("/var/run/docker.sock")


async def test_a_name_that_changes_its_address_never_leads_inside() -> None:
    """Public when first asked, private ever after: each connection goes where its own check looked."""
    asked = 0

    async def rebinding(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"] if asked % 2 else ["127.0.0.2"]

    async with serving(answering()) as inside, serving(answering(), host="127.0.0.2") as canary:
        clients = HttpClients(allow=["127.0.0.1/32"], resolver=rebinding)
        results = []
        for n in range(100):
            results.append(await clients.send(f"e{n}", a_call(f"http://rebinding.example:{inside.port}/")))
            results.append(await clients.send(f"f{n}", a_call(f"http://rebinding.example:{canary.port}/")))
        await clients.close()

        assert asked == 200  # once for each connection
        assert (inside.connections, canary.connections) == (100, 0)
        assert {one.cause for one in results if isinstance(one, Fault)} == {Cause.BLOCKED_ADDRESS}


async def test_the_next_address_is_tried_when_the_first_does_not_answer() -> None:
    """A host with a dead address among its checked ones is still reached."""
    async with serving(answering()) as server:
        guard = Guard(allow=["127.0.0.0/8"], resolver=Names({"two.example": ["127.0.0.9", "127.0.0.1"]}))

        stream = await guard.connect_tcp("two.example", server.port, timeout=1.0)

        assert stream.get_extra_info("server_addr") == ("127.0.0.1", server.port)
        await stream.aclose()


async def test_no_address_answers() -> None:
    """The last address's failure is the connection's."""
    async with serving(answering()) as server:
        port = server.port
    guard = Guard(allow=["127.0.0.0/8"], resolver=Names({"two.example": ["127.0.0.9", "127.0.0.1"]}))

    with pytest.raises(httpcore.ConnectError):
        await guard.connect_tcp("two.example", port, timeout=1.0)


async def test_a_resolver_that_hangs_ends_with_the_time_for_connecting() -> None:
    """Looking up the name is part of connecting."""

    async def hanging(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(httpcore.ConnectTimeout):
        await Guard(resolver=hanging).connect_tcp("slow.example", 443, timeout=0.01)


async def test_a_name_that_is_being_asked_for_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many attempts to a host whose name server hangs hold one thread, and the next call asks anew."""
    asked, go = [], threading.Event()

    def slowly(host: str, port: int) -> list[str]:
        asked.append(host)
        go.wait(5)
        return ["1.1.1.1"]

    monkeypatch.setattr(guard_module, "_resolve", slowly)
    resolver = SystemResolver()
    waiting = [asyncio.create_task(resolver("slow.example", 443)) for _ in range(20)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    waiting[0].cancel()  # one that gives up takes nothing from the others
    await asyncio.sleep(0)
    go.set()

    found = await asyncio.gather(*waiting[1:])
    again = await resolver("slow.example", 443)

    assert (found, again, asked) == ([["1.1.1.1"]] * 19, ["1.1.1.1"], ["slow.example"] * 2)


@pytest.mark.parametrize("family", ["127.0.0.1", "::1"])
async def test_hostile_addresses_reach_nothing(family: str) -> None:
    """Of all spellings, on the canary's own port, none makes a single connection."""
    try:
        async with serving(answering(), host=family) as canary:
            clients = HttpClients(ports=(80, 443, canary.port), resolver=Names(NAMES), timeout_s=2.0)
            results = {url: await clients.send("e", a_call(url.format(port=canary.port))) for url in HOSTILE}
            await clients.close()
            await asyncio.sleep(0.01)

            assert canary.connections == 0
    except OSError:
        pytest.skip(f"no {family} on this machine")
    assert len(HOSTILE) >= 90
    expected = {Cause.BLOCKED_ADDRESS, Cause.INVALID_ADDRESS, Cause.DNS}
    assert {url: one for url, one in results.items() if not isinstance(one, Fault) or one.cause not in expected} == {}
    assert [one for one in results.values() if isinstance(one, Fault) and one.may_have_arrived] == []


async def test_the_canary_can_be_reached_when_it_is_allowed() -> None:
    """The same server counts connections once the guard lets them through, so that counting none means something."""
    async with serving(answering()) as canary:
        clients = HttpClients(allow=["127.0.0.1/32"], resolver=Names(NAMES))
        urls = ("http://127.1:{port}/", "http://inside.example:{port}/", "http://2130706433:{port}/")
        results = [await clients.send("e", a_call(url.format(port=canary.port))) for url in urls]
        await clients.close()

        assert results == [Answer(status=204)] * 3
        assert canary.connections == 3


async def test_faults_do_not_tell_where_a_name_leads() -> None:
    """Who gives the address must not learn what is inside from what went wrong."""
    clients = HttpClients(resolver=Names(NAMES))

    found = await clients.send("e", a_call("https://private.example/secret"))

    assert found == Fault(cause=Cause.BLOCKED_ADDRESS, detail="the address is not public")
    await clients.close()


def test_connections_are_made_in_two_files_only() -> None:
    """Nothing else under streams imports a client for HTTP: whoever did would go around the guard."""
    root = Path(streams.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if {name.split(".")[0] for name in names} & {"httpx", "httpcore", "aiohttp", "requests", "urllib3"}:
                found.add(path.relative_to(root).as_posix())

    assert found == {"delivery/guard.py", "delivery/http.py"}
