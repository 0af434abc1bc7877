"""The entries agent: raw updates of an item in, revisions of its entries out."""

from collections import Counter
from datetime import datetime, timedelta

from msgspec.structs import replace

from agents.entries.cutting import cut_article, cut_text
from agents.entries.deletion import count_missing
from agents.entries.draft import Cut, Draft
from agents.entries.identity import default_story
from agents.entries.memory import ItemMemory, Mark, Memory
from agents.entries.page import by_time, cut_html, post_draft
from agents.entries.paragraphs import digest, paragraphs
from agents.entries.recap import has_recap_cue, repeats
from agents.entries.recognition import Seen, digest_of, place, recognise
from agents.entries.revision import changes, sentence_digests
from agents.step import State
from schemas import identity
from schemas.article import ArticleUpdate, EntryRevision, EntryStatus, Format, Policy, SegmentKind, TimeFlag
from schemas.event import Span

BASELINE_AGE = timedelta(minutes=15)
"""Under policy live, entries older than this at the first sight of an item fill state and alert nothing."""


class EntriesStep:
    """Cuts updates into entries, keeps their identity over edits, and tells what is new in each revision."""

    name = "entries"

    def decide(self, state: State, update: ArticleUpdate) -> list[EntryRevision]:
        """Revisions that this update brings, oldest entry first; none for an update seen before."""
        return _Decision(Memory(state, update), update).revisions()


class _Decision:
    """One update against what is known of its item."""

    def __init__(self, memory: Memory, update: ArticleUpdate) -> None:
        self.memory = memory
        self.update = update
        self.item = memory.item
        self.marks: list[Mark] = list(memory.item.marks) if memory.item else []
        self.out: list[tuple[str, EntryRevision]] = []
        self.excluded: Counter[str] = Counter()
        self.context: tuple[str, str | None] = ("", None)  # story and its title
        self.bare = {mark.entry_id for mark in self.marks if not mark.revision}  # known, but never with any text
        self._indexed: dict[str, int] = {}

    def revisions(self) -> list[EntryRevision]:
        update = self.update
        if self.item and (update.observed_at, update.update_id) == (self.item.observed_at, self.item.update_id):
            return []
        if update.is_withdrawn:
            return self._withdraw_all()
        memory = self.memory
        cut = cut_update(update, memory.paragraphs)
        self.excluded = cut.excluded
        story = self.item.story if self.item else default_story(update, _headline(cut, update))
        title = _headline(cut, update) or (self.item.title if self.item else None)
        self.context = (story, title)
        seen = recognise(cut.drafts, update, self.marks, memory.last_text, self.item.horizon if self.item else None)
        self.marks = place(seen, self.marks, is_complete=update.is_complete)
        for draft in seen:
            self._revise(draft)
        if update.is_complete and not self._is_stale():
            self._count_missing({draft.entry_id for draft in seen})
        return self._finish(story, title)

    def _is_stale(self) -> bool:
        """Whether a later fetch of the item was seen before this one."""
        return self.item is not None and self.update.observed_at < self.item.observed_at

    # Revisions

    def _revise(self, seen: Seen) -> None:
        draft = seen.found.draft
        position, mark = self._mark(seen.entry_id)
        if mark is None:
            return
        last = self.memory.last(seen.entry_id) if mark.revision else None
        if draft.is_deleted:
            if last is not None and not mark.is_withdrawn:
                self._withdraw(position, draft.correction)
            elif last is None:
                self.marks[position] = replace(mark, is_withdrawn=True)
            return
        if draft.is_bare and seen.entry_id in self.bare:
            return
        if not draft.paragraphs:
            return
        if last is None:
            self._first_sight(position, seen)
        elif (mark.is_withdrawn and not self._is_stale()) or (
            mark.digest != digest_of(draft) and not self._is_older(draft, last)
        ):
            self._edit(position, draft, last)

    def _is_older(self, draft: Draft, last: EntryRevision) -> bool:
        """Whether a known entry comes in a form that was overtaken."""
        if draft.modified_at is not None and last.modified_at is not None and draft.modified_at != last.modified_at:
            return draft.modified_at < last.modified_at and not self.update.is_complete
        return self._is_stale()

    def _first_sight(self, position: int, seen: Seen) -> None:
        update, draft = self.update, seen.found.draft
        text = draft.text
        published_at, flag = self._event_time(draft)
        digests = sentence_digests(text)
        is_recap = has_recap_cue(draft) or (draft.role == "post" and repeats(digests, self.memory.sentences))
        story, title = self.context
        self._tell(
            position,
            draft,
            EntryRevision(
                entry_id=seen.entry_id,
                revision=1,
                source=update.source,
                item=update.item,
                story=story,
                story_title=title,
                status=EntryStatus.LIVE,
                text=text,
                text_sha256=identity.text_sha256(text),
                segments=draft.segments(),
                added=(Span(0, len(text)),),
                observed_at=update.observed_at,
                published_at=published_at,
                modified_at=_clamp(draft.modified_at, published_at, update.observed_at),
                time_flag=flag,
                identity=seen.found.rung,
                url=draft.url or update.url,
                author=draft.author,
                origin=update.origin,
                language=update.language,
                correction=draft.correction,
                is_baseline=self._is_baseline(published_at, flag),
                is_recap=is_recap,
            ),
        )
        if draft.role != "head":
            self.memory.learn([value for value, _ in digests])

    def _edit(self, position: int, draft: Draft, last: EntryRevision) -> None:
        mark = self.marks[position]
        text = draft.text
        same = mark.digest == digest_of(draft)
        if same:
            text, segments = last.text, last.segments
        else:
            segments = draft.segments()
        changed = changes(last.text, text)
        _, title = self.context
        self._tell(
            position,
            draft,
            replace(
                last,
                revision=last.revision + 1,
                status=EntryStatus.REINSTATED if mark.is_withdrawn else EntryStatus.LIVE,
                story_title=title,
                text=text,
                text_sha256=identity.text_sha256(text),
                segments=segments,
                previous_text=last.text,
                added=changed.added,
                removed=changed.removed,
                observed_at=self.update.observed_at,
                modified_at=_clamp(draft.modified_at, last.published_at, self.update.observed_at) or last.modified_at,
                author=draft.author or last.author,
                correction=draft.correction,
                is_baseline=False,
                is_recap=last.is_recap or has_recap_cue(draft),
            ),
        )
        if draft.role != "head":
            self.memory.learn([value for value, _ in sentence_digests(text)])

    def _tell(self, position: int, draft: Draft, revision: EntryRevision) -> None:
        self.marks[position] = replace(
            self.marks[position],
            digest=digest_of(draft),
            revision=revision.revision,
            missing=0,
            is_withdrawn=False,
        )
        self._emit(revision)

    def _emit(self, revision: EntryRevision) -> None:
        self.memory.keep(revision)
        self.out.append((revision.entry_id, revision))

    def _withdraw(self, position: int, correction: str | None = None) -> None:
        mark = self.marks[position]
        last = self.memory.last(mark.entry_id)
        if last is None:
            return
        self.marks[position] = replace(mark, is_withdrawn=True, missing=0, revision=last.revision + 1)
        self._emit(
            replace(
                last,
                revision=last.revision + 1,
                status=EntryStatus.WITHDRAWN,
                previous_text=last.text,
                observed_at=self.update.observed_at,
                correction=correction or last.correction,
                is_baseline=False,
            )
        )

    def _withdraw_all(self) -> list[EntryRevision]:
        if self.item is None:
            return []
        for position, mark in enumerate(self.marks):
            if not mark.is_withdrawn and mark.revision:
                self._withdraw(position)
        return self._finish(self.item.story, self.item.title)

    def _count_missing(self, present: set[str]) -> None:
        self.marks, gone = count_missing(self.marks, present)
        for position in gone:
            self._withdraw(position)

    # Times

    def _event_time(self, draft: Draft) -> tuple[datetime, TimeFlag | None]:
        """The publisher's claim for the entry, else for the item; never later than it was observed."""
        update = self.update
        claimed = draft.published_at
        if claimed is None and (self.item is None or draft.role != "post"):
            claimed = update.published_at
        if claimed is None:
            return update.observed_at, TimeFlag.MISSING
        if claimed > update.observed_at:
            return update.observed_at, TimeFlag.FUTURE
        return claimed, None

    def _is_baseline(self, published_at: datetime, flag: TimeFlag | None) -> bool:
        """Whether the entry stood there before we began to look. One without a time may have."""
        update = self.update
        if update.policy is not Policy.LIVE or self.item is not None or not update.is_complete:
            return False
        return flag is TimeFlag.MISSING or update.observed_at - published_at > BASELINE_AGE

    # Result

    def _mark(self, entry_id: str) -> tuple[int, Mark | None]:
        position = self._positions().get(entry_id)
        return (-1, None) if position is None else (position, self.marks[position])

    def _positions(self) -> dict[str, int]:
        if len(self._indexed) != len(self.marks):
            self._indexed = {mark.entry_id: position for position, mark in enumerate(self.marks)}
        return self._indexed

    def _finish(self, story: str, title: str | None) -> list[EntryRevision]:
        update = self.update
        positions = {mark.entry_id: position for position, mark in enumerate(self.marks)}
        ordered = sorted(self.out, key=lambda pair: (positions[pair[0]], pair[1].revision))
        revisions = [replace(revision, ordinal=positions[entry_id]) for entry_id, revision in ordered]
        if revisions and self.excluded:
            revisions[0] = replace(revisions[0], excluded=dict(sorted(self.excluded.items())))
        for revision in revisions:
            self.memory.keep(revision)
        is_stale = self._is_stale()
        item = ItemMemory(
            story=story,
            title=title,
            marks=tuple(self.marks),
            observed_at=self.item.observed_at if self.item and is_stale else update.observed_at,
            update_id=self.item.update_id if self.item and is_stale else update.update_id,
            horizon=self.item.horizon if self.item else None,
            excluded=dict(sorted(self.excluded.items())),
        )
        self.memory.store(item, self._page_paragraphs())
        return revisions

    def _page_paragraphs(self) -> list[int]:
        if self.update.format not in (Format.TEXT, Format.ARTICLE) or not self.update.body:
            return []
        return [digest(one) for one in paragraphs(self.update.body, self.memory.paragraphs)]


def cut_update(update: ArticleUpdate, known: frozenset[int] = frozenset()) -> Cut:
    """Drafts of an update by its format, oldest first."""
    match update.format:
        case Format.TEXT:
            return cut_text(update.body, update.title, known)
        case Format.ARTICLE:
            return cut_article(update.body, update.title, known)
        case Format.HTML:
            return cut_html(update.body, update.title, update.url)
    excluded: Counter[str] = Counter()
    drafts = []
    for post in update.posts:
        draft, dropped = post_draft(post, update.url)
        excluded += dropped
        drafts.append(draft)
    return Cut(tuple(by_time(drafts) if update.is_complete else drafts), excluded, update.title)


def _headline(cut: Cut, update: ArticleUpdate) -> str | None:
    for draft in cut.drafts:
        if draft.role != "post" and draft.paragraphs[0].kind is SegmentKind.HEADLINE:
            return draft.paragraphs[0].text
    return cut.title or update.title


def _clamp(modified_at: datetime | None, published_at: datetime, observed_at: datetime) -> datetime | None:
    """A change is neither before the publication nor after we saw it."""
    return None if modified_at is None else min(max(modified_at, published_at), observed_at)


__all__ = ["BASELINE_AGE", "EntriesStep", "cut_update"]
