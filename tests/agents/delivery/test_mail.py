"""The channel "mail": what goes out, and what a mail server's words mean."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.delivery import wording
from agents.delivery.channels import Answer, Fault, Mail, Result
from agents.delivery.channels.mail import REFUSED, STEP, MailChannel, content
from schemas.alert import MessageType
from schemas.delivery import Cause, Credentials, Verdict
from tests.agents.delivery.jobs import a_delivery, a_digest, a_job, an_endpoint, talk
from tests.agents.routing.builders import a_statement, an_alert, later, said

replace = msgspec.structs.replace
MAIL = MailChannel()
SENDER, RECIPIENTS = "tocsin@desk.example", ("desk@desk.example", "night@desk.example")


def read(raw: bytes) -> EmailMessage:
    """The mail as a mail program reads it."""
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def result(said_by_server: Answer | Fault) -> Result:
    """What an attempt comes to."""
    alert = said()
    return talk(MAIL, a_job("mail", a_delivery(alert), alert), said_by_server)[1]


def test_a_mail_has_the_title_as_subject_and_the_whole_text() -> None:
    """To all recipients, dated when the desk was to be told, as a machine's mail."""
    alert = said()
    delivery = a_delivery(alert)

    mail = read(content(delivery, alert, SENDER, RECIPIENTS))

    assert {name: str(mail[name]) for name in mail} == {
        "Subject": "[WATCH] Jane Roe: “The bridge is closed”",
        "From": SENDER,
        "To": "desk@desk.example, night@desk.example",
        "Date": "Sat, 14 Mar 2026 12:00:00 +0000",
        "Message-ID": f"<{alert.id}@tocsin>",
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }
    assert mail.get_content().replace("\r\n", "\n") == wording.plain(delivery, alert) + "\n"


def test_a_correction_stands_in_the_thread_of_what_it_corrects() -> None:
    """By the Message-IDs of the earlier messages, whole and unencoded."""
    alert = later(said(), MessageType.UPDATE, "number", version=4)

    mail = read(content(a_delivery(alert), alert, SENDER, RECIPIENTS))

    earlier = [f"<{id}@tocsin>" for id in alert.data.references]
    assert (mail["In-Reply-To"], mail["References"]) == (earlier[-1], " ".join(earlier))


def test_a_digest_is_one_mail() -> None:
    """Under the notification's id."""
    delivery = a_digest(said(), said("Ann Poe", statement="st_2"))

    calls, _ = talk(MAIL, a_job("mail", delivery, None), Answer(status=250))

    (mail,) = calls
    assert isinstance(mail, Mail)
    assert read(mail.content)["Message-ID"] == "<ntf_1@tocsin>"


@pytest.mark.parametrize(
    "headline",
    ["x\r\nBcc: all@desk.example", "x\n\nbody", "=?utf-8?q?x=0D=0ABcc:_all@desk.example?=", "x\x00\x85Bcc: all\u2028y"],
)
def test_a_headline_adds_no_header(headline: str) -> None:
    """Neither by a line break nor by an encoded one."""
    alert = said(headline=headline)

    raw = content(a_delivery(alert), alert, SENDER, RECIPIENTS)

    head = raw.partition(b"\r\n\r\n")[0]
    assert [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")] == [
        b"Subject",
        b"From",
        b"To",
        b"Date",
        b"Message-ID",
        b"Auto-Submitted",
        b"Content-Type",
        b"Content-Transfer-Encoding",
        b"MIME-Version",
    ]
    assert "Bcc" not in read(raw)


@given(text=st.text(st.characters(codec=None, exclude_categories=())), id=st.text())
def test_any_text_is_a_mail_of_ascii_lines(text: str, id: str) -> None:
    """No line is longer than a server takes, none ends but in CR LF; the subject comes back as it was."""
    alert = an_alert(headline=text, statement=a_statement(text=text), why=text)
    delivery = a_delivery(alert, message_id=id, references=(id, id))

    raw = content(delivery, alert, SENDER, RECIPIENTS)

    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert "".join(str(read(raw)["Subject"]).split()) == "".join(
        wording.title(delivery, alert).replace("=?", "= ?").split()
    )


@pytest.mark.parametrize(
    ("answer", "verdict", "detail"),
    [
        (Answer(status=250), Verdict.DELIVERED, "taken"),
        (Answer(status=250, headers={REFUSED: "1 of 3"}), Verdict.DELIVERED, "taken, but not for 1 of 3 recipients"),
        (
            Answer(status=451, headers={STEP: "recipient"}),
            Verdict.OVERLOADED,
            "the mail server answered 451 to the recipients' addresses",
        ),
        (
            Answer(status=421, headers={STEP: "connect"}),
            Verdict.OVERLOADED,
            "the mail server answered 421 when we connected",
        ),
        (
            Answer(status=550, headers={STEP: "recipient"}),
            Verdict.REFUSED,
            "the mail server answered 550 to the recipients' addresses",
        ),
        (
            Answer(status=554, headers={STEP: "content"}),
            Verdict.REFUSED,
            "the mail server answered 554 to the mail itself",
        ),
        (
            Answer(status=535, headers={STEP: "sign_in"}),
            Verdict.FAILED,
            "the mail server answered 535 to the user name and password",
        ),
        (
            Answer(status=550, headers={STEP: "sender"}),
            Verdict.FAILED,
            "the mail server answered 550 to the sender's address",
        ),
        (Answer(status=354), Verdict.FAILED, "the mail server answered 354"),
    ],
)
def test_what_a_server_says(answer: Answer, verdict: Verdict, detail: str) -> None:
    """Later, never, or when somebody has mended the set-up."""
    cause = Cause.OK if verdict is Verdict.DELIVERED else Cause.CHANNEL_ERROR

    assert result(answer) == Result(verdict=verdict, cause=cause, detail=detail)


def test_what_may_have_arrived_is_not_sent_again() -> None:
    """A mail has no guard against a second copy: an operator decides."""
    fault = Fault(cause=Cause.TIMEOUT, detail="no answer", may_have_arrived=True)

    assert result(fault) == Result(
        verdict=Verdict.REFUSED,
        cause=Cause.TIMEOUT,
        detail="no answer after sending; it may have arrived",
        may_have_arrived=True,
    )


def test_what_surely_did_not_arrive_is_tried_again() -> None:
    """A time-out before the content is the server's overload."""
    fault = Fault(cause=Cause.TIMEOUT, detail="no answer")

    assert result(fault) == Result(verdict=Verdict.OVERLOADED, cause=Cause.TIMEOUT, detail="no answer")


def test_all_faults_of_an_endpoint_are_told_at_once() -> None:
    """Field, found, expected; and nothing is sent."""
    endpoint = an_endpoint(
        "mail", host="mail example", port="99999", tls="ssl", sender="desk", recipients="a@b.example, c\nBcc: d@e"
    )

    assert MAIL.faults(endpoint, Credentials(username="desk")) == [
        'settings.host: expected the name or address of a mail server, found "mail example"',
        'settings.port: expected a number from 1 to 65535, found "99999"',
        'settings.tls: expected starttls, tls or none, found "ssl"',
        'settings.sender: expected one mail address, found "desk"',
        'settings.recipients: expected 1 to 20 mail addresses with commas between, found "a@b.example, c Bcc: d@e"',
        "credentials: expected both a user name and a password or neither, found one of them",
    ]


@pytest.mark.parametrize(
    ("host", "is_ok"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("mail.example", False), ("192.0.2.1", False)],
)
def test_only_this_machine_is_reached_without_tls(host: str, is_ok: bool) -> None:
    """A password and a desk's news stay off the wire."""
    assert bool(MAIL.faults(an_endpoint("mail", host=host, tls="none"), Credentials())) is not is_ok


def test_a_broken_endpoint_is_sent_nothing() -> None:
    """Whoever stored it."""
    alert = said()
    job = a_job("mail", a_delivery(alert), alert, endpoint=an_endpoint("mail", sender="x\r\nBcc: y@z.example"))

    calls, end = talk(MAIL, job, Answer(status=250))

    assert (calls, end.verdict, end.cause) == ([], Verdict.REFUSED, Cause.INVALID_ADDRESS)


def test_people_see_recipients_and_server() -> None:
    """Not who signs in."""
    assert (
        MAIL.shown(an_endpoint("mail"), Credentials(username="u", password="p")) == "desk@desk.example via mail.example"
    )
