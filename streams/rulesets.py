"""The ladders and concepts of a process: the shipped ones, overlaid with the files of the settings."""

from pathlib import Path

from agents.escalations.detection import Ruleset, default_ruleset
from agents.escalations.lexicon import load_ladders, load_rules, shipped
from agents.escalations.lint import lint
from schemas.errors import InputError, SettingsError


def load_ruleset(paths: tuple[str, ...]) -> Ruleset:
    """Shipped ladders and concepts, overlaid in order by id.

    Raises InputError for a file that cannot be read or holds neither, and SettingsError with every fault that the lint
    finds in the whole.
    """
    if not paths:
        return default_ruleset()
    rules, ladders = shipped()
    concepts = {rule.id: rule for rule in rules}
    by_id = {ladder.id: ladder for ladder in ladders}
    for path in paths:
        text = _text(path)
        found = load_ladders(text, path)
        more = load_rules(text, path)
        if not (found or more):
            raise InputError(f"ladders: {path}: expected [[ladder]] or [[concept]] tables, found none")
        by_id |= {ladder.id: ladder for ladder in found}
        concepts |= {rule.id: rule for rule in more}
    ruleset = Ruleset(tuple(concepts.values()), tuple(by_id.values()))
    faults = lint(ruleset)
    if faults:
        raise SettingsError(tuple(f"ladders: {fault}" for fault in faults))
    return ruleset


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"ladders: {path}: {reason}") from None
