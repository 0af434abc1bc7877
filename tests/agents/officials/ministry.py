"""A small invented registry and builders of entries for the tests of officials and roles."""

from datetime import UTC, datetime, timedelta

from agents.officials.recognition import Recogniser
from agents.officials.registry import Registry
from schemas.article import EntryRevision, EntryStatus, Segment, SegmentKind
from schemas.event import Span
from schemas.identity import text_sha256

AT = datetime(2031, 5, 10, 12, 0, tzinfo=UTC)

LINES = """
{"kind": "jurisdiction", "id": "BR", "name": "Borduria", "words": ["Bordurian", "Szohod"]}
{"kind": "jurisdiction", "id": "SY", "name": "Syldavia", "words": ["Syldavian", "Klow"]}
{"kind": "organisation", "id": "br/gov", "name": "Government of Borduria", "jurisdiction": "BR"}
{"kind": "organisation", "id": "sy/gov", "name": "Government of Syldavia", "jurisdiction": "SY"}
{"kind": "organisation", "id": "br/falcon", "name": "Falcon Force", "jurisdiction": "BR", "aliases": ["Falcon Forces"]}
{"kind": "organisation", "id": "br/mines", "name": "State Mining Board", "jurisdiction": "BR"}
{"kind": "post", "id": "br/president", "organisation": "br/gov", "name": "president"}
{"kind": "post", "id": "br/leader", "organisation": "br/gov", "name": "supreme leader"}
{"kind": "post", "id": "br/fm", "organisation": "br/gov", "name": "foreign minister"}
{"kind": "post", "id": "br/falcon-head", "organisation": "br/falcon", "name": "commander of the Falcon Force",
 "titles": ["head of the Falcon Force", "Falcon Force commander"]}
{"kind": "post", "id": "br/falcon-deputy", "organisation": "br/falcon", "name": "deputy commander of the Falcon Force"}
{"kind": "post", "id": "br/mining", "organisation": "br/mines", "name": "director of the State Mining Board"}
{"kind": "post", "id": "sy/pm", "organisation": "sy/gov", "name": "prime minister"}
{"kind": "post", "id": "sy/defence", "organisation": "sy/gov", "name": "defence minister"}
{"kind": "person", "id": "qorim", "name": "Qassum Solmani", "aliases": ["Ghasum Solmani"], "is_distinctive": true,
 "tenures": [{"post": "br/falcon-head", "start": "2020", "end": "2031-05-10"}], "died": "2031-05-10"}
{"kind": "person", "id": "gholam", "name": "Gholamreza Solmani", "tenures": [{"post": "br/mining", "start": "2025"}]}
{"kind": "person", "id": "ismat", "name": "Ismat Qaari", "aliases": ["Ismat Ghaari"],
 "tenures": [{"post": "br/falcon-deputy", "start": "2021"}]}
{"kind": "person", "id": "korda", "name": "Mila Korda", "is_distinctive": true,
 "tenures": [{"post": "br/president", "start": "2029-01-20"}]}
{"kind": "person", "id": "leader", "name": "Aron Vasik", "is_distinctive": true,
 "tenures": [{"post": "br/leader", "start": "2011"}]}
{"kind": "person", "id": "ramon", "name": "Tomas Ramon Guerra", "tenures": [{"post": "sy/defence", "start": "2030"}]}
{"kind": "person", "id": "twin-a", "name": "Pavel Lorn", "tenures": [{"post": "sy/pm", "start": "2030-02"}]}
{"kind": "person", "id": "twin-b", "name": "Pavel Lorn", "tenures": [{"post": "br/fm", "start": "2030-02"}]}
{"kind": "person", "id": "oldham", "name": "Greta Oldham", "is_distinctive": true,
 "tenures": [{"post": "sy/pm", "start": "2024", "end": "2029"}]}
{"kind": "person", "id": "mahdi", "name": "Adil Abdul Mahri", "surname": "Abdul Mahri", "aliases": ["Adil Abdel-Mahri"],
 "is_distinctive": true, "tenures": [{"post": "br/fm", "start": "2020", "end": "2029"}]}
{"kind": "person", "id": "muhand", "name": "Abu Mahri al-Muhand", "aliases": [], "is_distinctive": true,
 "tenures": [{"post": "br/falcon-deputy", "start": "2015", "end": "2020"}]}
"""

TEXT = LINES.replace(",\n ", ", ")
REGISTRY = Registry([("ministry.jsonl", TEXT)])
RECOGNISER = Recogniser(REGISTRY)


def entry(
    text: str,
    *,
    id: str = "en_1",
    revision: int = 1,
    story: str = "story_1",
    status: EntryStatus = EntryStatus.LIVE,
    minutes: int = 0,
    added: tuple[Span, ...] | None = None,
    **fields: object,
) -> EntryRevision:
    """A revision whose whole text is one body segment and, unless told otherwise, all new."""
    whole = Span(0, len(text))
    return EntryRevision(
        entry_id=id,
        revision=revision,
        source="example-news",
        item="https://news.example/live",
        story=story,
        status=status,
        text=text,
        text_sha256=text_sha256(text),
        segments=(Segment(kind=SegmentKind.BODY, span=whole),),
        observed_at=AT + timedelta(minutes=minutes, seconds=30),
        published_at=AT + timedelta(minutes=minutes),
        added=(whole,) if added is None else added,
        **fields,  # type: ignore[arg-type]
    )
