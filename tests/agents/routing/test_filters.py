"""What a filter means, condition by condition, and how it explains itself."""

import pytest

from agents.routing.filters import Verdict, match
from schemas.alert import Alert, AlertType, Family, Novelty, OfficialFacts
from schemas.detection import MatchStatus, OfficialMention, SpeakerType, StatementKind, TenureStatus, Via
from schemas.event import Severity, Span
from schemas.routing import Hit, Reason
from schemas.subscription import Filter, HearsayRole
from tests.agents.routing.builders import a_speaker, a_statement, an_alert, raised, replace, said, words_of


def mentioned(match: MatchStatus, *candidates: str) -> Alert:
    """A first mention."""
    mention = OfficialMention(
        span=Span(0, 3),
        surface="Roe",
        name="Jane Roe",
        status=TenureStatus.CURRENT,
        match=match,
        person_id="Q1" if match is MatchStatus.MATCHED else None,
        candidates=candidates,
    )
    return an_alert(AlertType.OFFICIAL_FIRST_MENTION, official=OfficialFacts(mention=mention))


STATEMENT = said("Óscar Díaz", evidence=(words_of("The bridge is closed"),))


@pytest.mark.parametrize(
    ("wanted", "is_match"),
    [
        (Filter(), True),
        (Filter(families=(Family.STATEMENT, Family.ENTRY)), True),
        (Filter(families=(Family.KEYWORD,)), False),
        (Filter(types=(AlertType.STATEMENT_NEW,)), True),
        (Filter(types=(AlertType.STATEMENT_RETRACTED,)), False),
        (Filter(severity=Severity.WATCH), True),
        (Filter(severity=Severity.URGENT), False),
        (Filter(speakers=("oscar diaz",)), True),
        (Filter(speakers=("Oscar",)), False),
        (Filter(stories=("story-1",)), True),
        (Filter(stories=("story-2", "story-3")), False),
        (Filter(sources=("sample-news",)), True),
        (Filter(sources=("other-news",)), False),
        (Filter(keywords_any=("harbour", "BRIDGE")), True),
        (Filter(keywords_any=("brid",)), False),
        (Filter(keywords_all=("bridge is", "closed")), True),
        (Filter(keywords_all=("bridge", "harbour")), False),
        (Filter(keywords_any=("bridge closed",)), False),
        (Filter(keywords_none=("closed",)), False),
        (Filter(keywords_none=("open",)), True),
        (Filter(keywords_any=("!!",)), False),
        (Filter(novelty=(Novelty.NEW,)), True),
        (Filter(novelty=(Novelty.EXTENDED,)), False),
        (Filter(statement_kinds=(StatementKind.DIRECT,)), True),
        (Filter(statement_kinds=(StatementKind.BELIEF,)), False),
        (Filter(levels=(4,)), False),
        (Filter(speakers=("Óscar Díaz",), stories=("story-2",)), False),
    ],
)
def test_conditions(wanted: Filter, is_match: bool) -> None:
    """Every given condition must hold; one of its values is enough."""
    assert match(wanted, STATEMENT).is_match is is_match


@pytest.mark.parametrize(
    ("wanted", "is_match"),
    [
        (Filter(levels=(4, 5)), True),
        (Filter(levels=(3,)), False),
        (Filter(ladders=("security",), channels=("action",)), True),  # type: ignore[arg-type]
        (Filter(channels=("rhetoric",)), False),  # type: ignore[arg-type]
        (Filter(speakers=("Jane Roe",)), False),
    ],
)
def test_conditions_of_ladders(wanted: Filter, is_match: bool) -> None:
    """Levels, ladders and channels are those of escalations; an escalation has no speaker."""
    assert match(wanted, raised(4)).is_match is is_match


def test_spokesperson_matches_as_the_principal() -> None:
    """A subscription to X hears X's spokesperson, and is told so."""
    alert = said("Sam Poe", statement="st_2")
    facts = a_statement(a_speaker("Sam Poe"), on_behalf_of="Jane Roe")
    alert = replace(alert, data=replace(alert.data, statement=facts))
    hit = Hit(condition="speakers", value="jane roe", role="on_behalf_of")
    assert match(Filter(speakers=("Jane Roe",)), alert) == Verdict(True, hits=(hit,))
    assert match(Filter(on_behalf_of=("Jane Roe",)), alert).is_match
    assert not match(Filter(on_behalf_of=("Sam Poe",)), alert).is_match


@pytest.mark.parametrize(
    ("name", "roles", "shown"),
    [
        ("Jane Roe", tuple(HearsayRole), "speaker"),
        ("Sam Poe", tuple(HearsayRole), "via"),
        ("Jane Roe", (HearsayRole.VIA,), None),
        ("Sam Poe", (HearsayRole.SPEAKER,), None),
        ("Daily Agency", tuple(HearsayRole), None),
    ],
)
def test_hearsay_gives_the_role(name: str, roles: tuple[HearsayRole, ...], shown: str | None) -> None:
    """Either person matches unless the filter takes one role only; a medium in between is no speaker."""
    facts = a_statement(
        is_hearsay=True, via=(Via(name="Sam Poe", type="person"), Via(name="Daily Agency", type="media"))
    )
    verdict = match(Filter(speakers=(name,), hearsay=roles), an_alert(statement=facts))
    assert verdict.is_match is (shown is not None)
    assert [hit.role for hit in verdict.hits] == ([shown] if shown else [])


UNRESOLVED = an_alert(
    statement=a_statement(a_speaker("He", surface="He", type=SpeakerType.PERSON), attribution="unresolved")
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(speakers=("Jane Roe",)), Reason.UNRESOLVED_SPEAKER),
        (Filter(speakers=("He",)), Reason.UNRESOLVED_SPEAKER),
        (Filter(officials=("Q1",)), Reason.UNRESOLVED_SPEAKER),
        (Filter(has_unresolved=False), Reason.UNRESOLVED_SPEAKER),
        (Filter(), None),
        (Filter(speakers=("Jane Roe",), has_unresolved=True), None),
        (Filter(speakers=("Jane Roe",), stories=("story-9",)), Reason.NO_MATCH),
        (Filter(speakers=("Jane Roe",), severity=Severity.FLASH), Reason.UNRESOLVED_SPEAKER),
        (Filter(severity=Severity.FLASH), Reason.BELOW_SEVERITY),
    ],
)
def test_speaker_nobody_could_name(wanted: Filter, expected: Reason | None) -> None:
    """Withheld from who asked for a name, with its own reason; severity is asked last."""
    assert match(wanted, UNRESOLVED).reason is expected


def test_namesakes_are_withheld_from_both() -> None:
    """An ambiguous person reaches no per-person subscription; the reason says that it was not for want of a match."""
    wanted = Filter(officials=("Q1",))
    assert match(wanted, mentioned(MatchStatus.MATCHED)).is_match
    assert match(wanted, mentioned(MatchStatus.AMBIGUOUS, "Q1", "Q2")).reason is Reason.AMBIGUOUS_PERSON
    assert match(wanted, mentioned(MatchStatus.AMBIGUOUS, "Q2", "Q3")).reason is Reason.NO_MATCH


def test_verdict_names_the_condition_that_failed() -> None:
    """The answer to "why not"."""
    verdict = match(Filter(stories=("story-1",), keywords_any=("harbour",)), STATEMENT)
    assert verdict == Verdict(False, Reason.NO_MATCH, "keywords_any")


def test_spans_slice_to_the_words() -> None:
    """Of a headline in the headline, of evidence in the revision's text."""
    text = "Yesterday. The Brıdge is closed"
    evidence = replace(words_of("The Brıdge is closed"), start=11, end=31)
    verdict = match(Filter(keywords_any=("bridge",)), an_alert(headline="No bridge", evidence=(evidence,)))
    assert [(hit.where, hit.span) for hit in verdict.hits] == [("headline", Span(3, 9)), ("evidence[0]", Span(15, 21))]
    assert Span(15, 21).of(text) == "Brıdge"


def test_long_text_is_read_once() -> None:
    """A megabyte of text is matched in passes, not in squares: this would take hours if it were not."""
    alert = an_alert(headline="bridge of the harbour, " * 50_000)
    wanted = Filter(keywords_all=("bridge of", "harbour"), keywords_none=tuple(f"word {n}" for n in range(100)))
    assert match(wanted, alert).is_match
