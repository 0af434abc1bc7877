"""Channels: how a message looks at a receiver, and what the receiver's answers mean. One file each, no I/O.

A channel tells what it wants done as a generator: it yields calls, is sent what came of them, and returns the result.
`streams.delivery` carries the calls out. A new channel is one new file here with a class that is a `Channel`, and one
line in `CHANNELS`.
"""

from collections.abc import Generator, Mapping
from datetime import datetime
from typing import Protocol

from schemas.alert import Alert
from schemas.delivery import Cause, Credentials, Delivery, Endpoint, Verdict
from schemas.event import Struct


class Http(Struct, frozen=True, kw_only=True):
    """A request over HTTP. The address and the headers may be secrets: they show in no repr.

    is_paced    counts against the limit of messages a second of the endpoint
    answer_max  most of the answer's body that is read, bytes
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    is_paced: bool = True
    answer_max: int = 20_000

    def __repr__(self) -> str:
        return f"Http({self.method} ***, {len(self.body)} bytes)"


class Mail(Struct, frozen=True, kw_only=True):
    """A mail, whole as it goes out (RFC 5322); how to reach the server is in the endpoint and its credentials."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Line(Struct, frozen=True, kw_only=True):
    """One line for the end of a file, without its line break; a path of None is standard output."""

    path: str | None
    text: bytes


class Notice(Struct, frozen=True, kw_only=True):
    """A text for Apprise, which knows the service by the endpoint's address."""

    title: str
    body: str


Call = Http | Mail | Line | Notice


class Answer(Struct, frozen=True, kw_only=True):
    """What a receiver said.

    status   of HTTP; 250 for a mail that was taken, 200 where something was written
    headers  names in lower case
    body     at most 20,000 bytes of it
    """

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Fault(Struct, frozen=True, kw_only=True):
    """Why there is no answer.

    may_have_arrived  the request was on its way
    detail            in a few words, nothing secret
    """

    cause: Cause
    detail: str = ""
    may_have_arrived: bool = False


class Result(Struct, frozen=True, kw_only=True):
    """What an attempt came to; fields as in `schemas.delivery.Report`."""

    verdict: Verdict
    cause: Cause
    status: int | None = None
    retry_after_s: float | None = None
    detail: str = ""
    marks: Mapping[str, str | None] = {}
    may_have_arrived: bool = False


class Job(Struct, frozen=True, kw_only=True):
    """One attempt.

    alert             None for a digest
    marks             what earlier deliveries of the thread left; see `Report.marks`
    at                when the attempt is made
    number            of the attempt, from 1
    may_have_arrived  an earlier attempt may have arrived although nobody knows
    """

    delivery: Delivery
    alert: Alert | None
    endpoint: Endpoint
    credentials: Credentials
    marks: Mapping[str, str]
    at: datetime
    number: int
    may_have_arrived: bool = False


Conversation = Generator[Call, Answer | Fault, Result]


class Channel(Protocol):
    """What a channel must know.

    name          as subscriptions and endpoints name it
    per_second    messages a second that an endpoint takes, None for no limit; `burst` at once
    concurrency   attempts at once to an endpoint that works
    """

    name: str
    per_second: float | None
    burst: int
    concurrency: int

    def faults(self, endpoint: Endpoint, credentials: Credentials) -> list[str]:
        """What is wrong with an endpoint of this channel: "settings.path: expected ..., found ..."; nothing secret."""

    def shown(self, endpoint: Endpoint, credentials: Credentials) -> str:
        """The address for people, without what must not be seen."""

    def deliver(self, job: Job) -> Conversation:
        """Carry out one attempt."""
