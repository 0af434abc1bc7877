"""Updates and pages of an invented world."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agents.entries.step import EntriesStep
from agents.step import MemoryState
from schemas.article import ArticleUpdate, EntryRevision, Format, Post

NOON = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)

PAGE = """\
Norhaven bridge collapse – live: minister claims warnings were ‘never received’ after second span falls
Rescue teams reach the river bank as families wait for news of the missing
Your donation keeps our reporters at the river
We are a small newsroom, and we know how much rests on getting the facts right when the water rises.
It takes a village.
Please chip in today so that our journalists can stay until the last question is answered.
Every contribution you make keeps us going.Mara Lindqvist, the harbour minister, has said that no warning \
about the bridge ever reached her office before the collapse on Tuesday evening.
Tomas Ruiz, the port inspector, has published a letter. He wrote: \
“We told the ministry twice that the eastern span was moving.
“Nobody wrote back. We will not be silent now.”
Hang on a moment while the live blog loads
The river authority has closed both banks for boats until further notice, and asked owners to moor upstream.
She added: "Nobody should go near the water tonight. The current is stronger than it looks."
A second inspection of the western span is due on Thursday, according to the Norhaven council.
Join our readers' forum
Leave a comment
Comments
"""


def update(body: str = "", minute: int = 0, **changed: Any) -> ArticleUpdate:
    """A complete text update of one file, `minute` minutes after noon."""
    fields: dict[str, Any] = {
        "update_id": f"up_{minute}",
        "source": "file",
        "item": "page.txt",
        "format": Format.TEXT,
        "observed_at": NOON + timedelta(minutes=minute),
        "body": body,
    }
    return ArticleUpdate(**fields | changed)


def post(name: str, text: str, minute: int | None = None, **changed: Any) -> Post:
    """A post with an id, published `minute` minutes after noon."""
    published = None if minute is None else NOON + timedelta(minutes=minute)
    return Post(id=name, text=text, published_at=published, **changed)


def blog(*posts: Post, minute: int = 600, **changed: Any) -> ArticleUpdate:
    """A complete fetch of a live blog; by default long after its posts."""
    fields: dict[str, Any] = {
        "source": "daily.example",
        "item": "https://daily.example/live/bridge",
        "format": Format.POSTS,
        "posts": posts,
    }
    return update("", minute, **fields | changed)


class Desk:
    """The step with its state, for feeding one update after the other."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.step = EntriesStep()

    def __call__(self, one: ArticleUpdate) -> list[EntryRevision]:
        return self.step.decide(self.state, one)
