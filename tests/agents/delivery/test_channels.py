"""What every channel keeps to, whatever it sends."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.delivery.channels import Answer, Call, Channel, Fault, Result
from agents.delivery.channels.catalogue import CHANNELS
from schemas.alert import Alert, MessageType, Status
from schemas.delivery import Cause, Credentials, Verdict
from schemas.detection import StatementKind
from tests.agents.delivery.jobs import (
    CREDENTIALS,
    SECRET,
    SETTINGS,
    a_delivery,
    a_digest,
    a_job,
    an_endpoint,
    an_item,
    talk,
)
from tests.agents.routing.builders import a_speaker, a_statement, an_alert, cancelled, later, raised, said, words_of

replace = msgspec.structs.replace
every_channel = pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)

TAKEN = {
    "slack": Answer(status=200, body=b'{"ok":true,"ts":"1.000001","channel":"C0DESK","messages":[]}'),
    "mail": Answer(status=250),
}
"""How a receiver says yes, where 200 is not enough."""

ODD = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(
    ("", "\x00", "\ud800", "\u202eabc", "a\r\nBcc: b@c.example", "<!channel> & *x*", "=?utf-8?q?=0A?=")
)
SECRETS = (SECRET, base64.b64encode(SECRET.encode() * 2).decode()[:20])


def taken(channel: Channel) -> Answer:
    """The answer that means "delivered"."""
    return TAKEN.get(channel.name, Answer(status=200))


def told(channel: Channel, alert: Alert, answer: Answer | Fault, **changes: Any) -> tuple[list[Call], Result]:
    """One attempt for one alert."""
    delivery = a_delivery(alert, channel=channel.name, **changes)
    return talk(channel, a_job(channel.name, delivery, alert), answer)


def everywhere(text: str, msgtype: MessageType = MessageType.ALERT) -> Alert:
    """An alert in which every foreign word is this text."""
    facts = a_statement(a_speaker(text, role=text), text=text, cue=text, kind=StatementKind.MIXED, on_behalf_of=text)
    proof = replace(words_of(text), source=text, origin=text, url=text, item=text, prefix=text, suffix=text)
    first = an_alert(headline=text, statement=facts, evidence=(proof,), why=text)
    return first if msgtype is MessageType.ALERT else later(first, msgtype, "number")


def test_the_catalogue_has_what_people_are_promised() -> None:
    """And the cases below know how to set each of them up."""
    assert set(CHANNELS) == set(SETTINGS) == {"slack", "webhook", "mail", "apprise", "file", "stdout"}


@every_channel
def test_a_channel_is_known_by_its_name(channel: Channel) -> None:
    """Endpoints and subscriptions name it so; its limits make sense."""
    assert CHANNELS[channel.name] is channel
    assert channel.burst >= 1 and channel.concurrency >= 1
    assert channel.per_second is None or channel.per_second > 0


@every_channel
def test_a_working_endpoint_has_no_faults(channel: Channel) -> None:
    """And an address for people."""
    endpoint, credentials = an_endpoint(channel.name), CREDENTIALS[channel.name]

    assert channel.faults(endpoint, credentials) == []
    assert channel.shown(endpoint, credentials) != ""


@every_channel
@pytest.mark.parametrize(
    "alert",
    [said(), cancelled(said()), later(said(), MessageType.UPDATE, "number"), raised(5), said(status=Status.DRILL)],
    ids=["statement", "withdrawn", "corrected", "escalation", "drill"],
)
def test_what_arrived_is_delivered(channel: Channel, alert: Alert) -> None:
    """Every kind of message goes out by every channel."""
    calls, result = told(channel, alert, taken(channel))

    assert calls and result.verdict is Verdict.DELIVERED


@every_channel
def test_a_digest_goes_out_without_an_alert(channel: Channel) -> None:
    """It lists what was held back."""
    delivery = a_digest(said(), cancelled(said("Ann Poe", statement="st_2")), channel=channel.name, withdrawn=1)

    calls, result = talk(channel, a_job(channel.name, delivery, None), taken(channel))

    assert calls and result.verdict is Verdict.DELIVERED


@every_channel
@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("may_have_arrived", [False, True])
def test_without_an_answer_nothing_is_delivered(channel: Channel, cause: Cause, may_have_arrived: bool) -> None:
    """And nobody forgets that it may have arrived."""
    fault = Fault(cause=cause, detail="x", may_have_arrived=may_have_arrived)

    calls, result = told(channel, said(), fault)

    assert calls and result.verdict is not Verdict.DELIVERED
    assert result.may_have_arrived is may_have_arrived


@pytest.mark.parametrize("name", ["slack", "webhook", "mail"])
@pytest.mark.parametrize("status", [199, 301, 400, 401, 404, 421, 429, 500, 503, 550, 599])
def test_a_refusal_is_never_taken_for_a_delivery(name: str, status: int) -> None:
    """Of channels whose receivers answer with a status."""
    _, result = told(CHANNELS[name], said(), Answer(status=status, body=b"no"))

    assert result.verdict is not Verdict.DELIVERED


@every_channel
@given(text=ODD, msgtype=st.sampled_from(MessageType))
def test_no_text_breaks_a_channel(channel: Channel, text: str, msgtype: MessageType) -> None:
    """Whatever an outlet wrote, the message goes out, and every call can be made."""
    alert = everywhere(text, msgtype)

    calls, result = told(channel, alert, taken(channel), item={"headline": text, "story": text})

    assert calls and result.verdict is Verdict.DELIVERED
    result.detail.encode()
    _, digest = talk(
        channel,
        a_job(channel.name, a_digest(alert, items=(an_item(alert),) * 3, channel=channel.name), None),
        taken(channel),
    )
    assert digest.verdict is Verdict.DELIVERED


@every_channel
@pytest.mark.parametrize("text", ["word " * 100_000, "x" * 500_000, " \n" * 250_000], ids=["words", "word", "spaces"])
def test_no_length_breaks_a_channel(channel: Channel, text: str) -> None:
    """Half a million characters go out as a message of bearable size."""
    calls, result = told(channel, everywhere(text), taken(channel))

    assert result.verdict is Verdict.DELIVERED
    assert all(len(msgspec.json.encode(_fields(call))) < 60_000 for call in calls)


def _fields(call: Call) -> dict[str, Any]:
    return {name: getattr(call, name) for name in call.__struct_fields__}


@every_channel
@given(text=ODD)
def test_the_same_attempt_says_the_same(channel: Channel, text: str) -> None:
    """No randomness and no clock but the job's."""
    alert = everywhere(text)
    job = a_job(channel.name, a_delivery(alert, channel=channel.name), alert)

    assert _shown(talk(channel, job, taken(channel))) == _shown(talk(channel, job, taken(channel)))


def _shown(end: tuple[list[Call], Result]) -> Any:
    calls, result = end
    return [_fields(call) for call in calls], result


@every_channel
@pytest.mark.parametrize("answer", ["taken", "refused", "fault"])
def test_no_secret_is_shown(channel: Channel, answer: str) -> None:
    """Not in the repr of a job or a call, not in a result, whatever the receiver echoes, and not to people."""
    echo = Answer(status=500, headers={"x-echo": SECRET, "smtp-step": SECRET}, body=SECRET.encode())
    said_back = {"taken": taken(channel), "refused": echo, "fault": Fault(cause=Cause.RESET, detail="broke")}[answer]
    alert = said()
    job = a_job(channel.name, a_delivery(alert, channel=channel.name), alert)

    calls, result = talk(channel, job, said_back)

    shown = [repr(job), *map(repr, calls), repr(result), channel.shown(job.endpoint, job.credentials)]
    assert [text for text in shown for secret in SECRETS if secret in text] == []


@every_channel
@given(text=ODD)
def test_faults_show_no_secret_and_never_raise(channel: Channel, text: str) -> None:
    """Settings and credentials come from people."""
    settings = dict.fromkeys((*SETTINGS[channel.name], "port", "tls", "header.x", text), text)
    secret = f"{text}{SECRET}"
    credentials = Credentials(url=secret, token=secret, username=secret, password=secret)
    endpoint = replace(an_endpoint(channel.name), settings=settings)

    shown = [*channel.faults(endpoint, credentials), channel.shown(endpoint, credentials)]

    assert [line for line in shown if SECRET in line] == []


@every_channel
@given(text=ODD)
def test_a_broken_endpoint_never_raises(channel: Channel, text: str) -> None:
    """A stored endpoint may be older than the rules, or not ours; what cannot be sent is a result."""
    alert = said()
    settings = dict.fromkeys((*SETTINGS[channel.name], "port", "tls", "header.x", text), text)
    job = replace(
        a_job(channel.name, a_delivery(alert, channel=channel.name), alert),
        endpoint=replace(an_endpoint(channel.name), settings=settings),
        credentials=Credentials(url=text, token=text, username=text, password=text),
    )

    _, result = talk(channel, job, Fault(cause=Cause.INVALID_ADDRESS))

    assert result.verdict is not Verdict.DELIVERED
