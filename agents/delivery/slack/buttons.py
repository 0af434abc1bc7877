"""The buttons of a reply. A click brings back what they hold; see `actions`."""

import msgspec

from agents.delivery.slack.blocks import Block, plain
from schemas.alert import Alert, StatementFacts
from schemas.delivery import Delivery
from schemas.detection import Attribution, SpeakerType

MUTE_STORY_1H, MUTE_STORY_24H = "mute_story_1h", "mute_story_24h"
MUTE_SPEAKER, WHY, NOT_USEFUL = "mute_speaker", "why", "not_useful"

VALUE = 2000
"""Most characters of a button's value."""


def buttons(delivery: Delivery, alert: Alert | None) -> list[Block]:
    """Mute, why, not useful; without those whose value would be too long."""
    lead = delivery.lead
    value = {
        "message_id": lead.message_id,
        "alert_id": lead.alert_id,
        "story": lead.story,
        "subscription": delivery.subscription,
        "endpoint": delivery.endpoint,
    }
    found = [_button("Mute story 1 h", MUTE_STORY_1H, value), _button("Mute story 24 h", MUTE_STORY_24H, value)]
    speaker = _named(alert.data.statement) if alert is not None else None
    if speaker:
        found.append(_button("Mute speaker", MUTE_SPEAKER, value | {"speaker": speaker}))
    found += [_button("Why?", WHY, value), _button("Not useful", NOT_USEFUL, value)]
    shown = [one for one in found if len(str(one["value"])) <= VALUE]
    return [{"type": "actions", "elements": shown}] if shown else []


def _named(facts: StatementFacts | None) -> str | None:
    """The speaker, if it is somebody who can be told from others."""
    if facts is None or facts.speaker is None or facts.attribution == Attribution.UNRESOLVED.value:
        return None
    return facts.speaker.name if facts.speaker.type is not SpeakerType.UNNAMED else None


def _button(text: str, action: str, value: dict[str, str]) -> Block:
    """The value is JSON in ASCII without a character that Slack would escape on its way back."""
    clean = {name: one.encode("utf-8", "replace").decode() for name, one in value.items()}
    raw = msgspec.json.encode(clean).decode()
    for char in "&<>":
        raw = raw.replace(char, f"\\u{ord(char):04x}")
    return {"type": "button", "text": plain(text), "action_id": action, "value": raw}
