"""What an answer over HTTP, or none, means for a delivery and its endpoint."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from agents.delivery.channels import Answer, Fault, Result
from schemas.delivery import Cause, Verdict

_OVERLOADED = frozenset({429, 502, 503, 504})
_REFUSED = frozenset({Cause.BLOCKED_ADDRESS, Cause.INVALID_ADDRESS})
_PHRASES = {int(status): f"{status.value} {status.phrase}" for status in HTTPStatus}
_LONGEST_NUMBER = 12  # digits; beyond it only the size counts, and reading gets slow


def classify(answer: Answer, *, now: datetime) -> Result:
    """What a plain HTTP receiver said: 2xx alone is success, and redirects are not followed."""
    status = answer.status
    detail = _PHRASES.get(status, str(status))
    if 200 <= status < 300:
        return Result(verdict=Verdict.DELIVERED, cause=Cause.OK, status=status, detail=detail)
    if status == 410:
        return Result(verdict=Verdict.GONE, cause=Cause.HTTP_STATUS, status=status, detail=detail)
    if status in _OVERLOADED:
        return Result(
            verdict=Verdict.OVERLOADED,
            cause=Cause.HTTP_STATUS,
            status=status,
            retry_after_s=retry_after(answer.headers, now),
            detail=detail,
        )
    cause = Cause.REDIRECT if 300 <= status < 400 else Cause.HTTP_STATUS
    return Result(verdict=Verdict.FAILED, cause=cause, status=status, detail=detail)


def of_fault(fault: Fault) -> Result:
    """What it means that there is no answer."""
    if fault.cause is Cause.TIMEOUT:
        verdict = Verdict.OVERLOADED
    elif fault.cause in _REFUSED:
        verdict = Verdict.REFUSED
    else:
        verdict = Verdict.FAILED
    return Result(verdict=verdict, cause=fault.cause, detail=fault.detail, may_have_arrived=fault.may_have_arrived)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the receiver asks to wait, however many; None where it asks nothing that makes sense.

    headers  names in lower case
    now      what a date is counted from; a date that has passed asks nothing

    >>> retry_after({"retry-after": "7"}, datetime(2026, 3, 14, tzinfo=UTC))
    7.0
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:_LONGEST_NUMBER]) if len(value) <= _LONGEST_NUMBER else 10.0**_LONGEST_NUMBER
    if not value[:1].isalpha() or len(value) > 64:
        return None
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):  # what email.utils lets through for odd dates
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    wait = (until - now).total_seconds()
    return wait if wait >= 0 else None
