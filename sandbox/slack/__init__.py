"""A Slack-compatible server: Web API, Socket Mode, and the people on the other side of the screen."""
