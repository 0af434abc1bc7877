"""Alertmanager's model, one story at a time: groups, inhibition, silences, and corrections that arrive."""

from datetime import timedelta

import pytest

from agents.routing.story import Debt
from schemas.alert import AlertType, Change, MessageType, OfficialFacts, Status
from schemas.detection import MatchStatus, OfficialMention, TenureStatus
from schemas.event import Severity, Span
from schemas.identity import message_id
from schemas.routing import Notification, NotificationKind, Reason
from schemas.subscription import DEFAULT_INHIBITIONS, Filter, Matcher, MessageState, Operator, Silence, silence
from tests.agents.routing.builders import (
    a_speaker,
    a_statement,
    a_subscription,
    an_alert,
    cancelled,
    later,
    raised,
    replace,
    said,
    words_of,
)
from tests.agents.routing.desk import Desk, receipt
from tests.builders import NOON

ALL = a_subscription()
MINUTE = timedelta(minutes=1)


def shape(sent: list[Notification]) -> list[tuple[int, str, list[str]]]:
    """Seconds after noon, kind, and headlines of each notification."""
    return [
        (int((one.at - NOON).total_seconds()), one.kind.value, [item.headline for item in one.items]) for one in sent
    ]


def mute(*matchers: Matcher, minutes: int = 60, **settings: object) -> Silence:
    """A silence from noon on."""
    return silence(
        matchers=matchers or (Matcher("story", Operator.EQUAL, "story-1"),),
        author="jo",
        reason="known",
        starts_at=NOON,
        ends_at=NOON + minutes * MINUTE,
        **settings,
    )


EVERY_STATE = (MessageState.ALERT, MessageState.UPDATE, MessageState.CORRECTION)


# --- grouping


def test_messages_wait_and_go_together() -> None:
    """20 s after the first; then 120 s pass before the next of the group."""
    desk = Desk(ALL).alert(said("Jane Roe")).wait(5)
    desk.alert(said("Sam Poe", statement="st_2")).wait(20)
    desk.alert(said("Lee Coe", statement="st_3")).wait(300)
    assert [(at, len(headlines)) for at, _, headlines in shape(desk.sent)] == [(20, 2), (140, 1)]


def test_a_group_that_rested_waits_anew() -> None:
    """After the interval the next message opens a new group with its own wait."""
    desk = Desk(ALL).alert(said("Jane Roe")).wait(400).alert(said("Sam Poe", statement="st_2")).wait(60)
    assert [at for at, _, _ in shape(desk.sent)] == [20, 420]


def test_families_and_stories_are_groups_of_their_own() -> None:
    """group_by [story, family]."""
    desk = Desk(ALL).alert(said("Jane Roe"), said("Jane Roe", story="story-2"), raised(2)).wait(60)
    assert sorted(tuple(sorted(one.group.items())) for one in desk.sent) == [
        (("family", "keyword"), ("story", "story-1")),
        (("family", "statement"), ("story", "story-1")),
        (("family", "statement"), ("story", "story-2")),
    ]
    assert len({one.thread for one in desk.sent}) == 2


def test_bulletin_skips_the_wait_and_takes_the_group_along() -> None:
    """Severity BULLETIN leads, at once, also inside the interval."""
    first = said("Jane Roe")
    urgent = raised(4, alert_id="al_a")
    one_group = a_subscription(group_by=("story",))
    desk = Desk(one_group).alert(first, urgent)
    desk.wait(30).alert(raised(4, alert_id="al_b"))
    assert shape(desk.sent) == [(0, "message", ["Level 4", first.data.headline]), (30, "message", ["Level 4"])]
    assert [item.reason for item in desk.sent[0].items] == [Reason.SENT, Reason.GROUPED_INTO]
    assert (desk.sent[0].severity, desk.sent[0].headline) == (Severity.BULLETIN, "Level 4 (+1 more)")


def test_a_level_held_for_a_day_is_one_alert() -> None:
    """News does not keep firing: ticks and repeated records send nothing again."""
    alert = raised(3)
    desk = Desk(ALL).alert(alert)
    for _ in range(24):
        desk.wait(3600).alert(alert)
    assert len(desk.sent) == 1
    assert desk.withheld == []


def test_grouping_drops_nothing() -> None:
    """Five hundred alerts in irregular bursts: each goes out once."""
    desk = Desk(ALL)
    alerts = [said(f"Speaker {n}", statement=f"st_{n}") for n in range(500)]
    for n, alert in enumerate(alerts):
        desk.alert(alert).wait(n % 7)
    desk.run_out()
    told = [item.message_id for one in desk.sent for item in one.items]
    assert sorted(told) == sorted(alert.id for alert in alerts)


def test_step_of_a_waiting_alert_replaces_it() -> None:
    """The reader gets the latest message of an alert, once, as news; the earlier is closed as part of it."""
    first = said("Jane Roe")
    second = later(first, MessageType.UPDATE, headline="Now from 2 sources")
    desk = Desk(ALL).alert(first).wait(5).alert(second).wait(60)
    (told,) = desk.sent
    assert [(item.msgtype, item.headline) for item in told.items] == [(MessageType.ALERT, "Now from 2 sources")]
    assert shape(desk.sent)[0][0] == 20
    assert desk.reasons() == [(first.id, Reason.GROUPED_INTO)]


def test_notification_says_why() -> None:
    """Spans, the state before and after, and the route are in every item."""
    wanted = a_subscription(filter=Filter(keywords_any=("level",)))
    desk = Desk(wanted).alert(raised(3)).wait(60)
    explain = desk.sent[0].items[0].explain
    assert [(hit.condition, hit.where, hit.span) for hit in explain.hits] == [("keywords_any", "headline", Span(0, 5))]
    assert (explain.before, explain.after) == ("action: level 0", "action: level 3")
    assert explain.route == "group family=keyword, story=story-1"


# --- inhibition


def test_higher_level_mutes_the_lower_of_its_channel() -> None:
    """For ten minutes, in the same story and channel only."""
    desk = Desk(ALL).alert(raised(4)).wait(60)
    desk.alert(raised(3), raised(3, channel="rhetoric"), raised(3, story="story-2")).wait(200)
    desk.wait(400).alert(raised(2)).run_out()
    assert desk.reasons() == [(message_id("al_level_action_3", 1), Reason.INHIBITED)]
    assert desk.withheld[0].detail == "escalation-mutes-lower-levels"
    assert len(desk.sent) == 4


def first_mention(entry: str = "en_1") -> object:
    """Jane Roe is named for the first time."""
    mention = OfficialMention(
        span=Span(0, 8),
        surface="Jane Roe",
        name="Jane Roe",
        status=TenureStatus.CURRENT,
        match=MatchStatus.MATCHED,
        person_id="Q1",
    )
    return an_alert(
        AlertType.OFFICIAL_FIRST_MENTION,
        alert_id=f"al_mention_{entry}",
        official=OfficialFacts(mention=mention),
        evidence=(words_of("Jane Roe", entry=entry),),
    )


@pytest.mark.parametrize("is_statement_first", [True, False])
def test_statement_mutes_the_first_mention_of_its_speaker(is_statement_first: bool) -> None:
    """Whichever arrives first: topics are not ordered among each other, and the mention waits in its group."""
    pair = [said("Jane Roe", evidence=(words_of("The bridge is closed"),)), first_mention()]
    desk = Desk(ALL).alert(*(pair if is_statement_first else pair[::-1])).run_out()  # type: ignore[arg-type]
    assert [one.items[0].type for one in desk.sent] == [AlertType.STATEMENT_NEW]
    assert [one.reason for one in desk.withheld] == [Reason.INHIBITED]


def test_first_mention_elsewhere_or_for_other_readers_is_told() -> None:
    """Another entry is no echo; and who does not want statements is not robbed of the mention."""
    officials = a_subscription("officials", filter=Filter(types=(AlertType.OFFICIAL_FIRST_MENTION,)))
    statement = said("Jane Roe", evidence=(words_of("The bridge is closed"),))
    desk = Desk(ALL, officials).alert(statement, first_mention(), first_mention("en_2")).run_out()  # type: ignore[arg-type]
    mentions = [
        (one.subscription, item.alert_id) for one in desk.sent for item in one.items if "mention" in item.alert_id
    ]
    assert sorted(mentions) == sorted(
        [(officials.id, "al_mention_en_1"), (officials.id, "al_mention_en_2"), (ALL.id, "al_mention_en_2")]
    )


def test_what_was_withdrawn_mutes_nothing() -> None:
    """The level 4 was wrong: the level 3 behind it is news."""
    four = raised(4)
    desk = Desk(ALL).alert(four).wait(60).alert(cancelled(four), raised(3)).run_out()
    assert [one.items[0].headline for one in desk.sent] == ["Level 4", "Withdrawn: Level 4", "Level 3"]


# --- silences


def test_silence_stops_alerts_and_the_first_message_after_it_says_how_many() -> None:
    """Three were hidden, over two stories."""
    quiet = mute(Matcher("family", Operator.EQUAL, "statement"))
    desk = Desk(ALL, quiet)
    desk.alert(said("A"), said("B", statement="st_2"), said("C", story="story-2")).wait(3600)
    desk.alert(said("D", statement="st_4")).wait(60).alert(raised(2)).run_out()
    assert [one.hidden for one in desk.sent] == [3, 0]
    assert {(one.reason, one.detail) for one in desk.withheld} == {(Reason.SILENCED, quiet.id)}


def test_silence_after_the_alert_does_not_stop_its_cancel() -> None:
    """The all-clear arrives."""
    alert = said("Jane Roe")
    desk = Desk(ALL).alert(alert).wait(60)
    desk.book.put(mute(minutes=600))
    desk.alert(cancelled(alert))
    assert shape(desk.sent)[1:] == [(60, "correction", [f"Withdrawn: {alert.data.headline}"])]
    assert desk.sent[1].references == (alert.id,)


def test_silence_that_names_corrections_owes_them() -> None:
    """The debt is shown with its age and paid when the silence ends; delivered, it is gone."""
    alert = said("Jane Roe")
    desk = Desk(ALL).alert(alert).wait(60)
    desk.book.put(mute(minutes=30, states=EVERY_STATE))
    cancel = cancelled(alert)
    desk.alert(cancel).wait(60)
    debt = Debt(
        alert_id=alert.data.alert_id,
        message_id=cancel.id,
        since=NOON + MINUTE,
        alerted=1,
        reached=0,
        open=(ALL.id,),
        silenced=(ALL.id,),
    )
    assert desk.story.debts(desk.stories, "story-1") == (debt,)
    desk.wait(3600)
    assert shape(desk.sent)[1][:2] == (1800, "correction")
    assert desk.story.debts(desk.stories, "story-1") == (replace(debt, silenced=()),)
    assert desk.deliver().story.debts(desk.stories, "story-1") == ()


def test_silence_may_name_a_subscription_or_its_labels() -> None:
    """Muting one channel leaves the others."""
    night = a_subscription("night", labels={"team": "night"})
    desk = Desk(ALL, night, mute(Matcher("team", Operator.EQUAL, "night"))).alert(said()).wait(60)
    assert [one.subscription for one in desk.sent] == [ALL.id]


# --- corrections


def test_withdrawn_before_any_send_neither_goes_out() -> None:
    """Both messages are closed with the same reason."""
    alert = said("Jane Roe")
    desk = Desk(ALL).alert(alert).wait(5).alert(cancelled(alert)).run_out()
    assert desk.sent == []
    assert desk.reasons() == [
        (alert.id, Reason.WITHDRAWN_BEFORE_SEND),
        (cancelled(alert).id, Reason.WITHDRAWN_BEFORE_SEND),
    ]


def test_cancel_goes_to_who_was_told_and_nobody_else() -> None:
    """Not to who subscribed since; also to who has paused or asks for something else by now."""
    other = a_subscription("other", filter=Filter(speakers=("Jane Roe",)))
    alert = said("Jane Roe")
    desk = Desk(ALL, other).alert(alert).wait(60)
    desk.book.put(replace(ALL, is_paused=True))
    desk.book.put(replace(other, filter=Filter(stories=("story-9",))))
    desk.book.put(a_subscription("late"))
    desk.alert(cancelled(alert)).run_out()
    corrections = [one for one in desk.sent if one.kind is NotificationKind.CORRECTION]
    assert sorted(one.subscription for one in corrections) == sorted([ALL.id, other.id])
    assert {one.msgtype for one in corrections} == {MessageType.CANCEL}


def test_a_correction_finds_its_37_of_ten_thousand() -> None:
    """Exactly those who were told, in the order in which they were told, in the thread of what it corrects."""
    readers = [a_subscription(f"s{n}", filter=Filter(speakers=(f"Person {n}",))) for n in range(9_963)]
    wanted = [a_subscription(f"w{n}", filter=Filter(speakers=("Jane Roe",)), group_wait_s=0) for n in range(37)]
    alert = said("Jane Roe")
    desk = Desk(*readers, *wanted).alert(alert)
    desk.book.put(a_subscription("late", filter=Filter(speakers=("Jane Roe",))))

    desk.alert(later(alert, MessageType.UPDATE, "negation", headline="Corrected: not closed")).run_out()

    first, corrections = desk.sent[:37], desk.sent[37:]
    assert [one.subscription for one in corrections] == [one.subscription for one in first]
    assert {one.subscription for one in first} == {one.id for one in wanted}
    assert {(one.kind, one.references) for one in corrections} == {(NotificationKind.CORRECTION, (alert.id,))}
    assert [one.thread for one in corrections] == [one.thread for one in first]
    assert sum(debt.alerted - debt.reached for debt in desk.story.debts(desk.stories, alert.story)) == 37
    desk.deliver()
    assert desk.story.debts(desk.stories, alert.story) == ()


def test_material_update_skips_the_wait_and_reaches_who_was_told() -> None:
    """At once, with the earlier message as reference."""
    alert = said("Jane Roe")
    desk = Desk(ALL).alert(alert).wait(60)
    desk.alert(later(alert, MessageType.UPDATE, "negation", headline="Corrected: not closed"))
    assert shape(desk.sent)[1] == (60, "correction", ["Corrected: not closed"])
    assert (desk.sent[1].msgtype, desk.sent[1].references) == (MessageType.UPDATE, (alert.id,))


def test_second_source_is_a_step_not_a_correction() -> None:
    """A status that rises waits in its group and is subject to silences."""
    alert = said("Jane Roe")
    desk = Desk(ALL).alert(alert).wait(200)
    desk.alert(later(alert, MessageType.UPDATE, "status")).wait(60)
    assert [(at, kind) for at, kind, _ in shape(desk.sent)] == [(20, "message"), (220, "message")]
    assert desk.sent[1].msgtype is MessageType.UPDATE


def test_material_update_of_a_waiting_alert_is_the_only_message() -> None:
    """Nobody was told the wrong words; the right ones go out as news."""
    alert = said("Jane Roe")
    right = later(alert, MessageType.UPDATE, "negation", headline="Right")
    desk = Desk(ALL).alert(alert).wait(5).alert(right).run_out()
    assert shape(desk.sent) == [(20, "message", ["Right"])]
    assert desk.sent[0].msgtype is MessageType.ALERT
    assert desk.reasons() == [(alert.id, Reason.GROUPED_INTO)]


def test_reinstated_alert_reaches_who_was_told_and_who_was_spared() -> None:
    """An update for who got the cancel; news for whom neither message went out."""
    fast = a_subscription("fast", group_wait_s=0)
    alert = said("Jane Roe")
    desk = Desk(ALL, fast).alert(alert).wait(5).alert(cancelled(alert)).wait(5)
    desk.alert(later(alert, MessageType.UPDATE, "reinstated", version=3, headline="Back")).run_out()
    told = {id: [one.msgtype.value for one in desk.sent if one.subscription == id] for id in (ALL.id, fast.id)}
    assert told == {ALL.id: ["alert"], fast.id: ["alert", "cancel", "update"]}


def test_unknown_speaker_named_later_reaches_both_sides() -> None:
    """Who was told gets the update; who waits for that speaker gets an alert."""
    roe = a_subscription("roe", filter=Filter(speakers=("Jane Roe",)))
    alert = an_alert(statement=a_statement(a_speaker("He"), attribution="unresolved"), alert_id="al_s")
    desk = Desk(ALL, roe).alert(alert).wait(60)
    desk.alert(later(alert, MessageType.UPDATE, "speaker", statement=a_statement())).run_out()
    told = [(one.subscription, one.kind.value, one.msgtype.value) for one in desk.sent]
    assert told == [(ALL.id, "message", "alert"), (ALL.id, "correction", "update"), (roe.id, "message", "alert")]


@pytest.mark.parametrize("is_known_before", [False, True])
def test_misattribution(is_known_before: bool) -> None:
    """Old recipients: update if they want the new speaker too, else cancel; new matchers: an alert."""
    old = a_subscription("old", filter=Filter(speakers=("Jane Roe",)))
    both = a_subscription("both", filter=Filter(speakers=("Jane Roe", "Sam Poe")))
    new = a_subscription("new", filter=Filter(speakers=("Sam Poe",)))
    wrong, right = said("Jane Roe"), said("Sam Poe", statement="st_2")
    facts = replace(wrong.data.statement, superseded_by="st_2")  # type: ignore[type-var]
    cancel = cancelled(wrong, statement=facts)
    desk = Desk(old, both, new).alert(wrong).wait(60)
    for message in (right, cancel) if is_known_before else (cancel, right):
        desk.alert(message)
    desk.run_out()
    told = {sub.name: [(one.kind.value, one.msgtype.value) for one in desk.sent if one.subscription == sub.id]
            for sub in (old, both, new)}  # fmt: skip
    assert told == {
        "old": [("message", "alert"), ("correction", "cancel")],
        "both": [("message", "alert"), ("correction", "update")],
        "new": [("message", "alert")],
    }
    update = next(one for one in desk.sent if one.msgtype is MessageType.UPDATE)
    assert update.headline == f"Corrected attribution: {right.data.headline}"
    assert [item.message_id for item in update.items] == [cancel.id, right.id]
    assert set(desk.closed().values()) == {1}


def test_misattribution_without_a_new_speaker_is_a_cancel() -> None:
    """The alert that the cancel waits for does not come."""
    wrong = said("Jane Roe")
    facts = replace(wrong.data.statement, superseded_by="st_2")  # type: ignore[type-var]
    desk = Desk(ALL).alert(wrong).wait(60).alert(cancelled(wrong, statement=facts)).run_out()
    assert [(at, kind) for at, kind, _ in shape(desk.sent)] == [(20, "message"), (80, "correction")]
    assert desk.sent[1].msgtype is MessageType.CANCEL


def test_speaker_corrected_in_place() -> None:
    """Same alert, other speaker: a cancel for who wanted the first, an update for who wants either."""
    old = a_subscription("old", filter=Filter(speakers=("Jane Roe",)))
    wrong = said("Jane Roe")
    right = later(wrong, MessageType.UPDATE, "speaker", statement=a_statement(a_speaker("Sam Poe")), headline="Poe")
    desk = Desk(ALL, old).alert(wrong).wait(60).alert(right).run_out()
    told = {one.subscription: (one.msgtype.value, one.headline) for one in desk.sent[2:]}
    assert told == {ALL.id: ("update", "Poe"), old.id: ("cancel", f"Withdrawn: {wrong.data.headline}")}


def test_completeness_is_counted_to_the_last_recipient() -> None:
    """Three were told, three must hear of the correction; a parked endpoint stays owed, a later success settles."""
    subscriptions = [a_subscription(f"sub {n}") for n in range(3)]
    alert = said("Jane Roe")
    desk = Desk(*subscriptions).alert(alert).wait(60).alert(cancelled(alert))
    one, two, three = desk.sent[3:]
    desk.story.on_receipt(desk.stories, receipt(one))
    desk.story.on_receipt(desk.stories, receipt(one))
    desk.story.on_receipt(desk.stories, receipt(two, Reason.ENDPOINT_PARKED))
    (debt,) = desk.story.debts(desk.stories, "story-1")
    assert (debt.alerted, debt.reached, len(debt.open)) == (3, 1, 2)
    desk.story.on_receipt(desk.stories, receipt(two))
    desk.story.on_receipt(desk.stories, receipt(three))
    assert desk.story.debts(desk.stories, "story-1") == ()


def test_correction_for_a_removed_subscription_is_closed() -> None:
    """Nobody is there any more: said so, and no debt for ever."""
    alert = said("Jane Roe")
    desk = Desk(ALL).alert(alert).wait(60)
    desk.book.remove(ALL.id)
    desk.alert(cancelled(alert))
    assert desk.reasons() == [(cancelled(alert).id, Reason.ENDPOINT_DISABLED)]
    assert desk.story.debts(desk.stories, "story-1") == ()


# --- who and when


@pytest.mark.parametrize(
    ("change", "detail"),
    [({"is_paused": True}, "subscription paused"), ({"expires_at": NOON + MINUTE / 6}, "subscription expired")],
)
def test_subscription_that_ends_while_a_message_waits(change: dict[str, object], detail: str) -> None:
    """It gets nothing more, with the reason."""
    desk = Desk(ALL).alert(said())
    desk.book.put(replace(ALL, **change))
    desk.run_out()
    assert [(one.reason, one.detail) for one in desk.withheld] == [(Reason.NO_MATCH, detail)]
    assert desk.book.why(ALL.id, said(), desk.now).condition == detail.split()[1]


def test_replay_is_refused_unless_the_run_names_the_channel() -> None:
    """History is not news."""
    old = said(status=Status.REPLAY)
    refused, named = Desk(ALL).alert(old).run_out(), Desk(ALL, replays=frozenset({"slack"})).alert(old).run_out()
    assert (refused.sent, [one.reason for one in refused.withheld]) == ([], [Reason.REPLAY_REFUSED])
    assert named.sent[0].headline.startswith("[REPLAY] ")


def test_drill_is_marked_and_kept_apart() -> None:
    """It is marked in every line, grouped alone, and mutes nothing real."""
    drill = raised(4, status=Status.DRILL)
    desk = Desk(a_subscription(group_by=())).alert(drill, raised(3), said()).run_out()
    assert [(one.status.value, one.headline) for one in desk.sent] == [
        ("drill", "[DRILL] Level 4"),
        ("actual", "Level 3 (+1 more)"),
    ]


def test_older_message_behind_a_newer_one_is_not_told() -> None:
    """Told late, it would be wrong again."""
    alert = said("Jane Roe")
    third = later(alert, MessageType.UPDATE, headline="Third", version=3)
    desk = Desk(ALL).alert(alert).wait(60).alert(third).wait(200)
    late = later(alert, MessageType.UPDATE, headline="Second", version=2)
    desk.alert(late).run_out()
    assert desk.reasons() == [(late.id, Reason.DUPLICATE)]


def test_rules_can_be_changed() -> None:
    """Without rules nothing is muted."""
    desk = Desk(ALL, rules=()).alert(raised(4), raised(3)).run_out()
    assert sum(len(one.items) for one in desk.sent) == 2
    assert len(DEFAULT_INHIBITIONS) == 2


def test_change_is_told_as_before_and_after() -> None:
    """A correction explains itself by was and now."""
    alert = said("Jane Roe")
    desk = Desk(ALL).alert(alert).wait(60).alert(cancelled(alert))
    explain = desk.sent[1].items[0].explain
    assert alert.data.change is None
    assert Change(was=explain.before, now=explain.after, material=()) == Change(was="before", now="after", material=())


def test_newer_correction_takes_over_the_older_debt() -> None:
    """Who is owed the second is no longer owed the first."""
    alert = said("Jane Roe")
    first, second = (later(alert, MessageType.UPDATE, "number", version=n) for n in (2, 3))
    desk = Desk(ALL).alert(alert).wait(60).alert(first, second)
    assert [(debt.message_id, debt.open) for debt in desk.story.debts(desk.stories, "story-1")] == [
        (second.id, (ALL.id,))
    ]


def test_step_does_not_overtake_a_correction_that_is_held() -> None:
    """A silence that names corrections only: the step takes the correction's place and is owed in its stead."""
    alert = said("Jane Roe")
    fix = later(alert, MessageType.UPDATE, "number", headline="Fixed")
    step = later(alert, MessageType.UPDATE, version=3, headline="Fixed, from 2 sources")
    desk = Desk(ALL).alert(alert).wait(60)
    desk.book.put(mute(minutes=30, states=(MessageState.CORRECTION,)))
    desk.alert(fix).wait(300).alert(step).run_out()
    assert shape(desk.sent)[1:] == [(1800, "correction", ["Fixed, from 2 sources"])]
    assert desk.reasons() == [(fix.id, Reason.GROUPED_INTO)]


def test_old_alerts_are_forgotten_but_never_a_waiting_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger of a story is bounded; what waits in a group still goes out."""
    monkeypatch.setattr("agents.routing.ledger.MAX_ALERTS", 3)
    slow = a_subscription("slow", group_wait_s=3600, filter=Filter(speakers=("Speaker 0",)))
    alerts = [said(f"Speaker {n}", statement=f"st_{n}") for n in range(6)]
    desk = Desk(ALL, slow)
    for alert in alerts:
        desk.alert(alert).wait(200)
    known = [key for key in desk.stories.values if "/alert/" in key]
    assert sorted(known) == sorted(f"story-1/routing/alert/{alerts[n].data.alert_id}" for n in (0, 4, 5))
    desk.run_out()
    assert [one.items[0].message_id for one in desk.sent if one.subscription == slow.id] == [alerts[0].id]


@pytest.mark.parametrize("ending", ["successor cancelled", "both turned", "silence ends"])
def test_misattribution_that_a_silence_holds(ending: str) -> None:
    """Whatever becomes of the new speaker meanwhile, nobody is told what is withdrawn, and every way ends once."""
    wrong, right = said("Jane Roe"), said("Sam Poe", statement="st_2")
    facts = replace(wrong.data.statement, superseded_by="st_2")  # type: ignore[type-var]
    desk = Desk(ALL).alert(wrong).wait(60)
    desk.book.put(mute(minutes=30, states=(MessageState.CORRECTION,)))
    desk.alert(cancelled(wrong, statement=facts), right).wait(60)
    if ending != "silence ends":
        desk.alert(cancelled(right)).wait(60)
    if ending == "both turned":
        desk.alert(later(wrong, MessageType.UPDATE, "reinstated", version=3, headline="Back"))
    desk.run_out()
    told = [[item.headline for item in one.items] for one in desk.sent[1:]]
    assert (
        told
        == {
            "successor cancelled": [[f"Withdrawn: {wrong.data.headline}"]],
            "both turned": [["Back"]],
            "silence ends": [[f"Corrected attribution: {right.data.headline}", right.data.headline]],
        }[ending]
    )
    assert set(desk.closed().values()) == {1}
