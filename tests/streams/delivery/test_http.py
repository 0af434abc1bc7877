"""HTTP to endpoints against receivers that hang, break, lie and attack."""

import asyncio
import contextlib
import datetime
import gzip
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
import trustme

from agents.delivery.answers import classify, of_fault
from agents.delivery.channels import Answer, Fault, Http
from agents.delivery.channels.webhook import Webhook
from schemas.delivery import Cause, Credentials, SigningKey, Verdict
from streams.delivery.http import HttpClients
from tests.agents.delivery.webhook_jobs import OTHER_SECRET, SECRET, a_job, request_of
from tests.builders import NOON
from tests.streams.delivery.http_servers import (
    Peer,
    answering,
    answering_once,
    endless,
    hanging,
    resetting,
    serving,
)

SHORT_S = 0.15

MAX_BODY = Http(method="GET", url="", headers={}).answer_max


def a_call(url: str, **changes: Any) -> Http:
    """A small request."""
    return Http(**({"method": "POST", "url": url, "headers": {"webhook-id": "msg_1"}, "body": b"{}"} | changes))


@contextlib.asynccontextmanager
async def clients_of(**changes: Any) -> AsyncIterator[HttpClients]:
    """Clients that reach this machine; closed at the end."""
    clients = HttpClients(**({"allow": ["127.0.0.0/8"]} | changes))
    try:
        yield clients
    finally:
        await clients.close()


async def answer_of(talk: Any, **changes: Any) -> Answer | Fault:
    """What one request to such a server comes to."""
    async with serving(talk) as server, clients_of(**changes) as clients:
        return await clients.send("e", a_call(server.url))


async def test_a_request_goes_out_as_it_was_built() -> None:
    """The body to the byte, the headers given, and as little else as HTTP allows."""
    call = request_of(a_job())
    async with serving(answering()) as server, clients_of() as clients:
        await clients.send("e", Http(method="POST", url=server.url + "?k=%2F", headers=call.headers, body=call.body))

        (request,) = server.requests
        assert (request.line, request.body) == ("POST /hook?k=%2F HTTP/1.1", call.body)
        assert request.headers == {
            **call.headers,
            "host": f"127.0.0.1:{server.port}",
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-length": str(len(call.body)),
        }


async def test_an_answer_comes_back_whole() -> None:
    """Status, headers with names in lower case, and the body."""
    raw = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nno"

    found = await answer_of(answering(raw))

    headers = {"retry-after": "7", "x-name": "caf\xe9", "content-length": "2"}
    assert found == Answer(status=429, headers=headers, body=b"no")


async def test_a_request_without_a_body() -> None:
    """GET sends no length."""
    async with serving(answering()) as server, clients_of() as clients:
        found = await clients.send("e", a_call(server.url, method="GET", body=b""))

        assert found == Answer(status=204)
        assert "content-length" not in server.requests[0].headers


async def test_a_connection_is_used_again() -> None:
    """Requests to one endpoint share a connection."""
    async with serving(answering()) as server, clients_of() as clients:
        for _ in range(5):
            await clients.send("e", a_call(server.url))

        assert (len(server.requests), server.connections) == (5, 1)


async def test_no_pool_is_shared_between_endpoints() -> None:
    """Two endpoints at one address have a connection each."""
    async with serving(answering()) as server, clients_of() as clients:
        for name in ("a", "b", "c", "a"):
            await clients.send(name, a_call(server.url))

        assert server.connections == 3


async def test_an_endpoint_has_at_most_four_connections() -> None:
    """More requests at once wait for one of them."""
    open_now = most = 0

    async def counting(peer: Peer) -> None:
        nonlocal open_now, most
        while True:
            await peer.request()
            open_now += 1
            most = max(most, open_now)
            await asyncio.sleep(0.005)
            open_now -= 1
            await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with serving(counting) as server, clients_of() as clients:
        found = await asyncio.gather(*(clients.send("e", a_call(server.url)) for _ in range(20)))

        assert found == [Answer(status=204)] * 20
        assert (most, server.connections) == (4, 4)


async def test_the_endpoint_not_used_for_longest_is_closed() -> None:
    """Only so many endpoints keep their connections."""
    async with serving(answering()) as server, clients_of(max_clients=2) as clients:
        for name in ("a", "b", "a", "c", "a", "b"):
            await clients.send(name, a_call(server.url))

        assert server.connections == 4  # a, b, c, and b again


async def test_idle_endpoints_are_closed() -> None:
    """Those used since stay open."""
    now = 100.0
    async with serving(answering()) as server, clients_of(clock=lambda: now) as clients:
        await clients.send("old", a_call(server.url))
        now = 160.0
        await clients.send("new", a_call(server.url))
        await clients.close_idle(60)
        for name in ("old", "new"):
            await clients.send(name, a_call(server.url))

        assert server.connections == 3


async def test_an_endpoint_that_is_being_sent_to_is_not_closed() -> None:
    """Neither for its age nor to make room."""
    async with serving(hanging()) as slow, serving(answering()) as server, clients_of(
        clock=lambda: 0.0, max_clients=1, timeout_s=SHORT_S
    ) as clients:  # fmt: skip
        sending = asyncio.create_task(clients.send("slow", a_call(slow.url)))
        while not slow.requests:
            await asyncio.sleep(0.001)
        await clients.close_idle(0)
        other = await clients.send("other", a_call(server.url))

        assert (await sending).cause is Cause.TIMEOUT  # type: ignore[union-attr]
        assert other == Answer(status=204)


async def test_after_closing_a_worker_can_still_send() -> None:
    """Closing closes connections, nothing else."""
    async with serving(answering()) as server, clients_of() as clients:
        await clients.send("e", a_call(server.url))
        await clients.close()

        assert await clients.send("e", a_call(server.url)) == Answer(status=204)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "talk",
    [
        hanging(),
        hanging(b"HTTP/1.1 200 O"),
        hanging(HEAD),
        hanging(HEAD + b"begin"),
        hanging(CHUNKED + b"3\r\nabc"),
        endless(HEAD, b"x", pause_s=0.02),
        endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", pause_s=0.02),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=0.02),
    ],
    ids="nothing,part of a head,head,part of a body,part of a chunk,drip,drip of headers,drip of 100s".split(","),
)
async def test_who_does_not_finish_in_time_is_left(talk: Any) -> None:
    """The whole call has one deadline; each byte that comes moves nothing."""
    async with serving(talk) as server, clients_of(timeout_s=SHORT_S) as clients:
        found = await clients.send("e", a_call(server.url))
        await asyncio.wait_for(server.closed.wait(), 1)

        assert found == Fault(cause=Cause.TIMEOUT, detail="no whole answer in time", may_have_arrived=True)
        assert of_fault(found).verdict is Verdict.OVERLOADED


async def test_hanging_endpoints_do_not_keep_others_waiting() -> None:
    """While fifty endpoints hang, a healthy one is answered a hundred times."""
    async with serving(hanging()) as bad, serving(answering()) as good, clients_of() as clients:
        waiting = [asyncio.create_task(clients.send(f"bad-{n}", a_call(bad.url))) for n in range(50)]
        found = [await clients.send("good", a_call(good.url)) for _ in range(100)]

        assert found == [Answer(status=204)] * 100
        assert [one for one in waiting if one.done()] == []
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\n", b"x" * 65_536),
        (CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(bytes(10_000_000))),
    ],
    ids=["until it closes", "a length of 5 GB", "chunks", "compressed"],
)
async def test_an_endless_body_is_read_to_a_limit(head: bytes, part: bytes) -> None:
    """The status counts, 20,000 bytes are kept as they came, and the connection is closed."""
    async with serving(endless(head, part)) as server, clients_of() as clients:
        found = await clients.send("e", a_call(server.url))
        await asyncio.wait_for(server.closed.wait(), 1)

        assert isinstance(found, Answer)
        body = (b"x" * MAX_BODY) if part[:1] in b"x1" else (part * 3)[:MAX_BODY]
        assert (found.status, found.body) == (200, body)
        assert server.sent < 8_000_000  # what sockets of this machine hold


@pytest.mark.parametrize("length", [0, MAX_BODY - 1])
async def test_a_connection_stays_after_an_answer_within_the_limit(length: int) -> None:
    """Reading an answer to its end keeps the connection."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length
    async with serving(answering(raw)) as server, clients_of() as clients:
        for _ in range(3):
            await clients.send("e", a_call(server.url))

        assert server.connections == 1


@pytest.mark.parametrize(
    "talk",
    [
        answering_once(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 20_000_000 + b"\r\n\r\n"),
        endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 5_000),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000),
        endless(CHUNKED, b"1;" + b"e" * 60_000 + b"\r\nx\r\n"),
        answering_once(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        answering_once(b"\x15\x03\x01\x00\x02\x02\x46" * 10),
        answering_once(b"HTTP/2 200\r\n\r\n"),
        answering_once(b"HTTP/1.1 99999 Much\r\n\r\n"),
        answering_once(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        answering_once(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
        answering_once(b"HTTP/1.1 200 OK\r\nA\x00: b\r\n\r\n"),
        answering_once(CHUNKED + b"zz\r\nx\r\n"),
        answering_once(HEAD + b"too short"),
        answering_once(b"HTTP/1.1 200 O"),
        hanging(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ],
    ids=(
        "one header of 20 MB,endless headers,endless 100s,endless extensions of chunks,ssh,tls,http2,status,"
        "negative length,two lengths,NUL,bad chunk,short body,short head,an upgrade that was not asked for"
    ).split(","),
)
async def test_what_is_not_http_is_a_protocol_error(talk: Any) -> None:
    """Nonsense and floods are left at once, and the message may have arrived."""
    async with serving(talk) as server, clients_of(timeout_s=5.0) as clients:
        found = await clients.send("e", a_call(server.url))

        assert isinstance(found, Fault)
        assert (found.cause, found.may_have_arrived) == (Cause.PROTOCOL, True)
        assert of_fault(found).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "talk",
    [resetting(), resetting(HEAD), resetting(HEAD + b"begin"), answering_once(b"")],
    ids=["before an answer", "after the head", "in the body", "closed without an answer"],
)
async def test_a_connection_that_breaks_is_a_reset(talk: Any) -> None:
    """The message may have arrived."""
    found = await answer_of(talk)

    assert found == Fault(cause=Cause.RESET, detail="the connection broke", may_have_arrived=True)


async def test_a_closed_connection_is_not_used_again() -> None:
    """Who closes after each answer is connected to anew, and nothing is lost."""
    async with serving(answering_once(b"HTTP/1.1 204 No Content\r\n\r\n")) as server, clients_of() as clients:
        found = []
        for _ in range(5):
            found.append(await clients.send("e", a_call(server.url)))
            await asyncio.sleep(0.005)

        assert (found, server.connections) == ([Answer(status=204)] * 5, 5)


async def test_a_refused_connection() -> None:
    """Nothing listens there, so nothing has arrived."""
    async with serving(answering()) as server:
        url = server.url
    async with clients_of() as clients:
        found = await clients.send("e", a_call(url))

    assert isinstance(found, Fault)
    assert (found.cause, found.may_have_arrived) == (Cause.CONNECT, False)


async def test_an_unknown_host() -> None:
    """The name server knows no such name: tried again, and nothing has arrived."""

    async def knows_nothing(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with clients_of(resolver=knows_nothing) as clients:
        found = await clients.send("e", a_call("https://nobody.example/k3y"))

    assert found == Fault(cause=Cause.DNS, detail="the host name was not found")
    assert of_fault(found).verdict is Verdict.FAILED


async def test_a_resolver_that_hangs_is_a_timeout() -> None:
    """The deadline covers it, and nothing has arrived."""

    async def hangs(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with clients_of(resolver=hangs, timeout_s=0.02) as clients:
        found = await clients.send("e", a_call("https://slow.example/"))

    assert found == Fault(cause=Cause.TIMEOUT, detail="no whole answer in time", may_have_arrived=False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """The place they name sees no request, and they are failures."""
    async with serving(answering()) as canary:
        raw = b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, canary.url.encode())
        found = await answer_of(answering(raw))

        assert canary.connections == 0
    assert isinstance(found, Answer)
    result = classify(found, now=NOON)
    assert (found.status, result.verdict, result.cause) == (status, Verdict.FAILED, Cause.REDIRECT)


async def test_cookies_are_not_kept() -> None:
    """What a receiver sets is not sent back."""
    raw = b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b; Path=/\r\n\r\n"
    async with serving(answering(raw)) as server, clients_of() as clients:
        for _ in range(2):
            await clients.send("e", a_call(server.url))

        assert [request for request in server.requests if "cookie" in request.headers] == []


async def test_a_body_is_not_decompressed() -> None:
    """A small bomb stays small."""
    bomb = gzip.compress(bytes(5_000_000))
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb

    found = await answer_of(answering(raw))

    assert isinstance(found, Answer) and found.body == bomb


async def test_interim_answers_are_skipped() -> None:
    """What counts is the answer behind them."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

    assert await answer_of(answering(interim + b"HTTP/1.1 204 No Content\r\n\r\n")) == Answer(status=204)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would connect past the guard."""
    async with serving(answering()) as proxy, serving(answering()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with clients_of() as clients:
            await clients.send("e", a_call(server.url))

        assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pass@127.0.0.1:{port}/",
        "http://user@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/\\@x",
        "http://127.0.0.1:{port}/a b",
        "http://127.0.0.1:{port}/\t",
        " http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/#x",
        "//127.0.0.1:{port}/",
        "ws://127.0.0.1:{port}/",
        "http://:{port}/",
        "http://[127.0.0.1:{port}/",
        "http://127.0.0.1:{port}0000/",
    ],
)
async def test_addresses_that_cannot_be_meant_are_refused(url: str) -> None:
    """Also where the host may be reached: two readers of such an address may read two hosts."""
    async with serving(answering()) as server, clients_of() as clients:
        found = await clients.send("e", a_call(url.format(port=server.port)))

        assert found == Fault(cause=Cause.INVALID_ADDRESS, detail="the address is not one that can be sent to")
        assert server.connections == 0


@pytest.mark.parametrize(
    "headers", [{"x-a": "b\r\nHost: evil.example"}, {"x a": "b"}, {"x-a": "b\x00"}, {"x-a": "ä€"}, {"x-ä": "b"}]
)
async def test_headers_that_cannot_be_sent_are_not(headers: dict[str, str]) -> None:
    """No attempt can ever work, and nothing was sent."""
    async with serving(answering()) as server, clients_of() as clients:
        found = await clients.send("e", a_call(server.url, headers=headers))

        assert found == Fault(cause=Cause.INVALID_ADDRESS, detail="a header that cannot be sent")
        assert server.requests == []


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    """A cancelled call ends at once, and the endpoint can be used on."""
    async with serving(hanging()) as slow, serving(answering()) as server, clients_of() as clients:
        sending = asyncio.create_task(clients.send("e", a_call(slow.url)))
        while not slow.requests:
            await asyncio.sleep(0.001)
        sending.cancel()

        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(slow.closed.wait(), 1)
        assert await clients.send("e", a_call(server.url)) == Answer(status=204)


async def test_addresses_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even when everything is logged: paths and headers are secrets."""
    caplog.set_level(logging.DEBUG)
    async with serving(answering()) as server, clients_of(timeout_s=SHORT_S) as clients:
        await clients.send("e", a_call(server.url + "/s3cret-path", headers={"authorization": "Bearer s3cret"}))
        await clients.send("e", a_call("http://127.0.0.1:1/s3cret-path"))

        assert len(server.requests) == 1
    assert [record.name for record in caplog.records if "s3cret" in record.getMessage() + str(record.args)] == []


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of this test run."""
    return trustme.CA()


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """TLS of a receiver with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """TLS of ours, where this authority is one of the system's."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_tls_with_a_good_certificate(authority: trustme.CA) -> None:
    """The name is verified although the connection goes to a checked address."""
    names: list[str | None] = []
    context = server_context(authority.issue_cert("hooks.example"))
    context.sni_callback = lambda sock, name, ctx: names.append(name)

    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with serving(answering(), context=context) as server, clients_of(
        context=client_context(authority), resolver=resolver
    ) as clients:  # fmt: skip
        found = [await clients.send("e", a_call(f"https://hooks.example:{server.port}/")) for _ in range(2)]

        assert found == [Answer(status=204)] * 2
        assert names == ["hooks.example"]
        assert server.requests[0].headers["host"] == f"hooks.example:{server.port}"


@pytest.mark.parametrize("kind", ["expired", "self-signed", "wrong host"])
async def test_certificates_that_are_refused(authority: trustme.CA, kind: str) -> None:
    """Each is a failure that is tried again, and no request leaves."""
    now = datetime.datetime.now(datetime.UTC)
    certificate = {
        "expired": lambda: authority.issue_cert("127.0.0.1", not_before=now - datetime.timedelta(9), not_after=now),
        "self-signed": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "wrong host": lambda: authority.issue_cert("hooks.example"),
    }[kind]()
    async with serving(answering(), context=server_context(certificate)) as server, clients_of(
        context=client_context(authority)
    ) as clients:  # fmt: skip
        found = await clients.send("e", a_call(server.url))

        assert isinstance(found, Fault) and found.cause is Cause.TLS and not found.may_have_arrived
        assert of_fault(found).verdict is Verdict.FAILED
        assert server.requests == []


async def immediately_closing(peer: Peer) -> None:
    """Closes when it is greeted."""
    await peer.reader.read(1)


async def immediately_resetting(peer: Peer) -> None:
    """Breaks the connection when it is greeted."""
    await peer.reader.read(1)
    peer.reset()


async def speaking_http(peer: Peer) -> None:
    """Answers a greeting of TLS as HTTP servers do."""
    await peer.reader.read(1)
    await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("talk", [immediately_closing, immediately_resetting, speaking_http])
async def test_no_tls_at_the_port_of_tls(talk: Any) -> None:
    """A failure of TLS; there is no second attempt without it."""
    async with serving(talk) as server, clients_of() as clients:
        found = await clients.send("e", a_call(server.url.replace("http:", "https:")))
        await asyncio.sleep(0.01)

        assert isinstance(found, Fault) and found.cause is Cause.TLS and not found.may_have_arrived
        assert server.connections == 1


async def test_a_handshake_that_hangs_is_a_timeout() -> None:
    """Nothing has arrived."""

    async def silent(peer: Peer) -> None:
        await peer.reader.read(100_000)
        await asyncio.Event().wait()

    async with serving(silent) as server, clients_of(timeout_s=0.05) as clients:
        found = await clients.send("e", a_call(server.url.replace("http:", "https:")))
        await asyncio.sleep(0.01)

    assert found == Fault(cause=Cause.TIMEOUT, detail="no whole answer in time", may_have_arrived=False)


async def test_a_large_exchange_over_tls(authority: trustme.CA) -> None:
    """Bodies larger than any buffer pass both ways, up to the limit of answers."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 19000\r\n\r\n" + b"y" * 19_000
    context = server_context(authority.issue_cert("127.0.0.1"))
    async with serving(answering(raw), context=context) as server, clients_of(
        context=client_context(authority)
    ) as clients:  # fmt: skip
        found = [await clients.send("e", a_call(server.url, body=b"x" * 3_000_000)) for _ in range(2)]

        assert [one.body for one in found if isinstance(one, Answer)] == [b"y" * 19_000] * 2
        assert [len(request.body) for request in server.requests] == [3_000_000] * 2
        assert server.connections == 1


# Signatures of what arrives


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
async def test_outside_libraries_accept_what_arrives(library: Any) -> None:
    """Both verify the bytes and headers that a receiver has seen, with the new secret and the old."""
    now = datetime.datetime.now(datetime.UTC)
    keys = (SigningKey(secret=SECRET), SigningKey(secret=OTHER_SECRET, until=now + datetime.timedelta(hours=1)))
    async with serving(answering()) as server, clients_of() as clients:
        job = a_job(at=now, credentials=Credentials(url=server.url, keys=keys))
        await clients.send("e", next(Webhook().deliver(job)))  # type: ignore[arg-type]
        (request,) = server.requests

    for secret in (SECRET, OTHER_SECRET):
        library(secret).verify(request.body, request.headers)  # raises where nothing fits
    flipped = bytes([request.body[0] ^ 1]) + request.body[1:]
    with pytest.raises(Exception, match="No matching signature"):
        library(SECRET).verify(flipped, request.headers)
