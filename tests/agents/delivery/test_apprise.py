"""The channel "apprise"."""

import pytest

from agents.delivery.channels import Answer, Fault, Notice, Result
from agents.delivery.channels.apprise import AppriseChannel
from schemas.delivery import Cause, Credentials, Verdict
from tests.agents.delivery.jobs import SECRET, a_delivery, a_job, an_endpoint, talk
from tests.agents.routing.builders import said

APPRISE = AppriseChannel()


def test_a_notice_has_a_title_and_the_details() -> None:
    """The title is not said twice."""
    alert = said()

    calls, result = talk(APPRISE, a_job("apprise", a_delivery(alert), alert), Answer(status=200))

    assert calls == [
        Notice(
            title="[WATCH] Jane Roe: “The bridge is closed”",
            body="Who: Jane Roe\nQuote: “The bridge is closed”\n\nWhy: said, in added text\n"
            f"Alert {alert.data.alert_id}, message 1",
        )
    ]
    assert result == Result(verdict=Verdict.DELIVERED, cause=Cause.OK, detail="taken")


def test_a_quoted_call_to_everybody_calls_nobody() -> None:
    """Chats ring for such words; an invisible mark inside keeps them text."""
    alert = said(headline="“@everyone <!channel> <@U1> write to desk@news.example”")

    (notice,), _ = talk(APPRISE, a_job("apprise", a_delivery(alert), alert), Answer(status=200))

    assert isinstance(notice, Notice)
    assert notice.title == "[WATCH] “@\u200beveryone <\u200b!channel> <\u200b@U1> write to desk@news.example”"


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault(cause=Cause.TIMEOUT, may_have_arrived=True), Verdict.REFUSED),
        (Fault(cause=Cause.CHANNEL_ERROR), Verdict.FAILED),
        (Fault(cause=Cause.BLOCKED_ADDRESS), Verdict.REFUSED),
    ],
)
def test_only_what_surely_did_not_arrive_is_tried_again(fault: Fault, verdict: Verdict) -> None:
    """Apprise cannot tell a service that it has seen the message before."""
    alert = said()

    _, result = talk(APPRISE, a_job("apprise", a_delivery(alert), alert), fault)

    assert (result.verdict, result.may_have_arrived) == (verdict, fault.may_have_arrived)


@pytest.mark.parametrize("url", [None, "", SECRET, f"discord://{SECRET} x", f"discord://{SECRET}\n", "://x", "é://x"])
def test_an_address_that_is_none_is_told_without_showing_it(url: str | None) -> None:
    """All of it may be secret."""
    credentials = Credentials(url=url)
    alert = said()

    (fault,) = APPRISE.faults(an_endpoint("apprise"), credentials)
    calls, result = talk(
        APPRISE, a_job("apprise", a_delivery(alert), alert, credentials=credentials), Answer(status=200)
    )

    assert fault.startswith("credentials.url: expected an Apprise address") and SECRET not in fault
    assert APPRISE.shown(an_endpoint("apprise"), credentials) == ""
    assert (calls, result.verdict) == ([], Verdict.REFUSED)


def test_people_see_the_service_alone() -> None:
    """Tokens stand anywhere in an Apprise address."""
    assert APPRISE.shown(an_endpoint("apprise"), Credentials(url=f"Discord://{SECRET}")) == "discord://"
