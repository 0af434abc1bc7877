"""Routing: which subscription is told what, when, and why not."""
