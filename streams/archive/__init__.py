"""Archives: the history of topics in one file, kept, shared, and loaded into another log byte for byte."""

from streams.archive.lines import ArchivedTopic, Header
from streams.archive.reading import Contents, TopicContents, check, header, records

__all__ = ["ArchivedTopic", "Contents", "Header", "TopicContents", "check", "header", "records"]
