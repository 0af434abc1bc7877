"""Words of others in Slack: escaped once, shown as they are, within the limits, whatever they hold."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.delivery.channels import Answer
from agents.delivery.slack import api, messages
from agents.delivery.slack.blocks import TOGETHER
from agents.delivery.slack.mrkdwn import fit, length, link, struck
from schemas.alert import (
    AlertType,
    Change,
    EscalationFacts,
    MessageType,
    OfficialFacts,
    PersonFacts,
    RoleChangeFacts,
    Sightings,
    Story,
)
from schemas.delivery import Verdict
from schemas.detection import (
    MatchStatus,
    OfficialMention,
    RoleEvent,
    Speaker,
    SpeakerType,
    StatementKind,
    TenureStatus,
    Via,
)
from schemas.event import Severity, Span
from schemas.routing import Explain, Hit
from tests.agents.delivery.slack_desk import Desk, a_delivery, a_digest, an_item, later, said
from tests.agents.routing.builders import a_speaker, a_statement, an_alert, words_of
from tests.builders import NOON
from tests.streams.delivery.slack_double import texts

replace = msgspec.structs.replace
TITLE = "<!channel> <@U1> &amp; *x* <http://a|b>"


def test_control_sequences_are_words() -> None:
    """What calls people, links and formats stands there as it was written, escaped once."""
    desk = Desk()
    alert = said(headline=TITLE)
    alert = replace(alert, data=replace(alert.data, story=Story(id="story-1", title=TITLE)))

    desk.tell(alert)

    root, reply = desk.slack.messages()
    escaped = "&lt;!channel&gt; &lt;@U1&gt; &amp;amp; *x* &lt;http://a|b&gt;"
    assert [one["text"] for one in texts(reply.blocks) if "U1" in one["text"]] == [escaped]
    assert {one["type"] for one in texts(reply.blocks + root.blocks) if "U1" in one["text"]} == {"plain_text"}
    assert root.words.split("\n")[0] == escaped
    assert escaped in reply.text
    assert desk.slack.defects == []


def test_groups_are_not_called() -> None:
    """Words that some clients read as a call of everybody have an unseen joiner in them."""
    assert fit("ask @channel, @Here and a@b", 100) == "ask @\u2060channel, @\u2060Here and a@b"


@pytest.mark.parametrize("limit", [10, 11, 12, 13, 14, 15, 3000])
def test_texts_are_cut_outside_entities(limit: int) -> None:
    """The limit holds after escaping; no entity and no code point is cut."""
    cut = fit("&" * 4000, limit)

    assert cut == "&amp;" * ((limit - 1) // 5) + "…"
    assert length(fit("😀" * 4000, limit)) <= limit


def test_struck_words_have_no_formatting() -> None:
    """Marks inside struck words cannot end the stroke or begin another style."""
    assert struck("a ~b~ *c* _d_ `e` :fire: <x>", 100) == "~a ∼b∼ ∗c∗ ˍdˍ ˋeˋ ∶fire: &lt;x&gt;~"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://a.example/x|evil",
        "https://a.example/x>y",
        "https://a.example/x y",
        "https://a.example/\ny",
        "https://bank.example@evil.example/",
        "https://аbank.example/",
        "https://[::1",
        "https:///x",
        "ftp://a.example/",
        "https://a.example/" + "x" * 2000,
        "https://a.example/\ud800",
        "item-1",
        "",
    ],
)
def test_doubtful_links_are_no_links(url: str) -> None:
    """Only plain addresses of the web become links."""
    assert link(url, "open") is None


def test_links_keep_their_letters() -> None:
    """Letters outside ASCII in a path are percent-encoded, ampersands escaped."""
    assert link("https://a.example/é?a=1&b=2", "open") == "<https://a.example/%C3%A9?a=1&amp;b=2|open>"


def test_a_statement_shows_who_said_what_and_where() -> None:
    """Speaker, principal, medium, hearsay and cue; evidence with link and time; novelty, reason, sightings, matches."""
    facts = a_statement(
        a_speaker("Ann Lee", role="harbour minister"),
        text="the bridge is closed",
        kind=StatementKind.INDIRECT,
        cue="denied that",
        on_behalf_of="Jane Roe",
        via=(Via(name="Port Radio", type="media"), Via(name="John Doe", type="person")),
        is_hearsay=True,
    )
    proof = words_of("denied that the bridge is closed", source="Sample News")
    alert = an_alert(
        headline="Roe denies closure",
        statement=facts,
        evidence=(replace(proof, url="https://news.example/1", origin="Wire", revision=2),),
        sightings=Sightings(count=4, independent_sources=2, first=NOON),
        why="An indirect statement.",
    )
    desk = Desk()
    hits = (Hit(condition="keywords_any", value="bridge"), Hit(condition="speakers", value="Jane Roe"))

    desk.deliver(a_delivery(alert, item={"explain": Explain(hits=hits)}, hidden=12), alert)

    assert desk.slack.messages()[1].words.split("\n")[:-5] == [
        "🔵 *WATCH* · New statement · 12:00 UTC",
        "Roe denies closure",
        "Jane Roe (via Ann Lee), as told by John Doe (via Port Radio) · denied that",
        "the bridge is closed",
        "Ann Lee speaks on behalf of Jane Roe",
        "Carried by Port Radio",
        "At second hand: John Doe says that they said it",
        "…denied that the bridge is closed…",
        "Sample News (Wire), 2026-03-14 12:00 UTC, revision 2",
        "<https://news.example/1|open>",
        "Why: An indirect statement.",
        "Novelty: not said before in this story",
        "Seen 4 times, 2 independent sources, first 2026-03-14 12:00 UTC",
        "Matched: keyword “bridge”, speaker “Jane Roe”",
        "12 messages were silenced meanwhile",
    ]


def test_quotes_stand_in_quotation_marks() -> None:
    """Verbatim words that the headline does not hold in full are quoted."""
    desk = Desk()

    desk.tell(said(headline="Roe speaks"))

    assert "Jane Roe\n“The bridge is closed”" in desk.slack.messages()[1].words


def test_an_escalation_shows_its_levels() -> None:
    """From, to, score and top terms."""
    facts = EscalationFacts(
        ladder="security", channel="action", from_level=1, to_level=3, score_permille=3100, threshold=3000,
        support_entries=2, terms=("air strike", "shelling"),
    )  # fmt: skip
    alert = an_alert(AlertType.KEYWORD_ESCALATED, escalation=facts, severity=Severity.URGENT)
    desk = Desk()

    desk.tell(alert)

    assert desk.slack.messages()[1].words.split("\n")[:5] == [
        "🟠 *URGENT* · Escalation · 12:00 UTC",
        "Something happened",
        "security, action: level 1 → level 3",
        "Score 3100 of 3000 per mille, from 2 entries",
        "Top terms: air strike, shelling",
    ]


def test_officials_show_person_post_and_change() -> None:
    """Who came, who left, which post, on what standing."""
    change = RoleChangeFacts(
        event=RoleEvent.SWORN_IN,
        post="harbour minister",
        incoming=PersonFacts(id=None, name="Jane Roe"),
        outgoing=PersonFacts(id=None, name="John Doe"),
        cause="illness",
    )
    mention = OfficialMention(
        span=Span(0, 1), surface="Roe", name="Jane Roe", status=TenureStatus.CURRENT, match=MatchStatus.MATCHED,
        post="mayor",
    )  # fmt: skip
    alert = an_alert(AlertType.OFFICIAL_ROLE_CHANGED, official=OfficialFacts(change=change, mention=mention))
    desk = Desk()

    desk.tell(alert)

    assert desk.slack.messages()[1].words.split("\n")[2:7] == [
        "Named: Jane Roe, mayor (current)",
        "Sworn in: harbour minister",
        "In: Jane Roe (current)",
        "Out: John Doe",
        "Standing: reported; cause: illness",
    ]


def test_a_level_that_was_wrong_is_struck() -> None:
    """The correction of an escalation strikes the level that was told."""
    facts = EscalationFacts(
        ladder="security", channel="action", from_level=0, to_level=3, score_permille=1, threshold=1, support_entries=1
    )
    first = an_alert(AlertType.KEYWORD_ESCALATED, escalation=facts)
    desk = Desk()
    desk.tell(first)

    wrong = later(first, MessageType.UPDATE, "level")
    wrong = replace(wrong, data=replace(wrong.data, change=Change(was="3", now="2", material=("level",))))

    desk.tell(wrong)

    assert "~Level 3~" in desk.slack.messages()[1].words
    assert "Was: level 3\nNow: level 2" in desk.slack.messages()[2].words


def test_words_that_have_another_speaker_now() -> None:
    """The corrected attribution strikes what the first speaker was told to say, not the new headline."""
    desk, first = Desk(), said()
    desk.tell(first)
    wrong = later(first, MessageType.CANCEL, "speaker")
    headline = "Corrected attribution: John Doe: “The bridge is closed”"

    desk.deliver(a_delivery(wrong, item={"headline": headline}, replaces=first.data.alert_id), wrong)

    _, struck_one, correction = desk.slack.messages()
    assert struck_one.words.split("\n")[:2] == ["❌ *Corrected 12:00 UTC*", "~Jane Roe: “The bridge is closed”~"]
    assert correction.words.split("\n")[1] == headline
    assert "The words are now told as another alert's" in correction.words


wild = st.text(max_size=80) | st.sampled_from(
    (
        "",
        " ",
        "\x00",
        "\ud800",
        "\u202e~*_`",
        "<!channel>" * 50,
        "&" * 5000,
        "@everyone",
        "😀" * 3000,
        "نص عربي " * 400,
        "a\n\r\u2028b",
        "~" * 900,
        "https://a.example/<x>|y",
        "x" * 100_000,
    )
)


@given(headline=wild, quote=wild, name=wild, was=wild, title=wild, value=wild)
def test_any_words_give_valid_messages(headline: str, quote: str, name: str, was: str, title: str, value: str) -> None:
    """Alert, correction and digest of any words pass Slack's models and limits, and nothing foreign is unescaped."""
    facts = a_statement(
        Speaker(type=SpeakerType.PERSON, name=name, surface=name, role=value),
        text=quote,
        cue=value,
        on_behalf_of=was,
        via=(Via(name=title, type="media"),) * 3,
        is_hearsay=True,
        pieces=(quote, was),
    )
    first = an_alert(
        headline=headline,
        statement=facts,
        story=title or "story-1",
        why=value,
        evidence=tuple(words_of(quote, source=name, entry=f"en_{n}") for n in range(4)),
        escalation=EscalationFacts(
            ladder=value, channel=name, from_level=0, to_level=1, score_permille=1, threshold=1, support_entries=1,
            terms=(quote,) * 5, proposed=was,
        ),
        official=OfficialFacts(
            change=RoleChangeFacts(
                event=RoleEvent.DIED, post=quote, incoming=PersonFacts(id=None, name=name),
                outgoing=PersonFacts(id=None, name=name), cause=value, status=value,
            )
        ),
        change=Change(was=was, now=quote, material=(value,)),
    )  # fmt: skip
    explain = Explain(hits=tuple(Hit(condition=value, value=f"{n}{quote}") for n in range(12)), before=was)
    delivery = a_delivery(first, item={"explain": explain}, hidden=3)
    wrong = later(first, MessageType.UPDATE, value or "wording", headline=headline)
    gone = later(first, MessageType.CANCEL, "withdrawn", version=3, headline=headline)
    desk = Desk(latency_s=5)

    found = [
        desk.attempt(delivery, first),
        desk.attempt(a_delivery(wrong, item={"explain": explain}), wrong),
        desk.attempt(a_delivery(gone), gone),
        desk.attempt(a_digest(first, first), None),
    ]

    assert [one.verdict for one in found] == [Verdict.DELIVERED] * 4
    assert desk.slack.defects == []
    for call in desk.calls:
        json.loads(call.body)


@given(st.text(max_size=300), st.integers(1, 60))
def test_any_words_fit(text: str, limit: int) -> None:
    """Cut words are within the limit, hold no raw sign, and are whole when they need not be cut."""
    cut = fit(text, limit)

    assert length(cut) <= limit
    assert "<" not in cut and ">" not in cut
    assert cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").count("&") == 0


@given(st.binary(max_size=200), st.sampled_from((200, 400, 404, 500)))
def test_any_answer_is_read(body: bytes, status: int) -> None:
    """No answer of whatever bytes raises."""
    answer = Answer(status=status, body=body)

    assert api.read(answer, NOON).result.verdict in Verdict
    assert api.read_hook(answer, NOON).verdict in Verdict


def test_a_text_of_a_megabyte_takes_no_time() -> None:
    """Huge words are cut before they are worked on; only the beginning of them is shown."""
    alert = said(headline="& " * 500_000)

    message = messages.reply(a_delivery(alert), alert, has_buttons=True)

    assert sum(length(one["text"]) for one in texts(list(message.blocks))) <= TOGETHER
    assert an_item(alert).headline.startswith("& ")
