"""What the embedded log makes durable together."""

from pathlib import Path

import pytest

from streams.log import TopicSpec, embedded


@pytest.mark.parametrize(("belongs_together", "commits"), [(True, 1), (False, 3)])
async def test_records_that_belong_together_are_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, belongs_together: bool, commits: int
) -> None:
    """However many: a death in between would leave state without the memory of what it led to."""
    monkeypatch.setattr(embedded, "TRANSACTION_RECORDS", 2)
    log = embedded.Log.acquire(tmp_path)
    try:
        await log.create_topic(TopicSpec(name="changes", partitions=1))
        before = log.stats["commits"]
        for n in range(5):
            future = log.append(
                "changes",
                0,
                key=b"k",
                value=b"%d" % n,
                timestamp=1.0,
                headers=(),
                result=lambda offset: offset,
                has_more=belongs_together and n < 4,
            )
        assert future is not None
        assert await future == 4
        assert log.stats["commits"] - before == commits
    finally:
        await log.release()
