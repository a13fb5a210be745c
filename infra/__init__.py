"""The bot's AWS: a CloudFormation template and what makes it. Never imported by the bot."""
