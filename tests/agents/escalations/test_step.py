"""Ladders of a story: escalation, de-escalation, corrections; one test a row of the case table."""

from datetime import timedelta

import msgspec
import pytest

from agents.escalations.evidence import SourceWeight
from agents.escalations.state import StoryState, story_key
from agents.escalations.step import EscalationsStep
from agents.step import MemoryState
from schemas.alert import AlertType, MessageType
from schemas.article import Segment, SegmentKind
from schemas.codec import alert_from_record, alert_to_record
from schemas.event import Severity, Span
from schemas.identity import alert_id, message_id
from tests.agents.escalations.builders import (
    CALM,
    DEAD,
    NOON,
    STRIKE,
    STRIKE_2,
    entry,
    levels,
    reinstated,
    run,
    withdrawn,
)

TENSE = "Tensions rise on the border after the threats of the last days."
TENSE_2 = "Both capitals spoke of an escalation; the standoff goes on."


def track(state: MemoryState, *, ladder: str = "security", channel: str = "action") -> object:
    """One track of the story, or None."""
    story = state.get(story_key("story_dam"), StoryState)
    return (
        next((t for t in story.live.tracks if (t.ladder, t.channel.value) == (ladder, channel)), None)
        if story
        else None
    )


def test_an_asserted_use_of_force_escalates_from_one_entry() -> None:
    """One asserted action term of level 4 is enough, and the alert says what, where and why."""
    (alert,) = run(entry(STRIKE))

    assert alert.type is AlertType.KEYWORD_ESCALATED
    assert alert.data.headline == "Use of force (level 4, BULLETIN) in “Border crisis”: airstrike"
    assert alert.severitynumber is Severity.BULLETIN
    assert alert.subject == "story/story_dam/ladder/security/action/4"
    assert alert.data.alert_id == alert_id("keyword", alert.subject, 1, 1)
    assert alert.id == message_id(alert.data.alert_id, 1)
    assert (alert.time, alert.recordedtime, alert.sequence) == (NOON, NOON, "0000000001")
    assert alert.data.escalation is not None
    assert alert.data.escalation.threshold == 900
    assert alert.data.why == (
        "Evidence of action rose to 950 per mille (threshold 900) from 1 entry; one entry is enough at this level."
    )
    (shown,) = alert.data.evidence
    assert shown.exact == STRIKE
    (match,) = alert.data.matched
    assert (match.rule, [span.of(STRIKE) for span in match.spans]) == ("airstrike", ["airstrike"])


def test_an_alert_survives_the_wire() -> None:
    """Encoding and decoding gives the same alert."""
    (alert,) = run(entry(STRIKE))
    _, value, headers = alert_to_record(alert)

    assert alert_from_record(value, headers) == alert


def test_a_level_alerts_once_an_episode() -> None:
    """More of the same keeps quiet: the edge is told, not the level."""
    alerts = run(*[entry(f"{n} drones hit town {n} in an airstrike.", name=str(n), minutes=n) for n in range(12)])

    assert levels(alerts) == [("alert", 0, 4)]


def test_a_level_held_for_a_day_alerts_once() -> None:
    """Fresh evidence every two hours for 24 hours is one alert."""
    alerts = run(*[entry(f"Airstrike number {n} hit depot {n}.", name=str(n), minutes=120 * n) for n in range(13)])

    assert levels(alerts) == [("alert", 0, 4)]


def test_a_jump_over_levels_is_one_alert() -> None:
    """From tension to use of force: one alert with both levels."""
    protest = "Thousands of demonstrators gathered and the police detained eleven people."
    more = "A march of protesters and more arrests; suspects were held after raids."
    riots = "Riots broke out again and a border incident was reported."
    alerts = run(
        entry(protest, name="a"),
        entry(more, name="b", minutes=1),
        entry(riots, name="c", minutes=2),
        entry(STRIKE, name="d", minutes=3),
    )

    assert levels(alerts) == [("alert", 0, 1), ("alert", 1, 4)]


def test_lower_levels_need_two_entries() -> None:
    """Talk of one entry is not yet tension; a second entry makes it so."""
    first = (
        TENSE
        + "\nA stark warning was issued, Kest summoned the ambassador and said that the raid was an act of provocation."
    )

    assert levels(run(entry(first)), channel="rhetoric") == []
    assert levels(run(entry(first), entry(TENSE_2, name="two", minutes=1)), channel="rhetoric") == [("alert", 0, 1)]


def test_a_wire_needs_no_second_entry() -> None:
    """A source with the wire flag supports every level alone; another source's weight can be lowered."""
    text = (
        TENSE
        + "\nA stark warning was issued, Kest summoned the ambassador and said that the raid was an act of provocation."
    )
    wire = EscalationsStep(sources={"example-news": SourceWeight(is_wire=True)})
    doubtful = EscalationsStep(sources={"example-news": SourceWeight(permille=500)})

    assert levels(wire.decide(MemoryState(), entry(text)), channel="rhetoric") == [("alert", 0, 1)]
    assert doubtful.decide(MemoryState(), entry(STRIKE)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("There are no plans for airstrikes or for an invasion of the island.", "negated"),
        ("The palace denied that it had ordered an airstrike.", "denied"),
        ("Was it an airstrike?", "question"),
        ("An airstrike hit the same bridge in 2014.", "background"),
    ],
)
def test_what_is_not_asserted_counts_nothing_and_is_listed(text: str, reason: str) -> None:
    """Negated, denied, asked and past events raise nothing; the next alert says how many there were."""
    state = MemoryState()
    step = EscalationsStep()

    assert step.decide(state, entry(text)) == []
    (alert,) = step.decide(state, entry(STRIKE, name="two", minutes=1))
    assert alert.data.suppressed.get(reason, 0) >= 1


def test_the_possible_never_adds_up_to_use_of_force() -> None:
    """Many entries that speak of what may come stay at the level of a threat."""
    words = ["alder", "birch", "cedar", "dogwood", "elder", "fir", "gorse", "hazel", "ivy", "juniper"]
    lines = [f"Colonel {one} may hit {one}ville with an airstrike from {one}ton." for one in words]

    alerts = run(*[entry(line, name=str(n), minutes=n) for n, line in enumerate(lines)])

    assert levels(alerts) == [("alert", 0, 2)]


def test_cannot_rule_out_is_possible_and_not_only_is_asserted() -> None:
    """Pseudo-negation: hypothetical, and asserted."""
    assert run(entry("The minister cannot rule out airstrikes.")) == []
    assert levels(run(entry("They not only ordered an airstrike but a second one."))) == [("alert", 0, 4)]


def test_a_keyword_in_a_quotation_is_talk() -> None:
    """Quoted deeds raise nothing on the action channel."""
    alerts = run(
        *[entry(f"“An airstrike hit house {n} today,” said Ana Lind of the council.", name=str(n)) for n in range(4)]
    )

    assert levels(alerts, channel="action") == []


def test_boilerplate_is_counted_with_its_reason() -> None:
    """What was dropped before is told beside the score."""
    (alert,) = run(entry(STRIKE, excluded={"donation": 2, "newsletter": 1}))

    assert alert.data.suppressed == {"boilerplate": 3}


def test_a_headline_alone_reaches_no_use_of_force() -> None:
    """Whatever headlines say, level 4 needs a body; then it alerts."""
    state = MemoryState()
    headlines = [entry(f"Airstrike hits town {n}", name=str(n), kind=SegmentKind.HEADLINE) for n in range(5)]

    assert max((to for _, _, to in levels(run(*headlines, state=state))), default=0) <= 3
    assert levels(run(entry(STRIKE, name="body", minutes=1), state=state))[-1][2] == 4


@pytest.mark.parametrize("flag", ["is_recap", "is_baseline"])
def test_recap_and_baseline_alert_nothing(flag: str) -> None:
    """Summaries and what was there before count nothing."""
    assert run(entry(STRIKE, **{flag: True})) == []


def test_a_repeat_of_what_the_baseline_knew_counts_nothing() -> None:
    """A sentence of the baseline that another entry repeats is no news."""
    assert run(entry(STRIKE, name="old", is_baseline=True), entry(STRIKE, name="new", minutes=1)) == []


def test_the_same_sentence_counts_once_a_story() -> None:
    """Five outlets with one sentence give the evidence of one."""
    state, alone = MemoryState(), MemoryState()
    run(*[entry(STRIKE, name=str(n), source=f"outlet-{n}") for n in range(5)], state=state)
    run(entry(STRIKE, name="0"), state=alone)

    assert track(state) == track(alone)


def test_a_concept_counts_once_an_entry() -> None:
    """Two mentions of one concept in one entry weigh as one."""
    state = MemoryState()
    run(entry("An airstrike hit the port.\nThe airstrike burned two ships and a crane."), state=state)

    assert track(state).scores[3] == 950_000  # type: ignore[attr-defined]


def test_only_added_text_of_an_edit_scores() -> None:
    """An edit that adds a sentence adds that sentence's evidence and no more."""
    first = entry(CALM + "\n" + STRIKE, is_baseline=False, added=(Span(0, len(CALM)),))
    text = first.text + "\n" + DEAD
    second = msgspec.structs.replace(
        entry(text, minutes=5),
        revision=2,
        added=(Span(len(first.text) + 1, len(text)),),
        modified_at=NOON + timedelta(minutes=5),
    )

    assert run(first) == []
    alerts = run(first, second)
    assert levels(alerts) == [("alert", 0, 4)]
    assert {match.rule for match in alerts[0].data.matched} == {"soldiers_killed"}


def test_a_removed_sentence_is_withdrawn_from_the_score() -> None:
    """An edit that drops the sentence an alert rests on cancels it, with the evidence it cancels."""
    first = entry(STRIKE + "\n" + CALM)
    second = msgspec.structs.replace(
        entry(CALM, minutes=5), revision=2, added=(), modified_at=NOON + timedelta(minutes=5)
    )

    alert, cancel = run(first, second)

    assert cancel.data.msgtype is MessageType.CANCEL
    assert cancel.data.alert_id == alert.data.alert_id
    assert cancel.data.references == (alert.id,)
    assert (cancel.data.version, cancel.sequence) == (2, "0000000002")
    assert cancel.data.evidence == alert.data.evidence
    assert cancel.data.headline == f"Withdrawn: {alert.data.headline}"
    assert cancel.severitynumber == alert.severitynumber


def test_an_immaterial_edit_changes_nothing() -> None:
    """Surviving text keeps its evidence: no message, the same track."""
    state = MemoryState()
    first = entry(STRIKE)
    run(first, state=state)
    before = track(state)

    assert run(msgspec.structs.replace(first, revision=2, added=()), state=state) == []
    assert track(state) == before


def test_an_older_revision_does_nothing() -> None:
    """What is already known, or older, is ignored."""
    state = MemoryState()
    second = msgspec.structs.replace(entry(CALM), revision=2)
    run(second, state=state)
    values = dict(state.values)

    assert run(entry(STRIKE), second, state=state) == []
    assert state.values == values


def test_a_withdrawn_entry_cancels_its_alert_and_comes_back_as_reinstated() -> None:
    """Withdrawal cancels; the return of the entry is an update of the same alert."""
    one = entry(STRIKE)

    alert, cancel, back = run(one, withdrawn(one, minutes=5), reinstated(one, minutes=9))

    assert [m.data.msgtype.value for m in (alert, cancel, back)] == ["alert", "cancel", "update"]
    assert back.data.is_reinstated
    assert back.data.references == (alert.id, cancel.id)
    assert {m.data.alert_id for m in (alert, cancel, back)} == {alert.data.alert_id}


def test_new_evidence_after_a_cancel_is_a_new_alert() -> None:
    """A cancelled alert is not revived by another event."""
    one = entry(STRIKE)

    alerts = run(one, withdrawn(one, minutes=5), entry(STRIKE_2, name="two", minutes=60))

    assert levels(alerts) == [("alert", 0, 4), ("cancel", 0, 4), ("alert", 0, 4)]
    assert len({alert.data.alert_id for alert in alerts}) == 2


def test_a_cancelled_alert_is_not_revived_by_a_later_correction() -> None:
    """When another entry goes, the cancelled alert stays cancelled although a new one stands."""
    one, other = entry(STRIKE), entry("Riots broke out in three suburbs of Oldrava.", name="other", minutes=2)

    alerts = run(
        one, other, withdrawn(one, minutes=5), entry(STRIKE_2, name="two", minutes=60), withdrawn(other, minutes=70)
    )

    assert levels(alerts) == [("alert", 0, 4), ("cancel", 0, 4), ("alert", 0, 4)]


def test_falling_back_to_where_it_came_from_is_a_cancel() -> None:
    """An alert from level 1 to 4 whose evidence goes is cancelled when level 1 is what is left."""
    protest = "Thousands of demonstrators gathered and the police detained eleven people."
    more = "A march of protesters and more arrests; suspects were held after raids."
    strike = entry(STRIKE, name="c", minutes=2)

    alerts = run(
        entry(protest, name="a"),
        entry(more, name="b", minutes=1),
        entry("Riots broke out again.", name="d", minutes=1),
        strike,
        withdrawn(strike, minutes=9),
    )

    assert levels(alerts) == [("alert", 0, 1), ("alert", 1, 4), ("cancel", 1, 4)]


def test_other_evidence_keeps_the_alert() -> None:
    """Withdrawing one of two supports changes nothing that was told."""
    one, two = entry(STRIKE), entry(STRIKE_2, name="two", minutes=1)

    assert levels(run(one, two, withdrawn(one, minutes=5))) == [("alert", 0, 4)]


def test_a_lower_true_level_is_an_update() -> None:
    """The level falls to what is left, above where it came from: update with the true level."""
    posture = (
        "The ministry deployed 3,000 troops to the border and the state of emergency began; reservists were called up."
    )
    posture_2 = "Warships were sent to the strait: troops were deployed on the island and a curfew was imposed."
    two = entry(f"{STRIKE}\n{posture_2}", name="two", minutes=1)
    edited = msgspec.structs.replace(
        entry(posture_2, name="two", minutes=9),
        published_at=two.published_at,
        revision=2,
        added=(),
        modified_at=NOON + timedelta(minutes=9),
    )

    alerts = run(entry(posture, name="one"), two, edited)

    assert levels(alerts) == [("alert", 0, 4), ("update", 0, 3)]
    assert alerts[1].data.change is not None
    assert (alerts[1].data.change.was, alerts[1].data.change.now) == ("4", "3")
    assert alerts[1].data.headline.startswith("Corrected: Mobilisation (level 3, URGENT)")


def test_a_late_entry_counts_as_if_in_time() -> None:
    """Delivered three hours late, the state is that of punctual delivery."""
    one = entry(TENSE, name="one")
    late = entry(STRIKE, name="late", minutes=10)
    three = entry(CALM, name="three", minutes=200)
    in_time, out_of_time = MemoryState(), MemoryState()

    run(one, late, three, state=in_time)
    alerts = run(one, three, late, state=out_of_time)

    assert track(out_of_time) == track(in_time)
    assert levels(alerts) == [("alert", 0, 4)]
    assert alerts[0].time == late.published_at


def test_quiet_ends_the_episode_at_the_next_event() -> None:
    """Half of the threshold for six hours: told when an event shows that time has passed, at the time it ended."""
    alerts = run(entry(STRIKE), entry(CALM, name="two", minutes=11 * 60), entry(CALM, name="three", minutes=24 * 60))

    assert levels(alerts) == [("alert", 0, 4), ("alert", 4, 0)]
    ended = alerts[1]
    assert ended.type is AlertType.KEYWORD_DEESCALATED
    assert ended.data.headline == "De-escalation: Use of force (level 4) is over in “Border crisis”"
    assert alerts[0].data.alert_id in ended.data.why
    assert ended.time < NOON + timedelta(hours=24)
    assert ended.data.references == ()


def test_after_an_episode_the_level_alerts_again() -> None:
    """A new use of force after the quiet is a new alert with the next ordinal."""
    alerts = run(entry(STRIKE), entry(STRIKE_2, name="two", minutes=48 * 60))

    assert levels(alerts) == [("alert", 0, 4), ("alert", 4, 0), ("alert", 0, 4)]
    assert alerts[2].data.alert_id == alert_id("keyword", alerts[2].subject, 2, 1)


def test_the_gap_between_full_and_half_is_hysteresis() -> None:
    """Evidence that has been between 50 % and 100 % of the threshold for hours neither ends nor repeats the level."""
    alerts = run(
        entry(STRIKE), entry(CALM, name="two", minutes=7 * 60 + 30), entry(STRIKE_2, name="three", minutes=8 * 60)
    )

    assert levels(alerts) == [("alert", 0, 4)]


def test_an_agreed_ceasefire_ends_the_episode() -> None:
    """Two entries that tell of a ceasefire end it without waiting."""
    alerts = run(
        entry(STRIKE),
        entry("The two armies have agreed to a ceasefire from midnight.", name="b", minutes=10),
        entry("Tarvia withdrew its forces from the valley; the truce took effect.", name="c", minutes=20),
    )

    assert levels(alerts) == [("alert", 0, 4), ("alert", 4, 0)]
    assert "tell of de-escalation" in alerts[1].data.why


def test_a_ceasefire_that_failed_ends_nothing() -> None:
    """De-escalators must be asserted."""
    alerts = run(
        entry(STRIKE),
        entry("Neither army agreed to a ceasefire.", name="b", minutes=10),
        entry(
            "If the armies agreed to a ceasefire, the port could open; none withdrew its forces.", name="c", minutes=20
        ),
    )

    assert levels(alerts) == [("alert", 0, 4)]


def test_flash_is_proposed_and_never_sent() -> None:
    """Level 5 goes out as BULLETIN with a proposal."""
    alerts = run(
        entry("At least 45 people were killed in the attacks, the mayor said."),
        entry("Tarvia has declared war on its neighbour.", name="two", minutes=1),
    )

    top = alerts[-1]
    assert top.data.escalation is not None
    assert (top.data.escalation.to_level, top.data.escalation.proposed) == (5, "FLASH")
    assert top.severitytext == "BULLETIN"
    assert "level 5, BULLETIN, FLASH proposed" in top.data.headline


def test_talk_and_deed_have_ladders_of_their_own() -> None:
    """Threats move rhetoric, not action."""
    alerts = run(
        entry("The junta threatened to bomb the dam and vowed revenge; it spoke of an act of war."),
        entry("The general vowed to retaliate and threatened military action; he called it an act of war.", name="b"),
    )

    assert levels(alerts, channel="action") == []
    assert levels(alerts, channel="rhetoric") != []


def test_stories_do_not_mix() -> None:
    """Evidence of one story says nothing about another."""
    state = MemoryState()
    run(entry(TENSE), state=state)

    assert all(key.startswith("story_dam/") for key in state.values)
    assert levels(run(entry(STRIKE, name="x", story="story_other"), state=state)) == [("alert", 0, 4)]


def test_a_caption_counts_half() -> None:
    """A caption's term does not reach the threshold that a body's does."""
    assert levels(run(entry(STRIKE, kind=SegmentKind.CAPTION))) == []


def test_a_disaster_has_its_own_ladder() -> None:
    """Accidents and nature are no use of force; casualties alone start nothing."""
    crash = run(entry("A passenger plane crashed shortly after takeoff from Kest; rescuers searched for survivors."))

    assert levels(crash, ladder="disaster") == [("alert", 0, 4)]
    assert levels(crash) == []
    assert run(*[entry(f"{n} people were injured and {n} died.", name=str(n)) for n in range(2, 9)]) == []


def test_state_stays_bounded() -> None:
    """Years of entries leave a bounded state, and entries of two weeks ago are forgotten."""
    state = MemoryState()
    step = EscalationsStep()
    for n in range(1500):
        step.decide(
            state, entry(f"Airstrike {n} hit depot {n * 7} near village {n * 13}.", name=str(n), minutes=60 * n)
        )

    assert len(state.values) < 900
    story = state.get(story_key("story_dam"), StoryState)
    assert story is not None
    assert len(story.live.seen) == 256 * 24
    assert all(len(t.supporters) <= 24 and len(t.top) <= 12 and len(t.turns) <= 24 for t in story.live.tracks)


def test_evidence_of_an_entry_with_two_paragraphs_points_into_its_text() -> None:
    """Offsets are those of the whole entry's text, and the section is the segment's."""
    text = f"Live: the border\n{CALM}\n{STRIKE}"
    cut = len("Live: the border")
    segments = (
        Segment(kind=SegmentKind.HEADLINE, span=Span(0, cut)),
        Segment(kind=SegmentKind.BODY, span=Span(cut + 1, len(text))),
    )

    (alert,) = run(entry(text, segments=segments))

    (shown,) = alert.data.evidence
    assert text[shown.start : shown.end] == shown.exact == STRIKE
    assert shown.section == "body"
