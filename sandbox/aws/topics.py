"""SNS messages that cost next to nothing.

moto makes a certificate and an RSA signature for every delivery. Nobody can fetch that certificate here, so the
signature only has the right shape; verifying it cannot be tried on this server.
"""

import base64
import hashlib
from typing import Any

from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.sns.models import Subscription

CERTIFICATE = "SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem"


def get_post_data(
    subscription: Subscription,
    message: str,
    message_id: str,
    subject: str | None,
    message_attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    topic = subscription.topic
    host = f"https://sns.{topic.sns_backend.region_name}.amazonaws.com"
    shape = b"".join(hashlib.sha512(f"{n}{message_id}".encode()).digest() for n in range(4))
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic.arn,
        **({"Subject": subject} if subject else {}),
        "Message": message,
        "Timestamp": iso_8601_datetime_with_milliseconds(),
        "SignatureVersion": "1",
        "Signature": base64.b64encode(shape).decode(),
        "SigningCertURL": f"{host}/{CERTIFICATE}",
        "UnsubscribeURL": f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
        **({"MessageAttributes": message_attributes} if message_attributes else {}),
    }


def install() -> None:
    setattr(Subscription, get_post_data.__name__, get_post_data)
