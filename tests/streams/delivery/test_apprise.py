"""Notices through Apprise, without a network: services are played by plugins of the test."""

import logging
import sys
from typing import Any

import apprise
import pytest
import requests

from agents.delivery.channels import Answer, Fault, Notice
from schemas.delivery import Cause, Credentials, Endpoint
from streams.delivery.apprise import SERVICES, AppriseNotifier

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by one of its plugins
ENDPOINT = Endpoint(id="desk", channel="apprise", owner="desk")
CALL = Notice(title="[WATCH] Jane Roe: “x”", body="Why: *said* <b> \\n")
DISCORD = "discord://4174216298/s3cr3t-p4ssw0rd"


class Service:
    """Takes the place of the network: what was posted where, and how it is answered."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Any]] = []
        self.timeouts: list[Any] = []
        self.redirects: list[Any] = []
        self.answer: int | Exception = 204

    def post(self, url: str, **arguments: Any) -> requests.Response:
        self.posted.append((url, arguments.get("data")))
        self.timeouts.append(arguments.get("timeout"))
        self.redirects.append(arguments.get("allow_redirects"))
        if isinstance(self.answer, Exception):
            raise self.answer
        response = requests.Response()
        response.status_code = self.answer
        response._content = b""
        return response


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """No plugin reaches the network."""
    found = Service()

    def never(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("the network was reached")

    monkeypatch.setattr(requests, "post", found.post)
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", never)
    return found


async def sent(url: str | None, *, allow: tuple[str, ...] = (), **changes: Any) -> Answer | Fault:
    """One notice."""
    notifier = AppriseNotifier(allow=allow, **changes)
    try:
        return await notifier.send(ENDPOINT, Credentials(url=url), CALL)
    finally:
        await notifier.close()


async def test_a_notice_goes_to_the_service(service: Service) -> None:
    """As text, once, with time-outs of ours, and no redirect is followed."""
    assert await sent(DISCORD) == Answer(status=200)

    ((url, data),) = service.posted
    assert url == "https://discord.com/api/webhooks/4174216298/s3cr3t-p4ssw0rd"
    assert "Why: *said* <b> \\\\n" in data and "Jane Roe: " in data
    assert (service.timeouts, service.redirects) == ([(4.0, 10.0)], [False])


async def test_a_refusal_is_a_failure(service: Service) -> None:
    """Apprise does not say which."""
    service.answer = 500

    assert await sent(DISCORD) == Fault(cause=Cause.CHANNEL_ERROR, detail="the service did not take it")


async def test_a_broken_connection_is_a_failure(service: Service) -> None:
    """It is told without the address."""
    service.answer = requests.ConnectionError("https://discord.com/api/webhooks/4174216298/s3cr3t-p4ssw0rd")

    assert await sent(DISCORD) == Fault(cause=Cause.CHANNEL_ERROR, detail="the service did not take it")


async def test_a_service_that_does_not_answer_in_time_may_have_it(service: Service) -> None:
    """Apprise says no after a time-out of its own; the clock tells which no it is."""
    service.answer = requests.ReadTimeout()
    times = iter((0.0, 10.5))

    assert await sent(DISCORD, clock=lambda: next(times)) == Fault(
        cause=Cause.TIMEOUT, detail="the service did not answer in time", may_have_arrived=True
    )


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1/x",
        "jsons://news.example",
        "xml://169.254.169.254",
        "form://[::1]:8080",
        "mailto://user:pass@127.0.0.1",
        "mailtos://user:pass@mail.example?smtp=10.1.2.3",
        "gotify://news.example/token",
        "ntfys://10.1.2.3/topic",
        "matrix://user:pass@news.example/#room",
        "syslog://",
        "irc://news.example/#room",
        "workflows://prod.example:443/a/b",
    ],
)
async def test_services_that_reach_any_host_are_refused(service: Service, url: str) -> None:
    """The address guard cannot see where Apprise connects to."""
    fault = await sent(url, allow=("mail.example", "192.0.2.0/24"))

    assert isinstance(fault, Fault)
    assert fault.cause in (Cause.BLOCKED_ADDRESS, Cause.INVALID_ADDRESS)
    assert service.posted == []


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("json://News.Example/x", ("news.example",)),
        ("json://127.0.0.1:8080/x", ("127.0.0.0/8",)),
        ("json://127.0.0.1:8080/x", ("127.0.0.1",)),
    ],
)
async def test_hosts_that_the_operator_allows_are_reached(
    service: Service, monkeypatch: pytest.MonkeyPatch, url: str, allow: tuple[str, ...]
) -> None:
    """By name or by network."""
    monkeypatch.setattr(requests, "request", lambda method, url, **more: service.post(url, **more))
    service.answer = 200

    assert await sent(url, allow=allow) == Answer(status=200)
    assert len(service.posted) == 1


@pytest.mark.parametrize("url", [None, "", "nosuchthing://x", "discord://", "\x00", "discord"])
async def test_an_address_that_apprise_does_not_know(service: Service, url: str | None) -> None:
    """It will not work tomorrow either."""
    assert await sent(url) == Fault(cause=Cause.INVALID_ADDRESS, detail="not an address that Apprise knows")


@pytest.mark.parametrize("url", ["tgram://123456789:abcdefg_hijklmnop/1/2", f"{DISCORD}?retry=3"])
async def test_one_address_is_one_message(service: Service, url: str) -> None:
    """Where one of two targets fails, the other would get it twice."""
    fault = await sent(url)

    assert fault == Fault(cause=Cause.INVALID_ADDRESS, detail="expected an address with one target and no retries")


async def test_without_apprise_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert await sent(DISCORD) == Fault(
        cause=Cause.CHANNEL_ERROR, detail='Apprise is missing: pip install "tocsin[apprise]"'
    )


async def test_apprise_logs_no_address(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    service.answer = 500

    await sent(DISCORD)

    assert "s3cr3t" not in caplog.text


def test_no_service_takes_a_host() -> None:
    """As Apprise itself describes them."""
    described = apprise.Apprise().details()["schemas"]
    schemes = {
        scheme: any("{host}" in template for template in one["details"]["templates"])
        for one in described
        for scheme in (*(one["protocols"] or ()), *(one["secure_protocols"] or ()))
    }

    assert {scheme: schemes[scheme] for scheme in SERVICES} == dict.fromkeys(SERVICES, False)
