"""The least that shows alarms in Slack: receive, post, delete. `python -m benchmarks.peers.alarms`"""

from __future__ import annotations

import json
import os

import boto3
from slack_sdk import WebClient

WAIT_SECONDS = 5
BATCH = 10


def main() -> None:
    slack = WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
    sqs, url = boto3.client("sqs"), os.environ["ALERT_QUEUE_URL"]
    print("ready", flush=True)
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=WAIT_SECONDS)
        for message in answer.get("Messages", []):
            said = json.loads(json.loads(message["Body"])["Message"])
            text = f"{said['AlarmName']}: {said['NewStateReason']}"
            section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
            slack.chat_postMessage(channel=os.environ["CHANNEL"], text=text, blocks=[section])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    main()
