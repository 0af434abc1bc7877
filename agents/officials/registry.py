"""Who held which post when: persons, organisations, posts and dated tenures, read from JSON Lines.

Every line is one record with a `kind`: source, jurisdiction, organisation, post or person. Dates are a year, a month or
a day ("2014", "2014-07", "2014-07-24"); the last day of a tenure belongs to it.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import msgspec

from agents.officials import names
from agents.text.folding import fold_phrase
from schemas.detection import TenureStatus
from schemas.errors import InputError


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """Base of all lines."""


class Source(_Record, frozen=True, kw_only=True, tag="source"):
    """Where the facts of a file come from."""

    name: str
    licence: str = ""
    note: str = ""


class Jurisdiction(_Record, frozen=True, kw_only=True, tag="jurisdiction"):
    """A state or an intergovernmental body. `words` are adjectives, peoples and capitals that stand for it."""

    id: str
    name: str
    words: tuple[str, ...] = ()
    is_state: bool = True


class Organisation(_Record, frozen=True, kw_only=True, tag="organisation"):
    """A body that has posts."""

    id: str
    name: str
    jurisdiction: str
    aliases: tuple[str, ...] = ()


class Post(_Record, frozen=True, kw_only=True, tag="post"):
    """A post of an organisation. `titles` are further noun phrases for it; `is_single`: one holder at a time."""

    id: str
    organisation: str
    name: str
    titles: tuple[str, ...] = ()
    jurisdiction: str | None = None
    is_single: bool = True


class Tenure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A post held by a person from `start` to `end`; None is unknown or open."""

    post: str
    start: str | None = None
    end: str | None = None
    status: Literal["current", "acting", "interim", "designate"] = "current"


class Person(_Record, frozen=True, kw_only=True, tag="person"):
    """A person. `surname` where it is not the last word; `is_distinctive`: the full name alone is identity enough."""

    id: str
    name: str
    surname: str | None = None
    aliases: tuple[str, ...] = ()
    is_distinctive: bool = False
    died: str | None = None
    tenures: tuple[Tenure, ...] = ()


Record = Source | Jurisdiction | Organisation | Post | Person
_DECODER = msgspec.json.Decoder(Record)


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What a person holds, or held last, at a time. `since` is the first day of the tenure, where known."""

    post: Post
    status: TenureStatus
    since: date | None = None
    until: date | None = None


def first_day(text: str) -> date:
    """The first day of a year, month or day. Raises ValueError."""
    return date.fromisoformat((text + "-01-01")[:10])


def last_day(text: str) -> date:
    """The last day of a year, month or day. Raises ValueError."""
    match text.count("-"):
        case 0:
            return date(int(text), 12, 31)
        case 1:
            return (first_day(text) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return date.fromisoformat(text)


class Registry:
    """All records by id, linted. Raises InputError with every fault found, one line each.

    texts  (file name, JSON Lines) pairs; later files may refer to records of earlier ones
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self.sources: list[Source] = []
        self.jurisdictions: dict[str, Jurisdiction] = {}
        self.organisations: dict[str, Organisation] = {}
        self.posts: dict[str, Post] = {}
        self.persons: dict[str, Person] = {}
        faults: list[str] = []
        where: dict[str, str] = {}
        for file, text in texts:
            for number, line in enumerate(text.splitlines(), 1):
                if not line or line.isspace():
                    continue
                try:
                    record = _DECODER.decode(line)
                except msgspec.DecodeError as error:
                    faults.append(f"{file}:{number}: expected a registry record, found: {error}")
                    continue
                faults.extend(self._add(record, f"{file}:{number}", where))
        faults.extend(self._lint(where))
        if faults:
            raise InputError("; ".join(faults))
        self._index()

    def _add(self, record: Record, place: str, where: dict[str, str]) -> Iterator[str]:
        match record:
            case Source():
                self.sources.append(record)
                return
            case Jurisdiction():
                table: dict[str, msgspec.Struct] = self.jurisdictions  # type: ignore[assignment]
            case Organisation():
                table = self.organisations  # type: ignore[assignment]
            case Post():
                table = self.posts  # type: ignore[assignment]
            case Person():
                table = self.persons  # type: ignore[assignment]
        name = f"{type(record).__name__.lower()} {record.id!r}"
        if record.id in table:
            yield f"{place}: {name}: expected a new id, found one already given at {where[name]}"
            return
        table[record.id] = record
        where[name] = place

    def _lint(self, where: dict[str, str]) -> Iterator[str]:
        for body in self.organisations.values():
            if body.jurisdiction not in self.jurisdictions:
                name = f"organisation {body.id!r}"
                yield f"{where[name]}: {name}: expected a known jurisdiction, found {body.jurisdiction!r}"
        for post in self.posts.values():
            name = f"post {post.id!r}"
            if post.organisation not in self.organisations:
                yield f"{where[name]}: {name}: expected a known organisation, found {post.organisation!r}"
            if post.jurisdiction is not None and post.jurisdiction not in self.jurisdictions:
                yield f"{where[name]}: {name}: expected a known jurisdiction, found {post.jurisdiction!r}"
        for person in self.persons.values():
            name = f"person {person.id!r}"
            for tenure in person.tenures:
                if tenure.post not in self.posts:
                    yield f"{where[name]}: {name}: expected a known post, found {tenure.post!r}"
            for fault in _dates(person):
                yield f"{where[name]}: {name}: {fault}"

    def _index(self) -> None:
        self.by_surname: dict[str, tuple[str, ...]] = {}
        self.by_title: dict[str, tuple[str, ...]] = {}
        self.by_organisation: dict[str, tuple[str, ...]] = {}
        self.tenants: dict[str, tuple[str, ...]] = {}
        for post in self.posts.values():
            for title in (post.name, *post.titles):
                _append(self.by_title, fold_phrase(title).decode("ascii"), post.id)
            _append(self.by_organisation, post.organisation, post.id)
        for person in self.persons.values():
            for spelling in surnames(person):
                _append(self.by_surname, names.key(spelling), person.id)
            for tenure in person.tenures:
                _append(self.tenants, tenure.post, person.id)

    def jurisdiction_of(self, post: Post) -> str:
        """Id of the jurisdiction a post belongs to."""
        return post.jurisdiction or self.organisations[post.organisation].jurisdiction

    def holding(self, person: Person, at: datetime | None) -> Holding | None:
        """What the person holds at a time, else what was held last; None before the first tenure.

        Without a time, tenures without an end are current.
        """
        day = at.date() if at is not None else date.max
        best: tuple[tuple[int, date], Holding] | None = None
        is_dead = person.died is not None and first_day(person.died) <= day
        for tenure in person.tenures:
            start = first_day(tenure.start) if tenure.start else None
            end = last_day(tenure.end) if tenure.end else None
            if start is not None and start > day:
                continue
            is_over = end is not None and end < day
            status = TenureStatus(tenure.status)
            if is_dead:
                status = TenureStatus.DECEASED
            elif is_over:
                status = TenureStatus.FORMER
            rank = (0 if is_over else 1, (end if is_over else start) or date.min)
            if best is None or rank > best[0]:
                best = (rank, Holding(post=self.posts[tenure.post], status=status, since=start, until=end))
        return best[1] if best else None

    def holders(self, post_id: str, at: datetime | None) -> tuple[str, ...]:
        """Ids of the living persons who hold the post at a time; on the day of a handover, the newcomer."""
        found: list[tuple[date, str]] = []
        for person_id in self.tenants.get(post_id, ()):
            person = self.persons[person_id]
            held = self.holding(person, at)
            if held and held.post.id == post_id and held.status in _HELD:
                found.append((held.since or date.min, person_id))
        if self.posts[post_id].is_single and len(found) > 1:
            latest = max(since for since, _ in found)
            found = [(since, person_id) for since, person_id in found if since == latest]
        return tuple(person_id for _, person_id in found)


_HELD = (TenureStatus.CURRENT, TenureStatus.ACTING, TenureStatus.INTERIM)


def surnames(person: Person) -> tuple[str, ...]:
    """The words that name the person alone, without given names, in all spellings of the record."""
    if person.surname:
        return (person.surname,)
    found: dict[str, None] = {}
    for name in (person.name, *person.aliases):
        parts = [part for part in name.split() if part.casefold().strip(".") not in names.SUFFIXES]
        if len(parts) > 1:
            found[parts[-1]] = None
    return tuple(found)


def _append(table: dict[str, tuple[str, ...]], key: str, value: str) -> None:
    known = table.get(key, ())
    if key and value not in known:
        table[key] = (*known, value)


def _dates(person: Person) -> Iterator[str]:
    try:
        if person.died:
            first_day(person.died)
        for tenure in person.tenures:
            start = first_day(tenure.start) if tenure.start else None
            end = last_day(tenure.end) if tenure.end else None
            if start and end and end < start:
                yield f"tenure of {tenure.post!r}: expected start before end, found {tenure.start} to {tenure.end}"
    except ValueError as error:
        yield f"expected dates like 2014, 2014-07 or 2014-07-24, found: {error}"


@lru_cache(maxsize=1)
def _shipped() -> str:
    return files("agents.officials").joinpath("registry.jsonl").read_text("utf-8")


@lru_cache(maxsize=4)
def default_registry(extra: tuple[tuple[str, str], ...] = ()) -> Registry:
    """The shipped registry, with further (file name, JSON Lines) texts on top. Raises InputError."""
    return Registry((("registry.jsonl", _shipped()), *extra))
