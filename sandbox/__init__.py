"""A Slack workspace on this machine: the world of `make demo` and of the tests. The bot never imports it."""
