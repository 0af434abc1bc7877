"""What the world can ask over HTTP. So far: the buttons of Slack."""
