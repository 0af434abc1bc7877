"""Which engine finds statements: the rules, or the learned tagger with the rules."""

from agents.statements.extraction import extract
from agents.statements.step import Extract


def extractor(engine: str) -> Extract:
    """The extractor of that name; "tagger" loads numpy and the weights, and answers with the rules without them.

    Raises ValueError for another name.
    """
    match engine:
        case "rules":
            return extract
        case "tagger":
            from agents.statements.tagger import extract_tagged

            return extract_tagged
    raise ValueError(f'statements engine: expected "rules" or "tagger", found "{engine}"')
