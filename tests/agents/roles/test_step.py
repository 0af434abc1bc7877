"""The roles agent: one alert a change, its status ladder, conflicts, withdrawals."""

from datetime import timedelta

from agents.roles.step import RolesStep
from agents.step import MemoryState
from schemas.alert import Alert, AlertType, MessageType
from schemas.detection import Person, RoleChange, RoleClaim, RoleEvent
from schemas.event import Severity, Span
from schemas.identity import claim_id
from tests.agents.officials.ministry import AT, REGISTRY


def person(name: str | None, id: str | None = None) -> Person | None:
    return Person(name=name, surface=name, person_id=id) if name else None


def claim(
    incoming: str | None = "Olu Feld",
    outgoing: str | None = None,
    event: RoleEvent = RoleEvent.APPOINTED,
    *,
    entry: str = "en_1",
    source: str = "example-news",
    revision: int = 1,
    minutes: int = 0,
    post_id: str | None = "br/falcon-head",
    incoming_id: str | None = None,
    **fields: object,
) -> RoleClaim:
    """A claim about the command of the Falcon Force."""
    change = RoleChange(
        event=event,
        cue=Span(0, 1),
        sentence=Span(0, 2),
        incoming=person(incoming, incoming_id),
        outgoing=person(outgoing),
        post="commander of the Falcon Force",
        post_id=post_id,
    )
    return RoleClaim(
        claim_id=claim_id(entry, "post/x", event.value, f"{incoming}/{outgoing}"),
        subject=f"post/{post_id}",
        entry_id=entry,
        revision=revision,
        story=f"story_of_{entry}",
        story_title=None,
        source=source,
        change=change,
        evidence=(),
        published_at=AT + timedelta(minutes=minutes),
        observed_at=AT + timedelta(minutes=minutes, seconds=30),
        **fields,  # type: ignore[arg-type]
    )


def run(*events: RoleClaim) -> list[Alert]:
    state, step = MemoryState(), RolesStep(REGISTRY)
    return [out for event in events for out in step.decide(state, event)]


def lines(out: list[Alert]) -> list[tuple[str, str]]:
    return [(a.data.msgtype.value, a.data.headline) for a in out]


SUCCEEDS = "Olu Feld succeeds Ada Pell as commander of the Falcon Force"


def test_a_succession_is_one_alert() -> None:
    """Both people and the post are in the headline; severity, subject and times follow from the claim."""
    (told,) = run(claim(outgoing="Ada Pell", event=RoleEvent.SUCCEEDED))
    assert (told.type, told.severitynumber, told.subject, told.data.headline) == (
        AlertType.OFFICIAL_ROLE_CHANGED,
        Severity.ADVISORY,
        "post/br/falcon-head",
        SUCCEEDS,
    )
    assert (told.time, told.recordedtime) == (AT, AT + timedelta(seconds=30))
    assert (told.data.story.id, told.sequence) == ("story_of_en_1", "0000000001")


def test_the_same_change_from_one_outlet_is_told_once() -> None:
    """Another entry, in another spelling, in another story of the same outlet: nothing."""
    assert len(run(claim("Olu Feld"), claim("Ollu Felld", entry="en_2"))) == 1


def test_a_second_origin_corroborates() -> None:
    """Two independent origins raise the status with one update, a third changes nothing."""
    out = run(claim(), claim(entry="en_2", source="other"), claim(entry="en_3", source="third"))
    assert [a.data.msgtype for a in out] == [MessageType.ALERT, MessageType.UPDATE]
    assert out[1].data.change is not None
    assert out[1].data.change.material == ("status",)
    assert out[1].data.official is not None
    assert out[1].data.official.change is not None
    assert out[1].data.official.change.status == "corroborated"
    assert out[1].data.sightings is not None
    assert out[1].data.sightings.independent_sources == 2


def test_one_agency_in_two_outlets_is_one_origin() -> None:
    """The agency credited is the origin, whoever carries it."""
    assert len(run(claim(origin="Wire"), claim(entry="en_2", source="other", origin="Wire"))) == 1


def test_a_fuller_telling_updates() -> None:
    """Whom the newcomer follows, learnt later, is an update of the same alert."""
    out = run(claim(), claim(outgoing="Ada Pell", event=RoleEvent.SUCCEEDED, entry="en_2"))
    assert lines(out) == [("alert", "Olu Feld appointed commander of the Falcon Force"), ("update", SUCCEEDS)]


def test_a_death_and_the_succession_are_told_once_each() -> None:
    """A killed holder and who follows are two alerts, however often they are told."""
    killed = RoleEvent.KILLED
    out = run(
        claim(None, "Ada Pell", killed),
        claim(None, "Ada Pell", RoleEvent.DIED, entry="en_2"),
        claim("Olu Feld", "Ada Pell", RoleEvent.SUCCEEDED, entry="en_3"),
        claim(None, "Ada Pell", killed, entry="en_4"),
        claim("Olu Feld", entry="en_5"),
    )
    assert lines(out) == [("alert", "Ada Pell, commander of the Falcon Force, killed"), ("alert", SUCCEEDS)]


def test_two_names_for_one_post_conflict() -> None:
    """Another newcomer within days is a conflict, told once."""
    out = run(claim(), claim("Rosa Pelt", entry="en_2"), claim("Rosa Pelt", entry="en_3"))
    assert [a.type for a in out] == [AlertType.OFFICIAL_ROLE_CHANGED, AlertType.OFFICIAL_ROLE_CONFLICT]
    assert out[1].data.headline == "Conflicting reports: Rosa Pelt appointed commander of the Falcon Force"


def test_a_successor_of_the_newcomer_is_no_conflict() -> None:
    """Who replaces the person named before follows; nothing is contradicted."""
    out = run(claim(), claim("Rosa Pelt", "Olu Feld", RoleEvent.SUCCEEDED, entry="en_2"))
    assert {a.type for a in out} == {AlertType.OFFICIAL_ROLE_CHANGED}


def test_an_appointment_to_a_post_held_for_years_is_a_conflict() -> None:
    """The deputy "appointed as the deputy": the record says otherwise, so no change is told."""
    out = run(claim("Ismat Qaari", incoming_id="ismat", post_id="br/falcon-deputy"))
    assert [a.type for a in out] == [AlertType.OFFICIAL_ROLE_CONFLICT]


def test_the_last_claim_withdrawn_cancels_and_its_return_reinstates() -> None:
    """Cancel only when no live claim is left; the return is an update of the same alert."""
    out = run(
        claim(),
        claim(entry="en_2"),
        claim(revision=2, is_withdrawn=True),
        claim(entry="en_2", revision=2, is_withdrawn=True),
        claim(revision=3),
    )
    assert lines(out) == [
        ("alert", "Olu Feld appointed commander of the Falcon Force"),
        ("cancel", "Withdrawn: Olu Feld appointed commander of the Falcon Force"),
        ("update", "Olu Feld appointed commander of the Falcon Force"),
    ]
    assert [a.data.is_reinstated for a in out] == [False, False, True]
    assert [a.data.references for a in out] == [(), (out[0].id,), (out[0].id, out[1].id)]
    assert len({a.data.alert_id for a in out}) == 1


def test_baseline_claims_fill_state_silently() -> None:
    """What was known at the start is not told later."""
    assert run(claim(is_baseline=True), claim(entry="en_2")) == []


def test_seen_and_older_claims_do_nothing() -> None:
    """The same claim again, an older revision, and the withdrawal of an unknown claim leave state alone."""
    state, step = MemoryState(), RolesStep(REGISTRY)
    step.decide(state, claim(revision=3))
    before = dict(state.values)
    assert step.decide(state, claim(revision=3)) == []
    assert step.decide(state, claim(revision=2, is_withdrawn=True)) == []
    assert step.decide(state, claim(entry="en_9", is_withdrawn=True)) == []
    assert state.values == before


def test_a_change_long_after_is_a_new_one() -> None:
    """The same person named again after months is told again, under another id."""
    out = run(claim(), claim(entry="en_2", minutes=60 * 24 * 60))
    assert [a.data.msgtype for a in out] == [MessageType.ALERT, MessageType.ALERT]
    assert len({a.data.alert_id for a in out}) == 2


def test_state_is_bounded() -> None:
    """However many changes and claims are told, the state keeps the latest."""
    state, step = MemoryState(), RolesStep(REGISTRY)
    for number in range(200):
        step.decide(
            state, claim(f"Olu Fe{chr(98 + number % 20)}d{number}", entry=f"en_{number}", minutes=number * 6000)
        )
        step.decide(state, claim("Rosa Pelt", entry=f"rp_{number}", minutes=0))
    (post,) = state.values.values()
    assert len(post.changes) <= 32  # type: ignore[attr-defined]
    assert all(len(change.claims) <= 64 for change in post.changes)  # type: ignore[attr-defined]
