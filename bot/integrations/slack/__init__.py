"""Slack, or any server that speaks its Web API and Socket Mode.

api.py     one call: typed errors, what a failure may have done
chat.py    delivers what is owed (the Chat port)
people.py  who somebody is (the Directory port)
replies.py answers to the person who just clicked or typed
socket.py  the Socket Mode connection, with its watchdog
"""
