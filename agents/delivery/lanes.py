"""The lanes of an endpoint: open deliveries by story, each a chain, so that a long one costs no more than a short."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from agents.delivery.schedule import MAX_AGE
from agents.delivery.state import Lane, Row, Subscriber, row_key
from agents.step import State
from schemas.delivery import Delivery

replace = msgspec.structs.replace


class Lanes:
    """The lanes of one endpoint while one record is worked on. `close` writes what changed.

    lanes  by story
    """

    def __init__(self, state: State, endpoint: str, lanes: Mapping[str, Lane]) -> None:
        self.lanes = dict(lanes)
        self._state = state
        self._endpoint = endpoint
        self._rows: dict[str, Row | None] = {}

    def close(self) -> None:
        """Write the rows that changed."""
        for id, row in self._rows.items():
            self._state.put(row_key(self._endpoint, id), row)

    def get(self, id: str) -> Row | None:
        """The open delivery of this id."""
        if id in self._rows:
            return self._rows[id]
        return self._state.get(row_key(self._endpoint, id), Row)

    def known(self, id: str) -> Row:
        """The open delivery of an id that a lane names."""
        row = self.get(id)
        assert row is not None, id
        return row

    def put(self, row: Row) -> None:
        """Replace an open delivery."""
        self._rows[row.delivery.id] = row

    def count(self) -> int:
        """How many are open."""
        return sum(lane.count for lane in self.lanes.values())

    def rows(self) -> Iterator[Row]:
        """All that are open, lane by lane, in order."""
        for lane in list(self.lanes.values()):
            id: str | None = lane.first
            while id is not None:
                row = self.known(id)
                yield row
                id = row.after

    def append(self, delivery: Delivery, subscriber: Subscriber, at: datetime) -> None:
        """Open a delivery at the end of its lane."""
        lane = self.lanes.get(delivery.story)
        row = Row(
            delivery=delivery,
            since=at,
            expires=self._expires(delivery, at),
            subscribers=(subscriber,),
            before=lane.last if lane is not None else None,
        )
        self.put(row)
        if lane is None:
            self.lanes[delivery.story] = Lane(
                first=delivery.id, last=delivery.id, count=1, due=at, since=at, expires=row.expires
            )
            return
        self.put(replace(self.known(lane.last), after=delivery.id))
        self.lanes[delivery.story] = replace(lane, last=delivery.id, count=lane.count + 1)

    def join(self, row: Row, delivery: Delivery, subscriber: Subscriber) -> None:
        """One more subscription wants an open delivery; it lasts as long as one of them wants it."""
        expires = max(row.expires, self._expires(delivery, row.since))
        self.put(replace(row, subscribers=(*row.subscribers, subscriber), expires=expires))
        lane = self.lanes[row.delivery.story]
        if lane.first == row.delivery.id:
            self.lanes[row.delivery.story] = replace(lane, expires=expires)

    @staticmethod
    def _expires(delivery: Delivery, at: datetime) -> datetime:
        """Stale news is noise, a late correction is not; what an operator wants again is as good as new."""
        last = at + MAX_AGE
        if delivery.max_age_s is None or delivery.is_correction or delivery.round > 1:
            return last
        return min(last, delivery.at + timedelta(seconds=delivery.max_age_s))

    @staticmethod
    def is_stale(row: Row) -> bool:
        """Whether it ends for its subscription's limit, not for the general one."""
        return row.expires < row.since + MAX_AGE

    def remove(self, row: Row, at: datetime) -> None:
        """Take a delivery out of its lane; the next one may go at once."""
        id = row.delivery.id
        row = self.known(id)
        lane = self.lanes[row.delivery.story]
        if row.before is not None:
            self.put(replace(self.known(row.before), after=row.after))
        if row.after is not None:
            self.put(replace(self.known(row.after), before=row.before))
        self._rows[id] = None
        if lane.count == 1:
            del self.lanes[row.delivery.story]
            return
        lane = replace(lane, count=lane.count - 1, last=row.before if lane.last == id and row.before else lane.last)
        if lane.first == id and row.after is not None:
            first = self.known(row.after)
            lane = replace(lane, first=row.after, due=at, since=first.since, expires=first.expires, is_sending=False)
        self.lanes[row.delivery.story] = lane

    def send(self, story: str, until: datetime, *, is_probe: bool) -> Row:
        """Lease the first of a lane."""
        lane = self.lanes[story]
        row = self.known(lane.first)
        row = replace(row, tries=row.tries + 1, sending=until, is_probe=is_probe)
        self.put(row)
        self.lanes[story] = replace(lane, due=until, is_sending=True)
        return row

    def wait(self, row: Row, until: datetime) -> None:
        """The first of its lane was tried in vain."""
        self.put(replace(row, sending=None, is_probe=False))
        lane = self.lanes[row.delivery.story]
        self.lanes[row.delivery.story] = replace(lane, due=until, is_sending=False)

    def hurry(self, at: datetime, story: str | None = None) -> None:
        """Let what waits in one lane, or in all of them, go now."""
        for name, lane in self.lanes.items():
            if not lane.is_sending and lane.due > at and story in (None, name):
                self.lanes[name] = replace(lane, due=at)
