"""The bundled live blog: one invented day on an invented river, as raw updates, and what an editor expects of it.

`liveblog.jsonl` holds one ArticleUpdate a line, in the order of arrival: single posts, complete fetches of the page
(newest post first, as on the page), edits, two deletions, one return and one line delivered twice. `expected.json`
says which statements and alerts it must raise, what must stay silent and why. All places, people and words are ours.
"""

from importlib.resources import files

SAMPLE_REGISTRY = str(files(__name__).joinpath("registry.jsonl"))
"""Path of the registry that knows the invented states; a setting as a user would give it."""


def sample_updates() -> list[bytes]:
    """The raw updates in order of arrival, undecoded, without line ends."""
    return files(__name__).joinpath("liveblog.jsonl").read_bytes().splitlines()
