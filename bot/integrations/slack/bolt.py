"""The Bolt app, which asks Slack nothing on the way of a request."""

from __future__ import annotations

import logging

from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.integrations.slack.api import Identity, SlackApi


def bolt(api: SlackApi, identity: Identity) -> App:
    """Identity is known already, so Bolt asks Slack nothing on the way of a request."""
    known = AuthorizeResult(
        enterprise_id=None,
        team_id=identity.team_id,
        bot_user_id=identity.user_id,
        bot_id=identity.bot_id,
        bot_token=api.client.token,
    )

    def authorize() -> AuthorizeResult:
        return known

    return App(
        client=WebClient(base_url=api.client.base_url),
        authorize=authorize,
        process_before_response=True,
        logger=logging.getLogger("slack_bolt"),
    )
