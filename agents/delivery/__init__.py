"""Delivery: what is sent when, to which endpoint, and what its answers mean. No I/O; see streams.delivery."""
