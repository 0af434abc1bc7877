"""Alerts by e-mail: one plain-text mail a message; corrections stand in the thread of what they correct."""

import ipaddress
import re
from email.message import EmailMessage
from email.policy import SMTP

from agents.delivery import wording
from agents.delivery.channels import Answer, Conversation, Fault, Job, Mail, Result
from agents.delivery.once import of_unrepeatable
from schemas.alert import Alert
from schemas.delivery import Cause, Credentials, Delivery, Endpoint, Verdict

STEP = "smtp-step"
"""Header of an answer: at which step the server refused; see `streams.delivery.mail`."""
REFUSED = "smtp-refused"
"""Header of an answer: how many recipients it took the mail not for, "1 of 3"."""

PORT = 587
TLS = ("starttls", "tls", "none")
MAX_RECIPIENTS = 20
_REFERENCES = 20
_NO_ID = re.compile(r"[^A-Za-z0-9_.-]+")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}")
_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,15}\.?")
_STEPS = {
    "connect": "when we connected",
    "tls": "to our wish for TLS",
    "sign_in": "to the user name and password",
    "sender": "to the sender's address",
    "recipient": "to the recipients' addresses",
    "content": "to the mail itself",
}
_FINAL = frozenset(("recipient", "content"))


class MailChannel:
    """E-mail through a server of the operator's. Settings host, port, tls, sender, recipients (with commas between)."""

    name = "mail"
    per_second: float | None = 2.0
    burst = 10
    concurrency = 2

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        """What is wrong with the settings; nothing secret."""
        settings = endpoint.settings
        found = []
        host, tls = settings.get("host", ""), settings.get("tls", TLS[0])
        if not (_HOST.fullmatch(host) or _is_ip(host)):
            found.append(_fault("host", host, "the name or address of a mail server"))
        if port_of(endpoint) is None:
            found.append(_fault("port", settings.get("port", ""), "a number from 1 to 65535"))
        if tls not in TLS:
            found.append(_fault("tls", tls, "starttls, tls or none"))
        elif tls == "none" and not _is_loopback(host):
            found.append(_fault("tls", tls, "starttls or tls, as the server is not on this machine"))
        if not _ADDRESS.fullmatch(settings.get("sender", "")):
            found.append(_fault("sender", settings.get("sender", ""), "one mail address"))
        recipients = recipients_of(endpoint)
        if not 0 < len(recipients) <= MAX_RECIPIENTS or not all(map(_ADDRESS.fullmatch, recipients)):
            expected = f"1 to {MAX_RECIPIENTS} mail addresses with commas between"
            found.append(_fault("recipients", settings.get("recipients", ""), expected))
        if (credentials.username is None) != (credentials.password is None):
            found.append("credentials: expected both a user name and a password or neither, found one of them")
        return found

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        """Who gets it, and through which server."""
        shown = wording.one_line(", ".join(recipients_of(endpoint)), 200)
        return f"{shown} via {wording.one_line(endpoint.settings.get('host', ''), 200)}"

    def deliver(self, job: Job) -> Conversation:
        """One mail.

        A server that does not answer once it has the content may have sent it on: it is not tried again.
        """
        faults = self.faults(job.endpoint, job.credentials)
        if faults:
            return Result(verdict=Verdict.REFUSED, cause=Cause.INVALID_ADDRESS, detail=faults[0])
        sender, recipients = job.endpoint.settings["sender"], recipients_of(job.endpoint)
        said = yield Mail(
            sender=sender, recipients=recipients, content=content(job.delivery, job.alert, sender, recipients)
        )
        return of_unrepeatable(said) if isinstance(said, Fault) else _judged(said)


def port_of(endpoint: Endpoint) -> int | None:
    """The server's port; None if what is given is none."""
    text = endpoint.settings.get("port", str(PORT))
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return port if 0 < port < 2**16 else None


def recipients_of(endpoint: Endpoint) -> tuple[str, ...]:
    """The addresses, each once."""
    parts = (part.strip(" \t") for part in endpoint.settings.get("recipients", "").split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def content(delivery: Delivery, alert: Alert | None, sender: str, recipients: tuple[str, ...]) -> bytes:
    """The mail as it goes out, the same at every attempt: lines end in CR LF, all bytes are ASCII.

    The Message-ID is made from the message's id, and a correction refers to what it corrects, so that mail programs
    show both together and servers can drop a second copy.
    """
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = wording.title(delivery, alert).replace("=?", "= ?")  # an encoded word would be decoded
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = delivery.at
    mail["Message-ID"] = _id(delivery.message_id)
    if delivery.references:
        mail["In-Reply-To"] = _id(delivery.references[-1])
        mail["References"] = " ".join(map(_id, delivery.references[-_REFERENCES:]))
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(wording.plain(delivery, alert), cte="quoted-printable")
    return mail.as_bytes()


def _id(message_id: str) -> str:
    return f"<{_NO_ID.sub('-', message_id)[:60].strip('.') or 'none'}@tocsin>"


def _judged(answer: Answer) -> Result:
    """What the server's code means (RFC 5321, 4.2.1).

    4yz   later, as in greylisting: the receiver wants patience
    5yz   to a recipient or the content: the same again would fail again, and servers hold it against a sender
          to anything else: the set-up is wrong; tried on schedule, so that it arrives once somebody has mended it
    """
    code = answer.status
    step = answer.headers.get(STEP, "")
    if 200 <= code < 300:
        missed = answer.headers.get(REFUSED)
        detail = f"taken, but not for {wording.one_line(missed, 20)} recipients" if missed else "taken"
        return Result(verdict=Verdict.DELIVERED, cause=Cause.OK, detail=detail)
    if 400 <= code < 500:
        verdict = Verdict.OVERLOADED
    elif code >= 500 and step in _FINAL:
        verdict = Verdict.REFUSED
    else:
        verdict = Verdict.FAILED
    detail = f"the mail server answered {code} {_STEPS.get(step, '')}".rstrip()
    return Result(verdict=verdict, cause=Cause.CHANNEL_ERROR, detail=detail)


def _fault(field: str, found: str, expected: str) -> str:
    return f'settings.{field}: expected {expected}, found "{wording.one_line(found, 200)}"'


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)
