"""Subscriptions and silences: defaults, ids, and every fault named at once."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertType, Family
from schemas.codec import decode, encode
from schemas.event import Severity
from schemas.subscription import (
    DEFAULT_INHIBITIONS,
    Budget,
    Filter,
    InhibitionRule,
    Matcher,
    MessageState,
    Operator,
    QuietHours,
    Silence,
    Subscription,
    regex,
    silence,
    subscription,
)
from schemas.validation import validate
from tests.builders import NOON

HOUR = timedelta(hours=1)
replace = msgspec.structs.replace


def a_subscription(**settings: object) -> Subscription:
    """A valid one."""
    return subscription(owner="desk", name="Harbour", channel="slack", target="C0HARBOUR", **settings)


def a_silence(**settings: object) -> Silence:
    """A valid one, for an hour from noon."""
    fields: dict[str, object] = {
        "matchers": (Matcher("story", Operator.EQUAL, "story-1"),),
        "author": "jo",
        "reason": "known",
        "starts_at": NOON,
        "ends_at": NOON + HOUR,
    }
    return silence(**(fields | settings))  # type: ignore[arg-type]


def faults(value: Subscription | Silence | InhibitionRule) -> list[str]:
    """Fields named as faulty."""
    return [fault.field for fault in validate(value)]


def test_defaults_are_those_of_the_semantics() -> None:
    """Grouped by story and family, 20 s of waiting, 120 s between messages, no budget, everything wanted."""
    one = a_subscription()
    assert (one.group_by, one.group_wait_s, one.group_interval_s) == (("story", "family"), 20, 120)
    assert one.filter == Filter()
    assert Budget() == Budget(limit=6, per_s=3600, below=Severity.BULLETIN)
    assert a_silence().states == (MessageState.ALERT, MessageState.UPDATE)


def test_id_follows_from_owner_and_name_alone() -> None:
    """An edit of the filter keeps the id."""
    edited = a_subscription(filter=Filter(keywords_any=("harbour",)))
    assert edited.id == a_subscription().id
    assert subscription(owner="desk", name="Bridge", channel="slack", target="C0HARBOUR").id != edited.id


def test_a_silence_said_twice_is_one() -> None:
    """Its id follows from what it says, whatever the offset its times are written in."""
    shifted = NOON.astimezone(datetime.strptime("+05:30", "%z").tzinfo)
    assert a_silence(starts_at=shifted).id == a_silence().id
    assert a_silence(author="al").id != a_silence().id


@pytest.mark.parametrize("value", [a_subscription(), a_silence(), *DEFAULT_INHIBITIONS], ids=lambda value: value.id)
def test_what_ships_is_valid(value: Subscription | Silence | InhibitionRule) -> None:
    """Defaults have no faults."""
    assert validate(value) == ()


def test_every_fault_is_reported_with_field_found_and_expected() -> None:
    """One attempt shows all that is wrong."""
    wrong = a_subscription(
        filter=Filter(
            keywords_any=("  ",), levels=(7,), families=(Family.STATEMENT,), types=(AlertType.KEYWORD_BURST,)
        ),
        group_by=("colour",),
        group_wait_s=-1,
        budget=Budget(limit=0),
        quiet_hours=QuietHours(start="25:00", end="7", timezone="Europe/Atlantis"),
        expires_at=datetime(2026, 1, 1),
        labels={"story": "x"},
    )
    assert faults(wrong) == [
        "filter.keywords_any[0]",
        "filter.levels[0]",
        "filter.types",
        "group_by[0]",
        "group_wait_s",
        "budget.limit",
        "quiet_hours.start",
        "quiet_hours.end",
        "quiet_hours.timezone",
        "expires_at",
        "labels[0]",
    ]
    assert str(validate(wrong)[5]) == "budget.limit: expected a whole number from 1 to 10000, found 0"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Filter(keywords_all=("Strike",), keywords_none=("strike",)), "filter.keywords_all[0]"),
        (Filter(keywords_any=("a", "b"), keywords_none=("b", "a", "c")), "filter.keywords_any"),
        (Filter(hearsay=()), "filter.hearsay"),
        (Filter(stories=tuple(map(str, range(1001)))), "filter.stories"),
        (Filter(speakers=("x" * 201,)), "filter.speakers[0]"),
        (Filter(speakers=("a\nb",)), "filter.speakers[0]"),
    ],
)
def test_filter_that_cannot_be_meant_is_a_fault(wanted: Filter, field: str) -> None:
    """What can never match, or only by accident, is said on saving."""
    assert faults(a_subscription(filter=wanted)) == [field]


def test_silence_needs_an_end_after_its_start() -> None:
    """There is no silence for ever; JSON without an end is refused too."""
    assert faults(a_silence(ends_at=NOON)) == ["ends_at"]
    with pytest.raises(Exception, match="ends_at"):
        decode(Silence, encode(a_silence()).replace(b"ends_at", b"ends_no"))


@pytest.mark.parametrize(
    "matcher",
    [
        Matcher("story", Operator.EQUAL, ""),
        Matcher("story", Operator.GLOB, "*"),
        Matcher("story", Operator.NOT_EQUAL, "x"),
    ],
)
def test_silence_of_everything_by_accident_is_a_fault(matcher: Matcher) -> None:
    """A silence whose matchers an alert without labels satisfies would silence nearly everything."""
    assert faults(a_silence(matchers=(matcher,))) == ["matchers"]


def test_silence_may_name_a_label_of_subscriptions_but_a_rule_may_not() -> None:
    """Labels of subscriptions are free, those of alerts are known."""
    matcher = Matcher("team", Operator.EQUAL, "night")
    rule = replace(DEFAULT_INHIBITIONS[0], source=(matcher,))
    assert faults(a_silence(matchers=(matcher,))) == []
    assert faults(rule) == ["source[0].label"]


def test_expression_never_runs_on_the_standard_library() -> None:
    """Without google-re2 it is refused with the reason; with it a wrong expression is."""
    broken = a_silence(matchers=(Matcher("story", Operator.REGEX, "(i?"),))
    (fault,) = validate(broken)
    assert fault.field == "matchers[0].value"
    assert "RE2" in fault.expected or "google-re2" in fault.expected


def test_expression_matches_the_whole_value() -> None:
    """As in Alertmanager."""
    pytest.importorskip("re2")
    compiled = regex("story-[12]")
    assert not isinstance(compiled, str)
    assert [compiled(text) for text in ("story-1", "story-12", "a story-1")] == [True, False, False]


@given(
    st.builds(
        a_subscription,
        filter=st.builds(Filter, keywords_any=st.tuples(st.text()), speakers=st.tuples(st.text())),
        labels=st.dictionaries(st.text(), st.text(), max_size=2),
        quiet_hours=st.none() | st.builds(QuietHours, start=st.text(), end=st.text(), timezone=st.text()),
    )
)
def test_validation_never_raises(value: Subscription) -> None:
    """Any text gives faults in printable lines, no exception."""
    assert all(str(fault).isprintable() for fault in validate(value))


def test_subscription_survives_its_encoding() -> None:
    """Decode of encode is the same value."""
    full = a_subscription(
        filter=Filter(families=(Family.KEYWORD,), levels=(4, 5), keywords_none=("drill",), has_unresolved=False),
        budget=Budget(),
        quiet_hours=QuietHours(start="22:00", end="07:00", timezone="Europe/London"),
        expires_at=NOON,
        labels={"team": "night"},
    )
    assert decode(Subscription, encode(full)) == full
