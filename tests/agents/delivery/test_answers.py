"""What answers and faults mean."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.delivery.answers import classify, of_fault, retry_after
from agents.delivery.channels import Answer, Fault, Result
from schemas.delivery import Cause, Verdict

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)

DELIVERED, FAILED, GONE, OVERLOADED = Verdict.DELIVERED, Verdict.FAILED, Verdict.GONE, Verdict.OVERLOADED


@pytest.mark.parametrize(
    ("status", "verdict", "cause", "detail"),
    [
        (200, DELIVERED, Cause.OK, "200 OK"),
        (204, DELIVERED, Cause.OK, "204 No Content"),
        (299, DELIVERED, Cause.OK, "299"),
        (101, FAILED, Cause.HTTP_STATUS, "101 Switching Protocols"),
        (300, FAILED, Cause.REDIRECT, "300 Multiple Choices"),
        (301, FAILED, Cause.REDIRECT, "301 Moved Permanently"),
        (302, FAILED, Cause.REDIRECT, "302 Found"),
        (307, FAILED, Cause.REDIRECT, "307 Temporary Redirect"),
        (308, FAILED, Cause.REDIRECT, "308 Permanent Redirect"),
        (400, FAILED, Cause.HTTP_STATUS, "400 Bad Request"),
        (401, FAILED, Cause.HTTP_STATUS, "401 Unauthorized"),
        (403, FAILED, Cause.HTTP_STATUS, "403 Forbidden"),
        (404, FAILED, Cause.HTTP_STATUS, "404 Not Found"),
        (410, GONE, Cause.HTTP_STATUS, "410 Gone"),
        (429, OVERLOADED, Cause.HTTP_STATUS, "429 Too Many Requests"),
        (500, FAILED, Cause.HTTP_STATUS, "500 Internal Server Error"),
        (502, OVERLOADED, Cause.HTTP_STATUS, "502 Bad Gateway"),
        (503, OVERLOADED, Cause.HTTP_STATUS, "503 Service Unavailable"),
        (504, OVERLOADED, Cause.HTTP_STATUS, "504 Gateway Timeout"),
        (599, FAILED, Cause.HTTP_STATUS, "599"),
        (999, FAILED, Cause.HTTP_STATUS, "999"),
    ],
)
def test_a_status_means(status: int, verdict: Verdict, cause: Cause, detail: str) -> None:
    """2xx alone is success; the detail is of the status alone."""
    answer = Answer(status=status, headers={"location": "https://x.example/"}, body=b"a secret page")

    assert classify(answer, now=NOW) == Result(verdict=verdict, cause=cause, status=status, detail=detail)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_receiver_may_ask_for_patience(status: int) -> None:
    """Its Retry-After is passed on."""
    result = classify(Answer(status=status, headers={"retry-after": "7"}), now=NOW)

    assert (result.verdict, result.retry_after_s) == (Verdict.OVERLOADED, 7.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("999999", 999999.0),
        ("9" * 5_000, 1e12),
        ("Sat, 14 Mar 2026 12:00:30 GMT", 30.0),
        ("Saturday, 14-Mar-26 12:00:30 GMT", 30.0),
        ("Sat Mar 14 12:00:30 2026", 30.0),
        ("Sat, 14 Mar 2026 13:00:30 +0100", 30.0),
        ("Sat, 14 Mar 2026 12:00:00 GMT", 0.0),
        ("Sat, 14 Mar 2026 11:59:59 GMT", None),
        ("Sat, 32 Mar 2026 12:00:30 GMT", None),
        ("-1", None),
        ("7.5", None),
        ("1e9", None),
        ("٧", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("a" * 100_000, None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Seconds and the three forms of HTTP dates count; anything else is as if absent."""
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_no_retry_after() -> None:
    """Without the header nothing is asked."""
    assert retry_after({}, NOW) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d .{0,6}", fullmatch=True))
def test_any_text_may_be_a_retry_after(value: str) -> None:
    """No text raises, and no wait is negative."""
    wait = retry_after({"retry-after": value}, NOW)

    assert wait is None or wait >= 0


@pytest.mark.parametrize("cause", list(Cause))
def test_a_fault_means(cause: Cause) -> None:
    """Time-outs ask for patience, impossible addresses are refused, everything else is tried again."""
    verdict = {
        Cause.TIMEOUT: Verdict.OVERLOADED,
        Cause.BLOCKED_ADDRESS: Verdict.REFUSED,
        Cause.INVALID_ADDRESS: Verdict.REFUSED,
    }.get(cause, Verdict.FAILED)

    result = of_fault(Fault(cause=cause, detail="why", may_have_arrived=True))

    assert result == Result(verdict=verdict, cause=cause, detail="why", may_have_arrived=True)
