"""Webhook attempts for tests."""

from datetime import timedelta
from typing import Any

from agents.delivery.channels import Answer, Call, Fault, Http, Job, Result
from agents.delivery.channels.webhook import Webhook
from agents.delivery.signing import secret_of
from schemas.alert import Alert
from schemas.delivery import Credentials, Delivery, Endpoint, SigningKey
from schemas.routing import NotificationKind
from tests.agents.delivery.jobs import an_item
from tests.builders import NOON, an_alert

SECRET = secret_of(b"a" * 32)
OTHER_SECRET = secret_of(b"b" * 24)
URL = "https://hooks.example/in/k3y"


def a_delivery(alert: Alert, **changes: Any) -> Delivery:
    """One message for one webhook."""
    fields: dict[str, Any] = {
        "id": "dy_1",
        "message_id": alert.id,
        "endpoint": "desk-hook",
        "channel": "webhook",
        "subscription": "sub_1",
        "owner": "desk",
        "story": alert.story,
        "thread": "webhook/desk-hook/story-1",
        "kind": NotificationKind.MESSAGE,
        "items": (an_item(alert),),
        "at": NOON,
    }
    return Delivery(**(fields | changes))


def an_endpoint(**settings: str) -> Endpoint:
    """A webhook without further settings; a dot in a name is written as two underscores."""
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return Endpoint(id="desk-hook", channel="webhook", owner="desk", settings=named)


def a_job(alert: Alert | None = None, **changes: Any) -> Job:
    """The first attempt, ten seconds after noon."""
    alert = alert or an_alert()
    fields: dict[str, Any] = {
        "delivery": a_delivery(alert),
        "alert": alert,
        "endpoint": an_endpoint(),
        "credentials": Credentials(url=URL, keys=(SigningKey(secret=SECRET),)),
        "marks": {},
        "at": NOON + timedelta(seconds=10.7),
        "number": 1,
    }
    return Job(**(fields | changes))


def request_of(job: Job) -> Http:
    """What the attempt sends."""
    call = next(Webhook().deliver(job))
    assert isinstance(call, Http)
    return call


def result_of(job: Job, answer: Answer | Fault | None = None) -> tuple[list[Call], Result]:
    """What the attempt sends, and what it came to when everything is answered so."""
    conversation, calls = Webhook().deliver(job), []
    try:
        calls.append(next(conversation))
        while True:
            assert answer is not None
            calls.append(conversation.send(answer))
    except StopIteration as done:
        return calls, done.value
