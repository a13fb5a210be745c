"""One Web API call as a method sees it, and the checks that most methods share."""

from dataclasses import dataclass

from sandbox.slack.args import Args
from sandbox.slack.errors import SlackError
from sandbox.slack.state import Slack
from sandbox.slack.workspace import BOT_USER, Channel, Json, Workspace


@dataclass(slots=True)
class Call:
    slack: Slack
    args: Args
    base_url: str

    @property
    def workspace(self) -> Workspace:
        return self.slack.workspace

    def channel(self, argument: str = "channel") -> Channel:
        """The channel named by its id, if the bot may know of it."""
        channel = self.workspace.channel(self.args.need(argument))
        if (channel.is_private or channel.is_im) and BOT_USER not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def joined_channel(self, argument: str = "channel") -> Channel:
        channel = self.channel(argument)
        if BOT_USER not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def open_channel(self, argument: str = "channel") -> Channel:
        """A channel the bot is in and that is not archived."""
        channel = self.joined_channel(argument)
        if channel.is_archived:
            raise SlackError("is_archived")
        return channel

    def message(self, channel: Channel, argument: str = "ts") -> Json:
        message = channel.messages.get(self.args.need(argument))
        if message is None:
            raise SlackError("message_not_found")
        return message

    def need_scope(self, *scopes: str) -> None:
        """At least one of these."""
        if not self.slack.scopes.intersection(scopes):
            provided = ",".join(sorted(self.slack.scopes))
            raise SlackError("missing_scope", needed=",".join(scopes), provided=provided)
