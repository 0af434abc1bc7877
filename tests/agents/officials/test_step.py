"""The officials agent: first mentions once, withdrawn and told again, and claims that follow their entries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.officials.step import MAX_ENTRIES, MAX_VACANCIES, EntryState, OfficialsStep, StoryState
from agents.roles.step import RolesStep
from agents.step import MemoryState
from schemas.alert import Alert, AlertType, MessageType
from schemas.article import EntryRevision, EntryStatus
from schemas.codec import encode_state
from schemas.detection import RoleClaim, RoleEvent
from schemas.event import Event, Severity, Span
from tests.agents.officials.ministry import RECOGNISER, REGISTRY, entry
from tests.conftest import need_data


def run(*events: EntryRevision) -> list[Alert | RoleClaim]:
    state, step = MemoryState(), OfficialsStep(recogniser=RECOGNISER)
    return [out for event in events for out in step.decide(state, event)]


def lines(out: Sequence[Event]) -> list[tuple[str, str]]:
    return [(a.data.msgtype.value, a.data.headline) for a in out if isinstance(a, Alert)]


def claims(out: Sequence[Event]) -> list[RoleClaim]:
    return [c for c in out if isinstance(c, RoleClaim)]


FIRST = ("alert", "First mention: Mila Korda, president (Borduria)")


def test_first_mention_is_told_once_a_story() -> None:
    """A second entry with the same official tells nothing; another story does."""
    out = run(
        entry("Mila Korda arrived."),
        entry("Mila Korda left.", id="en_2", minutes=1),
        entry("Mila Korda slept.", id="en_3", story="story_2"),
    )
    assert lines(out) == [FIRST, FIRST]


def test_first_mention_alert_is_complete() -> None:
    """Type, severity, subject, times, evidence and official facts follow from entry and mention."""
    (told,) = run(entry("Then Mila Korda arrived."))
    assert isinstance(told, Alert)
    assert (told.type, told.severitynumber, told.subject) == (
        AlertType.OFFICIAL_FIRST_MENTION,
        Severity.NOTE,
        "story/story_1/person/korda",
    )
    assert (told.recordedtime - told.time, told.sequence) == (timedelta(seconds=30), "0000000001")
    assert [e.exact for e in told.data.evidence] == ["Mila Korda"]
    assert told.data.official is not None
    assert told.data.official.mention is not None
    assert told.data.official.mention.person_id == "korda"


def test_ambiguous_names_are_not_told() -> None:
    """A name that fits two persons raises no first mention."""
    assert run(entry("Pavel Lorn spoke between Borduria and Syldavia.")) == []


def test_title_without_name_is_not_told() -> None:
    """A post without a name is no first mention of its holder."""
    assert run(entry("The Bordurian president arrived.")) == []


def test_baseline_fills_state_silently() -> None:
    """Who was named in the baseline is not new afterwards."""
    assert run(entry("Mila Korda arrived.", is_baseline=True), entry("Mila Korda left.", id="en_2")) == []


def test_recap_tells_nothing_and_takes_nothing() -> None:
    """A recap neither alerts nor uses up the first mention of a later entry."""
    assert lines(run(entry("Mila Korda arrived.", is_recap=True), entry("Mila Korda left.", id="en_2"))) == [FIRST]


def test_only_added_text_tells() -> None:
    """An edit that keeps the name elsewhere does not make it new."""
    text = "Rain fell. Mila Korda arrived."
    assert run(entry(text, revision=2, added=(Span(0, 10),))) == []


def test_withdrawn_entry_cancels_and_return_reinstates() -> None:
    """The last entry that names the official is gone: cancel; it returns: update under the same id."""
    text = "Mila Korda arrived."
    out = run(
        entry(text),
        entry(text, revision=2, status=EntryStatus.WITHDRAWN, added=()),
        entry(text, revision=3, status=EntryStatus.REINSTATED, added=()),
    )
    alerts = [a for a in out if isinstance(a, Alert)]
    assert [a.data.msgtype for a in alerts] == [MessageType.ALERT, MessageType.CANCEL, MessageType.UPDATE]
    assert len({a.data.alert_id for a in alerts}) == 1
    assert [a.data.references for a in alerts] == [(), (alerts[0].id,), (alerts[0].id, alerts[1].id)]
    assert [a.data.is_reinstated for a in alerts] == [False, False, True]
    assert [a.sequence for a in alerts] == ["0000000001", "0000000002", "0000000003"]


def test_another_live_entry_keeps_the_first_mention() -> None:
    """A withdrawal changes nothing while another entry names the official."""
    out = run(
        entry("Mila Korda arrived."),
        entry("Mila Korda left.", id="en_2"),
        entry("Mila Korda arrived.", revision=2, status=EntryStatus.WITHDRAWN, added=()),
    )
    assert lines(out) == [FIRST]


def test_seen_revisions_and_older_ones_do_nothing() -> None:
    """The same revision again, and an older one, neither tell nor change state."""
    state, step = MemoryState(), OfficialsStep(recogniser=RECOGNISER)
    step.decide(state, entry("Rain fell.", revision=2))
    before = dict(state.values)
    assert step.decide(state, entry("Mila Korda arrived.", revision=1)) == []
    assert step.decide(state, entry("Rain fell.", revision=2)) == []
    assert state.values == before


def test_unlisted_official_is_told_once_whatever_stands_beside() -> None:
    """Somebody known by title and name is one person in the story."""
    out = run(
        entry("Interior Minister Jane Roe spoke."),
        entry("The Syldavian interior minister Jane Roe left.", id="en_2"),
    )
    assert lines(out) == [("alert", "First mention: Jane Roe, Interior Minister")]


def test_claim_subject_is_the_post() -> None:
    """The registry's post where it is known, else country and words of the post."""
    out = run(
        entry("Olu Feld will now command the Falcon Force."),
        entry("Jane Roe has been named Syldavian transport minister.", id="en_2"),
        entry("Jane Roe has been named transport minister of Syldavia.", id="en_3"),
    )
    assert [c.subject for c in claims(out)] == [
        "post/br/falcon-head",
        "post/sy/transport-minister",
        "post/sy/transport-minister",
    ]


def test_claim_id_survives_an_edit_and_the_claim_is_not_repeated() -> None:
    """An edit beside the sentence publishes no claim; a vanished sentence withdraws it under the same id."""
    told = "Jane Roe has been named transport minister."
    out = claims(
        run(
            entry(told),
            entry(f"It rained. {told}", revision=2, added=(Span(0, 10),)),
            entry("It rained.", revision=3, added=()),
        )
    )
    assert [(c.revision, c.is_withdrawn) for c in out] == [(1, False), (3, True)]
    assert len({c.claim_id for c in out}) == 1


def test_withdrawn_entry_withdraws_its_claims() -> None:
    """The claims of an entry go with it and come back with it."""
    told = "Jane Roe has been named transport minister."
    out = claims(
        run(
            entry(told),
            entry(told, revision=2, status=EntryStatus.WITHDRAWN, added=()),
            entry(told, revision=3, status=EntryStatus.REINSTATED, added=()),
        )
    )
    assert [c.is_withdrawn for c in out] == [False, True, False]


def test_succession_over_two_entries() -> None:
    """A replacement announced in one entry gives the outgoing person to the next."""
    out = claims(
        run(
            entry("A replacement for Qassum Solmani has been announced."),
            entry("General Olu Feld will now command the Falcon Force.", id="en_2", minutes=1),
        )
    )
    assert [(c.change.event, c.change.outgoing and c.change.outgoing.person_id) for c in out] == [
        (RoleEvent.SUCCEEDED, "qorim")
    ]


def test_open_posts_are_bounded() -> None:
    """However many posts fall open, the story keeps the latest."""
    state, step = MemoryState(), OfficialsStep(recogniser=RECOGNISER)
    for number in range(40):
        name = f"Jane Ro{chr(97 + number % 26)}{chr(98 + number // 26)}x"
        step.decide(state, entry(f"Transport Minister {name} resigned on Monday.", id=f"en_{number}"))
    story = state.get("story_1/officials", StoryState)
    assert story is not None
    assert len(story.vacancies) == MAX_VACANCIES


def test_the_oldest_entries_of_a_story_are_forgotten() -> None:
    """A bounded number is remembered; each one more writes no more state than those before it."""
    state, step = MemoryState(), OfficialsStep(recogniser=RECOGNISER)
    sizes: list[int] = []
    for number in range(MAX_ENTRIES + 40):
        before = dict(state.values)
        step.decide(state, entry("Mila Korda arrived.", id=f"en_{number}", minutes=number))
        changed = (value for key, value in state.values.items() if before.get(key) is not value)
        sizes.append(sum(len(encode_state(value)) for value in changed))

    kept = {key for key, value in state.values.items() if isinstance(value, EntryState)}
    assert kept == {f"story_1/officials/en_{number}" for number in range(40, MAX_ENTRIES + 40)}
    assert len(state.values) < MAX_ENTRIES + 40
    assert max(sizes[-40:]) < 1.2 * max(sizes[64:164])


def test_a_known_entry_is_not_entered_again() -> None:
    """Edits and withdrawals keep an entry's place among those remembered."""
    state, step = MemoryState(), OfficialsStep(recogniser=RECOGNISER)
    step.decide(state, entry("Mila Korda arrived."))
    step.decide(state, entry("Mila Korda left.", revision=2))
    step.decide(state, entry("Mila Korda left.", revision=3, status=EntryStatus.WITHDRAWN))

    story = state.get("story_1/officials", StoryState)
    assert story is not None
    assert story.entries == (0, 1)


TEXTS = st.sampled_from(
    [
        "Mila Korda arrived.",
        "Korda left with Greta Oldham.",
        "Interior Minister Jane Roe was sacked.",
        "A replacement for Qassum Solmani has been announced.",
        "Olu Feld will now command the Falcon Force.",
        "It rained.",
    ]
)
EVENTS = st.lists(
    st.builds(
        lambda text, number, revision, status, minutes: entry(
            text, id=f"en_{number}", revision=revision, status=status, minutes=minutes
        ),
        TEXTS,
        st.integers(1, 3),
        st.integers(1, 4),
        st.sampled_from(EntryStatus),
        st.integers(0, 90),
    ),
    max_size=12,
)


@given(EVENTS, st.integers(0, 12))
def test_replay_of_any_prefix_changes_nothing(events: list[EntryRevision], cut: int) -> None:
    """Running a prefix twice gives the same output and state as running it once, on both agents."""

    def outcome(log: list[EntryRevision]) -> tuple[list[bytes], dict[str, msgspec.Struct]]:
        state, officials, roles = MemoryState(), OfficialsStep(recogniser=RECOGNISER), RolesStep(REGISTRY)
        out: list[bytes] = []
        for event in log:
            for made in officials.decide(state, event):
                out.append(msgspec.json.encode(made))
                if isinstance(made, RoleClaim):
                    out += [msgspec.json.encode(alert) for alert in roles.decide(state, made)]
        return out, state.values

    first = outcome(events)
    assert outcome(events) == first
    latest: dict[str, EntryRevision] = {}
    for event in events[:cut]:
        if event.entry_id not in latest or event.revision > latest[event.entry_id].revision:
            latest[event.entry_id] = event
    kept = [e for e in events[:cut] if e is latest[e.entry_id]]
    assert outcome(kept)[0] == outcome([e for event in kept for e in (event, event)])[0]


@given(EVENTS)
def test_messages_of_an_alert_are_a_chain(events: list[EntryRevision]) -> None:
    """Versions rise by one, references hold all earlier messages, state keys begin with the story."""
    state, step = MemoryState(), OfficialsStep(recogniser=RECOGNISER)
    chains: dict[str, list[str]] = {}
    for event in events:
        for made in step.decide(state, event):
            if isinstance(made, Alert):
                chain = chains.setdefault(made.data.alert_id, [])
                assert (list(made.data.references), made.data.version) == (chain, len(chain) + 1)
                chain.append(made.id)
    assert all(key.startswith("story_1") for key in state.values)


def test_seed_page() -> None:
    """On the private page the expected officials are first mentions, each once, and one succession is told."""
    page = need_data("seed/live_blog_2020-01-03.txt").read_text("utf-8")
    at = datetime(2020, 1, 3, 12, tzinfo=UTC)
    state, officials, roles = MemoryState(), OfficialsStep(), RolesStep()
    named: list[str | None] = []
    changed: list[RoleEvent] = []
    for number, line in enumerate(filter(None, page.splitlines())):
        made = entry(line, id=f"en_{number}")
        made = msgspec.structs.replace(made, published_at=at, observed_at=at)
        for out in officials.decide(state, made):
            if isinstance(out, Alert):
                assert out.data.official is not None
                assert out.data.official.mention is not None
                named.append(out.data.official.mention.person_id)
            else:
                for told in roles.decide(state, out):
                    assert told.data.official is not None
                    assert told.data.official.change is not None
                    changed.append(told.data.official.change.event)
    expected = {
        "donald-trump",
        "mike-pompeo",
        "qassem-soleimani",
        "abu-mahdi-al-muhandis",
        "dominic-raab",
        "konstantin-kosachev",
        "esmail-ghaani",
        "ali-khamenei",
        "john-bolton",
    }
    assert expected <= set(named)
    assert set(named) - expected <= {"keir-starmer", "jeremy-corbyn", "hadi-al-ameri"}
    assert len(named) == len(set(named))
    assert sorted(changed) == [RoleEvent.KILLED, RoleEvent.SUCCEEDED]
