"""AWS, through boto3. Importing this package loads boto3 (8 MiB): `bot.integrations.nothing` does without.

clients.py  the clients, made once from one session, and what their failures mean
queue.py    the alert queue in SQS (the Inbox port)
bus.py      the EventBridge bus for the bot's own events (the EventBus port)
topics.py   SNS topics with e-mail subscribers (the Mailer port)
alarms.py   tags and live states from CloudWatch (the Alarms port)
"""
