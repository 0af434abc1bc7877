"""When an absent entry counts as gone."""

from collections.abc import Sequence, Set
from itertools import pairwise

from msgspec.structs import replace

from agents.entries.marks import Mark

FETCHES = 2
"""Consecutive complete fetches without the entry, but with neighbours on both sides, that withdraw it."""


def count_missing(marks: Sequence[Mark], present: Set[str]) -> tuple[list[Mark], list[int]]:
    """Marks with their counts moved on by one complete fetch, and positions of those that are gone now.

    The oldest and the newest of an item never go by absence: a page may be cut off at either end. A gap larger than
    what the page still shows is a page that was cut, not entries that were deleted.
    """
    moved = list(marks)
    posts = [index for index, mark in enumerate(marks) if mark.role == "post" and not mark.is_withdrawn]
    shown = [at for at, index in enumerate(posts) if marks[index].entry_id in present]
    gone = []
    for left, right in pairwise(shown):
        gap = posts[left + 1 : right]
        if len(gap) > max(3, len(shown) // 2):
            continue
        for index in gap:
            missing = marks[index].missing + 1
            moved[index] = replace(marks[index], missing=missing)
            if missing >= FETCHES:
                gone.append(index)
    for at in shown:
        if marks[posts[at]].missing:
            moved[posts[at]] = replace(marks[posts[at]], missing=0)
    return moved, gone
