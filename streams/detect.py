"""The stateless filter behind `tocsin detect`: a text in, detections with spans out."""

from typing import Any

import msgspec
import orjson

from agents.escalations.detection import scan
from agents.officials.recognition import recognise
from agents.statements.engine import extractor
from schemas.codec import MAX_BYTES
from schemas.event import Span


class Document(msgspec.Struct):
    """One line of input."""

    id: str | int
    text: str


_decoder = msgspec.json.Decoder(Document)


def detect(text: str, *, engine: str = "auto") -> dict[str, list[dict[str, Any]]]:
    """Statements, keywords and officials of one text; offsets are code points, half-open."""
    find = extractor(engine)
    return {
        "statements": [
            {
                "content_start": found.content.start,
                "content_end": found.content.end,
                "content_spans": [[span.start, span.end] for span in found.content_spans],
                "speaker_start": _start(found.speaker.span if found.speaker else None),
                "speaker_end": _end(found.speaker.span if found.speaker else None),
                "cue_start": _start(found.cue),
                "cue_end": _end(found.cue),
                "kind": found.kind.value,
                "speaker": found.speaker.name if found.speaker else None,
                "attribution": found.attribution.value,
                "on_behalf_of": found.on_behalf_of,
                "via": [via.name for via in found.via],
            }
            for found in find(text, ())
        ],
        "keywords": [
            {
                "start": hit.span.start,
                "end": hit.span.end,
                "term": hit.term,
                "concept": hit.concept,
                "level": hit.level,
                "channel": hit.channel.value,
                "assertion": hit.assertion.value,
            }
            for hit in scan(text)
        ],
        "officials": [
            {
                "start": mention.span.start,
                "end": mention.span.end,
                "name": mention.name,
                "person_id": mention.person_id,
                "post": mention.post,
                "status": mention.status.value,
                "match": mention.match.value,
                "candidates": list(mention.candidates),
            }
            for mention in recognise(text)
        ],
    }


def _start(span: Span | None) -> int | None:
    return None if span is None else span.start


def _end(span: Span | None) -> int | None:
    return None if span is None else span.end


def detect_line(line: bytes, where: str, *, engine: str = "auto") -> tuple[bytes, bool]:
    """One line of JSON in, one line of JSON out, and whether the input was good."""
    try:
        if len(line) > 10 * MAX_BYTES:
            raise msgspec.ValidationError(f"expected at most {10 * MAX_BYTES} bytes, found {len(line)}")
        document = _decoder.decode(line)
        out: dict[str, Any] = {"id": document.id, **detect(document.text, engine=engine)}
    except RecursionError:
        return orjson.dumps({"id": None, "error": f"{where}: nested too deeply"}), False
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return orjson.dumps({"id": None, "error": f"{where}: {error}"}), False
    return msgspec.json.encode(out), True
