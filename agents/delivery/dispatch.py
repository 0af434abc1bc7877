"""From what a subscription is told to what an endpoint is sent."""

from schemas import identity
from schemas.delivery import Delivery
from schemas.routing import Notification, NotificationKind


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
