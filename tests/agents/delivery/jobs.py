"""Attempts for any channel: deliveries of alerts, working endpoints, and who answers."""

from typing import Any

from agents.delivery.channels import Answer, Call, Channel, Fault, Job, Result
from agents.delivery.channels.apprise import AppriseChannel
from agents.delivery.channels.file import FileChannel, StdoutChannel
from agents.delivery.channels.mail import MailChannel
from agents.delivery.signing import secret_of
from schemas.alert import Alert, MessageType
from schemas.delivery import Credentials, Delivery, Endpoint, SigningKey
from schemas.routing import Item, NotificationKind, Reason
from tests.builders import NOON

SECRET = "s3cr3t-p4ssw0rd"
"""Part of every credential below; nobody may ever see it."""

SETTINGS: dict[str, dict[str, str]] = {
    "slack": {"channel": "C0DESK"},
    "webhook": {},
    "mail": {"host": "mail.example", "sender": "tocsin@desk.example", "recipients": "desk@desk.example"},
    "apprise": {},
    "file": {"path": "alerts.jsonl"},
    "stdout": {},
}
CREDENTIALS: dict[str, Credentials] = {
    "slack": Credentials(token=f"xoxb-{SECRET}"),
    "webhook": Credentials(
        url=f"https://hooks.example/{SECRET}", keys=(SigningKey(secret=secret_of(SECRET.encode() * 2)),)
    ),
    "mail": Credentials(username=f"user-{SECRET}", password=SECRET),
    "apprise": Credentials(url=f"discord://4174216298/{SECRET}"),
    "file": Credentials(),
    "stdout": Credentials(),
}
OWN: tuple[Channel, ...] = (MailChannel(), AppriseChannel(), FileChannel(), StdoutChannel())


def an_item(alert: Alert, **changes: Any) -> Item:
    """One message as a subscription gets it."""
    fields: dict[str, Any] = {
        "message_id": alert.id,
        "alert_id": alert.data.alert_id,
        "version": alert.data.version,
        "msgtype": alert.data.msgtype,
        "type": alert.type,
        "severity": alert.severitynumber,
        "headline": alert.data.headline,
        "story": alert.story,
        "time": alert.time,
        "reason": Reason.SENT,
    }
    return Item(**(fields | changes))


def a_delivery(alert: Alert, *, item: dict[str, Any] | None = None, **changes: Any) -> Delivery:
    """One message for one endpoint; a correction where the alert is an update or a cancel."""
    is_correction = alert.data.msgtype is not MessageType.ALERT
    fields: dict[str, Any] = {
        "id": "dlv_1",
        "message_id": alert.id,
        "endpoint": "desk",
        "channel": "mail",
        "subscription": "sub_1",
        "owner": "desk",
        "story": alert.story,
        "thread": f"mail/desk/{alert.story}",
        "kind": NotificationKind.CORRECTION if is_correction else NotificationKind.MESSAGE,
        "items": (an_item(alert, **(item or {})),),
        "at": NOON,
        "is_correction": is_correction,
        "references": alert.data.references,
    }
    return Delivery(**(fields | changes))


def a_digest(*alerts: Alert, **changes: Any) -> Delivery:
    """What was held back."""
    fields: dict[str, Any] = {
        "message_id": "ntf_1",
        "story": "",
        "kind": NotificationKind.DIGEST,
        "items": tuple(map(an_item, alerts)),
        "is_correction": False,
        "references": (),
    }
    return a_delivery(alerts[0], **(fields | changes))


def an_endpoint(channel: str, **settings: str) -> Endpoint:
    """An endpoint of this channel that works; `settings` are further ones."""
    return Endpoint(id="desk", channel=channel, owner="desk", settings=SETTINGS[channel] | settings)


def a_job(channel: str, delivery: Delivery, alert: Alert | None, **changes: Any) -> Job:
    """The first attempt, at noon."""
    fields: dict[str, Any] = {
        "delivery": delivery,
        "alert": alert,
        "endpoint": an_endpoint(channel),
        "credentials": CREDENTIALS[channel],
        "marks": {},
        "at": NOON,
        "number": 1,
    }
    return Job(**(fields | changes))


def talk(channel: Channel, job: Job, said: Answer | Fault) -> tuple[list[Call], Result]:
    """What an attempt wants done, and what it comes to when everything is answered so."""
    conversation, calls = channel.deliver(job), list[Call]()
    try:
        calls.append(next(conversation))
        while True:
            calls.append(conversation.send(said))
            assert len(calls) < 20, "a conversation that never ends"
    except StopIteration as end:
        result: Result = end.value
        return calls, result
