"""The body of a webhook: one CloudEvents 1.0 message in structured JSON, always below 20,000 bytes.

Equal deliveries of equal alerts give equal bytes: no time of an attempt stands inside.
"""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from schemas.alert import Alert, AlertData
from schemas.delivery import Delivery
from schemas.event import Struct
from schemas.routing import NotificationKind

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
LIMIT = 19_999
"""Largest body in bytes; Standard Webhooks advises less than 20 kB."""

DIGEST_TYPE = "tocsin.digest.v1"
NOTICE_TYPE = "tocsin.endpoint.disabled.v1"

_SHRINKING = ((4_000, 40), (1_000, 20), (400, 12), (120, 6), (40, 3), (12, 1))
"""Longest text in code points and longest list, ever smaller until the body fits."""

_WHOLE = frozenset({"id", "type", "specversion", "time", "alert_id", "message_id", "dataref", "msgtype", "status"})
"""Ids, times and words of closed lists: shortened only where no id of ours is as long."""

_LONGEST_ID = 100

_encoder = msgspec.json.Encoder(order="deterministic")


class _Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attributes of an alert without those that are no CloudEvents attributes, and what delivery adds.

    hidden  messages that silences which have ended had stopped before this one
    """

    specversion: str
    id: str
    type: str
    source: str
    subject: str
    time: datetime
    subscription: str
    data: AlertData | dict[str, Any]
    datacontenttype: str
    dataschema: str = ""
    dataref: str | None = None
    recordedtime: datetime | None = None
    partitionkey: str = ""
    sequence: str = ""
    severitytext: str = ""
    severitynumber: int = 0
    traceparent: str | None = None
    hidden: int = 0


def of_alert(alert: Alert, delivery: Delivery) -> bytes:
    """The alert as this recipient must read it.

    A body that would be too long keeps the strongest evidence alone, then shorter texts and lists; it then says
    `truncated` in its data and names the whole alert in `dataref`.
    """
    item = delivery.lead
    data = alert.data
    if (data.msgtype, data.headline) != (item.msgtype, item.headline):
        data = msgspec.structs.replace(data, msgtype=item.msgtype, headline=item.headline)
    message = _Message(
        specversion=alert.specversion,
        id=delivery.message_id,
        type=alert.type.value,
        source=alert.source,
        subject=alert.subject,
        time=alert.time,
        recordedtime=alert.recordedtime,
        partitionkey=alert.partitionkey,
        sequence=alert.sequence,
        severitytext=alert.severitytext,
        severitynumber=int(alert.severitynumber),
        datacontenttype=alert.datacontenttype,
        dataschema=alert.dataschema,
        traceparent=alert.traceparent,
        subscription=delivery.subscription,
        hidden=delivery.hidden,
        data=data,
    )
    whole = _encoded(message)
    if whole is not None and len(whole) <= LIMIT:
        return whole
    strongest = msgspec.structs.replace(
        data,
        evidence=data.evidence[:1],
        matched=tuple(match for match in data.matched if match.evidence == 0),
        suppressed={},
    )
    return _shrunk(
        msgspec.structs.replace(
            message,
            dataref="/alerts/" + quote(data.alert_id[:_LONGEST_ID], safe="", errors="replace"),
            data={**msgspec.to_builtins(strongest), "truncated": True},
        )
    )


def of_digest(delivery: Delivery) -> bytes:
    """What was held back, told at once, without the reasons why each item matched; or a notice."""
    if delivery.kind is NotificationKind.NOTICE:
        return _of_notice(delivery)
    count = len(delivery.items)
    headline = f"{count} alerts held back" if count != 1 else "1 alert held back"
    if delivery.withdrawn:
        headline += f", {delivery.withdrawn} withdrawn before"
    items = [msgspec.to_builtins(item) for item in delivery.items]
    for item in items:
        del item["explain"]
    data = {
        "headline": headline,
        "items": items,
        "count": count,
        "hidden": delivery.hidden,
        "withdrawn": delivery.withdrawn,
        "status": delivery.status.value,
    }
    message = _Message(
        specversion="1.0",
        id=delivery.message_id,
        type=DIGEST_TYPE,
        source="/routing",
        subject=f"subscription/{delivery.subscription}",
        time=delivery.at,
        subscription=delivery.subscription,
        datacontenttype="application/json",
        data=data,
    )
    whole = _encoded(message)
    if whole is not None and len(whole) <= LIMIT:
        return whole
    return _shrunk(msgspec.structs.replace(message, data={**data, "truncated": True}))


def _of_notice(delivery: Delivery) -> bytes:
    return _shrunk(
        _Message(
            specversion="1.0",
            id=delivery.message_id,
            type=NOTICE_TYPE,
            source="/delivery",
            subject="endpoint",
            time=delivery.at,
            subscription="",
            datacontenttype="application/json",
            data={"headline": delivery.lead.headline, "status": delivery.status.value},
        )
    )


def _shrunk(message: _Message) -> bytes:
    whole = _encoded(message)
    if whole is not None and len(whole) <= LIMIT:
        return whole
    plain = msgspec.to_builtins(message)
    for text, entries in _SHRINKING:
        smaller = _encoder.encode(_cut(plain, text, entries))
        if len(smaller) <= LIMIT:
            break
    return smaller


def _encoded(message: _Message) -> bytes | None:
    """None for text that no UTF-8 can hold."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        return None


def _cut(value: Any, text: int, entries: int) -> Any:
    """The same value with shorter texts, lists and mappings, and without lone surrogates."""
    if isinstance(value, str):
        kept = value if len(value) <= text else value[: text - 1] + "…"
        return kept.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [_cut(one, text, entries) for one in value[:entries]]
    if isinstance(value, dict):
        return {
            key: _cut(one, max(text, _LONGEST_ID) if key in _WHOLE else text, entries) for key, one in value.items()
        }
    return value
