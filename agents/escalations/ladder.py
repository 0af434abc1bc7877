"""The ladder's arithmetic: evidence enters, decays in integer steps, levels rise at once and fall after quiet.

A track is a pure function of the rows in order of event time and of the clock. That is what makes late evidence count
as if in time, and withdrawn evidence as if it had never been there.
"""

from collections.abc import Iterable, Sequence
from operator import is_

import msgspec

from agents.escalations.duplicates import Seen
from agents.escalations.lexicon import Ladder
from agents.escalations.state import Item, Sentence, Supporter, Timeline, Top, Track, Turn
from schemas.detection import Channel

STEPS = 8
"""Grid steps in a half-life. The grid is absolute, so decay does not depend on when events arrive."""
_DECAY = 917_004  # 2 to the power of -1/8, in millionths
_MILLION = 1_000_000
SCALE = 1000
"""Scores are kept in thousandths of a per mille, so that rounding in steps does not add up."""
SUPPORT_STEPS = 4 * STEPS
"""An entry supports a level for four half-lives."""
_SUPPORTERS, _TOP, _TURNS, _CALM = 24, 12, 24, 8


def step_seconds(ladder: Ladder) -> int:
    """Seconds of one grid step."""
    return max(ladder.half_life_s // STEPS, 1)


def advance(track: Track, ladder: Ladder, clock: int) -> Track:
    """Let time pass up to `clock`, epoch seconds: decay, and the end of episodes that went quiet."""
    seconds = step_seconds(ladder)
    until = clock // seconds
    if until <= track.step:
        return track
    step, scores, calm, level, below = track.step, list(track.scores), track.calm, track.level, track.below
    turns = list(track.turns)
    quiet_steps = -(-ladder.quiet_s // seconds)
    while step < until:
        if level == 0 and calm == 0 and not any(scores):
            break
        step += 1
        scores = [score * _DECAY // _MILLION for score in scores]
        calm = calm * _DECAY // _MILLION
        if level and not _is_held(ladder, level, scores):
            below = step if below is None else below
            if step - below >= quiet_steps:
                level = next((lower for lower in range(level - 1, 0, -1) if _is_held(ladder, lower, scores)), 0)
                turns.append(Turn(step * seconds, level, "quiet"))
                below = None
        else:
            below = None
    supporters = tuple(one for one in track.supporters if one.step >= until - SUPPORT_STEPS)
    top = tuple(one for one in track.top if one.step >= until - SUPPORT_STEPS)
    return msgspec.structs.replace(
        track,
        step=until,
        scores=tuple(scores),
        calm=calm,
        calm_entries=track.calm_entries if calm else (),
        level=level,
        below=below,
        supporters=supporters,
        top=top,
        turns=tuple(turns[-_TURNS:]),
    )


def _is_held(ladder: Ladder, level: int, scores: Sequence[int]) -> bool:
    """Whether the level's score is at least half of its threshold."""
    rung = ladder.at(level)
    return rung is not None and scores[level - 1] * 2 >= rung.threshold * SCALE


def enter(track: Track, ladder: Ladder, entry: str, at: int, items: Iterable[Item]) -> Track:
    """Add the evidence of one entry at `at`, not before the track's own time, and rise or end the episode."""
    track = advance(track, ladder, at)
    items = tuple(items)
    is_started = bool(track.supporters) or any(item.value > 0 and not item.is_companion for item in items)
    for item in items:
        if item.is_companion and not is_started:
            continue
        track = _calm(track, entry, item) if item.value < 0 else _add(track, entry, at, item)
    rising = _risen(track, ladder)
    if rising > track.level:
        support = len(_supporting(track, rising))
        turn = Turn(at, rising, "evidence", track.scores[rising - 1] // SCALE, support)
        return msgspec.structs.replace(
            track, level=rising, below=None, calm=0, calm_entries=(), turns=(*track.turns, turn)[-_TURNS:]
        )
    if track.level and track.calm >= _needed_calm(track, ladder) and len(track.calm_entries) >= ladder.support:
        turn = Turn(at, 0, "deescalator", track.calm // SCALE, len(track.calm_entries))
        return Track(ladder=track.ladder, channel=track.channel, step=track.step, turns=(*track.turns, turn)[-_TURNS:])
    return track


def _needed_calm(track: Track, ladder: Ladder) -> int:
    """What ends an episode: the ladder's own bound, and half of the evidence that holds the level."""
    return max(ladder.deescalation * SCALE, track.scores[track.level - 1] // 2)


def _add(track: Track, entry: str, at: int, item: Item) -> Track:
    scores = tuple(
        score + item.value * SCALE if item.level >= level else score
        for level, score in enumerate(track.scores, start=1)
    )
    known = next((one for one in track.supporters if one.entry == entry and one.level == item.level), None)
    supporter = Supporter(
        entry,
        track.step,
        item.level,
        item.is_body or (known is not None and known.is_body),
        item.is_strong or (known is not None and known.is_strong),
    )
    supporters = [one for one in track.supporters if one is not known] + [supporter]
    if len(supporters) > _SUPPORTERS:
        supporters.remove(min(supporters, key=lambda one: (one.level, one.step, one.entry)))
    top = [*track.top, Top(item.level, item.value, track.step, entry, at, item.concept, item.term)]
    if len(top) > _TOP:
        top.remove(min(top, key=lambda one: (one.level, one.value, one.step, one.entry, one.concept)))
    return msgspec.structs.replace(track, scores=scores, supporters=tuple(supporters), top=tuple(top))


def _calm(track: Track, entry: str, item: Item) -> Track:
    entries = track.calm_entries if entry in track.calm_entries else (*track.calm_entries, entry)[-_CALM:]
    return msgspec.structs.replace(track, calm=track.calm - item.value * SCALE, calm_entries=entries)


def _supporting(track: Track, level: int) -> set[str]:
    return {one.entry for one in track.supporters if one.level >= level}


def _risen(track: Track, ladder: Ladder) -> int:
    """The highest level whose evidence and support suffice."""
    for rung in reversed(ladder.levels):
        if track.scores[rung.level - 1] < rung.threshold * SCALE:
            continue
        speaking = [one for one in track.supporters if one.level >= rung.level]
        if rung.level >= 4 and not any(one.is_body for one in speaking):
            continue
        if any(one.is_strong for one in speaking) or len({one.entry for one in speaking}) >= ladder.support:
            return rung.level
    return 0


def fold(
    timeline: Timeline,
    ladders: Sequence[Ladder],
    rows: Iterable[tuple[str, int, Sequence[Sentence]]],
    clock: int,
) -> Timeline:
    """The timeline after these rows (entry, epoch seconds, sentences), in order of time, and after time up to `clock`.

    A near-duplicate of a sentence that the story knows does not count, nor does a concept's second mention in the row.
    """
    by_id = {ladder.id: ladder for ladder in ladders}
    known = timeline.seen
    tracks = timeline.tracks
    if telling := [row for row in rows if row[2]]:
        found = {(track.ladder, track.channel): track for track in tracks}
        seen = Seen(known)
        for entry, at, sentences in telling:
            for (name, channel), items in _fresh(sentences, seen).items():
                if name in by_id:
                    track = found.get((name, channel)) or Track(ladder=name, channel=channel)
                    found[name, channel] = enter(track, by_id[name], entry, at, items)
        known = seen.known()
        tracks = tuple(track for _, track in sorted(found.items()))
    done = tuple(advance(track, by_id[track.ladder], clock) for track in tracks if track.ladder in by_id)
    if known == timeline.seen and len(done) == len(timeline.tracks) and all(map(is_, done, timeline.tracks)):
        return timeline  # nothing happened, as most of the time
    return Timeline(tracks=done, seen=known)


def _fresh(sentences: Sequence[Sentence], seen: Seen) -> dict[tuple[str, Channel], list[Item]]:
    """The strongest item of each concept in sentences that are new to the story, by ladder and channel."""
    best: dict[tuple[str, str], Item] = {}
    for sentence in sentences:
        if not seen.add(sentence.sketch):
            continue
        for item in sentence.items:
            known = best.get((item.ladder, item.concept))
            if known is None or abs(item.value) > abs(known.value):
                best[item.ladder, item.concept] = item
    groups: dict[tuple[str, Channel], list[Item]] = {}
    for item in best.values():
        groups.setdefault((item.ladder, item.channel), []).append(item)
    return groups


def reached(track: Track | None, start: int, end: int | None) -> int:
    """The highest level at which the track stood from `start` to `end` (epoch seconds; None: to this day)."""
    highest = 0
    for turn in track.turns if track else ():
        if turn.at <= start:
            highest = turn.level
        elif end is None or turn.at <= end:
            highest = max(highest, turn.level)
    return highest
