"""What the bot is measured against. Each answers everything alike: acknowledge, then one chat.postMessage."""
