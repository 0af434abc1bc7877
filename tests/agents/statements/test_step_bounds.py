"""What a story may cost: how much is remembered, how much one statement rewrites."""

from collections.abc import Iterable
from datetime import timedelta

import msgspec
import pytest

from agents.statements import alerts, state, turn
from agents.statements.findings import Found
from agents.statements.fingerprint import KEPT, ROWS, fingerprint
from agents.statements.novelty import Setting, Verdict
from agents.statements.state import CANDIDATES, OTHERS, Known, Limits, Record
from agents.statements.voices import Voice
from agents.step import MemoryState
from schemas.article import EntryRevision
from schemas.codec import encode, encode_state
from schemas.detection import Evidence
from schemas.event import Span
from tests.agents.statements.newsroom import NOON, Newsroom, told


def _say(number: int) -> str:
    words = [f"{stem}{number * 7 + i}" for i, stem in enumerate(("gates", "lamps", "boats", "ropes", "sails"))]
    return f"Ana Brook: “The {' and '.join(words)} are ready”"


def test_a_story_remembers_a_bounded_number_of_statements_the_oldest_go_first() -> None:
    """Beyond the limit the oldest statement is forgotten, and may then be new again."""
    room = Newsroom(limits=Limits(statements=20))
    for number in range(30):
        room.publish(_say(number), entry=f"en_{number}")

    assert len(room.statements()) == 20
    assert room.publish(_say(29), entry="en_new") == []
    assert room.publish(_say(10), entry="en_newer") == []


def test_entries_that_only_repeat_do_not_pile_up() -> None:
    """Entries are bounded with the statements."""
    room = Newsroom(limits=Limits(statements=20))
    for number in range(300):
        room.publish(_say(0), entry=f"en_{number}")

    assert len(room.state.values) < 110


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """Fourteen days of event time after it, a statement is out of the scope of new."""
    room = Newsroom()
    room.publish(_say(1), entry="en_1")
    room.clock = NOON + timedelta(days=15)
    room.publish(_say(2), entry="en_2")

    assert len(room.statements()) == 1


def test_one_statement_more_rewrites_little() -> None:
    """In a story of a thousand statements, one more writes its own values, one block and the head."""

    class Counting(MemoryState):
        written: int = 0
        keys: int = 0

        def put(self, key: str, value: msgspec.Struct | None) -> None:
            super().put(key, value)
            self.keys += 1
            self.written += len(encode_state(value)) if value is not None else 0

    room = Newsroom()
    counting = Counting()
    room.state = counting
    for number in range(1000):
        room.publish(_say(number), entry=f"en_{number}")
    counting.keys = counting.written = 0

    room.publish(_say(2000), entry="en_new")

    assert counting.keys <= 8
    assert counting.written <= 30_000


def test_the_index_finds_what_a_large_story_knows() -> None:
    """Among hundreds of statements the copy, the fragment and the altered one are still recognised."""
    room = Newsroom()
    for number in range(400):
        room.publish(_say(number), entry=f"en_{number}")
    before = len(room.alerts)

    room.publish(_say(7), entry="copy")
    room.publish("Brook: “gates1400 and lamps1401 and boats1402 and ropes1403 and”", entry="fragment")
    (altered,) = room.publish(_say(300).replace("are", "are not"), entry="altered")

    assert len(room.alerts) == before + 1
    assert altered.data.statement is not None
    assert altered.data.statement.differs_from == room.alerts[300].data.statement.id  # type: ignore[union-attr]


def test_equal_words_of_many_do_not_crowd_out_the_speaker() -> None:
    """Where dozens say the same few words, the one who says them again is still recognised."""
    room = Newsroom()
    for number in range(60):
        room.publish(f"Speaker{number} Alderby{number}: “Our thoughts are with the drowned”", entry=f"en_{number}")
    before = len(room.alerts)

    again = [
        alert
        for number in range(40)
        for alert in room.publish(
            f"Speaker{number} Alderby{number}: “Our thoughts are with the drowned”", entry=f"again_{number}"
        )
    ]

    assert before > 50
    assert again == []


def test_a_page_of_any_length_costs_the_same_a_quotation(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one statement looks at is bounded by what a story remembers, not by what stands on the page."""
    postings: list[int] = []
    compared: list[int] = []
    segments: list[int] = []
    look_up, judge_all, show = state.likeliest, turn.judge, alerts.evidence

    def looking(blocks: Iterable[tuple[int, bytes]], hashes: tuple[int, ...], most: int) -> list[int]:
        found = list(blocks)
        postings.append(sum(len(packed) for _, packed in found))
        return look_up(found, hashes, most)

    def judging(item: Found, candidates: list[Known], setting: Setting) -> Verdict:
        compared.append(len(candidates))
        return judge_all(item, candidates, setting)

    def showing(entry: EntryRevision, span: Span) -> Evidence:
        segments.append(len(entry.segments))
        return show(entry, span)

    monkeypatch.setattr(state, "likeliest", looking)
    monkeypatch.setattr(turn, "judge", judging)
    monkeypatch.setattr(alerts, "evidence", showing)
    room = Newsroom(limits=Limits(statements=ROWS))
    page = "\n".join(_say(number) for number in range(8 * ROWS))
    told_first = room.publish(page)
    room.publish(page.replace("are ready", "are all gone"))

    assert len(told_first) == 8 * ROWS
    assert max(compared) <= CANDIDATES + OTHERS
    assert max(postings) <= 3 * ROWS * KEPT * 3  # three blocks, three bytes a posting
    assert max(segments) == 1
    assert len(room.statements()) == ROWS
    assert len(encode_state(room.state.values["story_1/en/en_1"])) < 200 * ROWS


def test_what_comes_and_goes_within_one_page_is_never_written() -> None:
    """Statements forgotten before the end of a decision leave no deletion behind."""

    class Counting(MemoryState):
        written: list[str] = []

        def put(self, key: str, value: msgspec.Struct | None) -> None:
            super().put(key, value)
            self.written.append(key)

    room = Newsroom(limits=Limits(statements=20))
    counting = Counting()
    room.state = counting
    room.publish("\n".join(_say(number) for number in range(3 * ROWS)))

    assert len(counting.written) == len(counting.values)


def test_an_alert_stays_below_twenty_kilobytes() -> None:
    """A quotation of any length, in any script, makes a message of bounded size."""
    room = Newsroom()
    text = "Ana Brook: “" + "長い引用 " * 20_000 + "”"
    (alert,) = room.publish(text)
    (update,) = room.publish(text.replace("長い引用", "not 長い引用", 1))

    assert len(encode(alert)) < 20_000
    assert len(encode(update)) < 20_000
    assert told([alert, update]) == [("new", "alert"), ("corrected", "update")]


def test_sightings_beyond_the_kept_ones_still_keep_a_statement_alive() -> None:
    """A statement in a hundred entries survives the withdrawal of all but one of them."""
    room = Newsroom()
    for number in range(100):
        room.publish(_say(1), entry=f"en_{number}")
    for number in range(99):
        room.kill(f"en_{number}")

    assert isinstance(room.statement(), Known)
    assert ("retracted", "cancel") not in told(room.alerts)
    assert told(room.kill("en_99")) == [("retracted", "cancel")]


def test_a_corrected_statement_is_one_candidate_under_its_present_words() -> None:
    """Old words of a corrected statement do not list it a second time."""
    room = Newsroom()
    room.publish("Ana Brook: “We will not open the flood gates before the morning”")
    room.publish("Ana Brook: “We will open the flood gates before the morning”")

    found = Record(room.state, "story_1", Limits()).candidates(
        fingerprint("open the flood gates"), Voice(type=None, key="")
    )

    assert [known.text for known in found] == ["We will open the flood gates before the morning"]
