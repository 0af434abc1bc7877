"""Quiet hours by the wall clock of a place, as intervals of time that exist once."""

from datetime import UTC, datetime, timedelta

from schemas.subscription import QuietHours, clock, zone


def quiet_until(quiet: QuietHours, at: datetime) -> datetime | None:
    """The end, in UTC, of the quiet hours that this time lies in; None if it lies in none.

    Where the clock is put forward over an end, the end is when that hour would have been; where it is put back, the
    first of the two. An unknown time zone counts as UTC.

    >>> quiet_until(QuietHours(start="22:00", end="07:00", timezone="UTC"), datetime(2026, 1, 1, 23, tzinfo=UTC))
    datetime.datetime(2026, 1, 2, 7, 0, tzinfo=datetime.timezone.utc)
    """
    where = zone(quiet.timezone) or UTC
    start, end = clock(quiet.start), clock(quiet.end)
    today = at.astimezone(where).date()
    for day in (today - timedelta(days=1), today):
        begins = datetime.combine(day, start, where).astimezone(UTC)
        until_day = day + timedelta(days=1) if end <= start else day
        ends = datetime.combine(until_day, end, where).astimezone(UTC)
        if begins <= at < ends:
            return ends
    return None
