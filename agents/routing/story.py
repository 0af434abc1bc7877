"""Routing, keyed by story: who wants an alert, what goes out together, what mutes what, and who must hear corrections.

Every message that matches a subscription ends in exactly one place: an item of a notification, or a `Suppressed`.
Timers fire only from ticks. Notifications go on to `agents.routing.pacing`, keyed by subscription.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from agents.routing.book import Book
from agents.routing.corrections import correct, renew, resume, settle
from agents.routing.filters import match
from agents.routing.ledger import head_key, record_key
from agents.routing.state import AlertRecord, Brief, StoryHead, Waiting
from agents.routing.telling import brief_of, message_state
from agents.routing.turn import Turn
from agents.routing.view import View
from agents.step import State
from schemas import identity
from schemas.alert import RULESET_MAJOR, Alert, MessageType, Status
from schemas.event import Struct
from schemas.routing import Notification, Reason, Receipt, Suppressed
from schemas.subscription import MessageState

SUCCESSOR_WAIT = timedelta(seconds=20)
"""How long the cancel of a misattributed statement waits for the alert with the right speaker. Both come from one
decision, one behind the other."""

replace = msgspec.structs.replace


class Debt(Struct, frozen=True, kw_only=True):
    """A correction that has not reached everybody who was told the wrong thing.

    alerted   recipients it concerns; reached: who has it; open: who is still owed it
    silenced  of the open ones, those for whom a silence holds it back
    """

    alert_id: str
    message_id: str
    since: datetime
    alerted: int
    reached: int
    open: tuple[str, ...]
    silenced: tuple[str, ...]


class StoryRouting:
    """The first step. State keys begin with the story's id."""

    name = "routing"

    def __init__(self, book: Book) -> None:
        self.book = book

    def on_alert(self, state: State, alert: Alert, at: datetime) -> list[Notification | Suppressed]:
        """What one message causes at once; nothing for a message seen before.

        at  time of the record: never earlier than that of records before it
        """
        turn = Turn(state, alert.story, at, self.book)
        record = turn.ledger.record(alert.data.alert_id)
        if record is not None and any(brief.message_id == alert.id for brief in record.briefs):
            return []
        brief = brief_of(alert)
        if record is not None and brief.version < record.briefs[-1].version:
            self._stale(turn, record, brief)
            return turn.close()
        view = View(alert)
        matching = self.book.matching(view, at)
        before = record
        state_of = message_state(alert.data)
        record = _with(record, alert, brief, view, matching if state_of is not MessageState.CORRECTION else ())
        turn.ledger.put(record)
        if alert.data.status is Status.REPLAY:
            matching = self._accepted(turn, record, brief, matching)
        if alert.data.msgtype is not MessageType.CANCEL:
            renewed = renew(turn, record.alert_id, brief)
            matching = tuple(id for id in matching if id not in renewed)
        if state_of is MessageState.CORRECTION:
            self._correct(turn, before, alert, view, frozenset(matching))
        else:
            if state_of is MessageState.ALERT:
                turn.mute(record)
            reattributed = self._reattribute(turn, record, frozenset(matching))
            self._offer(turn, record.alert_id, brief, view, (id for id in matching if id not in reattributed))
        return turn.close()

    def on_tick(self, state: State, story: str, at: datetime) -> list[Notification | Suppressed]:
        """What time brings: groups that are due, corrections whose silence is over, cancels that waited in vain."""
        turn = Turn(state, story, at, self.book)
        for key, due in sorted(turn.ledger.due.items(), key=lambda pair: (pair[1], pair[0])):
            if due > at:
                continue
            group = turn.ledger.group(key)
            if group is None or not group.pending:
                turn.ledger.put_group(key, None)
            else:
                turn.flush(key)
        for waiting in [one for one in turn.ledger.waiting if one.until <= at]:
            self._stop_waiting(turn, waiting)
            for id in sorted(turn.ledger.known(waiting.alert_id).told):
                correct(turn, waiting.alert_id, waiting.version, id, MessageType.CANCEL)
        for place, held in list(turn.ledger.held.items()):
            if held.until <= at or not self._is_held(turn, held.alert_id, held.subscription):
                del turn.ledger.held[place]
                resume(turn, held)
        turn.ledger.mutes = [one for one in turn.ledger.mutes if one.until > at]
        return turn.close()

    def on_receipt(self, state: State, receipt: Receipt) -> None:
        """Delivery tells what became of a correction; what has not arrived stays owed."""
        turn = Turn(state, receipt.story, receipt.at, self.book)
        record = turn.ledger.record(receipt.alert_id)
        if record is None:
            return
        settled = (Reason.SENT, Reason.WITHDRAWN_BEFORE_SEND, Reason.ENDPOINT_DISABLED)
        version = next((one.version for one in record.corrections if one.message_id == receipt.message_id), None)
        if version is None or receipt.reason not in settled:
            return
        settle(turn, receipt.alert_id, version, receipt.subscription, is_reached=receipt.reason is not settled[2])
        turn.close()

    def due(self, state: State, story: str) -> datetime | None:
        """When the next tick has something to do for this story; None if nothing waits."""
        head = state.get(head_key(story), StoryHead)
        if head is None:
            return None
        times = [*head.groups.values(), *(one.until for one in head.held), *(one.until for one in head.waiting)]
        times += [one.until for one in head.mutes]
        return min(times, default=None)

    def debts(self, state: State, story: str) -> tuple[Debt, ...]:
        """Corrections of this story that are still owed to somebody, for operators; oldest first."""
        head = state.get(head_key(story), StoryHead) or StoryHead()
        found = []
        for alert in head.owing:
            record = state.get(record_key(story, alert), AlertRecord)
            for one in record.corrections if record is not None else ():
                silenced = {h.subscription for h in head.held if (h.alert_id, h.version) == (alert, one.version)}
                if one.open:
                    found.append(
                        Debt(
                            alert_id=alert,
                            message_id=one.message_id,
                            since=one.since,
                            alerted=one.alerted,
                            reached=one.reached,
                            open=tuple(sorted(one.open)),
                            silenced=tuple(sorted(silenced)),
                        )
                    )
        return tuple(sorted(found, key=lambda debt: (debt.since, debt.message_id)))

    # --- ways of one message

    def _offer(self, turn: Turn, alert: str, brief: Brief, view: View, ids: Iterable[str]) -> None:
        """Ordinary messages go to today's matchers, by way of their groups.

        Who is still owed a correction of this alert gets the step in its place: nothing overtakes a correction.
        """
        now: list[str] = []
        for id in ids:
            if (alert, id) in turn.ledger.held:
                correct(turn, alert, brief.version, id, MessageType.UPDATE)
                continue
            subscription = self.book.subscriptions[id]
            hits = match(subscription.filter, view).hits
            key = turn.enqueue(subscription, turn.ledger.known(alert), brief, hits)
            if key is not None:
                now.append(key)
        for key in now:
            turn.flush(key)

    def _correct(
        self, turn: Turn, before: AlertRecord | None, alert: Alert, view: View, matching: frozenset[str]
    ) -> None:
        """Corrections go to who was told; who was not yet told gets the truth, or nothing."""
        data = alert.data
        record = turn.ledger.known(data.alert_id)
        brief = record.briefs[-1]
        is_cancel = data.msgtype is MessageType.CANCEL
        self._overtake(turn, record.alert_id, brief)
        if is_cancel:
            turn.unmute(record.alert_id)
        again = self._pending(turn, record.alert_id, brief, frozenset() if is_cancel else matching)
        told = sorted(turn.ledger.known(record.alert_id).told)
        material = frozenset(data.change.material) if data.change is not None else frozenset()
        if is_cancel and data.statement is not None and data.statement.superseded_by is not None and told:
            self._supersede(turn, record.alert_id, brief, data.statement.superseded_by, told)
            return
        named_before = bool(before is not None and before.labels.get("speaker"))
        for id in told:
            is_lost = "speaker" in material and named_before and id not in matching
            msgtype = MessageType.CANCEL if is_cancel or is_lost else MessageType.UPDATE
            correct(turn, record.alert_id, brief.version, id, msgtype)
        if is_cancel:
            return
        fresh = [id for id in matching if id not in told and id not in again]
        if "speaker" not in material:
            earlier = frozenset(before.audience) if before is not None and data.is_reinstated else frozenset()
            fresh = [id for id in fresh if id in earlier]
        record = turn.ledger.known(record.alert_id)
        turn.ledger.put(replace(record, audience=tuple(sorted({*record.audience, *fresh}))))
        self._offer(turn, record.alert_id, brief, view, sorted([*fresh, *again]))

    def _pending(self, turn: Turn, alert: str, brief: Brief, matching: frozenset[str]) -> frozenset[str]:
        """What still waits is not sent as it was: who matches the correction and was told nothing gets it as news.

        Who was told an earlier message gets the correction by the ledger. The others get neither message.
        """
        again = set()
        for id in sorted(turn.ledger.known(alert).pending):
            is_told = id in turn.ledger.known(alert).told
            if not is_told and id in matching:
                again.add(id)  # replaced in its group
                continue
            dropped = turn.drop_pending(alert, id)
            assert dropped is not None
            waits, _ = dropped
            if is_told:
                turn.suppress(alert, waits.version, id, Reason.GROUPED_INTO, brief.message_id, waits.hits)
                continue
            for version in (waits.version, brief.version):
                turn.suppress(alert, version, id, Reason.WITHDRAWN_BEFORE_SEND, brief.message_id, waits.hits)
        return frozenset(again)

    def _overtake(self, turn: Turn, alert: str, brief: Brief) -> None:
        """A cancel that waits for its successor is pointless once a newer correction is here."""
        for waiting in [one for one in turn.ledger.waiting if one.alert_id == alert]:
            self._stop_waiting(turn, waiting)
            for id in sorted(turn.ledger.known(alert).told):
                turn.suppress(alert, waiting.version, id, Reason.GROUPED_INTO, brief.message_id)

    def _supersede(self, turn: Turn, alert: str, brief: Brief, statement: str, told: list[str]) -> None:
        """The words are somebody else's: who also wants the new speaker gets an update, the others a cancel."""
        successor = identity.alert_id("statement", f"story/{turn.story}/statement/{statement}", 1, RULESET_MAJOR)
        known = turn.ledger.record(successor)
        if known is None:
            waiting = Waiting(
                alert_id=alert, version=brief.version, successor=successor, until=turn.at + SUCCESSOR_WAIT
            )
            turn.ledger.waiting.append(waiting)
            return
        wants = frozenset() if known.is_cancelled else frozenset(known.audience)
        self._split(turn, alert, brief.version, successor, told, wants, None)

    def _reattribute(self, turn: Turn, record: AlertRecord, matching: frozenset[str]) -> frozenset[str]:
        """The alert that a cancel waited for: who is told by a correction instead of the alert."""
        done: set[str] = set()
        for waiting in [one for one in turn.ledger.waiting if one.successor == record.alert_id]:
            self._stop_waiting(turn, waiting)
            told = sorted(turn.ledger.known(waiting.alert_id).told)
            self._split(
                turn, waiting.alert_id, waiting.version, record.alert_id, told, matching, record.briefs[-1].version
            )
            done |= matching & set(told)
        return frozenset(done)

    @staticmethod
    def _split(  # noqa: PLR0917  the parts of one correction
        turn: Turn,
        alert: str,
        version: int,
        successor: str,
        told: list[str],
        wants: frozenset[str],
        fresh: int | None,
    ) -> None:
        for id in told:
            if id in wants:
                correct(turn, alert, version, id, MessageType.UPDATE, successor, fresh)
            else:
                correct(turn, alert, version, id, MessageType.CANCEL)

    @staticmethod
    def _stop_waiting(turn: Turn, waiting: Waiting) -> None:
        turn.ledger.waiting.remove(waiting)

    def _is_held(self, turn: Turn, alert: str, id: str) -> bool:
        subscription = self.book.subscriptions.get(id)
        if subscription is None:
            return False
        labels = turn.ledger.known(alert).labels
        return self.book.silencing(subscription, labels, MessageState.CORRECTION, turn.at) is not None

    def _accepted(self, turn: Turn, record: AlertRecord, brief: Brief, matching: tuple[str, ...]) -> tuple[str, ...]:
        """A replay goes nowhere unless the run names the channel."""
        for id in matching:
            if not self.book.accepts(id, record.status):
                turn.suppress(record.alert_id, brief.version, id, Reason.REPLAY_REFUSED, record.status.value)
        return tuple(id for id in matching if self.book.accepts(id, record.status))

    @staticmethod
    def _stale(turn: Turn, record: AlertRecord, brief: Brief) -> None:
        """An older message behind a newer one: told, it would be wrong again."""
        newest = record.briefs[-1].message_id
        turn.ledger.put(replace(record, briefs=tuple(sorted((*record.briefs, brief), key=lambda one: one.version))))
        for id in record.audience:
            turn.suppress(record.alert_id, brief.version, id, Reason.DUPLICATE, newest)


def _with(record: AlertRecord | None, alert: Alert, brief: Brief, view: View, matching: tuple[str, ...]) -> AlertRecord:
    """The ledger with one more message."""
    known = record or AlertRecord(alert_id=alert.data.alert_id, status=alert.data.status, briefs=(), labels={})
    return replace(
        known,
        briefs=(*known.briefs, brief),
        labels=view.labels,
        is_cancelled=alert.data.msgtype is MessageType.CANCEL,
        audience=tuple(sorted({*known.audience, *matching})),
    )
