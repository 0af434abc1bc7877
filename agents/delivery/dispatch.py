"""From what a subscription is told to what an endpoint is sent."""

from schemas import identity
from schemas.alert import AlertType, MessageType
from schemas.delivery import Delivery, Endpoint, EndpointChanged
from schemas.event import Severity
from schemas.routing import Item, Notification, NotificationKind, Reason


def split(notification: Notification) -> tuple[Delivery, ...]:
    """The deliveries of a notification: one for each message, one for a digest."""
    is_digest = notification.kind is NotificationKind.DIGEST
    parts = (notification.items,) if is_digest else tuple((item,) for item in notification.items)
    found = []
    for n, items in enumerate(parts):
        lead = items[0]
        message = notification.id if is_digest else lead.message_id
        is_correction = notification.kind is NotificationKind.CORRECTION and n == 0
        found.append(
            Delivery(
                id=identity.delivery_id(message, notification.target),
                message_id=message,
                endpoint=notification.target,
                channel=notification.channel,
                subscription=notification.subscription,
                owner=notification.owner,
                story=notification.story or "" if is_digest else lead.story,
                thread=notification.thread,
                kind=notification.kind,
                items=items,
                at=notification.at,
                status=notification.status,
                group=notification.group,
                is_correction=is_correction,
                references=notification.references if n == 0 else (),
                replaces=notification.replaces if n == 0 else None,
                correction=notification.correction,
                hidden=notification.hidden if n == 0 else 0,
                withdrawn=notification.withdrawn if n == 0 else 0,
                max_age_s=notification.max_age_s,
            )
        )
    return tuple(found)


def notice(event: EndpointChanged, to: Endpoint) -> Delivery:
    """News for whoever answers for an endpoint that was disabled, at another of theirs."""
    id = identity.notification_id(event.endpoint, event.what.value, event.at.isoformat())
    count = event.open_deliveries
    waited = "1 message that waited for it was" if count == 1 else f"{count} messages that waited for it were"
    dropped = f"; {waited} dropped" if count else ""
    item = Item(
        message_id=id,
        alert_id="",
        version=1,
        msgtype=MessageType.ALERT,
        type=AlertType.ENTRY_UPDATED,
        severity=Severity.ADVISORY,
        headline=f"Endpoint {event.endpoint} takes nothing any more: {event.why}{dropped}",
        story="",
        time=event.at,
        reason=Reason.SENT,
    )
    return Delivery(
        id=identity.delivery_id(id, to.id),
        message_id=id,
        endpoint=to.id,
        channel=to.channel,
        subscription="",
        owner=to.owner,
        story="",
        thread=f"{to.channel}/{to.id}",
        kind=NotificationKind.NOTICE,
        items=(item,),
        at=event.at,
    )
