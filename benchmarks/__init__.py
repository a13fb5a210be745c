"""Latency, bursts, start, memory and recovery of the bot, next to bare Bolt apps and a raw socket; see README.md."""
