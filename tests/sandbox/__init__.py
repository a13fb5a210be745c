"""Is the sandbox faithful to Slack?"""
