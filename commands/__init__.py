"""Slack in: subcommands, buttons, modals, shortcuts and mentions. Parse, one use case, answer."""
