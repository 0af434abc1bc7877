"""Laws of the statements step over arbitrary histories of a story."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.statements.turn import Settings
from agents.step import MemoryState
from schemas import identity
from schemas.alert import Alert, MessageType
from schemas.article import EntryRevision
from schemas.codec import decode, encode
from tests.agents.statements.newsroom import Newsroom

_WORDS = (
    "We will open the flood gates before the morning",
    "We will not open the flood gates before the morning",
    "We will open the flood gates before the morning, because the boats are still out",
    "the flood gates before the morning",
    "Nobody asked the 30 fishermen of Delta Point",
    "Nobody asked the 3 fishermen of Delta Point",
    "The lamps of the pier are out",
)
_SPEAKERS = ("Ana Brook", "Brook", "Otto Reed", "?", "~a senior diplomat", "Ana Brook (again)", "Otto Reed (years ago)")
_LINES = st.one_of(
    st.builds("{}: “{}”".format, st.sampled_from(_SPEAKERS), st.sampled_from(_WORDS)),
    st.builds("{} said {}".format, st.sampled_from(_SPEAKERS[:3]), st.sampled_from(_WORDS)),
    st.builds("# {}: “{}”".format, st.sampled_from(_SPEAKERS[:3]), st.sampled_from(_WORDS)),
    st.just("Rain fell."),
)
_TEXTS = st.lists(_LINES, max_size=4).map("\n".join)
_ENTRIES = st.sampled_from(["en_1", "en_2", "en_3"])
_ACTIONS = st.lists(
    st.tuples(
        _ENTRIES,
        st.one_of(
            st.tuples(st.sampled_from(["publish", "publish", "baseline", "recap"]), _TEXTS),
            st.tuples(st.sampled_from(["kill", "reinstate"]), st.just("")),
        ),
    ),
    max_size=12,
)
_EVERYTHING = Settings(has_corroborated=True, has_reiterated=True)


def play(actions: list[tuple[str, tuple[str, str]]]) -> tuple[Newsroom, list[EntryRevision]]:
    """Run a history; returns the newsroom and the revisions in order."""
    room = Newsroom(settings=_EVERYTHING)
    history: list[EntryRevision] = []
    for entry, (what, text) in actions:
        known = entry in room.entries
        if what in ("kill", "reinstate"):
            if not known:
                continue
            (room.kill if what == "kill" else room.reinstate)(entry)
        else:
            source = f"outlet-{entry}"
            room.publish(
                text, entry=entry, source=source, is_baseline=what == "baseline" and not known, is_recap=what == "recap"
            )
        history.append(room.entries[entry])
    return room, history


@given(_ACTIONS, st.integers(0, 12))
def test_replaying_any_prefix_changes_nothing(actions: list[tuple[str, tuple[str, str]]], size: int) -> None:
    """Revisions that were decided before are silent and leave every value of the state as it was."""
    room, history = play(actions)
    before = dict(room.state.values)

    again = [room.step.decide(room.state, entry) for entry in history[:size]]

    assert not any(again)
    assert room.state.values == before


@given(_ACTIONS)
def test_equal_histories_give_equal_messages(actions: list[tuple[str, tuple[str, str]]]) -> None:
    """Two runs over one history send the same bytes in the same order, also through encoded revisions."""
    room, history = play(actions)
    state = MemoryState()

    again = [alert for entry in history for alert in room.step.decide(state, decode(EntryRevision, encode(entry)))]

    assert [encode(alert) for alert in again] == [encode(alert) for alert in room.alerts]
    assert state.values == room.state.values


@given(_ACTIONS)
def test_the_messages_of_an_alert_are_one_chain(actions: list[tuple[str, tuple[str, str]]]) -> None:
    """Versions count up from an alert; references are complete; after a cancel only a reinstating update follows."""
    room, _ = play(actions)

    chains: dict[str, list[Alert]] = {}
    for alert in room.alerts:
        chains.setdefault(alert.data.alert_id, []).append(alert)
    for alert_id, chain in chains.items():
        assert [one.data.version for one in chain] == list(range(1, len(chain) + 1))
        assert [one.data.msgtype is MessageType.ALERT for one in chain] == [True] + [False] * (len(chain) - 1)
        for i, one in enumerate(chain):
            assert one.id == identity.message_id(alert_id, i + 1)
            assert one.data.references == tuple(other.id for other in chain[:i])
            assert one.severitynumber >= chain[0].severitynumber
            if i and chain[i - 1].data.msgtype is MessageType.CANCEL:
                assert (one.data.msgtype, one.data.is_reinstated) == (MessageType.UPDATE, True)


@given(_ACTIONS)
def test_every_message_can_be_checked_against_the_text_it_names(actions: list[tuple[str, tuple[str, str]]]) -> None:
    """Evidence slices to its words in the revision whose hash it gives; ids are unique; the sequence has no gaps."""
    room, history = play(actions)
    texts = {(entry.entry_id, entry.revision): entry for entry in history}

    for alert in room.alerts:
        assert alert.data.evidence
        for one in alert.data.evidence:
            entry = texts[one.entry, one.revision]
            assert one.text_sha256 == entry.text_sha256
            assert entry.text[one.start : one.end] == one.exact
    assert len({alert.id for alert in room.alerts}) == len(room.alerts)
    assert [int(alert.sequence) for alert in room.alerts] == list(range(1, len(room.alerts) + 1))


_NOISE = st.lists(
    st.sampled_from(
        [
            lambda text: text.replace("’", "'"),
            lambda text: text.replace("“", '"').replace("”", '"'),
            lambda text: text.replace(", ", " – "),
            lambda text: text.replace(" ", "  "),
            lambda text: text.replace(" ", "\u00a0", 3),
            lambda text: text.replace("”", ".”"),
            lambda text: text.replace("gates", "GATES"),
            lambda text: text.replace("the", "the\u200b"),
            lambda text: text + " ",
        ]
    ),
    min_size=1,
    max_size=5,
)


@given(st.lists(_NOISE, min_size=1, max_size=20))
@settings(max_examples=50)
def test_typographic_noise_never_alerts(edits: list[list[object]]) -> None:
    """Twenty edits of quotation marks, dashes, spaces, case and full stops: no message."""
    text = "Ana Brook: “We won’t open the flood gates, not before the morning”\nOtto Reed: “The 30 boats are out, all”"
    room = Newsroom()
    room.publish(text)

    for edit in edits:
        for change in edit:
            text = change(text)  # type: ignore[operator]
        assert room.publish(text) == []
    assert len(room.alerts) == 2


@given(st.text(max_size=60), st.text(max_size=60))
@pytest.mark.parametrize("name", ["Ana Brook", "?"])
def test_no_words_make_the_step_raise(name: str, one: str, other: str) -> None:
    """Any Unicode text, lone surrogates included, can be said and edited."""
    room = Newsroom()
    for text in (one, other, one + "\ud800", ""):
        room.publish(f"{name}: “{text}”\nRain fell.")
    room.kill()
    room.reinstate()
