"""Raw updates to entry revisions: cleaning, cutting, identity over edits, deletion. See `agents.entries.step`."""
