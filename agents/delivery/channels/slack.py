"""Slack: one root message a story, one reply an alert, corrections where the wrong words stand; or a plain webhook.

With a bot's token: a root per story and channel, kept current by edits, and in its thread a reply per alert. A
correction strikes the reply that is wrong through and is told as a new reply. The root may lag a little: what only
counts further is written with the first delivery that comes 5 seconds after the last edit, or later. If an edit fails,
the delivery is delivered all the same.

An attempt that may have arrived is looked for by its message id before it is posted again. While Slack does not let
us look, the first attempts wait; where the bot may not read the channel, or after that, it is sent again and says so.

With the address of an incoming webhook: one message a delivery, without thread, edits or buttons. Nothing can be looked
for: what may have arrived is sent again and says so.
"""

import re
from collections.abc import Generator
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

import msgspec

from agents.delivery.channels import Answer, Call, Conversation, Fault, Http, Job, Result
from agents.delivery.slack import api, messages, threads
from agents.delivery.slack.api import Api, Reply
from schemas.delivery import Cause, Credentials, Endpoint, Verdict
from schemas.event import Severity
from schemas.subscription import CorrectionStyle

_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,30}")
_TOKEN = re.compile(r"xoxb-[A-Za-z0-9-]{4,250}")
_HOOKS = frozenset(("hooks.slack.com", "hooks.slack-gov.com"))
_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))

_SKEW = timedelta(minutes=10)
"""How far Slack's clock may be behind ours."""

_LIMITS = (15, 4, 1)
"""Messages of a page. 15 is what Slack grants apps that are sold."""

_PAGES = 20
_WAITING = 3
"""Attempts that end because nobody can look; the next one sends."""

Step = Generator[Call, Answer | Fault, Reply]


class Slack:
    """The channel "slack". Slack takes about one message a second in a channel, a few at once."""

    name = "slack"
    per_second: float | None = 1.0
    burst = 3
    concurrency = 1

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        """What is wrong with an endpoint; nothing secret."""
        found = []
        address = endpoint.settings.get("api")
        if address is not None and not _is_api(address):
            found.append("settings.api: expected an https address, found something else")
        if (credentials.token is None) is (credentials.url is None):
            given = "neither" if credentials.token is None else "both"
            found.append(f"credentials: expected a bot's token or the url of an incoming webhook, found {given}")
        elif credentials.token is not None:
            if _TOKEN.fullmatch(credentials.token) is None:
                found.append("credentials.token: expected a bot's token (xoxb-...), found something else")
            channel = endpoint.settings.get("channel", "")
            if _CHANNEL.fullmatch(channel) is None:
                found.append(f'settings.channel: expected the id of a channel (C0123ABCD), found "{channel[:60]}"')
        elif not _is_hook(credentials.url or "", for_test=address is not None):
            found.append("credentials.url: expected https://hooks.slack.com/..., found something else")
        return found

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        """The channel; of a webhook its host only, because the rest is the secret."""
        if credentials.token is not None or credentials.url is None:
            return f"slack channel {endpoint.settings.get('channel', '?')[:60]}"
        parts = _split(credentials.url)
        return f"slack webhook {parts.hostname if parts is not None else '?'}/…"

    def deliver(self, job: Job) -> Conversation:
        """Carry out one attempt."""
        if faults := self.faults(job.endpoint, job.credentials):
            return Result(verdict=Verdict.FAILED, cause=Cause.CHANNEL_ERROR, detail=faults[0])
        if job.credentials.token is None:
            return (yield from _to_hook(job))
        thread = _Thread(job)
        if not job.delivery.has_alert:
            return (yield from thread.digest())
        return (yield from thread.message())


def _is_digest(job: Job) -> bool:
    return not job.delivery.has_alert


def _to_hook(job: Job) -> Conversation:
    if _is_digest(job):
        message = messages.digest(job.delivery, is_repeat=job.may_have_arrived)
    else:
        message = messages.reply(job.delivery, job.alert, has_buttons=False, is_repeat=job.may_have_arrived)
    answer = yield api.hook(job.credentials.url or "", message)
    return api.read_hook(answer, job.at)


class _Thread:
    """One attempt with a bot. `marks` are what has changed; every result carries them, of failed attempts too."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.delivery = job.delivery
        self.api = Api(
            address=job.endpoint.settings.get("api", api.API).rstrip("/"),
            token=job.credentials.token or "",
            channel=job.endpoint.settings["channel"],
        )
        self.marks: dict[str, str | None] = {}
        self.root = job.marks.get(threads.ROOT)
        self.standing = threads.replies(job.marks, self.delivery.lead.alert_id)
        self.state = threads.counted(threads.read(job.marks), self.delivery, job.alert, is_known=bool(self.standing))
        self.is_repeat = False

    # --- digests

    def digest(self) -> Conversation:
        """One message of its own."""
        if self.job.may_have_arrived:
            looked = yield from self._look(None, "digest")
            if looked.is_ok and looked.ts is not None:
                return looked.result
            if (waiting := self._waits(looked)) is not None:
                return waiting
        message = messages.digest(self.delivery, is_repeat=self.is_repeat)
        posted = yield from self._call(self.api.post(message, metadata=self._metadata("digest")))
        return posted.result

    # --- messages

    def message(self) -> Conversation:
        """The root if there is none yet, edits of what is wrong, the reply, the root again."""
        ts: str | None = None
        if self.job.may_have_arrived:
            looked = yield from self._look_up()
            if (waiting := self._waits(looked)) is not None:
                return waiting
            ts = looked.ts
        if self.root is None and ts is None:
            opened = yield from self._open()
            if not opened.is_ok:
                return self._ended(opened.result)
        failed = yield from self._strike(self.standing)
        result = Result(verdict=Verdict.DELIVERED, cause=Cause.OK, detail="found where it was sent before")
        if ts is None:
            posted = yield from self._reply()
            if not posted.is_ok:
                return self._ended(posted.result)
            ts, result = posted.ts, posted.result
        yield from self._strike(failed)
        self._keep(ts)
        yield from self._refresh()
        return self._ended(result)

    def _ended(self, result: Result) -> Result:
        return msgspec.structs.replace(result, marks=self.marks)

    def _call(self, call: Http) -> Step:
        answer = yield call
        return api.read(answer, self.job.at)

    def _metadata(self, part: str) -> dict[str, str]:
        return {"message_id": self.delivery.message_id, "part": part, "thread": self.delivery.thread}

    def _open(self) -> Step:
        """Post the root. The alert that opens it is counted in it already."""
        state = threads.shown(self.state, self.job.at)
        opened = yield from self._call(self.api.post(threads.root_message(state), metadata=self._metadata("root")))
        if not opened.is_ok:
            return opened
        if opened.ts is None:  # posted, but where? the replies would have no thread
            lost = Result(verdict=Verdict.OVERLOADED, cause=Cause.PROTOCOL, detail="no ts", may_have_arrived=True)
            return Reply(result=lost)
        self.root, self.state = opened.ts, state
        self.marks |= {threads.ROOT: opened.ts, threads.STATE: threads.write(state)}
        return opened

    def _reply(self) -> Step:
        """Post the reply; under a new root if somebody has removed the old one."""
        delivery = self.delivery
        message = messages.reply(delivery, self.job.alert, has_buttons=True, is_repeat=self.is_repeat)
        is_loud = delivery.lead.severity >= Severity.BULLETIN or messages.is_correction(delivery)
        for is_last in (False, True):
            call = self.api.post(message, metadata=self._metadata("message"), thread=self.root, is_broadcast=is_loud)
            posted = yield from self._call(call)
            if is_last or posted.error not in api.NO_SUCH_MESSAGE:
                break
            self.marks[threads.ROOT] = None
            opened = yield from self._open()
            if not opened.is_ok:
                return opened
        return posted

    def _strike(self, wrong: tuple[str, ...]) -> Generator[Call, Answer | Fault, tuple[str, ...]]:
        """Edit the replies that a correction shows to be wrong; those that a second attempt may still reach."""
        delivery = self.delivery
        if not messages.is_correction(delivery) or delivery.correction is not CorrectionStyle.EDIT_AND_REPLY:
            return ()
        message = messages.struck_reply(delivery, self.job.alert)
        for n, ts in enumerate(wrong):
            edited = yield from self._call(self.api.update(ts, message))
            if edited.error in api.LIMITED:
                return wrong[n:]
            if not edited.is_ok and not edited.error:
                break  # Slack is not well, and the reply is more urgent
        return ()

    def _keep(self, ts: str | None) -> None:
        delivery = self.delivery
        self.marks[threads.STATE] = threads.write(self.state)
        if threads.WAITED in self.job.marks:
            self.marks[threads.WAITED] = None
        if ts is not None:
            is_struck = messages.is_correction(delivery) and delivery.correction is CorrectionStyle.EDIT_AND_REPLY
            value = threads.with_reply(self.standing, ts, is_replacing=is_struck)
            self.marks[threads.alert_mark(delivery.lead.alert_id)] = value

    def _refresh(self) -> Generator[Call, Answer | Fault, None]:
        """Bring the root up to date, if that is due. A failure costs nothing: the next delivery tries again."""
        if self.root is None or not threads.is_due(self.state, self.delivery, self.job.at):
            return
        state = threads.shown(self.state, self.job.at)
        edited = yield from self._call(self.api.update(self.root, threads.root_message(state)))
        if edited.is_ok:
            self.marks[threads.STATE] = threads.write(state)
        elif edited.error in api.NO_SUCH_MESSAGE:
            self.marks[threads.ROOT] = None  # the next delivery opens another

    # --- looking for what may have arrived

    def _look_up(self) -> Step:
        """Our message in the thread; the root in the channel, if we do not know it."""
        if self.root is None:
            found = yield from self._look(None, "root")
            if not found.is_ok or found.ts is None:
                return msgspec.structs.replace(found, ts=None)
            self.root = found.ts
            self.marks |= {threads.ROOT: found.ts, threads.STATE: threads.write(self.state)}
        return (yield from self._look(self.root, "message"))

    def _look(self, root: str | None, part: str) -> Step:
        """Page through what was posted since; `ts` of the answer is the message's, None if it is not there.

        Of a long answer only the beginning is read: then the pages get shorter.
        """
        oldest, cursor = self._since(root), ""
        limits = list(_LIMITS)
        for _ in range(_PAGES):
            page = yield from self._call(self.api.look(root, oldest=oldest, cursor=cursor, limit=limits[0]))
            if not page.is_ok:
                return page
            if page.messages is None:
                if len(limits) == 1:
                    break
                del limits[0]
                continue
            ts = next((one.get("ts") for one in page.messages if self._is_ours(one, part)), None)
            if isinstance(ts, str) or not page.cursor:
                return msgspec.structs.replace(page, ts=ts)
            cursor = page.cursor
        lost = Result(verdict=Verdict.OVERLOADED, cause=Cause.PROTOCOL, detail="too much was posted to look through")
        return Reply(result=lost)

    def _since(self, root: str | None) -> str:
        """Nothing that is looked for is older: in a thread it came after every reply that is known.

        Unless an operator has it delivered once more, out of its turn.
        """
        is_in_turn = root is not None and self.delivery.round == 1
        known = threads.known_replies(self.job.marks) if is_in_turn else ()
        return max(known, key=float, default=f"{(self.delivery.at - _SKEW).timestamp():.6f}")

    def _is_ours(self, message: object, part: str) -> bool:
        metadata = message.get("metadata") if isinstance(message, dict) else None
        payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
        if not isinstance(payload, dict) or payload.get("part") != part:
            return False
        name, wanted = ("thread", self.delivery.thread) if part == "root" else ("message_id", self.delivery.message_id)
        return bool(payload.get(name) == wanted)

    def _waits(self, looked: Reply) -> Result | None:
        """The end of the attempt, if nobody could look and that was not so often enough yet."""
        if looked.is_ok:
            return None
        verdict = looked.result.verdict
        if verdict is Verdict.GONE:
            return self._ended(looked.result)
        is_passing = verdict is Verdict.OVERLOADED or not looked.error
        waited = threads.waited(self.job.marks, self.delivery) + 1
        if is_passing and waited <= _WAITING:
            self.marks[threads.WAITED] = f"{self.delivery.message_id} {waited}"
            return self._ended(
                msgspec.structs.replace(looked.result, verdict=Verdict.OVERLOADED, may_have_arrived=True)
            )
        self.is_repeat = True
        return None


def _split(url: str) -> SplitResult | None:
    if not url.isascii() or not url.isprintable() or any(char in url for char in ' \\"<>'):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # a port or an address in brackets that is none
        return None
    return parts if parts.hostname and "@" not in parts.netloc else None


def _is_api(address: str) -> bool:
    parts = _split(address)
    if parts is None or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _is_hook(url: str, *, for_test: bool) -> bool:
    """For a test, any https host or this machine."""
    parts = _split(url)
    if parts is None:
        return False
    if for_test:
        return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return parts.scheme == "https" and parts.hostname in _HOOKS and parts.port in (None, 443)
