"""The channels "file" and "stdout"."""

import json

import pytest

from agents.delivery import cloudevents
from agents.delivery.channels import Answer, Fault, Line, Result
from agents.delivery.channels.file import FileChannel, StdoutChannel
from schemas.delivery import Cause, Credentials, Verdict
from tests.agents.delivery.jobs import a_delivery, a_digest, a_job, an_endpoint, talk
from tests.agents.routing.builders import said


@pytest.mark.parametrize(("channel", "path"), [(FileChannel(), "alerts.jsonl"), (StdoutChannel(), None)])
def test_a_line_is_the_cloudevent_of_the_webhook(channel: FileChannel | StdoutChannel, path: str | None) -> None:
    """One line of JSON without its line break."""
    alert = said(why="one\ntwo")
    delivery = a_delivery(alert)

    calls, result = talk(channel, a_job(channel.name, delivery, alert), Answer(status=200))

    assert calls == [Line(path=path, text=cloudevents.of_alert(alert, delivery))]
    assert b"\n" not in cloudevents.of_alert(alert, delivery)
    assert result == Result(verdict=Verdict.DELIVERED, cause=Cause.OK, detail="written")


def test_a_digest_is_one_line() -> None:
    """With all its items."""
    delivery = a_digest(said(), said("Ann Poe", statement="st_2"))

    (line,), _ = talk(FileChannel(), a_job("file", delivery, None), Answer(status=200))

    assert isinstance(line, Line)
    assert json.loads(line.text)["data"]["count"] == 2


def test_what_was_not_written_is_tried_again() -> None:
    """A full disk may have space later, and a line that is there twice has the same id."""
    alert = said()

    _, result = talk(
        FileChannel(),
        a_job("file", a_delivery(alert), alert),
        Fault(cause=Cause.CHANNEL_ERROR, detail="No space left on device"),
    )

    assert result == Result(verdict=Verdict.FAILED, cause=Cause.CHANNEL_ERROR, detail="No space left on device")


@pytest.mark.parametrize("path", ["", "a\x00b", "a\nb", "logs/", "x" * 4001, "\ud800", "\u202ex"])
def test_a_path_that_is_none(path: str) -> None:
    """And nothing is written."""
    alert = said()
    endpoint = an_endpoint("file", path=path)

    (fault,) = FileChannel().faults(endpoint, Credentials())
    calls, result = talk(FileChannel(), a_job("file", a_delivery(alert), alert, endpoint=endpoint), Answer(status=200))

    assert fault.startswith("settings.path: expected the path of a file, without control characters, found ")
    assert (calls, result.verdict) == ([], Verdict.REFUSED)


@pytest.mark.parametrize("path", ["alerts.jsonl", "/var/lib/desk/Meldungen für die Nacht.jsonl"])
def test_any_other_path_is_taken_and_shown(path: str) -> None:
    """Absolute, or relative to where the worker runs."""
    endpoint = an_endpoint("file", path=path)

    assert FileChannel().faults(endpoint, Credentials()) == []
    assert FileChannel().shown(endpoint, Credentials()) == path
