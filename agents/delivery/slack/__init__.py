"""What the Slack channel is made of: words made harmless, blocks, what is kept of a thread, the Web API."""
