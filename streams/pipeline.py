"""The composition root: which agent reads which topic with which steps, as one Faust app.

A new detector is one new package in `agents/` and one line in `detectors`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
import msgspec

from agents.entries.step import EntriesStep
from agents.escalations.step import EscalationsStep
from agents.officials.recognition import Recogniser
from agents.officials.registry import Registry
from agents.officials.step import OfficialsStep
from agents.roles.step import RolesStep
from agents.routing.book import Book
from agents.routing.ledger import head_key
from agents.routing.pacing import Pacing, pacing_key
from agents.routing.story import StoryRouting
from agents.statements.cast import Resolver
from agents.statements.engine import extractor
from agents.statements.step import StatementsStep
from agents.step import Step
from schemas.alert import Alert
from schemas.article import ArticleUpdate, EntryRevision
from schemas.codec import alert_to_record, encode
from schemas.detection import RoleClaim
from schemas.event import Event
from streams import topics
from streams.app import Agents, Pipeline, changelogs, decoder
from streams.dead_letter_review import HANDLED
from streams.log import TopicSpec
from streams.registries import load_registry
from streams.routing import records
from streams.routing.steps import Intake, PacingStep, RoutingStep, by_content
from streams.routing.timers import Clocked, Scheduler
from streams.rulesets import load_ruleset
from streams.settings import Settings
from streams.stage import Binding, Message, OutRecord, exit_now


def detectors(settings: Settings, registry: Registry) -> tuple[Step[EntryRevision], ...]:
    """Every step that reads entry revisions. Each has its own table and fails on its own."""
    recogniser = Recogniser(registry)
    resolver = Resolver(recogniser)
    return (
        StatementsStep(extractor(settings.statements_engine), resolver=resolver),
        EscalationsStep(load_ruleset(settings.ladders)),
        OfficialsStep(recogniser=recogniser),
    )


def by_position(_: Event, message: Message) -> str:
    """Names an update by where and when it stands in the log: the same file ingested twice is two inputs."""
    return f"{message.topic}/{message.partition}/{message.offset}/{message.timestamp:.6f}"


def by_revision(entry: EntryRevision, _: Message) -> str:
    """Names a revision by entry and number, wherever it stands."""
    return entry.revision_id


def by_claim(claim: RoleClaim, _: Message) -> str:
    """Names a claim by id, revision and whether it stands or was withdrawn."""
    return f"{claim.claim_id}/{claim.revision}/{claim.is_withdrawn:d}"


def route(event: Event) -> OutRecord:
    """The record of an event: its topic by its type, its key by what the next stage keeps state for."""
    match event:
        case EntryRevision():
            return OutRecord(topics.ENTRIES.name, event.story.encode(), encode(event))
        case RoleClaim():
            return OutRecord(topics.ROLE_CLAIMS.name, event.subject.encode(), encode(event))
        case Alert():
            return OutRecord(topics.ALERTS[event.type.family].name, *alert_to_record(event))
        case _:
            raise TypeError(f"no topic carries {type(event).__name__}")


def create_app(settings: Settings, **options: Any) -> faust.App:
    """The app of `create_pipeline`, for who needs no timers."""
    return create_pipeline(settings, **options).app


def create_pipeline(
    settings: Settings,
    *,
    datadir: Path,
    broker: str | None = None,
    die: Callable[[int, str], None] = exit_now,
    book: Book | None = None,
) -> Pipeline:
    """The pipeline on the broker of the settings. Nothing starts before `await app.start()`.

    datadir  where Faust may create its own folder; the tables live in memory and in their changelogs
    broker   overrides the address of the settings, for tests
    die      ends the process; see streams.stage
    book     subscriptions and silences; whole before the start, and followed by whoever made it
    """
    if broker is not None:
        settings = msgspec.structs.replace(settings, broker=broker)
    agents = Agents(settings, settings.app_id, datadir=datadir, die=die)
    add, bound = agents.add, agents.bound
    registry = load_registry(settings.registries)
    add(topics.UPDATES, "entries", decoder(ArticleUpdate), [bound(EntriesStep(), by_position)], route=route)
    found = [bound(step, by_revision) for step in detectors(settings, registry)]
    add(topics.ENTRIES, "detect", decoder(EntryRevision), found, route=route)
    add(topics.ROLE_CLAIMS, "roles", decoder(RoleClaim), [bound(RolesStep(registry), by_claim)], route=route)
    add(topics.ALERT_TOPICS, "intake", records.read_alert, [Binding(Intake(), None, None)], route=records.to_routing)
    book = Book() if book is None else book
    story, pace = StoryRouting(book), Pacing(book)
    routing = bound(RoutingStep(story), by_position, counts_inputs=True)
    pacing = bound(PacingStep(pace), by_content, counts_inputs=True)
    routing_stage = add(
        topics.ROUTING, "routing", records.read_routed, [routing], route=records.to_pacing, receive=records.Receiver()
    )
    pacing_stage = add(
        topics.PACING, "pacing", records.read_paced, [pacing], route=records.to_readers, receive=records.Receiver()
    )
    scheduler = Scheduler(
        [
            Clocked(routing_stage, routing, topics.ROUTING, story.due, head_key(""), records.to_routing),
            Clocked(pacing_stage, pacing, topics.PACING, pace.due, pacing_key(""), records.to_pacing),
        ],
        agents.publish,
    )
    return agents.pipeline(scheduler)


def declared_topics(settings: Settings, *apps: faust.App) -> tuple[TopicSpec, ...]:
    """Every topic these apps need, changelogs of their tables included."""
    plain = [topic.spec(settings.partitions) for topic in topics.ALL]
    return (*plain, *(spec for app in apps for spec in changelogs(app, settings)), HANDLED)
