"""Slack as far as tocsin uses it, with Slack's limits: the rules on values, and a server on this machine around them.

`Slack.answer` takes the channel's calls without a socket; `serve` puts the same rules behind HTTP.
"""

import asyncio
import json
import math
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from slack_sdk.models.blocks import Block

from agents.delivery.channels import Answer, Fault, Http
from schemas.delivery import Cause

TOKEN = "xoxb-test-token"
CHANNEL = "C0123ABCD"
HOOK = "/services/T1/B1/secret"
READ = 20_000
"""Bytes of an answer that the product reads."""

_LINK = re.compile(r"<https?://[^<>|\s]+\|[^<>|]+>")
_BARE = re.compile(r"&(?!amp;|lt;|gt;)")

Parts = tuple[int, dict[str, str], bytes]


@dataclass
class Posted:
    """A message that stands in a channel."""

    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None = None
    metadata: dict[str, Any] | None = None
    is_broadcast: bool = False
    edits: int = 0

    @property
    def words(self) -> str:
        """Every text of the blocks, one a line."""
        return "\n".join(one["text"] for one in texts(self.blocks))

    @property
    def is_root(self) -> bool:
        """Whether it stands in the channel itself."""
        return self.thread_ts is None


@dataclass
class Bucket:
    """So many at once, so many a second."""

    per_second: float
    burst: int
    level: float = -1.0
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next one may go; 0 takes it."""
        self.level = float(self.burst) if self.level < 0 else self.level
        self.level = min(self.burst, self.level + (now - self.at) * self.per_second)
        self.at = now
        if self.level < 1 - 1e-9:
            return (1 - self.level) / self.per_second
        self.level -= 1
        return 0.0


@dataclass
class Slack:
    """The rules. `clock` gives seconds since 1970.

    failures   what the next calls of a method meet: "timeout" (nothing stored), "timeout_after" (stored), "500",
               "500_after", "ratelimited" (429), or one of Slack's words for an error
    defects    what a real Slack would show wrongly: foreign words that are not escaped
    """

    clock: Callable[[], float] = time.time
    channels: dict[str, list[Posted]] = field(default_factory=lambda: {CHANNEL: []})
    burst: int = 3
    failures: dict[str, deque[str]] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _windows: dict[str, deque[float]] = field(default_factory=dict)
    _count: int = 0

    def fail(self, method: str, *how: str) -> None:
        """Let the next calls of a method fail; "" lets one through."""
        self.failures.setdefault(method, deque()).extend(how)

    def messages(self, channel: str = CHANNEL) -> list[Posted]:
        """What stands there now, oldest first."""
        return list(self.channels[channel])

    def roots(self, channel: str = CHANNEL) -> list[Posted]:
        """Messages in the channel itself."""
        return [one for one in self.channels[channel] if one.is_root]

    def thread(self, root: str, channel: str = CHANNEL) -> list[Posted]:
        """Replies under a root."""
        return [one for one in self.channels[channel] if one.thread_ts == root]

    def answer(self, call: Http) -> Answer | Fault:
        """What the product is told; of a long answer only the beginning."""
        parts = self.handle(call.method, call.url, call.headers, call.body)
        if parts is None:
            return Fault(cause=Cause.TIMEOUT, detail="no answer in 20 s", may_have_arrived=True)
        return Answer(status=parts[0], headers=parts[1], body=parts[2][:READ])

    def handle(self, verb: str, url: str, headers: Any, body: bytes) -> Parts | None:
        """One request; None for one that is never answered."""
        path = urlsplit(url).path
        method = path.rsplit("/", 1)[-1] if path.startswith("/api/") else "hook"
        self.calls.append(method)
        plan = self.failures.get(method)
        how = plan.popleft() if plan else ""
        if how in ("", "timeout_after", "500_after"):
            parts = self._hook(path, body) if method == "hook" else self._api(verb, method, url, headers, body)
        else:
            parts = (200, {}, json.dumps({"ok": False, "error": how}).encode())
        if how == "ratelimited":
            parts = self._limited(7.0)
        elif how in ("500", "500_after"):
            parts = (500, {}, b"oops")
        self.statuses.append(parts[0])
        return None if how in ("timeout", "timeout_after") else parts

    # --- the Web API

    def _api(self, verb: str, method: str, url: str, headers: Any, body: bytes) -> Parts:
        given = {name.lower(): value for name, value in headers.items()}
        if given.get("authorization") != f"Bearer {TOKEN}":
            return _error("invalid_auth")
        if verb == "POST":
            if not given.get("content-type", "").startswith("application/json"):
                return _error("invalid_post_type")
            fields = json.loads(body)
        else:
            fields = dict(parse_qsl(urlsplit(url).query))
        channel = self.channels.get(fields.get("channel", ""))
        if channel is None:
            return _error("channel_not_found")
        match method:
            case "chat.postMessage":
                return self._post(fields, channel)
            case "chat.update":
                return self._update(fields, channel)
            case "conversations.replies":
                return self._replies(fields, channel)
            case "conversations.history":
                return self._history(fields, channel)
        return _error("unknown_method")

    def _post(self, fields: dict[str, Any], channel: list[Posted]) -> Parts:
        wait = self._buckets.setdefault(fields["channel"], Bucket(1.0, self.burst)).wait(self.clock())
        if wait:
            return self._limited(wait)
        if error := self._fault(fields):
            return _error(error)
        thread = fields.get("thread_ts")
        if thread is not None and not any(one.ts == thread and one.is_root for one in channel):
            return _error("thread_not_found")
        metadata = fields.get("metadata")
        if metadata is not None and set(metadata) != {"event_type", "event_payload"}:
            return _error("invalid_metadata_format")
        posted = self._store(fields, channel, thread_ts=thread, metadata=metadata)
        posted.is_broadcast = bool(fields.get("reply_broadcast"))
        return _ok(channel=fields["channel"], ts=posted.ts, message=_shown(posted))

    def _update(self, fields: dict[str, Any], channel: list[Posted]) -> Parts:
        if wait := self._tier("chat.update"):
            return self._limited(wait)
        if error := self._fault(fields):
            return _error(error)
        for one in channel:
            if one.ts == fields.get("ts"):
                one.text, one.blocks, one.edits = fields["text"], fields["blocks"], one.edits + 1
                return _ok(channel=fields["channel"], ts=one.ts, text=one.text, message=_shown(one))
        return _error("message_not_found")

    def _replies(self, fields: dict[str, Any], channel: list[Posted]) -> Parts:
        if wait := self._tier("conversations.replies"):
            return self._limited(wait)
        root = fields.get("ts", "")
        parent = [one for one in channel if one.ts == root]
        if not parent:
            return _error("thread_not_found")
        oldest = float(fields.get("oldest", 0))
        found = [one for one in channel if one.thread_ts == root and float(one.ts) > oldest]
        return self._page(parent + found, fields)

    def _history(self, fields: dict[str, Any], channel: list[Posted]) -> Parts:
        if wait := self._tier("conversations.history"):
            return self._limited(wait)
        oldest = float(fields.get("oldest", 0))
        found = [one for one in channel if (one.is_root or one.is_broadcast) and float(one.ts) > oldest]
        return self._page(found[::-1], fields)

    def _page(self, found: list[Posted], fields: dict[str, Any]) -> Parts:
        start, limit = int(fields.get("cursor") or 0), int(fields.get("limit", 100))
        page = [_shown(one, with_metadata=fields.get("include_all_metadata") == "true") for one in found]
        more = start + limit < len(page)
        after = {"next_cursor": str(start + limit)} if more else {}
        return _ok(messages=page[start : start + limit], has_more=more, response_metadata=after)

    # --- incoming webhooks

    def _hook(self, path: str, body: bytes) -> Parts:
        if path != HOOK:
            return 404, {}, b"no_service"
        wait = self._buckets.setdefault(HOOK, Bucket(1.0, self.burst)).wait(self.clock())
        if wait:
            return self._limited(wait)
        fields = json.loads(body)
        if self._fault(fields):
            return 400, {}, b"invalid_payload"
        self._store(fields, self.channels[CHANNEL])
        return 200, {}, b"ok"

    # --- what both have

    def _store(self, fields: dict[str, Any], channel: list[Posted], **more: Any) -> Posted:
        self._count += 1
        posted = Posted(
            ts=f"{int(self.clock())}.{self._count:06d}", text=fields["text"], blocks=fields["blocks"], **more
        )
        channel.append(posted)
        return posted

    def _tier(self, method: str) -> float:
        """50 calls a minute."""
        window = self._windows.setdefault(method, deque())
        now = self.clock()
        while window and window[0] <= now - 60:
            window.popleft()
        if len(window) >= 50:
            return window[0] + 60 - now
        window.append(now)
        return 0.0

    def _limited(self, wait: float) -> Parts:
        raw = json.dumps({"ok": False, "error": "ratelimited"}).encode()
        return 429, {"retry-after": str(math.ceil(wait))}, raw

    def _fault(self, fields: dict[str, Any]) -> str:
        """Slack's word for what is wrong with a message, or nothing."""
        text, blocks = fields.get("text"), fields.get("blocks")
        if not text:
            return "no_text"
        if len(text) > 40_000:
            return "msg_too_long"
        if fault := fault_of(blocks):
            self.defects.append(fault)
            return "invalid_blocks"
        self.defects += unescaped([{"type": "plain_text", "text": text}, *texts(blocks)])
        if fields.get("unfurl_links") is not False or fields.get("unfurl_media") is not False:
            self.defects.append("unfurls")
        if fields.get("mrkdwn") is not False:
            self.defects.append("the plain words are read as mrkdwn")
        return ""


def texts(value: Any) -> Iterator[dict[str, Any]]:
    """Every text object in blocks."""
    if isinstance(value, dict):
        if value.get("type") in ("plain_text", "mrkdwn"):
            yield value
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def fault_of(blocks: Any) -> str:
    """What is wrong with blocks by Slack's limits and by its own models; empty if nothing is."""
    if not isinstance(blocks, list) or not 1 <= len(blocks) <= 50:
        return "expected 1 to 50 blocks"
    for one in blocks:
        try:
            parsed = Block.parse(one)
            if parsed is None or parsed.to_dict().keys() != one.keys():
                return f"unknown block {one.get('type')}"
            parsed.validate_json()
        except Exception as error:
            return f"{one.get('type')}: {error}"
        for element in one.get("elements", ()):
            if not element.get("text"):
                return f"{one['type']}: empty element"
    found = list(texts(blocks))
    if any(not one["text"] or len(one["text"].encode("utf-16-le")) // 2 > 3000 for one in found):
        return "expected texts of 1 to 3,000 characters"
    if sum(len(one["text"].encode("utf-16-le")) // 2 for one in found) > 10_000:
        return "expected at most 10,000 characters in all blocks"
    return ""


def unescaped(found: list[dict[str, Any]]) -> list[str]:
    """Control sequences and bare ampersands that nobody of us has written."""
    defects = []
    for one in found:
        text = _LINK.sub("", one["text"]) if one["type"] == "mrkdwn" else one["text"]
        if "<" in text or ">" in text or _BARE.search(text):
            defects.append(f"not escaped: {text[:80]!r}")
        if re.search(r"@(channel|here|everyone)", text, re.IGNORECASE):
            defects.append(f"calls a group: {text[:80]!r}")
        if one["type"] == "mrkdwn" and one.get("verbatim") is not True:
            defects.append("names are looked up")
        if one["type"] == "plain_text" and one.get("emoji"):
            defects.append("codes become pictures")
    return defects


def _shown(posted: Posted, *, with_metadata: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "message", "ts": posted.ts, "text": posted.text, "blocks": posted.blocks}
    if posted.thread_ts is not None:
        found["thread_ts"] = posted.thread_ts
    if with_metadata and posted.metadata is not None:
        found["metadata"] = posted.metadata
    return found


def _ok(**fields: Any) -> Parts:
    return 200, {}, json.dumps({"ok": True} | fields).encode()


def _error(word: str) -> Parts:
    return 200, {}, json.dumps({"ok": False, "error": word}).encode()


@dataclass
class Server:
    """Where the double listens."""

    rules: Slack
    port: int

    @property
    def api(self) -> str:
        """What `settings.api` of an endpoint is."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def hook(self) -> str:
        """Address of the incoming webhook."""
        return f"http://127.0.0.1:{self.port}{HOOK}"

    def messages(self, channel: str = CHANNEL) -> list[Posted]:
        """What stands there now, oldest first."""
        return self.rules.messages(channel)


@asynccontextmanager
async def serve(rules: Slack | None = None) -> AsyncIterator[Server]:
    """The double on a free port of this machine."""
    found = rules or Slack()
    tasks: set[asyncio.Task[None]] = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while await _exchange(found, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield Server(found, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 5)


async def _exchange(rules: Slack, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    verb, target, _ = head.split("\r\n", 1)[0].split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = rules.handle(verb, target, headers, body)
    if parts is None:
        await asyncio.Event().wait()  # until the caller loses patience
        return False
    status, more, raw = parts
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-length: {len(raw)}",
        *(f"{name}: {value}" for name, value in more.items()),
    ]
    writer.write("\r\n".join((*lines, "", "")).encode() + raw)
    await writer.drain()
    return True
