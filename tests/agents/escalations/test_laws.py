"""Laws of the escalations step over generated histories."""

from copy import deepcopy

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.escalations.state import StoryState, story_key
from agents.escalations.step import EscalationsStep
from agents.step import MemoryState
from schemas.article import EntryRevision
from schemas.codec import decode_state, encode, encode_state
from tests.agents.escalations.builders import CALM, DEAD, STRIKE, STRIKE_2, entry, withdrawn

TEXTS = (
    STRIKE,
    STRIKE_2,
    DEAD,
    CALM,
    "Tensions rise and the ambassador was summoned; both sides issued threats.",
    "“An airstrike hit us,” said Ana Lind. Troops were deployed to the border.",
    "The two armies have agreed to a ceasefire from midnight.",
    "At least 45 people were killed in the attacks; Tarvia has declared war on its neighbour.",
    "A powerful earthquake struck the coast; thousands were evacuated.",
    "No airstrike took place, the ministry said.",
)


@st.composite
def histories(draw: st.DrawFn) -> list[EntryRevision]:
    """Entries of one story, in any order of time."""
    count = draw(st.integers(1, 8))
    return [
        entry(
            draw(st.sampled_from(TEXTS)) + f"\nPost {n} came at {n}.", name=str(n), minutes=draw(st.integers(0, 3000))
        )
        for n in range(count)
    ]


def play(entries: list[EntryRevision]) -> tuple[MemoryState, list[bytes]]:
    """State and encoded alerts."""
    state, step = MemoryState(), EscalationsStep()
    return state, [encode(alert) for one in entries for alert in step.decide(state, one)]


def tracks(state: MemoryState) -> object:
    """What the evidence amounts to, without what was told."""
    story = state.get(story_key("story_dam"), StoryState)
    return story.live if story else None


@settings(max_examples=60)
@given(histories(), st.integers(0, 8))
def test_a_replay_of_any_prefix_changes_nothing(entries: list[EntryRevision], count: int) -> None:
    """Entries that come again are ignored; equal input gives equal bytes."""
    state, alerts = play(entries)
    before = deepcopy(state.values)
    step = EscalationsStep()

    again = [alert for one in entries[:count] for alert in step.decide(state, one)]

    assert again == []
    assert state.values == before
    assert play(entries) == (state, alerts) or play(entries)[1] == alerts


@settings(max_examples=80)
@given(histories(), st.data())
def test_withdrawn_evidence_was_never_there(entries: list[EntryRevision], data: st.DataObject) -> None:
    """After a withdrawal and one more event, scores and levels are those of a story without the entry."""
    gone = data.draw(st.sampled_from(entries))
    last = entry(CALM, name="last", minutes=3001)
    with_it, _ = play([*entries, withdrawn(gone, minutes=3000), last])
    without, _ = play([one for one in entries if one is not gone] + [last])

    assert _comparable(tracks(with_it)) == _comparable(tracks(without))


@settings(max_examples=60)
@given(histories(), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(entries: list[EntryRevision], random: object) -> None:
    """With distinct event times, late entries lead to the state of punctual ones."""
    spread = [
        msgspec.structs.replace(one, published_at=one.published_at.replace(second=n, microsecond=0))
        for n, one in enumerate(entries)
    ]
    shuffled = list(spread)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert _comparable(tracks(play(shuffled)[0])) == _comparable(
        tracks(play(sorted(spread, key=lambda one: one.published_at))[0])
    )


def _comparable(live: object) -> object:
    """Tracks that hold anything; one that decayed to nothing equals none."""
    assert live is not None
    return [t for t in live.tracks if any(t.scores) or t.level or t.turns or t.calm]  # type: ignore[attr-defined]


@settings(max_examples=60)
@given(histories())
def test_every_message_is_honest(entries: list[EntryRevision]) -> None:
    """Spans slice to their words, references point to earlier messages, sequences rise."""
    state, step = MemoryState(), EscalationsStep()
    texts = {one.entry_id: one.text for one in entries}
    alerts = [alert for one in entries for alert in step.decide(state, one)]
    alerts += [alert for one in entries[::2] for alert in step.decide(state, withdrawn(one, minutes=4000))]
    sent: list[str] = []
    for alert in alerts:
        for shown in alert.data.evidence:
            assert texts[shown.entry][shown.start : shown.end] == shown.exact
        for match in alert.data.matched:
            where = alert.data.evidence[match.evidence]
            assert all(where.start <= span.start < span.end <= where.end for span in match.spans)
        assert set(alert.data.references) <= set(sent)
        assert (alert.data.msgtype.value == "alert") == (not alert.data.references)
        assert len(alert.data.evidence) <= 5
        sent.append(alert.id)
    assert len(set(sent)) == len(sent)
    assert [alert.sequence for alert in alerts] == sorted(alert.sequence for alert in alerts)


@settings(max_examples=40)
@given(histories())
def test_state_survives_its_encoding(entries: list[EntryRevision]) -> None:
    """Every stored value comes back equal."""
    state, _ = play(entries)

    assert all(decode_state(type(value), encode_state(value)) == value for value in state.values.values())


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_taken(text: str, is_recap: bool) -> None:
    """No text raises."""
    EscalationsStep().decide(MemoryState(), entry(text or "x", is_recap=is_recap))
