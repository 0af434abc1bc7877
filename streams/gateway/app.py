"""The HTTP application: `POST /slack/actions`.

Slack waits three seconds. What takes longer goes on after the answer, and its words go where Slack takes them later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, post
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import ClientException, NotAuthorizedException, ServiceUnavailableException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from agents.delivery.channels import Answer, Fault, Http
from agents.delivery.slack.actions import Click, is_signed, read_click, silence_of
from agents.delivery.slack.blocks import dated
from agents.delivery.slack.buttons import NOT_USEFUL, WHY
from agents.delivery.slack.mrkdwn import fit
from agents.delivery.wording import one_line
from schemas.errors import InputError, TocsinError
from schemas.validation import validate
from streams.delivery.http import HttpClients
from streams.routing import stored
from streams.routing.why import answers
from streams.settings import Secret, Settings

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
"""Largest request that is read, bytes."""

PATIENCE_S = 2.0
"""How long an answer is waited for before Slack gets its own."""

WORK_S = 30.0
_TOLD = 3  # messages of an alert that an answer to Why? tells of
_TEXT = 2800

Send = Callable[[Http], Awaitable[Answer | Fault]]
Now = Callable[[], datetime]


def create_gateway(
    settings: Settings, *, slack_secret: Secret, send: Send | None = None, now: Now | None = None
) -> Litestar:
    """The application; it opens the log for each click, so that a worker may come and go beside it.

    slack_secret  that Slack signs its requests with
    send          carries answers to Slack; over the product's own way out by default
    """
    clients = HttpClients(allow=settings.delivery.allow, ports=settings.delivery.ports)

    async def send_guarded(call: Http) -> Answer | Fault:
        return await clients.send("slack", call)

    desk = _Desk(settings, send or send_guarded)
    clock_of = now or _now

    @post("/slack/actions", status_code=200, summary="A click on a button of a message in Slack")
    async def slack_actions(request: Request[Any, Any, Any]) -> Response[None]:
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not is_signed(slack_secret.reveal(), headers, body, clock_of()):
            raise NotAuthorizedException(detail="expected a request that Slack signed within five minutes")
        click = read_click(body, clock_of())
        if click is None:
            raise ClientException(detail="payload: expected a click on a button of ours")
        return await desk.take(click)

    return Litestar(
        [slack_actions],
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="tocsin gateway", version="1", path="/schema", render_plugins=[JsonRenderPlugin()]
        ),
        logging_config=None,
        on_shutdown=[clients.close],
    )


def _now() -> datetime:
    return datetime.now(UTC)


class _Desk:
    """Does what clicks ask for, one at a time: a directory has room for one writer without a worker."""

    def __init__(self, settings: Settings, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._turn = asyncio.Lock()

    async def take(self, click: Click) -> Response[None]:
        """Answer in time. Raises ServiceUnavailableException where the log cannot be written."""
        work = asyncio.create_task(self._do(click), name=f"click {click.action}")
        try:
            await asyncio.wait((work,), timeout=PATIENCE_S)
            if work.done():
                work.result()
        except (TocsinError, TimeoutError) as error:
            log.warning("ClickFailed action=%s error=%s", click.action, error)
            raise ServiceUnavailableException(detail="the log cannot be used; try again") from None
        except asyncio.CancelledError:
            work.cancel()
            raise
        return Response(None, status_code=200, background=BackgroundTask(self._tell, work, click))

    async def _do(self, click: Click) -> str:
        """The words for who clicked."""
        async with asyncio.timeout(WORK_S), self._turn:
            if click.action == WHY:
                return await self._why(click)
            if click.action == NOT_USEFUL:
                log.info(
                    "AlertRated alert=%s message=%s subscription=%s rating=not_useful by=%s",
                    *map(one_line, (click.alert_id, click.message_id, click.subscription, click.by)),
                )
                return "Thank you: noted that this was not useful."
            return await self._mute(click)

    async def _mute(self, click: Click) -> str:
        made = silence_of(click)
        if made is None or validate(made):
            return "This button does nothing any more."
        async with stored.opened(self._settings, writes=True) as event_log:
            await stored.put(event_log, made)
        log.info("SilencePut id=%s until=%s by=%s", made.id, made.ends_at.isoformat(), click.by)
        what = f"“{fit(click.speaker, 100)}”" if made.matchers[0].label == "speaker" and click.speaker else "This story"
        return (
            f"{what} is muted here until {dated(made.ends_at)}. Corrections of what was told still come. "
            f"To end it: tocsin silences end {made.id}"
        )

    async def _why(self, click: Click) -> str:
        async with stored.opened(self._settings) as event_log:
            known = await stored.asked(event_log)
            subscription = known.subscriptions.get(click.subscription)
            if subscription is None:
                return "The subscription that asked for this is not there any more."
            try:
                found = await answers(event_log, self._settings, known, click.alert_id, [subscription])
            except InputError:
                return "This alert is not stored any more."
        return "\n".join(_lines(f"{subscription.owner}/{subscription.name}", found))[:_TEXT]

    async def _tell(self, work: "asyncio.Task[str]", click: Click) -> None:
        """Send the words, when they are there."""
        try:
            text = await work
        except (TocsinError, TimeoutError) as error:
            log.warning("ClickFailed action=%s error=%s", click.action, error)
            text = "That did not work: the log cannot be used. Please try again."
        if click.response_url is None:
            return
        told = {"response_type": "ephemeral", "replace_original": False, "mrkdwn": False, "text": text}
        answer = await self._send(
            Http(
                method="POST",
                url=click.response_url,
                headers={"content-type": "application/json; charset=utf-8"},
                body=msgspec.json.encode(told),
            )
        )
        if isinstance(answer, Fault) or answer.status != 200:
            why = answer.cause.value if isinstance(answer, Fault) else str(answer.status)
            log.warning("ClickAnswerFailed action=%s cause=%s", click.action, why)


def _lines(name: str, found: Iterable[Any]) -> list[str]:
    """Why each message was told: reason, what matched, rules, the state before and after."""
    told = list(found)
    lines = [f"Why {fit(name, 200)} was told:"]
    for one in told[-_TOLD:]:
        end = "on its way" if one.reason is None else one.reason.value.replace("_", " ")
        detail = f" ({fit(one.detail, 200)})" if one.detail else ""
        lines.append(f"• message {one.version}, {end}{detail}: {fit(one.headline, 200)}")
        if one.hits:
            hits = (f"{fit(hit.condition, 40)} “{fit(hit.value, 80)}”" for hit in one.hits[:6])
            lines.append(f"   matched {', '.join(hits)}")
        if one.rules:
            rules = (f"{fit(rule.rule, 60)} v{rule.version}" for rule in one.rules[:6])
            lines.append(f"   rules {', '.join(rules)}")
        if one.before or one.after:
            lines.append(f"   state {fit(one.before or '-', 150)} → {fit(one.after or '-', 150)}")
    return lines
