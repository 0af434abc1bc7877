"""Subscriptions and routing on the log: who is told what, in topics that outlive the process."""
