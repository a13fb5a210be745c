"""SNS topics with e-mail subscribers: the Mailer port."""

from __future__ import annotations

import unicodedata

from bot.errors import CloudError
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: the subject is ASCII, begins with a letter, number or
# punctuation mark, has no line breaks or control characters and less than 100 characters; 256 KB go in one message.
MAX_SUBJECT = 99
MAX_BYTES = 262_144
CUT = "\n… (cut: SNS takes 256 KB)"
_ASCII = str.maketrans(
    {"–": "-", "—": "-", "·": "-", "→": "->", "≥": ">=", "≤": "<=", "×": "x", "“": '"', "”": '"', "‘": "'", "’": "'"}
)


class SnsMailer:
    """Publishes to topics, each in the region that its ARN names. Raises CloudError.

    A call is made once: people would read a second mail where only the answer was lost.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def publish(self, topic: str, subject: str, text: str) -> None:
        """Send `text` to everybody who subscribed to `topic`, an ARN; both texts are cut to what SNS takes."""
        region = arn_field(topic, 3)
        if not region or arn_field(topic, 2) != "sns":
            raise CloudError("invalid_topic", detail=f"“{topic[:100]}” is not the ARN of an SNS topic")
        title = ascii_subject(subject)
        fields = {"TopicArn": topic, "Message": _fitting(text) or title or "-"}  # SNS refuses an empty one
        if title:
            fields["Subject"] = title
        with cloud_errors("sns:Publish", topic):
            self._clients.get("sns", region=region, attempts=1).publish(**fields)


def ascii_subject(text: str) -> str:
    """The text as SNS allows it in a subject: accents are dropped, what has no ASCII is left out."""
    plain = unicodedata.normalize("NFKD", text.translate(_ASCII)).encode("ascii", "ignore").decode()
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in plain).split())
    return words if len(words) <= MAX_SUBJECT else words[: MAX_SUBJECT - 3].rstrip() + "..."


def _fitting(text: str) -> str:
    body = text.encode("utf-8", "replace")
    if len(body) > MAX_BYTES:
        body = body[: MAX_BYTES - len(CUT.encode())]
        return body.decode("utf-8", "ignore") + CUT
    return body.decode()
