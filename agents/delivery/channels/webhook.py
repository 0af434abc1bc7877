"""Webhooks: signed CloudEvents over HTTPS. The receiver de-duplicates on the header webhook-id."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from agents.delivery import answers, cloudevents, signing
from agents.delivery.channels import Conversation, Fault, Http, Job, Result
from schemas.delivery import Cause, Credentials, Endpoint, Verdict

INSECURE = "insecure_http"
HEADER = "header."

_MAX_URL = 2_048
_MAX_HEADERS = 20
_MAX_VALUE = 2_000
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    "upgrade expect host user-agent accept-encoding".split()
)
"""Names of one connection (RFC 9110), and what is set already."""

_OURS_FROM = ("content-", "webhook-")


class Webhook:
    """Settings: `header.<Name>` for further headers, `insecure_http = "yes"` to send without TLS."""

    name = "webhook"
    per_second: float | None = None
    burst = 1
    concurrency = 4

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        """What is wrong with the address, the keys and the settings; values may be secrets and are not shown."""
        found = _url_faults(credentials.url, is_insecure=endpoint.settings.get(INSECURE) == "yes")
        if not credentials.keys:
            found.append("keys: expected at least one signing secret, found none")
        for n, key in enumerate(credentials.keys):
            fault = signing.fault(key.secret)
            if fault is not None:
                found.append(f"keys[{n}].secret: {fault}")
        return found + _settings_faults(endpoint.settings)

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        """Scheme and host; the path is often a secret."""
        parts = _parts(credentials.url or "")
        if parts is None or not parts.hostname:
            return ""
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}/…"

    def deliver(self, job: Job) -> Conversation:
        """One signed request."""
        keys, url = job.credentials.keys, job.credentials.url
        if not url:
            return Result(verdict=Verdict.REFUSED, cause=Cause.INVALID_ADDRESS, detail="the endpoint has no address")
        if job.alert is not None:
            body = cloudevents.of_alert(job.alert, job.delivery)
        elif not job.delivery.has_alert:
            body = cloudevents.of_digest(job.delivery)
        else:
            return Result(verdict=Verdict.FAILED, cause=Cause.MISSING_ALERT, detail="the alert was not found")
        signature = signing.sign(keys, message_id=job.delivery.message_id, at=job.at, body=body)
        if not signature:  # an operator can put a key there
            detail = "no signing secret is valid now"
            return Result(verdict=Verdict.FAILED, cause=Cause.UNREADABLE_CREDENTIALS, detail=detail)
        headers = {
            "content-type": cloudevents.CONTENT_TYPE,
            "user-agent": "tocsin",
            "webhook-id": job.delivery.message_id,
            "webhook-timestamp": str(signing.timestamp(job.at)),
            "webhook-signature": signature,
        }
        for name, value in job.endpoint.settings.items():
            if name.startswith(HEADER):
                headers[name.removeprefix(HEADER)] = value
        answer = yield Http(method="POST", url=url, headers=headers, body=body)
        return answers.of_fault(answer) if isinstance(answer, Fault) else answers.classify(answer, now=job.at)


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def _url_faults(url: str | None, *, is_insecure: bool) -> list[str]:
    if not url:
        return ["url: expected https://..., found none"]
    if len(url) > _MAX_URL:
        return [f"url: expected at most {_MAX_URL} characters, found {len(url)}"]
    if _NOT_IN_URL.search(url):
        return ["url: expected no spaces, control characters or backslashes, found one"]
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return ["url: expected https:// and a host, found none"]
    found = []
    if parts.scheme not in ("http", "https"):
        found.append("url: expected https://..., found another scheme")
    elif parts.scheme == "http" and not is_insecure and not _is_loopback(parts.hostname):
        found.append(f'url: expected https://... (or {INSECURE} = "yes"), found http')
    if "@" in parts.netloc:
        found.append("url: expected no user name or password, found one")
    if "#" in url:
        found.append("url: expected no fragment, found one")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _settings_faults(settings: dict[str, str]) -> list[str]:
    found = []
    names: set[str] = set()
    for key, value in settings.items():
        if key == INSECURE:
            if value not in ("yes", "no"):
                found.append(f"settings.{INSECURE}: expected yes or no, found another word")
            continue
        if not key.startswith(HEADER):
            found.append(f"settings.{key[:80]!r}: expected {INSECURE} or {HEADER}<Name>, found an unknown setting")
            continue
        name = key.removeprefix(HEADER)
        folded = name.lower()
        if not _NAME.fullmatch(name):
            found.append(f"settings.{key[:80]!r}: expected the name of a header, found other characters")
        elif folded in _OURS or folded.startswith(_OURS_FROM):
            found.append(f"settings.{key}: expected a header of your own, found one that is set by tocsin")
        elif folded in names:
            found.append(f"settings.{key}: expected each header once, found it twice")
        if len(value) > _MAX_VALUE or not _VALUE.fullmatch(value):
            found.append(f"settings.{key[:80]!r}: expected at most {_MAX_VALUE} printable ASCII characters")
        names.add(folded)
    if len(names) > _MAX_HEADERS:
        found.append(f"settings: expected at most {_MAX_HEADERS} headers, found {len(names)}")
    return found
