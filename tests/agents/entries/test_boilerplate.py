"""Boilerplate on wording of our own: what goes, and what must stay."""

import pytest

from agents.entries.boilerplate import clean
from agents.entries.draft import Paragraph


def kept(*texts: str) -> list[str]:
    return [paragraph.text for paragraph in clean([Paragraph(text) for text in texts])[0]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Please become a supporter of our newsroom today.", "donation"),
        ("Readers like you pay for every line of this, and we are grateful.", "donation"),
        ("From as little as £2 a month you can keep our reporters on the road.", "donation"),
        ("Sign up to our morning newsletter", "newsletter"),
        ("Leave your email and our daily briefing will find you.", "newsletter"),
        ("Join the conversation", "comments"),
        ("Have your say below", "comments"),
        ("12 comments", "comments"),
        ("Read more: Bridge to reopen in spring", "related"),
        ("More on this story", "related"),
        ("1.2k shares", "share"),
        ("Share this article", "share"),
        ("We and our partners use cookies to measure visits.", "cookies"),
        ("Advertisement", "advert"),
        ("Story continues below", "advert"),
        ("Just a moment while the live feed loads", "loading"),
        ("Please wait a few seconds for the blog to refresh", "loading"),
        ("By Mara Lindqvist, political correspondent", "byline"),
    ],
)
def test_furniture_goes_with_its_reason(text: str, reason: str) -> None:
    """Each kind of boilerplate is recognised by its cues and counted."""
    rest, excluded = clean([Paragraph(text)])

    assert (rest, dict(excluded)) == ([], {reason: 1})


@pytest.mark.parametrize(
    "text",
    [
        "The party returned the donation after the watchdog found that it came from a shell company.",
        "“Your support helps us to report from the front,” the editor of the Norhaven Courier told a rally.",
        "Lindqvist asked voters to donate to the flood appeal, and said that every contribution would be matched.",
        "The ministry sent a newsletter to 3,000 members by email before it deleted their accounts.",
        "A court ruled that the site used cookies without consent.",
        "By noon the river had risen two metres",
        "Our reporters counted forty boats on the eastern bank.",
        "The union has asked its members to support journalists who were dismissed at the Courier.",
        "Commenting on the collapse, Ruiz said that warnings had been ignored.",
        "We will keep you updated on the support package for the valley.",
        "Shares in the bridge's owner fell by a third.",
        "Police urged people to share pictures of the car.",
    ],
)
def test_news_about_such_things_stays(text: str) -> None:
    """Donations, newsletters, comments and cookies may be the news."""
    assert kept(text) == [text]


def test_glued_sentence_is_cut_off() -> None:
    """An appeal without a blank before the first sentence of the news goes alone."""
    rest = kept("Your contribution keeps this newsroom open.Mara Lindqvist, the harbour minister, said it would rain.")

    assert rest == ["Mara Lindqvist, the harbour minister, said it would rain."]


def test_appeal_behind_news_is_cut_off() -> None:
    """The same at the end of a paragraph."""
    rest = kept("The harbour minister said it would rain. Sign up to our newsletter for more.")

    assert rest == ["The harbour minister said it would rain."]


def test_short_line_between_two_parts_of_an_appeal_goes() -> None:
    """Neighbourhood decides for what has no cue of its own; news before and after stays."""
    rest = kept(
        "The mill burned down overnight.",
        "Please donate today so that our reporters can stay in the valley.",
        "It takes a village.",
        "Every contribution you make is used for our journalism.",
        "Two people were hurt.",
    )

    assert rest == ["The mill burned down overnight.", "Two people were hurt."]
