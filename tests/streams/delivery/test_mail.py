"""Mails to a real server."""

import ssl
from collections.abc import Sequence
from typing import Any

import pytest
import trustme

from agents.delivery.channels import Answer, Fault, Mail, Result
from agents.delivery.channels.mail import MailChannel
from schemas.alert import Alert, MessageType
from schemas.delivery import Cause, Credentials, Endpoint, Verdict
from streams.delivery.mail import Mailer
from tests.agents.delivery.jobs import a_delivery, a_job, an_endpoint
from tests.agents.routing.builders import later, said
from tests.streams.delivery.mail_server import Inbox, rude, running

CALL = Mail(
    sender="tocsin@desk.example",
    recipients=("desk@desk.example", "night@desk.example"),
    content=b"Subject: x\r\n\r\n.dot\r\n",
)
LOOPBACK = ("127.0.0.0/8",)


async def here(host: str, port: int) -> Sequence[str]:
    """Every name is this machine."""
    return ("127.0.0.1",)


def an_inbox_endpoint(inbox: Inbox, **settings: str) -> Endpoint:
    """The test's server, in the clear."""
    return an_endpoint("mail", **({"host": "127.0.0.1", "port": str(inbox.port), "tls": "none"} | settings))


async def sent(inbox: Inbox, *, credentials: Credentials | None = None, **settings: str) -> Answer | Fault:
    """One mail to the test's server."""
    mailer = Mailer(allow=LOOPBACK, timeout_s=5)
    return await mailer.send(an_inbox_endpoint(inbox, **settings), credentials or Credentials(), CALL)


async def delivered(mailer: Mailer, endpoint: Endpoint, alert: Alert) -> Result:
    """One attempt of the channel, carried out."""
    job = a_job("mail", a_delivery(alert), alert, endpoint=endpoint, credentials=Credentials())
    conversation = MailChannel().deliver(job)
    call: Any = next(conversation)
    try:
        while True:
            call = conversation.send(await mailer.send(job.endpoint, job.credentials, call))
    except StopIteration as end:
        result: Result = end.value
        return result


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of a server called mail.example, and of a client that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.example").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_a_mail_arrives_as_it_is() -> None:
    """For all recipients, byte for byte."""
    async with running(Inbox()) as inbox:
        assert await sent(inbox) == Answer(status=250)

    (envelope,) = inbox.envelopes
    assert (envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content) == (
        CALL.sender,
        CALL.recipients,
        CALL.content,
    )


async def test_a_correction_stands_in_the_thread_of_its_alert() -> None:
    """As a mail program sees the two."""
    first = said(headline="Jane Roe: “Die Brücke ist\r\nBcc: zu” \ud800 \u202e=?utf-8?q?x?=")
    async with running(Inbox()) as inbox:
        mailer, endpoint = Mailer(allow=LOOPBACK), an_inbox_endpoint(inbox)
        for alert in (first, later(first, MessageType.UPDATE, "number", headline="Corrected: Jane Roe: “x”")):
            assert (await delivered(mailer, endpoint, alert)).verdict is Verdict.DELIVERED

    told, corrected = inbox.mails
    assert told["Subject"] == "[WATCH] Jane Roe: “Die Brücke ist Bcc: zu” \ufffd = ?utf-8?q?x?="
    assert "Bcc" not in told
    assert corrected["Subject"] == "[WATCH] Corrected: Jane Roe: “x”"
    assert corrected["In-Reply-To"] == corrected["References"] == told["Message-ID"] == f"<{first.id}@tocsin>"


async def test_a_recipient_is_refused_and_the_others_get_it() -> None:
    """Sending it again would give the others two."""
    inbox = Inbox()
    inbox.refusals["desk@desk.example"] = "550 no such user"
    async with running(inbox):
        answer = await sent(inbox)

    assert answer == Answer(status=250, headers={"smtp-refused": "1 of 2"})
    assert inbox.envelopes[0].rcpt_tos == ["night@desk.example"]


async def test_no_recipient_is_taken() -> None:
    """The refusal that may pass counts: the mail may still be taken later. No content is sent."""
    inbox = Inbox()
    inbox.refusals = {"desk@desk.example": "550 no such user", "night@desk.example": "451 come back later"}
    async with running(inbox):
        answer = await sent(inbox)

    assert answer == Answer(status=451, headers={"smtp-step": "recipient"})
    assert inbox.envelopes == []


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"sender_answer": "553 not yours"}, Answer(status=553, headers={"smtp-step": "sender"})),
        ({"content_answer": "554 spam"}, Answer(status=554, headers={"smtp-step": "content"})),
        ({"content_answer": "452 full"}, Answer(status=452, headers={"smtp-step": "content"})),
    ],
)
async def test_a_refusal_names_its_step(answers: dict[str, str], expected: Answer) -> None:
    """It decides whether trying again makes sense."""
    inbox = Inbox()
    vars(inbox).update(answers)
    async with running(inbox):
        assert await sent(inbox) == expected


async def test_silence_after_the_content_is_never_answered_with_a_second_mail() -> None:
    """The server has it: the delivery is dead, for an operator to look at."""
    inbox = Inbox()
    inbox.silent = True
    async with running(inbox):
        result = await delivered(Mailer(allow=LOOPBACK, timeout_s=0.2), an_inbox_endpoint(inbox), said())

    assert result == Result(
        verdict=Verdict.REFUSED,
        cause=Cause.TIMEOUT,
        detail="no answer after sending; it may have arrived",
        may_have_arrived=True,
    )
    assert len(inbox.envelopes) == 1


async def test_silence_before_the_content_is_a_plain_time_out() -> None:
    """Nothing can have arrived."""
    async with rude(None) as inbox:
        fault = await Mailer(allow=LOOPBACK, timeout_s=0.2).send(an_inbox_endpoint(inbox), Credentials(), CALL)

    assert fault == Fault(cause=Cause.TIMEOUT, detail="the mail server did not answer in time")


@pytest.mark.parametrize(
    ("greeting", "cause"),
    [
        (b"", Cause.CONNECT),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Cause.PROTOCOL),
        (b"\xff\x00\r\n", Cause.PROTOCOL),
        (b"220 hello\r\n", Cause.RESET),
    ],
)
async def test_what_is_no_mail_server_is_a_fault(greeting: bytes, cause: Cause) -> None:
    """Whatever it says, if anything."""
    async with rude(greeting) as inbox:
        fault = await sent(inbox)

    assert isinstance(fault, Fault)
    assert (fault.cause, fault.may_have_arrived) == (cause, False)


@pytest.mark.parametrize("greeting", [b"421 later\r\n", b"554 not you\r\n"])
async def test_a_server_that_is_closed_says_so(greeting: bytes) -> None:
    """Before anything was said."""
    async with rude(greeting) as inbox:
        answer = await sent(inbox)

    assert answer == Answer(status=int(greeting[:3]), headers={"smtp-step": "connect"})


async def test_a_server_that_nobody_can_sign_in_to() -> None:
    """The user name was for another server."""
    server, client = contexts()
    async with running(Inbox(), tls=server) as inbox:
        inbox.can_sign_in = False
        fault = await Mailer(allow=LOOPBACK, context=client, resolver=here).send(
            an_inbox_endpoint(inbox, host="mail.example", tls="tls"), Credentials(username="a", password="b"), CALL
        )

    assert fault == Fault(cause=Cause.CHANNEL_ERROR, detail="the mail server offers no way to sign in")


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_tls_is_verified_for_the_name_and_the_password_goes_inside(tls: str) -> None:
    """The connection goes to the checked address; the certificate is the name's."""
    server, client = contexts()
    kind: dict[str, Any] = {tls: server}
    async with running(Inbox(), **kind) as inbox:
        answer = await Mailer(allow=LOOPBACK, context=client, resolver=here).send(
            an_inbox_endpoint(inbox, host="mail.example", tls=tls),
            Credentials(username="desk", password="right"),
            CALL,
        )

    assert answer == Answer(status=250)
    assert inbox.logins == [("desk", "right")]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("host", ["other.example", "mail.example"])
async def test_a_certificate_that_is_not_trusted_gets_no_mail(tls: str, host: str) -> None:
    """Another name's, or of an authority nobody knows."""
    server, client = contexts()
    context = client if host == "other.example" else ssl.create_default_context()
    kind: dict[str, Any] = {tls: server}
    async with running(Inbox(), **kind) as inbox:
        fault = await Mailer(allow=LOOPBACK, context=context, resolver=here).send(
            an_inbox_endpoint(inbox, host=host, tls=tls), Credentials(username="desk", password="right"), CALL
        )

    assert fault == Fault(cause=Cause.TLS, detail="no TLS that can be trusted")
    assert (inbox.envelopes, inbox.logins) == ([], [])


async def test_without_starttls_nothing_is_said() -> None:
    """Neither the password nor the mail goes out in the clear."""
    async with running(Inbox()) as inbox:
        fault = await sent(inbox, credentials=Credentials(username="desk", password="right"), tls="starttls")

    assert fault == Fault(cause=Cause.TLS, detail="no TLS that can be trusted")
    assert (inbox.envelopes, inbox.logins) == ([], [])


async def test_a_wrong_password_is_the_set_ups_fault() -> None:
    """It shows in nothing that comes back."""
    async with running(Inbox()) as inbox:
        answer = await sent(inbox, credentials=Credentials(username="desk", password="wr0ng"))

    assert answer == Answer(status=535, headers={"smtp-step": "sign_in"})


@pytest.mark.parametrize(
    ("host", "allow", "port"), [("127.0.0.1", (), "25"), ("mail.example", (), "25"), ("10.1.2.3", LOOPBACK, "25")]
)
async def test_an_address_inside_is_never_reached(host: str, allow: tuple[str, ...], port: str) -> None:
    """Unless the operator allows it."""
    async with running(Inbox()) as inbox:
        mailer = Mailer(allow=allow, resolver=here if host == "mail.example" else None)
        fault = await mailer.send(an_endpoint("mail", host=host, port=port, tls="tls"), Credentials(), CALL)

    assert fault == Fault(cause=Cause.BLOCKED_ADDRESS, detail="the address is not public")
    assert inbox.connections == 0


async def test_without_tls_a_name_leads_to_this_machine_or_nowhere() -> None:
    """Although "localhost" was stored, and the operator allows the network it resolves to."""

    async def elsewhere(host: str, port: int) -> Sequence[str]:
        return ("10.1.2.3",)

    mailer = Mailer(allow=("10.0.0.0/8",), resolver=elsewhere)

    fault = await mailer.send(an_endpoint("mail", host="localhost", tls="none"), Credentials(), CALL)

    assert fault == Fault(
        cause=Cause.BLOCKED_ADDRESS, detail="without TLS only a server on this machine may be reached"
    )


async def test_a_name_that_is_none_and_a_port_without_a_server() -> None:
    """Both are tried again."""

    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    unknown = await Mailer(resolver=nowhere).send(an_endpoint("mail"), Credentials(), CALL)
    closed = await Mailer(allow=LOOPBACK).send(
        an_endpoint("mail", host="127.0.0.1", port="1", tls="none"), Credentials(), CALL
    )

    assert unknown == Fault(cause=Cause.DNS, detail="the host name was not found")
    assert closed == Fault(cause=Cause.CONNECT, detail="no connection to the mail server")
