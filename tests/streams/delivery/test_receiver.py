"""The sample receiver: what it takes, what it refuses, and that it takes nothing twice."""

import http.client
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.delivery.channels import Answer, Http
from schemas.delivery import Credentials, SigningKey
from streams.delivery.http import HttpClients
from tests.agents.delivery.webhook_jobs import OTHER_SECRET, SECRET, URL, a_delivery, a_job, request_of
from tests.builders import NOON, an_alert

PATH = Path(__file__).parents[3] / "examples" / "receiver.py"


def load() -> Any:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("sample_receiver", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sample = load()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Receivers on one database, at ten seconds past noon."""
    built = []

    def new(*secrets: str, seen: list[str] | None = None, now: datetime = NOON + timedelta(seconds=10)) -> Any:
        receiver = sample.Receiver(
            secrets or (SECRET,),
            str(tmp_path / "received.db"),
            now=now.timestamp,
            on_new=lambda message_id, body: (seen if seen is not None else []).append(message_id),
        )
        built.append(receiver)
        return receiver

    yield new
    for receiver in built:
        receiver.close()


def take(receiver: Any, call: Http, **headers: str) -> int:
    """The status that a request is answered with; headers given replace the request's."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return receiver.take({**call.headers, **changed}, call.body)  # type: ignore[no-any-return]


def test_a_message_is_taken_once(build: Callable[..., Any]) -> None:
    """It may come as often as it likes, also from a later attempt and to a receiver that was restarted."""
    seen: list[str] = []
    first = build(seen=seen)
    statuses = [take(first, request_of(a_job())), take(first, request_of(a_job(at=NOON + timedelta(seconds=200))))]
    restarted = build(seen=seen)
    statuses.append(take(restarted, request_of(a_job())))

    assert (statuses, seen) == ([204, 204, 204], ["msg_1"])
    assert (first.requests, restarted.requests, restarted.distinct) == (2, 1, 1)


def test_either_secret_is_good_while_keys_change(build: Callable[..., Any]) -> None:
    """A receiver with the old secret, the new one or both takes what both have signed."""
    keys = (SigningKey(secret=SECRET), SigningKey(secret=OTHER_SECRET))
    call = request_of(a_job(credentials=Credentials(url=URL, keys=keys)))

    assert [take(build(*secrets), call) for secrets in ((SECRET,), (OTHER_SECRET,), (OTHER_SECRET, SECRET))] == [
        204
    ] * 3


def test_another_secret_is_refused(build: Callable[..., Any]) -> None:
    """What somebody else has signed changes nothing."""
    receiver = build(OTHER_SECRET)

    assert (take(receiver, request_of(a_job())), receiver.requests, receiver.distinct) == (401, 1, 0)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1",
        "v1,",
        "v1,AAAA",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,not base64",
        "é,é",
        "v1,\udc80",
    ],
)
def test_bad_signatures_are_refused(build: Callable[..., Any], signature: str) -> None:
    """In whatever shape they come."""
    assert take(build(), request_of(a_job()), webhook_signature=signature) == 401


@pytest.mark.parametrize("changed", ["webhook_id", "webhook_timestamp"])
def test_everything_signed_is_checked(build: Callable[..., Any], changed: str) -> None:
    """Another id or time under the same signature is refused."""
    values = {"webhook_id": "msg_2", "webhook_timestamp": "1773489611"}

    assert take(build(), request_of(a_job()), **{changed: values[changed]}) == 401


def test_one_changed_byte_is_refused(build: Callable[..., Any]) -> None:
    """The body is signed to the byte."""
    call = request_of(a_job())

    assert build().take(call.headers, call.body.replace(b"closed", b"opened")) == 401


@pytest.mark.parametrize(("age_s", "status"), [(-301, 401), (-300, 204), (0, 204), (300, 204), (301, 401)])
def test_five_minutes_are_tolerated(build: Callable[..., Any], age_s: int, status: int) -> None:
    """To both sides, and no second more."""
    now = NOON + timedelta(seconds=10 + age_s)

    assert take(build(now=now), request_of(a_job())) == status


@pytest.mark.parametrize(
    "headers",
    [{"webhook_id": ""}, {"webhook_timestamp": ""}, {"webhook_timestamp": "soon"}, {"webhook_timestamp": "٧"}],
)
def test_what_is_no_webhook_is_refused(build: Callable[..., Any], headers: dict[str, str]) -> None:
    """A request without an id or a time is answered 400."""
    assert take(build(), request_of(a_job()), **headers) == 400


def test_what_is_printed() -> None:
    """One line with the headline; of what is not understood the size."""
    call = request_of(a_job())

    assert sample.line("msg_1", call.body) == (
        "msg_1  tocsin.statement.new.v1  alert  'Jane Roe: “The bridge is closed”'"
    )
    assert sample.line("msg_1", b"[]") == "msg_1  2 bytes"


def test_the_signatures_are_compared_in_constant_time() -> None:
    """No other comparison of secrets stands in the example that people copy."""
    source = PATH.read_text()

    assert source.count("hmac.compare_digest(") == 1
    assert "== given" not in source and "given ==" not in source


@pytest.fixture
def port(build: Callable[..., Any]) -> Iterator[int]:
    """A receiver that listens, with the clock of the day."""
    server = sample.serve(build(now=datetime.now(UTC)), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


async def test_it_takes_what_is_sent(port: int) -> None:
    """Over HTTP, several messages on one connection."""
    clients = HttpClients(allow=["127.0.0.1/32"])
    found = []
    for n in range(3):
        alert = an_alert()
        job = a_job(at=datetime.now(UTC), delivery=a_delivery(alert, message_id=f"msg_{n}"))
        call = request_of(job)
        found.append(
            await clients.send(
                "e", Http(method="POST", url=f"http://127.0.0.1:{port}/", headers=call.headers, body=call.body)
            )
        )
    await clients.close()

    assert [one.status for one in found if isinstance(one, Answer)] == [204, 204, 204]


@pytest.mark.parametrize("length", ["100001", "-1", "x", "9" * 5_000])
def test_bodies_of_no_good_length_are_refused(port: int, length: str) -> None:
    """Nothing is read of them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest("POST", "/")
    connection.putheader("content-length", length)
    connection.endheaders()

    assert connection.getresponse().status == 400
    connection.close()


def test_an_empty_secret_file_is_told(tmp_path: Path) -> None:
    """Started without a secret it says so and ends."""
    (tmp_path / "secret.txt").write_text("\n")

    ended = subprocess.run(
        [sys.executable, str(PATH), "--secret-file", "secret.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode == 2
    assert "secret.txt: expected a secret, found an empty file" in ended.stderr
