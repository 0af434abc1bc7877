"""Which engine finds statements: the rules, or the learned tagger with the rules."""

from agents.statements.extraction import extract
from agents.statements.step import Extract

ENGINES = ("auto", "tagger", "rules")


def extractor(engine: str) -> Extract:
    """The extractor of that name.

    "auto" is the tagger where numpy and its weights are there, else the rules. Raises ValueError for another name, and
    for "tagger" without them.
    """
    if engine not in ENGINES:
        raise ValueError(f'statements engine: expected "auto", "tagger" or "rules", found "{engine}"')
    if engine == "rules":
        return extract
    from agents.statements.tagger import load  # numpy is loaded where it is used

    tagger = load()
    if tagger is None and engine == "tagger":
        raise ValueError('statements engine "tagger": needs numpy and the weights of the package; "auto" does without')
    return extract if tagger is None else tagger.extract
