"""Notices through Apprise, which knows some hundred services.

Apprise opens its own connections, so the address guard cannot see where they go. Hence two kinds of address are
taken: of services that Apprise itself knows the host of (`SERVICES`), and those whose host the operator has named in
`allow` as one that may be reached. All else is refused: `json://`, `form://`, `mailto://` and their like take any
host, and some services read local files or talk to the desktop. Redirects are not followed.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from typing import Any

from agents.delivery.channels import Answer, Fault, Notice
from schemas.delivery import Cause, Credentials, Endpoint

SERVICES = frozenset(
    "brevo bulksms clickatell clicksend d7sms dingtalk discord feishu flock gchat guilded ifttt join lark line "
    "mailersend msgbird nexmo onesignal opsgenie pagerduty pbul plivo postmark pover prowl push pushed pushy resend "
    "revolt ryver sendgrid signl4 simplepush sinch slack spush squadcast tgram threema twilio twist voipms vonage "
    "webex wecombot whatsapp wxteams".split()
)
"""Schemes of services whose host is Apprise's, not the address's."""

_HOSTS = ("host", "smtp_host")
_THREADS = 4
_CONNECT_S, _READ_S = 4.0, 10.0
_SPARE_S = 2.0  # for Apprise to give up before we do


def _is_silent(record: logging.LogRecord) -> bool:
    return False


logging.getLogger("apprise").addFilter(_is_silent)  # it logs addresses, which are secrets


class AppriseNotifier:
    """Sends through Apprise, in threads of its own.

    allow      host names and networks that an address may name; a name is not looked up
    timeout_s  for one notice
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        timeout_s: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allow = frozenset(one.lower().rstrip(".") for one in allow)
        self._timeout_s = timeout_s
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="apprise")

    async def send(self, endpoint: Endpoint, credentials: Credentials, call: Notice) -> Answer | Fault:
        """Send one notice. Raises nothing but CancelledError."""
        url = credentials.url or ""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._notify, url, call)
        except TimeoutError:
            return Fault(cause=Cause.TIMEOUT, detail="the service did not answer in time", may_have_arrived=True)
        except (OSError, ValueError, TypeError, LookupError, AttributeError):  # of a plugin of one of the services
            return Fault(cause=Cause.CHANNEL_ERROR, detail="Apprise failed")

    async def close_idle(self, older_than_s: float) -> None:
        """Nothing: Apprise keeps no connections."""

    async def close(self) -> None:
        """Take no more."""
        self._threads.shutdown(wait=False)

    def _notify(self, url: str, call: Notice) -> Answer | Fault:
        try:
            import apprise
        except ImportError:
            return Fault(cause=Cause.CHANNEL_ERROR, detail='Apprise is missing: pip install "tocsin[apprise]"')
        asset = apprise.AppriseAsset(http_redirects=False, async_mode=False, interpret_escapes=False)
        plugin = apprise.Apprise.instantiate(url, asset=asset)
        if plugin is None:
            return Fault(cause=Cause.INVALID_ADDRESS, detail="not an address that Apprise knows")
        if not self._is_allowed(url.partition("://")[0].lower(), plugin):
            detail = "the address names a host; name it in `allow` if it may be reached"
            return Fault(cause=Cause.BLOCKED_ADDRESS, detail=detail)
        if len(plugin) != 1:
            return Fault(cause=Cause.INVALID_ADDRESS, detail="expected an address with one target and no retries")
        plugin.socket_connect_timeout, plugin.socket_read_timeout = _CONNECT_S, _READ_S
        if plugin.overflow_mode == apprise.OverflowMode.UPSTREAM:
            plugin.overflow_mode = apprise.OverflowMode.TRUNCATE  # one message, which the service takes
        service = apprise.Apprise(asset=asset)
        service.add(plugin)
        began = self._clock()
        done = service.notify(
            title=call.title,
            body=call.body,
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
            timeout=max(1.0, self._timeout_s - _SPARE_S),
        )
        if done:
            return Answer(status=200)
        # Apprise tells no more than yes or no; after a time-out it may have arrived.
        if self._clock() - began >= _READ_S:
            return Fault(cause=Cause.TIMEOUT, detail="the service did not answer in time", may_have_arrived=True)
        return Fault(cause=Cause.CHANNEL_ERROR, detail="the service did not take it")

    def _is_allowed(self, scheme: str, plugin: Any) -> bool:
        if scheme in SERVICES:
            return True
        hosts = {str(getattr(plugin, name)).lower().rstrip(".") for name in _HOSTS if getattr(plugin, name, None)}
        return bool(hosts) and all(map(self._is_host_allowed, hosts))

    def _is_host_allowed(self, host: str) -> bool:
        if host in self._allow:
            return True
        try:
            address = ip_address(host.strip("[]"))
            return any(address in ip_network(one) for one in self._allow if one[-1:].isdigit())
        except ValueError:
            return False
