"""The alert queue's parser: what a message's body says, in the words of `bot.signals`. No network, no clock."""

from bot.alarms.envelope import parse

__all__ = ["parse"]
