"""The registry: what it refuses, and what it answers for a time."""

from datetime import UTC, datetime

import pytest

from agents.officials.registry import Registry, default_registry
from schemas.detection import TenureStatus
from schemas.errors import InputError
from tests.agents.officials.ministry import AT, REGISTRY, TEXT


def faults(*lines: str) -> str:
    with pytest.raises(InputError) as caught:
        Registry([("ministry.jsonl", TEXT), ("mine.jsonl", "\n".join(lines))])
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            '{"kind": "person", "id": "new", "name": "A B", "tenures": [{"post": "br/none"}]}',
            "mine.jsonl:1: person 'new': expected a known post, found 'br/none'",
        ),
        (
            '{"kind": "person", "id": "new", "name": "A B", '
            '"tenures": [{"post": "br/fm", "start": "2020", "end": "2019-05"}]}',
            "mine.jsonl:1: person 'new': tenure of 'br/fm': expected start before end, found 2020 to 2019-05",
        ),
        (
            '{"kind": "person", "id": "korda", "name": "A B"}',
            "mine.jsonl:1: person 'korda': expected a new id, found one already given at ministry.jsonl:19",
        ),
        (
            '{"kind": "post", "id": "x", "organisation": "nowhere", "name": "clerk"}',
            "mine.jsonl:1: post 'x': expected a known organisation, found 'nowhere'",
        ),
        (
            '{"kind": "organisation", "id": "x", "name": "X", "jurisdiction": "ZZ"}',
            "mine.jsonl:1: organisation 'x': expected a known jurisdiction, found 'ZZ'",
        ),
    ],
)
def test_names_every_fault_with_its_line(line: str, fault: str) -> None:
    """A broken record is refused with file, line, what was expected and what was found."""
    assert faults(line) == fault


def test_reports_all_faults_together() -> None:
    """Two broken lines give two faults in one error."""
    assert faults("{", '{"kind": "person", "id": "n", "name": "A", "died": "soon"}').count("mine.jsonl:") == 2


@pytest.mark.parametrize(
    ("person", "at", "post", "status"),
    [
        ("korda", AT, "br/president", TenureStatus.CURRENT),
        ("oldham", AT, "sy/pm", TenureStatus.FORMER),
        ("oldham", datetime(2029, 12, 31, 23, tzinfo=UTC), "sy/pm", TenureStatus.CURRENT),
        ("qorim", AT, "br/falcon-head", TenureStatus.DECEASED),
        ("qorim", datetime(2031, 5, 9, tzinfo=UTC), "br/falcon-head", TenureStatus.CURRENT),
    ],
)
def test_holding_depends_on_the_time(person: str, at: datetime, post: str, status: TenureStatus) -> None:
    """The last day of a tenure still counts; the dead are dead from the day of death."""
    held = REGISTRY.holding(REGISTRY.persons[person], at)
    assert held is not None
    assert (held.post.id, held.status) == (post, status)


def test_nobody_holds_a_post_before_the_first_tenure() -> None:
    """Before the first tenure a person holds nothing."""
    assert REGISTRY.holding(REGISTRY.persons["korda"], datetime(2028, 1, 1, tzinfo=UTC)) is None


def test_shipped_registry_has_one_holder_a_single_post() -> None:
    """In the shipped registry no single post has two holders in the middle of a year."""
    registry = default_registry()
    doubled = {
        (post.id, year)
        for post in registry.posts.values()
        for year in range(2014, 2026)
        if post.is_single and len(registry.holders(post.id, datetime(year, 6, 15, tzinfo=UTC))) > 1
    }
    assert doubled == set()


def test_shipped_registry_names_its_sources() -> None:
    """Every source of facts is named in the file, with its licence."""
    assert all(source.name and source.licence for source in default_registry().sources)
    assert len(default_registry().persons) >= 200
