"""The entries agent: raw updates of an item in, revisions of its entries out."""

from collections import Counter
from datetime import datetime, timedelta

from msgspec.structs import replace

from agents.entries.cutting import cut_article, cut_text
from agents.entries.deletion import count_missing
from agents.entries.draft import Cut, Draft
from agents.entries.identity import default_story
from agents.entries.marks import Mark
from agents.entries.memory import ItemMemory, Memory
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

_FEW = 8
"""Up to so many revisions their places are looked up one by one."""


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
        self.marks = memory.marks
        self.out: list[tuple[str, EntryRevision]] = []
        self.excluded: Counter[str] = Counter()
        self.context: tuple[str, str | None] = ("", None)  # story and its title
        self.bare: set[str] = set()  # known, but never with any text

    def revisions(self) -> list[EntryRevision]:
        update = self.update
        if self.item and (update.observed_at, update.update_id) == (self.item.observed_at, self.item.update_id):
            return []
        if update.is_withdrawn:
            return self._withdraw_all()
        memory = self.memory
        is_text = update.format in (Format.TEXT, Format.ARTICLE)
        cut = cut_update(update, memory.paragraphs if is_text else frozenset())
        self.excluded = cut.excluded
        story = self.item.story if self.item else default_story(update, _headline(cut, update))
        title = _headline(cut, update) or (self.item.title if self.item else None)
        self.context = (story, title)
        seen = recognise(cut.drafts, update, memory)
        fresh = place(seen, memory, is_complete=update.is_complete)
        known = (self.marks.find(one.entry_id) for one in seen if one.entry_id not in fresh)
        self.bare = {mark.entry_id for mark in known if mark is not None and not mark.revision}
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
        mark = self.marks.find(seen.entry_id)
        if mark is None:
            return
        last = self.memory.last(seen.entry_id) if mark.revision else None
        if draft.is_deleted:
            if last is not None and not mark.is_withdrawn:
                self._withdraw(mark, draft.correction)
            elif last is None:
                self.marks.replace(replace(mark, is_withdrawn=True))
            return
        if draft.is_bare and seen.entry_id in self.bare:
            return
        if not draft.paragraphs:
            return
        if last is None:
            self._first_sight(mark, seen)
        elif (mark.is_withdrawn and not self._is_stale()) or (
            mark.digest != digest_of(draft) and not self._is_older(draft, last)
        ):
            self._edit(mark, draft, last)

    def _is_older(self, draft: Draft, last: EntryRevision) -> bool:
        """Whether a known entry comes in a form that was overtaken."""
        if draft.modified_at is not None and last.modified_at is not None and draft.modified_at != last.modified_at:
            return draft.modified_at < last.modified_at and not self.update.is_complete
        return self._is_stale()

    def _first_sight(self, mark: Mark, seen: Seen) -> None:
        update, draft = self.update, seen.found.draft
        text = draft.text
        published_at, flag = self._event_time(draft)
        digests = sentence_digests(text)
        is_recap = has_recap_cue(draft) or (draft.role == "post" and self._repeats(digests))
        story, title = self.context
        self._tell(
            mark,
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
            self.memory.sentences.learn([value for value, _ in digests])

    def _repeats(self, digests: list[tuple[int, int]]) -> bool:
        return repeats(digests, self.memory.sentences.among(digest for digest, _ in digests))

    def _edit(self, mark: Mark, draft: Draft, last: EntryRevision) -> None:
        text = draft.text
        same = mark.digest == digest_of(draft)
        if same:
            text, segments = last.text, last.segments
        else:
            segments = draft.segments()
        changed = changes(last.text, text)
        _, title = self.context
        self._tell(
            mark,
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
            self.memory.sentences.learn([value for value, _ in sentence_digests(text)])

    def _tell(self, mark: Mark, draft: Draft, revision: EntryRevision) -> None:
        self.marks.replace(
            replace(mark, digest=digest_of(draft), revision=revision.revision, missing=0, is_withdrawn=False)
        )
        self._emit(revision)

    def _emit(self, revision: EntryRevision) -> None:
        self.memory.keep(revision)
        self.out.append((revision.entry_id, revision))

    def _withdraw(self, mark: Mark, correction: str | None = None) -> None:
        last = self.memory.last(mark.entry_id)
        if last is None:
            return
        self.marks.replace(replace(mark, is_withdrawn=True, missing=0, revision=last.revision + 1))
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
        for mark in list(self.marks):
            if not mark.is_withdrawn and mark.revision:
                self._withdraw(mark)
        return self._finish(self.item.story, self.item.title)

    def _count_missing(self, present: set[str]) -> None:
        before = list(self.marks)
        moved, gone = count_missing(before, present)
        for old, mark in zip(before, moved, strict=True):
            if mark is not old:
                self.marks.replace(mark)
        for position in gone:
            self._withdraw(moved[position])

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

    def _finish(self, story: str, title: str | None) -> list[EntryRevision]:
        update = self.update
        is_few = len(self.out) <= _FEW
        positions = {one: self.marks.position(one) for one, _ in self.out} if is_few else self.marks.positions()
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
