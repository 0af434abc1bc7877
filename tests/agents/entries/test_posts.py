"""Posts of live blogs: identity, edits, deletion, recaps, times."""

from datetime import timedelta

import msgspec

from agents.entries.memory import ItemMemory
from schemas.article import EntryStatus, IdentityRung, Policy, Post, SegmentKind, TimeFlag
from schemas.identity import story_id
from tests.agents.entries.builders import NOON, Desk, blog, post

A = post("a", "The river authority has closed both banks.", 0)
B = post("b", "Mara Lindqvist said the bridge was safe. She will speak again at six.", 10)
C = post("c", "Divers have found a second car.", 20)
D = post("d", "The council meets at nine.", 30)


def changed(one: Post, text: str, minute: int = 40) -> Post:
    return msgspec.structs.replace(one, text=text, modified_at=NOON + timedelta(minutes=minute))


def test_posts_come_oldest_first_with_publisher_ids() -> None:
    """A page that lists the newest first is turned round; the story is the item's."""
    revisions = Desk()(blog(C, B, A))

    assert [one.text[:3] for one in revisions] == ["The", "Mar", "Div"]
    assert {one.identity for one in revisions} == {IdentityRung.PUBLISHER_ID}
    assert {one.story for one in revisions} == {story_id("https://daily.example/live/bridge")}
    assert [one.published_at for one in revisions] == [NOON + timedelta(minutes=minute) for minute in (0, 10, 20)]


def test_typographic_edits_bring_no_revision() -> None:
    """Blanks, a literal line break, a missing space, marks and dashes are not an edit."""
    desk = Desk()
    desk(blog(A, post("q", "She said: “It’s over – now.” Then she left.\nNobody followed.", 5)))
    again = post("q", 'She said:  "It\'s over - now."Then she left. \\n Nobody followed. ', 5)

    assert desk(blog(A, again, minute=700)) == []


def test_quotation_marks_gained_are_a_revision_without_added_text() -> None:
    """Marks are material, but no sentence is new."""
    desk = Desk()
    desk(blog(A, post("q", "She said it was over.", 5)))
    [edited] = desk(blog(A, post("q", "She said it was “over”.", 5), minute=700))

    assert (edited.revision, edited.added, edited.removed) == (2, (), ())


def test_only_new_sentences_are_added() -> None:
    """Text that moved is not added; what is gone is removed."""
    desk = Desk()
    desk(blog(A, B))
    text = "She will speak again at six. Mara Lindqvist said the bridge was not safe."
    [edited] = desk(blog(A, changed(B, text), minute=700))

    assert [span.of(text) for span in edited.added] == ["Mara Lindqvist said the bridge was not safe."]
    assert [span.of(B.text) for span in edited.removed] == ["Mara Lindqvist said the bridge was safe."]
    assert (edited.published_at, edited.modified_at) == (NOON + timedelta(minutes=10), NOON + timedelta(minutes=40))


def test_title_alone_is_no_edit() -> None:
    """A title set above a known post later tells nothing new; in a first sight it is its headline."""
    desk = Desk()
    desk(blog(A))

    assert desk(blog(msgspec.structs.replace(A, title="River closed"), minute=700)) == []
    [titled] = Desk()(blog(msgspec.structs.replace(A, title="River closed")))
    assert titled.segments[0].kind is SegmentKind.HEADLINE


def test_absence_counts_only_between_neighbours_and_twice() -> None:
    """The oldest and the newest may be cut off a page; one in the middle is gone after two fetches."""
    desk = Desk()
    desk(blog(A, B, C, D))

    assert desk(blog(B, D, minute=610)) == []
    [gone] = desk(blog(B, D, minute=620))
    assert (gone.text, gone.status, gone.revision, gone.previous_text) == (C.text, EntryStatus.WITHDRAWN, 2, C.text)
    assert desk(blog(B, minute=630)) + desk(blog(B, minute=640)) == []


def test_redelivered_fetch_counts_once() -> None:
    """The same fetch twice is no second fetch."""
    desk = Desk()
    desk(blog(A, B, C))

    assert desk(blog(A, C, minute=610)) + desk(blog(A, C, minute=610)) == []


def test_partial_update_deletes_nothing() -> None:
    """In a part of an item absence says nothing."""
    desk = Desk()
    desk(blog(A, B, C))

    assert [desk(blog(A, C, minute=minute, is_complete=False)) for minute in (610, 620, 630)] == [[], [], []]


def test_explicit_deletion_and_return() -> None:
    """A deleted post goes at once; when it returns it keeps its ids and adds nothing."""
    desk = Desk()
    entry = desk(blog(A, B))[1].entry_id
    [gone] = desk(blog(A, msgspec.structs.replace(B, is_deleted=True), minute=610))
    [back] = desk(blog(A, B, minute=620))

    assert [(one.entry_id, one.status, one.revision) for one in (gone, back)] == [
        (entry, EntryStatus.WITHDRAWN, 2),
        (entry, EntryStatus.REINSTATED, 3),
    ]
    assert back.added == ()


def test_killed_item_withdraws_all_entries() -> None:
    """When the publisher kills the item, every entry goes, oldest first, once."""
    desk = Desk()
    desk(blog(A, B))

    assert [one.text for one in desk(blog(minute=610, is_withdrawn=True))] == [A.text, B.text]
    assert desk(blog(minute=620, is_withdrawn=True)) == []


def test_post_without_id_is_relinked_after_an_edit() -> None:
    """Between the same neighbours, similar words are the same entry."""
    desk = Desk()
    loose = [Post(text=one.text) for one in (A, B, C)]
    first = desk(blog(*loose))
    edited = Post(text=B.text.replace("safe", "not safe"))
    [second] = desk(blog(loose[0], edited, loose[2], minute=700))

    assert (second.entry_id, second.revision, second.identity) == (first[1].entry_id, 2, IdentityRung.CONTENT)
    assert desk(blog(loose[0], edited, loose[2], minute=710)) == []


def test_permalink_without_tracking_names_a_post() -> None:
    """Tracking parameters do not make a post new; the fragment tells posts apart."""
    desk = Desk()
    desk(blog(Post(text=A.text, url="https://daily.example/live/bridge?utm_source=x#p1")))
    again = desk(blog(Post(text=A.text, url="https://daily.example/live/bridge#p1"), minute=700))

    assert again == []


def test_first_fetch_of_a_polled_item_is_a_baseline() -> None:
    """Under policy live, what is older than 15 minutes at first sight is withheld; later posts are not."""
    desk = Desk()
    first = desk(blog(A, B, C, minute=30, policy=Policy.LIVE))
    later = desk(blog(A, B, C, D, minute=60, policy=Policy.LIVE))

    assert [one.is_baseline for one in first + later] == [True, True, False, False]


def test_missing_and_future_times_fall_back_to_observation() -> None:
    """Nothing is published later than it was seen; a missing time stays the same over polls."""
    desk = Desk()
    first = desk(blog(Post(text=A.text, id="x"), post("y", B.text, 99), minute=50))
    [edited] = desk(blog(Post(text=A.text + " Both of them.", id="x"), post("y", B.text, 99), minute=60))

    assert [(one.time_flag, one.published_at) for one in first] == [
        (TimeFlag.MISSING, NOON + timedelta(minutes=50)),
        (TimeFlag.FUTURE, NOON + timedelta(minutes=50)),
    ]
    assert edited.published_at == NOON + timedelta(minutes=50)


def test_recaps_are_flagged_by_cue_by_source_and_by_repetition() -> None:
    """A summary by name, one that the source marks, and one that repeats."""
    named = post("r1", "What we know so far\nA bridge fell.\nTwo are missing.", 40)
    marked = post("r2", "The day in short for readers who slept.", 41, is_summary=True)
    repeating = post("r3", f"Good evening. {A.text} {C.text}", 42)
    revisions = Desk()(blog(A, C, D, named, marked, repeating))

    assert [one.is_recap for one in revisions] == [False, False, False, True, True, True]


def test_html_posts_keep_quotations_and_embeds_apart() -> None:
    """Paragraphs, block quotes and embedded posts become segments of their own; scripts vanish."""
    markup = (
        "<p>Ruiz wrote&nbsp;a letter:</p><blockquote><p>We told them twice.</p></blockquote><script>x()</script>"
        '<blockquote class="twitter-tweet"><p>No comment from the ministry.</p></blockquote>'
    )
    [one] = Desk()(blog(post("h", markup, 0, is_html=True)))

    assert [(segment.kind, segment.span.of(one.text)) for segment in one.segments] == [
        (SegmentKind.BODY, "Ruiz wrote a letter:"),
        (SegmentKind.BLOCKQUOTE, "We told them twice."),
        (SegmentKind.SOCIAL_EMBED, "No comment from the ministry."),
    ]


def test_post_that_only_had_a_title_stays_out_until_it_has_text() -> None:
    """An empty post makes no entry; its text, when it comes, is a first sight."""
    desk = Desk()
    assert len(desk(blog(A, Post(id="e", text="")))) == 1
    assert desk(blog(A, Post(id="e", text="", title="Picture"), minute=610)) == []
    [first] = desk(blog(A, Post(id="e", text="The tower is leaning."), minute=620))

    assert (first.revision, first.text) == (1, "The tower is leaning.")


def test_one_file_may_hold_a_post_and_its_edit() -> None:
    """In a partial update the same id twice is a post and its correction, in that order."""
    revisions = Desk()(blog(B, changed(B, "Mara Lindqvist said nothing."), is_complete=False))

    assert [(one.revision, one.text) for one in revisions] == [(1, B.text), (2, "Mara Lindqvist said nothing.")]


def test_state_keys_begin_with_the_item() -> None:
    """State lives in the partition of the item."""
    desk = Desk()
    desk(blog(A, B))

    assert all(key.startswith("https://daily.example/live/bridge") for key in desk.state.values)
    assert any(isinstance(value, ItemMemory) for value in desk.state.values.values())
