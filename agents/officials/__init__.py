"""Officials: who is named, in which post, and which role changes an entry claims."""
