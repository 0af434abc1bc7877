"""Slack's Web API and incoming webhooks: the calls, and what the answers mean."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from agents.delivery.answers import classify, of_fault, retry_after
from agents.delivery.channels import Answer, Fault, Http, Result
from agents.delivery.slack.blocks import Message
from schemas.delivery import Cause, Verdict
from schemas.event import Struct

API = "https://slack.com/api"
LOOK_MAX = 150_000
"""Most of the answer to a look-up that is read, bytes: messages come back with all their blocks."""

EVENT_TYPE = "tocsin_message"

TIMESTAMP = re.compile(r"\d{1,12}\.\d{1,9}")
"""How Slack names a message."""

GONE = frozenset("account_inactive token_revoked is_archived team_disabled".split())
"""Errors after which nobody is there any more."""

_REFUSED = frozenset(
    "msg_too_long invalid_blocks invalid_blocks_format msg_blocks_too_long no_text too_many_attachments "
    "invalid_arguments invalid_arg_name invalid_json json_not_object invalid_post_type metadata_too_large "
    "invalid_metadata_format invalid_metadata_schema invalid_payload".split()
)
_OVERLOADED = frozenset(
    "internal_error fatal_error service_unavailable request_timeout team_added_to_org rollup_error".split()
)
LIMITED = frozenset(("ratelimited", "rate_limited"))

_UNKNOWN = frozenset("internal_error fatal_error request_timeout rollup_error".split())
"""Errors after which, in Slack's words, some aspect of the operation may have succeeded."""

NO_SUCH_MESSAGE = frozenset("message_not_found thread_not_found invalid_thread_ts cannot_reply_to_message".split())
"""What is edited or replied to is not there any more."""

_HOOK_GONE = frozenset(
    "no_service no_service_id no_active_hooks no_team team_disabled channel_is_archived is_archived".split()
)
_HOOK_REFUSED = _REFUSED | {"invalid_payload"}

_WORD = re.compile(r"[a-z][a-z0-9_]{0,60}")
_OK = re.compile(rb'^\s*\{\s*"ok"\s*:\s*(true|false)')
_TS = re.compile(rb'"ts"\s*:\s*"(\d{1,12}\.\d{1,9})"')
_ERROR = re.compile(rb'"error"\s*:\s*"([a-z][a-z0-9_]{0,60})"')


class Reply(Struct, frozen=True, kw_only=True):
    """A read answer of the Web API.

    ts        of the message that was posted
    error     Slack's word for what is wrong, "" without one
    messages  of a look-up; None if they could not be read
    cursor    of its next page
    """

    result: Result
    ts: str | None = None
    error: str = ""
    messages: tuple[Mapping[str, Any], ...] | None = None
    cursor: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether Slack did what was asked."""
        return self.result.verdict is Verdict.DELIVERED


class Api(Struct, frozen=True, kw_only=True):
    """How to reach one channel with one bot. The token shows in no repr."""

    address: str
    token: str
    channel: str

    def __repr__(self) -> str:
        return f"Api({self.channel})"

    def post(
        self, message: Message, *, metadata: Mapping[str, str], thread: str | None = None, is_broadcast: bool = False
    ) -> Http:
        """chat.postMessage."""
        fields = _message(message) | {
            "channel": self.channel,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": metadata},
        }
        if thread is not None:
            fields["thread_ts"] = thread
        if is_broadcast:
            fields["reply_broadcast"] = True
        return self._post("chat.postMessage", fields)

    def update(self, ts: str, message: Message) -> Http:
        """chat.update; does not count against the message a second of a channel."""
        return self._post("chat.update", _message(message) | {"channel": self.channel, "ts": ts}, is_paced=False)

    def look(self, root: str | None, *, oldest: str, cursor: str, limit: int) -> Http:
        """What was posted after a timestamp: under a root, oldest first and the root before all; else in the channel,
        newest first.
        """
        method = "conversations.history" if root is None else "conversations.replies"
        query = {"channel": self.channel, "oldest": oldest, "limit": str(limit), "include_all_metadata": "true"}
        if root is not None:
            query["ts"] = root
        if cursor:
            query["cursor"] = cursor
        return Http(
            method="GET",
            url=f"{self.address}/{method}?{urlencode(query)}",
            headers={"authorization": f"Bearer {self.token}"},
            is_paced=False,
            answer_max=LOOK_MAX,
        )

    def _post(self, method: str, fields: Mapping[str, object], *, is_paced: bool = True) -> Http:
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json; charset=utf-8"}
        return Http(
            method="POST",
            url=f"{self.address}/{method}",
            headers=headers,
            body=msgspec.json.encode(fields),
            is_paced=is_paced,
        )


def hook(url: str, message: Message) -> Http:
    """A message to an incoming webhook."""
    headers = {"content-type": "application/json; charset=utf-8"}
    return Http(method="POST", url=url, headers=headers, body=msgspec.json.encode(_message(message)))


def _message(message: Message) -> dict[str, object]:
    """Plain words are no mrkdwn, and nothing is looked up, linked or unfurled."""
    return {
        "text": message.text,
        "blocks": message.blocks,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def read(answer: Answer | Fault, now: datetime) -> Reply:
    """What an answer of the Web API means: 200 is a success only with `ok: true`.

    Of a long answer only the beginning is there: then it is read by its first fields.
    """
    if isinstance(answer, Fault):
        return Reply(result=of_fault(answer))
    if answer.status != 200:
        return Reply(result=_of_status(answer, now), error="ratelimited" if answer.status == 429 else "")
    body = _json(answer.body)
    if body is None:
        return _read_beginning(answer, now)
    error = body.get("error")
    if body.get("ok") is True:
        messages = body.get("messages")
        ts, after = body.get("ts"), body.get("response_metadata")
        cursor = after.get("next_cursor") if isinstance(after, dict) else None
        return Reply(
            result=_delivered(answer.status),
            ts=ts if isinstance(ts, str) and TIMESTAMP.fullmatch(ts) else None,
            messages=tuple(one for one in messages if isinstance(one, dict)) if isinstance(messages, list) else None,
            cursor=cursor if isinstance(cursor, str) else "",
        )
    return _refusal(error if isinstance(error, str) and _WORD.fullmatch(error) else "", answer, now)


def read_hook(answer: Answer | Fault, now: datetime) -> Result:
    """What an answer of an incoming webhook means: its body is a word."""
    if isinstance(answer, Fault):
        return of_fault(answer)
    if answer.status == 200:
        return _delivered(answer.status)
    text = answer.body[:100].decode("ascii", "replace").strip()
    word = text if _WORD.fullmatch(text) else ""
    if answer.status == 410 or word in _HOOK_GONE:
        verdict = Verdict.GONE
    elif word in _HOOK_REFUSED and 400 <= answer.status < 500:
        verdict = Verdict.REFUSED
    else:
        found = _of_status(answer, now)
        return msgspec.structs.replace(found, detail=word or found.detail)
    return Result(verdict=verdict, cause=Cause.HTTP_STATUS, status=answer.status, detail=word or str(answer.status))


def _delivered(status: int) -> Result:
    return Result(verdict=Verdict.DELIVERED, cause=Cause.OK, status=status, detail="ok")


def _of_status(answer: Answer, now: datetime) -> Result:
    """Other than 200; what a broken server has done, nobody can say."""
    found = classify(answer, now=now)
    if answer.status >= 500:
        return msgspec.structs.replace(
            found,
            verdict=Verdict.OVERLOADED,
            retry_after_s=retry_after(answer.headers, now),
            may_have_arrived=True,
        )
    if found.verdict is Verdict.DELIVERED:  # 2xx, but not what the API says
        return msgspec.structs.replace(found, verdict=Verdict.FAILED, cause=Cause.PROTOCOL, may_have_arrived=True)
    if found.verdict is Verdict.GONE:  # of the API itself
        return msgspec.structs.replace(found, verdict=Verdict.FAILED)
    return found


def _refusal(error: str, answer: Answer, now: datetime) -> Reply:
    """ok: false. What an operator can put right (a channel, a scope, a token) is tried again."""
    if error in GONE:
        verdict = Verdict.GONE
    elif error in _REFUSED:
        verdict = Verdict.REFUSED
    elif error in _OVERLOADED or error in LIMITED:
        verdict = Verdict.OVERLOADED
    else:
        verdict = Verdict.FAILED
    result = Result(
        verdict=verdict,
        cause=Cause.CHANNEL_ERROR,
        status=answer.status,
        retry_after_s=retry_after(answer.headers, now) if verdict is Verdict.OVERLOADED else None,
        detail=error or "an answer without a reason",
        may_have_arrived=error in _UNKNOWN,
    )
    return Reply(result=result, error=error)


def _read_beginning(answer: Answer, now: datetime) -> Reply:
    found = _OK.match(answer.body)
    if found is None:
        protocol = Result(
            verdict=Verdict.FAILED,
            cause=Cause.PROTOCOL,
            status=answer.status,
            detail="expected JSON of Slack",
            may_have_arrived=True,
        )
        return Reply(result=protocol)
    if found[1] == b"false":
        error = _ERROR.search(answer.body)
        return _refusal(error[1].decode() if error else "", answer, now)
    ts = _TS.search(answer.body[:500])
    return Reply(result=_delivered(answer.status), ts=ts[1].decode() if ts else None)


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
