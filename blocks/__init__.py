"""Slack out: pure functions from models to Block Kit. No clock, no network, no store."""
