"""`tocsin subscribe`, `subscriptions`, `silences` and `route explain` on an embedded log without a worker."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from schemas.alert import Family
from schemas.codec import encode
from schemas.errors import InputError, SettingsError
from schemas.event import Severity
from schemas.subscription import Budget, Filter, Matcher, Operator, QuietHours, Subscription
from streams.cli import cli
from streams.routing.forms import read_forms, to_json, to_toml
from streams.routing.silencing import matcher
from tests.agents.routing.builders import a_subscription, raised, said

TO = ("--owner", "desk", "--channel", "slack", "--target", "C0DESK")
ASKING = Filter(families=(Family.STATEMENT,))


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("TOCSIN_BROKER", "TOCSIN_APP_ID", "TOCSIN_PARTITIONS"):
        monkeypatch.delenv(name, raising=False)


def tocsin(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def listed(*words: str) -> list[Any]:
    """The JSON lines of a command that succeeds."""
    result = tocsin(*words, "--json")
    assert result.exit_code == 0, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def faults(*words: str) -> tuple[str, ...]:
    """What a command says that is refused."""
    error = tocsin(*words).exception
    assert isinstance(error, InputError), error
    return error.faults if isinstance(error, SettingsError) else (str(error),)


def everything() -> Subscription:
    """One with every block."""
    return a_subscription(
        "a “name”\\",
        filter=Filter(
            families=(Family.STATEMENT,), severity=Severity.URGENT, keywords_any=("río", "\u2028нефть"), levels=(3,)
        ),
        budget=Budget(limit=3, per_s=60),
        quiet_hours=QuietHours(start="22:00", end="07:00", timezone="Europe/London"),
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
        labels={"desk": 'the "night" desk'},
    )


@pytest.mark.parametrize(("file", "write"), [("a.toml", to_toml), ("a.json", to_json)], ids=["toml", "json"])
def test_what_is_exported_is_imported_as_it_was(file: str, write: Any) -> None:
    """Quotes, backslashes and characters of other scripts included."""
    assert read_forms(file, write([everything(), a_subscription("plain", filter=ASKING)])) == [
        everything(),
        a_subscription("plain", filter=ASKING),
    ]


def test_a_subscription_is_made_listed_edited_and_removed() -> None:
    """Each edit is a version; what is not given stays."""
    made = ("subscribe", "floods", *TO, "--keyword", "river", "--severity", "urgent", "--budget", "6/1h", "--dry-run")
    assert tocsin(*made).exit_code == 0
    assert listed("subscriptions", "list") == []
    assert tocsin(*made[:-1]).exit_code == 0
    (before,) = listed("subscriptions", "list")
    assert (before["filter"], before["version"]) == ({"severity": "URGENT", "keywords_any": ["river"]}, 1)

    edit = ("subscriptions", "edit", "floods", "--keyword", "harbour", "--clear", "budget", "--target", "C1")
    assert tocsin(*edit).exit_code == 0
    (after,) = listed("subscriptions", "list")
    assert after["filter"] == {"severity": "URGENT", "keywords_any": ["harbour"]}
    assert (after["version"], after["target"], after["id"]) == (2, "C1", before["id"])
    assert "budget" not in after

    assert tocsin("subscriptions", "pause", "desk/floods").exit_code == 0
    assert listed("subscriptions", "show", before["id"][:12])[0]["is_paused"] is True
    assert tocsin("subscriptions", "remove", "floods").exit_code == 0
    assert listed("subscriptions", "list") == []


def test_a_name_is_taken_once() -> None:
    """Saying it again is an edit, and asks for that command."""
    tocsin("subscribe", "floods", *TO, "--keyword", "flood")
    (line,) = faults("subscribe", "floods", *TO, "--keyword", "flood")
    assert line.endswith("see `tocsin subscriptions edit`")


def test_every_fault_of_a_subscription_is_named() -> None:
    """Field, expected, found; nothing is written."""
    words = ("--quiet", "25:00-07:00", "--timezone", "Mars/Base", "--group-wait", "2h", "--keyword", "!!")
    assert faults("subscribe", "floods", *TO, *words) == (
        'filter.keywords_any[0]: expected a letter or a digit, found "!!"',
        "group_wait_s: expected a whole number from 0 to 3600, found 7200",
        'quiet_hours.start: expected a time from 00:00 to 23:59, found "25:00"',
        'quiet_hours.timezone: expected a time zone such as "Europe/London", found "Mars/Base"',
    )
    assert listed("subscriptions", "list") == []


def test_a_filter_that_asks_nothing_or_nobody_is_refused() -> None:
    """With the path of the fault, and what would do."""
    assert faults("subscribe", "all", *TO) == (
        "filter: expected at least one condition, found none; families statement, keyword, official, entry asks for "
        "everything",
    )
    assert faults("subscribe", "who", *TO, "--official", "nobody_at_all") == (
        'filter.officials[0]: expected the id of a person in the registry, found "nobody_at_all"',
    )
    many = [word for n in range(1001) for word in ("--keyword", f"word{n}")]
    assert faults("subscribe", "many", *TO, *many) == (
        'filter.keywords_any: expected at most 1000, found "1001 values"',
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--quiet", "22:00"), '--quiet: expected HH:MM-HH:MM, such as 22:00-07:00, found "22:00"'),
        (("--timezone", "UTC"), "--quiet: expected HH:MM-HH:MM beside --timezone and --breaking, found nothing"),
        (("--budget", "six"), '--budget: expected messages in a time, such as 6/1h, found "six"'),
        (("--group-wait", "soon"), '--group-wait: expected a time such as 20s, 5m or 1h, found "soon"'),
        (("--label", "night"), '--label: expected NAME=TEXT, found "night"'),
    ],
    ids=["quiet", "timezone", "budget", "wait", "label"],
)
def test_an_option_that_cannot_be_read_is_one_line(words: tuple[str, ...], says: str) -> None:
    """Which option, what was expected, what was found."""
    assert faults("subscribe", "floods", *TO, *words) == (says,)


@pytest.mark.parametrize("secret", ["https://hooks.example/T0/B0/abc", "whsec_abc", "xoxb-1-abc"])
def test_a_secret_is_no_target_and_is_not_repeated(secret: str) -> None:
    """Subscriptions are listed, exported and written to a topic that everybody reads."""
    words = ("--owner", "desk", "--channel", "slack", "--target", secret, "--keyword", "flood")
    assert faults("subscribe", "floods", *words) == (
        "target: expected the id of a channel or endpoint, found an address or a secret",
    )


def test_a_file_with_faults_changes_nothing(tmp_path: Path) -> None:
    """Every fault with its place, and the name that was perhaps meant."""
    good, typo, wrong = (
        to_toml([a_subscription("a", filter=ASKING)]),
        "[[subscriptions]]\nowner='o'\n",
        "filter.keyword_any = ['x']\n",
    )
    (tmp_path / "s.toml").write_text(good + typo + wrong)
    assert faults("subscriptions", "import", "s.toml") == (
        's.toml: subscriptions[1].filter: expected keywords_any, found "keyword_any"',
        "s.toml: subscriptions[1].name: expected a text, found nothing",
        "s.toml: subscriptions[1].channel: expected a text, found nothing",
        "s.toml: subscriptions[1].target: expected a text, found nothing",
    )
    assert listed("subscriptions", "list") == []


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    """A file is what should be: what is so already is not written again."""
    (tmp_path / "s.toml").write_text(to_toml([a_subscription("a", filter=ASKING), a_subscription("b", filter=ASKING)]))
    assert listed("subscriptions", "import", "s.toml") == [
        {"new": ["desk/a", "desk/b"], "changed": [], "unchanged": []}
    ]
    (tmp_path / "s.toml").write_text(
        to_toml([a_subscription("a", filter=ASKING), a_subscription("b", filter=ASKING, group_wait_s=0)])
    )
    assert listed("subscriptions", "import", "s.toml") == [{"new": [], "changed": ["desk/b"], "unchanged": ["desk/a"]}]
    assert [one["version"] for one in listed("subscriptions", "list")] == [1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("story=story-1", Matcher("story", Operator.EQUAL, "story-1")),
        ("level<=3", Matcher("level", Operator.AT_MOST, "3")),
        ("type =~ keyword.*", Matcher("type", Operator.REGEX, "keyword.*")),
        ("owner!*night*", Matcher("owner", Operator.NOT_GLOB, "night*")),
        ("speaker=", Matcher("speaker", Operator.EQUAL, "")),
    ],
    ids=str,
)
def test_matchers_are_read(text: str, expected: Matcher) -> None:
    """Label, operator, value; spaces around them do not matter."""
    assert matcher(text) == expected


def test_a_silence_has_an_end_and_ends_when_it_is_told_to() -> None:
    """It is listed while it lasts."""
    assert faults("silences", "add", "story=a", "--reason", "r") == (
        "silences add: expected either --for or --until, found neither",
    )
    assert faults("silences", "add", "story", "--reason", "r", "--for", "1h")[0].startswith("matcher: expected LABEL")
    (made,) = listed("silences", "add", "story=a", "--reason", "r", "--for", "1h", "--author", "ann")
    assert [one["id"] for one in listed("silences", "list")] == [made["id"]]
    assert tocsin("silences", "end", made["id"][:10]).exit_code == 0
    assert listed("silences", "list", "--all") == []


def test_an_alert_is_explained_for_each_subscription(tmp_path: Path) -> None:
    """Whether it would go out, by which words, or the condition that fails; nothing is written."""
    tocsin("subscribe", "roe", *TO, "--speaker", "Jane Roe")
    tocsin("subscribe", "high", *TO, "--kind", "escalations", "--severity", "bulletin")
    tocsin("silences", "add", "subscription=*", "story=story-2", "--reason", "r", "--for", "1h")
    (tmp_path / "a.json").write_bytes(encode(said()) + b"\n" + encode(raised(2)) + b"\n")
    told = [
        (one["name"], one["is_match"], one["reason"], one["detail"]) for one in listed("route", "explain", "a.json")
    ]
    assert told == [
        ("desk/high", False, "no_match", "families"),
        ("desk/roe", True, None, None),
        ("desk/high", False, "below_severity", "severity"),
        ("desk/roe", False, "no_match", "speakers"),
    ]


def test_commands_that_look_make_no_log(tmp_path: Path) -> None:
    """A typing error in an address must not leave a folder behind."""
    for words in (("subscriptions",), ("silences",), ("notifications",), ("subscriptions", "export")):
        assert tocsin(*words).exit_code == 0
    assert list(tmp_path.iterdir()) == []
