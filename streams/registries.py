"""The registry of officials of a process: the bundled one, with the files of the settings on top."""

from pathlib import Path

from agents.officials.registry import Registry, default_registry
from schemas.errors import InputError


def load_registry(paths: tuple[str, ...]) -> Registry:
    """Raises InputError for a file that cannot be read or used."""
    return default_registry(tuple((path, _text(path)) for path in paths))


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"registries: {path}: {error}") from None
