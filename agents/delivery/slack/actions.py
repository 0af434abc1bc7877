"""Clicks on the buttons of a reply: whether they come from Slack, what they ask for, and the silence of a mute."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import msgspec

from agents.delivery.slack.buttons import MUTE_SPEAKER, MUTE_STORY_1H, MUTE_STORY_24H
from agents.delivery.wording import one_line
from schemas.event import Struct
from schemas.subscription import Matcher, Operator, Silence, silence

TOLERANCE_S = 300
"""How far a request's time may be from ours, seconds (Slack: five minutes)."""

_LATE = timedelta(hours=1)
_EARLY = timedelta(minutes=5)
_LASTS = {
    MUTE_STORY_1H: timedelta(hours=1),
    MUTE_STORY_24H: timedelta(hours=24),
    MUTE_SPEAKER: timedelta(hours=24),
}
_HOSTS = frozenset(("hooks.slack.com", "hooks.slack-gov.com"))
_SECONDS = re.compile(r"[0-9]{1,11}")
_STAMP = re.compile(r"[0-9]{1,11}\.[0-9]{1,9}")

_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Click(Struct, frozen=True, kw_only=True):
    """One click on one button.

    at            when it was made; the same when Slack or a person sends it once more
    by            name and id of who clicked
    response_url  where Slack takes an answer for their eyes only, for half an hour; a secret
    """

    action: str
    alert_id: str
    message_id: str
    story: str
    subscription: str
    endpoint: str
    by: str
    at: datetime
    speaker: str | None = None
    response_url: str | None = None

    def __repr__(self) -> str:
        return f"Click({self.action}, {self.message_id})"


class _Value(msgspec.Struct):
    message_id: _Short
    alert_id: _Short
    story: _Short
    subscription: _Short
    endpoint: _Short
    speaker: _Short | None = None


class _User(msgspec.Struct):
    id: _Short
    username: str | None = None
    name: str | None = None


class _Action(msgspec.Struct):
    action_id: _Short
    action_ts: str
    value: str = ""


class _Payload(msgspec.Struct):
    type: str
    user: _User
    actions: Annotated[list[_Action], msgspec.Meta(min_length=1, max_length=25)]
    response_url: str | None = None


_payload = msgspec.json.Decoder(_Payload)
_value = msgspec.json.Decoder(_Value)


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether Slack signed these bytes, now: version v0, HMAC-SHA256 of `v0:time:body`, compared in constant time.

    headers  names in lower case
    """
    at = headers.get("x-slack-request-timestamp", "")
    if _SECONDS.fullmatch(at) is None or abs(now.timestamp() - int(at)) > TOLERANCE_S:
        return False
    expected = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    found = headers.get("x-slack-signature", "")
    return hmac.compare_digest(f"v0={expected}".encode(), found.encode("utf-8", "replace"))


def read_click(body: bytes, now: datetime) -> Click | None:
    """The click in a request's form; None for anything else, and for a click of another hour."""
    try:
        forms = parse_qs(body.decode("utf-8"), max_num_fields=10).get("payload", [])
        if len(forms) != 1:
            return None
        payload = _payload.decode(forms[0])
        action = payload.actions[0]
        value = _value.decode(action.value)
    except (ValueError, msgspec.DecodeError, RecursionError):  # also what is no UTF-8
        return None
    if payload.type != "block_actions" or _STAMP.fullmatch(action.action_ts) is None:
        return None
    at = datetime.fromtimestamp(int(action.action_ts.partition(".")[0]), UTC)
    if not now - _LATE <= at <= now + _EARLY:
        return None
    user = payload.user
    return Click(
        action=action.action_id,
        alert_id=value.alert_id,
        message_id=value.message_id,
        story=value.story,
        subscription=value.subscription,
        endpoint=value.endpoint,
        by=one_line(f"{user.username or user.name or 'somebody'} ({user.id}) in Slack", 200),
        at=at,
        speaker=value.speaker,
        response_url=_answerable(payload.response_url),
    )


def _answerable(url: str | None) -> str | None:
    """The address, if it is one of Slack's."""
    if url is None or not url.isascii() or not url.isprintable() or any(char in url for char in ' \\"<>'):
        return None
    try:
        parts = urlsplit(url)
        is_theirs = parts.scheme == "https" and parts.netloc in _HOSTS
    except ValueError:
        return None
    return url if is_theirs else None


def silence_of(click: Click) -> Silence | None:
    """What a click mutes, for everybody whom this endpoint tells; None if it is no mute.

    It begins with the click, so that the same click makes the same silence however often it comes. Corrections of what
    was told still come.
    """
    lasts = _LASTS.get(click.action)
    if lasts is None:
        return None
    if click.action != MUTE_SPEAKER:
        what = Matcher("story", Operator.EQUAL, click.story)
    elif click.speaker:
        what = Matcher("speaker", Operator.EQUAL, click.speaker)
    else:
        return None
    return silence(
        matchers=(what, Matcher("target", Operator.EQUAL, click.endpoint)),
        author=click.by,
        reason="muted in Slack",
        starts_at=click.at,
        ends_at=click.at + lasts,
    )
